//! `feira status`: what runs.

use std::{fmt::Write, time::Duration};

use contracts::mesh::{Instance, ListInstancesRequest, ListInstancesResponse};
use kit::{Clock, Role, Time};

use crate::{
    banner,
    error::Error,
    operator::{Operator, Way, json},
};

/// Shows what runs.
#[derive(clap::Args, Debug)]
pub struct Status {
    #[command(flatten)]
    operator: Operator,

    /// Show it again and again until interrupted
    #[arg(long, conflicts_with_all = ["json", "once"])]
    watch: bool,

    /// Show it once, which is the default
    #[arg(long)]
    once: bool,

    /// With --watch: how long to wait in between
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = kit::some_time)]
    every: Duration,

    /// Show how each background task fares, too
    #[arg(long, conflicts_with = "json")]
    tasks: bool,

    /// Show it as JSON, as GET /v1/instances answers
    #[arg(long)]
    json: bool,
}

/// Clears a terminal and begins at its top.
const CLEAR: &str = "\x1b[2J\x1b[H";
const PAGE: i32 = 1_000;

/// Prints a table of all instances; one that is not healthy is an error, unless somebody watches.
pub async fn status(status: Status) -> Result<(), Error> {
    if status.watch {
        return watch(&status).await;
    }
    let instances = instances(&mut status.operator.connect().await?).await?;
    if status.json {
        let all = ListInstancesResponse { instances: instances.clone(), next_page_token: String::new() };
        banner::print(&json(&all)?)?;
    } else {
        banner::print(&shown(&status, &instances))?;
    }
    match instances.iter().filter(|instance| !instance.healthy).count() {
        0 => Ok(()),
        ill => Err(Error::Unhealthy(format!("{ill} of {} are not healthy", instances.len()))),
    }
}

/// Until SIGINT ends it. That nobody answers is shown, too: it may pass.
async fn watch(status: &Status) -> Result<(), Error> {
    loop {
        // Connected anew each time: a process that was restarted answers at once, and a broken connection is not
        // waited for.
        let seen = async { instances(&mut status.operator.connect().await?).await }.await;
        let shown = match seen {
            Ok(instances) => shown(status, &instances),
            Err(error @ Error::Unhealthy(_)) => format!("{error}\n"),
            Err(error) => return Err(error),
        };
        banner::print(&format!("{CLEAR}{shown}"))?;
        tokio::time::sleep(status.every).await;
    }
}

async fn instances(way: &mut Way) -> Result<Vec<Instance>, Error> {
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = way.request(ListInstancesRequest { page_size: PAGE, page_token })?;
        let answer = way.client.list_instances(request).await.map_err(|status| way.failed(&status))?;
        let page = answer.into_inner();
        all.extend(page.instances);
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        page_token = page.next_page_token;
    }
}

/// What is to be shown: the instances, and all background tasks or those that fail.
fn shown(status: &Status, instances: &[Instance]) -> String {
    let now = Clock::system().now();
    let mut text = table(instances, now);
    let tasks = tasks(instances, status.tasks, now);
    if !tasks.is_empty() {
        let _ = write!(text, "\n{tasks}");
    }
    text
}

fn table(instances: &[Instance], now: Time) -> String {
    let head = ["ROLE", "ADDRESS", "VERSION", "UPTIME", "SCHEMA", "DATABASE", "HEALTH"].map(str::to_owned);
    columns(head, instances.iter().map(|instance| row(instance, now)))
}

/// A line for each task that fails, or for `all` of them.
fn tasks(instances: &[Instance], all: bool, now: Time) -> String {
    let head = ["TASK", "ADDRESS", "RUNS", "FAILED", "LAST RUN", "TOOK", "LAG", "ERROR"].map(str::to_owned);
    let every = instances.iter().flat_map(|instance| instance.tasks.iter().map(move |task| (instance, task)));
    let mut rows = every
        .filter(|(_, task)| all || !task.error.is_empty())
        .map(|(instance, task)| {
            let last = task.last_run_time.map(|end| format!("{} ago", in_words(now.since(Time::from(end)))));
            let took =
                last.as_ref().map(|_| format!("{:?}", Duration::from_micros(task.last_run_us.max(0) as u64)));
            [
                task.name.clone(),
                or_dash(&instance.address),
                task.runs.to_string(),
                task.failures.to_string(),
                last.unwrap_or_else(|| "-".to_owned()),
                took.unwrap_or_else(|| "-".to_owned()),
                match task.lag_us {
                    ..=0 => "-".to_owned(),
                    lag => in_words(Duration::from_micros(lag.unsigned_abs())),
                },
                or_dash(&task.error),
            ]
        })
        .peekable();
    if rows.peek().is_none() { String::new() } else { columns(head, rows) }
}

