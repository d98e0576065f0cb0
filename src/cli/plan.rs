//! `widelimit plan`: the width, the step and the batch that a tolerance needs, from the predictions of a run.

use super::draws::recorded_experiment;
use super::output::line;
use super::table;
use anyhow::{Context, bail, ensure};
use std::path::PathBuf;
use std::process::ExitCode;
use widelimit::config::{AnyExperiment, divides_no_interval, exceeds_friction, too_short};
use widelimit::number::plain;
use widelimit::record::RunFolder;
use widelimit::study::predict::{
    AllowedValues, KeptWidths, NetworkSetting, PredictArrays, PredictRecord, PredictionRoute, SettingPart,
    SmallestWidth, TolerableQuantity,
};

/// Options of `widelimit plan`.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// Folder of a run with predictions
    run: PathBuf,
    /// Tolerance of the largest distance sup_t |f_N - f_rho| of the predictions from the limit
    #[arg(long, value_name = "X")]
    gap: Option<f64>,
    /// Tolerance of the loss gap R(f_N) - R(rho) at the end, from above alone: a negative gap meets every tolerance
    #[arg(long, value_name = "X")]
    loss: Option<f64>,
    /// Tolerance of the barrier between two networks, by the constructive path
    #[arg(long, value_name = "Y")]
    barrier: Option<f64>,
    /// Tolerance of the loss added by keeping a random half of the neurons, or `--kept` of them
    #[arg(long, value_name = "Z")]
    dropout: Option<f64>,
    /// Number of neurons kept
    #[arg(long, value_name = "M", requires = "dropout", value_parser = clap::value_parser!(u32).range(1..))]
    kept: Option<u32>,
    /// Width N of the networks: the largest step and the smallest batch are sought in the place of the width
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    width: Option<u32>,
    /// Step of the networks, which divides the run's recording interval and is at most 1 / friction; that of the run by
    /// default, 0 for continuous time
    #[arg(long, value_name = "E")]
    step: Option<f64>,
    /// Batch size of the networks, or "full"; that of the run by default
    #[arg(long, value_name = "B", value_parser = batch_size)]
    batch: Option<f64>,
}

/// A batch size; infinite for the full gradient.
fn batch_size(text: &str) -> Result<f64, String> {
    match text {
        "full" => Ok(f64::INFINITY),
        _ => match text.parse::<u32>() {
            Ok(size) if size >= 1 => Ok(f64::from(size)),
            _ => Err("expected \"full\" or a whole number of at least 1".into()),
        },
    }
}

/// A tolerance that was given.
struct Tolerance {
    words: String,
    /// The quantity whose guards tell whether it is predicted.
    guard: &'static str,
    quantity: TolerableQuantity,
    value: f64,
}

impl Tolerance {
    /// The quantity of whose law this is a quantile.
    fn law(&self) -> &'static str {
        if self.quantity == TolerableQuantity::Loss { "loss-deviation" } else { self.guard }
    }
}

impl PlanArgs {
    fn tolerances(&self) -> Vec<Tolerance> {
        let kept = self.kept.map(|kept| kept as usize);
        let dropped = kept.map_or("loss added at T, half kept".into(), |kept| format!("loss added at T, {kept} kept"));
        [
            ("sup_t |f_N - f_rho|".to_string(), "function-sup", TolerableQuantity::Distance, self.gap),
            ("R(f_N) - R(rho) at T".into(), "loss-mean", TolerableQuantity::Loss, self.loss),
            ("barrier at T".into(), "barrier", TolerableQuantity::Barrier, self.barrier),
            (dropped, "dropout", TolerableQuantity::Dropout(kept), self.dropout),
        ]
        .into_iter()
        .filter_map(|(words, guard, quantity, value)| Some(Tolerance { words, guard, quantity, value: value? }))
        .collect()
    }
}

