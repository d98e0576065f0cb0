//! The errors of building a population.

use super::npz_file::NpzFault;
use crate::compute::machine::bytes;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// The location of a value in a data file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileLocation {
    /// A line of a text file, counted from 1, and the name of the column.
    Cell {
        /// Line of the file, from 1.
        line: usize,
        /// Name of the column.
        column: String,
    },
    /// An entry of a stored array, indices counted from 0 as in NumPy.
    Entry {
        /// Name of the array.
        key: &'static str,
        /// Index of the sample.
        row: usize,
        /// Index within the sample.
        column: usize,
    },
}

impl fmt::Display for FileLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cell { line, column } => write!(f, "line {line}, column {column}"),
            Self::Entry { key, row, column } => write!(f, "array {key}, row {row}, column {column} (from 0)"),
        }
    }
}

/// Why a population could not be built. Messages name the file, the location and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum PopulationError {
    /// A value of the specification is outside its range.
    #[error("population: {key} = {value}, but {requirement}")]
    OutOfRange {
        /// Key in the experiment file.
        key: &'static str,
        /// The value that was given.
        value: String,
        /// The range, as a clause.
        requirement: String,
    },
    /// More samples are requested than the data set has.
    #[error(
        "population: limit = {limit}, but {source_name} has {available} samples: give a limit of at most {available}, or none"
    )]
    LimitTooLarge {
        /// Requested number of samples.
        limit: usize,
        /// Number of samples of the data set.
        available: usize,
        /// Name of the data set.
        source_name: String,
    },
    /// One of the parts into which a data set is divided would be empty.
    #[error("population: test = {fraction}, but {}", test_range(*samples, *above, *most))]
    TestFraction {
        /// The fraction to be held out.
        fraction: f64,
        /// Number of samples of the data set.
        samples: usize,
        /// The largest fraction for which the test part is empty.
        above: f64,
        /// The largest fraction for which the training part is not.
        most: f64,
    },
    /// The samples of the test part have other numbers of inputs or outputs.
    #[error("{}: d = {}, K = {}, but the training part has d = {}, K = {}: expected a test part of the same dimensions", path.display(), found.0, found.1, expected.0, expected.1)]
    TestShape {
        /// The file of the test part.
        path: PathBuf,
        /// Its inputs and outputs (d, K).
        found: (usize, usize),
        /// Those of the training part.
        expected: (usize, usize),
    },
    /// A label of a file of a test part is a class that the training part does not have.
    #[error("{}: {location}: class {class}, but the training part has classes 0 to {largest}", path.display())]
    TestClass {
        /// The file of the test part.
        path: PathBuf,
        /// Location of the label.
        location: FileLocation,
        /// The class.
        class: f64,
        /// The largest class of the training part.
        largest: usize,
    },
    /// Moments of the inputs overflow or underflow.
    #[error(
        "population: cannot standardise {feature} of {data}: its mean or its spread ({spread:e}) leaves the range of double precision; rescale the data"
    )]
    Spread {
        /// The file or the data set.
        data: String,
        /// The feature, in words.
        feature: String,
        /// Its largest minus its smallest value.
        spread: f64,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A gzip file cannot be decompressed.
    #[error("{} is compressed, but cannot be unpacked; the file is damaged or incomplete", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// The error of the decoder.
        source: io::Error,
    },

    /// The data of a file do not fit into memory.
    #[error("{}: {what} would take {}: expected at most {}, a quarter of this machine's memory", path.display(), bytes(*needed), bytes(*most))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The data, in words.
        what: &'static str,
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        most: u64,
    },
    /// A compressed file is far larger when unpacked.
    #[error("{}: its {} unpack to more than {}, which no table of numbers does; if it is meant, unpack the file first", path.display(), bytes(*packed), bytes(*most))]
    Expands {
        /// The file.
        path: PathBuf,
        /// Bytes of the file.
        packed: u64,
        /// Bytes allowed.
        most: u64,
    },

    /// The folder of MNIST does not exist.
    #[error("MNIST folder {} does not exist or is not a folder; {}", folder.display(), MNIST_FILES)]
    MnistFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// Files of the requested split are missing.
    #[error("MNIST, split {split:?}: {} lacks {}; of the four files it has {}; {}", folder.display(), listed(missing), listed(present), MNIST_FILES)]
    MnistMissing {
        /// The folder.
        folder: PathBuf,
        /// Name of the split.
        split: &'static str,
        /// Names of the missing files of the split.
        missing: Vec<String>,
        /// Names of the MNIST files in the folder.
        present: Vec<String>,
    },
    /// The magic number of an IDX file is wrong.
    #[error("{}: starts with {found:#010x}, but an IDX file of {holds} starts with {expected:#010x}", path.display())]
    IdxMagic {
        /// The file.
        path: PathBuf,
        /// The magic number of the file.
        found: u32,
        /// The magic number of its format.
        expected: u32,
        /// The expected contents, in words.
        holds: &'static str,
    },
    /// The length of an IDX file contradicts its header.
    #[error("{}: {found} bytes, but its header announces {expected}: the file is truncated or not an IDX file", path.display())]
    IdxLength {
        /// The file.
        path: PathBuf,
        /// Length of the file in bytes.
        found: u64,
        /// Length according to the header, in bytes.
        expected: u64,
    },
    /// An IDX file of images is empty.
    #[error("{}: shape {shape:?} holds no images: at least one image of at least one pixel is needed", path.display())]
    IdxEmpty {
        /// The file.
        path: PathBuf,
        /// Its shape (images, rows, columns).
        shape: Vec<usize>,
    },
    /// Two IDX files have different numbers of samples.
    #[error("{} holds {image_count} images but {} holds {label_count} labels: they must be files of the same split", images.display(), labels.display())]
    IdxCount {
        /// The file of images.
        images: PathBuf,
        /// Number of images.
        image_count: usize,
        /// The file of labels.
        labels: PathBuf,
        /// Number of labels.
        label_count: usize,
    },
    /// A label of an IDX file is not a digit.
    #[error("{}: label {index} (from 0) is {value}, but a digit is 0 to 9", path.display())]
    IdxLabel {
        /// The file.
        path: PathBuf,
        /// Index of the label, from 0.
        index: usize,
        /// The label.
        value: u8,
    },

    /// The extension of a data file is not supported.
    #[error("{}: unknown kind of data file: use .npz (arrays x and y), .csv or .csv.gz", path.display())]
    UnknownKind {
        /// The file.
        path: PathBuf,
    },
    /// A data file has no samples.
    #[error("{}: no samples: at least one is needed", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A value is infinite or NaN.
    #[error("{}: {location}: {value} is not finite; every value must be a finite number", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Location of the value.
        location: FileLocation,
        /// The value as written.
        value: String,
    },
    /// A label is not admissible.
    #[error("{}: {location}: label {value}, but labels = {labels:?} takes {requirement}", path.display())]
    Label {
        /// The file.
        path: PathBuf,
        /// Location of the label.
        location: FileLocation,
        /// The label.
        value: f64,
        /// Name of the kind of labels.
        labels: &'static str,
        /// The admissible labels, in words.
        requirement: &'static str,
    },
    /// Class numbers have gaps.
    #[error("{}: no sample has class {missing}, although the largest is {largest}: classes must be numbered 0, 1, 2, ... without gaps", path.display())]
    ClassGap {
        /// The file.
        path: PathBuf,
        /// The first missing class.
        missing: usize,
        /// The largest class.
        largest: usize,
    },
    /// Class numbers occupy more than one column.
    #[error("{}: {found} label columns, but labels = \"classes\" takes one column of class numbers", path.display())]
    ClassColumns {
        /// The file.
        path: PathBuf,
        /// Number of label columns.
        found: usize,
    },

    /// A text file is not UTF-8.
    #[error("{}: not UTF-8 text at byte {at}: save the table as plain CSV", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// Offset of the first invalid byte.
        at: usize,
    },
    /// A row has the wrong number of cells.
    #[error("{}: line {line} has {found} cells, but the first line has {expected}: every row needs as many, separated by commas", path.display())]
    Ragged {
        /// The file.
        path: PathBuf,
        /// Line of the row, from 1.
        line: usize,
        /// Cells of the row.
        found: usize,
        /// Cells of the first line.
        expected: usize,
    },
    /// A cell is not a number.
    #[error("{}: {location}: {value:?} is not a number", path.display())]
    NotANumber {
        /// The file.
        path: PathBuf,
        /// Location of the cell.
        location: FileLocation,
        /// The text of the cell.
        value: String,
    },
    /// A header has an unknown column.
    #[error("{}: line {line}: unknown column {column:?}: a header names x0, x1, ... and y (or y0, y1, ...), separated by commas, nothing else", path.display())]
    UnknownColumn {
        /// The file.
        path: PathBuf,
        /// Line of the header, from 1.
        line: usize,
        /// Name of the column.
        column: String,
    },
    /// A header repeats a column.
    #[error("{}: line {line}: column {column} appears twice (y is y0)", path.display())]
    RepeatedColumn {
        /// The file.
        path: PathBuf,
        /// Line of the header, from 1.
        line: usize,
        /// Name of the column.
        column: String,
    },
    /// A header lacks a column.
    #[error("{}: line {line}: no column {column}: a header names x0, x1, ... and y (or y0, y1, ...) without gaps", path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// Line of the header, from 1.
        line: usize,
        /// Name of the column.
        column: String,
    },
    /// A table without header has one column.
    #[error("{}: line {line}: one column only: a row without header is the inputs, then y, separated by commas", path.display())]
    OneColumn {
        /// The file.
        path: PathBuf,
        /// The first line that is not blank, from 1.
        line: usize,
    },

    /// An `.npz` archive cannot be used.
    #[error("{}: {source}", path.display())]
    Npz {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: NpzFault,
    },
}

/// The accepted names of the files, for messages.
const MNIST_FILES: &str = "the four files are train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte \
and t10k-labels-idx1-ubyte, each uncompressed or with .gz; the second hyphen may be a dot";

/// Checks a condition on the value of a key.
///
/// # Errors
/// [`PopulationError::OutOfRange`] if `ok` is false.
pub(super) fn require(
    ok: bool,
    key: &'static str,
    value: impl fmt::Display,
    requirement: &str,
) -> Result<(), PopulationError> {
    if ok {
        return Ok(());
    }
    Err(PopulationError::OutOfRange { key, value: value.to_string(), requirement: requirement.to_owned() })
}

/// The fractions with which neither part of `samples` samples is empty, in words.
fn test_range(samples: usize, above: f64, most: f64) -> String {
    if samples < 2 {
        return "a single sample has no test part: remove the key".into();
    }
    // Rounded inwards, so that both ends are admissible.
    let digits = |v: f64, round: fn(f64) -> f64| round(v * 1e9) / 1e9;
    let (least, most) = (digits(above, |v| v.floor() + 1.0), digits(most, f64::floor));
    format!("of {samples} samples none would be left in one of the parts: expected {least} to {most} for this seed")
}

/// The names, separated by commas.
fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
