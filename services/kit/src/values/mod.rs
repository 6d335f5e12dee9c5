//! Types of values: ids, money, time, secrets, durations, postal addresses, names.

pub mod clock;
pub mod currency;
pub mod duration;
pub mod id;
pub mod money;
pub mod payment_types;
pub mod postal;
pub mod secret;
pub mod secret_source;
pub mod text;
pub mod wrapping;
