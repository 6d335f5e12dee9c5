//! Every operation at a provider, stopped at every fail point on its way: what it comes to is in the books once, and in
//! the provider's own.

use std::{collections::BTreeMap, time::Duration};

use contracts::payment::{
    CreatePaymentRequest, PaymentState, RefundPaymentRequest, payment_service_server::PaymentService,
};
use fail::FailScenario;
use kit::{
    Role,
    id::PaymentId,
    testing::{Database, keyed},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use tokio::time::timeout;

use super::support::*;
use crate::{
    domain::{Pace, RefundState, State},
    engine::failpoints::{Asked, Place, name, names, probe},
    store::entities::refund,
};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is asked for, and whether its payment is captured by the call that authorises it.
const ASKED: [(Asked, bool); 5] = [
    (Asked::Authorize, false),
    (Asked::Authorize, true),
    (Asked::Capture, false),
    (Asked::Void, false),
    (Asked::Refund, false),
];
const PLACES: [Place; 3] = [Place::Before, Place::Answered, Place::Recorded];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    /// The request, the answer or the answer's answer is lost; the caller asks again.
    Fails,
    /// The process dies; another resumes, and the caller asks that one again.
    Dies,
    /// The process stands still for longer than its lease. The caller asks another, which resumes; then the first wakes.
    Sleeps,
}

const MISHAPS: [Mishap; 3] = [Mishap::Fails, Mishap::Dies, Mishap::Sleeps];

/// What a caller does, again and again until it is done.
#[derive(Debug, Clone)]
struct Caller {
    asked: Asked,
    new: CreatePaymentRequest,
}

impl Caller {
    /// Brings a payment to where the operation begins.
    async fn begin(asked: Asked, at_once: bool, shop: &Shop) -> Self {
        let caller = Self { asked, new: CreatePaymentRequest { capture: at_once, ..new("") } };
        if asked != Asked::Authorize {
            shop.create(caller.new.clone()).await.unwrap();
        }
        if asked == Asked::Refund {
            shop.capture(&caller.new.id).await.unwrap();
        }
        caller
    }

    /// Asks for the operation; whether that was answered well.
    async fn ask(&self, shop: &Shop) -> bool {
        let id = &self.new.id;
        match self.asked {
            Asked::Authorize => shop.create(self.new.clone()).await.is_ok(),
            Asked::Capture => shop.capture(id).await.is_ok(),
            Asked::Void => shop.void(id, "").await.is_ok(),
            _ => {
                let message =
                    RefundPaymentRequest { id: id.clone(), amount: Some(eur(500)), reason: String::new() };
                // As the order service does: one key for one refund.
                shop.payments.refund_payment(keyed(&mesh(), &format!("undo:{id}"), message)).await.is_ok()
            }
        }
    }

