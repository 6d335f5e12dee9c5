//! The tables and their queries. Rows are locked in one order: failed sign-ins, administrators by id, the
//! user, her sessions.

pub mod addresses;
pub mod failures;
pub mod keys;
pub mod lists;
pub mod sessions;
pub mod users;
pub mod words;
