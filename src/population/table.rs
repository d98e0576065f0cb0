//! Tables of inputs and labels read from a file, with the location of each value.

use ndarray::Array2;

use super::FileLocation;

/// Inputs and label columns as read. All entries are finite, arrays are in standard layout, and there is at least one
/// row.
#[derive(Debug)]
pub(super) struct SampleTable {
    /// Inputs (n, d).
    pub x: Array2<f64>,
    /// Label columns (n, number of label columns).
    pub y: Array2<f64>,
    /// The origin of the rows.
    pub rows: RowOrigin,
}

/// The origin of the rows of a table.
#[derive(Debug)]
pub(super) enum RowOrigin {
    /// Lines of a text file (one per row, from 1), and the names of the label columns.
    Lines { lines: Vec<usize>, y_columns: Vec<String> },
    /// Rows of stored arrays.
    Entries,
}

impl SampleTable {
    /// The location of a label.
    pub(super) fn y_location(&self, row: usize, column: usize) -> FileLocation {
        match &self.rows {
            RowOrigin::Lines { lines, y_columns } => {
                FileLocation::Cell { line: lines[row], column: y_columns[column].clone() }
            }
            RowOrigin::Entries => FileLocation::Entry { key: "y", row, column },
        }
    }
}
