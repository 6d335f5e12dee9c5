//! A process's background tasks. Those that run for as long as the process have a name, ROLE.TASK, by which logs,
//! metrics and `feira status` say how they fare.

use std::{
    collections::BTreeMap,
    fmt::Display,
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use contracts::mesh as wire;
use futures::FutureExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use crate::{
    Clock, Role, Time,
    telemetry::{
        metrics::{self, Watched},
        spans,
    },
};

/// How often a task that fails again and again is warned of.
const WARN: Duration = Duration::from_secs(60);
/// A delay that is told.
const TELL: Duration = Duration::from_millis(10);
/// How much of an error is kept.
const ERROR: usize = 200;

/// Starts background tasks; cheap to clone.
#[derive(Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    drain: CancellationToken,
    named: Arc<Mutex<BTreeMap<Arc<str>, Runs>>>,
}

/// How a named task fared.
#[derive(Default)]
struct Runs {
    runs: u64,
    failures: u64,
    last: Option<(Time, Duration)>,
    /// Why the last run failed, if it did.
    error: Option<String>,
    warned: Option<Instant>,
    /// When a run went well last.
    well: Option<Time>,
    /// How often it runs, of what does so again and again, and for how long a run goes on that is not late.
    pause: Option<Duration>,
    lasts: Duration,
    /// Since when it waits for its next run.
    waits_since: Option<Instant>,
    /// When the event happened that it has received and not handled yet.
    unhandled: Option<Time>,
}

impl Runs {
    /// For how long it has been behind.
    fn lag(&self, now: Time) -> Duration {
        let overdue = self.waits_since.zip(self.pause);
        let overdue = overdue.map(|(since, pause)| since.elapsed().saturating_sub(pause + self.lasts));
        let unhandled = self.unhandled.map(|event| now.since(event));
        // What the clock of a busy runtime makes of a pause is no delay worth telling.
        overdue.into_iter().chain(unhandled).max().filter(|lag| *lag >= TELL).unwrap_or_default()
    }
}

tokio::task_local! {
    /// The named task that is at work.
    static NAME: Arc<str>;
}

/// The name of the task that asks, where it has one.
pub fn current() -> Option<Arc<str>> {
    NAME.try_with(Clone::clone).ok()
}

