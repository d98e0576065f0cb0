//! Progress reports: a bar on a terminal, otherwise lines at intervals; and to an observer, where there is one.

use super::journal::{Journal, PhaseEntry, PlannedRest};
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
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

/// What a bar shows, by the width of the terminal, so that it stays on one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BarLayout {
    /// Everything.
    Wide,
    /// No elapsed time, and a short name.
    Medium,
    /// No bar.
    Narrow,
}

impl BarLayout {
    /// The layout for a terminal of this width, and where it is not known.
    fn of(width: Option<u16>) -> Self {
        match width {
            None => BarLayout::Wide,
            Some(width) if width >= 100 => BarLayout::Wide,
            Some(width) if width >= 72 => BarLayout::Medium,
            Some(_) => BarLayout::Narrow,
        }
    }

    /// The template; the prefix is the time to the end of the phases that are planned.
    fn template(self) -> &'static str {
        match self {
            BarLayout::Wide => "{msg:26} {wide_bar} {percent:>3}% {elapsed:>4} (about {eta} left{prefix})",
            BarLayout::Medium => "{msg:20!} {wide_bar} {percent:>3}% ({eta} left{prefix})",
            BarLayout::Narrow => "{wide_msg} {percent:>3}% {eta:>4}{prefix}",
        }
    }

    /// The time to the end of the planned phases, behind that of the present phase.
    fn left(self, rest: &PlannedRest) -> String {
        let time = HumanDuration(Duration::from_secs_f64(rest.seconds.round()));
        match (self, rest.studies) {
            (BarLayout::Wide, true) => format!(", {time:#} to the studies"),
            (BarLayout::Wide, false) => format!(", {time:#} in all"),
            (BarLayout::Medium, true) => format!(", {time:#} to studies"),
            (BarLayout::Medium, false) => format!(", {time:#} in all"),
            (BarLayout::Narrow, _) => format!("/{time:#}"),
        }
    }
}

/// The progress of a stage, shared by its trajectories.
pub struct Progress {
    bar: ProgressBar,
    total: f64,
    state: Mutex<(f64, Instant)>,
    lines: bool,
    name: String,
    layout: BarLayout,
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
        let layout = BarLayout::of(terminal_size::terminal_size_of(io::stderr()).map(|(width, _)| width.0));
        let style = ProgressStyle::with_template(layout.template());
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
            layout,
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
        let rest = self.entry.as_ref().and_then(PhaseEntry::left);
        self.bar.set_prefix(rest.map(|rest| self.layout.left(&rest)).unwrap_or_default());
        self.tell(state.0.min(self.total));
        if self.lines && state.1.elapsed() >= LINE_EVERY {
            let left = rest.map(|rest| BarLayout::Wide.left(&rest)).unwrap_or_default();
            note(format!("{}: {:.0}%{left}", self.name, 100.0 * fraction));
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

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::TermLike;

    /// A terminal that keeps what is written since its line was cleared.
    #[derive(Clone, Debug)]
    struct WrittenText {
        width: u16,
        text: Arc<Mutex<String>>,
    }

    impl TermLike for WrittenText {
        fn width(&self) -> u16 {
            self.width
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(&format!("{text}\n"))
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.text.lock().unwrap().push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            self.text.lock().unwrap().clear();
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a bar writes on a terminal of this width.
    fn drawn(width: u16, name: &str, rest: PlannedRest) -> String {
        let page = WrittenText { width, text: Arc::default() };
        let target = ProgressDrawTarget::term_like(Box::new(page.clone()));
        let bar = ProgressBar::with_draw_target(Some(100), target);
        let layout = BarLayout::of(Some(width));
        bar.set_style(ProgressStyle::with_template(layout.template()).unwrap());
        bar.set_message(name.to_string());
        bar.set_prefix(layout.left(&rest));
        bar.set_position(45);
        page.text.lock().unwrap().clear();
        bar.force_draw();
        let text = page.text.lock().unwrap().clone();
        text.trim_end().to_string()
    }

    #[test]
    fn a_bar_is_one_line() {
        let name = "limits of sweeps, half the step";
        for width in [30, 40, 60, 71, 72, 80, 99, 100, 120, 200] {
            for (seconds, studies) in [(7.0, true), (3.0 * 3600.0 * 24.0, false)] {
                let line = drawn(width, name, PlannedRest { seconds, studies });
                assert!(line.lines().count() == 1 && line.chars().count() <= usize::from(width), "{width}: {line}");
                assert!(line.contains("limits of sweeps") && line.contains("45%"), "{width}: {line}");
            }
        }
        assert!(drawn(40, name, PlannedRest { seconds: 130.0, studies: true }).ends_with("/2m"));
        assert!(drawn(120, name, PlannedRest { seconds: 130.0, studies: true }).contains(", 2m to the studies)"));
    }
}
