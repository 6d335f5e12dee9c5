//! Durations as people write them in settings: one syntax for every flag.

use std::{ops::RangeInclusive, time::Duration};

/// No setting lasts longer: what is added to a clock's time stays a time.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Reads a duration: numbers with units (`ms`, `s`, `m`, `h`, `d` and what else humantime knows), one after
/// the other, such as `90s` or `1h 30m`. A number alone is seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    read(text, &(Duration::ZERO..=LONGEST))
}

/// A parser of durations within bounds, for clap.
pub fn duration_within(
    allowed: RangeInclusive<Duration>,
) -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    move |text| read(text, &allowed)
}

/// The same of a time that must not be nothing.
pub fn some_time(text: &str) -> Result<Duration, String> {
    read(text, &(Duration::from_millis(1)..=LONGEST))
}

fn read(text: &str, allowed: &RangeInclusive<Duration>) -> Result<Duration, String> {
    let text = text.trim();
    let time = match text.parse::<u64>() {
        Ok(seconds) if !text.starts_with('+') => Duration::from_secs(seconds),
        _ => humantime::parse_duration(text)
            .map_err(|problem| format!("{problem}: a duration is written as in 300ms, 90s, 15m, 1h 30m"))?,
    };
    if allowed.contains(&time) {
        return Ok(time);
    }
    let [least, most] = [allowed.start(), allowed.end()].map(|bound| humantime::format_duration(*bound));
    Err(format!("must be from {least} to {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_numbers_with_units_and_a_bare_number_is_seconds() {
        for (text, seconds) in [
            ("15", 15.0),
            ("15s", 15.0),
            ("1m", 60.0),
            ("15m", 900.0),
            ("300ms", 0.3),
            ("1.5s", 1.5),
            ("1h 30m", 5_400.0),
            ("1h30m", 5_400.0),
            ("3d", 259_200.0),
            ("2 min", 120.0),
            ("0", 0.0),
            ("0s", 0.0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
        for wrong in [
            "",
            " ",
            "s",
            "-1",
            "+1",
            "-1s",
            "1x",
            "1 fortnight",
            "99999999999999999999",
            "5000000000y",
            "18446744073709551615",
            "18446744073709551615s",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bounds_are_told() {
        let minute_to_hour = duration_within(Duration::from_secs(60)..=Duration::from_secs(3_600));
        assert_eq!(minute_to_hour("1m"), Ok(Duration::from_secs(60)));
        for wrong in ["59s", "3601", "2h"] {
            assert_eq!(minute_to_hour(wrong), Err("must be from 1m to 1h".to_owned()), "{wrong}");
        }
        assert!(some_time("0s").is_err() && some_time("1ms").is_ok());
    }
}
