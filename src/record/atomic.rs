//! Atomic writing of files: a file appears complete or not at all.

use crate::compute::profile::{self, WorkKind};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Prefix of the names of files that are being written, or were when their process was killed.
pub(super) const TEMPORARY_PREFIX: &str = ".writing-";

/// Writes through `fill` into a temporary file in the target's folder, flushes it to disk and renames it to `path`.
///
/// # Errors
/// Those of `fill`, and files that cannot be created, written or renamed.
pub fn write_atomically<E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&mut NamedTempFile>) -> Result<(), E>,
) -> Result<(), E> {
    replace(path, fill, true)
}

/// The same for a file that need not survive a failure of the machine: it is not flushed to disk.
///
/// # Errors
/// A file that cannot be created, written or renamed.
pub fn replace_quickly(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, |out| out.write_all(bytes), false)
}

fn replace<E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&mut NamedTempFile>) -> Result<(), E>,
    flush: bool,
) -> Result<(), E> {
    let _timed = profile::time(WorkKind::Files);
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX);
    // Temporary files are private to the user by default; the permissions of results are those of the umask.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    {
        let mut writer = BufWriter::new(&mut file);
        fill(&mut writer)?;
        writer.flush()?;
    }
    if flush {
        file.as_file().sync_data()?;
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
