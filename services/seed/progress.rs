//! How far it is: a bar on a terminal, now and then a line elsewhere.

use std::{
    io::{IsTerminal, Write, stderr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// How often a line is written where there is no terminal.
const LINE: Duration = Duration::from_secs(5);

/// One stage of the work.
pub struct Progress {
    what: &'static str,
    bar: ProgressBar,
    start: Instant,
    /// When the last line was written; none on a terminal.
    line: Option<Mutex<Instant>>,
}

impl Progress {
    /// So many of something are to be made, of which some are there.
    pub fn new(what: &'static str, there: u64, total: u64) -> Self {
        let terminal = stderr().is_terminal();
        let bar = if terminal { ProgressBar::new(total) } else { ProgressBar::hidden() };
        bar.set_length(total);
        if let Ok(style) = ProgressStyle::with_template(
            "{prefix:9} {bar:40} {human_pos:>9} of {human_len:<9} {rate:>9} {eta:>6} left",
        ) {
            // The bar's own rate has as many digits as a float has.
            let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                let _ = write!(out, "{:.0}/s", state.per_sec());
            };
            bar.set_style(style.with_key("rate", rate));
        }
        bar.set_prefix(what);
        bar.set_position(there);
        bar.reset_eta();
        let now = Instant::now();
        Self { what, bar, start: now, line: (!terminal).then(|| Mutex::new(now)) }
    }

    /// One more.
    pub fn step(&self) {
        self.steps(1);
    }

    /// So many more.
    pub fn steps(&self, count: u64) {
        self.bar.inc(count);
        let Some(line) = &self.line else { return };
        let mut last = line.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= LINE {
            *last = Instant::now();
            self.say();
        }
    }

    /// All are there.
    pub fn end(self, made: u64) {
        self.bar.finish();
        if self.line.is_some() {
            self.say();
        }
        let seconds = self.start.elapsed().as_secs_f64();
        if made > 0 && seconds > 0.0 {
            tracing::info!(
                what = self.what,
                made,
                per_second = (made as f64 / seconds).round() as u64,
                "seed.stage"
            );
        }
    }

    fn say(&self) {
        let (done, all) = (self.bar.position(), self.bar.length().unwrap_or(0));
        let _ = writeln!(stderr(), "{}: {done} of {all}", self.what);
    }
}