    /// Asks until nothing is under way, and with `answered` until that is answered well, too.
    async fn until_done(&self, shop: &Shop, answered: bool) {
        let asking = async {
            while !((self.ask(shop).await || !answered) && self.is_done(shop).await) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let done = timeout(PATIENCE, asking).await;
        assert!(done.is_ok(), "{:?} does not end: {:?}", self.asked, shop.row(&self.new.id).await);
    }

    async fn is_done(&self, shop: &Shop) -> bool {
        let row = shop.row(&self.new.id).await;
        !matches!(row.state, State::Pending | State::Processing | State::Unknown)
            && row.operation.is_none()
            && row.refund_pending_minor == 0
    }

    /// The payment, its ledger and its provider agree, and nothing happened twice.
    async fn check(&self, shop: &Shop) {
        let id = &self.new.id;
        let (payment, charge, ledger) = (shop.get(id).await, shop.charge(id).await, shop.ledger(id).await);
        let history = shop.history(id).await;
        let times = |state: &str| history.iter().filter(|other| *other == state).count();
        let figure = |name: &str| charge[name].as_i64().unwrap_or(0);
        let books = (figure("captured_minor"), figure("refunded_minor"), ledger);
        match self.asked {
            // A request that certainly did not arrive declines the payment; no money is held then.
            Asked::Authorize if payment.state() == PaymentState::Declined => {
                assert!(charge["status"].as_str().is_none_or(|status| status == "declined"), "{charge}");
                assert_eq!(books, (0, 0, 0));
            }
            Asked::Authorize if self.new.capture => {
                assert_eq!((payment.state(), times("CAPTURED")), (PaymentState::Captured, 1));
                assert_eq!(books, (1299, 0, 1299));
            }
            Asked::Authorize => {
                assert_eq!((payment.state(), times("AUTHORIZED")), (PaymentState::Authorized, 1));
                assert_eq!((charge["status"].as_str(), books), (Some("authorized"), (0, 0, 0)));
            }
            Asked::Capture => {
                assert_eq!((payment.state(), times("CAPTURED")), (PaymentState::Captured, 1));
                assert_eq!(books, (1299, 0, 1299));
            }
            Asked::Void => {
                assert_eq!((payment.state(), times("VOIDED")), (PaymentState::Voided, 1));
                assert_eq!((charge["status"].as_str(), books), (Some("voided"), (0, 0, 0)));
            }
            _ => {
                assert_eq!((payment.state(), books), (PaymentState::PartiallyRefunded, (1299, 500, 799)));
                let id: PaymentId = id.parse().unwrap();
                let refunds = refund::Entity::find().filter(refund::Column::PaymentId.eq(id));
                let refunds = refunds.all(shop.db.read()).await.unwrap();
                assert_eq!(refunds.len(), 1);
                assert_eq!(refunds[0].state, RefundState::Succeeded);
            }
        }
    }
}

/// On a database of each kind, with every mishap at every fail point.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_ends_well_whatever_happens_at_its_fail_points() {
    let _scenario = FailScenario::setup();
    assert!(fail::has_failpoints(), "this test needs the feature failpoints of the crate fail");
    for database in Database::of_each_kind(Role::Payment).await {
        let kind = database.url().split(':').next().unwrap().to_owned();
        let before: BTreeMap<_, _> = names().map(|point| (point, probe::hits(point))).collect();
        let pace = Pace {
            lease: Duration::from_millis(200),
            answer_within: Duration::from_millis(400),
            busy: Duration::from_millis(400),
            ..pace()
        };
        let shop = Shop::at(database, pace, options()).await;
        for (asked, at_once) in ASKED {
            for place in PLACES {
                for mishap in MISHAPS {
                    println!("{kind}: {asked:?}, captured at once: {at_once}, {mishap:?} at {place:?}");
                    happen(&shop, (asked, at_once), place, mishap).await;
                }
            }
        }
        for point in names() {
            let hits = probe::hits(point) - before[point];
            println!("{kind}: {point}: reached {hits} times");
            assert!(hits >= MISHAPS.len() as u64, "{point} was not reached");
        }
    }
}

/// One case.
async fn happen(shop: &Shop, (asked, at_once): (Asked, bool), place: Place, mishap: Mishap) {
    let first = shop.replica().await;
    let caller = Caller::begin(asked, at_once, &first).await;
    let point = name(asked, place).unwrap();
    probe::concern(&caller.new.id);
    let before = probe::hits(point);
    let action = match mishap {
        Mishap::Fails => "1*return(lose)->off",
        Mishap::Dies => "1*return(stop)->off",
        Mishap::Sleeps => "1*return(wait)->off",
    };
    fail::cfg(point, action).unwrap();
    match mishap {
        Mishap::Fails => {
            caller.ask(&first).await;
            caller.until_done(&first, true).await;
        }
        Mishap::Dies => {
            caller.ask(&first).await;
            first.tasks.drain();
            caller.until_done(&shop.replica().await, true).await;
        }
        Mishap::Sleeps => {
            let other = shop.replica().await;
            let meanwhile = async {
                timeout(PATIENCE, probe::arrived()).await.expect(point);
                // An idempotency key is not answered while the first, which is of the same process here, holds on to it.
                caller.until_done(&other, false).await;
                probe::go_on();
            };
            tokio::join!(caller.ask(&first), meanwhile);
            caller.until_done(&other, true).await;
            other.tasks.drain();
        }
    }
    first.tasks.drain();
    let ended = timeout(PATIENCE, first.tasks.drained()).await;
    assert!(ended.is_ok(), "{point}: the work of the first goes on");
    fail::remove(point);
    assert!(probe::hits(point) > before, "{point} was not reached");
    caller.check(shop).await;
}
