//! Messages as rows of a table (`text/csv`, RFC 4180), for those who live in spreadsheets.
//!
//! A column is a field that is a single value, named by its path as in JSON (`price.currencyCode`). Amounts of
//! `google.type.Money` are decimal numbers: `price.amount` instead of units and nanos. What is repeated is
//! one cell of JSON.

mod column;
mod first;
mod guard;
mod money;
mod number;
mod read;
mod style;
mod write;

pub use self::{
    read::Reader,
    style::{PARAMETERS, Style, delimiter_of_body},
    write::Writer,
};

/// The media type.
pub const MEDIA_TYPE: &str = "text/csv";

#[cfg(test)]
mod tests;
