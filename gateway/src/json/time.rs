//! The texts of times (RFC 3339) and durations, which proto3 JSON has for seconds and nanoseconds.

/// From the year 1 to 9999.
const TIMES: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// About 10,000 years.
const LONGEST: u64 = 315_576_000_000;
const BILLION: i32 = 1_000_000_000;
const DAY: i64 = 86_400;

/// Writes a time: seconds since 1970, and nanoseconds after them. The error says what is wrong with them.
pub fn write_timestamp(seconds: i64, nanos: i32, out: &mut Vec<u8>) -> Result<(), String> {
    if !TIMES.contains(&seconds) || !(0..BILLION).contains(&nanos) {
        return Err(format!("{seconds} seconds and {nanos} nanoseconds are no time"));
    }
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    out.push(b'"');
    digits(year, 4, out);
    for (sign, number) in
        [(b'-', month), (b'-', day), (b'T', second / 3600), (b':', second / 60 % 60), (b':', second % 60)]
    {
        out.push(sign);
        digits(number, 2, out);
    }
    fraction(nanos, out);
    out.extend_from_slice(b"Z\"");
    Ok(())
}

/// Writes a duration: seconds and nanoseconds, both with its sign. The error says what is wrong with them.
pub fn write_duration(seconds: i64, nanos: i32, out: &mut Vec<u8>) -> Result<(), String> {
    let opposed = seconds.signum() * i64::from(nanos.signum()) < 0;
    if seconds.unsigned_abs() > LONGEST || nanos.unsigned_abs() >= BILLION.unsigned_abs() || opposed {
        return Err(format!("{seconds} seconds and {nanos} nanoseconds are no duration"));
    }
    out.push(b'"');
    if seconds < 0 || nanos < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(seconds.unsigned_abs().to_string().as_bytes());
    fraction(nanos.abs(), out);
    out.extend_from_slice(b"s\"");
    Ok(())
}

/// Writes nanoseconds as nothing, milliseconds, microseconds or nanoseconds.
fn fraction(nanos: i32, out: &mut Vec<u8>) {
    let (value, count) = match nanos {
        0 => return,
        _ if nanos % 1_000_000 == 0 => (nanos / 1_000_000, 3),
        _ if nanos % 1_000 == 0 => (nanos / 1_000, 6),
        _ => (nanos, 9),
    };
    out.push(b'.');
    digits(value.into(), count, out);
}

