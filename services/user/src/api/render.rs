//! Rows as the contract's messages.

use contracts::user::{Address, User};

use crate::{
    domain::address::Fields,
    error::Error,
    store::{addresses::address, users::user},
};

/// A user; never the password's hash.
pub fn user(row: user::Model) -> User {
    User {
        id: row.id.to_string(),
        roles: row.roles().render(),
        username: row.username,
        email: row.email,
        first_name: row.first_name,
        last_name: row.last_name,
        disabled: row.disabled,
        etag: row.version.to_string(),
        create_time: Some(row.create_time.into()),
        update_time: Some(row.update_time.into()),
    }
}

/// An address.
pub fn address(row: address::Model) -> Address {
    let Fields { recipient, lines, postal_code, city, region, country_code, phone } = row.fields();
    Address {
        id: row.id.to_string(),
        user_id: row.user_id.to_string(),
        recipient,
        lines,
        postal_code,
        city,
        region,
        country_code,
        phone,
        etag: row.version.to_string(),
    }
}

/// Refuses an etag that was sent back and is not the newest one.
pub fn check_etag(sent: &str, version: i64) -> Result<(), Error> {
    if sent.is_empty() || sent == version.to_string() { Ok(()) } else { Err(Error::Stale) }
}
