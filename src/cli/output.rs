//! Writing to the standard streams. Nothing else in the program does, so that a reader that has gone away, as in
//! `widelimit list | head -1`, ends no command: what it would have read is dropped, and the exit status is that of the
//! command. Other failures, such as a full device, are errors.

use comfy_table::Table;
use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};

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

/// Removes the emphasis of a table where standard output is no terminal, or the variable `NO_COLOR` asks for none
/// (<https://no-color.org>).
pub fn emphasise(table: &mut Table) {
    if !emphasis(io::stdout().is_terminal(), std::env::var_os("NO_COLOR").as_deref()) {
        table.force_no_tty();
    }
}

/// Whether texts are emphasised: on a terminal, unless `NO_COLOR` is set and not empty.
fn emphasis(terminal: bool, no_color: Option<&OsStr>) -> bool {
    terminal && no_color.is_none_or(OsStr::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emphasis_is_for_terminals_and_where_no_color_allows_it() {
        for (terminal, no_color, expected) in
            [(true, None, true), (true, Some(""), true), (true, Some("1"), false), (false, None, false)]
        {
            assert_eq!(emphasis(terminal, no_color.map(OsStr::new)), expected, "{terminal} {no_color:?}");
        }
    }
}
