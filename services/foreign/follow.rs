//! Follows contracts and settings while the process runs: a new contract counts for the next request, and one that cannot
//! be served leaves the one before it in its place.

use std::{
    fs,
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::Router;
use futures::{StreamExt as _, stream::FuturesUnordered};
use gateway::Switch;
use kit::{Tasks, telemetry::Telemetry};
use tokio::{
    signal::unix::Signal,
    time::{MissedTickBehavior, interval},
};

use super::{
    Reread,
    guard::Guard,
    learn::{self, Answer, Known},
    made::Made,
    readiness::Readiness,
    settings::Settings,
};
use crate::error::Error;

/// How often it is looked whether the file has changed, and whether it is time to ask an upstream.
const LOOK: Duration = Duration::from_secs(1);

/// By which a change of a file is noticed: when it was written, and its length.
type Stamp = Option<(SystemTime, u64)>;

/// What follows.
pub struct Follower {
    settings: Settings,
    known: Vec<Known>,
    guard: Arc<Guard>,
    readiness: Readiness,
    tasks: Tasks,
    switch: Switch,
    /// The file as it was when it was read, and as it was when it was looked at last.
    read: Stamp,
    seen: Stamp,
}

impl Follower {
    /// Learns the contracts for the first time. Upstreams that cannot be reached may come later; all else that is wrong
    /// is an error.
    pub async fn start(
        settings: Settings,
        readiness: Readiness,
        tasks: Tasks,
    ) -> Result<(Self, Switch), Error> {
        let read = stamp(&settings);
        let mut known = Known::all(&settings.upstreams, &[])?;
        learn::ask(&settings.upstreams, &mut known).await.map_err(Error::usage)?;
        let guard = Arc::new(Guard::new(&settings.limits));
        let switch = Switch::new(Router::new());
        let mut follower =
            Self { settings, known, guard, readiness, tasks, switch: switch.clone(), read, seen: read };
        let all = follower.known.iter().map(Known::newest).collect();
        let made = follower.make(all).await.map_err(Error::usage)?;
        follower.put(made);
        Ok((follower, switch))
    }

    /// Follows for as long as the process runs.
    pub async fn follow(mut self, mut hangups: Signal, telemetry: Arc<Telemetry>, reread: Reread) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Each by itself: who does not answer keeps nobody else waiting.
        let mut asked = FuturesUnordered::new();
        loop {
            tokio::select! {
                hangup = hangups.recv() => match hangup {
                    Some(()) => {
                        asked.clear();
                        self.reload(&telemetry, reread).await;
                    }
                    None => return,
                },
                Some(answer) = asked.next() => self.answered(answer).await,
                _ = looks.tick() => match &self.settings.upstreams.descriptors {
                    Some(_) => self.look().await,
                    None => asked.extend(self.known.iter_mut().filter_map(Known::due)),
                }
            }
        }
    }

    /// Reads the settings again, then the contracts.
    async fn reload(&mut self, telemetry: &Telemetry, reread: Reread) {
        if let Err(error) = self.reloaded(reread).await {
            self.known.iter_mut().for_each(Known::ask_soon);
            return tracing::warn!(error, "settings.not_reloaded");
        }
        let level = &self.settings.log.log_level;
        match telemetry.set_level(level) {
            Ok(()) => tracing::info!(log_level = %level, "settings.reloaded"),
            Err(error) => tracing::warn!(error, "settings.not_reloaded"),
        }
    }

    async fn reloaded(&mut self, reread: Reread) -> Result<(), String> {
        let settings = reread().map_err(|error| error.to_string())?;
        let read = stamp(&settings);
        let mut known = Known::all(&settings.upstreams, &self.known).map_err(|error| error.to_string())?;
        learn::ask(&settings.upstreams, &mut known).await?;
        // Who has used up a limit has not more of it by a reload, and calls under way still count.
        let guard = match settings.limits == self.settings.limits {
            true => self.guard.clone(),
            false => Arc::new(Guard::new(&settings.limits)),
        };
        let all = known.iter().map(Known::newest).collect();
        let (readiness, tasks) = (self.readiness.clone(), self.tasks.clone());
        let made = Made::of(settings.clone(), all, guard.clone(), readiness, tasks).await?;
        (self.settings, self.guard) = (settings, guard);
        (self.read, self.seen) = (read, read);
        self.put(made);
        Ok(())
    }

    /// Reads the file again if it is another than was read. One that is being written is let finish: it is read once
    /// it has been the same for two looks.
    async fn look(&mut self) {
        let now = stamp(&self.settings);
        let is_quiet = std::mem::replace(&mut self.seen, now) == now;
        let Some(file) = self.settings.upstreams.descriptors.clone().filter(|_| is_quiet && now != self.read)
        else {
            return;
        };
        self.read = now;
        let problem = match learn::read(&file).await {
            Ok(contract) => {
                learn::tell(&contract, &mut self.known);
                if self.known.iter().all(Known::is_served) {
                    return;
                }
                let all = self.known.iter().map(Known::newest).collect();
                match self.make(all).await {
                    Ok(made) => return self.put(made),
                    Err(problem) => problem,
                }
            }
            Err(problem) => problem,
        };
        tracing::warn!(problem, "contract.not_loaded");
    }

    /// Notes what an upstream answered, and serves it where it is new.
    async fn answered(&mut self, (upstream, answer): Answer) {
        let poll = self.settings.upstreams.poll_interval;
        let is_its = |known: &Known| Arc::ptr_eq(&known.upstream, &upstream);
        let Some(asked) = self.known.iter_mut().find(|known| is_its(known)) else { return };
        let problem = match asked.heard(answer, poll) {
            Ok(()) if asked.is_served() => None,
            Ok(()) => self.serve(&is_its).await.err(),
            Err((problem, _)) => Some(problem),
        };
        if let Some(asked) = self.known.iter_mut().find(|known| is_its(known)) {
            asked.complain(problem);
        }
    }

    /// Serves what all upstreams said last. Where that cannot be, because they contradict each other, what this one said,
    /// beside what is served of the others.
    async fn serve(&mut self, is_its: &(dyn Fn(&Known) -> bool + Sync)) -> Result<(), String> {
        let all = self.known.iter().map(Known::newest).collect();
        let made = match self.make(all).await {
            Ok(made) => made,
            Err(_) => {
                let one = |known: &Known| if is_its(known) { known.newest() } else { known.clone() };
                let all = self.known.iter().map(one).collect();
                self.make(all).await?
            }
        };
        self.put(made);
        Ok(())
    }

    async fn make(&self, known: Vec<Known>) -> Result<Made, String> {
        let (guard, readiness, tasks) = (self.guard.clone(), self.readiness.clone(), self.tasks.clone());
        Made::of(self.settings.clone(), known, guard, readiness, tasks).await
    }

    fn put(&mut self, made: Made) {
        let Made { router, behind, known, services, methods } = made;
        self.known = known;
        self.switch.set(router);
        self.readiness.set(behind);
        if services > 0 {
            tracing::info!(services, methods, "contract.loaded");
        }
    }
}

fn stamp(settings: &Settings) -> Stamp {
    let metadata = fs::metadata(settings.upstreams.descriptors.as_ref()?).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
