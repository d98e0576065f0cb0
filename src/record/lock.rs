//! The lock of a run folder, which one process at a time holds while it writes.

use super::error::RecordError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file that is locked.
pub(super) const LOCK: &str = ".lock";

/// Tries to take a lock that is held, and the time between them: `check` holds it for an instant to see whether a run
/// is going on.
const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// Takes the lock of a folder until the file is dropped. The lock's contents are never touched, and a link is not
/// followed: the folder may have come from elsewhere.
///
/// # Errors
/// A folder that another process uses, a file that cannot be opened.
pub fn acquire(folder: &Path) -> Result<File, RecordError> {
    let path = folder.join(LOCK);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = open(&path, &mut options)?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(source)) => return Err(RecordError::Io { path, source }),
        }
    }
    Err(RecordError::InUse { path: folder.into() })
}

/// Whether another process holds the lock of a folder. Nothing is written.
pub(super) fn held(folder: &Path) -> bool {
    let mut options = OpenOptions::new();
    options.read(true);
    let file = open(&folder.join(LOCK), &mut options);
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn open(path: &PathBuf, options: &mut OpenOptions) -> Result<File, RecordError> {
    if is_link(path) {
        return Err(RecordError::Link { path: path.clone() });
    }
    // The check above gives the message; this closes the gap between the check and the opening.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NOFOLLOW);
    let io = |source: io::Error| RecordError::Io { path: path.clone(), source };
    let file = options.open(path).map_err(io)?;
    if file.metadata().map_err(io)?.is_file() { Ok(file) } else { Err(RecordError::Lock { path: path.clone() }) }
}

/// Whether there is a symbolic link at this path.
pub(super) fn is_link(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|about| about.is_symlink())
}
