//! `export`: every value of every array of the records is in the table, at its place along named axes.

use crate::common::experiment::{TINY, arrays, fine, refused};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The columns of a CSV file, and its rows by column.
fn table(path: &Path) -> (Vec<String>, Vec<BTreeMap<String, String>>) {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let columns: Vec<String> = reader.headers().unwrap().iter().map(String::from).collect();
    let row = |record: csv::StringRecord| columns.iter().cloned().zip(record.iter().map(String::from)).collect();
    let rows = reader.records().map(|record| row(record.unwrap())).collect();
    (columns, rows)
}

#[test]
fn every_value_is_exported_at_its_place() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), TINY).unwrap();
    let dropout = ["--set", "dropout.draws=10", "--set", "dropout.kept=[2,3]"];
    fine(here.path(), &[&["run", "tiny.toml", "--quiet"], &dropout[..]].concat());
    let printed = fine(here.path(), &["export", "runs/tiny", "--csv", "--out", "tables"]);
    assert_eq!(
        printed.lines().collect::<Vec<_>>(),
        ["tables/dropout.csv", "tables/reference.csv", "tables/widths.csv"]
    );
    for name in ["dropout", "reference", "widths"] {
        let (columns, rows) = table(&here.path().join(format!("tables/{name}.csv")));
        assert!(!columns.iter().any(|column| column.starts_with("axis_")), "{name}: {columns:?}");
        let stored = arrays(&here.path().join(format!("runs/tiny/records/{name}.npz")));
        assert_eq!(rows.len(), stored.values().map(|array| array.len()).sum::<usize>(), "{name}");
        for (array, values) in stored {
            let own: Vec<&BTreeMap<String, String>> = rows.iter().filter(|row| row["array"] == array).collect();
            for (row, value) in own.iter().zip(values.iter()) {
                let read: f64 = row["value"].parse().unwrap();
                assert!(read.to_bits() == value.to_bits() || (read.is_nan() && value.is_nan()), "{array}: {row:?}");
            }
        }
    }
    // A value by the entries of its axes: the risk of width 8, seed 1, at the last time.
    let (columns, rows) = table(&here.path().join("tables/widths.csv"));
    assert_eq!(columns, ["array", "values", "seeds", "times", "value"]);
    let risk = &arrays(&here.path().join("runs/tiny/records/widths.npz"))["risk"];
    let at = |row: &&BTreeMap<String, String>| {
        row["array"] == "risk" && row["values"] == "8" && row["seeds"] == "1" && row["times"] == "1"
    };
    let found: Vec<f64> = rows.iter().filter(at).map(|row| row["value"].parse().unwrap()).collect();
    assert_eq!(found, [risk[[1, 1, 2]]]);
    let abscissa = rows.iter().find(|row| row["array"] == "abscissa").unwrap();
    assert_eq!((abscissa["seeds"].as_str(), abscissa["times"].as_str()), ("", ""));
    // Into the run folder by default.
    fine(here.path(), &["export", "runs/tiny", "--csv"]);
    assert!(here.path().join("runs/tiny/export/widths.csv").is_file());
    assert!(refused(here.path(), &["export", "runs/tiny"]).contains("--csv"));
}
