//! The tables and their queries.
//!
//! Rows are locked in one order: a role that is given, administrators by id, the user, what belongs to that user (sessions, failures). Those
//! in any order, because who holds the user's row is alone with them: a failure that is counted without it locks nothing
//! else.

pub mod addresses;
pub mod api_keys;
pub mod audit;
pub mod entities;
pub mod failures;
pub mod keys;
pub mod lists;
pub mod mails;
pub mod passkeys;
pub mod roles;
pub mod second_factors;
pub mod sessions;
pub mod tokens;
pub mod users;
pub mod words;
