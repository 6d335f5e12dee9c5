//! Amounts and counts in cells.

use super::{super::*, TABLES, article, decoded, desc, json_of};
use crate::draft::Draft;

fn priced(cell: &str, currency: &str) -> Result<String, String> {
    let column = |name| column::Column::named(&article(), name).unwrap();
    let mut message = Draft::default();
    column("price.currencyCode").read(&TABLES, currency, &mut message).unwrap();
    column("price.amount").read(&TABLES, cell, &mut message)?;
    Ok(column("price.amount").write(&json_of(&decoded(&article(), message))))
}

#[test]
fn amounts_are_exact() {
    for (cell, currency, shown) in [
        ("12.99", "EUR", "12.99"),
        ("12,9", "EUR", "12.90"),
        ("-0.01", "EUR", "-0.01"),
        ("500", "JPY", "500"),
        ("1.250", "KWD", "1.25"),
        ("1,005", "KWD", "1.005"),
        ("1250", "BGN", "1250"),
        (" 7.00 ", "EUR", "7"),
        ("9223372036854775807.99", "EUR", "9223372036854775807.99"),
        ("1.25", "another contract's", "1.25"),
    ] {
        assert_eq!(priced(cell, currency).as_deref(), Ok(shown), "{cell}");
    }
    for cell in ["12.99 EUR", "1e3", "+1", "--1", "9223372036854775808", "one", "", "-"] {
        let problem = priced(cell, "EUR").unwrap_err();
        assert!(problem.contains("amount"), "{cell}: {problem}");
    }
}

#[test]
fn what_could_be_a_thousands_separator_is_never_guessed_about() {
    for (cell, currency) in [
        ("1.250", "EUR"),
        ("1,250", "EUR"),
        ("12.990", "EUR"),
        ("12,000", "JPY"),
        ("12.0", "JPY"),
        ("1.2500", "KWD"),
        ("1.250", ""),
        ("1.250", "another contract's"),
        ("1.234,56", "EUR"),
        ("1,234.56", "EUR"),
        ("-1,234.56", "EUR"),
        ("1 000", "EUR"),
        ("1\u{a0}000", "EUR"),
        ("1\u{202f}000,00", "EUR"),
        ("1\u{2009}000", "EUR"),
        ("1'000.00", "CHF"),
        ("1’000", "CHF"),
        ("1٬000", "EUR"),
        ("1_000", "EUR"),
        ("12.", "EUR"),
        (".5", "EUR"),
    ] {
        let problem = priced(cell, currency).unwrap_err();
        assert!(problem.contains("thousands separator"), "{cell:?} {currency}: {problem}");
    }
    let units = |cell: &str, name: &str| {
        let row = desc("feira.article.v1.ImportArticlesRequest");
        column::Column::named(&row, name).unwrap().read(&TABLES, cell, &mut Draft::default())
    };
    for name in
        ["received", "counted", "taxRateBasisPoints", "lowStockThreshold", "price.units", "price.nanos"]
    {
        for cell in ["1.000", "1,000", "1 000", "1\u{a0}000", "1'000", "1.0", "2,5", "1.000.000"] {
            let problem = units(cell, name).unwrap_err();
            assert!(problem.contains("thousands separator"), "{name} {cell:?}: {problem}");
        }
        for cell in ["1e3", "+1", "0x10", "ten"] {
            assert!(units(cell, name).is_err(), "{name} {cell:?}");
        }
        for cell in ["007", "-01", "00"] {
            let problem = units(cell, name).unwrap_err();
            assert!(problem.contains("begins with zeros"), "{name} {cell:?}: {problem}");
        }
        assert_eq!(units(" 1000 ", name), Ok(()), "{name}");
    }
}
