//! The program: its output, its exit codes, its start and its end.

mod settings;

use contracts::order::OrderState;
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{
    Setup, eur,
    mesh::ADMIN_PASSWORD,
    process::{Process, Start, serve},
    until,
};

tests!(
    a_log_of_json_has_no_key_twice,
    a_first_start_says_where_the_pages_are_and_counts_migrations_once,
    standard_output_has_the_ready_line_and_nothing_else,
    a_second_start_finds_its_data,
    a_checkout_under_way_is_finished_before_the_end,
    health_tells_whether_it_serves,
    an_embedded_database_belongs_to_one_process,
    a_generated_password_is_shown_once,
    the_files_that_hold_secrets_are_for_their_owner_only,
    open_connections_and_streams_do_not_hold_up_the_end,
);

/// Runs a command that must fail: one line that has `said`, and the exit code.
#[track_caller]
fn fails(start: &Start, code: i32, said: &str) {
    let folder = tempdir().unwrap();
    let ended = start.run(folder.path());
    assert_eq!(ended.code, Some(code), "{start:?}: {ended:?}");
    assert_eq!(ended.stdout, "");
    let lines = ended.stderr.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>();
    assert_eq!(lines.len(), 1, "one line: {lines:#?}");
    assert!(lines[0].contains(said), "says {said:?}: {}", lines[0]);
}

/// Covers: mesh.program.
async fn standard_output_has_the_ready_line_and_nothing_else(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(100), 5).await;
    ada.order(&article.id, 1, "sim_approve").await.unwrap();
    drop((ada, staff));
    mesh.stop("feira-0");
    let stdout = mesh.main().stdout();
    let lines = stdout.lines().collect::<Vec<_>>();
    assert_eq!(lines.len(), 1, "{stdout}");
    let ready: Value = serde_json::from_str(lines[0]).unwrap();
    let keys = ready["ready"].as_object().unwrap().keys().collect::<Vec<_>>();
    assert_eq!(keys, ["grpc", "rest"]);
    for (_, url) in ready["ready"].as_object().unwrap() {
        assert!(url.as_str().unwrap().starts_with("http://127.0.0.1:"), "{url}");
    }
    let log = mesh.main().stderr();
    assert!(!log.contains(ADMIN_PASSWORD) && !log.contains("long enough 1"), "no secret in the log");
}

/// Covers: mesh.databases.
async fn a_second_start_finds_its_data(setup: Setup) {
    let mut mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 5).await;
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
    drop((staff, ada.clone()));
    mesh.stop("feira-0");
    mesh.restart("feira-0");
    let again = mesh.client().signed_in(&ada.tokens.access_token);
    assert_eq!(
        again.see(&order.id).await.state(),
        OrderState::Paid,
        "her token and her order are still good"
    );
    assert_eq!(mesh.admin().await.stock(&article.id).await, (4, 0, 1));
}

/// Covers: mesh.drain.
async fn a_checkout_under_way_is_finished_before_the_end(setup: Setup) {
    let mut mesh = setup.env("FEIRA_SIMULATOR_SLOW", "1s").start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 5).await;
    let order = ada.add(&article.id, 1).await.unwrap().body;
    let paying = tokio::spawn({
        let (ada, id) = (ada.clone(), order.id.clone());
        async move { ada.pay(&id, "sim_slow").await }
    });
    until("the checkout is under way", || async {
        (ada.see(&order.id).await.state() != OrderState::Open).then_some(())
    })
    .await;
    mesh.main().ask_to_stop();
    let answer = paying.await.unwrap().expect("it is answered");
    assert!(matches!(answer.state(), OrderState::Paid | OrderState::AwaitingPayment), "{answer:?}");
    mesh.stop("feira-0");
    mesh.restart("feira-0");
    let ada = mesh.client().signed_in(&ada.tokens.access_token);
    ada.until(&order.id, OrderState::Paid).await;
    assert_eq!(ada.payments(&order.id).await.len(), 1);
}

/// Covers: mesh.health, mesh.program.
async fn health_tells_whether_it_serves(setup: Setup) {
    let mesh = setup.start().await;
    let url = mesh.grpc_url("feira-0");
    let ask = |words: &str| Start::of(words).arg("--url", &url);
    let ended = ask("health").run(mesh.folder());
    assert_eq!((ended.code, ended.stdout.trim()), (Some(0), "SERVING"));
    let ended = ask("health --service feira.order.v1.OrderService").run(mesh.folder());
    assert_eq!(ended.code, Some(0));
    assert_eq!(ask("health --service feira.shoe.v1.ShoeService").run(mesh.folder()).code, Some(1));
    mesh.stop("feira-0");
    assert_eq!(ask("health").run(mesh.folder()).code, Some(1));
}

async fn an_embedded_database_belongs_to_one_process(_: Setup) {
    let folder = tempdir().unwrap();
    let start = serve(&folder.path().join("data"));
    let first = Process::start(&start, folder.path());
    first.ready();
    fails(&start, 4, "another process uses it");
    first.kill();
    let second = Process::start(&start, folder.path());
    second.ready();
    second.stop();
}

