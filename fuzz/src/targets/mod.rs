//! The targets.

mod data;
mod experiment;
mod model;
mod records;
mod resume;

pub use records::with_runs;
pub use resume::{Unfinished, with_unfinished};

/// What a target made of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The input is none of this target, and nothing was read.
    Skipped,
    /// It was read, and is as it should be.
    Accepted,
    /// It was refused with this message.
    Refused(String),
}

impl Outcome {
    /// Whether it was accepted, or the message of the refusal.
    pub(crate) fn of<T, E: std::fmt::Display>(result: Result<T, E>) -> Self {
        match result {
            Ok(_) => Outcome::Accepted,
            Err(error) => Outcome::Refused(error.to_string()),
        }
    }
}

/// How an input is divided into the files that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One file.
    Whole,
    /// A line that says what the rest is, and the rest.
    Headed,
    /// Four bytes with the length of the first file, big-endian, and two files.
    Pair,
}

impl Layout {
    /// The parts of an input; the first is empty where an input is too short to have it.
    pub fn split(self, data: &[u8]) -> [&[u8]; 2] {
        match self {
            Layout::Whole => [&[], data],
            Layout::Headed => match data.iter().position(|&byte| byte == b'\n') {
                Some(end) => [&data[..end], &data[end + 1..]],
                None => [&[], data],
            },
            Layout::Pair => match data.split_first_chunk::<4>() {
                Some((length, rest)) => rest.split_at((u32::from_be_bytes(*length) as usize).min(rest.len())).into(),
                None => [&[], data],
            },
        }
    }

    /// The input of two parts.
    pub fn join(self, [first, second]: [&[u8]; 2]) -> Vec<u8> {
        match self {
            Layout::Whole => second.to_vec(),
            Layout::Headed => [first, b"\n", second].concat(),
            Layout::Pair => [&(first.len() as u32).to_be_bytes(), first, second].concat(),
        }
    }
}

/// A target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, that of its folder in the corpus.
    pub name: &'static str,
    /// The parts of its inputs.
    pub layout: Layout,
    /// Reads an input.
    ///
    /// Panics where the program would, and where something was accepted that cannot be right.
    pub run: fn(&[u8]) -> Outcome,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "experiment", layout: Layout::Whole, run: experiment::file },
    Target { name: "overrides", layout: Layout::Headed, run: experiment::overrides },
    Target { name: "npz", layout: Layout::Whole, run: data::npz },
    Target { name: "csv", layout: Layout::Whole, run: data::csv },
    Target { name: "csv-gz", layout: Layout::Whole, run: data::csv },
    Target { name: "idx", layout: Layout::Pair, run: data::idx },
    Target { name: "problem", layout: Layout::Whole, run: data::problem },
    Target { name: "safetensors", layout: Layout::Pair, run: model::safetensors },
    Target { name: "trajectory", layout: Layout::Headed, run: resume::trajectory },
    Target { name: "task", layout: Layout::Headed, run: resume::task },
    Target { name: "manifest", layout: Layout::Headed, run: records::manifest },
    Target { name: "records", layout: Layout::Headed, run: records::records },
];

/// The target of this name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_joined_as_they_were_split() {
        for layout in [Layout::Headed, Layout::Pair] {
            for parts in [[&b"first"[..], b"second\nline"], [b"", b"second"], [b"first", b""]] {
                assert_eq!(layout.split(&layout.join(parts)), parts, "{layout:?}");
            }
        }
        assert_eq!(Layout::Pair.split(b"\xff\xff\xff\xffab"), [&b"ab"[..], b""]);
        assert_eq!(Layout::Pair.split(b"ab"), [&b""[..], b"ab"]);
    }
}
