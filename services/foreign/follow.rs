//! Follows contracts and settings while the process runs: a new contract counts for the next request, and one that cannot
//! be served leaves the one before it in its place.

use std::{
    fs,
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::Router;
use gateway::{Extras, Switch};
use kit::{Tasks, telemetry::Telemetry};
use tokio::{
    signal::unix::Signal,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    Reread,
    guard::Guard,
    learn::{self, Known, explain},
    readiness::{Behind, Readiness},
    settings::Settings,
};
use crate::error::Error;

/// How often it is looked whether the file has changed, and whether upstreams are there that were not.
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
    of: Stamp,
    asked: Instant,
    /// What was complained of last, which is not said again and again.
    problem: String,
}

/// An interface, and what it is made of.
struct Made {
    router: Router,
    behind: Behind,
    services: usize,
    methods: usize,
}

impl Follower {
    /// Learns the contracts for the first time. Upstreams that cannot be reached may come later; all else that is wrong
    /// is an error.
    pub async fn start(
        settings: Settings,
        readiness: Readiness,
        tasks: Tasks,
    ) -> Result<(Self, Switch), Error> {
        let known = Known::all(&settings.upstreams, &[])?;
        let guard = Arc::new(Guard::new(&settings.limits));
        let switch = Switch::new(Router::new());
        let of = stamp(&settings);
        let mut follower = Self {
            settings,
            known,
            guard,
            readiness,
            tasks,
            switch: switch.clone(),
            of,
            asked: Instant::now(),
            problem: String::new(),
        };
        let mut problems = Vec::new();
        follower.ask(&mut problems, &mut Vec::new()).await;
        if let Some(problem) = problems.into_iter().next() {
            return Err(Error::usage(problem));
        }
        let made = follower.make(&follower.settings, &follower.known).map_err(Error::usage)?;
        follower.put(made);
        Ok((follower, switch))
    }

    /// Follows for as long as the process runs.
    pub async fn follow(mut self, mut hangups: Signal, telemetry: Arc<Telemetry>, reread: Reread) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                hangup = hangups.recv() => match hangup {
                    Some(()) => self.reload(&telemetry, reread).await,
                    None => return,
                },
                _ = looks.tick() => {
                    let missing = self.known.iter().any(|known| known.contract.is_none());
                    let polls = self.settings.upstreams.descriptors.is_none()
                        && self.asked.elapsed() >= self.settings.upstreams.poll_interval;
                    let now = stamp(&self.settings);
                    if missing || polls || now != self.of {
                        self.of = now;
                        self.renew().await;
                    }
                }
            }
        }
    }

    /// Reads the settings again, then the contracts.
    async fn reload(&mut self, telemetry: &Telemetry, reread: Reread) {
        let read = reread().and_then(|settings| {
            let known = Known::all(&settings.upstreams, &self.known)?;
            Ok((settings, known))
        });
        let (settings, known) = match read {
            Ok(read) => read,
            Err(error) => return tracing::warn!(%error, "settings.not_reloaded"),
        };
        let guard = Arc::new(Guard::new(&settings.limits));
        let before = (
            std::mem::replace(&mut self.settings, settings),
            std::mem::replace(&mut self.known, known),
            std::mem::replace(&mut self.guard, guard),
        );
        self.of = stamp(&self.settings);
        let (mut problems, mut waits) = (Vec::new(), Vec::new());
        self.ask(&mut problems, &mut waits).await;
        let unserved = self.known.iter().any(|known| known.contract.is_none());
        match self.make(&self.settings, &self.known) {
            Ok(made) if problems.is_empty() || !unserved => {
                let level = &self.settings.log.log_level;
                match telemetry.set_level(level) {
                    Ok(()) => tracing::info!(log_level = %level, "settings.reloaded"),
                    Err(error) => tracing::warn!(error, "settings.not_reloaded"),
                }
                self.put(made);
                problems.append(&mut waits);
                self.complain(problems);
            }
            made => {
                (self.settings, self.known, self.guard) = before;
                self.of = stamp(&self.settings);
                let error = made.err().or_else(|| problems.into_iter().next()).unwrap_or_default();
                tracing::warn!(error, "settings.not_reloaded");
            }
        }
    }

    /// Asks for the contracts again, and serves those that have changed.
    async fn renew(&mut self) {
        let before: Vec<_> = self.known.iter().map(|known| known.contract.clone()).collect();
        let (mut problems, mut waits) = (Vec::new(), Vec::new());
        let changed = self.ask(&mut problems, &mut waits).await;
        if changed {
            match self.make(&self.settings, &self.known) {
                Ok(made) => self.put(made),
                Err(problem) => {
                    for (known, contract) in self.known.iter_mut().zip(before) {
                        known.contract = contract;
                    }
                    problems.push(problem);
                }
            }
        }
        problems.append(&mut waits);
        self.complain(problems);
    }

    /// Asks for all contracts; answers whether one is another now. `problems` are what somebody must do something
    /// about, `waits` what may pass.
    async fn ask(&mut self, problems: &mut Vec<String>, waits: &mut Vec<String>) -> bool {
        self.asked = Instant::now();
        let answers = match &self.settings.upstreams.descriptors {
            Some(file) => match learn::read(file) {
                Ok(contract) => self.known.iter().map(|_| Ok(contract.clone())).collect(),
                Err(problem) => {
                    problems.push(problem);
                    return false;
                }
            },
            None => learn::reflect(&self.known).await,
        };
        let mut changed = false;
        for (known, answer) in self.known.iter_mut().zip(answers) {
            match answer {
                Ok(contract) => {
                    let same = known.contract.as_ref().is_some_and(|before| before.is_same(&contract));
                    changed |= !same;
                    known.contract = Some(contract);
                }
                Err(error) if error.passes() => waits.push(explain(known, &error)),
                Err(error) => problems.push(explain(known, &error)),
            }
        }
        changed
    }

    fn make(&self, settings: &Settings, known: &[Known]) -> Result<Made, String> {
        let (served, names) = learn::services(known, &Arc::new(settings.forward()), &self.tasks)?;
        let (services, methods) =
            (served.len(), served.iter().map(|served| served.service.methods().len()).sum());
        let extras = Extras {
            guard: Some(self.guard.clone()),
            mount: Some(self.readiness.mount()),
            page: None,
            incomplete: known.iter().any(|known| known.contract.is_none()),
        };
        let router =
            gateway::router_of(&settings.gateway, served, extras).map_err(|error| error.to_string())?;
        let upstreams = known.iter().map(|known| known.upstream.clone()).zip(names).collect();
        Ok(Made { router, behind: Behind { upstreams }, services, methods })
    }

    fn put(&self, made: Made) {
        let Made { router, behind, services, methods } = made;
        self.switch.set(router);
        self.readiness.set(behind);
        if services > 0 {
            tracing::info!(services, methods, "contract.loaded");
        }
    }

    /// Says what is wrong, once.
    fn complain(&mut self, problems: Vec<String>) {
        let problem = problems.join("; ");
        if problem != self.problem && !problem.is_empty() {
            tracing::warn!(problem, "contract.not_loaded");
        }
        self.problem = problem;
    }
}

fn stamp(settings: &Settings) -> Stamp {
    let metadata = fs::metadata(settings.upstreams.descriptors.as_ref()?).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