/// Prints, for every tolerance, the smallest width that meets it with probability 95 %, or, for a given width, the largest
/// step and the smallest batch.
pub fn run(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    let tolerances = args.tolerances();
    ensure!(!tolerances.is_empty(), "expected a tolerance: --gap, --loss, --barrier or --dropout");
    for (option, value) in
        [("gap", args.gap), ("loss", args.loss), ("barrier", args.barrier), ("dropout", args.dropout)]
    {
        if let Some(value) = value {
            ensure!(value > 0.0 && value.is_finite(), "--{option} {value}: expected a positive number");
        }
    }
    ensure!(
        !(args.width.is_some() && args.step.is_some() && args.batch.is_some()),
        "--width, --step and --batch leave nothing to seek: leave one of them out"
    );
    let folder = RunFolder::existing(&args.run)?;
    folder.require_complete()?;
    require_step(args, &folder)?;
    let manifest = folder.manifest()?;
    ensure!(
        manifest.studies.iter().any(|study| study == "predict"),
        "{}: this run has no study [predict], on which a plan is based",
        args.run.display()
    );
    let mut records = manifest.records.unwrap_or_default();
    records.retain(|name, _| name.starts_with("records/predict"));
    folder.require_unaltered(&records)?;
    if let (Some(kept), Some(width)) = (args.kept, args.width) {
        ensure!(kept < width, "--kept {kept}: expected less than --width {width}");
    }
    let (arrays, record) = (PredictArrays::read(&folder)?, PredictRecord::read(&folder)?);
    let plan = WidthPlan { args, arrays: &arrays, record: &record };
    let mut table = table::table();
    table.set_header(["quantity", "tolerance", "width N", "step", "batch B", "prediction"]);
    for tolerance in &tolerances {
        for row in plan.rows(tolerance)? {
            table.add_row(row);
        }
    }
    line(table::text(table))?;
    line("Each tolerance is met with probability 95 % at the values given, by the law predicted from the limit.")?;
    line("Where no value suffices, the quantile that the other parts leave is given.")?;
    if arrays.step.is_none() {
        line("The part of the step is not predicted at a positive temperature: it is left out.")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks that the step is one that the experiment could have.
fn require_step(args: &PlanArgs, folder: &RunFolder) -> anyhow::Result<()> {
    let Some(step) = args.step.filter(|&step| step != 0.0) else { return Ok(()) };
    ensure!(step > 0.0, "--step {step}: expected a number of at least 0");
    let AnyExperiment::Training(e) = recorded_experiment(folder)? else { return Ok(()) };
    let wrong = divides_no_interval(&e, step).or_else(|| too_short(&e, step));
    let wrong = wrong.or_else(|| exceeds_friction(e.dynamics.friction, step));
    wrong.map_or(Ok(()), |why| bail!("--step {}: {why}", plain(step)))
}

/// The predictions of a run, and what is asked of them.
struct WidthPlan<'a> {
    args: &'a PlanArgs,
    arrays: &'a PredictArrays,
    record: &'a PredictRecord,
}

impl WidthPlan<'_> {
    /// The setting of the networks, with the width where it is given.
    fn setting(&self) -> NetworkSetting {
        let own = self.record.trained_batch.map_or(f64::INFINITY, |size| size as f64);
        let step = self.args.step.unwrap_or(self.record.trained_step);
        NetworkSetting::new(self.args.width.map_or(f64::NAN, f64::from), step, self.args.batch.unwrap_or(own))
    }

    /// The rows of a tolerance.
    fn rows(&self, tolerance: &Tolerance) -> anyhow::Result<Vec<[String; 6]>> {
        let setting = self.setting();
        let whole = |v: f64| if v.is_infinite() { "full".to_string() } else { plain(v) };
        let values = [plain(setting.width), plain(setting.step), whole(setting.batch)];
        let row = |cells: [String; 3], prediction: &str| {
            let [width, step, batch] = cells;
            [tolerance.words.clone(), plain(tolerance.value), width, step, batch, prediction.to_string()]
        };
        let reason = self.record.not_predicted.iter().find(|(name, _)| name == tolerance.guard);
        if let Some((_, why)) = reason {
            return Ok(vec![row(["-", "-", "-"].map(String::from), &format!("not predicted: {why}"))]);
        }
        let within = "within its guards";
        if self.arrays.draws.is_none() {
            ensure!(self.args.width.is_none(), "the run has no draws of the deviation, which --width needs");
            return Ok(vec![row([self.width_alone(tolerance), "0".into(), "full".into()], within)]);
        }
        let add = match self.record.by {
            PredictionRoute::Tangent => format!("add predict.batches = [{}], or give", whole(setting.batch)),
            PredictionRoute::Pairs => "predictions by pairs have none; give".to_string(),
        };
        ensure!(
            setting.batch.is_infinite() || self.arrays.batch.is_some(),
            "the noise of mini-batches is not predicted in this run: {add} --batch full"
        );
        let seek = |part: SettingPart| {
            let allowed = self.arrays.allowed(part, tolerance.quantity, tolerance.value, setting);
            allowed.context("the run has no draws of the deviation")
        };
        let mut rows = Vec::new();
        if self.args.width.is_none() {
            let words = self.width_words(tolerance, seek(SettingPart::Width)?);
            rows.push(row([words, values[1].clone(), values[2].clone()], within));
            return Ok(rows);
        }
        let least = self.record.least_width_for(tolerance.law());
        let narrow = setting.width < least;
        let prediction = match narrow {
            true => format!("not predicted below N = {}", least.ceil()),
            false => within.to_string(),
        };
        if self.args.step.is_none() && self.arrays.step.is_some() {
            let words = if narrow { "-".into() } else { step_words(seek(SettingPart::Step)?) };
            rows.push(row([values[0].clone(), words, values[2].clone()], &prediction));
        }
        if self.args.batch.is_none() && self.arrays.batch.is_some() {
            let words = if narrow { "-".into() } else { batch_words(seek(SettingPart::Batch)?) };
            rows.push(row([values[0].clone(), values[1].clone(), words], &prediction));
        }
        ensure!(
            !rows.is_empty(),
            "neither step nor batch can be sought: for the batch add predict.batches to the experiment"
        );
        Ok(rows)
    }

    /// The width by the law of the starts alone, of predictions that have no draws of the deviation.
    fn width_alone(&self, tolerance: &Tolerance) -> String {
        let least = self.least_width(tolerance);
        let above = |width: SmallestWidth| match width {
            SmallestWidth::Exactly(width) | SmallestWidth::AtMost(width) if width < least => {
                SmallestWidth::AtMost(least)
            }
            width => width,
        };
        let (arrays, value) = (self.arrays, tolerance.value);
        match tolerance.quantity {
            TolerableQuantity::Distance => width_words(above(arrays.width_for_gap(value))),
            TolerableQuantity::Loss => width_words(above(arrays.width_for_loss(value))),
            TolerableQuantity::Barrier => width_words(above(arrays.width_for_barrier(value))),
            TolerableQuantity::Dropout(None) => width_words(arrays.width_for_half(value)),
            TolerableQuantity::Dropout(Some(kept)) => match arrays.widths_for_kept(value, kept) {
                KeptWidths::All => format!("any from {kept} on"),
                KeptWidths::UpTo(width) => kept_words(kept, width as f64),
                KeptWidths::Unknown => "not decided by the predicted widths".into(),
            },
        }
    }

    /// Narrower networks are not predicted.
    fn least_width(&self, tolerance: &Tolerance) -> usize {
        self.record.least_width_for(tolerance.law()).ceil() as usize
    }

    /// The allowed widths in words.
    fn width_words(&self, tolerance: &Tolerance, allowed: AllowedValues) -> String {
        let kept = if let TolerableQuantity::Dropout(kept) = tolerance.quantity { kept } else { None };
        match (allowed, kept) {
            (AllowedValues::All, Some(kept)) => format!("any from {kept} on"),
            (AllowedValues::AtMost(width), Some(kept)) => kept_words(kept, width),
            (AllowedValues::AtLeast(width), _) if width < self.least_width(tolerance) as f64 => {
                format!("at most {}, the narrowest predicted", self.least_width(tolerance))
            }
            (AllowedValues::AtLeast(width), _) => format!("at least {width}"),
            (AllowedValues::None { quantile }, _) => nothing(quantile),
            (AllowedValues::Beyond(width), _) => format!("more than {width:e}"),
            (AllowedValues::All | AllowedValues::AtMost(_) | AllowedValues::AtLeastUpTo(_), _) => "any".into(),
        }
    }
}

