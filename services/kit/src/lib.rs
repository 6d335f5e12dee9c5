//! What every service is built on, in rooms:
//!
//! - [`process`]: what a process does once: start, listen, run tasks, report health, drain
//! - [`call`]: one call on its way to a handler: who calls, whether they may, the gRPC protocol
//! - [`mesh`]: the other roles: connections, replicas, feeds
//! - [`mail`]: what carries mails
//! - [`db`]: the database: pools, migrations, the one write path, pages of lists
//! - [`values`]: types of values: ids, money, time, secrets, durations, addresses
//! - [`fault`], [`telemetry`], [`words`]: errors; logs, traces and metrics; search
//! - [`testing`]: what the tests of all crates share
//!
//! What is used everywhere is also named here, at the root. Without the feature `database`, which only the edge does
//! without, there is none of what knows databases.

#![cfg_attr(
    not(feature = "database"),
    allow(dead_code, unused_imports, reason = "what the write path alone uses is there all the same")
)]

pub mod call;
#[cfg(feature = "database")]
pub mod db;
pub mod fault;
pub mod mail;
pub mod mesh;
pub mod process;
pub mod telemetry;
pub mod testing;
pub mod values;
pub mod words;

#[doc(hidden)]
pub use call::compressed::CompressionEncoding;
pub use call::{
    Call, Caller, Scope, access, client, headers, identity, identity::Identity, layer, limits, permissions,
    reflection, sizes, wire,
};
pub use contracts::errors::Reason;
#[cfg(feature = "database")]
pub use db::{
    Db, audit,
    insert::insert_new,
    migration,
    pages::{self as page, Page, newest, planner},
    write::{self, Opened, Tx, Writer, Written, idempotency, idempotency::replayed, outbox},
};
pub use fault::Fault;
pub use mesh::{Mesh, conn, conn::Conn, follow, refusals, role, role::Role};
#[cfg(feature = "database")]
pub use mesh::{audit_log, node};
pub use process::{
    boot,
    boot::Context,
    drain, fail_point, listen,
    start::{Exit, StartError},
    tasks,
    tasks::Tasks,
};
#[cfg(feature = "database")]
pub use process::{health, instance, service, service::Service};
pub use values::{
    clock,
    clock::{Clock, Time},
    currency::Currency,
    duration::{duration, duration_within, some_time},
    id, money,
    money::Money,
    payment_types, postal,
    secret::Secret,
    secret_source::{SecretSetting, SecretSource},
    text, wrapping,
};
