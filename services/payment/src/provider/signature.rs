//! Signatures of webhooks, as Stripe has them: `t=SECONDS,v1=HEX`, where `v1` is the HMAC-SHA256 of
//! `SECONDS.BODY` and may be given several times, while a secret is replaced by another.
//! <https://docs.stripe.com/webhooks/signature>

use std::time::Duration;

use aws_lc_rs::hmac;
use kit::Time;

use super::event::Rejection;

/// How far a signature's time may be from ours, either way.
pub const TOLERANCE: Duration = Duration::from_secs(300);
/// So many signatures of one event are looked at.
const MOST: usize = 8;

/// A key of the secret that both sides know.
pub fn key(secret: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret)
}

/// Signs a body; the header's value.
pub fn sign(key: &hmac::Key, now: Time, body: &[u8]) -> String {
    let seconds = now.seconds().to_string();
    format!("t={seconds},v1={}", hex::encode(mac(key, &seconds, body)))
}

/// Checks a header's value: in constant time, and before anything else whether it is from now.
pub fn verify(key: &hmac::Key, header: &str, body: &[u8], now: Time) -> Result<(), Rejection> {
    let mut time = None;
    let mut signatures = Vec::new();
    for (name, value) in header.split(',').filter_map(|part| part.split_once('=')) {
        match name.trim() {
            "t" if time.replace(value.trim()).is_some() => return Err(Rejection::Forged),
            "v1" if signatures.len() < MOST => signatures.extend(hex::decode(value.trim())),
            _ => {}
        }
    }
    let seconds = time.filter(|text| text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit()));
    let Some((seconds, Ok(signed))) = seconds.map(|text| (text, text.parse::<i64>())) else {
        return Err(Rejection::Forged);
    };
    // The time is signed with the body, so a recorded request cannot be replayed after the tolerance; within it, the
    // event's id counts once.
    if signed.abs_diff(now.seconds()) > TOLERANCE.as_secs() {
        return Err(Rejection::Stale);
    }
    let mut message = Vec::with_capacity(seconds.len() + 1 + body.len());
    message.extend_from_slice(seconds.as_bytes());
    message.push(b'.');
    message.extend_from_slice(body);
    let good = signatures.iter().any(|signature| hmac::verify(key, &message, signature).is_ok());
    if good { Ok(()) } else { Err(Rejection::Forged) }
}

fn mac(key: &hmac::Key, seconds: &str, body: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(seconds.as_bytes());
    context.update(b".");
    context.update(body);
    context.sign()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Time = Time(1_700_000_000_000_000);

    #[test]
    fn a_known_signature_is_what_any_other_program_makes_of_it() {
        // printf '1700000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test
        let expected = "c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925";
        let header = sign(&key(b"whsec_test"), NOW, br#"{"id":"evt_1"}"#);
        assert_eq!(header, format!("t=1700000000,v1={expected}"));
    }

    #[test]
    fn a_body_another_key_and_another_time_are_found_out() {
        let key = key(b"one");
        let header = sign(&key, NOW, b"body");
        assert_eq!(verify(&key, &header, b"body", NOW), Ok(()));
        assert_eq!(verify(&key, &header, b"Body", NOW), Err(Rejection::Forged));
        assert_eq!(verify(&super::key(b"other"), &header, b"body", NOW), Err(Rejection::Forged));
        let later = header.replace("t=1700000000", "t=1700000001");
        assert_eq!(verify(&key, &later, b"body", NOW), Err(Rejection::Forged));
    }

    #[test]
    fn a_signature_counts_for_five_minutes() {
        let key = key(b"one");
        let header = sign(&key, NOW, b"body");
        for (seconds, expected) in [(300, Ok(())), (301, Err(Rejection::Stale))] {
            let apart = Duration::from_secs(seconds);
            assert_eq!(verify(&key, &header, b"body", NOW + apart), expected);
            assert_eq!(verify(&key, &header, b"body", NOW - apart), expected);
        }
    }

    #[test]
    fn while_a_secret_is_replaced_either_signature_will_do() {
        let (old, new) = (key(b"old"), key(b"new"));
        let second = sign(&new, NOW, b"body");
        let both = format!("{},{}", sign(&old, NOW, b"body"), second.split_once(',').unwrap().1);
        assert_eq!(verify(&old, &both, b"body", NOW), Ok(()));
        assert_eq!(verify(&new, &both, b"body", NOW), Ok(()));
    }

    #[test]
    fn nonsense_is_forged() {
        let key = key(b"one");
        let good = sign(&key, NOW, b"body");
        let signature = good.split_once("v1=").unwrap().1;
        for header in [
            "",
            "t=1700000000",
            "t=1700000000,v1=",
            "t=1700000000,v1=zz",
            &format!("v1={signature}"),
            &format!("t=,v1={signature}"),
            &format!("t=+1700000000,v1={signature}"),
            &format!("t=99999999999999999999,v1={signature}"),
            &format!("t=1700000000,t=1700000000,v1={signature}"),
            &format!("t=1700000000,v0={signature}"),
            &format!("t=1700000000,v1={}", &signature[..62]),
        ] {
            assert_eq!(verify(&key, header, b"body", NOW), Err(Rejection::Forged), "{header}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_nothing_panics(header in ".{0,80}", body: Vec<u8>) {
            let _ = verify(&key(b"one"), &header, &body, NOW);
        }
    }
}
