//! What was found, a line each.

use std::fmt::{Display, Write};

use serde::Serialize;

use crate::error::Error;

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    /// It works, and deserves a look.
    Warning,
    /// It does not work, or not for long.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    name: String,
    status: Status,
    /// What was found.
    found: String,
    /// What to do about it; empty where it is well.
    advice: String,
}

/// Everything that was looked at.
#[derive(Debug, Default)]
pub struct Report(Vec<Finding>);

impl Report {
    pub fn ok(&mut self, name: impl Display, found: impl Display) {
        self.push(name, Status::Ok, found, "");
    }

    pub fn warning(&mut self, name: impl Display, found: impl Display, advice: impl Display) {
        self.push(name, Status::Warning, found, advice);
    }

    pub fn problem(&mut self, name: impl Display, found: impl Display, advice: impl Display) {
        self.push(name, Status::Problem, found, advice);
    }

    /// Well as it is said, or a problem.
    pub fn judge<E: Display>(
        &mut self,
        name: impl Display,
        done: Result<(), E>,
        well: impl Display,
        advice: impl Display,
    ) {
        match done {
            Ok(()) => self.ok(name, well),
            Err(problem) => self.problem(name, problem, advice),
        }
    }

    fn push(&mut self, name: impl Display, status: Status, found: impl Display, advice: impl Display) {
        // Others' text must not move the cursor.
        let line = |text: &dyn Display| {
            let text = text.to_string().replace('\n', " ");
            text.chars().filter(|sign| !sign.is_control()).collect::<String>()
        };
        self.0.push(Finding { name: line(&name), status, found: line(&found), advice: line(&advice) });
    }

    fn worst(&self) -> Status {
        self.0.iter().map(|finding| finding.status).max().unwrap_or(Status::Ok)
    }

    /// For people.
    pub fn text(&self) -> String {
        let width = self.0.iter().map(|finding| finding.name.chars().count()).max().unwrap_or(0);
        self.0.iter().fold(String::new(), |mut text, finding| {
            let status = match finding.status {
                Status::Ok => "ok",
                Status::Warning => "warning",
                Status::Problem => "PROBLEM",
            };
            let _ = writeln!(text, "{status:<7}  {:<width$}  {}", finding.name, finding.found);
            if !finding.advice.is_empty() {
                let _ = writeln!(text, "{:<7}  {:<width$}  -> {}", "", "", finding.advice);
            }
            text
        })
    }

    /// For programs.
    pub fn json(&self) -> Result<String, Error> {
        let all = serde_json::json!({ "status": self.worst(), "checks": self.0 });
        Ok(format!("{all:#}\n"))
    }

    /// How the program ends.
    pub fn verdict(&self) -> Result<(), Error> {
        let count = |status| self.0.iter().filter(|finding| finding.status == status).count();
        let (problems, warnings) = (count(Status::Problem), count(Status::Warning));
        match (problems, warnings) {
            (0, 0) => Ok(()),
            (0, warnings) => Err(Error::Unhealthy(so_many(warnings, "warning"))),
            (problems, warnings) => {
                let problems = so_many(problems, "problem");
                Err(Error::usage(format!("{problems}, {}", so_many(warnings, "warning"))))
            }
        }
    }
}

fn so_many(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_line_and_advice_where_it_is_not_well() {
        let mut report = Report::default();
        assert!(report.verdict().is_ok());
        report.ok("settings", "user");
        report.warning("mail", "no\nserver\u{1b}[2J", "set --smtp-url");
        assert!(matches!(report.verdict(), Err(Error::Unhealthy(said)) if said == "1 warning"));
        report.problem("databases.user", "gone", "bring it back");
        assert!(matches!(report.verdict(), Err(Error::Usage(said)) if said == "1 problem, 1 warning"));
        let text = report.text();
        assert_eq!(
            text.lines().map(str::trim_end).collect::<Vec<_>>(),
            [
                "ok       settings        user",
                "warning  mail            no server[2J",
                "                         -> set --smtp-url",
                "PROBLEM  databases.user  gone",
                "                         -> bring it back",
            ]
        );
        let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(
            (json["status"].as_str(), json["checks"][1]["status"].as_str()),
            (Some("problem"), Some("warning"))
        );
    }
}
