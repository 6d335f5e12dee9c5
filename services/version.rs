//! Which program this is: its version, the commit that it was built from where the build was told, and the schemas that it
//! brings.

use std::fmt::Write;

use kit::Role;

use crate::roles;

/// The version of all crates.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit, where FEIRA_COMMIT named it at build time.
const COMMIT: Option<&str> = option_env!("FEIRA_COMMIT");

/// What `feira --version` says; `feira -V` says the first line.
pub fn long() -> String {
    let commit = COMMIT.map(str::trim).filter(|commit| !commit.is_empty() && *commit != "unknown");
    let mut text = format!("{VERSION}\ncommit: {}", commit.unwrap_or("not known"));
    for role in Role::SERVICES {
        let _ =
            write!(text, "\nschema of {role}: {}", roles::known_migrations(role).pop().unwrap_or_default());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_is_named() {
        let text = long();
        assert_eq!(text.lines().count(), 2 + Role::SERVICES.len(), "{text}");
        assert!(text.starts_with(VERSION) && text.contains("schema of order: m0000"), "{text}");
    }
}
