//! Every step of a reservation, stopped at every fail point on its way: its stock moves once, or not at all.

use std::{collections::BTreeMap, time::Duration};

use contracts::article::{Article, Reservation, ReservationState};
use fail::FailScenario;
use kit::{
    Db, Fault, Role,
    audit::Audit as _,
    id::{Id, OrderId},
    testing::{Database, fail_points as probe},
};
use tokio::time::timeout;

use super::support::*;
use crate::{
    store::{
        audit::Audit,
        failpoints::{Asked, Place, name, names},
    },
    work::sweep::sweep,
};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);
const ASKED: [Asked; 6] =
    [Asked::Reserve, Asked::Renew, Asked::Commit, Asked::Release, Asked::Restock, Asked::Expire];
const PLACES: [Place; 3] = [Place::Before, Place::Changed, Place::Committed];
/// Of so many units, an order takes so many.
const UNITS: i64 = 5;
const TAKEN: i64 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    /// It fails there; the caller asks the same process again.
    Fails,
    /// The process ends there; the caller asks another.
    Dies,
    /// The process stands still there; the caller asks another meanwhile, and then the first goes on.
    Sleeps,
}

const MISHAPS: [Mishap; 3] = [Mishap::Fails, Mishap::Dies, Mishap::Sleeps];

/// One attempt of one order.
struct Attempt {
    asked: Asked,
    order: OrderId,
    article: Article,
}

impl Attempt {
    /// Brings a reservation to where the step begins.
    async fn begin(asked: Asked, shop: &Shop) -> Self {
        let order = OrderId::new();
        let attempt = Self { asked, order, article: shop.stocked(&order.to_string(), UNITS).await };
        if asked != Asked::Reserve {
            attempt.reserve(shop).await.unwrap();
        }
        if asked == Asked::Restock {
            shop.commit(order, 1).await.unwrap();
        }
        if asked == Asked::Expire {
            shop.clock.advance(Duration::from_secs(601));
        }
        attempt
    }

    async fn reserve(&self, shop: &Shop) -> Result<Reservation, Fault> {
        shop.reserve(self.order, 1, &[(&self.article, TAKEN)]).await
    }

    /// Takes the step; whether that was answered well.
    async fn ask(&self, shop: &Shop) -> bool {
        let until = shop.ahead(3600);
        match self.asked {
            Asked::Reserve => self.reserve(shop).await.is_ok(),
            Asked::Renew => shop.renew(self.order, 1, until).await.is_ok(),
            Asked::Commit => shop.commit(self.order, 1).await.is_ok(),
            Asked::Release => shop.release(self.order, 1).await.is_ok(),
            Asked::Restock => shop.restock(self.order, 1).await.is_ok(),
            // The sweeper has nobody to answer.
            Asked::Expire => sweep(&shop.db).await.is_ok(),
        }
    }

    /// The step is taken once: state, figures and movements say so, and the books agree.
    async fn check(&self, shop: &Shop) {
        use ReservationState::{Committed, Expired, Held, Released, Restocked};
        let free = UNITS - TAKEN;
        let (state, figures, movements) = match self.asked {
            Asked::Reserve | Asked::Renew => (Held, (free, TAKEN, 0), 2),
            Asked::Commit => (Committed, (free, 0, TAKEN), 3),
            Asked::Release => (Released, (UNITS, 0, 0), 3),
            Asked::Restock => (Restocked, (UNITS, 0, 0), 4),
            Asked::Expire => (Expired, (UNITS, 0, 0), 3),
        };
        assert_eq!(shop.figures(&self.article).await, figures, "{:?}", self.asked);
        assert_eq!(shop.movements(&self.article).await.len(), movements, "{:?}", self.asked);
        let (_, violations) = Audit { db: Db::clone(&shop.db) }.check().await.unwrap();
        assert_eq!(violations, []);
        // A repeat of the step, whose answer says where the reservation stands; one that expired is no longer renewed.
        match self.asked {
            Asked::Reserve | Asked::Renew => assert_eq!(self.reserve(shop).await.unwrap().state(), state),
            Asked::Commit => assert_eq!(shop.commit(self.order, 1).await.unwrap().state(), state),
            Asked::Release => assert_eq!(shop.release(self.order, 1).await.unwrap().state(), state),
            Asked::Restock => assert_eq!(shop.restock(self.order, 1).await.unwrap().state(), state),
            Asked::Expire => assert!(shop.renew(self.order, 1, shop.ahead(60)).await.is_err()),
        }
        assert_eq!(shop.figures(&self.article).await, figures, "{:?}", self.asked);
    }
}

/// On a database of each kind, with every mishap at every fail point.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_is_taken_once_whatever_happens_at_its_fail_points() {
    let _scenario = FailScenario::setup();
    assert!(fail::has_failpoints(), "this test needs the feature failpoints of the crate fail");
    for database in Database::of_each_kind(Role::Article).await {
        let kind = database.url().split(':').next().unwrap().to_owned();
        let before: BTreeMap<_, _> = names().map(|point| (point, probe::hits(point))).collect();
        let shop = Shop::on(database.clone()).await;
        shop.db.migrate::<crate::Migrator>().await.unwrap();
        for asked in ASKED {
            for place in PLACES {
                for mishap in MISHAPS {
                    println!("{kind}: {asked:?}, {mishap:?} at {place:?}");
                    happen(&shop, &database, asked, place, mishap).await;
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
async fn happen(shop: &Shop, database: &Database, asked: Asked, place: Place, mishap: Mishap) {
    let attempt = Attempt::begin(asked, shop).await;
    let point = name(asked, place).unwrap();
    probe::concern(&attempt.order);
    let before = probe::hits(point);
    let what = if mishap == Mishap::Sleeps { "wait" } else { "stop" };
    fail::cfg(point, &format!("1*return({what})->off")).unwrap();
    let other = Shop::replica(database, &shop.clock).await;
    match mishap {
        Mishap::Fails => {
            attempt.ask(shop).await;
            assert!(attempt.ask(shop).await, "{point}");
        }
        Mishap::Dies => {
            attempt.ask(shop).await;
            assert!(attempt.ask(&other).await, "{point}");
        }
        Mishap::Sleeps => {
            let meanwhile = async {
                timeout(PATIENCE, probe::arrived()).await.expect(point);
                // The other one waits for the first one's locks, where it has some: so the first is woken while it does.
                let wake = async {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    probe::go_on();
                };
                tokio::join!(attempt.ask(&other), wake).0
            };
            let (_, answered) =
                timeout(PATIENCE, async { tokio::join!(attempt.ask(shop), meanwhile) }).await.expect(point);
            assert!(answered || attempt.ask(&other).await, "{point}");
        }
    }
    fail::remove(point);
    assert!(probe::hits(point) > before, "{point} was not reached");
    attempt.check(shop).await;
}
