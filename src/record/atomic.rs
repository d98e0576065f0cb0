//! Writing a file so that it is there whole or not at all.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// How the name of a file begins that is still being written, or that a killed process left behind.
pub(super) const UNFINISHED: &str = ".writing-";

/// Writes through `fill` into a temporary file in the target's folder, flushes it to disk and renames it.
pub fn write_atomically<E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&mut NamedTempFile>) -> Result<(), E>,
) -> Result<(), E> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    {
        let mut writer = BufWriter::new(&mut file);
        fill(&mut writer)?;
        writer.flush()?;
    }
    file.as_file().sync_data()?;
    // Temporary files are private to the user; results are readable by everyone who can read the folder.
    #[cfg(unix)]
    std::fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
