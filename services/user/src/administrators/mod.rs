//! Administrators before and beside the API: the first one, and what the operator does about them.

pub mod first;
pub mod operator;
pub mod show;
pub mod signing_keys;
