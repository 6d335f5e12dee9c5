//! Dashboards and alerts: what they name is there, in a shop that has done what shops do.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use contracts::order::OrderState;
use serde_json::Value;

use crate::support::{Code, Edge, Refused as _, Setup, eur, scrape, scrape::Scrape, until};

each!(over_rest: Setup::default().over(Edge::Rest);
    panels_and_alerts_name_what_a_shop_exports);

/// What metrics of ours begin with.
const PREFIXES: [&str; 5] = ["feira_", "http_server_", "rpc_", "db_client_", "process_"];
/// What is there only where there are certificates (tls.rs).
const WITH_CERTIFICATES: [&str; 1] = ["feira_certificate_end_seconds"];
/// Labels that whoever reads adds.
const ADDED: [&str; 3] = ["job", "instance", "le"];

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All texts in a document under these keys.
fn texts(document: &Value, keys: &[&str], found: &mut Vec<String>) {
    match document {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if keys.contains(&&**key) => found.push(text.clone()),
                    value => texts(value, keys, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, keys, found)),
        _ => {}
    }
}

/// The queries of every dashboard, with where they are.
fn panels() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/grafana/dashboards");
    let mut queries = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let document: Value =
            serde_json::from_str(&file(&format!("deploy/grafana/dashboards/{name}"))).unwrap();
        let mut found = Vec::new();
        texts(&document, &["expr", "query", "definition"], &mut found);
        assert!(found.len() > 10, "{name} shows something");
        queries.extend(found.into_iter().map(|query| (name.clone(), query)));
    }
    assert!(queries.len() > 60, "four dashboards");
    queries
}

/// The names of alerts, and their queries.
fn alerts() -> Vec<(String, String)> {
    let rules = file("deploy/prometheus/rules.yaml");
    let mut alerts = Vec::new();
    for rule in rules.split("- alert: ").skip(1) {
        let (name, rest) = rule.split_once('\n').unwrap();
        let query = rest.split("expr: |-").nth(1).unwrap().split("labels:").next().unwrap();
        alerts.push((name.trim().to_owned(), query.trim().to_owned()));
    }
    alerts
}

/// The metrics that a query names, each with the labels that it selects by.
fn named(query: &str) -> Vec<(String, Vec<String>)> {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut found = Vec::new();
    let mut rest = query;
    while let Some(start) = rest.find(is_word) {
        rest = &rest[start..];
        let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        if PREFIXES.iter().any(|prefix| word.starts_with(prefix)) {
            let mut labels = Vec::new();
            if let Some(selector) = after.strip_prefix('{') {
                let selector = selector.split('}').next().unwrap();
                let pairs = selector.split("\",").filter(|pair| !pair.is_empty());
                labels.extend(pairs.map(|pair| pair.split(['=', '!']).next().unwrap().trim().to_owned()));
                rest = &after[selector.len() + 2..];
            }
            found.push((word.to_owned(), labels));
        }
    }
    found
}

/// Covers: mesh.metrics.
async fn panels_and_alerts_name_what_a_shop_exports(setup: Setup) {
    let mesh = setup.env("FEIRA_ADMIN_LISTEN", "127.0.0.1:0").start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1_000), 5).await;
    let order = ada.order(&article.id, 1, "sim_approve").await.expect("an order").body;
    ada.until(&order.id, OrderState::Paid).await;
    ada.order(&article.id, 1, "sim_decline").await.expect("an order that waits");
    ada.order(&article.id, 50, "sim_approve").await.refused(Code::FailedPrecondition, "OUT_OF_STOCK");
    ada.cancel(&order.id).await.expect("it is cancelled");
    // A 5xx would have it, which a shop that is well does not answer; a call of another role that is refused has it too.
    assert_eq!(mesh.http().get("/v1/articles/art_00000000000000000000000000").await.status, 404);
    let scrape = until("everything is counted that is counted now and then", || async {
        let scrape = mesh.scrape().await;
        let has = |name: &str| scrape.text.contains(name);
        (has("feira_orders{")
            && has("feira_task_duration_seconds_count{")
            && has("feira_mails_waiting{")
            && has("feira_feed_followed_position{")
            && has("feira_payment_money_total{"))
        .then_some(scrape)
    })
    .await;
    let mut problems = Vec::new();
    for (place, query) in panels().into_iter().chain(alerts()) {
        let metrics = named(&query).into_iter();
        for (metric, labels) in metrics.filter(|(metric, _)| !WITH_CERTIFICATES.contains(&metric.as_str())) {
            let series = of(&scrape, &metric);
            // What is summed by is named as a metric is.
            if series.is_empty() && is_label(&scrape, &metric) {
                continue;
            }
            if series.is_empty() {
                problems.push(format!("{place}: {metric} is not exported"));
            }
            for label in labels.iter().filter(|label| !ADDED.contains(&label.as_str())) {
                // What only failures have is there for another family at least.
                let has = series.iter().any(|line| line.contains(&format!("{label}=\"")));
                if !has && (label != "error_type" || !is_label(&scrape, label)) {
                    problems.push(format!("{place}: {metric} has no label {label}"));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");

    let handbook = file("docs/operations.md");
    let alerts: BTreeSet<String> = alerts().into_iter().map(|(name, _)| name).collect();
    assert!(alerts.len() > 15);
    let rules = file("deploy/prometheus/rules.yaml");
    for alert in &alerts {
        assert!(
            handbook.contains(&format!("\n### {alert}\n")),
            "{alert} has no paragraph in docs/operations.md"
        );
        let link = format!("runbook_url: docs/operations.md#{}\n", alert.to_lowercase());
        assert!(rules.contains(&link), "{alert} links to no paragraph");
    }
    let Some(promtool) = scrape::promtool() else { return eprintln!("SKIPPED: there is no promtool") };
    // What Grafana puts in for its variables is some time, and some label's value.
    let mut shown = String::from("groups:\n- name: panels\n  rules:\n");
    for (number, (_, query)) in panels().into_iter().filter(|(_, query)| !is_variable(query)).enumerate() {
        let query = Value::from(query.replace("$__rate_interval", "5m"));
        shown += &format!("  - record: panel_{number}\n    expr: {query}\n");
    }
    let panels = mesh.folder().join("panels.yaml");
    fs::write(&panels, shown).unwrap();
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus/rules.yaml");
    let checked = Command::new(promtool).args(["check", "rules"]).arg(rules).arg(panels).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

fn is_variable(query: &str) -> bool {
    query.starts_with("label_values(")
}

/// The lines of a metric's series.
fn of<'s>(scrape: &'s Scrape, metric: &str) -> Vec<&'s str> {
    let is = |line: &&str| line.strip_prefix(metric).is_some_and(|rest| rest.starts_with(['{', ' ']));
    scrape.text.lines().filter(is).collect()
}

fn is_label(scrape: &Scrape, label: &str) -> bool {
    scrape.text.contains(&format!("{{{label}=\"")) || scrape.text.contains(&format!(",{label}=\""))
}
