//! Passes the revision of the sources to the program, which records it in the manifest of every run.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What the program is built from.
const SOURCES: [&str; 4] = ["src", "build.rs", "Cargo.toml", "Cargo.lock"];

fn main() {
    for path in SOURCES {
        println!("cargo:rerun-if-changed={path}");
    }
    // Only existing paths: cargo rebuilds every time if a path is missing. In a second work tree `.git` is a file.
    for name in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", name]).map(PathBuf::from);
        if let Some(path) = path.filter(|path| path.exists()) {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
    println!("cargo:rustc-env=WIDELIMIT_REVISION={}", revision());
}

/// What a package of cargo tells about the revision that it was made from.
const PACKAGED: &str = ".cargo_vcs_info.json";

/// The git revision; with a checksum of the sources where they were changed. Outside a repository, the checksum, with the
/// revision of the package that the sources came in.
fn revision() -> String {
    // The package may lie inside the repository of another project, whose revision says nothing.
    let tracked = git(&["ls-files", "--error-unmatch", "build.rs"]).is_some();
    let commit = if tracked { git(&["rev-parse", "HEAD"]) } else { None };
    let changes = git(&[&["status", "--porcelain", "--"][..], &SOURCES].concat());
    match (commit, changes) {
        (Some(commit), Some(changes)) if changes.is_empty() => commit,
        (Some(commit), _) => format!("{commit}+{:016x}", checksum()),
        (None, _) => match packaged() {
            Some(revision) => format!("{revision}package-{:016x}", checksum()),
            None => format!("sources-{:016x}", checksum()),
        },
    }
}

/// The revision of which cargo made the package that holds the sources, followed by `+` where they had been changed, and
/// by `-` otherwise.
fn packaged() -> Option<String> {
    let about = std::fs::read_to_string(PACKAGED).ok()?;
    let revision = about.split("\"sha1\": \"").nth(1)?.split('"').next()?;
    let changed = about.contains("\"dirty\": true");
    Some(format!("{revision}{}", if changed { '+' } else { '-' }))
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_string())
}

/// FNV-1a over the names and contents of all sources, in the order of their names.
fn checksum() -> u64 {
    let mut files = Vec::new();
    SOURCES.iter().for_each(|path| collect(Path::new(path), &mut files));
    files.sort();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for file in files {
        let contents = std::fs::read(&file).unwrap_or_default();
        let (name, size) = (file.to_string_lossy().into_owned(), (contents.len() as u64).to_le_bytes());
        for byte in name.bytes().chain(size).chain(contents) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash
}

/// Adds the files at or below a path.
fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().for_each(|entry| collect(&entry.path(), files)),
        Err(_) if path.is_file() => files.push(path.into()),
        Err(_) => {}
    }
}
