//! Calls against the whole service on a fresh database.

mod faults;
mod journey;
mod lists;
mod races;
mod refunds;
mod resume;
mod support;
