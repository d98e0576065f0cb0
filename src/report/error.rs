//! What can go wrong with a report or a comparison.

use crate::config::ConfigError;
use crate::figure::FigureError;
use crate::record::RecordError;
use crate::record::npz::NpzError;
use crate::run::FiguresError;
use std::io;
use std::path::PathBuf;

/// Why a report or a comparison cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A record is missing or damaged, or a figure cannot be drawn.
    #[error(transparent)]
    Figures(#[from] FiguresError),
    /// The experiment in the manifest cannot be read.
    #[error(
        "{path}: the key 'experiment' is no experiment of this version ({cause}); run the experiment again with --force"
    )]
    Experiment {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        cause: Box<ConfigError>,
    },
    /// The runs have no quantity in common.
    #[error("nothing to compare: no quantity is in the records of two of the runs; they have {}", .found.join("; "))]
    NothingInCommon {
        /// Every run with its quantities.
        found: Vec<String>,
    },
    /// Fewer than two runs are given.
    #[error("a comparison needs at least two runs; {given} given")]
    TooFewRuns {
        /// Number of runs.
        given: usize,
    },
    /// A file that is not a report would be replaced.
    #[error("{path} exists and is no report of widelimit; choose another file with --out")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("{path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A template cannot be filled.
    #[error("a template of the report cannot be filled")]
    Template(#[from] minijinja::Error),
}

impl From<RecordError> for ReportError {
    fn from(error: RecordError) -> Self {
        ReportError::Figures(error.into())
    }
}

impl From<NpzError> for ReportError {
    fn from(error: NpzError) -> Self {
        ReportError::Figures(error.into())
    }
}

impl From<FigureError> for ReportError {
    fn from(error: FigureError) -> Self {
        ReportError::Figures(error.into())
    }
}
