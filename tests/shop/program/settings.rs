//! Settings, exit codes and help.

use std::net::TcpListener;

use tempfile::tempdir;

use crate::support::{
    Setup,
    process::{Start, serve},
};

use super::fails;

tests!(
    wrong_settings_are_one_line_and_exit_code_2,
    a_port_in_use_is_one_line_and_exit_code_3,
    a_database_out_of_reach_is_one_line_and_exit_code_4,
    printed_settings_name_their_origin_and_mask_secrets,
    every_command_has_help,
);

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
    assert_eq!(version.stdout.lines().next(), Some(concat!("feira ", env!("CARGO_PKG_VERSION"))));
    assert!(version.stdout.contains("\nschema of order: m0"), "{}", version.stdout);
}
