//! What the study of rates leaves behind.

use super::statements::Statement;
use crate::record::RunFolder;
use crate::record::npz::{ArrayRecord, Arrays, NpzError, StoredArrays, array_record};
use ndarray::Array1;

array_record! {
    /// The steps on which one statement was observed; the names of the arrays begin with the statement's.
    pub struct StepArrays {
        /// Errors before the steps (steps).
        pub before: Array1<f64>,
        /// Errors after them (steps).
        pub after: Array1<f64>,
        /// The bounds on these (steps).
        pub bound: Array1<f64>,
    }
}

/// `records/rates.npz`: one entry per statement that was observed, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RatesArrays {
    /// The statements.
    pub statements: Vec<(String, StepArrays)>,
}

const ARRAYS: &str = "records/rates.npz";

fn prefix(statement: &str) -> String {
    format!("{statement}_")
}

impl RatesArrays {
    /// A statement.
    pub fn statement(&self, name: &str) -> Option<&StepArrays> {
        self.statements.iter().find(|(statement, _)| statement == name).map(|(_, steps)| steps)
    }

    /// Writes the arrays of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), NpzError> {
        let mut arrays = Arrays::default();
        self.statements.iter().for_each(|(name, steps)| steps.push(&prefix(name), &mut arrays));
        arrays.write(&folder.file(ARRAYS))
    }

    /// Reads the arrays of a run.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read(folder: &RunFolder) -> Result<Self, NpzError> {
        let stored = StoredArrays::read(&folder.file(ARRAYS))?;
        let mut arrays = RatesArrays::default();
        for name in Statement::all().iter().map(|statement| statement.name) {
            // Statements without an undamped step above rounding have no arrays.
            if stored.names().any(|array| array.starts_with(&prefix(name))) {
                arrays.statements.push((name.into(), StepArrays::load(&prefix(name), &stored)?));
            }
        }
        Ok(arrays)
    }
}
