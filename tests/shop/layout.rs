//! The floor plan: every service crate has the same rooms, so that what one knows of one holds for all.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// What every service crate has.
const ROOMS: [&str; 9] =
    ["lib.rs", "options.rs", "error.rs", "api", "domain", "store", "work", "migration", "tests"];
/// What a crate has beside them, each explained in its README.
const MORE: [(&str, &[&str]); 5] = [
    ("user", &["administrators", "credentials", "mail.rs"]),
    ("article", &[]),
    ("order", &["checkout", "mail", "orders.rs", "remote"]),
    ("payment", &["engine", "provider", "simulator"]),
    ("mesh", &["audit.rs", "directory.rs", "log.rs", "remote", "webhooks.rs"]),
];
/// The files within the rooms that everybody looks for.
const FILES: [&str; 9] = [
    "api/mod.rs",
    "api/render.rs",
    "domain/mod.rs",
    "store/mod.rs",
    "store/entities.rs",
    "store/lists.rs",
    "work/mod.rs",
    "migration/mod.rs",
    "tests/mod.rs",
];
/// What the pure rules must not know: the rooms around them, and messages of the wire.
const OUTER: [&str; 13] = [
    "crate::api",
    "crate::store",
    "crate::work",
    "crate::engine",
    "crate::provider",
    "crate::simulator",
    "crate::checkout",
    "crate::mail",
    "crate::remote",
    "contracts::",
    "crate::audit",
    "crate::directory",
    "async fn",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn source(service: &str) -> PathBuf {
    root().join("services").join(service).join("src")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// All Rust files in a folder and below.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for name in names(folder) {
        let path = folder.join(name);
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_service_has_the_same_rooms_and_explains_the_others() {
    for (service, more) in MORE {
        let rooms = ROOMS.iter().chain(more);
        assert_eq!(names(&source(service)), rooms.map(ToString::to_string).collect(), "{service}");
        for file in FILES {
            assert!(source(service).join(file).is_file(), "{service}: {file}");
        }
        let readme = fs::read_to_string(source(service).join("../README.md")).unwrap();
        for room in more {
            assert!(readme.contains(room), "{service}: the README does not explain {room}");
        }
    }
}

#[test]
fn migrations_are_numbered_without_gaps() {
    for (service, _) in MORE {
        let migrations = names(&source(service).join("migration"));
        let mut numbers = migrations.iter().filter(|name| *name != "mod.rs").map(|name| {
            let number = name.strip_prefix('m').and_then(|name| name.split('_').next());
            number
                .and_then(|number| number.parse::<usize>().ok())
                .unwrap_or_else(|| panic!("{service}: {name}"))
        });
        let first = numbers.next().unwrap_or_else(|| panic!("{service} has no migration of its own"));
        let expected = (first + 1..).take(migrations.len() - 2);
        assert!(numbers.eq(expected), "{service}: {migrations:?}");
    }
}

#[test]
fn the_rules_know_nothing_of_what_is_around_them() {
    for (service, _) in MORE {
        for file in files(&source(service).join("domain")) {
            let text = fs::read_to_string(&file).unwrap();
            for outer in OUTER.into_iter().filter(|outer| !(service == "mesh" && *outer == "contracts::")) {
                assert!(!text.contains(outer), "{}: {outer}", file.display());
            }
        }
    }
}

#[test]
fn a_file_says_what_it_is_about_and_ends_in_time() {
    const MOST: usize = 300;
    for folder in ["services", "gateway", "proto/src", "tests"] {
        for file in files(&root().join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            let name = file.strip_prefix(root()).unwrap().display().to_string();
            assert!(text.starts_with("//! "), "{name}: what is it about?");
            let lines = text.lines().count();
            assert!(lines <= MOST, "{name}: {lines} lines");
        }
    }
}
