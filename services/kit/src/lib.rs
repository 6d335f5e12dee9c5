//! What every service is built on: its database and its one write path, identity and access, the ways to
//! the other roles and their feeds, errors, money, time, ids, pages.

pub mod access;
pub mod audit;
pub mod boot;
pub mod call;
pub mod clock;
mod compressed;
pub mod conn;
mod currency;
pub mod db;
pub mod drain;
pub mod fault;
pub mod follow;
pub mod health;
pub mod id;
pub mod idempotency;
pub mod identity;
mod insert;
pub mod instance;
pub mod layer;
pub mod listen;
pub mod mesh;
pub mod migration;
pub mod money;
pub mod newest;
pub mod node;
pub mod outbox;
pub mod page;
pub mod payment_types;
pub mod postal;
pub mod reflection;
mod replicas;
pub mod role;
mod secret;
pub mod telemetry;
pub mod wire;
pub mod words;
pub mod write;

pub use boot::{Context, Service, Tasks};
pub use call::{Call, Caller, Scope};
pub use clock::{Clock, Time};
#[doc(hidden)]
pub use compressed::CompressionEncoding;
pub use conn::Conn;
pub use currency::Currency;
pub use db::Db;
pub use fault::{Fault, reason};
pub use idempotency::replayed;
pub use identity::Identity;
pub use insert::insert_new;
pub use mesh::Mesh;
pub use money::Money;
pub use page::Page;
pub use role::Role;
pub use secret::Secret;
pub use write::{Opened, Tx, Written, open, transact, write};
