//! Logs: a line for each call where it is asked for, levels that are changed while it runs, JSON for machines.

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{
    Setup,
    process::{Process, Start, serve},
    until,
};

tests!(
    each_call_has_a_line_once_the_level_says_so,
    lines_are_json_where_nobody_reads_them_at_a_terminal,
    the_log_level_is_for_those_who_reach_the_admin_listener,
);

/// The lines of the access log.
fn lines(log: &str) -> Vec<Value> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["target"] == "feira::access").collect()
}

/// Covers: mesh.logs.
async fn each_call_has_a_line_once_the_level_says_so(setup: Setup) {
    let setup = setup.env("FEIRA_ADMIN_LISTEN", "127.0.0.1:0").env("FEIRA_LOG_FORMAT", "json");
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let admin = mesh.main().admin();
    let level = |filter: &str| {
        let words = format!("log-level --admin-listen {} {filter}", admin.trim_start_matches("http://"));
        Start::of(&words).run(mesh.folder())
    };
    assert_eq!(level("").stdout, "info\n");
    assert!(lines(&mesh.main().stderr()).is_empty(), "none is written unasked");
    assert_eq!(level("info,feira::access=info").code, Some(0));
    assert_eq!(level("").stdout, "info,feira::access=info\n");

    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let http = ada.http().with("x-request-id", "ours-1");
    let http = http.with("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01"));
    let reply = http.get(&format!("/v1/users/{}", ada.user.id)).await;
    assert_eq!(reply.status, 200);
    ada.get_user(contracts::user::GetUserRequest { id: "me".into() }).await.expect("by gRPC");
    assert_eq!(mesh.http().get("/v1/users/me").await.status, 401);
    let said = until("both have a line", || async {
        Some(lines(&mesh.main().stderr())).filter(|lines| lines.len() >= 3)
    })
    .await;
    assert_eq!(said.len(), 3, "one each: {said:?}");
    let line = said.iter().find(|line| line["request_id"] == "ours-1").expect("that of REST");
    assert_eq!((&line["method"], &line["route"]), (&"GET".into(), &"/v1/users/{id}".into()));
    assert_eq!((&line["status"], &line["bytes"]), (&200.into(), &reply.bytes.len().into()));
    assert_eq!((&line["caller"], &line["caller_id"]), (&"user".into(), &ada.user.id.clone().into()));
    assert_eq!((&line["client.address"], &line["trace_id"]), (&"127.0.0.1".into(), &trace.into()));
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0 && line["level"] == "INFO");
    let line = said.iter().find(|line| line["status"] == "OK").expect("that of gRPC");
    assert_eq!(line["route"], "/feira.user.v1.UserService/GetUser");
    assert_eq!((&line["caller"], &line["caller_id"]), (&"user".into(), &ada.user.id.clone().into()));
    assert!(!line["request_id"].as_str().unwrap().is_empty());
    let line = said.iter().find(|line| line["status"] == 401).expect("the refused one");
    assert_eq!(line["caller"], "unknown");

    assert_eq!(level("info").code, Some(0));
    assert_eq!(mesh.http().get("/v1/articles").await.status, 200);
    assert_eq!(lines(&mesh.main().stderr()).len(), 3);
}

/// Covers: mesh.logs.
async fn lines_are_json_where_nobody_reads_them_at_a_terminal(_: Setup) {
    let folder = tempdir().unwrap();
    let start = serve(&folder.path().join("data")).env("FEIRA_LOG_FORMAT", "");
    let process = Process::start(&start, folder.path());
    process.ready();
    let ready = until("it says that it is ready", || async {
        let log = process.stderr();
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines.into_iter().find(|line| line["message"] == "process.ready")
    })
    .await;
    assert_eq!(ready["level"], "INFO");
    process.stop();
}

/// Covers: mesh.logs, mesh.program.
async fn the_log_level_is_for_those_who_reach_the_admin_listener(setup: Setup) {
    let mesh = setup.env("FEIRA_ADMIN_LISTEN", "127.0.0.1:0").start().await;
    let admin = mesh.main().admin();
    let run = |words: &str| Start::of(words).run(mesh.folder());
    let unsaid = run("log-level debug");
    assert!(unsaid.code == Some(2) && unsaid.stderr.contains("--admin-listen"), "{unsaid:?}");
    let wrong = run(&format!("log-level loud --admin-listen {}", admin.trim_start_matches("http://")));
    assert!(wrong.code == Some(2) && wrong.stderr.contains("loud"), "{wrong:?}");
    let nobody = run("log-level debug --admin-listen 127.0.0.1:1");
    assert!(nobody.code == Some(1) && nobody.stderr.contains("127.0.0.1:1"), "{nobody:?}");
    assert_eq!(mesh.http().get("/log-level").await.status, 404);
    let mistyped = mesh.http().request(http::Method::PUT, &format!("{admin}/log-level")).body("inf");
    assert_eq!(crate::support::Reply::read(mistyped).await.status, 400);
}
