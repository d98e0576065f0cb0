//! The lock of a run folder, which one process at a time holds while it writes.

use super::error::RecordError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
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
    acquire_file(&folder.join(LOCK), || RecordError::InUse { path: folder.into() })
}

/// Takes the lock of a folder together with others that take it so: it excludes those that take it alone.
///
/// # Errors
/// As [`acquire`].
pub(super) fn acquire_shared(folder: &Path) -> Result<File, RecordError> {
    take(&folder.join(LOCK), File::try_lock_shared, || RecordError::InUse { path: folder.into() })
}

/// Takes the lock of a file until it is dropped; `in_use` is the error where another process holds it.
///
/// # Errors
/// A lock that is held, a file that cannot be opened.
pub(super) fn acquire_file(path: &Path, in_use: impl FnOnce() -> RecordError) -> Result<File, RecordError> {
    take(path, File::try_lock, in_use)
}

/// Waits for the lock of a file, and takes it until it is dropped.
///
/// # Errors
/// A file that cannot be opened or locked.
pub(super) fn wait_for(path: &Path) -> Result<File, RecordError> {
    let file = open(path, &mut writable())?;
    file.lock().map_err(|source| RecordError::Io { path: path.into(), source })?;
    Ok(file)
}

fn take(
    path: &Path,
    try_to: fn(&File) -> Result<(), TryLockError>,
    in_use: impl FnOnce() -> RecordError,
) -> Result<File, RecordError> {
    let file = open(path, &mut writable())?;
    for _ in 0..TRIES {
        match try_to(&file) {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(source)) => return Err(RecordError::Io { path: path.into(), source }),
        }
    }
    Err(in_use())
}

fn writable() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options
}

/// Whether another process holds the lock of a folder alone. Nothing is written.
pub(super) fn held(folder: &Path) -> bool {
    is_held(&folder.join(LOCK))
}

/// Whether another process holds the lock of a file alone. Nothing is written.
pub(super) fn is_held(path: &Path) -> bool {
    let mut options = OpenOptions::new();
    options.read(true);
    let file = open(path, &mut options);
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn open(path: &Path, options: &mut OpenOptions) -> Result<File, RecordError> {
    if is_link(path) {
        return Err(RecordError::Link { path: path.into() });
    }
    // The check above gives the message; this closes the gap between the check and the opening.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NOFOLLOW);
    let io = |source: io::Error| RecordError::Io { path: path.into(), source };
    let file = options.open(path).map_err(io)?;
    if file.metadata().map_err(io)?.is_file() { Ok(file) } else { Err(RecordError::Lock { path: path.into() }) }
}

/// Whether there is a symbolic link at this path.
pub(super) fn is_link(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|about| about.is_symlink())
}