/// Lines of cells, each column as wide as its widest.
fn columns<const N: usize>(head: [String; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut rows = [head].into_iter().chain(rows).collect::<Vec<_>>();
    // Others' text must not move the cursor.
    rows.iter_mut().flatten().for_each(|cell| cell.retain(|sign| !sign.is_control()));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    rows.iter().fold(String::new(), |mut text, row| {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
        text
    })
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

fn row(instance: &Instance, now: Time) -> [String; 7] {
    let since = instance.start_time.map(|start| in_words(now.since(Time::from(start))));
    let health = match instance {
        Instance { healthy: true, .. } => "healthy".to_owned(),
        Instance { id, .. } if id.is_empty() => "UNREACHABLE".to_owned(),
        Instance { last_seen_time: Some(seen), .. } => {
            format!("NOT HEALTHY, last seen {} ago", in_words(now.since(Time::from(*seen))))
        }
        _ => "NOT HEALTHY".to_owned(),
    };
    let database = match instance.database_location.as_str() {
        "" if instance.role == Role::Gateway.name() => "none".to_owned(),
        location => or_dash(location),
    };
    [
        or_dash(&instance.role),
        or_dash(&instance.address),
        or_dash(&instance.version),
        since.filter(|_| instance.healthy).unwrap_or_else(|| "-".to_owned()),
        or_dash(&instance.schema_version),
        database,
        health,
    ]
}

/// A duration in its two greatest units.
fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, seconds) => format!("{seconds}s"),
        (0, 0, minutes, seconds) => format!("{minutes}m {seconds}s"),
        (0, hours, minutes, _) => format!("{hours}h {minutes}m"),
        (days, hours, _, _) => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_line_for_each_and_says_what_is_not_there() {
        let now = Time(1_000_000_000_000);
        let order = Instance {
            role: "order".into(),
            address: "127.0.0.1:50051".into(),
            version: "1.2.3".into(),
            start_time: Some((now - Duration::from_secs(3_700)).into()),
            database_location: "sqlite:/data/order.db".into(),
            schema_version: "m000002_orders".into(),
            healthy: true,
            id: "x".into(),
            ..Default::default()
        };
        let payment =
            Instance { role: "payment".into(), address: "payment:50051".into(), ..Default::default() };
        let text = table(&[order, payment], now);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split("  ").collect()).collect();
        assert_eq!(lines.len(), 3);
        assert!(text.contains("1h 1m") && text.contains("sqlite:/data/order.db"), "{text}");
        assert!(text.lines().nth(2).unwrap().ends_with("UNREACHABLE"), "{text}");
    }

    #[test]
    fn tasks_that_fail_are_shown_and_all_of_them_if_asked_for() {
        let now = Time(1_000_000_000_000);
        let ended = Some((now - Duration::from_secs(65)).into());
        let task = |name: &str, error: &str| contracts::mesh::Task {
            name: name.into(),
            error: error.into(),
            runs: 12,
            last_run_time: ended,
            last_run_us: 1_500,
            lag_us: 61_000_000,
            ..Default::default()
        };
        let tasks_of = |error: &str| Instance {
            tasks: vec![task("order.sweep", error), task("order.prune", "")],
            ..Default::default()
        };
        assert_eq!(tasks(&[tasks_of("")], false, now), "");
        let text = tasks(&[tasks_of("the database\u{1b}[2J is away")], false, now);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(
            text.contains("1m 5s ago  1.5ms  1m 1s") && text.contains("the database[2J is away"),
            "{text}"
        );
        assert_eq!(tasks(&[tasks_of("")], true, now).lines().count(), 3);
    }

    #[test]
    fn times_are_told_in_two_units() {
        for (seconds, said) in [(5, "5s"), (65, "1m 5s"), (7_260, "2h 1m"), (200_000, "2d 7h")] {
            assert_eq!(in_words(Duration::from_secs(seconds)), said);
        }
    }
}
