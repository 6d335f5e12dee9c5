//! What the tests stand on: a mesh of real processes, and clients for its two edges.

pub mod address;
pub mod authenticator;
pub mod client;
pub mod collector;
pub mod databases;
pub mod files;
pub mod identity;
pub mod mesh;
pub mod money;
pub mod nats;
pub mod outcome;
pub mod process;
pub mod race;
pub mod raw;
pub mod receiver;
pub mod rest;
pub mod rpcs;
pub mod scrape;
pub mod servers;
pub mod setup;
pub mod shop;
pub mod smtp;
pub mod spacecash;
pub mod standby;
pub mod stripe;
pub mod tap;
pub mod transcode;
pub mod wait;
pub mod watch;

pub use client::{Client, Edge};
pub use mesh::Mesh;
pub use money::{eur, money};
pub use outcome::{Answer, Outcome, Refusal, Refused};
pub use race::at_once;
pub use rest::Reply;
pub use setup::{Backend, KnownBy, Setup};
pub use shop::Shopper;
pub use tonic::Code;
pub use wait::until;

/// Runs tests once, over gRPC, in one process on SQLite.
macro_rules! tests {
    ($($name:ident),+ $(,)?) => { each!(once: $crate::support::Setup::default(); $($name),+); };
}

/// Runs tests over REST and over gRPC, in one process on SQLite.
macro_rules! on_both_edges {
    ($($name:ident),+ $(,)?) => {
        each!(over_rest: $crate::support::Setup::default().over($crate::support::Edge::Rest); $($name),+);
        each!(over_grpc: $crate::support::Setup::default(); $($name),+);
    };
}

/// Runs tests on SQLite in one process, and on PostgreSQL and on MySQL with two replicas of everything.
macro_rules! on_every_database {
    ($($name:ident),+ $(,)?) => {
        each!(on_sqlite: $crate::support::Setup::default(); $($name),+);
        each!(on_postgres: $crate::support::Setup::default().on($crate::support::Backend::Postgres).replicas(2); $($name),+);
        each!(on_mysql: $crate::support::Setup::default().on($crate::support::Backend::MySql).replicas(2); $($name),+);
    };
}

/// Runs tests in a module, with a setup.
macro_rules! each {
    ($module:ident: $setup:expr; $($name:ident),+) => {
        mod $module {
            #[allow(unused_imports, reason = "what the setup is written with")]
            use super::*;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
                async fn $name() {
                    if let Some(setup) = $setup.possible() {
                        super::$name(setup).await;
                    }
                }
            )+
        }
    };
}
