//! How errors of each database are classified.

use super::*;

#[test]
fn the_key_of_a_duplicate_is_known_in_every_language() {
    for message in [
        "Duplicate entry 'it''s for key 'PRIMARY' for key 'users_email'",
        "Duplicate entry 'a' for key 'users.users_email'",
        "Entrada 'email_folded' duplicada para a chave 'users_email'",
        "Doppelter Eintrag 'PRIMARY' für Schlüssel 'users_email'",
        "'x' は索引 'users_email' で重複しています。",
        "重复条目'x'键'users_email'",
    ] {
        assert!(key_named(message).ends_with("users_email"), "{message}: {}", key_named(message));
    }
    assert_eq!(key_named("no name"), "");
}

#[test]
fn each_code_means_what_its_manual_says() {
    use Meaning::{CannotServe, Conflict, LockTimeout, Lost, Other, ReadOnly, TooSlow};
    for (code, meaning) in [
        ("40001", Conflict),
        ("40P01", Conflict),
        ("55P03", LockTimeout),
        ("57014", TooSlow),
        ("57P01", Lost),
        ("57P05", Lost),
        ("08006", Lost),
        ("25P03", Lost),
        ("25006", ReadOnly),
        ("25P02", ReadOnly),
        ("53100", CannotServe),
        ("58030", CannotServe),
        ("42601", Other),
        ("23505", Other),
    ] {
        assert_eq!(Meaning::of_sqlstate(code), meaning, "{code}");
    }
    for (number, meaning) in [
        (1213, Conflict),
        (1205, LockTimeout),
        (1969, TooSlow),
        (3024, TooSlow),
        (1927, Lost),
        (4031, Lost),
        (1290, ReadOnly),
        (1792, ReadOnly),
        (1836, ReadOnly),
        (1021, CannotServe),
        (1064, Other),
    ] {
        assert_eq!(Meaning::of_mysql(number, ""), meaning, "{number}");
    }
    for (code, meaning) in
        [(5, LockTimeout), (517, Conflict), (8, ReadOnly), (1032, ReadOnly), (13, CannotServe), (1, Other)]
    {
        assert_eq!(Meaning::of_sqlite(code), meaning, "{code}");
    }
}
