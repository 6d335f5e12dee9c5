//! Usernames, e-mails and names: what they must be, how they are stored, and how they are compared.
//!
//! - A **username** is of ASCII letters, digits and `. _ -`, so that none looks like another but for its case.
//! - An **e-mail** is stored in Unicode's form NFC before the `@`, and as A-labels after it (IDNA, UTS 46). What it is
//!   compared by is its canonical form: without regard to case and compatibility forms before the `@`.
//! - A **name** is stored in NFC, and hides nothing.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use kit::text::{caseless, composed, hides_something};

use crate::domain::Invalid;

/// Characters of an e-mail at most (RFC 5321), in either form.
const EMAIL_LENGTH: usize = 254;
/// Characters that the column of canonical forms takes.
const COLUMN: usize = 512;
/// What the form begins with of an account whose canonical form is another's. No canonical form begins so.
const KEPT: char = ' ';

/// Text in small letters: how versions before compared, and how names of roles are compared.
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// By what a username or an e-mail is unique, and a login is looked up. Also of what is none.
pub fn canonical(login: &str) -> String {
    let login = login.trim().replace(['＠', '﹫'], "@");
    let form = match login.rsplit_once('@') {
        None => caseless(&login),
        Some((local, domain)) => {
            let domain = a_labels(domain).unwrap_or_else(|| caseless(domain));
            format!("{}@{domain}", caseless(local))
        }
    };
    form.trim().to_owned()
}

/// The form of an account that was there before canonical forms were, if another has its canonical one: it keeps its exact
/// one beside.
pub fn kept(text: &str) -> String {
    format!("{}{}", beside(&canonical(text)), fold(text.trim())).chars().take(COLUMN).collect()
}

/// What all forms begin with that are kept beside a canonical one.
pub fn beside(canonical: &str) -> String {
    format!("{KEPT}{canonical}{KEPT}")
}

/// The forms by which an account of this login may be stored, the one that counts first: an exact one that was kept, the
/// canonical one, and what a process of a version before writes while there still is one.
pub fn forms(login: &str) -> [String; 3] {
    [kept(login), canonical(login), fold(login.trim())]
}

/// The domain of an e-mail as hosts know it, in small letters.
fn a_labels(domain: &str) -> Option<String> {
    let name = Uts46::new().to_ascii(
        domain.as_bytes(),
        AsciiDenyList::STD3,
        Hyphens::CheckFirstLast,
        DnsLength::Verify,
    );
    name.ok().map(|name| name.to_ascii_lowercase())
}

