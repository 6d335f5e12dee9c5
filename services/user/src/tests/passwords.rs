//! Changing passwords.

use contracts::user::{ChangePasswordRequest, GetUserRequest, RefreshRequest, Role, Tokens};
use tonic::Code;

use super::{ADMIN_PASSWORD, House, PASSWORD, by, id_of, keyed, outcome};

const NEW: &str = "another horse";

fn change(id: &str, old: &str) -> ChangePasswordRequest {
    ChangePasswordRequest { id: id.to_owned(), old_password: old.to_owned(), new_password: NEW.to_owned() }
}

fn me() -> GetUserRequest {
    GetUserRequest { id: "me".to_owned() }
}

fn refresh(tokens: &Tokens) -> RefreshRequest {
    RefreshRequest { refresh_token: tokens.refresh_token.clone() }
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_and_keeps_this_one() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let (here, there) = (replica.sign_in("ana").await, replica.sign_in("ana").await);
    let wrong = outcome(replica.users().change_password(by(&here, change("me", "wrong"))).await).unwrap_err();
    assert_eq!((wrong.code, wrong.fields[0].0.as_str()), (Code::InvalidArgument, "old_password"));
    let none = outcome(replica.users().change_password(by(&here, change("me", ""))).await).unwrap_err();
    assert_eq!(none.fields[0].0, "old_password");
    let request = || keyed("k", by(&here, change("me", PASSWORD)));
    outcome(replica.users().change_password(request()).await).unwrap();
    // The repeat is answered although the old password is none any more.
    outcome(replica.users().change_password(request()).await).unwrap();
    outcome(replica.users().get_user(by(&here, me())).await).unwrap();
    outcome(replica.auth().refresh(refresh(&here)).await).unwrap();
    assert_eq!(
        outcome(replica.users().get_user(by(&there, me())).await).unwrap_err().code,
        Code::Unauthenticated
    );
    assert_eq!(
        outcome(replica.auth().refresh(refresh(&there)).await).unwrap_err().code,
        Code::Unauthenticated
    );
    assert!(replica.try_sign_in("ana", PASSWORD).await.is_err());
    replica.try_sign_in("ana", NEW).await.unwrap();
}

#[tokio::test]
async fn only_an_administrator_who_acts_on_somebody_else_needs_no_old_password() {
    let replica = House::new().await.replica().await;
    let user = replica.register("ana").await;
    let tokens = replica.sign_in("ana").await;
    let staff = replica.colleague("bia", &[Role::Staff]).await;
    let admin = replica.sign_in("admin").await;
    for (who, id) in [(&staff, user.id.as_str()), (&admin, "me")] {
        let fault = outcome(replica.users().change_password(by(who, change(id, ""))).await).unwrap_err();
        assert_eq!(fault.fields[0].0, "old_password");
    }
    let denied =
        outcome(replica.users().change_password(by(&staff, change(&id_of(&admin), ADMIN_PASSWORD))).await);
    assert_eq!(denied.unwrap_err().code, Code::PermissionDenied);
    outcome(replica.users().change_password(by(&admin, change(&user.id, ""))).await).unwrap();
    assert_eq!(
        outcome(replica.users().get_user(by(&tokens, me())).await).unwrap_err().code,
        Code::Unauthenticated
    );
    replica.try_sign_in("ana", NEW).await.unwrap();
}

#[tokio::test]
async fn wrong_old_passwords_are_throttled() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let tokens = replica.sign_in("ana").await;
    for _ in 0..10 {
        let wrong =
            outcome(replica.users().change_password(by(&tokens, change("me", "wrong"))).await).unwrap_err();
        assert_eq!(wrong.code, Code::InvalidArgument);
    }
    let fault =
        outcome(replica.users().change_password(by(&tokens, change("me", PASSWORD))).await).unwrap_err();
    assert_eq!(fault.reason.as_str(), "RATE_LIMITED");
    // Signing in is another matter.
    replica.sign_in("ana").await;
}
