//! What shoppers read.

use kit::{
    Time,
    id::{ArticleId, Id, LineId, OrderId, PaymentId, UserId},
};

use super::*;
use crate::{
    domain::{Adjustment, AdjustmentKind, Line, MailKind},
    store::{mails::row, order},
};

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

fn bought(quantity: i32, name: &str, price: &str) -> Line {
    Line {
        id: LineId::new(),
        article_id: ArticleId::new(),
        code: "TEA-1".to_owned(),
        name: name.to_owned(),
        quantity,
        unit_price: money(price),
        tax_rate_basis_points: 2300,
        returned: 0,
    }
}

fn view(state: State) -> View {
    let address = Address {
        recipient: "Maria Silva".to_owned(),
        lines: vec!["Rua das Flores 1".to_owned()],
        postal_code: "4050-262".to_owned(),
        city: "Porto".to_owned(),
        country_code: "PT".to_owned(),
        ..Default::default()
    };
    let id = "ord_01jd8m3y2me7q8g0d6s2b4x9zk".parse().unwrap();
    let order = order::Model {
        state,
        currency: Some("EUR".to_owned()),
        address: Some(address.encode_to_vec()),
        payment_id: Some(PaymentId::new()),
        payment_type: 1,
        carrier: "CTT".to_owned(),
        tracking_code: "RR123456785PT".to_owned(),
        tracking_folded: "rr123456785pt".to_owned(),
        attempt: 1,
        events: 4,
        ..order::Model::new(id, "S2B4X9ZK".to_owned(), UserId::new(), Time(0))
    };
    let lines = vec![bought(2, "Chá verde", "12.99 EUR"), bought(10, "Copo", "104.00 EUR")];
    let adjustments = vec![Adjustment::automatic(AdjustmentKind::Shipping, "Shipping", money("4.99 EUR"))];
    View { order, lines, adjustments }
}

fn maria() -> User {
    User { username: "maria".to_owned(), first_name: "Maria".to_owned(), ..Default::default() }
}

fn text_of(kind: MailKind, view: &View) -> Text {
    let mut row = row("x".to_owned(), OrderId::new(), kind, Time(0), Time(0));
    (row.amount_minor, row.currency) = (1_299, Some("EUR".to_owned()));
    write(&row, view, &maria(), "Loja").unwrap()
}

#[test]
fn a_placed_order_is_told_with_what_it_costs_and_where_it_goes() {
    let text = text_of(MailKind::Placed, &view(State::Paid));
    assert_eq!(text.subject, "Your order S2B4X9ZK");
    assert_eq!(
        text.body,
        "Hello Maria,\n\n\
         thank you for your order S2B4X9ZK. It is paid, and we prepare it now.\n\n  \
         2 × Chá verde (TEA-1)    25.98 EUR\n  \
         10 × Copo (TEA-1)      1040.00 EUR\n  \
         Shipping                  4.99 EUR\n  \
         Total                  1070.97 EUR\n  \
         of which tax            200.26 EUR\n\n\
         It goes to:\n\n  Maria Silva\n  Rua das Flores 1\n  4050-262 Porto\n  PT\n\n-- \nLoja\n"
    );
}

#[test]
fn an_order_that_waits_for_its_payment_says_where_to_pay() {
    let mut view = view(State::AwaitingPayment);
    view.order.payment_action_url = "https://bank.example/pay".to_owned();
    let body = text_of(MailKind::Placed, &view).body;
    assert!(body.contains("You can pay here:\n\nhttps://bank.example/pay\n"), "{body}");
    assert!(!body.contains("is paid, and"), "{body}");
}

#[test]
fn every_mail_names_the_order_by_its_number_and_never_by_its_id() {
    let mut view = view(State::Paid);
    let all =
        [MailKind::Placed, MailKind::Shipped, MailKind::Cancelled, MailKind::Expired, MailKind::Refunded];
    for kind in all {
        let Text { subject, body } = text_of(kind, &view);
        assert!(subject.contains("order S2B4X9ZK") && body.contains("order S2B4X9ZK"), "{subject}\n{body}");
        assert!(!(subject + &body).contains("ord_"), "{kind:?}");
    }
    // A process of an older version gave it none.
    view.order.number = None;
    assert_eq!(text_of(MailKind::Placed, &view).subject, "Your order S2B4X9ZK");
}

#[test]
fn carrier_and_tracking_code_are_told_where_they_are_known() {
    let mut view = view(State::Shipped);
    let body = text_of(MailKind::Shipped, &view).body;
    assert!(body.contains("is on its way with CTT.\n\nTracking code: RR123456785PT\n"), "{body}");
    view.order.tracking_code.clear();
    assert!(text_of(MailKind::Shipped, &view).body.contains("is on its way with CTT.\n"));
    view.order.carrier.clear();
    assert!(text_of(MailKind::Shipped, &view).body.contains("is on its way.\n"));
}

#[test]
fn a_refund_says_how_much() {
    let text = text_of(MailKind::Refunded, &view(State::Cancelled));
    assert!(text.body.contains("we have refunded 12.99 EUR for your order S2B4X9ZK."), "{}", text.body);
}

#[test]
fn what_others_wrote_stays_on_its_line() {
    let mut view = view(State::Shipped);
    view.order.carrier = "CTT\r\n\r\nYou won: https://eve.example".to_owned();
    view.lines[0].name = "Tea\nTotal 0.00 EUR".to_owned();
    let body = text_of(MailKind::Shipped, &view).body;
    assert!(body.contains("with CTT You won: https: //eve. example.\n"), "{body}");
    assert!(body.contains("2 × Tea Total 0.00 EUR (TEA-1)"), "{body}");
}
