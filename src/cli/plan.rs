//! `widelimit plan`: the width that a tolerance needs, from the predictions of a run.

use super::checks::usable_width;
use super::output::line;
use anyhow::ensure;
use comfy_table::{ContentArrangement, Table, presets};
use std::path::PathBuf;
use std::process::ExitCode;
use widelimit::record::RunFolder;
use widelimit::study::predict::{KeptWidths, PredictArrays, PredictRecord, SmallestWidth};

/// Options of `widelimit plan`.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// Folder of a run with predictions
    run: PathBuf,
    /// Tolerance of the largest distance sup_t |f_N - f_rho| of the predictions from the limit
    #[arg(long, value_name = "X")]
    gap: Option<f64>,
    /// Tolerance of the loss gap at the end
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
}

/// Prints, for every tolerance, the smallest width that meets it with probability 95 %.
pub fn run(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    let tolerances = [args.gap, args.loss, args.barrier, args.dropout];
    ensure!(tolerances.iter().any(Option::is_some), "expected a tolerance: --gap, --loss, --barrier or --dropout");
    ensure!(tolerances.iter().flatten().all(|v| *v > 0.0), "expected positive tolerances");
    let folder = RunFolder::existing(&args.run)?;
    folder.require_complete()?;
    let (arrays, record) = (PredictArrays::read(&folder)?, PredictRecord::read(&folder)?);
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["quantity", "tolerance", "width N", "prediction"]);
    table.set_width(usable_width(table.width()));
    let mut row = |quantity: &str, guard: &str, tolerance: Option<f64>, width: &dyn Fn(f64) -> String| {
        let Some(tolerance) = tolerance else { return };
        let reason = record.not_predicted.iter().find(|(name, _)| name == guard).map(|(_, why)| why);
        let prediction = reason.map_or("within its guards".into(), |why| format!("not predicted: {why}"));
        let width = if reason.is_some() { "-".into() } else { width(tolerance) };
        table.add_row([quantity.to_string(), tolerance.to_string(), width, prediction]);
    };
    // Narrower networks are not predicted.
    let least = record.least_width.ceil() as usize;
    let above = |width: SmallestWidth| match width {
        SmallestWidth::Exactly(width) | SmallestWidth::AtMost(width) if width < least => SmallestWidth::AtMost(least),
        width => width,
    };
    row("sup_t |f_N - f_rho|", "function-sup", args.gap, &|x| words(above(arrays.width_for_gap(x))));
    row("R(f_N) - R(rho) at T", "loss-mean", args.loss, &|x| words(above(arrays.width_for_loss(x))));
    row("barrier at T", "barrier", args.barrier, &|y| words(above(arrays.width_for_barrier(y))));
    match args.kept {
        None => row("loss added, half kept", "dropout", args.dropout, &|z| words(arrays.width_for_half(z))),
        Some(kept) => row(&format!("loss added, {kept} kept"), "dropout", args.dropout, &|z| match arrays
            .widths_for_kept(z, kept as usize)
        {
            KeptWidths::All => format!("any from {kept} on"),
            KeptWidths::UpTo(width) => format!("{kept} to {width}"),
            KeptWidths::Unknown => "not decided by the predicted widths".into(),
        }),
    }
    line(table)?;
    line(
        "Each tolerance is met with probability 95 % at the smallest width given, by the law predicted from the limit.",
    )?;
    Ok(ExitCode::SUCCESS)
}

/// A width in words.
fn words(width: SmallestWidth) -> String {
    match width {
        SmallestWidth::Exactly(width) => width.to_string(),
        SmallestWidth::AtMost(width) => format!("at most {width}, the narrowest predicted"),
        SmallestWidth::MoreThan(width) => format!("more than {width}, the widest predicted"),
        SmallestWidth::None => "none".into(),
    }
}
