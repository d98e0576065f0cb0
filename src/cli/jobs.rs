//! `widelimit jobs`: a script that computes a run as several jobs, under Slurm or GNU parallel.

use super::command::RunCommand;
use super::output::{note, text};
use super::overrides::overrides;
use super::simd::{SimdChoice, instruction_set};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use widelimit::run::{Part, Shard};

/// Seconds before its time limit at which a job is told to save its work.
const WARNING: u64 = 120;

/// Arguments of `widelimit jobs`.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("scheduler").required(true).args(["slurm", "parallel"])))]
pub struct JobsArgs {
    /// Name of a built-in experiment, or path of a TOML file
    #[arg(value_name = "NAME|FILE")]
    experiment: String,
    /// A script for Slurm with N shards: run by bash, it submits the jobs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    slurm: Option<u32>,
    /// A script that runs N shards by GNU parallel
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    parallel: Option<u32>,
    /// Folder for the run [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace a key of the experiment; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Remove a key, or a table with all its keys; may be repeated; before --set
    #[arg(long = "unset", value_name = "KEY")]
    removals: Vec<String>,
    /// Only these studies of the experiment; separated by commas
    #[arg(long = "study", value_name = "NAME", value_delimiter = ',')]
    studies: Vec<String>,
    /// Time limit of every job
    #[arg(long, value_name = "[D-]HH:MM:SS", value_parser = time_limit, requires = "slurm")]
    time: Option<String>,
    /// Threads of every job, and processors to ask for [default: those that the job has; with --parallel 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Instruction set: auto, portable, avx2 or avx512
    #[arg(long, default_value = "auto", value_parser = instruction_set, value_name = "SET")]
    simd: SimdChoice,
    /// Another option of sbatch, such as --sbatch=--partition=long; may be repeated
    #[arg(long, value_name = "OPTION", requires = "slurm", allow_hyphen_values = true)]
    sbatch: Vec<String>,
    /// File for the script [default: standard output]
    #[arg(long, value_name = "PATH")]
    script: Option<PathBuf>,
    /// Replace the file
    #[arg(long, requires = "script")]
    force: bool,
}

/// Parses a time limit of Slurm, which must be longer than the time before it at which jobs are warned.
fn time_limit(limit: &str) -> Result<String, String> {
    let expected = || "expected HH:MM:SS or D-HH:MM:SS, such as 12:00:00".to_string();
    let (days, rest) = limit.split_once('-').unwrap_or(("0", limit));
    let number = |digits: &str| -> Result<u64, String> {
        let whole = !digits.is_empty() && digits.len() <= 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
        if whole { digits.parse().map_err(|_| expected()) } else { Err(expected()) }
    };
    let parts: Vec<u64> = rest.split(':').map(number).collect::<Result<_, _>>()?;
    let [hours, minutes, seconds] = parts[..] else { return Err(expected()) };
    if minutes > 59 || seconds > 59 {
        return Err(expected());
    }
    let all = ((number(days)? * 24 + hours) * 60 + minutes) * 60 + seconds;
    if all <= WARNING {
        return Err(format!("jobs are told to save their work {WARNING} s before their limit: expected a longer one"));
    }
    Ok(limit.into())
}

/// Writes the script. The experiment is read first, so that mistakes in it are found here.
pub fn run(args: &JobsArgs) -> anyhow::Result<ExitCode> {
    let overrides = overrides(&args.removals, &args.overrides)?;
    let chosen = Some(args.studies.as_slice()).filter(|chosen| !chosen.is_empty());
    let described = widelimit::describe(&args.experiment, &overrides, chosen)?;
    anyhow::ensure!(
        args.parallel.is_none() || (args.time.is_none() && args.sbatch.is_empty()),
        "--time and --sbatch are options of --slurm: GNU parallel has neither"
    );
    let program = std::env::current_exe()?;
    let threads = args.threads.or(args.parallel.map(|_| 1));
    let command = RunCommand {
        program: utf8(&program)?,
        experiment: &args.experiment,
        overrides: &args.overrides,
        removals: &args.removals,
        studies: &args.studies,
        out: args.out.as_deref(),
        threads,
        simd: args.simd,
    };
    let here = std::env::current_dir()?;
    let jobs = Jobs { name: described.first().name(), here: &shlex::try_quote(utf8(&here)?)?, command };
    let script = match (args.slurm, args.parallel) {
        (Some(count), _) => jobs.slurm(count as usize, args)?,
        (None, count) => jobs.parallel(count.unwrap_or(1) as usize)?,
    };
    let Some(path) = &args.script else {
        text(script)?;
        return Ok(ExitCode::SUCCESS);
    };
    anyhow::ensure!(args.force || !path.exists(), "{} exists: replace it with --force", path.display());
    widelimit::record::write_atomically(path, |out| out.write_all(script.as_bytes()))
        .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
    note(format!("{}: run it by bash", path.display()));
    Ok(ExitCode::SUCCESS)
}

