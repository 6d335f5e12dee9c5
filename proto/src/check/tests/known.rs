//! The checks of Google's messages.

use proptest::prelude::*;
use prost_types::{Duration, FieldMask, Timestamp};

use super::*;
use crate::Money;

fn told(message: &impl Rules) -> Vec<String> {
    let mut found = Violations::new();
    message.rules(&Path::Root.field("it"), &mut found);
    found.iter().map(|violation| format!("{}: {}", violation.path, violation.description)).collect()
}

fn money(code: &str, units: i64, nanos: i32) -> Money {
    Money { currency_code: code.into(), units, nanos }
}

#[test]
fn money_is_checked_wherever_a_request_holds_it() {
    let price = Some(money("eur", 1, -1));
    let article = article::Article { code: "a".into(), name: "A".into(), price, ..Default::default() };
    let request = article::CreateArticleRequest { article: Some(article) };
    assert_eq!(
        wrong(&request),
        [
            "article.price.currency_code: must be three capital letters (ISO 4217)",
            "article.price.nanos: must have the sign of units",
        ]
    );
    let request = article::ListArticlesRequest { min_price: Some(Money::default()), ..Default::default() };
    assert_eq!(places(&request), ["min_price.currency_code"]);
}

#[test]
fn money_has_less_than_a_unit_in_nanos() {
    for nanos in [999_999_999, 0] {
        assert_eq!(told(&money("EUR", i64::MAX, nanos)), [""; 0]);
        assert_eq!(told(&money("EUR", i64::MIN, -nanos)), [""; 0]);
        assert_eq!(told(&money("EUR", 0, -nanos)), [""; 0]);
    }
    for nanos in [1_000_000_000, -1_000_000_000, i32::MAX, i32::MIN] {
        assert_eq!(told(&money("EUR", 0, nanos)), ["it.nanos: must be between -999999999 and 999999999"]);
    }
}

#[test]
fn a_currency_is_three_capital_letters() {
    for code in ["", "EU", "EURO", "eur", "E1R", "ÄÖ", "EU\0"] {
        assert_eq!(told(&money(code, 1, 0)).len(), 1, "{code}");
    }
}

#[test]
fn times_are_of_the_years_1_to_9999() {
    let time = |seconds, nanos| told(&Timestamp { seconds, nanos }).is_empty();
    assert!(time(-62_135_596_800, 0) && time(253_402_300_799, 999_999_999) && time(0, 0));
    assert!(!time(-62_135_596_801, 0) && !time(253_402_300_800, 0));
    assert!(!time(0, -1) && !time(0, 1_000_000_000));
}

#[test]
fn durations_have_one_sign() {
    let duration = |seconds, nanos| told(&Duration { seconds, nanos }).is_empty();
    assert!(duration(315_576_000_000, 0) && duration(-1, -1) && duration(0, -1));
    assert!(
        !duration(1, -1) && !duration(-1, 1) && !duration(315_576_000_001, 0) && !duration(0, 1_000_000_000)
    );
}

#[test]
fn the_strings_of_a_mask_hold_no_nul() {
    assert_eq!(told(&FieldMask { paths: vec!["a\0".into()] }).len(), 1);
}

proptest! {
    #[test]
    fn money_passes_if_and_only_if_units_and_nanos_agree(units in -3_i64..3, nanos in any::<i32>()) {
        let total = i128::from(units) * 1_000_000_000 + i128::from(nanos);
        let agree = nanos.unsigned_abs() < 1_000_000_000
            && (units == 0 || nanos == 0 || (units < 0) == (nanos < 0))
            && (total == 0 || units == 0 || (total < 0) == (units < 0));
        prop_assert_eq!(told(&money("EUR", units, nanos)).is_empty(), agree);
    }
}