impl Tasks {
    /// Starts a task. It must end by itself once [`Tasks::draining`] does.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(task);
    }

    /// Starts a task that may be stopped at any await point when the process drains.
    pub fn spawn_until_drain(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn(self.until_drain(task));
    }

    /// A task that may be stopped at any await point when the process drains.
    pub fn until_drain(
        &self,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let drain = self.drain.clone();
        async move {
            tokio::select! {
                () = drain.cancelled() => {}
                () = task => {}
            }
        }
    }

    /// Starts a task that goes on for as long as the process does, such as following a feed. It must end by
    /// itself once [`Tasks::draining`] does.
    pub fn keep(&self, name: impl Into<Arc<str>>, task: impl Future<Output = ()> + Send + 'static) {
        let (tasks, name) = (self.clone(), name.into());
        tasks.named().entry(name.clone()).or_default();
        self.tracker.spawn(NAME.scope(name.clone(), async move {
            let (began, span) = (Instant::now(), spans::kept(&name));
            if AssertUnwindSafe(task.instrument(span)).catch_unwind().await.is_err() {
                tasks.ran(&name, began.elapsed(), Err("it panicked, and does not run any more"));
            }
        }));
    }

    /// Does `work` again and again, with a pause in between, until the process drains. What is under way
    /// then is finished. A run that fails is followed by the next one as any other.
    pub fn every<F, Fut, E>(&self, name: impl Into<Arc<str>>, pause: Duration, work: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send,
        E: Display,
    {
        let (tasks, name) = (self.clone(), name.into());
        tasks.named().entry(name.clone()).or_default().pause = Some(pause);
        self.tracker.spawn(async move {
            loop {
                tasks.change(&name, |runs| runs.waits_since = Some(Instant::now()));
                tokio::select! {
                    () = tasks.drain.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                let (began, span) = (Instant::now(), spans::task(&name));
                let done = AssertUnwindSafe(async { work().await }.instrument(span)).catch_unwind().await;
                match &done {
                    Ok(Ok(())) => tasks.ran::<&str>(&name, began.elapsed(), Ok(())),
                    Ok(Err(error)) => tasks.ran(&name, began.elapsed(), Err(error)),
                    Err(_) => tasks.ran(&name, began.elapsed(), Err("it panicked")),
                }
            }
        });
    }

    /// Says of a task that runs again and again for how long a run goes on that waits for something to do.
    pub fn lasts(&self, name: impl Into<Arc<str>>, most: Duration) {
        self.change(&name.into(), |runs| runs.lasts = most);
    }

    /// Notes a run's end. A failure is logged as a warning, repeated ones now and then.
    fn ran<E: Display>(&self, name: &Arc<str>, took: Duration, done: Result<(), E>) {
        metrics::figures::task(name, done.is_ok(), took);
        let mut named = self.named();
        let runs = named.entry(name.clone()).or_default();
        runs.runs += 1;
        let now = Clock::system().now();
        runs.last = Some((now, took));
        match done {
            Ok(()) => {
                runs.well = Some(now);
                if runs.error.take().is_some() {
                    tracing::info!(task = %name, "task.recovered");
                    runs.warned = None;
                }
            }
            Err(error) => {
                runs.failures += 1;
                if runs.warned.is_none_or(|warned| warned.elapsed() >= WARN) {
                    tracing::warn!(task = %name, %error, failures = runs.failures, "task.failed");
                    runs.warned = Some(Instant::now());
                }
                runs.error = Some(error.to_string().chars().take(ERROR).collect());
            }
        }
    }

    /// Has metrics say how they fare.
    pub fn observe(&self) {
        let tasks = self.clone();
        let about = "When a background task's run went well last, since 1970, by task";
        Watched { name: "feira.task.last_success", unit: "s", about }.by(move |see| {
            for (name, runs) in tasks.named().iter() {
                if let Some(well) = runs.well {
                    see(well.0 as f64 / 1e6, &[("task", &**name)]);
                }
            }
        });
        let tasks = self.clone();
        let about = "Whether a background task's last run failed, or it does not run any more, by task";
        Watched { name: "feira.task.failing", unit: "{task}", about }.by(move |see| {
            for (name, runs) in tasks.named().iter() {
                see(if runs.error.is_some() { 1.0 } else { 0.0 }, &[("task", &**name)]);
            }
        });
    }

    fn change(&self, name: &Arc<str>, change: impl FnOnce(&mut Runs)) {
        change(self.named().entry(name.clone()).or_default());
    }

    /// Says of the task that this runs in, one that follows events, that it has received one which happened then.
    pub(crate) fn received(&self, happened: Option<Time>) {
        let _ = NAME.try_with(|name| self.change(name, |runs| runs.unhandled = happened));
    }

    /// That it has handled it, or got through to where events come from.
    pub(crate) fn handled(&self) {
        let _ = NAME.try_with(|name| {
            self.change(name, |runs| {
                if let Some(event) = runs.unhandled.take() {
                    let now = Clock::system().now();
                    runs.last = Some((now, now.since(event)));
                    runs.well = Some(now);
                }
                runs.error = None;
            });
        });
    }

    /// That it cannot go on for now.
    pub(crate) fn interrupted(&self, why: &dyn Display) {
        let _ = NAME.try_with(|name| {
            self.change(name, |runs| {
                runs.failures += 1;
                runs.error = Some(why.to_string().chars().take(ERROR).collect());
            });
        });
    }

    /// How a role's tasks fare, by name.
    pub fn of(&self, role: Role) -> Vec<wire::Task> {
        let (named, now) = (self.named(), Clock::system().now());
        let own = named.iter().filter(|(name, _)| name.split('.').next() == Some(role.name()));
        own.map(|(name, runs)| wire::Task {
            name: name.to_string(),
            runs: runs.runs as i64,
            failures: runs.failures as i64,
            last_run_time: runs.last.map(|(end, _)| end.into()),
            last_run_us: runs.last.map_or(0, |(_, took)| took.as_micros() as i64),
            error: runs.error.clone().unwrap_or_default(),
            lag_us: runs.lag(now).as_micros() as i64,
        })
        .collect()
    }

    /// Ends when the process begins to drain.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// Whether the process drains.
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Tells all tasks to end.
    pub fn drain(&self) {
        self.drain.cancel();
        self.tracker.close();
    }

    /// Waits until they have.
    pub async fn drained(&self) {
        self.tracker.wait().await;
    }

    fn named(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Runs>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