fn utf8(path: &std::path::Path) -> anyhow::Result<&str> {
    path.to_str().ok_or_else(|| anyhow::anyhow!("{}: the path is not UTF-8 text, as scripts are", path.display()))
}

/// The jobs of a run.
struct Jobs<'a> {
    name: &'a str,
    /// The folder in which the commands are run, quoted.
    here: &'a str,
    command: RunCommand<'a>,
}

impl Jobs<'_> {
    /// The script for Slurm.
    fn slurm(&self, count: usize, args: &JobsArgs) -> anyhow::Result<String> {
        let mut options = vec![format!("--job-name={}", self.name)];
        options.extend(args.time.iter().map(|time| format!("--time={time}")));
        options.extend(args.threads.iter().map(|threads| format!("--cpus-per-task={threads}")));
        options.push(format!("--signal=B:TERM@{WARNING}"));
        options.extend(["--requeue".into(), "--open-mode=append".into()]);
        options.extend(args.sbatch.iter().cloned());
        anyhow::ensure!(options.iter().all(|option| !option.contains('\n')), "an option of sbatch is one line");
        let options: String = options.iter().map(|option| format!("#SBATCH {option}\n")).collect();
        let (name, here, command) = (self.name, self.here, self.command.quoted()?);
        Ok(format!(
            r#"#!/bin/bash
{options}
# {name} in {count} shards: the limit, then the shards at the same time, then the rest. Run by bash, this script
# submits all of them. A job that reaches its time limit saves its work and is queued again. After a
# failure, run the script again: what is complete ends at once.

command=({command})

submit() {{
    local limit shards after=(--kill-on-invalid-dep=yes)
    limit=$(sbatch --parsable "$0" limit) || exit
    shards=$(sbatch --parsable "${{after[@]}}" --dependency="afterok:${{limit%%;*}}" --array=1-{count} "$0" shard) || exit
    sbatch "${{after[@]}}" --dependency="afterok:${{shards%%;*}}" "$0" finish
}}

# Whether a job was stopped as its time is over; otherwise it was cancelled.
out_of_time() {{
    [ -z "${{SLURM_JOB_END_TIME:-}}" ] || [ $((SLURM_JOB_END_TIME - $(date +%s))) -le $((2 * {WARNING})) ]
}}

run() {{
    local child= status
    trap '[ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM
    cd -- {here} || exit
    "${{command[@]}}" "$@" &
    child=$!
    wait "$child"
    status=$?
    # A signal ends the first wait, and the program is still saving its work.
    while kill -0 "$child" 2>/dev/null; do
        wait "$child"
        status=$?
    done
    if [ "$status" -eq 130 ] && [ -n "${{SLURM_JOB_ID:-}}" ] && out_of_time; then
        scontrol requeue "$SLURM_JOB_ID"
    fi
    exit "$status"
}}

case ${{1:-submit}} in
    submit) submit ;;
    limit) run --stage limit --resume ;;
    shard) run --shard "${{SLURM_ARRAY_TASK_ID:?is the number of the shard}}/{count}" ;;
    finish) run --stage finish ;;
    *) echo "usage: $0 [submit|limit|shard|finish]" >&2; exit 2 ;;
esac
"#
        ))
    }

    /// The script for GNU parallel.
    fn parallel(&self, count: usize) -> anyhow::Result<String> {
        let line = |part: Part| self.command.line(part);
        let shards: Vec<String> = Shard::all(count).map(|shard| line(Part::Shard(shard))).collect::<Result<_, _>>()?;
        let (name, here, limit, finish) = (self.name, self.here, line(Part::Limit)?, line(Part::Finish)?);
        Ok(format!(
            r#"#!/bin/bash
# {name} in {count} shards: the limit, then the shards by GNU parallel, one command a line, then the rest.
# Options of parallel, such as --jobs 4, are taken from the variable PARALLEL. After a failure or an
# interruption, run the script again: what is complete ends at once.

set -e
cd -- {here}

{limit}

parallel <<'SHARDS'
{}
SHARDS

{finish}
"#,
            shards.join("\n")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::time_limit;

    #[test]
    fn time_limits_are_those_of_slurm() {
        for limit in ["00:02:01", "12:00:00", "100:00:00", "7-00:00:00"] {
            assert_eq!(time_limit(limit).as_deref(), Ok(limit));
        }
        for limit in ["", "12", "12:00", "1:2:3:4", "00:60:00", "-1:00:00", "1-2-03:00:00", "+1:00:00", "a:00:00"] {
            assert!(time_limit(limit).is_err_and(|message| message.contains("HH:MM:SS")), "{limit}");
        }
        assert!(time_limit("00:02:00").is_err_and(|message| message.contains("120 s")));
    }
}
