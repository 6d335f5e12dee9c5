//! Registering, reading, changing and erasing users.

use std::collections::HashSet;

use contracts::user::{
    Address, CheckUsernameRequest, CreateUserRequest, DeleteUserRequest, GetUserRequest,
    ListAddressesRequest, ListUsersRequest, Role, UpdateUserRequest, User,
};
use prost_types::FieldMask;
use sea_orm::ConnectionTrait as _;
use tonic::{Code, Request};

use crate::Migrator;

use super::{House, Replica, by, events, keyed, keys_of, outcome, registration};

async fn create(replica: &Replica, request: CreateUserRequest) -> Result<User, kit::Fault> {
    outcome(replica.users().create_user(request).await)
}

fn me() -> GetUserRequest {
    GetUserRequest { id: "me".to_owned() }
}

#[tokio::test]
async fn a_user_registers_with_an_address_and_sees_herself() {
    let replica = House::new().await.replica().await;
    let address = Address {
        recipient: "Ana".to_owned(),
        lines: vec!["Rua Augusta 1".to_owned(), "3.º esq.".to_owned()],
        city: "Lisboa".to_owned(),
        country_code: "PT".to_owned(),
        ..Address::default()
    };
    let request = CreateUserRequest {
        address: Some(address.clone()),
        first_name: "Ana".to_owned(),
        ..registration("Ana.S")
    };
    let user = create(&replica, request).await.unwrap();
    assert_eq!(
        (user.username.as_str(), user.etag.as_str(), user.roles.as_slice()),
        ("Ana.S", "1", &[Role::Customer as i32][..])
    );
    let tokens = replica.sign_in("ana.s").await;
    assert_eq!(replica.users().get_user(by(&tokens, me())).await.unwrap().into_inner(), user);
    let request = ListAddressesRequest { user_id: "me".to_owned(), ..Default::default() };
    let addresses =
        replica.users().list_addresses(by(&tokens, request)).await.unwrap().into_inner().addresses;
    assert_eq!((addresses.len(), addresses[0].lines.len(), addresses[0].user_id == user.id), (1, 2, true));
}

#[tokio::test]
async fn usernames_and_emails_are_unique_without_regard_to_case() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let username =
        create(&replica, CreateUserRequest { email: "x@example.com".to_owned(), ..registration("ANA") })
            .await;
    let fault = username.unwrap_err();
    assert_eq!((fault.code, fault.value("field")), (Code::AlreadyExists, Some("username")));
    let email =
        create(&replica, CreateUserRequest { email: "Ana@Example.COM".to_owned(), ..registration("bia") })
            .await;
    assert_eq!(email.unwrap_err().value("field"), Some("email"));
}

#[tokio::test]
async fn bad_fields_are_named() {
    let replica = House::new().await.replica().await;
    let nowhere = Address {
        country_code: "XX".to_owned(),
        recipient: "A".to_owned(),
        lines: vec!["1".to_owned()],
        city: "B".to_owned(),
        ..Default::default()
    };
    for (field, bad) in [
        ("username", registration("12345")),
        ("username", registration("ab")),
        ("email", CreateUserRequest { email: "nothing".to_owned(), ..registration("ana") }),
        ("password", CreateUserRequest { password: "short".to_owned(), ..registration("ana") }),
        ("address.country_code", CreateUserRequest { address: Some(nowhere), ..registration("ana") }),
    ] {
        let fault = create(&replica, bad).await.unwrap_err();
        assert_eq!((fault.code, fault.fields[0].0.as_str()), (Code::InvalidArgument, field));
    }
}

