//! `feira admin`, on a stopped shop and on a running one.

use contracts::user::{
    CreateAdministratorRequest, GetSigningKeysRequest, GetUserRequest, ListAdministratorsRequest,
    RefreshRequest, RewrapRequest, RotateSigningKeysRequest, SetPasswordRequest,
    administrator_service_client::AdministratorServiceClient,
};
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{
    Code, Refused, Setup,
    mesh::{channel, client_of},
    process::{Process, Start, serve},
    until,
};

use super::{admin, done, shown};

tests!(
    the_operator_lets_herself_in_on_a_stopped_shop,
    the_operator_lets_herself_in_on_a_running_shop,
    nobody_but_the_operator_makes_administrators,
);

/// Covers: mesh.administrators, mesh.program.
async fn the_operator_lets_herself_in_on_a_stopped_shop(_: Setup) {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    // To look is no reason to make a shop; to make somebody is.
    for words in ["list", "reset-password"] {
        assert_eq!(admin(words, &data).run(folder.path()).code, Some(4), "{words}");
        assert!(!data.exists());
    }
    let made = done(&admin("create", &data), folder.path());
    let password = made.stdout.trim().to_owned();
    assert!(password.len() >= 24 && made.stderr.contains("\"admin\""), "{made:?}");
    assert_eq!(admin("create", &data).run(folder.path()).code, Some(1), "there is one already");

    let serving = Process::start(&serve(&data), folder.path());
    let (_, grpc) = serving.ready();
    let client = client_of(&grpc);
    let before = client.sign_in_as("admin", &password).await.expect("the made password is hers");
    drop(client);
    serving.stop();
    assert!(shown(&serving.stderr()).is_empty(), "nobody was left to be made");

    let file = folder.path().join("password");
    std::fs::write(&file, "from a file 1\n").unwrap();
    let bia =
        admin("create bia --email bia@example.com", &data).arg("--password-file", file.to_str().unwrap());
    assert_eq!(done(&bia, folder.path()).stdout, "", "a password that is known is not shown");
    let reset = done(&admin("reset-password", &data), folder.path()).stdout.trim().to_owned();
    let listed = done(&admin("list", &data), folder.path()).stdout;
    assert!(listed.contains("bia@example.com") && listed.lines().count() == 3, "{listed}");
    let listed: Value =
        serde_json::from_str(&done(&admin("list --json", &data), folder.path()).stdout).unwrap();
    assert_eq!(listed["users"][1]["username"], "admin", "{listed}");
    assert_eq!(listed["users"][0]["roles"], serde_json::json!(["ROLE_STAFF", "ROLE_ADMIN"]));
    for (words, code) in [
        ("reset-password nobody", 1),
        ("create a", 2),
        ("create 123", 2),
        ("create carl --email nonsense", 2),
        ("create carl --password-file /nowhere", 2),
        ("dance", 2),
        ("", 2),
    ] {
        assert_eq!(admin(words, &data).run(folder.path()).code, Some(code), "{words}");
    }

    let serving = Process::start(&serve(&data), folder.path());
    let (_, grpc) = serving.ready();
    let client = client_of(&grpc);
    client.sign_in_as("bia", "from a file 1").await.expect("she is let in");
    client.sign_in_as("admin", &reset).await.expect("the new password is hers");
    assert!(client.sign_in_as("admin", &password).await.is_err(), "the old one no more");
    let refresh = RefreshRequest { refresh_token: before.tokens.refresh_token };
    client.refresh(refresh).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    let me = client.signed_in(&before.tokens.access_token);
    until("her access tokens of before do not count", || async {
        me.get_user(GetUserRequest { id: "me".into() }).await.is_err().then_some(())
    })
    .await;
    drop((client, me));
    serving.stop();
}

/// Covers: mesh.administrators, mesh.program.
async fn the_operator_lets_herself_in_on_a_running_shop(_: Setup) {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let serving = Process::start(&serve(&data).env("FEIRA_ADMIN_PASSWORD", "the first one"), folder.path());
    let (_, grpc) = serving.ready();
    let client = client_of(&grpc);
    let before = client.sign_in_as("admin", "the first one").await.unwrap();
    let me = client.signed_in(&before.tokens.access_token);
    me.get_user(GetUserRequest { id: "me".into() }).await.unwrap();

    let listen = grpc.trim_start_matches("http://");
    let here = |words: &str| admin(words, &data).env("FEIRA_GRPC_LISTEN", listen);
    let reset = done(&here("reset-password"), folder.path()).stdout.trim().to_owned();
    me.get_user(GetUserRequest { id: "me".into() }).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    let refresh = RefreshRequest { refresh_token: before.tokens.refresh_token };
    client.refresh(refresh).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    assert!(client.sign_in_as("admin", "the first one").await.is_err());
    client.sign_in_as("admin", &reset).await.expect("the new password is hers");

    // What FEIRA_ADMIN_PASSWORD says becomes hers where somebody asks for it.
    let given = here("reset-password admin").env("FEIRA_ADMIN_PASSWORD", "the second one");
    assert_eq!(done(&given, folder.path()).stdout, "");
    client.sign_in_as("admin", "the second one").await.expect("it is hers now");

    let bia = done(&here("create bia"), folder.path()).stdout.trim().to_owned();
    client.sign_in_as("bia", &bia).await.expect("she is let in");
    let url = admin("list --url", &data);
    let url = Start { args: [url.args, vec![grpc.clone()]].concat(), env: url.env };
    assert_eq!(done(&url, folder.path()).stdout.lines().count(), 3);
    assert_eq!(here("create bia").run(folder.path()).code, Some(1));
    assert_eq!(here("create carl --email nonsense").run(folder.path()).code, Some(2));
    assert_eq!(here("reset-password nobody").run(folder.path()).code, Some(1));
    let stranger = here("list").env("FEIRA_MESH_SECRET", "the secret of another mesh");
    assert_eq!(stranger.run(folder.path()).code, Some(2));
    let elsewhere = admin("list", &data).env("FEIRA_GRPC_LISTEN", "127.0.0.1:1").run(folder.path());
    assert_eq!(elsewhere.code, Some(1));
    assert!(elsewhere.stderr.contains("--url"), "{elsewhere:?}");
    drop((client, me));
    serving.stop();
}

/// Covers: access, user.signing-keys.
async fn nobody_but_the_operator_makes_administrators(setup: Setup) {
    let mesh = setup.start().await;
    let mut client = AdministratorServiceClient::new(channel(&mesh.grpc_url("feira-0")));
    for caller in [mesh.client(), mesh.shopper().await.client, mesh.admin().await.client] {
        let made = CreateAdministratorRequest {
            username: "eve".into(),
            email: "eve@example.com".into(),
            password: "let me in 1".into(),
            printed: false,
        };
        let reset =
            SetPasswordRequest { login: "admin".into(), new_password: "let me in 1".into(), printed: false };
        let statuses = [
            client.create_administrator(caller.sign(made)).await.unwrap_err(),
            client.set_password(caller.sign(reset)).await.unwrap_err(),
            client.list_administrators(caller.sign(ListAdministratorsRequest::default())).await.unwrap_err(),
            client.get_signing_keys(caller.sign(GetSigningKeysRequest {})).await.unwrap_err(),
            client.rotate_signing_keys(caller.sign(RotateSigningKeysRequest::default())).await.unwrap_err(),
            client.rewrap(caller.sign(RewrapRequest::default())).await.unwrap_err(),
        ];
        for status in statuses {
            assert!(matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied), "{status:?}");
        }
    }
}