/// Writes a number with so many digits.
fn digits(mut value: i64, count: usize, out: &mut Vec<u8>) {
    let from = out.len();
    out.resize(from + count, b'0');
    for digit in out[from..].iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Year, month and day of a day after 1970-01-01, by the Gregorian calendar. The years begin in March, so that the day
/// that some lack is the last of theirs; 400 of them have always as many days.
fn date(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Reads a time, of whatever offset; nothing of what is none: a leap second, say, which seconds since 1970 do not have.
pub fn read_timestamp(text: &str) -> Option<(i64, i32)> {
    let mut rest = text.as_bytes();
    let year = number(&mut rest, 4)?;
    let mut after = |sign: u8| {
        take(&mut rest, sign)?;
        number(&mut rest, 2)
    };
    let (month, day) = (after(b'-')?, after(b'-')?);
    let (hour, minute, second) = (after(b'T')?, after(b':')?, after(b':')?);
    let nanos = read_fraction(&mut rest)?;
    let offset = match rest {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), hour_tens, hour_ones, b':', minute_tens, minute_ones] => {
            let hours = number(&mut [*hour_tens, *hour_ones].as_slice(), 2).filter(|hours| *hours < 24)?;
            let minutes = number(&mut [*minute_tens, *minute_ones].as_slice(), 2).filter(|it| *it < 60)?;
            let offset = hours * 3600 + minutes * 60;
            if *sign == b'+' { offset } else { -offset }
        }
        _ => return None,
    };
    let days = days(year, month, day);
    if date(days) != (year, month, day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days * DAY + hour * 3600 + minute * 60 + second - offset;
    TIMES.contains(&seconds).then_some((seconds, nanos))
}

/// Reads a duration; nothing of what is none.
pub fn read_duration(text: &str) -> Option<(i64, i32)> {
    let mut rest = text.as_bytes();
    let sign = if take(&mut rest, b'-').is_some() { -1 } else { 1 };
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let seconds = number(&mut rest, count).filter(|_| count > 0)?;
    let nanos = read_fraction(&mut rest)?;
    let is_one = rest == b"s" && seconds.unsigned_abs() <= LONGEST;
    is_one.then_some((sign * seconds, sign as i32 * nanos))
}

/// Takes a fraction of a second off a text, if there is one. Digits beyond nanoseconds would be lost in silence.
fn read_fraction(rest: &mut &[u8]) -> Option<i32> {
    if take(rest, b'.').is_none() {
        return Some(0);
    }
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let value = number(rest, count).filter(|_| (1..=9).contains(&count))?;
    i32::try_from(value * 10_i64.pow(9 - count as u32)).ok()
}

fn take(rest: &mut &[u8], wanted: u8) -> Option<()> {
    *rest = rest.strip_prefix(&[wanted])?;
    Some(())
}

/// Takes so many digits off a text.
fn number(rest: &mut &[u8], count: usize) -> Option<i64> {
    let (digits, after) = rest.split_at_checked(count)?;
    *rest = after;
    digits.iter().try_fold(0_i64, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// The day after 1970-01-01 that a date is, [`date`] the other way.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time(seconds: i64, nanos: i32) -> Result<String, String> {
        let mut out = Vec::new();
        write_timestamp(seconds, nanos, &mut out)?;
        Ok(String::from_utf8(out).unwrap().trim_matches('"').to_owned())
    }

    fn duration(seconds: i64, nanos: i32) -> Result<String, String> {
        let mut out = Vec::new();
        write_duration(seconds, nanos, &mut out)?;
        Ok(String::from_utf8(out).unwrap().trim_matches('"').to_owned())
    }

    #[test]
    fn times_have_an_offset_and_no_leap_seconds() {
        let noon = Some((1_769_860_800, 0));
        for text in ["2026-01-31T12:00:00Z", "2026-01-31T14:30:00+02:30", "2026-01-30T13:00:00-23:00"] {
            assert_eq!(read_timestamp(text), noon, "{text}");
        }
        assert_eq!(read_timestamp("2024-02-29T23:59:59.000000001Z"), Some((1_709_251_199, 1)));
        for text in [
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2016-12-31T23:59:60Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T12:60:00Z",
            "2026-01-31T12:00:00",
            "2026-01-31T12:00:00z",
            "2026-01-31t12:00:00Z",
            "2026-01-31 12:00:00Z",
            "2026-01-31T12:00:00.Z",
            "2026-01-31T12:00:00.0000000000Z",
            "2026-01-31T12:00:00+24:00",
            "2026-01-31T12:00:00+01:60",
            "2026-01-31T12:00:00+0100",
            "2026-01-31T12:00:00ZZ",
            "0000-12-31T23:59:59Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "+2026-01-31T12:00:00Z",
            "2026-01-31",
            "é",
            "",
        ] {
            assert_eq!(read_timestamp(text), None, "{text}");
        }
        for (seconds, nanos) in [(-62_135_596_801, 0), (253_402_300_800, 0), (0, -1), (0, BILLION)] {
            assert!(time(seconds, nanos).is_err(), "{seconds} {nanos}");
        }
    }

    #[test]
    fn durations_have_one_sign_and_an_end() {
        for (text, pair) in
            [("-0.500s", (0, -500_000_000)), ("-315576000000.999999999s", (-315_576_000_000, -999_999_999))]
        {
            assert_eq!(read_duration(text), Some(pair), "{text}");
            assert_eq!(duration(pair.0, pair.1).as_deref(), Ok(text));
        }
        for text in ["1", "s", "-s", ".5s", "1.s", "+1s", "--1s", "315576000001s", "1.0000000000s", "1s ", ""]
        {
            assert_eq!(read_duration(text), None, "{text}");
        }
        for (seconds, nanos) in [(1, -1), (-1, 1), (0, BILLION), (0, -BILLION), (315_576_000_001, 0)] {
            assert!(duration(seconds, nanos).is_err(), "{seconds} {nanos}");
        }
        assert!(duration(i64::MIN, i32::MIN).is_err());
    }

    proptest! {
        #[test]
        fn every_time_comes_back_and_is_what_prost_writes(seconds in TIMES, nanos in 0..BILLION, zeros in 0_u32..10) {
            let nanos = nanos - nanos % 10_i32.pow(zeros.min(9));
            let text = time(seconds, nanos).unwrap();
            prop_assert_eq!(&text, &prost_types::Timestamp { seconds, nanos }.to_string());
            prop_assert_eq!(read_timestamp(&text), Some((seconds, nanos)));
        }

        #[test]
        fn every_duration_comes_back_and_is_what_prost_writes(
            seconds in 0..=LONGEST as i64, nanos in 0..BILLION, sign in prop::sample::select(vec![1, -1]),
        ) {
            let (seconds, nanos) = (seconds * sign, nanos * sign as i32);
            let text = duration(seconds, nanos).unwrap();
            prop_assert_eq!(&text, &prost_types::Duration { seconds, nanos }.to_string());
            prop_assert_eq!(read_duration(&text), Some((seconds, nanos)));
        }

        #[test]
        fn reading_never_panics(text in ".*", digits in "[0-9:.TZs+-]{0,30}") {
            for text in [text, digits] {
                let _ = (read_timestamp(&text), read_duration(&text));
            }
        }
    }
}
