//! The edge before an upstream that serves a contract which is not Feira's: nothing here has code of its
//! own for any method.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod answers;
mod conditions;
mod cookies;
mod current;
mod echo;
mod editions;
mod failures;
mod formats;
mod forwarded;
mod hostile;
mod library;
mod masks;
mod multipart;
mod pages;
mod ports;
mod prefix;
mod pressure;
mod proto;
mod protocols;
mod proxies;
mod requests;
mod required;
mod sockets;
mod streams;
mod styles;
mod support;
mod transcoding;
mod uploads;
mod values;
mod web;
mod wire;
