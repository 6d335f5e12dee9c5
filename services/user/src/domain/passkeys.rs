//! Passkeys: how many, how long a challenge counts, and which counts of uses go on.

use std::time::Duration;

/// How many passkeys a user has.
pub const MOST: u64 = 20;
/// How long what an authenticator is asked can be answered.
pub const LIFETIME: Duration = Duration::from_secs(300);

/// Whether an authenticator's count of uses goes on from one that is known (WebAuthn, 7.2). One that does not count says 0.
/// Where two answer that were one once, one of them falls behind.
pub fn goes_on(known: i64, said: i64) -> bool {
    known == 0 || said > known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_goes_up_or_there_is_none() {
        for (known, said, goes) in
            [(0, 0, true), (0, 5, true), (5, 6, true), (5, 5, false), (5, 4, false), (5, 0, false)]
        {
            assert_eq!(goes_on(known, said), goes, "{known} {said}");
        }
    }
}
