//! A checkout and its compensation, failing, stopped and repeated at each of their fail points: whatever happens there,
//! the order ends where its story says, and the books of all services agree.

mod agree;
mod shop;
mod story;
mod world;

use std::{collections::BTreeMap, time::Duration};

use fail::FailScenario;
use kit::{Clock, Role, testing::Database};

use crate::{
    Migrator,
    checkout::failpoints::{Asked, Place, name, names, probe},
};
use agree::check;
use shop::{PATIENCE, Process};
use story::{Run, Story};
use world::{Loss, World};

/// What happens at a fail point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    /// The call fails: its request is lost, or its answer, or what is known of the commit.
    Fails,
    /// The process dies, and another one goes on.
    Dies,
    /// Whoever is at work is stopped for longer than the lease. Another one does the same again, and then the first one
    /// wakes up.
    Repeated,
}

impl Mishap {
    const ALL: [Self; 3] = [Self::Fails, Self::Dies, Self::Repeated];
}

/// What happens to one story: something, at a fail point on its way.
#[derive(Debug, Clone, Copy)]
struct Case {
    story: Story,
    asked: Asked,
    /// By which method of another service that is asked.
    method: &'static str,
    place: Place,
    mishap: Mishap,
}

impl Case {
    fn all() -> impl Iterator<Item = Self> {
        let of_story = |story: Story| {
            let points = story.asks().iter().flat_map(|(asked, method, places)| {
                places.iter().map(move |place| (*asked, *method, *place))
            });
            points.flat_map(move |(asked, method, place)| {
                Mishap::ALL.map(|mishap| Self { story, asked, method, place, mishap })
            })
        };
        Story::ALL.into_iter().flat_map(of_story)
    }

    fn point(self) -> &'static str {
        name(self.asked, self.place).unwrap()
    }

    /// Which call is lost.
    fn loss(self) -> Option<Loss> {
        match (self.mishap, self.place) {
            (Mishap::Fails, Place::Before) => Some(Loss::Request),
            (Mishap::Fails, Place::Answered) => Some(Loss::Answer),
            _ => None,
        }
    }
}

/// Every story on a database of each kind, with every mishap at every fail point on its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkout_ends_well_whatever_happens_at_its_fail_points() {
    let _scenario = FailScenario::setup();
    assert!(fail::has_failpoints(), "this test needs the feature failpoints of the crate fail");
    for database in Database::of_each_kind(Role::Order).await {
        let kind = database.url().split(':').next().unwrap().to_owned();
        let began = std::time::Instant::now();
        let before: BTreeMap<_, _> = names().map(|point| (point, probe::hits(point))).collect();
        database.migrated::<Migrator>(Clock::system()).await.close().await;
        let mut taken: BTreeMap<&str, u64> = BTreeMap::new();
        let mut process = None;
        for case in Case::all() {
            println!("{kind}: {:?}, {:?} at {}", case.story, case.mishap, case.point());
            let world = World::new();
            let first = match process.take() {
                Some(process) => Process::with(&process, &world),
                None => Process::start(&database, &world).await,
            };
            process = Some(happen(&database, &world, first, case).await);
            *taken.entry(case.point()).or_default() += 1;
        }
        println!("{kind}: {} cases in {:.1?}", taken.values().sum::<u64>(), began.elapsed());
        for point in names() {
            let (hits, taken) = (probe::hits(point) - before[point], taken.get(point).copied().unwrap_or(0));
            println!("{kind}: {point}: reached {hits} times, {taken} cases");
            assert!(taken > 0 && hits >= taken, "{point} was not reached");
        }
    }
}

/// One case; the process that brought its order to its end.
async fn happen(database: &Database, world: &World, first: Process, case: Case) -> Process {
    let point = case.point();
    let run = Run::begin(case.story, &first, world).await;
    match (case.loss(), case.mishap) {
        (Some(loss), _) => world.lose(case.method, loss),
        (None, Mishap::Repeated) => fail::cfg(point, "1*return(wait)->off").unwrap(),
        (None, _) => fail::cfg(point, "1*return(stop)->off").unwrap(),
    }
    let before = probe::hits(point);
    let acting = tokio::spawn({
        let (run, first) = (run.clone(), first.clone());
        async move { run.act(&first).await }
    });
    let last = match case.mishap {
        Mishap::Fails => {
            let _ = acting.await.unwrap();
            first
        }
        Mishap::Dies => {
            let _ = acting.await.unwrap();
            let reached = async {
                while probe::hits(point) == before {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            };
            tokio::time::timeout(PATIENCE, reached).await.expect(point);
            first.close().await;
            Process::start(database, world).await
        }
        Mishap::Repeated => {
            tokio::time::timeout(PATIENCE, probe::arrived()).await.expect(point);
            let second = Process::with(&first, world);
            second.bring_to_rest(run.order(&second).await).await;
            run.go_on(&second).await;
            probe::go_on();
            let _ = acting.await.unwrap();
            second
        }
    };
    let id = run.order(&last).await;
    if case.loss().is_some() {
        // The same driver tries again.
        last.comes_to_rest(id, Duration::from_millis(300)).await;
    }
    last.bring_to_rest(id).await;
    if case.mishap != Mishap::Repeated {
        run.go_on(&last).await;
    }
    fail::remove(point);
    assert!(!world.is_to_be_lost(), "{} was called", case.method);
    assert!(probe::hits(point) > before, "{point} was reached");
    check(&last, world, &run, id).await;
    last
}
