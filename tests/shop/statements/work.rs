//! What a database was told to do, sorted: transactions and single statements, and on whose account they go.

use std::collections::HashMap;

use crate::support::tap::Executed;

/// A transaction, or a statement that stands alone.
#[derive(Debug)]
pub struct Work {
    /// Where it began, among all statements of the process.
    pub begun: usize,
    pub role: String,
    pub texts: Vec<String>,
}

/// On whose account work goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// The call's.
    Call,
    /// The simulated provider's, which would be somebody else's server.
    Provider,
    /// The feed's: numbering events, keeping cursors; and that of mails that are sent.
    Feed,
    /// Somebody's who waits for a payment, and looks once more or not, as it happens.
    Wait,
    /// Nobody's: it is done at its time, whether anybody calls or not.
    Time,
}

/// What is asked again and again, by a part of its text that no other statement has.
const TIMED: [&str; 17] = [
    // kit: is there anything to number, is the database one that can be written, what o'clock is it.
    r#"SELECT EXISTS(SELECT "outbox"."id" FROM "outbox" WHERE "outbox"."position" IS NULL"#,
    "current_setting('transaction_read_only')",
    "clock_timestamp()",
    // kit: instances, and what is too old.
    r#""instances""#,
    r#"DELETE FROM "outbox""#,
    r#"DELETE FROM "idempotency"#,
    // The sweeps of order, article and payment.
    r#""orders"."step" <> $1 AND "orders"."lease_until" < "#,
    r#""orders"."state" = $1 AND "orders"."expire_time" < "#,
    r#""undo" = $1 AND "order_"#,
    r#""reservations"."expire_time" <= "#,
    r#""next_poll_time" <= "#,
    r#""order_mails"."state" = $1 AND "order_mails"."next_try" <= $2 ORDER BY"#,
    r#""user_mails"."state" = $1 AND "user_mails"."next_try" <= $2 ORDER BY"#,
    // user: keys.
    r#"FROM "signing_keys""#,
    r#""audit_events"."id" < "#,
    // mesh: what is too old, and webhooks that nobody sends for.
    r#"SELECT "events"."position" FROM "events""#,
    r#"FROM "webhooks""#,
];

/// How a call that waits for a payment looks.
const WAITING: &str = r#"FROM "payments" WHERE "payments"."id" = $1 LIMIT $2"#;

/// What the feed is made of, and the sending of mails.
const FOLLOWING: [&str; 3] = ["feed_head", "feed_cursor", r#"UPDATE "order_mails""#];

impl Work {
    pub fn is_transaction(&self) -> bool {
        self.texts[0].starts_with("BEGIN")
    }

    pub fn account(&self) -> Account {
        let has = |part: &str| self.texts.iter().any(|text| text.contains(part));
        if TIMED.iter().any(|part| has(part)) {
            Account::Time
        } else if FOLLOWING.iter().any(|part| has(part)) {
            Account::Feed
        } else if self.role == "payment" && !self.is_transaction() && has(WAITING) {
            Account::Wait
        } else if has(r#""simulator_"#) {
            Account::Provider
        } else {
            Account::Call
        }
    }

    /// A line for each statement, without what makes it long.
    pub fn lines(&self) -> Vec<String> {
        let line = |text: &String| format!("{:8} {}", self.role, short(text));
        self.texts.iter().map(line).collect()
    }
}

/// Puts together what each connection did, in the order of its beginning.
pub fn sorted(executed: &[Executed]) -> Vec<Work> {
    let mut all: Vec<Work> = Vec::new();
    let mut open = HashMap::new();
    for (begun, Executed { connection, role, text }) in executed.iter().enumerate() {
        if let Some(number) = open.get(connection).copied() {
            let work: &mut Work = &mut all[number];
            work.texts.push(text.clone());
            if text.starts_with("COMMIT") || text.starts_with("ROLLBACK") {
                open.remove(connection);
            }
        } else {
            if text.starts_with("BEGIN") {
                open.insert(*connection, all.len());
            }
            all.push(Work { begun, role: role.clone(), texts: vec![text.clone()] });
        }
    }
    all
}

/// A statement without its quotes and its long lists of columns.
fn short(text: &str) -> String {
    let text = text.replace('"', "");
    let mut parts = Vec::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("SELECT ") {
        parts.push(format!("{before}SELECT "));
        rest = after;
        if let Some((list, from)) = after.split_once(" FROM ").filter(|(list, _)| list.len() > 40) {
            let first = list.split(',').next().unwrap_or_default();
            parts.push(format!("{first}, … FROM "));
            rest = from;
        }
    }
    parts.push(rest.to_owned());
    let text = parts.concat();
    let text = text.split(" RETURNING ").next().unwrap_or_default();
    let (text, values) = text.split_once(" VALUES ").unwrap_or((text, ""));
    let conflict =
        values.split_once(" ON CONFLICT").map_or(String::new(), |(_, what)| format!(" ON CONFLICT{what}"));
    format!("{text}{conflict}").chars().take(400).collect()
}
