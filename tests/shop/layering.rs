//! Who depends on whom: services stand on `contracts` and `kit`, never on each other, never on the gateway.

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

const SERVICES: [&str; 5] = ["user", "article", "order", "payment", "mesh"];

/// The crates of the workspace that each crate of it depends on, tests left out.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let own = packages.iter().map(name).collect::<Vec<_>>();
    let of = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap().iter();
        let normal = all.filter(|dependency| dependency["kind"].is_null());
        normal.map(name).filter(|name| own.contains(name)).collect()
    };
    packages.iter().map(|package| (name(package), of(package))).collect()
}

#[test]
fn services_stand_on_contracts_and_kit_and_nothing_else_of_ours() {
    let dependencies = dependencies();
    for service in SERVICES {
        assert_eq!(dependencies[service], ["contracts", "kit"], "{service}");
    }
    assert_eq!(dependencies["kit"], ["contracts"]);
    assert_eq!(dependencies["contracts"], [""; 0]);
}

#[test]
fn the_gateway_knows_no_service() {
    for dependency in &dependencies()["gateway"] {
        assert!(["contracts", "kit"].contains(&dependency.as_str()), "{dependency}");
    }
}

#[test]
fn the_gateway_knows_no_database() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--offline", "--package", "gateway", "--edges", "normal", "--prefix", "none"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let tree = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(tree.contains("kit v"), "{tree}");
    for line in tree.lines() {
        let name = line.split(' ').next().unwrap_or_default();
        for database in ["sea-orm", "sea-query", "sqlx", "rusqlite", "libsqlite"] {
            assert!(!name.starts_with(database), "{line}");
        }
    }
}

#[test]
fn only_the_binary_knows_them_all() {
    for (name, dependencies) in dependencies() {
        let services =
            dependencies.iter().filter(|it| SERVICES.contains(&it.as_str()) || *it == "gateway").count();
        assert_eq!(services, if name == "feira" { 6 } else { 0 }, "{name}");
    }
}
