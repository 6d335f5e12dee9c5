//! What keeps the program from starting: told in one line, and by the exit code that scripts go by.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tempfile::tempdir;

use crate::support::{
    Setup,
    process::{Start, serve},
};

tests!(
    a_wrong_secret_or_a_missing_file_of_one_is_exit_code_2_and_makes_nothing,
    operators_commands_refuse_wrong_settings_likewise,
    simulated_payments_on_a_server_are_refused_unless_they_are_meant,
    every_duration_is_written_alike,
    a_server_that_refuses_the_password_is_not_asked_again_in_whatever_language,
);

/// Covers: mesh.program.
async fn a_wrong_secret_or_a_missing_file_of_one_is_exit_code_2_and_makes_nothing(_: Setup) {
    let folder = tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    let (empty, nowhere) = (empty.to_str().unwrap(), "/nowhere/secret");
    for (variable, value) in [
        ("FEIRA_ADMIN_PASSWORD", "short"),
        ("FEIRA_ADMIN_PASSWORD_FILE", nowhere),
        ("FEIRA_ADMIN_PASSWORD_FILE", empty),
        ("FEIRA_MESH_SECRET", "short"),
        ("FEIRA_MESH_SECRET_FILE", nowhere),
        ("FEIRA_MESH_SECRET_FILE", empty),
        ("FEIRA_KEY_FILE", nowhere),
        ("FEIRA_KEY_FILE", empty),
        ("FEIRA_STRIPE_SECRET_KEY", "pk_live_public"),
        ("FEIRA_STRIPE_SECRET_KEY_FILE", nowhere),
        ("FEIRA_STRIPE_WEBHOOK_SECRET_FILE", nowhere),
        ("FEIRA_STRIPE_WEBHOOK_SECRET_FILE", empty),
        ("FEIRA_SMTP_PASSWORD_FILE", nowhere),
        ("FEIRA_SIMULATOR_WEBHOOK_SECRET_FILE", nowhere),
        ("FEIRA_SIMULATOR_WEBHOOK_SECRET_FILE", empty),
    ] {
        let data = folder.path().join("data");
        let ended = serve(&data).env(variable, value).run(folder.path());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{variable}={value}: {ended:?}");
        let lines: Vec<_> = ended.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
        assert_eq!(lines.len(), 1, "{variable}={value}: {lines:#?}");
        assert!(lines[0].contains(variable), "{variable}={value}: {}", lines[0]);
        assert!(!data.exists(), "{variable}={value}: nothing was made");
    }
    let ended = serve(&folder.path().join("data")).env("FEIRA_WEB_DIR", nowhere).run(folder.path());
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("--web-dir"), "{}", ended.stderr);
    let alone =
        serve(&folder.path().join("data")).arg("--role", "mesh").arg("--user-url", "http://127.0.0.1:1");
    let alone = ["article", "order", "payment"]
        .iter()
        .fold(alone, |start, role| start.arg(&format!("--{role}-url"), "http://127.0.0.1:1"))
        .env("FEIRA_MESH_SECRET", "0123456789abcdef")
        .env("FEIRA_DATABASE_URL_FILE", nowhere);
    let ended = alone.run(folder.path());
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("FEIRA_DATABASE_URL_FILE"), "{}", ended.stderr);
}

/// Covers: mesh.program.
async fn simulated_payments_on_a_server_are_refused_unless_they_are_meant(_: Setup) {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    // Nobody is there: what starts does not get far.
    let nobody = "postgres://nobody@127.0.0.1:1/payment";
    let server = || {
        let start = Start::of("serve --rest-listen 127.0.0.1:0 --grpc-listen 127.0.0.1:0")
            .env("FEIRA_DATA_DIR", data.to_str().unwrap())
            .env("FEIRA_DATABASE_WAIT", "100ms");
        start.env("FEIRA_PAYMENT_DATABASE_URL", nobody)
    };
    let refused = server().run(folder.path());
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{refused:?}");
    assert!(refused.stderr.contains("--allow-simulated-payments"), "{}", refused.stderr);
    assert!(!data.exists(), "nothing was made");
    let meant = server().env("FEIRA_ALLOW_SIMULATED_PAYMENTS", "true").run(folder.path());
    assert_eq!(meant.code, Some(4), "{meant:?}");
    let other =
        server().env("FEIRA_PAYMENT_TYPES", "1=spacecash").env("FEIRA_SPACECASH_URL", "http://127.0.0.1:1");
    assert_eq!(other.run(folder.path()).code, Some(4));
    let not_even_embedded = serve(&data).env("FEIRA_ALLOW_SIMULATED_PAYMENTS", "false").run(folder.path());
    assert_eq!(not_even_embedded.code, Some(2), "{not_even_embedded:?}");
}