/// An e-mail with its domain as people read it, where that is another.
pub fn readable(email: &str) -> Option<String> {
    let (local, domain) = email.rsplit_once('@')?;
    if !domain.to_ascii_lowercase().contains("xn--") {
        return None;
    }
    let (domain, valid) = Uts46::new().to_unicode(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow);
    valid.ok().map(|()| format!("{local}@{domain}"))
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

/// An e-mail as it is stored. What one looks like was checked before. Usernames have no `@`, so that a login is either one
/// or the other.
pub fn email(text: &str, field: &str) -> Result<String, Invalid> {
    let bad = |problem| Err(Invalid::new(field, problem));
    let Some((local, domain)) = text.rsplit_once('@') else {
        return bad("must be an e-mail address");
    };
    let local = composed(local);
    if hides_something(&local) || local.chars().any(|letter| ('\u{300}'..='\u{36f}').contains(&letter)) {
        return bad("has characters that are not seen, or accents that belong to no letter");
    }
    let Some(ascii) = a_labels(domain) else {
        return bad("has a domain that there cannot be");
    };
    // Compatibility forms may become what means something else here.
    if caseless(&local).contains(|letter: char| letter == '@' || letter.is_whitespace()) {
        return bad("must be an e-mail address");
    }
    // In its own letters' case, where hosts know it as it is.
    let email = format!("{local}@{}", if domain.is_ascii() { domain } else { &ascii });
    let longest = email.chars().count().max(canonical(&email).chars().count());
    if longest > EMAIL_LENGTH { bad("is too long") } else { Ok(email) }
}

/// Whether an e-mail that is stored, maybe in the form of a version before, is one that was given and checked.
pub fn is_stored_as(stored: &str, given: &str) -> bool {
    stored == given || email(stored, "").is_ok_and(|stored| stored == given)
}

/// A name as it is stored: of a person, a role or a key. `most` characters, as the contract says of it.
pub fn name(text: &str, field: &str, most: usize) -> Result<String, Invalid> {
    if hides_something(text) {
        return Err(Invalid::new(field, "has characters that are not seen"));
    }
    let name = composed(text);
    if name.chars().count() > most { Err(Invalid::new(field, "is too long")) } else { Ok(name) }
}

/// Whether a login is an e-mail rather than a username.
pub fn is_email(login: &str) -> bool {
    login.contains(['@', '＠', '﹫'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Those of one mailbox.
    const MAILBOXES: [&[&str]; 5] = [
        &[
            "jo@bücher.de",
            "jo@xn--bcher-kva.de",
            "JO@BÜCHER.DE",
            "jo@XN--BCHER-KVA.de",
            " jo@bu\u{308}cher.de ",
        ],
        &[
            "kim@example.com",
            "\u{212a}im@example.com",
            "KIM@EXAMPLE.COM",
            "ｋｉｍ@example.com",
            "kim＠example.com",
        ],
        &["jörg@example.com", "jo\u{308}rg@example.com", "JÖRG@example.com"],
        &["我@例子.cn", "我@xn--fsqu00a.cn", "我@例子。cn"],
        &["fi@straße.de", "FI@straße.DE", "ﬁ@xn--strae-oqa.de"],
    ];

    #[test]
    fn one_mailbox_has_one_form_and_another_has_another() {
        for (number, mailbox) in MAILBOXES.iter().enumerate() {
            for text in *mailbox {
                assert_eq!(canonical(text), canonical(mailbox[0]), "{text}");
                let others = MAILBOXES.iter().enumerate().filter(|(other, _)| *other != number);
                assert!(
                    others.flat_map(|(_, texts)| *texts).all(|other| canonical(other) != canonical(text))
                );
            }
        }
        assert_ne!(canonical("jorg@example.com"), canonical("jörg@example.com"));
        assert_ne!(canonical("fi@strasse.de"), canonical("fi@straße.de"), "two domains");
        assert_eq!(canonical("\t Ana.S \u{a0}"), "ana.s");
    }

    #[test]
    fn an_email_is_stored_as_hosts_know_it() {
        for (given, stored) in [
            ("jo@bücher.de", "jo@xn--bcher-kva.de"),
            ("Jo@Example.COM", "Jo@Example.COM"),
            ("jo\u{308}rg@example.com", "jörg@example.com"),
            ("jo@xn--bcher-kva.de", "jo@xn--bcher-kva.de"),
        ] {
            assert_eq!(email(given, "email").unwrap(), stored);
        }
        assert_eq!(readable("jo@xn--bcher-kva.de").unwrap(), "jo@bücher.de");
        assert_eq!(readable("jo@example.com"), None);
        let long = format!("{}@b.de", "ﷺ".repeat(20));
        for bad in [
            "jo",
            "jo@xn--\u{301}.de",
            "jo@xn--99999999.de",
            "jo@a\u{200d}b.de",
            "j\u{200b}o@b.de",
            "j\u{202e}o@b.de",
            "x\u{302}\u{302}@b.de",
            "\u{a8}@b.de",
            "a﹫b@c.de",
            "jo@-b.de",
            &long,
        ] {
            assert_eq!(email(bad, "user.email").unwrap_err().field, "user.email", "{bad:?}");
        }
    }

    #[test]
    fn names_hide_nothing() {
        assert_eq!(name("Jo\u{308}rg", "first_name", 100).unwrap(), "Jörg");
        assert_eq!(name("", "first_name", 100).unwrap(), "");
        assert!(name("Jo\u{200b}rg", "first_name", 100).is_err());
        assert!(name(&"\u{958}".repeat(60), "first_name", 100).is_err(), "longer in NFC");
    }

    #[test]
    fn a_username_is_not_a_number() {
        assert!(check_username("0123", "username").is_err());
        assert!(check_username("", "username").is_err());
        assert!(check_username("0x123", "username").is_ok());
        assert!(check_username("USR_01h455vb4pex5vsknk084sn02q", "username").is_err());
        assert_eq!(check_username("42", "user.username").unwrap_err().field, "user.username");
    }

    fn labels() -> impl Strategy<Value = String> {
        "[a-zäöüé]{1,8}(-[a-zàñ0-9]{1,6})?\\.[a-z]{2,4}"
    }

    proptest! {
        #[test]
        fn a_form_is_its_own_form(login in "\\PC{0,40}|[a-z.\\u{212a}äß]{1,12}@[\\PC]{1,12}") {
            prop_assert_eq!(canonical(&canonical(&login)), canonical(&login));
            prop_assert!(!canonical(&login).starts_with(KEPT) && kept(&login).starts_with(KEPT));
        }

        #[test]
        fn what_is_stored_is_stable_and_of_the_same_mailbox(local in "\\PC{1,20}", domain in labels()) {
            if let Ok(stored) = email(&format!("{local}@{domain}"), "email") {
                prop_assert_eq!(email(&stored, "email"), Ok(stored.clone()));
                prop_assert_eq!(canonical(&stored), canonical(&format!("{local}@{domain}")));
            }
        }

        #[test]
        fn case_blanks_and_the_domains_spelling_make_no_other_account(local in "[a-zäöüé0-9.]{1,12}", domain in labels()) {
            let one = format!("{local}@{domain}");
            let form = canonical(&one);
            prop_assert_eq!(canonical(&format!(" {} ", one.to_uppercase())), form.clone());
            if let Some(ascii) = a_labels(&domain) {
                prop_assert_eq!(canonical(&format!("{local}@{ascii}")), form);
            }
        }

        #[test]
        fn names_are_stable(text in "\\PC{0,60}") {
            if let Ok(stored) = name(&text, "name", 100) {
                prop_assert_eq!(name(&stored, "name", 100), Ok(stored.clone()));
            }
        }
    }
}
