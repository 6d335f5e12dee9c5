//! The first administrator and the last one.

use contracts::user::{
    DeleteUserRequest, DisableUserRequest, EnableUserRequest, GetUserRequest, ListUsersRequest, Role,
    SetRolesRequest,
};
use kit::SecretSource;
use tonic::Code;

use super::{House, by, events, id_of, keys_of, outcome};
use crate::{AdminPassword, Options};

fn roles(id: &str, roles: &[Role]) -> SetRolesRequest {
    let roles = roles.iter().map(|role| *role as i32).collect();
    SetRolesRequest { id: id.to_owned(), roles, role_ids: vec![] }
}

#[tokio::test]
async fn a_generated_password_is_shown_once_and_works() {
    let house = House::new().await;
    let options = Options { admin: AdminPassword::default(), ..House::options() };
    let first = house.replica_with(&options, keys_of(7)).await.unwrap();
    let password = first.generated.clone().unwrap();
    assert!(
        password.expose().len() >= 24 && password.expose().bytes().all(|byte| byte.is_ascii_alphanumeric())
    );
    let tokens = first.try_sign_in("admin", password.expose()).await.unwrap();
    assert_eq!(tokens.user.unwrap().roles, [Role::Staff as i32, Role::Admin as i32]);
    assert!(house.replica_with(&options, keys_of(7)).await.unwrap().generated.is_none());
}

#[tokio::test]
async fn a_password_from_a_file_is_its_first_line_and_a_bad_one_is_refused() {
    let house = House::new().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let options = Options {
        admin: AdminPassword { source: SecretSource::file(file.path().to_owned()) },
        ..House::options()
    };
    std::fs::write(file.path(), "short\n").unwrap();
    let fault = house.replica_with(&options, keys_of(7)).await.err().unwrap();
    assert!(fault.to_string().starts_with("FEIRA_ADMIN_PASSWORD_FILE: "), "{fault}");
    std::fs::write(file.path(), "from a file\nand more\n").unwrap();
    let replica = house.replica_with(&options, keys_of(7)).await.unwrap();
    assert!(replica.generated.is_none());
    replica.try_sign_in("admin", "from a file").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_replicas_that_start_together_one_makes_the_administrator_and_one_the_key() {
    let house = std::sync::Arc::new(House::new().await);
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let house = house.clone();
            let options = Options { admin: AdminPassword::default(), ..House::options() };
            tokio::spawn(async move { house.replica_with(&options, keys_of(7)).await.unwrap() })
        })
        .collect();
    let mut replicas = Vec::new();
    for start in starts {
        replicas.push(start.await.unwrap());
    }
    let shown: Vec<_> = replicas.iter().filter_map(|replica| replica.generated.clone()).collect();
    assert_eq!(shown.len(), 1);
    assert_eq!(events(&replicas[0].db).await, ["KeysChanged", "UserChanged"]);
    for replica in &replicas {
        let tokens = replica.try_sign_in("admin", shown[0].expose()).await.unwrap();
        for other in &replicas {
            outcome(other.users().list_users(by(&tokens, ListUsersRequest::default())).await).unwrap();
        }
    }
}

#[tokio::test]
async fn the_last_administrator_can_neither_go_nor_be_sent_away() {
    let replica = House::new().await.replica().await;
    let admin = replica.sign_in("admin").await;
    let id = id_of(&admin);
    let demoted =
        outcome(replica.users().set_roles(by(&admin, roles("me", &[Role::Staff]))).await).unwrap_err();
    let disabled =
        outcome(replica.users().disable_user(by(&admin, DisableUserRequest { id: id.clone() })).await)
            .unwrap_err();
    let erased = DeleteUserRequest { id: id.clone(), ..Default::default() };
    let erased = outcome(replica.users().delete_user(by(&admin, erased)).await).unwrap_err();
    for fault in [demoted, disabled, erased] {
        assert_eq!((fault.code, fault.reason.as_str()), (Code::FailedPrecondition, "LAST_ADMIN"));
    }
    let second = replica.colleague("bia", &[Role::Admin]).await;
    outcome(replica.users().disable_user(by(&second, DisableUserRequest { id })).await).unwrap();
    let alone =
        outcome(replica.users().set_roles(by(&second, roles("me", &[Role::Staff]))).await).unwrap_err();
    assert_eq!(alone.reason.as_str(), "LAST_ADMIN");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_administrators_cannot_send_each_other_away() {
    for _ in 0..5 {
        let house = House::new().await;
        let (replica, elsewhere) = (house.replica().await, house.replica().await);
        let second = replica.colleague("bia", &[Role::Admin]).await;
        let first = replica.sign_in("admin").await;
        let (a, b) = (id_of(&first), id_of(&second));
        let one = async {
            let gone = DeleteUserRequest { id: b.clone(), ..Default::default() };
            outcome(replica.users().delete_user(by(&first, gone)).await)
        };
        let other =
            async { outcome(elsewhere.users().set_roles(by(&second, roles(&a, &[Role::Customer]))).await) };
        let (one, other) = tokio::join!(one, other);
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    }
}

#[tokio::test]
async fn new_roles_need_a_refresh_and_a_disabled_user_is_out_until_enabled() {
    let replica = House::new().await.replica().await;
    let user = replica.register("ana").await;
    let (tokens, admin) = (replica.sign_in("ana").await, replica.sign_in("admin").await);
    let changed =
        outcome(replica.users().set_roles(by(&admin, roles(&user.id, &[Role::Staff, Role::Customer]))).await)
            .unwrap();
    assert_eq!(changed.roles, [1, 2]);
    let me = || GetUserRequest { id: "me".to_owned() };
    assert_eq!(
        outcome(replica.users().get_user(by(&tokens, me())).await).unwrap_err().code,
        Code::Unauthenticated
    );
    let refresh = |tokens: &contracts::user::Tokens| contracts::user::RefreshRequest {
        refresh_token: tokens.refresh_token.clone(),
    };
    let tokens = outcome(replica.auth().refresh(refresh(&tokens)).await).unwrap();
    outcome(replica.users().list_users(by(&tokens, ListUsersRequest::default())).await).unwrap();

    let disable = || DisableUserRequest { id: user.id.clone() };
    let disabled = outcome(replica.users().disable_user(by(&admin, disable())).await).unwrap();
    assert!(disabled.disabled);
    assert_eq!(outcome(replica.users().disable_user(by(&admin, disable())).await).unwrap(), disabled);
    assert_eq!(
        outcome(replica.users().get_user(by(&tokens, me())).await).unwrap_err().code,
        Code::Unauthenticated
    );
    assert_eq!(
        outcome(replica.auth().refresh(refresh(&tokens)).await).unwrap_err().code,
        Code::Unauthenticated
    );
    let refused = replica.try_sign_in("ana", super::PASSWORD).await.unwrap_err();
    assert_eq!(refused.message, replica.try_sign_in("nobody", super::PASSWORD).await.unwrap_err().message);
    outcome(replica.users().enable_user(by(&admin, EnableUserRequest { id: user.id.clone() })).await)
        .unwrap();
    assert_eq!(
        outcome(replica.auth().refresh(refresh(&tokens)).await).unwrap_err().code,
        Code::Unauthenticated
    );
    let tokens = replica.sign_in("ana").await;
    outcome(replica.users().get_user(by(&tokens, me())).await).unwrap();
}
