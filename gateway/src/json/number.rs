//! Numbers as JSON writes them: whole ones are read exactly or not at all, and no number is judged after it was rounded.

use std::str::FromStr;

use serde_json::value::RawValue;

/// Digits at most of a number that fits into any integer.
const MOST: i64 = 20;
/// Digits of which any number fits into 64 bits.
const PLAIN: usize = 18;

/// Whether a text is a JSON number, and nothing else.
pub fn is_number(text: &str) -> bool {
    // JSON allows white space around a number; a quoted number has none.
    let is_bare = text.ends_with(|c: char| c.is_ascii_digit())
        && text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    is_bare && (plain(text).is_some() || serde_json::from_str::<&RawValue>(text).is_ok())
}

/// The whole number that a JSON number of digits alone is, as almost all are written.
fn plain(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let is_plain = matches!(digits, [b'0'] | [b'1'..=b'9', ..])
        && digits.len() <= PLAIN
        && digits.iter().all(u8::is_ascii_digit);
    if is_plain { text.parse().ok() } else { None }
}

/// The whole number that a JSON number is, in whatever notation: `12`, `12.0`, `1.2e1`, `120e-1`. `None` where it has a
/// fraction, or more digits than any integer here.
pub fn whole(text: &str) -> Option<i128> {
    if let Some(value) = plain(text) {
        return Some(value.into());
    }
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [before, after].concat();
    let kept = digits.trim_end_matches('0');
    if kept.is_empty() {
        // Zero, whatever the exponent.
        return Some(0);
    }
    // An exponent that is too long for this is too large, or makes a fraction.
    let exponent: i64 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let zeros = exponent.checked_sub(after.len() as i64)?.checked_add((digits.len() - kept.len()) as i64)?;
    let kept = kept.trim_start_matches('0');
    if zeros < 0 || kept.len() as i64 + zeros > MOST {
        return None;
    }
    let value = kept.parse::<i128>().ok()?.checked_mul(10_i128.checked_pow(zeros as u32)?)?;
    Some(if negative { -value } else { value })
}

/// A floating-point type.
pub trait Real: FromStr + Copy {
    const NAN: Self;
    const INFINITY: Self;
    const MINUS_INFINITY: Self;
    fn is_within_range(self) -> bool;
}

macro_rules! real {
    ($type:ty) => {
        impl Real for $type {
            const NAN: Self = <$type>::NAN;
            const INFINITY: Self = <$type>::INFINITY;
            const MINUS_INFINITY: Self = <$type>::NEG_INFINITY;
            fn is_within_range(self) -> bool {
                self.is_finite()
            }
        }
    };
}
real!(f32);
real!(f64);

/// The nearest number of a type, rounded once; `None` where it is beyond the type's range.
pub fn nearest<F: Real>(text: &str) -> Option<F> {
    text.parse::<F>().ok().filter(|value| value.is_within_range())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_numbers_are_exact_in_every_notation() {
        for (text, value) in [
            ("0", 0),
            ("-0", 0),
            ("-7", -7),
            ("999999999999999999", 999_999_999_999_999_999),
            ("1000000000000000000", 1_000_000_000_000_000_000),
            ("0.000e-999999999999999999999", 0),
            ("12.0", 12),
            ("1.2e1", 12),
            ("120E-1", 12),
            ("0.0012e+4", 12),
            ("9007199254740993.0", 9_007_199_254_740_993),
            ("900719925474099300e-2", 9_007_199_254_740_993),
            ("-9223372036854775809", -9_223_372_036_854_775_809),
            ("1e19", 10_000_000_000_000_000_000),
        ] {
            assert_eq!(whole(text), Some(value), "{text}");
        }
        for text in
            ["12.0000000000000001", "1.5", "1e-1", "1e99", "1e99999999999999999999", "123456789012345678901"]
        {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn reals_are_rounded_once() {
        assert_eq!(nearest::<f32>("3.4028235e+38"), Some(f32::MAX));
        assert_eq!(nearest::<f32>("3.4028236e38"), None);
        assert_eq!(nearest::<f64>("1.7976931348623157e308"), Some(f64::MAX));
        assert_eq!(nearest::<f64>("1e309"), None);
        // Half a step by way of a double, a little more without.
        assert_eq!(nearest::<f32>("1.00000005960464477540"), Some(1.000_000_1));
    }

    proptest! {
        #[test]
        fn a_number_is_whole_however_its_point_is_moved(value in -(1_i128 << 63)..(1_i128 << 64), places in 0_usize..25) {
            let digits = format!("{:0>30}", value.unsigned_abs());
            let (before, after) = digits.split_at(digits.len() - places);
            let sign = if value < 0 { "-" } else { "" };
            let text = format!("{sign}{}.{after}0e{places}", before.trim_start_matches('0'));
            prop_assert_eq!(whole(&text), Some(value), "{}", text);
            let less = format!("{sign}{}.{after}1e{places}", before.trim_start_matches('0'));
            prop_assert_eq!(whole(&less), None, "{}", less);
        }
    }
}
