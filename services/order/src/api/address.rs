//! Where an order goes: a copy of an address.

use contracts::user::Address;
use kit::{Call, Fault, id::UserId};
use prost::Message;
use tonic::Code;

use crate::{checkout::CALL, orders::Orders};

/// The copy of an address that is in no address book, if somebody could deliver to it.
pub(super) fn given(address: &Address) -> Result<Vec<u8>, Fault> {
    kit::postal::check(address)
        .map_err(|bad| Fault::invalid(format!("address.{}", bad.field), bad.problem))?;
    Ok(copy_of(address))
}

/// The copy of an address in a user's address book.
pub(super) async fn of_book(orders: &Orders, call: &Call, user: UserId, id: &str) -> Result<Vec<u8>, Fault> {
    let address = orders.remote.address(&call.within(CALL), user, id).await;
    address.map(|address| copy_of(&address)).map_err(|fault| match fault.code {
        Code::NotFound => Fault::not_found("address"),
        _ => fault,
    })
}

/// An order keeps its own copy of an address, without what belongs to the address book.
fn copy_of(address: &Address) -> Vec<u8> {
    Address { id: String::new(), user_id: String::new(), etag: String::new(), ..address.clone() }
        .encode_to_vec()
}
