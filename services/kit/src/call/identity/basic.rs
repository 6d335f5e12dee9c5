//! HTTP's Basic authentication (RFC 7617).

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

/// What a caller sent by it.
pub struct Basic {
    pub user: String,
    pub password: String,
}

impl fmt::Debug for Basic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Basic(…)")
    }
}

impl Basic {
    /// Reads the value of `authorization`; none where it is of another scheme, or malformed.
    pub fn read(value: &[u8]) -> Option<Self> {
        let (scheme, rest) = std::str::from_utf8(value).ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some(Self { user: user.to_owned(), password: password.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_are_read_and_nothing_else_is() {
        // The example of RFC 7617, and a password with a colon.
        for (value, user, password) in [
            ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"),
            ("basic  YTpiOmM=", "a", "b:c"),
            ("Basic YTo=", "a", ""),
        ] {
            let read = Basic::read(value.as_bytes()).unwrap();
            assert_eq!((read.user.as_str(), read.password.as_str()), (user, password), "{value}");
        }
        for bad in ["", "Basic", "Basic ", "Basic !", "Basic YQ==", "Bearer YTpi", "Basic /w=="] {
            assert!(Basic::read(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
