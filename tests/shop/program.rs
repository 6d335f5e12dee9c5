//! The program: its output, its exit codes, its start and its end.

use std::net::TcpListener;

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
    wrong_settings_are_one_line_and_exit_code_2,
    a_port_in_use_is_one_line_and_exit_code_3,
    a_database_out_of_reach_is_one_line_and_exit_code_4,
    an_embedded_database_belongs_to_one_process,
    printed_settings_name_their_origin_and_mask_secrets,
    every_command_has_help,
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

/// Covers: mesh.program.
async fn wrong_settings_are_one_line_and_exit_code_2(_: Setup) {
    for (words, said) in [
        ("serve --nonsense", "--nonsense"),
        ("dance", "dance"),
        ("serve --rest-listen 8080", "--rest-listen"),
        ("serve --grpc-listen nowhere", "--grpc-listen"),
        ("serve --role shop", "shop"),
        ("serve --role order", "--payment-url"),
        ("serve --user-database-url nonsense", "--user-database-url"),
        ("serve --database-url sqlite:x.db", "--database-url"),
        ("serve --user-url not-a-url", "--user-url"),
        ("serve --config /nowhere.toml", "/nowhere.toml"),
        ("migrate now", "now"),
        ("serve --password-memory-kib 1", "password-memory-kib"),
        ("serve --shipping 4.999EUR", "--shipping"),
        ("serve --payment-type 0=simulated", "--payment-type"),
    ] {
        fails(&Start::of(words), 2, said);
    }
    let folder = tempdir().unwrap();
    let config = folder.path().join("feira.toml");
    for (text, said) in [
        ("rest-lisen = \"127.0.0.1:0\"\n", "rest-lisen"),
        ("[[[", "feira.toml"),
        ("rest-listen = \"8080\"", "rest-listen"),
    ] {
        std::fs::write(&config, text).unwrap();
        fails(&Start::of("serve").arg("--config", config.to_str().unwrap()), 2, said);
    }
    fails(&Start::of("serve").env("FEIRA_REST_LISTEN", "8080"), 2, "FEIRA_REST_LISTEN");
}

/// Covers: mesh.program.
async fn a_port_in_use_is_one_line_and_exit_code_3(_: Setup) {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--rest-listen", "--grpc-listen"] {
        let folder = tempdir().unwrap();
        let mut start = serve(&folder.path().join("data"));
        let place = start.args.iter().position(|arg| arg == flag).unwrap();
        start.args[place + 1] = address.clone();
        let ended = start.run(folder.path());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{ended:?}");
        assert!(
            ended.stderr.lines().any(|line| line.contains(&address) && line.contains(flag)),
            "{}",
            ended.stderr
        );
    }
}

/// Covers: mesh.program.
async fn a_database_out_of_reach_is_one_line_and_exit_code_4(_: Setup) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = tempdir().unwrap();
    let secret = "pa55word";
    let url = format!("postgres://feira:{secret}@127.0.0.1:{free}/user");
    let start = serve(&folder.path().join("data"))
        .env("FEIRA_USER_DATABASE_URL", &url)
        .env("FEIRA_DATABASE_WAIT", "100ms");
    let ended = start.run(folder.path());
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(4), ""), "{ended:?}");
    assert!(
        ended.stderr.contains(&format!("127.0.0.1:{free}")) && !ended.stderr.contains(secret),
        "{}",
        ended.stderr
    );

    let file = folder.path().join("broken.db");
    std::fs::write(&file, "this is no database, and long enough to be none for certain").unwrap();
    let url = format!("sqlite:{}", file.to_str().unwrap());
    let ended = serve(&folder.path().join("data")).env("FEIRA_USER_DATABASE_URL", &url).run(folder.path());
    assert_eq!(ended.code, Some(4), "{ended:?}");
}

/// Covers: mesh.program.
async fn printed_settings_name_their_origin_and_mask_secrets(_: Setup) {
    let folder = tempdir().unwrap();
    let config = folder.path().join("feira.toml");
    std::fs::write(&config, "grpc-listen = \"127.0.0.1:7777\"\nlog-format = \"json\"\n").unwrap();
    let start = Start::of("serve --print-config --rest-listen 127.0.0.1:8888")
        .arg("--config", config.to_str().unwrap())
        .env("FEIRA_ADMIN_PASSWORD", "swordfish")
        .env("FEIRA_MESH_SECRET", "0123456789abcdef-swordfish")
        .env("FEIRA_ORDER_DATABASE_URL", "postgres://feira:swordfish@db.example/order");
    let ended = start.run(folder.path());
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    assert!(!ended.stdout.contains("swordfish"), "{}", ended.stdout);
    let line = |key: &str| {
        let line =
            ended.stdout.lines().find(|line| line.contains(key)).unwrap_or_else(|| panic!("{key} is shown"));
        line.to_owned()
    };
    assert!(line("rest-listen").contains("127.0.0.1:8888") && line("rest-listen").contains("--rest-listen"));
    assert!(line("grpc-listen").contains("127.0.0.1:7777") && line("grpc-listen").contains("feira.toml"));
    assert!(line("admin-password ").contains("FEIRA_ADMIN_PASSWORD"));
    assert!(line("order-database-url").contains("db.example"));
    assert!(line("data-dir").contains("default"));
}

/// Covers: mesh.program.
async fn every_command_has_help(_: Setup) {
    let folder = tempdir().unwrap();
    let ended = Start::of("--help").run(folder.path());
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.contains("Exit codes"), "{}", ended.stdout);
    let commands = ended.stdout.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let commands = commands
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let commands = commands.filter_map(|line| line.split_whitespace().next()).collect::<Vec<_>>();
    for command in ["serve", "migrate", "health"] {
        assert!(commands.contains(&command), "{commands:?}");
    }
    for command in commands.into_iter().filter(|command| *command != "help") {
        let ended = Start::of(&format!("{command} --help")).run(folder.path());
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{command}");
        let words = ended.stdout.to_lowercase();
        assert!(words.contains("usage: feira"), "{}", ended.stdout);
    }
    let serve = Start::of("serve --help").run(folder.path()).stdout;
    for name in
        ["FEIRA_REST_LISTEN", "FEIRA_GRPC_LISTEN", "FEIRA_DATA_DIR", "FEIRA_MESH_SECRET", "FEIRA_KEY_FILE"]
    {
        assert!(serve.contains(name), "{name}");
    }
    let version = Start::of("--version").run(folder.path());
    assert_eq!(version.stdout.trim(), concat!("feira ", env!("CARGO_PKG_VERSION")));
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
        first.stderr().lines().find(|line| line.contains("her password")).map(str::to_owned)
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
