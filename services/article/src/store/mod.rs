//! The tables, and every query on them.

pub mod articles;
pub mod images;
pub mod import;
pub mod list;
pub mod reservations;
pub mod stock;
pub mod table;
mod words;
