//! A password that was shown is to be changed.

use contracts::user::{
    ApiKey, ChangePasswordRequest, CreateApiKeyRequest, GetUserRequest, ListUsersRequest, RefreshRequest,
};
use tempfile::tempdir;
use tonic::Code;

use crate::support::{
    Refused, Setup,
    mesh::client_of,
    process::{Process, serve},
};

use super::{admin, done, shown};

tests!(
    a_printed_password_is_to_be_changed,
    staff_whose_password_was_printed_are_not_staff_where_it_must_be_changed
);

fn me() -> GetUserRequest {
    GetUserRequest { id: "me".into() }
}

fn to(old: &str, new: &str) -> ChangePasswordRequest {
    ChangePasswordRequest { id: "me".into(), old_password: old.into(), new_password: new.into() }
}

/// Covers: mesh.administrators, user.password.
async fn a_printed_password_is_to_be_changed(_: Setup) {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let serving = Process::start(&serve(&data), folder.path());
    let client = client_of(&serving.ready().1);
    let password = shown(&serving.stderr()).pop_first().expect("it is shown");
    let first = client.sign_in_as("admin", &password).await.unwrap();
    assert!(first.user.password_change_required && first.user.roles.len() == 2);
    // Whoever starts a shop by a script goes on.
    first.list_users(ListUsersRequest::default()).await.unwrap();
    assert!(!serving.stderr().contains("administrator.password_not_changed"));
    drop((client, first));
    serving.stop();

    let serving = Process::start(&serve(&data), folder.path());
    let client = client_of(&serving.ready().1);
    assert!(serving.stderr().contains("administrator.password_not_changed"), "{}", serving.stderr());
    let first = client.sign_in_as("admin", &password).await.unwrap();
    first.change_password(to(&password, "one of my own")).await.unwrap();
    assert!(!first.get_user(me()).await.unwrap().password_change_required);
    drop((client, first));
    serving.stop();

    // What the operator has printed, too; what is given in a file is known to nobody else.
    let reset = done(&admin("reset-password", &data), folder.path()).stdout.trim().to_owned();
    let file = folder.path().join("password");
    std::fs::write(&file, "from a file 1\n").unwrap();
    let of_file = |words: &str| admin(words, &data).arg("--password-file", file.to_str().unwrap());
    done(&of_file("create bia"), folder.path());
    let eva = done(&admin("create eva", &data), folder.path()).stdout.trim().to_owned();
    let serving = Process::start(&serve(&data), folder.path());
    let client = client_of(&serving.ready().1);
    for (login, password, printed) in
        [("admin", reset.as_str(), true), ("bia", "from a file 1", false), ("eva", &eva, true)]
    {
        let user = client.sign_in_as(login, password).await.unwrap().user;
        assert_eq!(user.password_change_required, printed, "{login}");
    }
    drop(client);
    serving.stop();
    done(&of_file("reset-password eva"), folder.path());
    done(&of_file("reset-password"), folder.path());
    let serving = Process::start(&serve(&data), folder.path());
    serving.ready();
    assert!(!serving.stderr().contains("administrator.password_not_changed"), "{}", serving.stderr());
    serving.stop();
}

/// Covers: mesh.administrators, user.password.
async fn staff_whose_password_was_printed_are_not_staff_where_it_must_be_changed(_: Setup) {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let start = serve(&data).env("FEIRA_REQUIRE_PASSWORD_CHANGE", "true");
    let serving = Process::start(&start, folder.path());
    let client = client_of(&serving.ready().1);
    let password = shown(&serving.stderr()).pop_first().expect("it is shown");
    let first = client.sign_in_as("admin", &password).await.unwrap();
    first.list_users(ListUsersRequest::default()).await.denied();
    // Nor by a key that whoever has read the password makes, then or afterwards.
    let request = CreateApiKeyRequest {
        user_id: "me".into(),
        api_key: Some(ApiKey { name: "x".into(), ..Default::default() }),
    };
    let key = first.create_api_key(request).await.unwrap().body;
    let program = client.signed_in(&key.secret);
    program.list_users(ListUsersRequest::default()).await.denied();
    first.change_password(to(&password, "one of my own")).await.unwrap();
    let refresh = RefreshRequest { refresh_token: first.tokens.refresh_token.clone() };
    let tokens = client.refresh(refresh).await.unwrap().body;
    client.signed_in(&tokens.access_token).list_users(ListUsersRequest::default()).await.unwrap();
    let refused = program.list_users(ListUsersRequest::default()).await.unwrap_err();
    assert_eq!(refused.code, Code::Unauthenticated);
    drop((client, first));
    serving.stop();
}
