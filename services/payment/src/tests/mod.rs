//! Calls against the whole service on a fresh database.

mod chaos;
mod faults;
mod journey;
mod lists;
mod races;
mod refunds;
mod resume;
mod support;
mod webhooks;
