//! `tests/STATEMENTS.md`: what each call costs, as a table that a change of it shows in.

use std::{collections::BTreeMap, path::Path};

use super::work::{Account, Work};

/// Statements and transactions, by role.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Count {
    pub statements: usize,
    pub transactions: usize,
}

/// What a call costs.
#[derive(Debug)]
pub struct Cost {
    call: &'static str,
    by_role: BTreeMap<String, Count>,
    provider: Count,
    /// The most statements that it may cause with all that follows, where something does.
    most: Option<usize>,
    /// What it had executed.
    lines: Vec<String>,
}

const ROLES: [&str; 4] = ["user", "article", "order", "payment"];

const HEAD: &str = "# What each call costs on PostgreSQL

How many statements a call has the server execute, and how many transactions (`statements / transactions`; BEGIN and COMMIT
count as statements). Counted by a proxy in front of the server, and held to it by `shop/statements/`; after a change:
`FEIRA_STATEMENTS=write cargo test --test shop statements::`. `FEIRA_STATEMENTS=print` prints the statements, with
`-- --nocapture`.

The simulated provider's own are apart: a real one has them elsewhere. *With what follows*: the numbering of events, those
who follow them, the mails; how much is done at once depends on the moment, so that it has a bound only.

";

impl Count {
    fn add(&mut self, work: &Work) {
        self.statements += work.texts.len();
        self.transactions += usize::from(work.is_transaction());
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == Self::default() {
            return f.write_str("–");
        }
        write!(f, "{} / {}", self.statements, self.transactions)
    }
}

impl Cost {
    pub fn of(call: &'static str, done: &[Work], most: Option<usize>) -> Self {
        let (by_role, provider) = Default::default();
        let lines = done.iter().flat_map(Work::lines).collect();
        let mut cost = Self { call, by_role, provider, most, lines };
        for work in done {
            match work.account() {
                Account::Call => cost.by_role.entry(work.role.clone()).or_default().add(work),
                Account::Provider => cost.provider.add(work),
                Account::Feed | Account::Wait | Account::Time => {}
            }
        }
        cost
    }

    fn row(&self) -> String {
        let role = |role: &str| self.by_role.get(role).cloned().unwrap_or_default();
        let mut together = Count::default();
        for count in self.by_role.values() {
            together.statements += count.statements;
            together.transactions += count.transactions;
        }
        let roles = ROLES.map(|name| role(name).to_string()).join(" | ");
        let most = self.most.map_or("–".to_owned(), |most| format!("≤ {most}"));
        format!("| {} | {roles} | **{together}** | {} | {most} |\n", self.call, self.provider)
    }
}

/// The page.
fn page(costs: &[Cost]) -> String {
    let head = format!("| call | {} | together | provider | with what follows |\n", ROLES.join(" | "));
    let rule = format!("|---|{}---|---|---|\n", "---|".repeat(ROLES.len()));
    let rows = costs.iter().map(Cost::row).collect::<String>();
    format!("{HEAD}{head}{rule}{rows}")
}

/// Writes the page where that is asked for, and compares it else.
pub fn compare(costs: &[Cost], write: bool) {
    let page = &page(costs);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/STATEMENTS.md");
    if write {
        std::fs::write(&file, page).unwrap();
        return;
    }
    let recorded = std::fs::read_to_string(&file).unwrap_or_default();
    let (old, new) = (recorded.lines().collect::<Vec<_>>(), page.lines().collect::<Vec<_>>());
    let gone = old.iter().filter(|line| !new.contains(line)).map(|line| format!("- {line}\n"));
    let come = new.iter().filter(|line| !old.contains(line)).map(|line| format!("+ {line}\n"));
    let differences = gone.chain(come).collect::<String>();
    let changed = costs.iter().filter(|cost| !recorded.contains(&cost.row()));
    let statements =
        changed.map(|cost| format!("\n{}\n{}\n", cost.call, cost.lines.join("\n"))).collect::<String>();
    assert!(
        recorded == *page,
        "what a call costs has changed; if that is meant: FEIRA_STATEMENTS=write cargo test --test shop \
         statements::, and commit tests/STATEMENTS.md\n{differences}{statements}"
    );
}
