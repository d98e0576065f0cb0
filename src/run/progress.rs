//! Progress reports: a bar on a terminal, otherwise lines at intervals; and to an observer, where there is one.

use super::journal::{Journal, PhaseEntry};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::RefCell;
use std::fmt::Display;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Time between lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Length of a bar in its units, which are integers.
const UNITS: f64 = 1000.0;

/// Called with the name of a stage, the work that is done and all work of the stage, in the same units, from any thread
/// of the run. It must return soon.
pub type ProgressObserver = Arc<dyn Fn(&str, f64, f64) + Send + Sync>;

thread_local! {
    static OBSERVER: RefCell<Option<ProgressObserver>> = const { RefCell::new(None) };
}

/// Removes the observer of this thread, also where the work ends with a panic.
struct ObserverScope(Option<ProgressObserver>);

impl Drop for ObserverScope {
    fn drop(&mut self) {
        OBSERVER.replace(self.0.take());
    }
}

/// Does some work, all stages of which that begin on this thread report their progress to `observer`. It is called
/// whether progress reports are suppressed or not.
pub fn observe<T>(observer: ProgressObserver, work: impl FnOnce() -> T) -> T {
    let _scope = ObserverScope(OBSERVER.replace(Some(observer)));
    work()
}

/// The progress of a stage, shared by its trajectories.
pub struct Progress {
    bar: ProgressBar,
    total: f64,
    state: Mutex<(f64, Instant)>,
    lines: bool,
    name: String,
    observer: Option<ProgressObserver>,
    entry: Option<PhaseEntry>,
}

impl Progress {
    /// A bar for `total` units of work.
    pub fn new(name: &str, total: f64, quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(UNITS as u64), ProgressDrawTarget::stderr());
        if quiet {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{msg:26} {bar:40} {percent:>3}% {elapsed:>4} (about {eta} left)");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(name.to_string());
        bar.enable_steady_tick(Duration::from_millis(200));
        let lines = !quiet && bar.is_hidden();
        let progress = Progress {
            bar,
            total: total.max(f64::MIN_POSITIVE),
            state: Mutex::new((0.0, Instant::now())),
            lines,
            name: name.into(),
            observer: OBSERVER.with_borrow(Clone::clone),
            entry: None,
        };
        progress.tell(0.0);
        progress
    }

    /// Tells the observer how much work is done.
    fn tell(&self, done: f64) {
        if let Some(observer) = &self.observer {
            observer(&self.name, done, self.total);
        }
    }

    /// The same, entered as a phase in the journal of a run.
    pub fn recorded_in(self, journal: &Journal) -> Self {
        let entry = Some(journal.begin(&self.name, self.total));
        Progress { entry, ..self }
    }

    /// Adds work that was completed before the run was resumed.
    pub fn restore(&self, work: f64) {
        if let Some(entry) = &self.entry {
            entry.restore(work);
        }
        self.show(work);
    }

    /// Adds completed work.
    pub fn advance(&self, work: f64) {
        if let Some(entry) = &self.entry {
            entry.advance(work);
        }
        self.show(work);
    }

    fn show(&self, work: f64) {
        let Ok(mut state) = self.state.lock() else { return };
        state.0 += work;
        let fraction = (state.0 / self.total).min(1.0);
        self.bar.set_position((fraction * UNITS) as u64);
        self.tell(state.0.min(self.total));
        if self.lines && state.1.elapsed() >= LINE_EVERY {
            note(format!("{}: {:.0}%", self.name, 100.0 * fraction));
            state.1 = Instant::now();
        }
    }

    /// Removes the bar; returns the elapsed wall time in seconds.
    pub fn finish(self) -> f64 {
        if let Some(entry) = &self.entry {
            entry.complete();
        }
        let seconds = self.bar.elapsed().as_secs_f64();
        self.bar.finish_and_clear();
        seconds
    }
}

/// Writes a line to standard error. A reader that has gone away does not end the run.
pub fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
