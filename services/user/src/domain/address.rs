//! Address books.

/// How many addresses an address book holds.
pub const MOST: u64 = 50;

/// An address's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    pub recipient: String,
    pub lines: Vec<String>,
    pub postal_code: String,
    pub city: String,
    pub region: String,
    pub country_code: String,
    pub phone: String,
}
