//! Metrics as Prometheus reads them.

use std::{
    collections::BTreeMap,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use super::{Mesh, rest::Rest, servers};

/// One reading: series with their labels, as they are written, and their values.
#[derive(Debug, Clone)]
pub struct Scrape {
    pub text: String,
    series: BTreeMap<String, f64>,
}

impl Scrape {
    /// Reads a process.
    pub async fn of(admin: &str) -> Self {
        Self::read(admin, "text/plain").await.1
    }

    /// Reads a process as one who takes this; with the media type.
    pub async fn read(admin: &str, accept: &str) -> (String, Self) {
        let reply = Rest::new(admin).with("accept", accept).get("/metrics").await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let media_type = reply.headers["content-type"].to_str().unwrap().to_owned();
        let text = reply.text();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let series = lines.map(|line| {
            let line = line.split(" # ").next().unwrap();
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}")))
        });
        (media_type, Self { series: series.collect(), text: text.clone() })
    }

    /// The value of a series; 0, where there is none.
    pub fn value(&self, series: &str) -> f64 {
        self.series.get(series).copied().unwrap_or(0.0)
    }

    /// The sum of all series of a name.
    pub fn sum(&self, name: &str) -> f64 {
        let of = |series: &str| series.split('{').next() == Some(name);
        self.series.iter().filter(|(series, _)| of(series)).map(|(_, value)| value).sum()
    }

    /// Which series of these families are more than they were, and by how much.
    pub fn since(&self, before: &Self, families: &[&str]) -> BTreeMap<String, f64> {
        let of = |series: &str| families.contains(&series.split('{').next().unwrap_or_default());
        let moved = self.series.iter().filter(|(series, _)| of(series));
        let moved = moved.map(|(series, value)| (series.clone(), value - before.value(series)));
        moved.filter(|(_, by)| *by != 0.0).collect()
    }

    /// Finds what Prometheus's own tool has against it, where there is one.
    pub fn check(&self) {
        let Some(promtool) = promtool() else { return eprintln!("SKIPPED: there is no promtool") };
        let mut checking = Command::new(promtool)
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        checking.stdin.take().unwrap().write_all(self.text.as_bytes()).unwrap();
        let said = checking.wait_with_output().unwrap();
        let problems = [said.stdout, said.stderr].concat();
        assert!(said.status.success() && problems.is_empty(), "{}", String::from_utf8_lossy(&problems));
    }
}

impl Mesh {
    /// Reads the metrics of its only process, or of the first.
    pub async fn scrape(&self) -> Scrape {
        Scrape::of(&self.main().admin()).await
    }
}

/// Prometheus's `promtool`: where `FEIRA_TEST_PROMTOOL` says, or in the path.
#[allow(clippy::disallowed_methods, reason = "what the test run has installed")]
pub fn promtool() -> Option<PathBuf> {
    std::env::var_os("FEIRA_TEST_PROMTOOL").map(PathBuf::from).or_else(|| servers::program("promtool"))
}
