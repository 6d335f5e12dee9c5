//! Which functions and RPCs have black-box tests: reads the tests themselves, writes `tests/COVERAGE.md`, and
//! fails where one has none. Functions are listed in `functions.toml`; a test says in its comment which of
//! them it covers (`Covers: user.register, user.addresses`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "that is how tests fail")]

mod page;
mod rpcs;
mod sources;

use std::path::{Path, PathBuf};

use sources::{Edges, Suite};

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// One function of the program, as `functions.toml` has it.
#[derive(Debug, serde::Deserialize)]
struct Function {
    key: String,
    text: String,
}

/// A group of functions.
#[derive(Debug, serde::Deserialize)]
struct Group {
    name: String,
    functions: Vec<Function>,
}

#[derive(Debug, serde::Deserialize)]
struct Functions {
    groups: Vec<Group>,
}

fn functions() -> Vec<Group> {
    let text = std::fs::read_to_string(tests().join("functions.toml")).unwrap();
    toml::from_str::<Functions>(&text).unwrap().groups
}

#[test]
fn every_function_has_a_black_box_test() {
    let suite = Suite::read(&tests());
    let groups = functions();
    let known = || groups.iter().flat_map(|group| &group.functions);
    let without: Vec<_> = known().map(|it| &it.key).filter(|key| suite.covering(key).is_empty()).collect();
    assert!(without.is_empty(), "no test says that it covers {without:?}");
    for test in &suite.tests {
        for key in &test.covers {
            let listed = known().any(|function| function.key == *key);
            assert!(listed, "{} covers {key}, which functions.toml does not have", test.name);
        }
    }
}

#[test]
fn every_rpc_is_tested_over_rest_and_over_grpc() {
    let suite = Suite::read(&tests());
    let mut missing = Vec::new();
    for rpc in rpcs::all() {
        let Edges { rest, grpc } = suite.edges(&rpc.function());
        if rpc.rest && rest.is_empty() {
            missing.push(format!("{}/{} over REST", rpc.service, rpc.name));
        }
        if rpc.outside && grpc.is_empty() {
            missing.push(format!("{}/{} over gRPC", rpc.service, rpc.name));
        }
    }
    assert!(missing.is_empty(), "no black-box test calls {missing:#?}");
}

#[test]
fn the_page_is_what_the_tests_say() {
    let path = tests().join("COVERAGE.md");
    let page = page::write(&functions(), &Suite::read(&tests()));
    if std::env::var_os("FEIRA_COVERAGE").is_some_and(|wish| wish == "write") {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == page,
        "tests/COVERAGE.md is not up to date: FEIRA_COVERAGE=write cargo test --test coverage"
    );
}
