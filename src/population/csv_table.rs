//! Comma-separated tables of numbers.
//!
//! * With a header: columns `x0`, ..., `x{d-1}` and `y` (or `y0`, ..., `y{K-1}`), in any order, and no others.
//! * Without a header: every row is the inputs followed by y in the last column (K = 1).
//!
//! The first line is a header if none of its cells is a number. Blank lines are skipped; cells may be enclosed in
//! double quotes. Cells are numbers or column names, so that no cell contains a comma or a line break.

use std::path::Path;

use ndarray::Array2;

use super::source::require_capacity;
use super::table::{RowOrigin, SampleTable};
use super::{FileLocation, PopulationError};

/// The columns of a table.
struct CsvColumns {
    /// Column of each input.
    x: Vec<usize>,
    /// Column of each label.
    y: Vec<usize>,
    /// Name of each column.
    names: Vec<String>,
}

/// Parses CSV text, already decompressed.
///
/// # Errors
/// Invalid UTF-8, an invalid header, ragged rows, cells that are not finite numbers, no rows; with the line.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<SampleTable, PopulationError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| PopulationError::NotText { path: path.to_owned(), at: error.valid_up_to() })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text); // the byte order mark of spreadsheets
    let mut rows =
        text.lines().enumerate().map(|(i, line)| (i + 1, line)).filter(|(_, line)| !line.trim().is_empty()).peekable();

    let Some(&(first_line, first)) = rows.peek() else {
        return Err(PopulationError::Empty { path: path.to_owned() });
    };
    let columns = if cells(first).any(|cell| cell.parse::<f64>().is_ok()) {
        without_header(path, first_line, cells(first).count())?
    } else {
        rows.next();
        with_header(path, first_line, cells(first))?
    };

    let width = columns.names.len();
    // Rows of another width are refused, so that the number of lines determines that of the numbers.
    let n = rows.clone().count();
    let needed = (n as u64).saturating_mul(8 * (width as u64 + 1));
    require_capacity(path, "its numbers in double precision", needed)?;
    let (mut x, mut y) = (Vec::with_capacity(n * columns.x.len()), Vec::with_capacity(n * columns.y.len()));
    let mut lines = Vec::with_capacity(n);
    let mut row = Vec::with_capacity(width);
    for (line, text) in rows {
        let found = cells(text).count();
        if found != width {
            return Err(PopulationError::Ragged { path: path.to_owned(), line, found, expected: width });
        }
        row.clear();
        for (cell, name) in cells(text).zip(&columns.names) {
            let location = || FileLocation::Cell { line, column: name.clone() };
            match cell.parse::<f64>() {
                Ok(value) if value.is_finite() => row.push(value),
                Ok(_) => {
                    return Err(PopulationError::NotFinite {
                        path: path.to_owned(),
                        location: location(),
                        value: cell.to_owned(),
                    });
                }
                Err(_) => {
                    return Err(PopulationError::NotANumber {
                        path: path.to_owned(),
                        location: location(),
                        value: cell.to_owned(),
                    });
                }
            }
        }
        x.extend(columns.x.iter().map(|&at| row[at]));
        y.extend(columns.y.iter().map(|&at| row[at]));
        lines.push(line);
    }
    if n == 0 {
        return Err(PopulationError::Empty { path: path.to_owned() });
    }
    let shaped = |columns: usize, values| {
        Array2::from_shape_vec((n, columns), values).expect("every row has the width of the first")
    };
    Ok(SampleTable {
        x: shaped(columns.x.len(), x),
        y: shaped(columns.y.len(), y),
        rows: RowOrigin::Lines { lines, y_columns: columns.y.iter().map(|&at| columns.names[at].clone()).collect() },
    })
}

/// The cells of a line, without surrounding blanks and quotes.
fn cells(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(|cell| {
        let cell = cell.trim();
        cell.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(cell)
    })
}

/// The columns of a table without header.
fn without_header(path: &Path, line: usize, width: usize) -> Result<CsvColumns, PopulationError> {
    if width < 2 {
        return Err(PopulationError::OneColumn { path: path.to_owned(), line });
    }
    let names = (0..width - 1).map(|j| format!("x{j}")).chain(["y".to_owned()]).collect();
    Ok(CsvColumns { x: (0..width - 1).collect(), y: vec![width - 1], names })
}

/// The columns of a table with header.
fn with_header<'a>(
    path: &Path,
    line: usize,
    header: impl Iterator<Item = &'a str>,
) -> Result<CsvColumns, PopulationError> {
    let (mut x, mut y, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (at, name) in header.enumerate() {
        match (index(name, 'x'), index(name, 'y')) {
            (Some(j), _) => x.push((j, at)),
            (_, Some(k)) => y.push((k, at)),
            _ if name == "y" => y.push((0, at)),
            _ => return Err(PopulationError::UnknownColumn { path: path.to_owned(), line, column: name.to_owned() }),
        }
        names.push(name.to_owned());
    }
    let column_indices = |letter: char, mut found: Vec<(usize, usize)>| -> Result<Vec<usize>, PopulationError> {
        found.sort_unstable();
        if let Some(pair) = found.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let column = format!("{letter}{}", pair[0].0);
            return Err(PopulationError::RepeatedColumn { path: path.to_owned(), line, column });
        }
        if let Some(j) = (0..found.len().max(1)).find(|&j| found.get(j).is_none_or(|&(index, _)| index != j)) {
            let column = if letter == 'y' && found.is_empty() { "y".to_owned() } else { format!("{letter}{j}") };
            return Err(PopulationError::MissingColumn { path: path.to_owned(), line, column });
        }
        Ok(found.into_iter().map(|(_, at)| at).collect())
    };
    Ok(CsvColumns { x: column_indices('x', x)?, y: column_indices('y', y)?, names })
}

/// The index in a column name, 7 in `x7`; `None` for `x`, `x07` or `x+7`.
fn index(name: &str, letter: char) -> Option<usize> {
    let digits = name.strip_prefix(letter)?;
    digits.parse().ok().filter(|index: &usize| index.to_string() == digits)
}