/// Covers: mesh.program.
async fn operators_commands_refuse_wrong_settings_likewise(_: Setup) {
    let folder = tempdir().unwrap();
    for (words, variable, value) in [
        ("admin create", "FEIRA_ADMIN_PASSWORD", "short"),
        ("admin create", "FEIRA_ADMIN_PASSWORD_FILE", "/nowhere"),
        ("admin reset-password", "FEIRA_ADMIN_PASSWORD_FILE", "/nowhere"),
        ("seed --articles 1 --users 0 --orders 0", "FEIRA_ADMIN_PASSWORD", "short"),
        ("seed --articles 1 --users 0 --orders 0", "FEIRA_ADMIN_PASSWORD_FILE", "/nowhere"),
        ("seed --articles 1 --users 0 --orders 0", "FEIRA_KEY_FILE", "/nowhere"),
        ("seed --articles 1 --users 0 --orders 0", "FEIRA_SHOPPER_PASSWORD", "short"),
        ("seed --articles 1 --users 0 --orders 0", "FEIRA_SHOPPER_PASSWORD_FILE", "/nowhere"),
        ("status", "FEIRA_MESH_SECRET_FILE", "/nowhere"),
        ("verify", "FEIRA_MESH_SECRET", "short"),
    ] {
        let data = folder.path().join("data");
        let ended = Start::of(words)
            .env("FEIRA_DATA_DIR", data.to_str().unwrap())
            .env(variable, value)
            .run(folder.path());
        assert_eq!(ended.code, Some(2), "{words} {variable}={value}: {ended:?}");
        assert!(ended.stderr.contains(variable), "{words} {variable}={value}: {}", ended.stderr);
        assert!(!data.exists(), "{words} {variable}={value}: nothing was made");
    }
}

/// The flags of a command that take a time, as its help names them.
fn times(words: &str) -> Vec<String> {
    let folder = tempdir().unwrap();
    let help = Start::of(&format!("{words} --help")).run(folder.path()).stdout;
    let flags = help.lines().filter_map(|line| line.trim().strip_suffix(" <TIME>"));
    flags.map(|flag| flag.split_whitespace().last().unwrap().to_owned()).collect()
}

/// Covers: mesh.program.
async fn every_duration_is_written_alike(_: Setup) {
    let folder = tempdir().unwrap();
    let mut all = times("serve");
    // What is kept of the past is kept for days at the least.
    all.retain(|flag| {
        !["--event-retention", "--delivery-retention", "--events-stream-age"].contains(&flag.as_str())
    });
    for known in ["--provider-timeout", "--sign-in-window", "--rest-timeout", "--payment-window"] {
        assert!(all.iter().any(|flag| flag == known), "{known}: {all:?}");
    }
    let serve = Start::of("serve --print-config");
    for text in ["20", "20s", "1.5m", "1m", "1m 30s", "1min", "30000ms"] {
        let start = all.iter().fold(serve.clone(), |start, flag| start.arg(flag, text));
        let ended = start.run(folder.path());
        assert_eq!(ended.code, Some(0), "{text:?}: {}", ended.stderr);
    }
    let config = folder.path().join("feira.toml");
    let keys = all.iter().map(|flag| format!("{} = 20\n", flag.trim_start_matches("--")));
    std::fs::write(&config, keys.collect::<String>()).unwrap();
    let ended = serve.clone().arg("--config", config.to_str().unwrap()).run(folder.path());
    assert_eq!(ended.code, Some(0), "seconds in the file: {}", ended.stderr);
    for command in ["health", "status", "verify", "admin list"] {
        for flag in times(command) {
            let start = Start::of(command).arg(&flag, "1m").arg("--url", "http://127.0.0.1:1");
            let ended = start.env("FEIRA_MESH_SECRET", "0123456789abcdef").run(folder.path());
            assert_eq!(ended.code, Some(1), "{command} {flag}: nobody answers: {}", ended.stderr);
        }
    }
    for flag in &all {
        for wrong in ["soon", "1x", "-1s", "500000000000y", "18446744073709551615"] {
            let mut start = serve.clone();
            start.args.push(format!("{flag}={wrong}"));
            let ended = start.run(folder.path());
            assert_eq!(ended.code, Some(2), "{flag}={wrong}");
            assert!(ended.stderr.contains(flag), "{flag}={wrong}: {}", ended.stderr);
        }
    }
}

