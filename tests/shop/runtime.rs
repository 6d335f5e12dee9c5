//! Nothing blocks the runtime: neither whoever reads the log, nor whoever collects telemetry, nor a hangup.

use std::{
    io::{BufRead, BufReader},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tempfile::tempdir;
use tokio::net::TcpListener;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::support::{
    Setup,
    mesh::channel,
    process::{Process, serve},
    until,
};

tests!(
    a_log_that_nobody_reads_stops_nothing,
    a_hangup_reads_the_log_level_again_and_ends_nothing,
    a_collector_that_never_answers_does_not_hold_up_the_end,
);

/// Makes the process log more than its pipe and its queue hold: megabytes, with everybody's traces on.
async fn chatter(rest: &str) {
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    for _ in 0..300 {
        let answer = client.get(format!("{rest}/v1/articles")).send().await.expect("it is answered");
        assert_eq!(answer.status(), 200);
    }
}

/// Covers: mesh.program, mesh.health, mesh.drain.
async fn a_log_that_nobody_reads_stops_nothing(_: Setup) {
    let folder = tempdir().unwrap();
    for format in ["text", "json"] {
        let start = serve(&folder.path().join(format))
            .env("FEIRA_LOG", "debug,hyper=trace,h2=trace,sqlx=trace,tokio=trace,hyper_util=trace")
            .env("FEIRA_LOG_FORMAT", format);
        let (process, log) = Process::start_unread(&start, folder.path());
        let (rest, grpc) = process.ready();
        chatter(&rest).await;
        let mut health = HealthClient::new(channel(&grpc));
        health.check(HealthCheckRequest::default()).await.expect("it serves");
        drop(health);

        // Whoever comes back is told what is missing.
        let reading = tokio::task::spawn_blocking(move || {
            let mut log = BufReader::new(log);
            let mut line = String::new();
            while !line.contains("log.lines_dropped") {
                line.clear();
                assert!(log.read_line(&mut line).expect("text") > 0, "the log goes on");
            }
            (line, log)
        });
        let (line, log) = tokio::time::timeout(Duration::from_secs(30), reading).await.unwrap().unwrap();
        let lines = line.rsplit_once("lines").unwrap().1.trim_matches(|it: char| !it.is_ascii_digit());
        let lines = lines.split(|it: char| !it.is_ascii_digit()).next().unwrap();
        assert!(lines.parse::<u64>().unwrap() > 0, "{line}");

        // And once more nobody reads, also at the end.
        chatter(&rest).await;
        let asked = Instant::now();
        process.ask_to_stop();
        let status = tokio::task::spawn_blocking(move || process.ended()).await.unwrap();
        assert_eq!(status.expect("it ends").code(), Some(0));
        assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
        drop(log);
    }
}

/// Covers: mesh.program.
async fn a_hangup_reads_the_log_level_again_and_ends_nothing(_: Setup) {
    let folder = tempdir().unwrap();
    let config = folder.path().join("feira.toml");
    std::fs::write(&config, "log-level = \"info\"\n").unwrap();
    let start = serve(&folder.path().join("data")).arg("--config", config.to_str().unwrap());
    let process = Process::start(&start, folder.path());
    let (rest, _) = process.ready();
    let answered = || async {
        assert_eq!(reqwest::get(format!("{rest}/v1/articles")).await.unwrap().status(), 200);
    };
    answered().await;
    assert!(!process.stderr().contains("rest.answered"));

    std::fs::write(&config, "log-level = \"debug\"\n").unwrap();
    process.signal(Signal::HUP);
    until("the level counts", || async { process.stderr().contains("settings.reloaded").then_some(()) })
        .await;
    answered().await;
    until("answers are logged", || async { process.stderr().contains("rest.answered").then_some(()) }).await;

    std::fs::write(&config, "log-level = \"loud\"\n").unwrap();
    process.signal(Signal::HUP);
    until("it says so", || async { process.stderr().contains("settings.not_reloaded").then_some(()) }).await;
    answered().await;
    process.stop();
}

/// Covers: mesh.trace, mesh.drain.
async fn a_collector_that_never_answers_does_not_hold_up_the_end(_: Setup) {
    let collector = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", collector.local_addr().unwrap());
    let silent = tokio::spawn(async move {
        let mut taken = Vec::new();
        loop {
            taken.push(collector.accept().await.unwrap());
        }
    });
    let folder = tempdir().unwrap();
    let start = serve(&folder.path().join("data"))
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &url)
        .env("FEIRA_DRAIN_TIMEOUT", "3s");
    let process = Process::start(&start, folder.path());
    let (rest, _) = process.ready();
    assert_eq!(reqwest::get(format!("{rest}/v1/articles")).await.unwrap().status(), 200);
    let asked = Instant::now();
    process.ask_to_stop();
    let status = tokio::task::spawn_blocking(move || process.ended()).await.unwrap();
    assert_eq!(status.expect("it ends").code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    silent.abort();
}
