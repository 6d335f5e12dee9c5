//! Calls against the whole service on a fresh database.

mod chaos;
mod crash;
mod faults;
mod feed;
mod journey;
mod ledger;
mod lists;
mod migrations;
mod races;
mod refunds;
mod resume;
mod sending;
mod support;
mod webhooks;
