//! `widelimit export`: the records of a run as tables.

use super::output::line;
use anyhow::Context;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use widelimit::record::{RunFolder, require_place_of_files, write_atomically};
use widelimit::run::export::RecordTable;

/// Arguments of `widelimit export`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("format").required(true).multiple(true))]
pub struct ExportArgs {
    /// Folder of the run
    run: PathBuf,
    /// Write CSV files
    #[arg(long, group = "format")]
    csv: bool,
    /// Write Parquet files
    #[cfg(feature = "parquet")]
    #[arg(long, group = "format")]
    parquet: bool,
    /// Folder for the files; it is created if it does not exist [default: RUN/export]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Writes a table for every file of records, and prints their paths.
pub fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    args.out.as_deref().map_or(Ok(()), require_place_of_files)?;
    // Only where files are written into the run is it locked.
    let folder = match args.out {
        None => RunFolder::open_figures(&args.run)?,
        Some(_) => RunFolder::existing(&args.run)?,
    };
    folder.require_complete()?;
    let out = args.out.clone().unwrap_or_else(|| args.run.join("export"));
    for table in widelimit::export_tables(&folder)? {
        if args.csv {
            let path = out.join(format!("{}.csv", table.name));
            write(&path, |out| csv_table(&table, out))?;
        }
        #[cfg(feature = "parquet")]
        if args.parquet {
            let path = out.join(format!("{}.parquet", table.name));
            let bytes = super::export_parquet::bytes(&table)?;
            write(&path, |out| Ok(out.write_all(&bytes)?))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a file whole or not at all, and prints its path.
fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
    write_atomically(path, |out| fill(out)).with_context(|| format!("cannot write {}", path.display()))?;
    line(path.display())
}

/// Writes a table as CSV (RFC 4180). Numbers are written so that they are read back exactly, and `NaN`, `inf`, `-inf`.
fn csv_table(table: &RecordTable, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    let columns = table.axes.iter().map(String::as_str);
    writer.write_record(["array"].into_iter().chain(columns).chain(["value"]))?;
    for row in table.rows() {
        let place = |place: &Option<f64>| place.map(|place| place.to_string()).unwrap_or_default();
        let places: Vec<String> = row.places.iter().map(place).collect();
        let value = row.value.to_string();
        writer
            .write_record([row.array].into_iter().chain(places.iter().map(String::as_str)).chain([value.as_str()]))?;
    }
    Ok(writer.flush()?)
}
