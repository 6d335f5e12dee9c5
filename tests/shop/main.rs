//! Black-box tests: the real binary, its two edges, a fresh database for each test. See ../README.md.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "that is how tests fail")]

#[macro_use]
mod support;

mod adjustments;
mod administrators;
mod articles;
mod audit;
mod auth;
mod bad_input;
mod clocks;
mod crash;
mod descriptors;
mod down;
mod edge;
mod exports;
mod failover;
mod figures;
mod full_disk;
mod health;
mod idempotency;
mod images;
mod import;
mod instances;
mod journey;
mod layering;
mod letter;
mod mail;
mod migrations;
mod orders;
mod overload;
mod payments;
mod program;
mod purchases;
mod races;
mod readers;
mod reference;
mod refunds;
mod reopening;
mod runtime;
mod searching;
mod seed;
mod spacecash;
mod standby;
mod starting;
mod stripe;
mod stripe_events;
mod stripe_page;
mod tables;
mod telemetry;
mod users;
mod watching;
mod webhooks;
mod wire;
