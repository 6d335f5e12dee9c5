//! The service's handlers on a fresh database each.

mod articles;
mod lists;
mod races;
mod reservations;
mod start;
mod stock;
mod support;
