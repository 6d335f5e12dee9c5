//! The checks of messages that are not ours to annotate.

use prost_types::{Any, Duration, FieldMask, Timestamp};

use super::{Items, Path, Rule, Rules, Text, Violations};
use crate::google::r#type::Money;

/// 0001-01-01T00:00:00Z, in seconds since 1970.
const FIRST_SECOND: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z, in seconds since 1970.
const LAST_SECOND: i64 = 253_402_300_799;
/// The longest `google.protobuf.Duration`, about 10,000 years.
const LONGEST: i64 = 315_576_000_000;
/// Billionths of a second or of a unit of money.
const BILLION: i32 = 1_000_000_000;

impl Rules for Money {
    fn rules(&self, at: &Path<'_>, found: &mut Violations) {
        let code = self.currency_code.as_bytes();
        if code.len() != 3 || !code.iter().all(u8::is_ascii_uppercase) {
            found.add(&at.field("currency_code"), "must be three capital letters (ISO 4217)");
        }
        if self.nanos <= -BILLION || self.nanos >= BILLION {
            found.add(&at.field("nanos"), "must be between -999999999 and 999999999");
        }
        if self.units.signum() * i64::from(self.nanos.signum()) < 0 {
            found.add(&at.field("nanos"), "must have the sign of units");
        }
    }
}

impl Rules for Timestamp {
    fn rules(&self, at: &Path<'_>, found: &mut Violations) {
        let fits = (FIRST_SECOND..=LAST_SECOND).contains(&self.seconds) && (0..BILLION).contains(&self.nanos);
        if !fits {
            found.add(at, "must be a time of the years 1 to 9999");
        }
    }
}

impl Rules for Duration {
    fn rules(&self, at: &Path<'_>, found: &mut Violations) {
        let fits = (-LONGEST..=LONGEST).contains(&self.seconds)
            && self.nanos > -BILLION
            && self.nanos < BILLION
            && self.seconds.signum() * i64::from(self.nanos.signum()) >= 0;
        if !fits {
            found.add(at, "must be a duration of at most 10000 years");
        }
    }
}

impl Rules for FieldMask {
    fn rules(&self, at: &Path<'_>, found: &mut Violations) {
        Items::of(Text::ANY).check(&self.paths, &at.field("paths"), found);
    }
}

/// What it holds is not looked at.
impl Rules for Any {
    fn rules(&self, at: &Path<'_>, found: &mut Violations) {
        Text::ANY.check(&self.type_url, &at.field("type_url"), found);
    }
}

impl Rules for () {
    fn rules(&self, _: &Path<'_>, _: &mut Violations) {}
}
