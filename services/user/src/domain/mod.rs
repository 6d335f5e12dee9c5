//! The rules of users: names, roles, addresses, throttling, sessions. Pure: no database, time passed in.

pub mod address;
pub mod api_keys;
pub mod bucket;
pub mod flood;
pub mod mail;
pub mod names;
pub mod passkeys;
pub mod password;
pub mod reports;
pub mod roles;
pub mod session;
pub mod signing_keys;
pub mod source;
pub mod throttle;

/// A field of a request that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Invalid {
    /// Its proto path.
    pub field: String,
    pub problem: &'static str,
}

impl Invalid {
    /// A field and what is wrong with it.
    pub fn new(field: impl Into<String>, problem: &'static str) -> Self {
        Self { field: field.into(), problem }
    }
}
