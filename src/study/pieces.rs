//! A study's work in pieces: one network or one pair at a time, side by side, each done once.

use super::progress::Progress;
use super::{RunError, Setting};
use rayon::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

/// A network or a pair, as a piece of work.
pub struct Piece<I> {
    /// Names its result while the run is unfinished.
    pub name: String,
    /// A measure of the work, for the progress bar.
    pub size: usize,
    /// What is worked on.
    pub item: I,
}

/// What a long piece tells while it is worked on, and is told.
pub struct Pulse<'a> {
    interrupt: &'a AtomicBool,
    progress: &'a Progress,
    /// The work that it stands for, and how much of it has been told.
    work: f64,
    told: Cell<f64>,
}

impl<'a> Pulse<'a> {
    /// Of a part of the work that a bar shows.
    pub fn new(interrupt: &'a AtomicBool, progress: &'a Progress, work: f64) -> Self {
        Pulse { interrupt, progress, work, told: Cell::new(0.0) }
    }

    /// Tells that this part of the work is done, between 0 and 1; says whether to go on.
    pub fn go_on(&self, part: f64) -> bool {
        // A bar is for eyes: a hundredth at a time is enough.
        if part >= self.told.get() + 0.01 || (part >= 1.0 && self.told.get() < 1.0) {
            self.progress.advance((part.min(1.0) - self.told.get()) * self.work);
            self.told.set(part.min(1.0));
        }
        !self.interrupt.load(Ordering::Relaxed)
    }
}

/// Does every piece and returns the results in order; `None`: a person asked to stop. While the run is unfinished a result
/// is kept in `checkpoint/study-NAME.json`, and not worked out again on resume.
pub fn work_through<I: Sync, T: Serialize + DeserializeOwned + Send>(
    setting: &Setting<'_>,
    title: &str,
    pieces: &[Piece<I>],
    work: impl Fn(&I) -> Result<T, RunError> + Sync,
) -> Result<Option<Vec<T>>, RunError> {
    work_through_watched(setting, title, pieces, |item, _| work(item).map(Some))
}

/// The same for pieces that take long: they look at their pulse, and give `None` where it says to stop. Such a piece is begun again on
/// resume.
pub fn work_through_watched<I: Sync, T: Serialize + DeserializeOwned + Send>(
    setting: &Setting<'_>,
    title: &str,
    pieces: &[Piece<I>],
    work: impl Fn(&I, &Pulse<'_>) -> Result<Option<T>, RunError> + Sync,
) -> Result<Option<Vec<T>>, RunError> {
    let progress = Progress::new(title, pieces.iter().map(|piece| piece.size as f64).sum(), setting.quiet);
    let done: Result<Vec<Option<T>>, RunError> = pieces
        .par_iter()
        .with_max_len(1)
        .map(|piece| {
            if setting.interrupt.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let pulse = Pulse::new(setting.interrupt, &progress, piece.size as f64);
            let found = once(setting, &piece.name, || work(&piece.item, &pulse))?;
            if found.is_some() {
                pulse.go_on(1.0);
            }
            Ok(found)
        })
        .collect();
    let done = done?.into_iter().collect();
    progress.finish();
    Ok(done)
}

fn once<T: Serialize + DeserializeOwned>(
    setting: &Setting<'_>,
    name: &str,
    work: impl FnOnce() -> Result<Option<T>, RunError>,
) -> Result<Option<T>, RunError> {
    let file = format!("checkpoint/study-{name}.json");
    if setting.folder.file(&file).is_file() {
        return Ok(Some(setting.folder.read_json(&file)?));
    }
    let found = work()?;
    if let Some(found) = &found {
        setting.folder.write_json(&file, found)?;
    }
    Ok(found)
}
