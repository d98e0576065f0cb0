//! `widelimit figures`: the figures of a run, a sweep or a measurement of coverage, from its records alone.

use super::output::line;
use anyhow::{Context, bail};
use std::path::PathBuf;
use std::process::ExitCode;
use widelimit::choice::parse_choice;
use widelimit::figure::custom::{PAGE_LENGTH, page_length};
use widelimit::figure::{FigureStyle, Format};
use widelimit::record::{RunFolder, require_place_of_files};
use widelimit::run::figures::Drawing;
use widelimit::run::{coverage, vary};

/// Arguments of `widelimit figures`.
#[derive(Debug, clap::Args)]
pub struct FiguresArgs {
    /// Folder of the run
    run: PathBuf,
    /// Only these figures, by the names of their files; separated by commas
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    figure: Vec<String>,
    /// Width of the page with its unit: 3.4in, 86mm, 8.6cm, 246pt (of TeX) or bp; a number alone is inches
    #[arg(long, value_name = "LENGTH", value_parser = length)]
    width: Option<f64>,
    /// Height of the page, likewise [default: as panels keep their proportions]
    #[arg(long, value_name = "LENGTH", value_parser = length)]
    height: Option<f64>,
    /// Columns of panels [default: as many as fit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    columns: Option<u8>,
    /// Font size of ticks and legends in points; all else is in proportion
    #[arg(long, value_name = "PT", value_parser = font_size)]
    font_size: Option<f64>,
    /// Formats: svg, png, pdf, pgf; separated by commas
    #[arg(long, value_name = "FORMAT", value_delimiter = ',', default_value = "svg,png,pdf", value_parser = parse_choice::<Format>)]
    format: Vec<Format>,
    /// File with the keys of [figure] of an experiment: sizes, colours, markers, labels
    #[arg(long, value_name = "FILE")]
    style: Option<PathBuf>,
    /// Folder for the figures [default: RUN/figures]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn length(text: &str) -> Result<f64, String> {
    page_length(text).ok_or_else(|| PAGE_LENGTH.into())
}

fn font_size(text: &str) -> Result<f64, String> {
    let size = text.parse().ok().filter(|size: &f64| *size > 2.0 && *size < 40.0);
    size.ok_or_else(|| "expected a number of points between 2 and 40".into())
}

impl FiguresArgs {
    fn style(&self) -> anyhow::Result<FigureStyle> {
        let file = self.style.as_deref().map(widelimit::config::figure_style).transpose()?.unwrap_or_default();
        let columns = self.columns.map(usize::from);
        let own = FigureStyle {
            width: self.width,
            height: self.height,
            columns,
            font_size: self.font_size,
            ..FigureStyle::default()
        };
        Ok(file.overlaid(&own))
    }
}

/// Draws the figures and prints their paths.
pub fn run(args: &FiguresArgs) -> anyhow::Result<ExitCode> {
    let style = args.style()?;
    args.out.as_deref().map_or(Ok(()), require_place_of_files)?;
    let drawn = match coverage::folder_at(&args.run) {
        Some(_) if !style.is_empty() || !args.figure.is_empty() || args.out.is_some() => {
            bail!("{} is a measurement of coverage: its figure has one size and place", args.run.display())
        }
        Some(folder) => coverage::draw_figure(&folder)?,
        None if vary::folder_at(&args.run).is_some() => {
            if !style.is_empty() || !args.figure.is_empty() || args.out.is_some() {
                bail!("{} is a sweep: its figures have one size and place; name a run in points/", args.run.display())
            }
            widelimit::draw_varied_figures(&args.run)?
        }
        None => {
            // Only where figures are written into the run is it locked.
            let folder = match args.out {
                None => RunFolder::open_figures(&args.run)?,
                Some(_) => {
                    let folder = RunFolder::existing(&args.run)?;
                    folder.require_complete()?;
                    folder
                }
            };
            let out = args.out.clone().unwrap_or_else(|| args.run.join("figures"));
            let drawing = Drawing { names: &args.figure, style: &style, formats: &args.format, out: &out };
            let drawn = widelimit::draw_chosen_figures(&folder, &drawing);
            match &args.style {
                Some(file) => drawn.with_context(|| file.display().to_string())?,
                None => drawn?,
            }
        }
    };
    for path in drawn {
        line(path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}
