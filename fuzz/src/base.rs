//! Small runs. A target of checkpoints or of records replaces one file of such a run, and reads the run.

use anyhow::Context;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use widelimit::config::AnyExperiment;

/// A small experiment.
pub struct Base {
    /// Its name, the first part of the headings of inputs.
    pub name: &'static str,
    text: &'static str,
}

macro_rules! bases {
    ($($name:literal),+) => {
        &[$(Base { name: $name, text: include_str!(concat!("../bases/", $name, ".toml")) }),+]
    };
}

/// Together they have every study and every route to the limit, states in double and in single precision, two and
/// three layers.
pub const BASES: &[Base] = bases!["students", "layers", "picard", "kinetic", "radial", "recovery"];

impl Base {
    /// The experiment.
    pub fn experiment(&self) -> anyhow::Result<AnyExperiment> {
        Ok(widelimit::parse(self.text, self.name, Path::new(""), &[])?.experiment)
    }
}

/// The base that the first part of a heading names, and the rest of the heading.
pub fn of_heading(heading: &[u8]) -> Option<(&'static Base, &str)> {
    let (name, rest) = std::str::from_utf8(heading).ok()?.split_once('/')?;
    Some((BASES.iter().find(|base| base.name == name)?, rest))
}

/// A temporary folder in memory, where there is such a file system.
pub struct Scratch {
    folder: TempDir,
}

/// Where scratch folders are made, if set: the driver removes it after a process has been killed.
pub const SCRATCH: &str = "WIDELIMIT_FUZZ_SCRATCH";

/// The folder of temporary files.
pub fn memory() -> PathBuf {
    let memory = Path::new("/dev/shm");
    std::env::var_os(SCRATCH)
        .map_or_else(|| if memory.is_dir() { memory.into() } else { std::env::temp_dir() }, PathBuf::from)
}

impl Scratch {
    /// A new folder.
    ///
    /// # Panics
    /// If it cannot be created.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("widelimit-fuzz-").tempdir_in(memory());
        Scratch { folder: folder.expect("a folder for temporary files") }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file and returns its path.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, name: &str, data: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, data).expect("a file in a folder for temporary files");
        path
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// Every file below a folder, by path relative to it, in order.
pub fn files(folder: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(at) = open.pop() {
        for entry in at.read_dir().with_context(|| at.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder)?.to_string_lossy().into_owned();
                found.push((name, std::fs::read(&path)?));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Replaces a file while a function runs, and restores it. What is not a file of the folder is not replaced.
pub fn replaced<T>(path: &Path, data: &[u8], run: impl FnOnce() -> T) -> Option<T> {
    struct Restore<'a>(&'a Path, Vec<u8>);
    impl Drop for Restore<'_> {
        fn drop(&mut self) {
            // The folder is removed where this fails.
            let _ = std::fs::write(self.0, &self.1);
        }
    }
    let restore = Restore(path, std::fs::read(path).ok()?);
    std::fs::write(path, data).ok()?;
    let result = run();
    drop(restore);
    Some(result)
}

/// Restores files after a function has run: their contents, or their absence.
pub fn kept<T>(paths: Vec<PathBuf>, run: impl FnOnce() -> T) -> T {
    struct Restore(Vec<(PathBuf, Option<Vec<u8>>)>);
    impl Drop for Restore {
        fn drop(&mut self) {
            for (path, content) in &self.0 {
                // What cannot be restored makes later inputs fail.
                let _ = match content {
                    Some(content) => std::fs::write(path, content),
                    None => std::fs::remove_file(path),
                };
            }
        }
    }
    let contents = paths.into_iter().map(|path| {
        let content = std::fs::read(&path).ok();
        (path, content)
    });
    let restore = Restore(contents.collect());
    let result = run();
    drop(restore);
    result
}

/// A number that depends on all bytes of an input.
pub fn digest(content: &[u8]) -> usize {
    content.iter().fold(0, |sum: usize, &byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)))
}
