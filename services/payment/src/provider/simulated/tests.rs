//! What answers mean.

use reqwest::{Client, StatusCode};

use super::{
    message::{read, read_refund, refused},
    send,
};
use crate::domain::{ChargeSnapshot, ChargeStatus, Failure};

#[test]
fn errors_are_told_apart_by_what_is_certain() {
    let kind = |status: u16| match refused(StatusCode::from_u16(status).unwrap(), b"") {
        Failure::Refused { .. } => "refused",
        Failure::NotSent { .. } => "not sent",
        Failure::Unknown { .. } => "unknown",
    };
    for (status, expected) in [
        (400, "refused"),
        (404, "refused"),
        (409, "refused"),
        (408, "unknown"),
        (429, "not sent"),
        (500, "unknown"),
        (502, "unknown"),
        (302, "unknown"),
    ] {
        assert_eq!(kind(status), expected, "{status}");
    }
}

#[test]
fn a_refusal_may_say_how_the_charge_stands() {
    let body = br#"{"error":{"code":"captured"},"charge":{"reference":"sim_1","status":"captured"}}"#;
    let snapshot = Some(ChargeSnapshot::new("sim_1", ChargeStatus::Captured));
    let expected = Failure::Refused { reason: "CAPTURED".to_owned(), snapshot };
    assert_eq!(refused(StatusCode::CONFLICT, body), expected);
}

#[test]
fn a_refunds_answer_has_the_refunds_own_amount() {
    let amount = |refund: &str| {
        let charge = r#""reference":"sim_1","status":"captured","captured_minor":1000,"currency":"EUR""#;
        read_refund(format!("{{{charge}{refund}}}").as_bytes()).map(|snapshot| snapshot.amount)
    };
    let money = |text: &str| Ok(Some(text.parse().unwrap()));
    assert_eq!(amount(r#","refund":{"amount_minor":300,"currency":"USD"}"#), money("3.00 USD"));
    assert_eq!(amount(r#","refund":{"amount_minor":300}"#), money("3.00 EUR"));
    assert_eq!(amount(""), Ok(None), "the whole charge's amount is no refund's");
    for bad in [r#","refund":{"amount_minor":-1}"#, r#","refund":{"amount_minor":1,"currency":"€"}"#] {
        assert!(matches!(amount(bad), Err(Failure::Unknown { .. })), "{bad}");
    }
}

#[test]
fn an_answer_that_makes_no_sense_is_none() {
    for body in ["", "{}", "[]", r#"{"reference":"sim_1","status":"happy"}"#] {
        assert!(matches!(read(body.as_bytes()), Err(Failure::Unknown { .. })), "{body}");
    }
}

#[tokio::test]
async fn a_connection_that_never_came_about_proves_that_nothing_happened() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let request = Client::builder().tls_certs_only([]).build().unwrap().get(format!("http://{free}/"));
    assert!(matches!(send(request).await, Err(Failure::NotSent { .. })));
}
