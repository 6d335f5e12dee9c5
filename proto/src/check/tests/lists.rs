//! Lists that are too long are found in the bytes.

use prost::{Message, encoding::encode_varint};

use super::*;
use crate::{Check, order::ListOrdersRequest, user::CreateAddressRequest};

/// What is wrong with a request by its bytes, in the same words as [`wrong`].
fn by_bytes<T: Check>(bytes: &[u8]) -> Vec<String> {
    let bounds = T::bounds().expect("it has lists");
    let found = bounds.check(bytes).err().unwrap_or_default();
    found.iter().map(|violation| format!("{}: {}", violation.path, violation.description)).collect()
}

/// A field that has a length.
fn field(number: u64, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_varint(number << 3 | 2, &mut bytes);
    encode_varint(value.len() as u64, &mut bytes);
    bytes.extend_from_slice(value);
    bytes
}

#[test]
fn a_list_that_is_too_long_is_told_the_same_by_its_bytes_as_by_its_items() {
    for count in [0, 1, 50, 99, 100, 101, 102, 1_000] {
        let request = create_order(vec![line(1); count]);
        let told = by_bytes::<order::CreateOrderRequest>(&request.encode_to_vec());
        let expected = if count > 100 { wrong(&request) } else { Vec::new() };
        assert_eq!(told, expected, "{count}");
    }
}

#[test]
fn what_follows_the_first_item_too_many_is_not_looked_at() {
    let mut bytes = [0x0a_u8, 0].repeat(40_000);
    bytes.extend_from_slice(&[0xff; 20]);
    assert_eq!(by_bytes::<order::CreateOrderRequest>(&bytes), ["lines: must have at most 100 items"]);
    // The same of what another decoder would refuse for its form alone.
    assert!(order::CreateOrderRequest::decode(&bytes[..]).is_err());
}

#[test]
fn numbers_are_counted_however_they_are_packed() {
    let too_many = ["state: must have at most 16 items"];
    let padding = field(900, &[0; 2_000]);
    let packed = |numbers: usize| [field(3, &[1_u8].repeat(numbers)), padding.clone()].concat();
    assert_eq!(by_bytes::<ListOrdersRequest>(&packed(17)), too_many);
    assert!(by_bytes::<ListOrdersRequest>(&packed(16)).is_empty());
    // Of two bytes each.
    assert!(
        by_bytes::<ListOrdersRequest>(&[field(3, &[0x81_u8, 1].repeat(16)), padding.clone()].concat())
            .is_empty()
    );
    let one_by_one = |numbers: usize| [[0x18_u8, 1].repeat(numbers), padding.clone()].concat();
    assert_eq!(by_bytes::<ListOrdersRequest>(&one_by_one(17)), too_many);
    let both = [packed(10), one_by_one(7)].concat();
    assert_eq!(by_bytes::<ListOrdersRequest>(&both), too_many);
}

#[test]
fn a_message_that_comes_in_parts_has_all_their_items() {
    let address = user::Address { lines: vec![String::new(); 3], ..Default::default() };
    let number = CreateAddressRequest { address: Some(address.clone()), ..Default::default() };
    let number = u64::from(number.encode_to_vec()[0] >> 3);
    let part = [field(number, &address.encode_to_vec()), field(900, &[0; 2_000])].concat();
    assert!(by_bytes::<CreateAddressRequest>(&part).is_empty());
    let told = by_bytes::<CreateAddressRequest>(&part.repeat(2));
    assert_eq!(told, ["address.lines: must have at most 5 items"]);
    assert_eq!(CreateAddressRequest::decode(&part.repeat(2)[..]).unwrap().address.unwrap().lines.len(), 6);
}

#[test]
fn bytes_that_are_no_message_are_left_to_the_decoder() {
    for bytes in
        [vec![0xff; 2_000], field(1, &[0xff; 2_000]), [0x0a_u8, 0x7f].repeat(1_000), vec![0x0b; 2_000]]
    {
        let cut = &bytes[..bytes.len() - 1];
        for bytes in [&bytes[..], cut] {
            assert!(by_bytes::<order::CreateOrderRequest>(bytes).is_empty());
        }
    }
    // A group is skipped as a whole, whatever stands in it.
    let group = [vec![0x1b], [0x0a_u8, 0].repeat(2_000), vec![0x1c]].concat();
    assert!(by_bytes::<order::CreateOrderRequest>(&group).is_empty());
}
