//! The name of a shard: one of the jobs that compute a run together.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One of several jobs that compute a run together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard {
    index: usize,
    count: usize,
}

/// How far a shard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ShardState {
    /// It is complete.
    Complete,
    /// A process works on it.
    Running,
    /// It was interrupted, killed, or failed; the same command continues it.
    Stopped,
    /// It was not begun.
    Missing,
}

impl fmt::Display for ShardState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ShardState::Complete => "complete",
            ShardState::Running => "running",
            ShardState::Stopped => "stopped",
            ShardState::Missing => "missing",
        })
    }
}

impl Shard {
    /// The only shard of one.
    pub const WHOLE: Self = Shard { index: 1, count: 1 };

    /// Shard `index` of `count`, from 1; `None` unless `1 <= index <= count`.
    pub fn new(index: usize, count: usize) -> Option<Self> {
        (1..=count).contains(&index).then_some(Shard { index, count })
    }

    /// All shards of a run that is computed by so many.
    pub fn all(count: usize) -> impl Iterator<Item = Shard> {
        (1..=count).map(move |index| Shard { index, count })
    }

    /// Its number, from 1.
    pub fn index(self) -> usize {
        self.index
    }

    /// The number of shards.
    pub fn count(self) -> usize {
        self.count
    }

    /// The name of a file of its own in `checkpoint/`.
    pub fn file(self, ending: &str) -> String {
        format!("checkpoint/shard-{}-of-{}{ending}", self.index, self.count)
    }

    /// The shard whose file in `checkpoint/` has this name.
    pub(super) fn of_file(name: &str, ending: &str) -> Option<Self> {
        let (index, count) = name.strip_prefix("shard-")?.strip_suffix(ending)?.split_once("-of-")?;
        Shard::new(index.parse().ok()?, count.parse().ok()?)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        let Some((index, count)) = numbers else {
            return Err("expected I/N, two whole numbers with 1 <= I <= N, such as 2/8".into());
        };
        Shard::new(index, count).ok_or_else(|| match count {
            0 => "there is no shard of 0: expected N of at least 1".into(),
            _ => format!("there is no shard {index} of {count}: expected a number from 1 to {count} before the '/'"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_read_back_and_others_refused() {
        for (index, count) in [(1, 1), (2, 3), (3, 3)] {
            let shard = Shard::new(index, count).unwrap();
            assert_eq!(shard.to_string().parse::<Shard>(), Ok(shard));
            let file = shard.file(".json");
            assert_eq!(Shard::of_file(file.strip_prefix("checkpoint/").unwrap(), ".json"), Some(shard));
        }
        for (text, word) in [("0/3", "1 to 3"), ("4/3", "1 to 3"), ("1/0", "at least 1"), ("2", "I/N"), ("a/2", "I/N")]
        {
            let message = text.parse::<Shard>().unwrap_err();
            assert!(message.contains(word), "{text}: {message}");
        }
        assert_eq!(Shard::of_file("shard-4-of-3.json", ".json"), None);
        assert_eq!(Shard::of_file("shard-1-of-3-repairs.json", ".json"), None);
    }
}
