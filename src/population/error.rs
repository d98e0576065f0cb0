//! What can go wrong while a population is built, as typed errors that name the file, the place and the remedy.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Where in a data file a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
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

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cell { line, column } => write!(f, "line {line}, column {column}"),
            Self::Entry { key, row, column } => write!(f, "array {key}, row {row}, column {column} (from 0)"),
        }
    }
}

/// Why a population could not be built.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // the fields are the nouns of the messages
pub enum PopulationError {
    #[error("population: {key} = {value}, but {must}")]
    OutOfRange { key: &'static str, value: String, must: String },
    #[error(
        "population: limit = {limit}, but {source_name} has {available} samples: give a limit of at most {available}, or none"
    )]
    LimitTooLarge { limit: usize, available: usize, source_name: String },
    #[error(
        "population: cannot standardise {feature}: its mean or its spread ({spread:e}) leaves the range of double precision; rescale the data"
    )]
    Spread { feature: String, spread: f64 },
    #[error("cannot read {}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} is compressed, but cannot be unpacked; the file is damaged or incomplete", path.display())]
    Gzip { path: PathBuf, source: io::Error },

    #[error("MNIST folder {} does not exist or is not a folder; {}", folder.display(), MNIST_FILES)]
    MnistFolder { folder: PathBuf },
    #[error("MNIST, split {split:?}: {} lacks {}; of the four files it has {}; {}", folder.display(), listed(missing), listed(present), MNIST_FILES)]
    MnistMissing { folder: PathBuf, split: &'static str, missing: Vec<String>, present: Vec<String> },
    #[error("{}: starts with {found:#010x}, but an IDX file of {holds} starts with {expected:#010x}", path.display())]
    IdxMagic { path: PathBuf, found: u32, expected: u32, holds: &'static str },
    #[error("{}: {found} bytes, but its header announces {expected}: the file is truncated or not an IDX file", path.display())]
    IdxLength { path: PathBuf, found: u64, expected: u64 },
    #[error("{}: shape {shape:?} holds no images: at least one image of at least one pixel is needed", path.display())]
    IdxEmpty { path: PathBuf, shape: Vec<usize> },
    #[error("{} holds {image_count} images but {} holds {label_count} labels: they must be files of the same split", images.display(), labels.display())]
    IdxCount { images: PathBuf, image_count: usize, labels: PathBuf, label_count: usize },
    #[error("{}: label {index} (from 0) is {value}, but a digit is 0 to 9", path.display())]
    IdxLabel { path: PathBuf, index: usize, value: u8 },

    #[error("{}: unknown kind of data file: use .npz (arrays x and y), .csv or .csv.gz", path.display())]
    UnknownKind { path: PathBuf },
    #[error("{}: no samples: at least one is needed", path.display())]
    Empty { path: PathBuf },
    #[error("{}: {place}: {value} is not finite; every value must be a finite number", path.display())]
    NotFinite { path: PathBuf, place: Place, value: String },
    #[error("{}: {place}: label {value}, but labels = {labels:?} takes {must}", path.display())]
    Label { path: PathBuf, place: Place, value: f64, labels: &'static str, must: &'static str },
    #[error("{}: no sample has class {missing}, although the largest is {largest}: classes must be numbered 0, 1, 2, ... without gaps", path.display())]
    ClassGap { path: PathBuf, missing: usize, largest: usize },
    #[error("{}: {found} label columns, but labels = \"classes\" takes one column of class numbers", path.display())]
    ClassColumns { path: PathBuf, found: usize },

    #[error("{}: not UTF-8 text at byte {at}: save the table as plain CSV", path.display())]
    NotText { path: PathBuf, at: usize },
    #[error("{}: line {line} has {found} cells, but the first line has {expected}: every row needs as many, separated by commas", path.display())]
    Ragged { path: PathBuf, line: usize, found: usize, expected: usize },
    #[error("{}: {place}: {value:?} is not a number", path.display())]
    NotANumber { path: PathBuf, place: Place, value: String },
    #[error("{}: line {line}: unknown column {column:?}: a header names x0, x1, ... and y (or y0, y1, ...), separated by commas, nothing else", path.display())]
    UnknownColumn { path: PathBuf, line: usize, column: String },
    #[error("{}: line {line}: column {column} appears twice (y is y0)", path.display())]
    RepeatedColumn { path: PathBuf, line: usize, column: String },
    #[error("{}: line {line}: no column {column}: a header names x0, x1, ... and y (or y0, y1, ...) without gaps", path.display())]
    MissingColumn { path: PathBuf, line: usize, column: String },
    #[error("{}: line {line}: one column only: a row without header is the inputs, then y, separated by commas", path.display())]
    OneColumn { path: PathBuf, line: usize },

    #[error("{}: not a readable .npz archive", path.display())]
    Npz { path: PathBuf, source: ndarray_npy::ReadNpzError },
    #[error("{}: no array {key}; it holds {}; arrays x and y are needed", path.display(), listed(present))]
    MissingKey { path: PathBuf, key: &'static str, present: Vec<String> },
    #[error("{}: array {key} has dtype {found}: use float64, float32 or an integer type", path.display())]
    Dtype { path: PathBuf, key: &'static str, found: String },
    #[error("{}: array {key} has shape {found:?}, but must be {must}", path.display())]
    Shape { path: PathBuf, key: &'static str, found: Vec<usize>, must: &'static str },
    #[error("{}: x has {x_rows} rows but y has {y_rows}: one row of each per sample", path.display())]
    RowCount { path: PathBuf, x_rows: usize, y_rows: usize },
}

/// How the four files are called, for people who have none or some of them.
const MNIST_FILES: &str = "the four files are train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte \
and t10k-labels-idx1-ubyte, each as it is or with .gz, a dot instead of the second hyphen being fine too";

/// One range check, as a typed error.
pub(super) fn require(
    ok: bool,
    key: &'static str,
    value: impl fmt::Display,
    must: &str,
) -> Result<(), PopulationError> {
    if ok {
        return Ok(());
    }
    Err(PopulationError::OutOfRange { key, value: value.to_string(), must: must.to_owned() })
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
