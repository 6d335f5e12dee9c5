//! The tables, and every query on them.

pub mod articles;
pub mod audit;
pub mod entities;
pub mod failpoints;
pub mod held;
pub mod images;
pub mod import;
pub mod lists;
mod movements;
pub mod reservations;
pub mod stock;
mod words;
