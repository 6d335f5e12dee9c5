//! The first administrator, whose password is never lost, and `feira admin`.

mod operator;
mod printed;

use std::{
    collections::BTreeSet,
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::Signal;
use tempfile::tempdir;

use crate::support::{
    Setup,
    mesh::client_of,
    process::{Ended, Process, Start, serve},
    until,
};

tests!(
    what_can_fail_is_found_before_anything_is_made,
    whenever_the_first_start_ends_the_password_is_known,
    a_password_that_is_not_used_is_said,
    a_password_that_cannot_be_shown_changes_nothing,
);

/// The generated passwords that a log shows.
fn shown(log: &str) -> BTreeSet<String> {
    let lines = log.lines().filter(|line| line.contains("with the password"));
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
    let at = ["migrations.applied", "with the password", "gRPC"].into_iter();
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
