//! The command that computes a part of a run, as words and as a line for a shell.

use std::path::Path;
use widelimit::compute::InstructionSet;
use widelimit::run::Part;

/// What the commands of all parts of a run have in common.
#[derive(Clone, Copy, Debug)]
pub struct RunCommand<'a> {
    /// The program.
    pub program: &'a str,
    /// The experiment, by name or file.
    pub experiment: &'a str,
    /// Keys that are replaced.
    pub overrides: &'a [String],
    /// Keys that are removed.
    pub removals: &'a [String],
    /// The chosen studies; all where there are none.
    pub studies: &'a [String],
    /// The run folder, where it is not the default.
    pub out: Option<&'a Path>,
    /// Threads.
    pub threads: Option<u16>,
    /// Instruction set.
    pub simd: Option<InstructionSet>,
}

impl RunCommand<'_> {
    /// The words of the command, without those of a part.
    pub fn words(&self) -> Vec<String> {
        let mut words = vec![self.program.to_string(), "run".into(), self.experiment.into()];
        let mut flag = |name: &str, value: String| words.extend([name.to_string(), value]);
        self.removals.iter().for_each(|key| flag("--unset", key.clone()));
        self.overrides.iter().for_each(|key| flag("--set", key.clone()));
        if !self.studies.is_empty() {
            flag("--study", self.studies.join(","));
        }
        if let Some(out) = self.out {
            flag("--out", out.display().to_string());
        }
        if let Some(threads) = self.threads {
            flag("--threads", threads.to_string());
        }
        if let Some(simd) = self.simd {
            flag("--simd", simd.to_string());
        }
        words
    }

    /// The words, quoted for a POSIX shell.
    ///
    /// # Errors
    /// A word with a zero byte.
    pub fn quoted(&self) -> anyhow::Result<String> {
        Ok(shlex::try_join(self.words().iter().map(String::as_str))?)
    }

    /// The line that computes a part. The limit continues where it was interrupted.
    ///
    /// # Errors
    /// A word with a zero byte.
    pub fn line(&self, part: Part) -> anyhow::Result<String> {
        let resume = if part == Part::Limit { " --resume" } else { "" };
        Ok(format!("{} {part}{resume}", self.quoted()?).trim_end().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use widelimit::run::Shard;

    #[test]
    fn words_are_quoted() {
        let overrides = ["widths.values=[4, 8]".to_string(), "title=it's".into()];
        let command = RunCommand {
            program: "widelimit",
            experiment: "my file.toml",
            overrides: &overrides,
            removals: &["paths".to_string()],
            studies: &["gap".to_string(), "dropout".to_string()],
            out: Some(Path::new("runs/$HOME")),
            threads: Some(2),
            simd: None,
        };
        let part = Part::Shard(Shard::new(2, 3).unwrap());
        let line = command.line(part).unwrap();
        assert_eq!(shlex::split(&line).unwrap(), [command.words(), vec!["--shard".into(), "2/3".into()]].concat());
        assert!(line.contains("'runs/$HOME'"), "{line}");
        assert!(command.line(Part::Limit).unwrap().ends_with("--stage limit --resume"));
    }
}
