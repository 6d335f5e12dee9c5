//! Usernames, e-mails and how they are compared.

use crate::domain::Invalid;

/// How text is compared that is unique or searched without regard to case.
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// A username of digits only would be taken for a number somewhere. The contract's own rule (3 to 32
/// letters, digits and `. _ -`) was checked before.
pub fn check_username(username: &str, field: &str) -> Result<(), Invalid> {
    if username.is_empty() {
        return Err(Invalid::new(field, "must be given"));
    }
    if username.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Invalid::new(field, "must not be only digits"));
    }
    if username.to_ascii_lowercase().parse::<kit::id::UserId>().is_ok() {
        return Err(Invalid::new(field, "must not look like a user's id"));
    }
    Ok(())
}

/// An e-mail is needed; what one looks like was checked before. Usernames have no `@`, so that a login is
/// either one or the other.
pub fn check_email(email: &str, field: &str) -> Result<(), Invalid> {
    if email.contains('@') { Ok(()) } else { Err(Invalid::new(field, "must be an e-mail address")) }
}

/// Whether a login is an e-mail rather than a username.
pub fn is_email(login: &str) -> bool {
    login.contains('@')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_plays_no_part_beyond_ascii_either() {
        assert_eq!(fold("ÄNNE@Example.COM"), fold("änne@example.com"));
    }

    #[test]
    fn a_username_is_not_a_number() {
        assert!(check_username("0123", "username").is_err());
        assert!(check_username("", "username").is_err());
        assert!(check_username("0x123", "username").is_ok());
        assert!(check_username("USR_01h455vb4pex5vsknk084sn02q", "username").is_err());
        assert_eq!(check_username("42", "user.username").unwrap_err().field, "user.username");
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing_more(text in "\\PC{0,40}") {
            prop_assert_eq!(fold(&fold(&text)), fold(&text));
        }
    }
}