/// What a server says to who connects.
type Answer = fn(&mut TcpStream);

/// Answers whoever connects by `answer`, for as long as the test runs. Says where, and counts the callers.
fn server(answer: Answer) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let callers = Arc::<AtomicUsize>::default();
    let counted = callers.clone();
    thread::spawn(move || {
        for caller in listener.incoming() {
            let Ok(mut caller) = caller else { return };
            counted.fetch_add(1, Ordering::Relaxed);
            thread::spawn(move || answer(&mut caller));
        }
    });
    (port, callers)
}

/// PostgreSQL whose `lc_messages` is pt_PT.
fn postgres_in_portuguese(caller: &mut TcpStream) {
    let mut length = [0; 4];
    loop {
        if caller.read_exact(&mut length).is_err() {
            return;
        }
        let mut rest = vec![0; u32::from_be_bytes(length) as usize - 4];
        caller.read_exact(&mut rest).unwrap();
        // A request for TLS comes first.
        if rest == 80_877_103_u32.to_be_bytes() {
            caller.write_all(b"N").unwrap();
            continue;
        }
        let said = "SFATAL\0VFATAL\0C28P01\0Mautentica\u{e7}\u{e3}o por senha falhou para o utilizador \"feira\"\0\0";
        let mut message = vec![b'E'];
        message.extend((said.len() as u32 + 4).to_be_bytes());
        message.extend(said.as_bytes());
        let _ = caller.write_all(&message);
        return;
    }
}

/// MySQL, likewise.
fn mysql_in_portuguese(caller: &mut TcpStream) {
    let send = |caller: &mut TcpStream, sequence: u8, body: &[u8]| {
        let mut packet = (body.len() as u32).to_le_bytes()[..3].to_vec();
        packet.push(sequence);
        packet.extend(body);
        caller.write_all(&packet)
    };
    let greeting = [
        b"\x0a8.0.36\0\x01\0\0\0abcdefgh\0".as_slice(),
        // Protocol 4.1 with a database; then utf8mb4, status, secure connections with named plugins, the salt's length.
        b"\x08\x82\x2d\x02\0\x08\0\x15",
        b"\0\0\0\0\0\0\0\0\0\0abcdefghijkl\0mysql_native_password\0",
    ];
    if send(caller, 0, &greeting.concat()).is_err() {
        return;
    }
    let mut head = [0; 4];
    if caller.read_exact(&mut head).is_err() {
        return;
    }
    let mut rest = vec![0; u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize];
    if caller.read_exact(&mut rest).is_ok() {
        let refusal = b"Acesso negado para o utilizador 'feira'@'localhost' (senha: SIM)";
        // 1045: ER_ACCESS_DENIED_ERROR.
        let _ = send(caller, 2, &[b"\xff\x15\x04#28000".as_slice(), refusal].concat());
    }
}

/// Covers: mesh.program, mesh.databases.
async fn a_server_that_refuses_the_password_is_not_asked_again_in_whatever_language(_: Setup) {
    let folder = tempdir().unwrap();
    let (postgres, mysql): (Answer, Answer) = (postgres_in_portuguese, mysql_in_portuguese);
    for (scheme, answer, parameters, said) in [
        ("postgres", postgres, "", "utilizador"),
        ("mysql", mysql, "", "utilizador"),
        // Nor one that does not speak TLS, where that is asked for.
        ("postgres", postgres, "?sslmode=require", "TLS"),
        ("mysql", mysql, "?ssl-mode=REQUIRED", "TLS"),
    ] {
        let (port, callers) = server(answer);
        let url = format!("{scheme}://feira:pa55word@127.0.0.1:{port}/users{parameters}");
        let start = serve(&folder.path().join("data")).env("FEIRA_USER_DATABASE_URL", &url);
        let asked = Instant::now();
        let ended = start.env("FEIRA_DATABASE_WAIT", "30s").run(folder.path());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(4), ""), "{scheme}: {ended:?}");
        assert!(asked.elapsed() < Duration::from_secs(15), "{scheme}: {:?}", asked.elapsed());
        assert!(ended.stderr.contains(said) && !ended.stderr.contains("pa55word"), "{}", ended.stderr);
        assert_eq!(callers.load(Ordering::Relaxed), 1, "{scheme}");
    }
}
