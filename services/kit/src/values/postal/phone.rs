//! Phone numbers as people write them: by the rules of libphonenumber (crate `rlibphonenumber`), which knows every
//! country's, extensions, and the digits of all scripts.

use rlibphonenumber::{PHONE_NUMBER_UTIL, ParseError, PhoneNumber, Region};

use crate::text::is_hidden;

/// Digits of a number at most, that of its country among them (ITU-T E.164, 6.2.1).
const MOST_DIGITS: usize = 15;

/// Whether a text is a phone number: an international one, or one as it is dialled within a country. Whether
/// anybody has it is another matter; numbers come into use faster than lists of them.
pub fn is_phone(text: &str, country_code: &str) -> bool {
    let text = text.trim();
    let number = text.strip_prefix("tel:").unwrap_or(text);
    // Numbers are found anywhere in a text; here the text is one. Three digits are the fewest that anybody has.
    if !number.starts_with(|c: char| c.is_numeric() || matches!(c, '+' | '＋' | '(' | '（'))
        || number.chars().filter(|c| c.is_numeric()).count() < 3
        || number.contains(is_hidden)
    {
        return false;
    }
    match PHONE_NUMBER_UTIL.parse(text, country_code.parse::<Region>().ok()) {
        // Letters stand for digits where that is usual (`1-800-…`), for an extension, or for words that are none.
        Ok(parsed) => {
            digits(&parsed) <= MOST_DIGITS
                && (parsed.extension.is_some()
                    || !number.contains(char::is_alphabetic)
                    || PHONE_NUMBER_UTIL.is_possible_number(&parsed))
        }
        // A country without a numbering plan of its own: nobody knows how numbers look there.
        Err(ParseError::InvalidCountryCode) => {
            !number.starts_with(['+', '＋'])
                && number.chars().filter(|c| c.is_numeric()).count() <= MOST_DIGITS
                && PHONE_NUMBER_UTIL.is_viable_phone_number(number)
        }
        Err(_) => false,
    }
}

/// Digits that are dialled from abroad: the country's and the national ones.
fn digits(parsed: &PhoneNumber) -> usize {
    let country = parsed.country_code.to_string().len();
    country + parsed.get_national_significant_number().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_as_people_write_them() {
        for (number, country) in [
            ("+351 222 000 000", "PT"),
            ("222 000 000", "PT"),
            ("(0) 222/000-000", "PT"),
            ("222.000.000 ext. 12", "PT"),
            ("+351 222 000 000 x12", "DE"),
            ("222000000 #12", "PT"),
            ("tel:+351-222-000-000;ext=12", "PT"),
            ("8 (495) 123-45-67 доб. 12", "RU"),
            ("+٩٧١ ٥٠ ١٢٣ ٤٥٦٧", "AE"),
            ("۰۲۱ ۱۲۳۴ ۵۶۷۸", "IR"),
            ("०९८ १२३ ४५६७८", "IN"),
            ("０３－１２３４－５６７８", "JP"),
            ("+383 38 123 456", "XK"),
            ("112 345", "AQ"),
            ("1-800-356-9377", "US"),
            ("1-800-FLOWERS", "US"),
            // Fifteen digits in all.
            ("+49 1234 567 890 123", "DE"),
            ("+49 1234 567 890 123 ext. 1234", "DE"),
        ] {
            assert!(is_phone(number, country), "{number}");
        }
    }

    #[test]
    fn what_nobody_can_dial_is_none() {
        for number in [
            "call me",
            "+",
            "12",
            "+999 123 456 789",
            "ana@example.com",
            "ana 222000000",
            "222 000 000 after six",
            "1\n2345678",
            "222 000 000 000 000 000 000",
            "222 000 000 000 000",
            "+351 222 000 000 000 0",
            "222 000 000\u{202e}",
            "\u{202e}222 000 000",
            "222\u{200b}000 000",
            "222 000 000\u{3164}",
        ] {
            assert!(!is_phone(number, "PT"), "{number}");
        }
    }
}
