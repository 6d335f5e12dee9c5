//! Messages as rows of a table (`text/csv`, RFC 4180), for those who live in spreadsheets.
//!
//! A column is a field that is a single value, named by its path as in JSON (`price.currencyCode`). Amounts of
//! `google.type.Money` are decimal numbers: `price.amount` instead of units and nanos. What is repeated is
//! one cell of JSON.

mod column;
mod read;
mod write;

pub use self::{read::Reader, write::Writer};

/// The media type.
pub const MEDIA_TYPE: &str = "text/csv";

/// Whether a spreadsheet would take a text for a formula, or it begins with what says that it is none. Such
/// a text is written with an apostrophe before it, and read without.
fn is_guarded(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

#[cfg(test)]
mod tests;
