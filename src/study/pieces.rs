//! A study's work in pieces: one network or one pair at a time, side by side, each done once.

use super::progress::Progress;
use super::{RunError, Setting};
use rayon::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::atomic::Ordering;

/// A network or a pair, as a piece of work.
pub struct Piece<I> {
    /// Names its result while the run is unfinished.
    pub name: String,
    /// A measure of the work, for the progress bar.
    pub size: usize,
    /// What is worked on.
    pub item: I,
}

/// Does every piece and returns the results in order; `None`: a person asked to stop. While the run is unfinished a result
/// is kept in `checkpoint/study-NAME.json`, and not worked out again on resume.
pub fn work_through<I: Sync, T: Serialize + DeserializeOwned + Send>(
    setting: &Setting<'_>,
    title: &str,
    pieces: &[Piece<I>],
    work: impl Fn(&I) -> Result<T, RunError> + Sync,
) -> Result<Option<Vec<T>>, RunError> {
    let progress = Progress::new(title, pieces.iter().map(|piece| piece.size as f64).sum(), setting.quiet);
    let done: Result<Vec<Option<T>>, RunError> = pieces
        .par_iter()
        .with_max_len(1)
        .map(|piece| {
            if setting.interrupt.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let found = once(setting, &piece.name, || work(&piece.item))?;
            progress.advance(piece.size as f64);
            Ok(Some(found))
        })
        .collect();
    let done = done?.into_iter().collect();
    progress.finish();
    Ok(done)
}

fn once<T: Serialize + DeserializeOwned>(
    setting: &Setting<'_>,
    name: &str,
    work: impl FnOnce() -> Result<T, RunError>,
) -> Result<T, RunError> {
    let file = format!("checkpoint/study-{name}.json");
    if setting.folder.file(&file).is_file() {
        return Ok(setting.folder.read_json(&file)?);
    }
    let found = work()?;
    setting.folder.write_json(&file, &found)?;
    Ok(found)
}
