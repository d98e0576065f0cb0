//! Files of runs that are not as they were written: all of them are named, so that they can be restored at once.

use std::fmt;
use std::path::PathBuf;

/// Most files that a message names.
const MOST_NAMED: usize = 10;

/// A file that is not as a run wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlteredFile {
    /// The file.
    pub path: PathBuf,
    /// What there is instead.
    pub found: String,
    /// The checksum in the manifest.
    pub expected: String,
}

/// Files that are not as runs wrote them, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlteredFiles(pub Vec<AlteredFile>);

impl fmt::Display for AlteredFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, and the manifest of the run has {}", self.path.display(), self.found, self.expected)
    }
}

impl fmt::Display for AlteredFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [file] = &self.0[..] {
            return write!(f, "{file}; restore the file, or run the experiment again with --force");
        }
        let count = self.0.len();
        writeln!(
            f,
            "{count} files are not as the run wrote them; restore them, or run the experiment again with --force"
        )?;
        let lines: Vec<String> = self.0.iter().take(MOST_NAMED).map(|file| format!("  {file}")).collect();
        write!(f, "{}", lines.join("\n"))?;
        if count > MOST_NAMED { write!(f, "\n  and {} more", count - MOST_NAMED) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_named_up_to_ten() {
        let file = |i: usize| AlteredFile {
            path: format!("run/{i}.npz").into(),
            found: "it is missing".into(),
            expected: "ab".into(),
        };
        let text = |count: usize| AlteredFiles((0..count).map(file).collect()).to_string();
        let one = "run/0.npz: it is missing, and the manifest of the run has ab; restore the file, or run";
        assert!(text(1).starts_with(one), "{}", text(1));
        assert!(text(2).starts_with("2 files are not as the run wrote them; restore them"));
        assert_eq!((text(2).lines().count(), text(10).lines().count(), text(13).lines().count()), (3, 11, 12));
        assert!(text(10).contains("run/9.npz") && text(13).ends_with("\n  and 3 more"));
    }
}
