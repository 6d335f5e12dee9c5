//! Passwords as they are hashed, and which are refused: those that are tried first.

use std::borrow::Cow;

use precis_profiles::{OpaqueString, precis_core::profile::PrecisFastInvocation};

/// Characters of a password at least.
const SHORTEST: usize = 8;

/// A password has characters that nobody can be relied on to type again: what is not seen, or is (not yet) a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfit;

/// A password as it is hashed (RFC 8265, OpaqueString): the same text, however a keyboard or an operating system spells it.
/// Every blank is the ordinary one, accents and their letters are one character, and nothing else changes.
pub fn prepared(password: &str) -> Result<Cow<'_, str>, Unfit> {
    if password.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Ok(password.into());
    }
    OpaqueString::enforce(password).map_err(|_| Unfit)
}

/// What is wrong with a new password, once it is prepared.
pub fn problem(password: &str) -> Option<&'static str> {
    match prepared(password) {
        Err(Unfit) => Some("has characters that a password cannot have"),
        Ok(prepared) if prepared.chars().count() < SHORTEST => Some("must have 8 characters or more"),
        Ok(_) => None,
    }
}

/// Why a password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooCommon;

/// SHA-256 of the 100,000 most common passwords of eight characters or more, in small letters, the first five bytes of
/// each, sorted. Made by `services/user/common-passwords.py`, which says where they are from.
static COMMON: &[u8] = include_bytes!("common-passwords.bin");
const WIDTH: usize = 5;

/// Refuses a password that is among the most common ones, or is one of `names` (the username, the e-mail, the shop's name)
/// but for digits and signs around it. `sha256` hashes.
pub fn check(password: &str, names: &[&str], sha256: impl Fn(&[u8]) -> [u8; 32]) -> Result<(), TooCommon> {
    let small = password.to_lowercase();
    let hash = sha256(small.as_bytes());
    if hash.first_chunk().is_some_and(is_common) {
        return Err(TooCommon);
    }
    let core = |text: &str| text.trim_matches(|letter: char| !letter.is_alphabetic()).to_lowercase();
    let inner = core(&small);
    let parts = names.iter().flat_map(|name| [*name, name.split('@').next().unwrap_or_default()]);
    for name in parts.filter(|name| name.chars().count() >= 3) {
        let whole = name.to_lowercase();
        if small == whole || (!inner.is_empty() && inner == core(&whole)) {
            return Err(TooCommon);
        }
    }
    Ok(())
}

fn is_common(wanted: &[u8; WIDTH]) -> bool {
    let (rows, _) = COMMON.as_chunks::<WIDTH>();
    rows.binary_search(wanted).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(bytes: &[u8]) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
        hash
    }

    fn refused(password: &str) -> bool {
        check(password, &["ana.silva", "ana.silva@loja.example", "Loja da Inês"], digest).is_err()
    }

    #[test]
    fn what_is_tried_first_is_refused_and_phrases_are_not() {
        assert_eq!(COMMON.len(), 100_000 * WIDTH);
        let (rows, _) = COMMON.as_chunks::<WIDTH>();
        assert!(rows.is_sorted());
        for bad in ["password", "PassWord1", "12345678", "qwertyuiop", "iloveyou", "trustno1"] {
            assert!(refused(bad), "{bad}");
        }
        for good in ["correct horse battery", "long enough 1", "Tr0ub4dor&3 and more", "чтонибудь длинное"]
        {
            assert!(!refused(good), "{good}");
        }
    }

    #[test]
    fn a_password_is_the_same_however_it_is_spelled() {
        for (one, other) in [
            ("pässwörd lang", "pa\u{308}sswo\u{308}rd lang"),
            ("a b c d e f g", "a\u{a0}b\u{3000}c\u{2003}d e f g"),
            ("ångström 2024", "\u{212b}ngström 2024".replace('\u{212b}', "å").as_str()),
        ] {
            assert_eq!(prepared(one), prepared(other));
        }
        for (one, other) in
            [("Password 1x", "password 1x"), ("ｐａｓｓｗｏｒｄ", "password"), (" padded one", "padded one")]
        {
            assert_ne!(
                prepared(one),
                prepared(other),
                "neither case nor width nor blanks at the ends are the same"
            );
        }
        for unfit in [
            "",
            "tab\tin it now",
            "zero\u{200b}width",
            "turned\u{202e}round",
            "half a \u{1100}jamo",
            "\u{ffff}abcdefgh",
        ] {
            assert_eq!(
                problem(unfit),
                Some("has characters that a password cannot have")
                    .filter(|_| !unfit.is_empty())
                    .or(Some("must have 8 characters or more")),
                "{unfit:?}"
            );
        }
        assert_eq!(problem("a\u{301}a\u{301}a\u{301}a\u{301}"), Some("must have 8 characters or more"));
        assert_eq!(problem("正しい馬の電池 🐎"), None);
    }

    proptest::proptest! {
        #[test]
        fn what_is_prepared_stays_as_it_is(text in "\\PC{1,40}") {
            if let Ok(once) = prepared(&text) {
                proptest::prop_assert_eq!(prepared(&once), Ok(once.clone()));
            }
        }
    }

    #[test]
    fn names_are_refused_with_digits_and_signs_around_them() {
        for bad in [
            "ana.silva",
            "Ana.Silva1!",
            "2024ana.silva",
            "ana.silva@loja.example",
            "Loja da Inês!",
            "loja da inês",
        ] {
            assert!(refused(bad), "{bad}");
        }
        assert!(!refused("ana.silva likes cheese"));
        assert!(check("11111 22222 3", &["111", ""], digest).is_ok(), "digits alone are no name");
    }
}
