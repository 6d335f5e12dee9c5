//! Address books.

use contracts::user::{
    Address, CreateAddressRequest, DeleteAddressRequest, GetAddressRequest, ListAddressesRequest, Tokens,
    UpdateAddressRequest,
};
use kit::Fault;
use tonic::Code;

use super::{House, Replica, by, keyed, outcome};

fn address(city: &str) -> Address {
    Address {
        recipient: "Ana".to_owned(),
        lines: vec!["Rua Augusta 1".to_owned()],
        city: city.to_owned(),
        country_code: "PT".to_owned(),
        ..Address::default()
    }
}

fn creation(address: Address) -> CreateAddressRequest {
    CreateAddressRequest { user_id: "me".to_owned(), address: Some(address) }
}

async fn create(replica: &Replica, tokens: &Tokens, address: Address) -> Result<Address, Fault> {
    outcome(replica.users().create_address(by(tokens, creation(address))).await)
}

#[tokio::test]
async fn an_address_is_made_read_changed_and_removed() {
    let replica = House::new().await.replica().await;
    let user = replica.register("ana").await;
    let tokens = replica.sign_in("ana").await;
    let made = create(&replica, &tokens, address("Lisboa")).await.unwrap();
    assert_eq!((made.user_id.as_str(), made.etag.as_str()), (user.id.as_str(), "1"));
    let read = GetAddressRequest { user_id: "me".to_owned(), id: made.id.clone() };
    assert_eq!(outcome(replica.users().get_address(by(&tokens, read.clone())).await).unwrap(), made);
    let change = |address: Address| UpdateAddressRequest {
        address: Some(Address { id: made.id.clone(), user_id: "me".to_owned(), ..address }),
        update_mask: None,
    };
    let newer = Address { city: "Porto".to_owned(), etag: "1".to_owned(), ..Address::default() };
    let changed = outcome(replica.users().update_address(by(&tokens, change(newer.clone()))).await).unwrap();
    assert_eq!(
        (changed.city.as_str(), changed.recipient.as_str(), changed.etag.as_str()),
        ("Porto", "Ana", "2")
    );
    let stale = outcome(replica.users().update_address(by(&tokens, change(newer))).await).unwrap_err();
    assert_eq!(stale.reason.as_str(), "ETAG_MISMATCH");
    let blank = Address { city: "  ".to_owned(), ..Address::default() };
    let fault = outcome(replica.users().update_address(by(&tokens, change(blank))).await).unwrap_err();
    assert_eq!(fault.fields[0].0, "address.city");
    let removal = |etag: &str| DeleteAddressRequest {
        user_id: "me".to_owned(),
        id: made.id.clone(),
        etag: etag.to_owned(),
    };
    assert_eq!(
        outcome(replica.users().delete_address(by(&tokens, removal("1"))).await).unwrap_err().reason.as_str(),
        "ETAG_MISMATCH"
    );
    replica.users().delete_address(by(&tokens, removal("2"))).await.unwrap();
    assert_eq!(
        outcome(replica.users().get_address(by(&tokens, read)).await).unwrap_err().code,
        Code::NotFound
    );
}

#[tokio::test]
async fn the_oldest_come_first_page_by_page() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let tokens = replica.sign_in("ana").await;
    for city in ["A", "B", "C", "D", "E"] {
        create(&replica, &tokens, address(city)).await.unwrap();
    }
    let mut request = ListAddressesRequest { user_id: "me".to_owned(), page_size: 2, ..Default::default() };
    let mut cities = String::new();
    for _ in 0..3 {
        let page = outcome(replica.users().list_addresses(by(&tokens, request.clone())).await).unwrap();
        cities.extend(page.addresses.iter().map(|address| address.city.as_str()));
        request.page_token = page.next_page_token;
    }
    assert_eq!((cities.as_str(), request.page_token.as_str()), ("ABCDE", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_book_ends_at_50_however_many_come_at_once() {
    let house = House::new().await;
    let replicas = [house.replica().await, house.replica().await, house.replica().await];
    let replica = &replicas[0];
    replica.register("ana").await;
    let tokens = replica.sign_in("ana").await;
    for _ in 0..45 {
        create(replica, &tokens, address("A")).await.unwrap();
    }
    let tries: Vec<_> = (0..16)
        .map(|place| {
            let (replica, tokens) = (replicas[place % 3].clone(), tokens.clone());
            tokio::spawn(async move { create(&replica, &tokens, address("B")).await })
        })
        .collect();
    let mut made = 0;
    for one in tries {
        match one.await.unwrap() {
            Ok(_) => made += 1,
            Err(fault) => {
                assert_eq!((fault.code, fault.reason.as_str()), (Code::FailedPrecondition, "LIMIT_EXCEEDED"))
            }
        }
    }
    assert_eq!(made, 5);
}

#[tokio::test]
async fn a_repeated_creation_makes_one_address_and_a_contradiction_none() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let other = replica.register("bia").await;
    let tokens = replica.sign_in("ana").await;
    let request = || keyed("k", by(&tokens, creation(address("A"))));
    let first = outcome(replica.users().create_address(request()).await).unwrap();
    assert_eq!(outcome(replica.users().create_address(request()).await).unwrap(), first);
    let reused =
        outcome(replica.users().create_address(keyed("k", by(&tokens, creation(address("B"))))).await);
    assert_eq!(reused.unwrap_err().reason.as_str(), "IDEMPOTENCY_KEY_REUSED");
    let contradiction =
        create(&replica, &tokens, Address { user_id: other.id, ..address("A") }).await.unwrap_err();
    assert_eq!(contradiction.fields[0].0, "address.user_id");
}
