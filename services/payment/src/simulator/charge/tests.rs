//! What each method plays, and what may be done with a charge.

use std::time::Duration;

use super::*;

fn charge(method: &str) -> Model {
    let new = NewCharge {
        id: "pay_1".to_owned(),
        amount_minor: 100,
        currency: "EUR".to_owned(),
        method: method.to_owned(),
        capture: false,
    };
    assert_eq!(new.problem(), None);
    new.charge("sim_1".to_owned(), "token".to_owned(), Time(0), Duration::from_secs(8))
}

#[test]
fn a_charge_to_be_captured_is_so_as_soon_as_it_is_authorized() {
    let charge = |method: &str| {
        let (id, currency, method) = ("pay_1".to_owned(), "EUR".to_owned(), method.to_owned());
        let new = NewCharge { id, amount_minor: 100, currency, method, capture: true };
        new.charge("sim_1".to_owned(), "token".to_owned(), Time(0), Duration::from_secs(8))
    };
    let taken = |charge: Model| (charge.status, charge.captured_minor);
    assert_eq!(taken(charge("")), (Status::Captured, 100));
    assert_eq!(taken(charge("sim_decline")), (Status::Declined, 0));
    assert_eq!(taken(charge("sim_slow").at(Time(7_999_999))), (Status::Processing, 0));
    assert_eq!(taken(charge("sim_slow").at(Time(8_000_000))), (Status::Captured, 100));
    let mut waiting = charge("sim_action");
    assert_eq!(waiting.act(Act::Approve), Ok(()));
    assert_eq!(waiting.act(Act::Void), Err(Illegal));
    assert_eq!(taken(waiting), (Status::Captured, 100));
}

#[test]
fn each_method_plays_its_part() {
    assert_eq!(charge("").status, Status::Authorized);
    assert_eq!(charge("sim_decline").decline_reason, "DECLINED");
    assert_eq!(charge("sim_insufficient").decline_reason, "INSUFFICIENT_FUNDS");
    let slow = charge("sim_slow");
    assert_eq!(slow.clone().at(Time(7_999_999)).status, Status::Processing);
    assert_eq!(slow.at(Time(8_000_000)).status, Status::Authorized);
}

#[test]
fn an_action_has_one_outcome_which_may_be_repeated() {
    let mut waiting = charge("sim_action");
    assert_eq!(waiting.act(Act::Capture), Err(Illegal));
    assert_eq!(waiting.act(Act::Approve), Ok(()));
    assert_eq!(waiting.act(Act::Approve), Ok(()));
    assert_eq!(waiting.act(Act::Decline), Err(Illegal));
    assert_eq!(waiting.status, Status::Authorized);
}

#[test]
fn a_commanded_figure_never_takes_or_gives_more_than_there_is() {
    let commanded = |minor| Figure { amount_minor: Some(minor), currency: "USD".parse().ok() };
    let usd = |minor| Ok((minor, "USD".to_owned()));
    let mut taken = charge("");
    assert_eq!(taken.act_faultily(Act::Capture, commanded(60)), usd(60));
    assert_eq!((taken.captured_minor, taken.currency.as_str()), (60, "USD"));
    assert_eq!(taken.act_faultily(Act::Refund(61), commanded(1)), Err(Illegal));
    assert_eq!(taken.act_faultily(Act::Refund(10), commanded(500)), usd(500));
    assert_eq!(taken.refunded_minor, 60);
    let mut more = charge("");
    assert_eq!(more.act_faultily(Act::Capture, commanded(500)), usd(100));
    let mut nothing = charge("");
    nothing.act(Act::Capture).unwrap();
    assert_eq!(nothing.act_faultily(Act::Refund(10), commanded(0)), usd(0));
    assert_eq!(nothing.act_faultily(Act::Refund(10), Figure::default()), Ok((10, "EUR".to_owned())));
    assert_eq!(nothing.refunded_minor, 10);
}

#[test]
fn a_captured_charge_is_not_voided_and_never_gives_back_more_than_it_has() {
    let mut charge = charge("");
    assert_eq!(charge.act(Act::Capture), Ok(()));
    assert_eq!(charge.act(Act::Void), Err(Illegal));
    assert_eq!(charge.act(Act::Refund(60)), Ok(()));
    assert_eq!(charge.act(Act::Refund(60)), Err(Illegal));
    assert_eq!(charge.act(Act::Refund(40)), Ok(()));
    assert_eq!(charge.refunded_minor, 100);
}
