//! Address books.

use contracts::user::{
    Address, CreateAddressRequest, DeleteAddressRequest, GetAddressRequest, ListAddressesRequest,
    UpdateAddressRequest,
};

use crate::support::{Code, Refused, Setup, shop::address};

on_both_edges!(an_address_book_is_kept, a_full_address_book_says_which_limit_it_is_and_how_much);

/// Covers: user.addresses.
async fn an_address_book_is_kept(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let work = Address { recipient: "Analytical Engines".into(), ..address() };
    let work = ada
        .create_address(CreateAddressRequest { user_id: "me".into(), address: Some(work) })
        .await
        .unwrap()
        .body;
    assert_eq!(work.user_id, ada.user.id);
    let get = GetAddressRequest { user_id: ada.user.id.clone(), id: work.id.clone() };
    assert_eq!(ada.get_address(get.clone()).await.unwrap().body, work);
    let list = ListAddressesRequest { user_id: "me".into(), page_size: 1, ..Default::default() };
    let first = ada.list_addresses(list.clone()).await.unwrap().body;
    let second = ListAddressesRequest { page_token: first.next_page_token.clone(), ..list };
    let second = ada.list_addresses(second).await.unwrap().body;
    assert_eq!((second.addresses, second.next_page_token.as_str()), (vec![work.clone()], ""));

    let moved = Address {
        id: work.id.clone(),
        user_id: "me".into(),
        city: "Porto".into(),
        etag: work.etag.clone(),
        ..Default::default()
    };
    let request = UpdateAddressRequest { address: Some(moved), update_mask: None };
    let updated = ada.update_address(request.clone()).await.unwrap().body;
    assert_eq!((updated.city.as_str(), &updated.recipient), ("Porto", &work.recipient));
    ada.update_address(request).await.refused(Code::Aborted, "ETAG_MISMATCH");
    let delete = DeleteAddressRequest { user_id: "me".into(), id: work.id, etag: work.etag };
    ada.delete_address(delete.clone()).await.refused(Code::Aborted, "ETAG_MISMATCH");
    ada.delete_address(DeleteAddressRequest { etag: updated.etag, ..delete }).await.unwrap();
    ada.get_address(get).await.missing();
}

/// Covers: user.addresses.
async fn a_full_address_book_says_which_limit_it_is_and_how_much(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let another = || async {
        let request = CreateAddressRequest { user_id: "me".into(), address: Some(address()) };
        ada.create_address(request).await
    };
    let mut made = 0;
    let full = loop {
        match another().await {
            Ok(_) => made += 1,
            full => break full.refused(Code::FailedPrecondition, "LIMIT_EXCEEDED"),
        }
        assert!(made <= 50, "there is a limit");
    };
    assert_eq!((full.info("limit"), full.info("value")), ("addresses", "50"));
    another().await.refused(Code::FailedPrecondition, "LIMIT_EXCEEDED");
}
