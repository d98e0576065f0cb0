//! The records of the study of rates.

use super::statements::StatementName;
use crate::choice::Choice;
use crate::record::RunFolder;
use crate::record::npz::{ArrayRecord, Arrays, NpzError, StoredArrays, array_record};
use ndarray::Array1;

array_record! {
    /// The steps to which a statement applies; the names of its arrays begin with the name of the statement.
    pub struct StepArrays[steps] {
        /// Errors before the steps (steps).
        pub before[steps]: Array1<f64>,
        /// Errors after the steps (steps).
        pub after[steps]: Array1<f64>,
        /// Bounds on the errors after the steps (steps).
        pub bound[steps]: Array1<f64>,
        /// The same with the constants of WMSKA; NaN where the statement is not one of theirs (steps).
        pub paper[steps]: Array1<f64>,
    }
}

/// `records/rates.npz`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RatesArrays {
    /// The statements that apply to at least one step.
    pub statements: Vec<(StatementName, StepArrays)>,
}

const ARRAYS: &str = "records/rates.npz";

/// Prefix of the names of the arrays of a statement.
fn prefix(statement: StatementName) -> String {
    format!("{}_", statement.name())
}

impl RatesArrays {
    /// The steps of a statement.
    pub fn statement(&self, name: StatementName) -> Option<&StepArrays> {
        self.statements.iter().find(|(statement, _)| *statement == name).map(|(_, steps)| steps)
    }

    /// Writes the arrays of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), NpzError> {
        let mut arrays = Arrays::default();
        self.statements.iter().for_each(|(name, steps)| steps.push(&prefix(*name), &mut arrays));
        arrays.write(&folder.file(ARRAYS))
    }

    /// Reads the arrays of a run.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read(folder: &RunFolder) -> Result<Self, NpzError> {
        let stored = StoredArrays::read(&folder.file(ARRAYS))?;
        let mut arrays = RatesArrays::default();
        for &name in StatementName::ALL {
            // A statement that applies to no step has no arrays.
            if stored.names().any(|array| array.starts_with(&prefix(name))) {
                arrays.statements.push((name, StepArrays::load(&prefix(name), &stored)?));
            }
        }
        Ok(arrays)
    }
}
