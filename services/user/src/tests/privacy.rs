//! Who sees and changes whom.

use contracts::user::{
    Address, CreateAddressRequest, DeleteUserRequest, GetAddressRequest, GetUserRequest,
    ListAddressesRequest, Role as UserRole, UpdateUserRequest, User, user_service_client::UserServiceClient,
};
use kit::{
    Call, Fault, Role,
    id::{Id, UserId},
};
use tonic::Code;

use super::{House, by, id_of, outcome};

fn renamed(id: &str) -> UpdateUserRequest {
    let user = User { id: id.to_owned(), first_name: "X".to_owned(), ..User::default() };
    UpdateUserRequest { user: Some(user), update_mask: None }
}

#[tokio::test]
async fn a_foreign_user_looks_exactly_like_a_missing_one() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let other = replica.register("bia").await;
    let tokens = replica.sign_in("ana").await;
    let missing = UserId::new().to_string();
    let mut answers = Vec::new();
    for id in [other.id, missing] {
        let get = outcome(replica.users().get_user(by(&tokens, GetUserRequest { id: id.clone() })).await)
            .unwrap_err();
        let update = outcome(replica.users().update_user(by(&tokens, renamed(&id))).await).unwrap_err();
        let delete = DeleteUserRequest { id: id.clone(), ..Default::default() };
        let delete = outcome(replica.users().delete_user(by(&tokens, delete)).await).unwrap_err();
        let list = ListAddressesRequest { user_id: id, ..Default::default() };
        let list = outcome(replica.users().list_addresses(by(&tokens, list)).await).unwrap_err();
        answers.push([get, update, delete, list].map(|fault: Fault| (fault.code, fault.message)));
    }
    assert!(answers[0].iter().all(|(code, _)| *code == Code::NotFound));
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn staff_change_customers_and_administrators_everybody() {
    let replica = House::new().await.replica().await;
    let customer = replica.register("ana").await;
    let staff = replica.colleague("bia", &[UserRole::Customer, UserRole::Staff]).await;
    let colleague = replica.colleague("eva", &[UserRole::Staff]).await;
    let admin = replica.sign_in("admin").await;
    outcome(replica.users().update_user(by(&staff, renamed(&customer.id))).await).unwrap();
    outcome(replica.users().update_user(by(&staff, renamed("me"))).await).unwrap();
    for other in [&colleague, &admin] {
        let fault =
            outcome(replica.users().update_user(by(&staff, renamed(&id_of(other)))).await).unwrap_err();
        assert_eq!(fault.code, Code::PermissionDenied);
        outcome(replica.users().get_user(by(&staff, GetUserRequest { id: id_of(other) })).await).unwrap();
    }
    outcome(replica.users().update_user(by(&admin, renamed(&id_of(&staff)))).await).unwrap();
}

#[tokio::test]
async fn staff_find_nothing_of_a_user_who_is_not_there() {
    let replica = House::new().await.replica().await;
    let admin = replica.sign_in("admin").await;
    let user_id = UserId::new().to_string();
    let list = ListAddressesRequest { user_id: user_id.clone(), ..Default::default() };
    assert_eq!(
        outcome(replica.users().list_addresses(by(&admin, list)).await).unwrap_err().code,
        Code::NotFound
    );
    let address = Address {
        recipient: "A".to_owned(),
        lines: vec!["1".to_owned()],
        city: "B".to_owned(),
        country_code: "PT".to_owned(),
        ..Address::default()
    };
    let create = CreateAddressRequest { user_id, address: Some(address.clone()) };
    assert_eq!(
        outcome(replica.users().create_address(by(&admin, create)).await).unwrap_err().code,
        Code::NotFound
    );
    // Somebody else's address under one's own id is not there either.
    let create = CreateAddressRequest { user_id: "me".to_owned(), address: Some(address) };
    let made = outcome(replica.users().create_address(by(&admin, create)).await).unwrap();
    replica.register("ana").await;
    let tokens = replica.sign_in("ana").await;
    let get = GetAddressRequest { user_id: "me".to_owned(), id: made.id };
    assert_eq!(
        outcome(replica.users().get_address(by(&tokens, get)).await).unwrap_err().code,
        Code::NotFound
    );
}

#[tokio::test]
async fn a_stranger_is_asked_to_sign_in() {
    let replica = House::new().await.replica().await;
    let get = replica.users().get_user(GetUserRequest { id: "me".to_owned() }).await;
    assert_eq!(outcome(get).unwrap_err().code, Code::Unauthenticated);
}

#[tokio::test]
async fn the_other_services_read_users_and_addresses_and_change_nothing() {
    let replica = House::new().await.replica().await;
    let user = replica.register("ana").await;
    let tokens = replica.sign_in("ana").await;
    let address = Address {
        recipient: "A".to_owned(),
        lines: vec!["1".to_owned()],
        city: "B".to_owned(),
        country_code: "PT".to_owned(),
        ..Address::default()
    };
    let create = CreateAddressRequest { user_id: "me".to_owned(), address: Some(address) };
    let made = outcome(replica.users().create_address(by(&tokens, create)).await).unwrap();
    let mut order = UserServiceClient::new(replica.mesh.conn(Role::Order, Role::User));
    let call = Call::of_service(Role::Order, "a test");
    let get = call.request(GetUserRequest { id: user.id.clone() });
    assert_eq!(outcome(order.get_user(get).await).unwrap(), user);
    let get = call.request(GetAddressRequest { user_id: user.id.clone(), id: made.id.clone() });
    assert_eq!(outcome(order.get_address(get).await).unwrap(), made);
    let nobody =
        outcome(order.get_user(call.request(GetUserRequest { id: "me".to_owned() })).await).unwrap_err();
    assert_eq!(nobody.code, Code::InvalidArgument);
    let denied = outcome(order.update_user(call.request(renamed(&user.id))).await).unwrap_err();
    assert_eq!(denied.code, Code::PermissionDenied);
}
