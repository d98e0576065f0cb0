//! Writing to the standard streams. Nothing else in the program does, so that a reader that has gone away, as in
//! `widelimit list | head -1`, ends no command: what it would have read is dropped, and the exit status is that of the
//! command. Other failures, such as a full device, are errors.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// The result of writing to standard output: a closed pipe is none of the command's errors.
pub fn finished(written: io::Result<()>) -> anyhow::Result<()> {
    match written.and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write to standard output"))
        }
        _ => Ok(()),
    }
}

/// Writes a text to standard output.
pub fn text(text: impl Display) -> anyhow::Result<()> {
    finished(write!(io::stdout().lock(), "{text}"))
}

/// Writes a line to standard output.
pub fn line(text: impl Display) -> anyhow::Result<()> {
    finished(writeln!(io::stdout().lock(), "{text}"))
}

/// Writes a line to standard error. Where that cannot be written to, nobody can be told.
pub fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
