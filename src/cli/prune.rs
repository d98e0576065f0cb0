//! `widelimit prune`: prunes a model into a folder.

use super::output::{line, note};
use super::run::{INTERRUPT, handle_signals};
use super::simd::{SimdChoice, choose, instruction_set};
use super::table;
use super::threads::ThreadCount;
use anyhow::bail;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use widelimit::choice::{Choice, parse_choice};
use widelimit::config::{CalibrationSpec, HeldOutSpec, ModelSpec, Precision, PruningOptions, SampleSource};
use widelimit::prune::bundled::{BundledData, BundledModel, SHAKESPEARE_LENGTH};
use widelimit::prune::checkpoint::ModelFolder;
use widelimit::prune::layer::{PruneMethod, Sparsity};
use widelimit::prune::model::{EmbeddingSpec, HeadSpec, MeanScores, describe};
use widelimit::prune::training::TrainingSettings;
use widelimit::run::prune_folder::{
    FolderOptions, FolderRecord, FolderReport, FolderRequest, prune_folder, record_path,
};
use widelimit::run::pruning_source::BatchRule;

/// Longest sequence that is used where no length is given.
const MAX_LENGTH: usize = 2048;

/// Arguments of `widelimit prune`.
#[derive(Debug, clap::Args)]
pub struct PruneArgs {
    /// Folder of a model in the format of Hugging Face, or the name of a bundled one: deit-digits, gpt2-shakespeare. A folder
    /// of such a name is ./NAME
    model: String,
    /// Calibration data: .npy with token indices or images, .txt for the tokenizer of the model, or the name of bundled
    /// data: digits, shakespeare. A file of such a name is ./NAME
    #[arg(long, value_name = "FILE|NAME")]
    calibrate: String,
    /// Fraction of zeros of every layer, such as 0.5, or n:m, such as 2:4: n zeros in every m consecutive inputs
    #[arg(long, value_name = "S", value_parser = sparsity, allow_negative_numbers = true)]
    sparsity: Sparsity,
    /// Folder for the pruned model
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Method: i-obs-dual, i-obs-refit, i-obs, obc, sparsegpt, sparsegpt-refit, wanda, magnitude and others
    #[arg(long, default_value = "i-obs-dual", value_name = "NAME", value_parser = parse_choice::<PruneMethod>)]
    method: PruneMethod,
    /// Data to score the model on before and after: as for --calibrate
    #[arg(long, value_name = "FILE|NAME")]
    held_out: Option<String>,
    /// Labels of held-out images: .npy with a class for each
    #[arg(long, value_name = "FILE", requires = "held_out")]
    labels: Option<PathBuf>,
    /// Tokens of a sample [default: the positions of the model, at most 2048]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    length: Option<u32>,
    /// Calibration samples, of every round [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    samples: Option<u32>,
    /// Divide the zeros between the layers by their measured losses
    #[arg(long)]
    measured: bool,
    /// Prune only layers whose names contain this; may be repeated
    #[arg(long, value_name = "TEXT")]
    include: Vec<String>,
    /// Do not prune layers whose names contain this; may be repeated
    #[arg(long, value_name = "TEXT")]
    exclude: Vec<String>,
    /// Damping of the second moments, over their mean diagonal
    #[arg(long, default_value_t = 0.01, value_name = "X", allow_negative_numbers = true)]
    damping: f64,
    /// Iterations of i-obs
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    iterations: u32,
    /// Rounds after the first, in each of which every layer takes one step of the iterative optimal brain surgeon with the
    /// samples of the round
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    rounds: u32,
    /// Samples of the rounds: fresh (those that follow) or same
    #[arg(long, default_value = "fresh", value_name = "RULE", requires = "rounds", value_parser = parse_choice::<BatchRule>)]
    batches: BatchRule,
    /// Train the kept weights on the task loss for so many steps of Adam after every round, the first included
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    adam_steps: Option<u32>,
    /// First rate of the training, which decreases to zero
    #[arg(long, default_value_t = 1e-3, value_name = "X", requires = "adam_steps", allow_negative_numbers = true)]
    adam_rate: f64,
    /// Samples of a step of the training
    #[arg(long, default_value_t = 32, value_name = "N", requires = "adam_steps", value_parser = clap::value_parser!(u32).range(1..))]
    adam_batch: u32,
    /// Labels of calibration images, for the training: .npy with a class for each
    #[arg(long, value_name = "FILE", requires = "adam_steps")]
    calibration_labels: Option<PathBuf>,
    /// Let the inputs of the later layers of a block follow its earlier layers as they have been pruned
    #[arg(long)]
    within_block: bool,
    /// Precision of forward passes: f32 or f64
    #[arg(long, default_value = "f32", value_name = "P", value_parser = parse_choice::<Precision>)]
    precision: Precision,
    /// Seed of the order of the calibration samples
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    #[command(flatten)]
    threads: ThreadCount,
    /// Instruction set: auto, portable, avx2 or avx512
    #[arg(long, default_value = "auto", value_parser = instruction_set, value_name = "SET")]
    simd: SimdChoice,
    /// Continue an unfinished pruning; start one where there is none
    #[arg(long)]
    resume: bool,
    /// No progress reports
    #[arg(long)]
    quiet: bool,
}

