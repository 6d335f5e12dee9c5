//! `feira verify`: whether stock and money add up.

use std::{collections::BTreeMap, fmt::Write};

use contracts::mesh::{VerifyAuditRequest, VerifyAuditResponse, Violation};

use crate::{
    banner,
    error::Error,
    operator::{Operator, json},
};

/// Checks that stock and money add up.
#[derive(clap::Args, Debug)]
pub struct Verify {
    #[command(flatten)]
    operator: Operator,

    /// Show the result as JSON, as POST /v1/audit:verify answers
    #[arg(long)]
    json: bool,
}

/// Prints what the audit found; a violation is an error.
pub async fn verify(verify: Verify) -> Result<(), Error> {
    let mut way = verify.operator.connect().await?;
    let request = way.request(VerifyAuditRequest {})?;
    let started = std::time::Instant::now();
    let found = way.client.verify_audit(request).await.map_err(|status| way.failed(&status))?.into_inner();
    if verify.json {
        banner::print(&json(&found)?)?;
    } else {
        banner::print(&report(&found, started.elapsed().as_millis()))?;
    }
    if found.ok { Ok(()) } else { Err(Error::Violations(found.violations.len())) }
}

fn report(found: &VerifyAuditResponse, milliseconds: u128) -> String {
    let mut kinds: BTreeMap<&str, Vec<&Violation>> = BTreeMap::new();
    for violation in &found.violations {
        kinds.entry(&violation.equation).or_default().push(violation);
    }
    let mut text = String::new();
    for (equation, violations) in kinds {
        let _ = writeln!(text, "{equation}: {}", violations.len());
        for violation in violations {
            let _ = writeln!(text, "  {}\n    {}", violation.ids.join(" "), violation.detail);
        }
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "{}: {} articles, orders and payments checked in {}.{:03} s, {} violations, {} orders in flight",
        if found.ok { "ok" } else { "NOT OK" },
        found.checked,
        milliseconds / 1_000,
        milliseconds % 1_000,
        found.violations.len(),
        found.in_flight
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_are_told_by_their_equation() {
        let one = |equation: &str, id: &str| Violation {
            equation: equation.to_owned(),
            ids: vec![id.to_owned()],
            detail: "free 3, sold 4".to_owned(),
        };
        let violations =
            vec![one("stock_total", "art_1"), one("order_total", "ord_1"), one("stock_total", "art_2")];
        let found = VerifyAuditResponse { ok: false, checked: 9, violations, in_flight: 1 };
        assert_eq!(
            report(&found, 1_234),
            "order_total: 1\n  ord_1\n    free 3, sold 4\n\n\
             stock_total: 2\n  art_1\n    free 3, sold 4\n  art_2\n    free 3, sold 4\n\n\
             NOT OK: 9 articles, orders and payments checked in 1.234 s, 3 violations, 1 orders in flight\n"
        );
    }
}
