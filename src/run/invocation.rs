//! How, when and on what the program was started, for the manifest.

use crate::compute::machine::processor;
use crate::record::{Build, Invocation};
use std::time::SystemTime;

/// The present time in UTC, to the second (RFC 3339).
pub(super) fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// The present invocation.
pub(super) fn present() -> Invocation {
    let build = Build::present();
    let modified_sources = build.modified_sources();
    Invocation {
        started: now(),
        ended: None,
        command: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
        working_folder: std::env::current_dir().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default(),
        processor: processor(),
        version: build.version,
        revision: build.revision,
        modified_sources,
    }
}