async fn a_generated_password_is_shown_once(_: Setup) {
    let folder = tempdir().unwrap();
    let start = serve(&folder.path().join("data"));
    let first = Process::start(&start, folder.path());
    let (_, grpc) = first.ready();
    // The ready line comes by another pipe, and may be read first.
    let shown = until("the password is shown", || async {
        first.stderr().lines().find(|line| line.contains("with the password")).map(str::to_owned)
    })
    .await;
    let words =
        shown.split([' ', '"', '\'', '`', ',', ':']).filter(|word| word.len() >= 12).collect::<Vec<_>>();
    let client = crate::support::mesh::client_of(&grpc);
    let mut found = None;
    for word in words {
        if client.sign_in_as("admin", word).await.is_ok() {
            found = Some(word.to_owned());
        }
    }
    let password = found.unwrap_or_else(|| panic!("it signs the administrator in: {shown}"));
    drop(client);
    first.stop();
    let second = Process::start(&start, folder.path());
    let (_, grpc) = second.ready();
    let client = crate::support::mesh::client_of(&grpc);
    client.sign_in_as("admin", &password).await.expect("it is still the password");
    drop(client);
    second.stop();
    assert!(!second.stderr().contains(&password), "only at the first start");
}

async fn the_files_that_hold_secrets_are_for_their_owner_only(setup: Setup) {
    use std::os::unix::fs::PermissionsExt;
    let mesh = setup.start().await;
    let data = mesh.folder().join("feira-0");
    for entry in std::fs::read_dir(&data).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        let folder_is_closed = std::fs::metadata(&data).unwrap().permissions().mode() & 0o077 == 0;
        assert!(mode & 0o077 == 0 || folder_is_closed, "{:?} is {mode:o}", entry.path());
    }
}

async fn open_connections_and_streams_do_not_hold_up_the_end(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 5).await;
    let order = ada.add(&article.id, 1).await.unwrap();
    // An idle connection, a half-sent request and an open stream.
    let idle = std::net::TcpStream::connect(mesh.grpc_url("feira-0").trim_start_matches("http://")).unwrap();
    let mut watch = ada.watch(&order.id, 0).await;
    watch.next().await.unwrap().unwrap();
    let start = std::time::Instant::now();
    mesh.stop("feira-0");
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    drop(idle);
}

/// The keys of JSON objects in a text, each with whether it comes twice in its object. Values of strings are skipped.
fn keys_twice(line: &str) -> Vec<String> {
    let (mut open, mut twice): (Vec<Vec<String>>, Vec<String>) = (Vec::new(), Vec::new());
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        match letter {
            '{' | '[' => open.push(Vec::new()),
            '}' | ']' => drop(open.pop()),
            '"' => {
                let mut text = serde_json::Deserializer::from_str(rest).into_iter::<String>();
                let key = text.next().unwrap().unwrap();
                rest = &rest[text.byte_offset()..];
                if rest.starts_with(':') {
                    let keys = open.last_mut().unwrap();
                    if keys.contains(&key) {
                        twice.push(key.clone());
                    }
                    keys.push(key);
                }
                continue;
            }
            _ => {}
        }
        rest = &rest[letter.len_utf8()..];
    }
    twice
}

/// Covers: mesh.trace.
async fn a_log_of_json_has_no_key_twice(setup: Setup) {
    assert_eq!(keys_twice(r#"{"a":"a\":1","b":{"a":1,"c":[{"a":2},{"a":3}],"a":4}}"#), ["a"]);
    let mesh = setup.env("FEIRA_LOG_FORMAT", "json").env("FEIRA_LOG", "trace").start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 5).await;
    let order = ada.order(&article.id, 1, "sim_decline").await.unwrap();
    ada.pay(&order.id, "sim_approve").await.unwrap();
    mesh.http().get("/v1/articles").await.expect(200);
    mesh.http().get("/nowhere").await.expect(404);
    let log = until("something is logged", || async {
        let log = mesh.main().stderr();
        (log.lines().count() > 20 && log.contains("process.ready")).then_some(log)
    })
    .await;
    for line in log.lines() {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|problem| panic!("{problem}: {line}"));
        for key in ["level", "message"] {
            assert!(record[key].is_string(), "{key}: {line}");
        }
        assert!(keys_twice(line).is_empty(), "{:?} twice: {line}", keys_twice(line));
    }
}

/// Covers: mesh.program.
async fn a_first_start_says_where_the_pages_are_and_counts_migrations_once(_: Setup) {
    let folder = tempdir().unwrap();
    let start = serve(&folder.path().join("data"));
    for first in [true, false] {
        let process = Process::start(&start, folder.path());
        let (rest, _) = process.ready();
        until("the banner is there", || async { process.stderr().contains("Try:").then_some(()) }).await;
        let log = process.stderr();
        let migrations = log.lines().filter(|line| line.contains("migration")).count();
        assert_eq!(migrations, usize::from(first), "{log}");
        for page in [format!("{rest}/"), format!("{rest}/staff")] {
            assert!(log.split_whitespace().any(|word| word == page), "{page}: {log}");
        }
        process.stop();
    }
}