fn sparsity(text: &str) -> Result<Sparsity, String> {
    text.parse().map_err(|error: widelimit::prune::layer::NoSparsity| error.to_string())
}

/// Prunes the model. Exit status: 0 for a pruned model, 130 where it was interrupted.
pub fn run(args: &PruneArgs) -> anyhow::Result<ExitCode> {
    if !(args.damping >= 0.0 && args.damping.is_finite()) {
        bail!("--damping {}: expected a number that is zero or positive", args.damping);
    }
    if !(args.adam_rate > 0.0 && args.adam_rate.is_finite()) {
        bail!("--adam-rate {}: expected a positive number", args.adam_rate);
    }
    if args.measured && matches!(args.sparsity, Sparsity::Pattern { .. }) {
        bail!(
            "--measured divides zeros between layers, and --sparsity {} gives every layer the same: expected a fraction",
            args.sparsity
        );
    }
    args.threads.set()?;
    choose(args.simd)?;
    let request = request(args)?;
    handle_signals()?;
    let options = FolderOptions { out: args.out.clone(), resume: args.resume, quiet: args.quiet };
    match prune_folder(&request, &options, &INTERRUPT)? {
        FolderReport::Interrupted(folder) => {
            note(format!("interrupted; everything so far is saved in {}", folder.display()));
            note("to continue, run the same command with --resume");
            Ok(ExitCode::from(130))
        }
        FolderReport::Complete(record) => {
            print(args, &record)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn request(args: &PruneArgs) -> anyhow::Result<FolderRequest> {
    let model = model(&args.model)?;
    let reads = Reads::of(&model)?;
    let calibration = CalibrationSpec {
        source: samples(args, &reads, Purpose::Calibration)?,
        samples: args.samples.map(|samples| samples as usize),
        shuffle: true,
    };
    let held_out = args.held_out.as_deref().map(|name| -> anyhow::Result<HeldOutSpec> {
        Ok(HeldOutSpec { source: samples(args, &reads, Purpose::HeldOut(name))?, samples: None })
    });
    let adam = args.adam_steps.map(|steps| TrainingSettings {
        steps: steps as usize,
        rate: args.adam_rate,
        batch: args.adam_batch as usize,
    });
    let pruning = PruningOptions {
        methods: vec![args.method],
        damping: args.damping,
        iterations: args.iterations as usize,
        within_block: args.within_block,
        include: args.include.clone(),
        exclude: args.exclude.clone(),
        ..PruningOptions::default()
    };
    Ok(FolderRequest {
        model,
        calibration,
        held_out: held_out.transpose()?,
        pruning,
        sparsity: args.sparsity,
        measured: args.measured,
        rounds: args.rounds as usize,
        batches: args.batches,
        adam,
        precision: args.precision,
        seed: args.seed,
    })
}

/// A bundled model, or the folder of another name.
fn model(name: &str) -> anyhow::Result<ModelSpec> {
    let path = Path::new(name);
    if let Ok(bundled) = BundledModel::from_name(name) {
        say_which("model", name);
        return Ok(ModelSpec::Bundled { name: bundled });
    }
    if !path.exists() {
        bail!("no folder is called '{name}', and no bundled model; bundled are {}", BundledModel::names().join(", "));
    }
    Ok(ModelSpec::Folder { path: std::path::absolute(path)? })
}

/// Says that a bundled name is taken where there is also a file or folder of that name.
fn say_which(what: &str, name: &str) {
    if Path::new(name).exists() {
        note(format!("note: {name} is the bundled {what}; to use the file or folder of that name, give ./{name}"));
    }
}

/// What a model reads.
enum Reads {
    /// Images; whether it classifies them.
    Images { classifies: bool },
    /// Sequences of tokens, of this length where none is given.
    Tokens { length: usize },
}

impl Reads {
    fn of(model: &ModelSpec) -> anyhow::Result<Self> {
        let path = match model {
            ModelSpec::Bundled { name } => {
                return Ok(match name.data() {
                    BundledData::Digits => Reads::Images { classifies: true },
                    BundledData::Shakespeare => Reads::Tokens { length: SHAKESPEARE_LENGTH },
                });
            }
            ModelSpec::Folder { path } => path,
        };
        let architecture = describe(&ModelFolder::open(path)?)?;
        let classifies = matches!(architecture.head, HeadSpec::Classes { .. });
        Ok(match &architecture.embedding {
            EmbeddingSpec::Image { .. } => Reads::Images { classifies },
            EmbeddingSpec::Tokens { positions, .. } => {
                let positions = positions.as_ref().map(|(_, first, rows)| rows - first);
                Reads::Tokens { length: positions.unwrap_or(MAX_LENGTH).min(MAX_LENGTH) }
            }
        })
    }
}

/// What samples are for.
#[derive(Clone, Copy)]
enum Purpose<'a> {
    /// To prune on.
    Calibration,
    /// To score on: these.
    HeldOut(&'a str),
}

impl<'a> Purpose<'a> {
    /// The file or the bundled data, and the labels, each with its option.
    fn given(self, args: &'a PruneArgs) -> (&'a str, &'static str, Option<&'a Path>, &'static str) {
        match self {
            Purpose::Calibration => {
                (&args.calibrate, "--calibrate", args.calibration_labels.as_deref(), "--calibration-labels")
            }
            Purpose::HeldOut(name) => (name, "--held-out", args.labels.as_deref(), "--labels"),
        }
    }

    /// Whether samples of a classifier need labels.
    fn needs_labels(self, args: &PruneArgs) -> bool {
        match self {
            Purpose::Calibration => args.adam_steps.is_some(),
            Purpose::HeldOut(_) => true,
        }
    }
}

/// Bundled data, or the file of another name.
fn samples<'a>(args: &'a PruneArgs, reads: &Reads, purpose: Purpose<'a>) -> anyhow::Result<SampleSource> {
    let (name, option, labels, labels_option) = purpose.given(args);
    let path = Path::new(name);
    if let Ok(bundled) = BundledData::from_name(name) {
        say_which("data", name);
        if let Some(length) = args.length {
            bail!("--length {length}: bundled data have samples of their own size: expected no --length");
        }
        if let Some(labels) = labels {
            bail!(
                "{labels_option} {}: bundled data have labels of their own: expected no {labels_option}",
                labels.display()
            );
        }
        return Ok(SampleSource::Bundled { name: bundled });
    }
    if !path.exists() {
        bail!(
            "{option}: no file is called '{name}', and no bundled data; bundled are {}",
            BundledData::names().join(", ")
        );
    }
    let path = std::path::absolute(path)?;
    match reads {
        Reads::Images { classifies } => {
            if *classifies && labels.is_none() && purpose.needs_labels(args) {
                let why = match purpose {
                    Purpose::Calibration => "trained",
                    Purpose::HeldOut(_) => "scored",
                };
                bail!(
                    "{labels_option}: missing; a classifier is {why} on labels: expected the .npy file of the classes of {option}"
                );
            }
            Ok(SampleSource::Images { path, labels: labels.map(std::path::absolute).transpose()? })
        }
        Reads::Tokens { length } => {
            if let Some(labels) = labels {
                bail!(
                    "{labels_option} {}: the model reads tokens, and its loss is that of the next ones: expected no {labels_option}",
                    labels.display()
                );
            }
            let length = args.length.map_or(*length, |length| length as usize);
            let is_text = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("txt"));
            Ok(if is_text { SampleSource::Text { path, length } } else { SampleSource::Tokens { path, length } })
        }
    }
}

/// Prints scores, sparsity and layers.
fn print(args: &PruneArgs, record: &FolderRecord) -> anyhow::Result<()> {
    let mut table = table::table();
    table.set_header(["layer", "zeros", "relative loss", "condition", "notes"]);
    for layer in record.record.last_round() {
        let mut notes = Vec::new();
        if layer.damping_raised {
            notes.push(format!("damping {}", layer.damping));
        }
        if layer.dead_inputs > 0 {
            notes.push(format!("{} dead inputs", layer.dead_inputs));
        }
        if layer.tokens < layer.inputs {
            notes.push(format!("{} tokens for {} inputs", layer.tokens, layer.inputs));
        }
        table.add_row([
            layer.layer.clone(),
            format!("{:.2} %", 100.0 * layer.zeros as f64 / (layer.rows * layer.inputs) as f64),
            format!("{:.3e}", layer.relative_loss),
            format!("{:.1e}", layer.condition),
            notes.join("; "),
        ]);
    }
    line(table::text(table))?;
    let score = |name: &str, scores: &Option<MeanScores>| {
        scores.as_ref().map(|scores| {
            let perplexity = scores.perplexity.map(|value| format!(", perplexity {value:.3}"));
            let accuracy = scores.accuracy.map(|value| format!(", accuracy {:.2} %", 100.0 * value));
            let more = perplexity.or(accuracy).unwrap_or_default();
            format!("{name}: held-out cross entropy {:.4} nats{more}", scores.loss)
        })
    };
    if let Some(text) = score("before pruning", &record.dense) {
        line(text)?;
    }
    if record.rounds.len() > 1 {
        for round in &record.rounds {
            let name = format!("after round {}", round.round);
            let text = score(&name, &round.scores).unwrap_or(name);
            line(format!("{text}; relative loss of its layers {:.3e}", round.relative_loss))?;
        }
    } else if let Some(text) = score("after pruning", &record.pruned) {
        line(text)?;
    }
    line(format!(
        "sparsity: {:.2} % of the linear layers of the blocks, {:.2} % of all parameters",
        100.0 * record.record.sparsity,
        100.0 * record.record.model_sparsity
    ))?;
    for warning in &record.warnings {
        line(format!("note: {warning}"))?;
    }
    if !record.left_out.is_empty() {
        line(format!("note: not copied, as they hold the weights before pruning: {}", names(&record.left_out)))?;
    }
    line(format!("model: {}", args.out.display()))?;
    line(format!("record: {}", record_path(&args.out).display()))
}

fn names(paths: &[PathBuf]) -> String {
    let names = paths.iter().map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    names.collect::<Vec<_>>().join(", ")
}
