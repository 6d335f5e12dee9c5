//! The page `tests/COVERAGE.md`.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{Group, rpcs, sources::Suite};

/// How many tests a row names before it only counts the others.
const NAMED: usize = 3;

pub fn write(groups: &[Group], suite: &Suite) -> String {
    let mut page = String::from(
        "# What is tested from outside\n\n\
         Made from the tests themselves (`FEIRA_COVERAGE=write cargo test --test coverage`); the test program\n\
         `coverage` fails where a function or an RPC has no black-box test, and where this page is not up to date.\n",
    );
    for group in groups {
        let _ = write!(page, "\n## {}\n\n| function | tests |\n|---|---|\n", group.name);
        for function in &group.functions {
            let tests: Vec<_> = suite
                .covering(&function.key)
                .iter()
                .map(|test| format!("[{}]({})", test.name, test.file))
                .collect();
            let _ = writeln!(page, "| {} | {} |", function.text, some_of(&tests));
        }
    }
    page.push_str("\n## RPCs\n\nHow many tests call each, over each edge.\n");
    let mut services: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for rpc in rpcs::all() {
        services.entry(rpc.service.clone()).or_default().push(rpc);
    }
    for (service, rpcs) in services {
        let _ = write!(page, "\n### {service}\n\n| RPC | REST | gRPC |\n|---|---|---|\n");
        for rpc in rpcs {
            let edges = suite.edges(&rpc.function());
            let rest = if rpc.rest { edges.rest.len().to_string() } else { "–".to_owned() };
            let grpc = if rpc.outside { edges.grpc.len().to_string() } else { "mesh only".to_owned() };
            let _ = writeln!(page, "| {} | {rest} | {grpc} |", rpc.name);
        }
    }
    page
}

fn some_of(tests: &[String]) -> String {
    let mut text = tests[..tests.len().min(NAMED)].join("<br>");
    if tests.len() > NAMED {
        let _ = write!(text, "<br>and {} more", tests.len() - NAMED);
    }
    text
}