/// That no value suffices, with the quantile that the other parts leave, in words.
fn nothing(quantile: f64) -> String {
    format!("none: {quantile:.3e} remains")
}

/// The widths up to `width` of which `kept` neurons are kept, in words.
fn kept_words(kept: usize, width: f64) -> String {
    match width <= kept as f64 {
        true => format!("none above {kept}: dropping one neuron costs more"),
        false => format!("{kept} to {width}"),
    }
}

/// The allowed steps in words.
fn step_words(allowed: AllowedValues) -> String {
    match allowed {
        AllowedValues::AtMost(step) => format!("at most {step:.3e}"),
        AllowedValues::AtLeastUpTo(step) => format!("{}, the largest predicted, or more", plain(step)),
        AllowedValues::None { quantile } => nothing(quantile),
        AllowedValues::Beyond(step) => format!("less than {step:.1e}"),
        AllowedValues::AtLeast(_) | AllowedValues::All => "any".into(),
    }
}

/// The allowed batch sizes in words.
fn batch_words(allowed: AllowedValues) -> String {
    match allowed {
        AllowedValues::AtLeast(size) => format!("at least {size}"),
        AllowedValues::None { quantile } => nothing(quantile),
        AllowedValues::Beyond(size) => format!("more than {size:e}"),
        AllowedValues::AtMost(_) | AllowedValues::AtLeastUpTo(_) | AllowedValues::All => "any".into(),
    }
}

/// A width in words.
fn width_words(width: SmallestWidth) -> String {
    match width {
        SmallestWidth::Exactly(width) => width.to_string(),
        SmallestWidth::AtMost(width) => format!("at most {width}, the narrowest predicted"),
        SmallestWidth::MoreThan(width) => format!("more than {width}, the widest predicted"),
        SmallestWidth::None => "none".into(),
    }
}
