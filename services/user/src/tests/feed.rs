//! What followers are told of users and their address books.

use contracts::user::{
    Address, AddressChange, AddressChanged, CreateAddressRequest, CreateRoleRequest, DeleteAddressRequest,
    DeleteRoleRequest, DeleteUserRequest, DisableUserRequest, EnableUserRequest, Role, SetRolesRequest,
    StaffRole, UpdateAddressRequest, UpdateUserRequest, User, UserChange, UserChanged, UserErased,
};
use prost::{Message, Name};

use super::*;

/// What was told of users since so many events, with the id of what it was.
async fn told(replica: &Replica, since: usize) -> Vec<(String, String)> {
    use kit::outbox::event;
    use sea_orm::{EntityTrait, QueryOrder};
    let rows = event::Entity::find().order_by_asc(event::Column::Id).all(replica.db.read()).await.unwrap();
    let read = |row: event::Model| {
        let data = row.data.as_slice();
        let (name, id, user) = if row.kind == UserChanged::full_name() {
            let changed = UserChanged::decode(data).unwrap();
            (changed.change().as_str_name().to_owned(), changed.user_id.clone(), changed.user_id)
        } else if row.kind == AddressChanged::full_name() {
            let changed = AddressChanged::decode(data).unwrap();
            (changed.change().as_str_name().to_owned(), changed.address_id, changed.user_id)
        } else if row.kind == UserErased::full_name() {
            let erased = UserErased::decode(data).unwrap();
            ("USER_ERASED".to_owned(), erased.user_id.clone(), erased.user_id)
        } else {
            return None;
        };
        assert_eq!(row.aggregate_id, user, "the order that is kept is that of one user");
        Some((name, id))
    };
    rows.into_iter().filter_map(read).skip(since).collect()
}

fn of_user(change: UserChange, id: &str) -> (String, String) {
    (change.as_str_name().to_owned(), id.to_owned())
}

fn of_address(change: AddressChange, id: &str) -> (String, String) {
    (change.as_str_name().to_owned(), id.to_owned())
}

#[tokio::test]
async fn every_change_of_a_user_is_told_and_nothing_else() {
    let replica = House::new().await.replica().await;
    let since = told(&replica, 0).await.len();
    let ana = replica.register("ana").await;
    let (mine, admin) = (replica.sign_in("ana").await, replica.sign_in("admin").await);
    let named = User { id: "me".into(), first_name: "Ana".into(), ..User::default() };
    let update = |user: User| UpdateUserRequest { user: Some(user), update_mask: None };
    replica.users().update_user(by(&mine, update(named.clone()))).await.unwrap();
    let stale = User { etag: "1".into(), ..named };
    replica.users().update_user(by(&mine, update(stale))).await.unwrap_err();
    replica.users().disable_user(by(&admin, DisableUserRequest { id: ana.id.clone() })).await.unwrap();
    for _ in 0..2 {
        replica.users().enable_user(by(&admin, EnableUserRequest { id: ana.id.clone() })).await.unwrap();
    }
    let role =
        StaffRole { name: "packers".into(), permissions: vec!["fulfilment".into()], ..Default::default() };
    let role = replica.users().create_role(by(&admin, CreateRoleRequest { role: Some(role) })).await;
    let role_id = role.unwrap().into_inner().id;
    let roles = vec![Role::Customer.into()];
    let request = SetRolesRequest { id: ana.id.clone(), roles, role_ids: vec![role_id.clone()] };
    replica.users().set_roles(by(&admin, request)).await.unwrap();
    let request = DeleteRoleRequest { id: role_id, etag: String::new() };
    replica.users().delete_role(by(&admin, request)).await.unwrap();
    let mine = replica.sign_in("ana").await;
    let request = DeleteUserRequest { id: "me".into(), etag: String::new() };
    replica.users().delete_user(by(&mine, request)).await.unwrap();
    use UserChange::*;
    let mut expected: Vec<_> =
        [Created, Updated, Disabled, Enabled, Updated, Updated].map(|change| of_user(change, &ana.id)).into();
    expected.push(("USER_ERASED".to_owned(), ana.id));
    assert_eq!(told(&replica, since).await, expected);
}

#[tokio::test]
async fn every_change_of_an_address_book_is_told() {
    let replica = House::new().await.replica().await;
    let ana = replica.register("ana").await;
    let mine = replica.sign_in("ana").await;
    let since = told(&replica, 0).await.len();
    let address = Address {
        recipient: "Ana".into(),
        lines: vec!["Rua do Ouro 1".into()],
        postal_code: "1100-060".into(),
        city: "Lisboa".into(),
        country_code: "PT".into(),
        ..Default::default()
    };
    let request = CreateAddressRequest { user_id: "me".into(), address: Some(address) };
    let made = replica.users().create_address(by(&mine, request)).await.unwrap().into_inner();
    let moved =
        Address { id: made.id.clone(), user_id: ana.id.clone(), city: "Porto".into(), ..Default::default() };
    let request = UpdateAddressRequest { address: Some(moved), update_mask: None };
    replica.users().update_address(by(&mine, request)).await.unwrap();
    let request = DeleteAddressRequest { user_id: "me".into(), id: made.id.clone(), etag: String::new() };
    replica.users().delete_address(by(&mine, request)).await.unwrap();
    use AddressChange::*;
    assert_eq!(
        told(&replica, since).await,
        [Created, Updated, Deleted].map(|change| of_address(change, &made.id))
    );
}
