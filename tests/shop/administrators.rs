//! The first administrator, whose password is never lost, and `feira admin`.

use std::{
    collections::BTreeSet,
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use contracts::user::{
    CreateAdministratorRequest, GetUserRequest, ListAdministratorsRequest, RefreshRequest,
    ResetPasswordRequest, administrator_service_client::AdministratorServiceClient,
};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{
    Code, Refused, Setup,
    mesh::{channel, client_of},
    process::{Ended, Process, Start, serve},
    until,
};

tests!(
    what_can_fail_is_found_before_anything_is_made,
    whenever_the_first_start_ends_the_password_is_known,
    a_password_that_is_not_used_is_said,
    the_operator_lets_herself_in_on_a_stopped_shop,
    the_operator_lets_herself_in_on_a_running_shop,
    a_password_that_cannot_be_shown_changes_nothing,
    nobody_but_the_operator_makes_administrators,
);

/// The generated passwords that a log shows.
fn shown(log: &str) -> BTreeSet<String> {
    let lines = log.lines().filter(|line| line.contains("her password"));
    lines.filter_map(|line| line.split('"').nth(3)).map(str::to_owned).collect()
}

/// `feira admin …` with the settings of a shop on this folder.
fn admin(words: &str, data: &Path) -> Start {
    let mut start = Start::of(&format!("admin {words}"));
    start.env = serve(data).env;
    start
}

#[track_caller]
fn done(start: &Start, folder: &Path) -> Ended {
    let ended = start.run(folder);
    assert_eq!(ended.code, Some(0), "{start:?}: {ended:?}");
    ended
}

/// Covers: mesh.administrators, mesh.program.
async fn what_can_fail_is_found_before_anything_is_made(_: Setup) {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let nowhere = format!("postgres://feira@{free}/payment");
    for (settings, code) in [
        (&[("FEIRA_PAYMENT_TYPES", "1=stripe")][..], 2),
        (&[("FEIRA_PAYMENT_TYPES", "1=spacecash")], 2),
        (&[("FEIRA_ADMIN_PASSWORD", "short")], 2),
        (&[("FEIRA_ADMIN_PASSWORD_FILE", "/nowhere")], 2),
        (&[("FEIRA_KEY_FILE", "/nowhere")], 2),
        (&[("FEIRA_SMTP_URL", "smtp://mail.example")], 2),
        (&[("FEIRA_SIMULATOR_URL", "nonsense")], 2),
        (&[("FEIRA_REST_LISTEN", taken.as_str())], 3),
        (&[("FEIRA_GRPC_LISTEN", taken.as_str())], 3),
        (&[("FEIRA_SIMULATOR_LISTEN", taken.as_str())], 3),
        (&[("FEIRA_SIMULATOR_ACTIONS_LISTEN", taken.as_str())], 3),
        (&[("FEIRA_PAYMENT_DATABASE_URL", nowhere.as_str()), ("FEIRA_DATABASE_WAIT", "100ms")], 4),
    ] {
        let folder = tempdir().unwrap();
        let data = folder.path().join("data");
        let mut start = serve(&data);
        // The ports of the environment count where there is no flag.
        start.args = vec!["serve".to_owned()];
        for (name, value) in [("FEIRA_REST_LISTEN", "127.0.0.1:0"), ("FEIRA_GRPC_LISTEN", "127.0.0.1:0")]
            .iter()
            .chain(settings)
        {
            start.env.retain(|(known, _)| known != name);
            start = start.env(name, value);
        }
        let ended = start.run(folder.path());
        assert_eq!(ended.code, Some(code), "{settings:?}: {ended:?}");
        assert!(!data.exists(), "{settings:?}: nothing was made");
        assert!(shown(&ended.stderr).is_empty(), "{settings:?}: {}", ended.stderr);
    }
}

/// How the first start ends.
#[derive(Debug)]
enum End {
    /// So many milliseconds after its start.
    After(u64, Signal),
    /// As soon as its log says this.
    At(&'static str, Signal),
}

/// Covers: mesh.administrators, mesh.program.
async fn whenever_the_first_start_ends_the_password_is_known(_: Setup) {
    let after = [2, 20, 35, 50, 65, 80, 100, 130, 170].map(|wait| End::After(wait, Signal::KILL));
    let at = ["migrations.applied", "her password", "gRPC"].into_iter();
    let at = at.flat_map(|line| [Signal::KILL, Signal::INT].map(|signal| End::At(line, signal)));
    for end in after.into_iter().chain(at) {
        let folder = tempdir().unwrap();
        let start = serve(&folder.path().join("data"));
        let first = Process::start(&start, folder.path());
        let signal = match end {
            End::After(wait, signal) => {
                tokio::time::sleep(Duration::from_millis(wait)).await;
                signal
            }
            End::At(said, signal) => {
                while first.runs() && !first.stderr().contains(said) {
                    tokio::time::sleep(Duration::from_micros(200)).await;
                }
                signal
            }
        };
        first.signal(signal);
        first.ended();
        let second = Process::start(&start, folder.path());
        let (_, grpc) = second.ready();
        until("the banner is there", || async { second.stderr().contains("gRPC").then_some(()) }).await;
        let mut passwords = shown(&first.stderr());
        passwords.extend(shown(&second.stderr()));
        let client = client_of(&grpc);
        let mut let_in = 0;
        for password in &passwords {
            let_in += i32::from(client.sign_in_as("admin", password).await.is_ok());
        }
        assert_eq!(let_in, 1, "{end:?}: of {passwords:?}\n{}\n{}", first.stderr(), second.stderr());
        drop(client);
        second.stop();
    }
}

/// Covers: mesh.administrators, mesh.program.
async fn a_password_that_is_not_used_is_said(_: Setup) {
    let folder = tempdir().unwrap();
    let start = serve(&folder.path().join("data"));
    let first = Process::start(&start.clone().env("FEIRA_ADMIN_PASSWORD", "the first one"), folder.path());
    first.ready();
    first.stop();
    for (password, said) in [("the first one", false), ("another one", true)] {
        let again = Process::start(&start.clone().env("FEIRA_ADMIN_PASSWORD", password), folder.path());
        let (_, grpc) = again.ready();
        until("the banner is there", || async { again.stderr().contains("gRPC").then_some(()) }).await;
        let log = again.stderr();
        let found =
            log.lines().any(|line| line.contains("FEIRA_ADMIN_PASSWORD") && line.contains("not used"));
        assert_eq!(found, said, "{password}: {log}");
        assert!(!log.contains(password), "{log}");
        let client = client_of(&grpc);
        client.sign_in_as("admin", "the first one").await.expect("it stays what it was");
        drop(client);
        again.stop();
    }
}

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

/// Runs a command with this standard output; its exit code, and what it says on standard error.
fn with_output(start: &Start, folder: &Path, out: Stdio, redirect: &str) -> (Option<i32>, String) {
    let ended = Command::new("sh")
        .args(["-c", &format!("exec \"$0\" \"$@\" {redirect}"), env!("CARGO_BIN_EXE_feira")])
        .args(&start.args)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(start.env.iter().cloned())
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(out)
        .output()
        .unwrap();
    (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

/// Covers: mesh.administrators, mesh.program.
async fn a_password_that_cannot_be_shown_changes_nothing(_: Setup) {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let given = folder.path().join("given");
    std::fs::write(&given, "the first one\n").unwrap();
    done(&admin("create", &data).arg("--password-file", given.to_str().unwrap()), folder.path());
    let in_vain = |listen: Option<&str>| {
        let here = |words: &str| {
            let start = admin(words, &data);
            listen.map_or(start.clone(), |listen| start.env("FEIRA_GRPC_LISTEN", listen))
        };
        for words in ["reset-password", "create bia"] {
            for redirect in ["> /dev/full", ">&-", "> /dev/null"] {
                let (code, said) = with_output(&here(words), folder.path(), Stdio::null(), redirect);
                assert_eq!(code, Some(1), "{words} {redirect}: {said}");
                assert!(said.contains("nothing was changed"), "{words} {redirect}: {said}");
            }
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let (code, said) = with_output(&here(words), folder.path(), writer.into(), "");
            assert_eq!(code, Some(1), "{words} into a pipe that nobody reads: {said}");
        }
        let listed = done(&here("list"), folder.path()).stdout;
        assert_eq!(listed.lines().count(), 2, "one administrator: {listed}");
        let (code, said) = with_output(&here("list"), folder.path(), Stdio::null(), "> /dev/full");
        assert_eq!((code, said.contains("standard output")), (Some(1), true), "{said}");
    };
    in_vain(None);
    let serving = Process::start(&serve(&data), folder.path());
    let (_, grpc) = serving.ready();
    let client = client_of(&grpc);
    client.sign_in_as("admin", "the first one").await.expect("it is hers still");
    let listen = grpc.trim_start_matches("http://");
    in_vain(Some(listen));
    client.sign_in_as("admin", "the first one").await.expect("it is hers still");
    let here = admin("reset-password", &data).env("FEIRA_GRPC_LISTEN", listen);
    let (code, said) = with_output(&here, folder.path(), Stdio::null(), "> shown");
    assert_eq!(code, Some(0), "{said}");
    let shown = std::fs::read_to_string(folder.path().join("shown")).unwrap();
    client.sign_in_as("admin", shown.trim()).await.expect("a file keeps it");
    drop(client);
    serving.stop();
}

/// Covers: access.
async fn nobody_but_the_operator_makes_administrators(setup: Setup) {
    let mesh = setup.start().await;
    let mut client = AdministratorServiceClient::new(channel(&mesh.grpc_url("feira-0")));
    for caller in [mesh.client(), mesh.shopper().await.client, mesh.admin().await.client] {
        let made = CreateAdministratorRequest {
            username: "eve".into(),
            email: "eve@example.com".into(),
            password: "let me in 1".into(),
        };
        let reset = ResetPasswordRequest { login: "admin".into(), new_password: "let me in 1".into() };
        let statuses = [
            client.create_administrator(caller.sign(made)).await.unwrap_err(),
            client.reset_password(caller.sign(reset)).await.unwrap_err(),
            client.list_administrators(caller.sign(ListAdministratorsRequest::default())).await.unwrap_err(),
        ];
        for status in statuses {
            assert!(matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied), "{status:?}");
        }
    }
}
