//! The reasons of failures, as people read them: `docs/errors.md` says what the contract says, and whoever goes by
//! reasons knows them by the names that they have.
//!
//! `FEIRA_ERRORS=write cargo test -p contracts --test errors` writes the page anew.

#![allow(clippy::expect_used, reason = "tests")]

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use contracts::errors::{Reason, code_name};
use regex::Regex;

const HEAD: &str = "\
# Errors

Made from [`errors.proto`](../proto/feira/errors/v1/errors.proto) by `FEIRA_ERRORS=write cargo test -p contracts --test
errors`; a test fails where it is not true.

Every failure says by its `reason` what it is: over gRPC in a `google.rpc.ErrorInfo` of the domain `feira`, over REST in
the first of `error.details`. Programs go by it; messages are for people, and change. Further details are a
`google.rpc.BadRequest` where fields are bad and a `google.rpc.RetryInfo` where waiting helps. New reasons may come:
whoever does not know one goes by the code.

";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    page += "| reason | gRPC | HTTP | what it is | what to do |\n|---|---|---|---|---|\n";
    for reason in Reason::ALL {
        let (code, http) = (code_name(reason.code()), reason.http_status());
        let (cause, remedy) = (reason.cause(), reason.remedy());
        let _ = writeln!(page, "| `{reason}` | {code} | {http} | {cause} | {remedy} |");
    }
    page
}

#[test]
#[allow(clippy::disallowed_methods, reason = "it is told by environment whether to write")]
fn the_page_of_errors_says_what_the_contract_says() {
    let file = root().join("docs/errors.md");
    if std::env::var("FEIRA_ERRORS").is_ok_and(|word| word == "write") {
        fs::write(&file, page()).expect("the page can be written");
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page(),
        "docs/errors.md is not what errors.proto says: FEIRA_ERRORS=write makes it anew"
    );
}

#[test]
fn a_reason_says_what_happened_and_what_to_do() {
    for reason in Reason::ALL {
        for text in [reason.cause(), reason.remedy()] {
            assert!(text.ends_with('.') && text.len() > 10 && !text.contains("  "), "{reason}: {text}");
            assert!(!text.contains(['|', '\n']), "{reason} would break the page: {text}");
        }
    }
}

/// The files under a folder, by their ends.
fn files(folder: &Path, ends: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.to_string_lossy().into_owned();
        match path.is_dir() {
            true if name.ends_with("node_modules") => {}
            true => found.extend(files(&path, ends)),
            false if ends.iter().any(|end| name.ends_with(end)) => found.push(path),
            false => {}
        }
    }
    found
}

/// The reasons that sources name: what they compare one with, and the keys of tables by reason.
fn named(source: &str) -> BTreeSet<String> {
    let word = r#"['"]([A-Z][A-Z_]+)['"]"#;
    let compared = [
        format!(r#"(?:\breason|\.getReason\(\)|\.Reason)\s*(?:===?|!==?|==)\s*{word}"#),
        format!(r#"{word}\s*(?:===?|!==?|==)\s*\w*\.?reason\b"#),
        format!(r#"\breason\.equals\(\s*{word}"#),
    ];
    let mut found = BTreeSet::new();
    for pattern in compared {
        let pattern = Regex::new(&pattern).expect("a pattern");
        found.extend(pattern.captures_iter(source).map(|it| it[1].to_owned()));
    }
    let lists = Regex::new(r"\[([^\]\[]*)\]\.includes\(\w*\.?reason\)").expect("a pattern");
    let tables = Regex::new(r"const (?:ADVICE|WHY|OVERTAKEN) = [{\[]([\s\S]*?)\n?[}\]];").expect("a pattern");
    let (words, keys) =
        (Regex::new(word).expect("a pattern"), Regex::new(r"(?m)^\s*([A-Z][A-Z_]+):").expect("a pattern"));
    for list in lists.captures_iter(source) {
        found.extend(words.captures_iter(&list[1]).map(|it| it[1].to_owned()));
    }
    for table in tables.captures_iter(source) {
        let entries = keys.captures_iter(&table[1]).chain(words.captures_iter(&table[1]));
        found.extend(entries.map(|it| it[1].to_owned()));
    }
    // Why stock is adjusted is another matter.
    found.retain(|name| !name.starts_with("STOCK_REASON_"));
    found
}

/// What the front end calls a shop that cannot be reached: there is no answer that could have a reason.
const OF_ITS_OWN: &str = "OFFLINE";

#[test]
fn pages_and_clients_go_by_reasons_that_there_are() {
    let mut found = BTreeSet::new();
    for (folder, ends) in [("gateway/web", &[".js"][..]), ("clients", &[".py", ".ts", ".go", ".java", ".md"])]
    {
        for file in files(&root().join(folder), ends) {
            let source = fs::read_to_string(&file).expect("text");
            for name in named(&source).into_iter().filter(|name| name != OF_ITS_OWN) {
                assert!(Reason::read(&name).is_some(), "{}: there is no reason {name}", file.display());
                found.insert(name);
            }
        }
    }
    // The patterns still find what they are for.
    for known in
        ["OUT_OF_STOCK", "IDEMPOTENCY_IN_PROGRESS", "LIMIT_EXCEEDED", "ETAG_MISMATCH", "PRICE_CHANGED"]
    {
        assert!(found.contains(known), "{known}: {found:?}");
    }
}

#[test]
fn services_and_edge_name_reasons_by_the_enum_alone() {
    // Other vocabularies that share a word: payments' flags and states.
    let others = [
        "services/payment/src/domain/",
        "services/order/src/domain/payment.rs",
        "services/order/src/domain/state.rs",
        "services/order/src/domain/step.rs",
    ];
    for folder in ["services", "gateway/src"] {
        for file in files(&root().join(folder), &[".rs"]) {
            let name = file.to_string_lossy().into_owned();
            // What migrations read is words of their time.
            if name.contains("/tests")
                || name.contains("/migration/")
                || name.ends_with("tests.rs")
                || others.iter().any(|it| name.contains(it))
            {
                continue;
            }
            let source = fs::read_to_string(&file).expect("text");
            let code = source.split("#[cfg(test)]").next().unwrap_or_default();
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in lines {
                let found = Reason::ALL.iter().find(|reason| line.contains(&format!("\"{reason}\"")));
                assert!(found.is_none(), "{name}: Reason::… instead of a string: {line}");
            }
        }
    }
}
