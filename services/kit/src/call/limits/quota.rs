//! How many calls may come in which time.

use std::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

/// The longest time that a quota is for.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
const MOST: u32 = 1_000_000;

/// So many calls at once, which are there anew after so long: `600/1m` are 600 at once and ten a second for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    pub count: NonZeroU32,
    pub window: Duration,
}

/// A quota, or none (`off`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(pub Option<Quota>);

impl Quota {
    pub(super) fn bucket(self) -> Option<governor::Quota> {
        let one = self.window.checked_div(self.count.get())?;
        Some(governor::Quota::with_period(one)?.allow_burst(self.count))
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        let wrong = || "must be a number of calls and a time, such as 600/1m, or `off`".to_owned();
        let (count, window) = text.split_once('/').ok_or_else(wrong)?;
        let count: NonZeroU32 = count.parse().map_err(|_| wrong())?;
        let window = crate::duration(window)?;
        if count.get() > MOST || !(Duration::from_secs(1)..=LONGEST).contains(&window) {
            return Err(format!("must be up to {MOST} calls in 1s to 24h"));
        }
        Ok(Self(Some(Quota { count, window })))
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.count, humantime::format_duration(self.window))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_a_number_and_a_time() {
        let read = |text: &str| text.parse::<Rate>().map(|rate| rate.0.map(|quota| quota.to_string()));
        assert_eq!(read("600/1m"), Ok(Some("600/1m".to_owned())));
        assert_eq!(read("1/90s"), Ok(Some("1/1m 30s".to_owned())));
        assert_eq!(read("off"), Ok(None));
        for wrong in
            ["", "600", "0/1m", "-1/1m", "600/0s", "600/48h", "2000000/1s", "600/1x", "Off", "1/1m/1"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let fastest = "1000000/1s".parse::<Rate>().unwrap().0.unwrap();
        assert!(fastest.bucket().is_some());
    }
}
