//! The rules, without a database and without a clock.

pub mod acts;
pub mod article;
pub mod caps;
pub mod image;
pub mod import;
pub mod list;
pub mod listing_status;
pub mod reservation;
pub mod stock;