#[tokio::test]
async fn a_repeated_registration_gets_the_same_user() {
    let replica = House::new().await.replica().await;
    let request = || keyed("k", Request::new(registration("ana")));
    let first = replica.users().create_user(request()).await.unwrap();
    let second = replica.users().create_user(request()).await.unwrap();
    assert_eq!(first.get_ref(), second.get_ref());
    assert_eq!(second.metadata().get("idempotency-replayed").unwrap(), "true");
    // Nobody has an identity yet: another request with the same key is somebody else's.
    replica.users().create_user(keyed("k", Request::new(registration("bia")))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_want_one_username_one_gets_it() {
    let replica = House::new().await.replica().await;
    let tries = (0..16).map(|place| {
        let replica = replica.clone();
        let request = CreateUserRequest { email: format!("{place}@example.com"), ..registration("ana") };
        tokio::spawn(async move { create(&replica, request).await })
    });
    let mut made = 0;
    for one in tries.collect::<Vec<_>>() {
        match one.await.unwrap() {
            Ok(_) => made += 1,
            Err(fault) => assert_eq!(fault.value("field"), Some("username")),
        }
    }
    assert_eq!(made, 1);
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_refuses_a_stale_etag() {
    let replica = House::new().await.replica().await;
    let user = replica.register("ana").await;
    let tokens = replica.sign_in("ana").await;
    let update = |user: User, paths: &[&str]| {
        let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
        let update_mask = (!paths.is_empty()).then_some(FieldMask { paths });
        by(&tokens, UpdateUserRequest { user: Some(user), update_mask })
    };
    let id = || "me".to_owned();
    let named =
        User { id: id(), first_name: "Ana".to_owned(), disabled: true, roles: vec![3], ..User::default() };
    let changed = outcome(replica.users().update_user(update(named, &[])).await).unwrap();
    assert_eq!((changed.first_name.as_str(), changed.etag.as_str(), changed.disabled), ("Ana", "2", false));
    assert_eq!((changed.roles, changed.username), (user.roles, user.username));
    let stale = User { id: id(), last_name: "S".to_owned(), etag: "1".to_owned(), ..User::default() };
    let fault =
        outcome(replica.users().update_user(update(stale.clone(), &["last_name"])).await).unwrap_err();
    assert_eq!((fault.code, fault.reason.as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    let fresh = User { etag: "2".to_owned(), ..stale };
    let changed =
        outcome(replica.users().update_user(update(fresh, &["last_name", "first_name"])).await).unwrap();
    assert_eq!(
        (changed.first_name.as_str(), changed.last_name.as_str(), changed.etag.as_str()),
        ("", "S", "3")
    );
    replica.register("bia").await;
    let taken = User { id: id(), email: "BIA@example.com".to_owned(), ..User::default() };
    let fault = outcome(replica.users().update_user(update(taken, &[])).await).unwrap_err();
    assert_eq!(fault.value("field"), Some("email"));
    let number = User { id: id(), username: "123".to_owned(), ..User::default() };
    let fault = outcome(replica.users().update_user(update(number, &[])).await).unwrap_err();
    assert_eq!(fault.fields[0].0, "user.username");
}

#[tokio::test]
async fn an_erased_user_is_gone_at_once_and_her_name_is_free() {
    let replica = House::new().await.replica().await;
    let user = replica.register("ana").await;
    let tokens = replica.sign_in("ana").await;
    let request = || DeleteUserRequest { id: "me".to_owned(), etag: "1".to_owned() };
    let stale = DeleteUserRequest { etag: "9".to_owned(), ..request() };
    assert_eq!(
        outcome(replica.users().delete_user(by(&tokens, stale)).await).unwrap_err().reason.as_str(),
        "ETAG_MISMATCH"
    );
    replica.users().delete_user(by(&tokens, request())).await.unwrap();
    assert_eq!(
        outcome(replica.users().get_user(by(&tokens, me())).await).unwrap_err().code,
        Code::Unauthenticated
    );
    let admin = replica.sign_in("admin").await;
    let gone = replica.users().get_user(by(&admin, GetUserRequest { id: user.id.clone() })).await;
    assert_eq!(outcome(gone).unwrap_err().code, Code::NotFound);
    assert_eq!(
        events(&replica.db).await,
        ["KeysChanged", "UserChanged", "UserChanged", "AccessRevoked", "UserErased"]
    );
    assert_ne!(replica.register("ana").await.id, user.id);
}

#[tokio::test]
async fn the_list_is_filtered_and_paged() {
    let replica = House::new().await.replica().await;
    let admin = replica.sign_in("admin").await;
    for place in 0..7 {
        replica.register(&format!("User_{place}")).await;
    }
    let named = CreateUserRequest { last_name: "Ünal".to_owned(), ..registration("bia") };
    let named = create(&replica, named).await.unwrap();
    replica.disable(&named).await;
    let list =
        async |request: ListUsersRequest| outcome(replica.users().list_users(by(&admin, request)).await);
    let names = |users: Vec<User>| users.into_iter().map(|user| user.username).collect::<Vec<_>>();
    let mut request = ListUsersRequest { query: "uSer_".to_owned(), page_size: 3, ..Default::default() };
    let mut seen = Vec::new();
    loop {
        let page = list(request.clone()).await.unwrap();
        seen.extend(names(page.users));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["User_6", "User_5", "User_4", "User_3", "User_2", "User_1", "User_0"]);
    for (request, expected) in [
        (ListUsersRequest { query: "ün".to_owned(), ..Default::default() }, &["bia"][..]),
        (ListUsersRequest { query: "bia@EX".to_owned(), ..Default::default() }, &["bia"]),
        (ListUsersRequest { query: "%".to_owned(), ..Default::default() }, &[]),
        (ListUsersRequest { role: Some(Role::Admin as i32), ..Default::default() }, &["admin"]),
        (ListUsersRequest { disabled: Some(true), ..Default::default() }, &["bia"]),
    ] {
        assert_eq!(names(list(request).await.unwrap().users), expected);
    }
    let everybody =
        names(list(ListUsersRequest { disabled: Some(false), ..Default::default() }).await.unwrap().users);
    assert_eq!(everybody.iter().collect::<HashSet<_>>().len(), 8);
    assert_eq!(
        list(ListUsersRequest { page_token: "x".to_owned(), ..Default::default() }).await.unwrap_err().fields
            [0]
        .0,
        "page_token"
    );
}

#[tokio::test]
async fn a_username_can_be_checked_and_the_checks_be_limited() {
    let house = House::new().await;
    let options = crate::Options { username_checks_per_second: 1, ..House::options() };
    let replica = house.replica_with(&options, keys_of(7)).await.unwrap();
    let check = async |username: &str| {
        let request = CheckUsernameRequest { username: username.to_owned() };
        outcome(replica.users().check_username(request).await).map(|answer| answer.available)
    };
    assert!(!check("ADMIN").await.unwrap());
    assert!(check("ana").await.unwrap());
    assert_eq!(check("1234").await.unwrap_err().fields[0].0, "username");
    for _ in 0..3 {
        check("ana").await.unwrap();
    }
    let fault = check("ana").await.unwrap_err();
    assert_eq!(fault.reason.as_str(), "RATE_LIMITED");
    assert!(fault.retry_after.is_some());
}

#[tokio::test]
async fn names_from_before_are_found_as_one() {
    let replica = House::new().await.replica().await;
    let request =
        CreateUserRequest { first_name: "철수".into(), last_name: "김".into(), ..registration("chul") };
    let user = create(&replica, request).await.unwrap();
    let staff = replica.colleague("staff", &[Role::Staff]).await;
    let found = async || {
        let request = ListUsersRequest { query: "김철수".into(), ..Default::default() };
        let users = outcome(replica.users().list_users(by(&staff, request)).await).unwrap().users;
        users.into_iter().map(|user| user.id).collect::<Vec<_>>()
    };
    assert_eq!(found().await, [user.id.as_str()]);
    // As they were indexed, and as they are once the step is done.
    let db = replica.db.read();
    for statement in [
        "DELETE FROM user_words WHERE word IN ('김철', '수김')",
        "DELETE FROM seaql_migrations WHERE version = 'm000007_names'",
    ] {
        db.execute_unprepared(statement).await.unwrap();
    }
    assert_eq!(found().await, Vec::<String>::new());
    replica.db.migrate::<Migrator>().await.unwrap();
    assert_eq!(found().await, [user.id]);
}
