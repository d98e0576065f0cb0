//! The records of a run as tables in long format: a row for every value of every array, with the place along each named
//! axis in a column of its own.

use super::context::FiguresError;
use super::figures::of_run;
use super::study::Registry;
use crate::record::RunFolder;
use crate::record::npz::{StoredArrays, axes_read_by};
use ndarray::{ArrayViewD, Axis};

/// The arrays of a file of `records/`.
pub struct RecordTable {
    /// Name of the file without its extension.
    pub name: String,
    /// The names of all axes, in the order of their first appearance.
    pub axes: Vec<String>,
    arrays: Vec<NamedArray>,
    stored: StoredArrays,
}

/// An array and its axes.
struct NamedArray {
    name: String,
    axes: Vec<String>,
}

/// A row of a [`RecordTable`].
#[derive(Clone, Debug, PartialEq)]
pub struct ExportRow<'a> {
    /// The array.
    pub array: &'a str,
    /// For every axis of the table, the place of the value along it: the entry of the array with the name and the only
    /// axis of that name, or else the index from 0. `None` where the array does not have the axis.
    pub places: Vec<Option<f64>>,
    /// The value.
    pub value: f64,
}

/// The tables of a complete run, in the order of their names.
///
/// # Errors
/// A run of another format, records that are missing or damaged.
pub fn tables(folder: &RunFolder, registry: &'static Registry) -> Result<Vec<RecordTable>, FiguresError> {
    // The figures read every record, by the declarations of its arrays.
    let (figures, axes) = axes_read_by(|| of_run(folder, registry));
    figures?;
    let mut tables = Vec::new();
    for name in folder.record_names()? {
        let Some(stem) = name.strip_prefix("records/").and_then(|file| file.strip_suffix(".npz")) else { continue };
        let path = folder.file(&name);
        let stored = StoredArrays::read(&path)?;
        let named = |array: &str| axes.get(&path).and_then(|arrays| arrays.get(array)).cloned();
        tables.push(RecordTable::new(stem, stored, &named));
    }
    Ok(tables)
}

impl RecordTable {
    fn new(name: &str, stored: StoredArrays, named: &dyn Fn(&str) -> Option<Vec<String>>) -> Self {
        let mut arrays: Vec<NamedArray> = Vec::new();
        for array in stored.names() {
            let shape = stored.get(array).map(|array| array.shape().to_vec()).unwrap_or_default();
            let unnamed = || (1..=shape.len()).map(|i| format!("axis_{i}")).collect();
            let axes = named(array).filter(|axes| axes.len() == shape.len()).unwrap_or_else(unnamed);
            arrays.push(NamedArray { name: array.into(), axes: distinct(axes) });
        }
        let mut axes: Vec<String> = Vec::new();
        for axis in arrays.iter().flat_map(|array| &array.axes) {
            if !axes.contains(axis) {
                axes.push(axis.clone());
            }
        }
        RecordTable { name: name.into(), axes, arrays, stored }
    }

    /// All rows, array by array, each in row-major order.
    pub fn rows(&self) -> impl Iterator<Item = ExportRow<'_>> {
        self.arrays.iter().flat_map(|array| self.rows_of(array))
    }

    fn rows_of<'a>(&'a self, array: &'a NamedArray) -> Box<dyn Iterator<Item = ExportRow<'a>> + 'a> {
        let Ok(values) = self.stored.get(&array.name) else { return Box::new(std::iter::empty()) };
        let entries: Vec<Option<Vec<f64>>> = array.axes.iter().map(|axis| self.entries(axis)).collect();
        let columns: Vec<usize> =
            array.axes.iter().filter_map(|axis| self.axes.iter().position(|known| known == axis)).collect();
        let shape: Vec<usize> = (0..values.ndim()).map(|axis| values.len_of(Axis(axis))).collect();
        let row = move |(at, value): (usize, f64)| {
            let mut places = vec![None; self.axes.len()];
            let mut rest = at;
            for axis in (0..shape.len()).rev() {
                let index = rest % shape[axis];
                rest /= shape[axis];
                let entry = entries[axis].as_ref().map_or(index as f64, |entries| entries[index]);
                places[columns[axis]] = Some(entry);
            }
            ExportRow { array: &array.name, places, value }
        };
        Box::new(in_order(values).into_iter().enumerate().map(row))
    }

    /// The entries of an axis, where an array of its name has them.
    fn entries(&self, axis: &str) -> Option<Vec<f64>> {
        let array = self.arrays.iter().find(|array| array.name == axis && array.axes == [axis])?;
        self.stored.get(&array.name).ok().map(in_order)
    }
}

/// The values in row-major order.
fn in_order(array: ArrayViewD<'_, f64>) -> Vec<f64> {
    array.iter().copied().collect()
}

/// Names of axes as columns, each once: an axis that has a size in place of a name is a component.
fn distinct(axes: Vec<String>) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for axis in axes {
        let name = if axis.parse::<usize>().is_ok() { "component".to_string() } else { axis };
        let count = columns
            .iter()
            .filter(|known| known.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_') == name)
            .count();
        columns.push(if count == 0 { name } else { format!("{name}_{}", count + 1) });
    }
    columns
}
