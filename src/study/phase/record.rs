//! The records of the phase diagram.

use crate::record::RunFolder;
use crate::record::npz::{ArrayRecord, Arrays, NpzError, StoredArrays, array_record};
use ndarray::{Array1, Array2};

array_record! {
    /// One method, by cell (rows, columns); the names of its arrays begin with the name of the method.
    pub struct MethodCells {
        /// Fraction of problems recovered; NaN where the method does not apply.
        pub success[rows, columns]: Array2<f64>,
        /// Lower end of the 95 % interval of the probability of success.
        pub low[rows, columns]: Array2<f64>,
        /// Upper end of that interval.
        pub high[rows, columns]: Array2<f64>,
        /// Number of problems; 0 where the method does not apply.
        pub trials[rows, columns]: Array2<f64>,
        /// Median number of iterations to success.
        pub iterations[rows, columns]: Array2<f64>,
    }
}

/// `records/phase.npz`.
#[derive(Clone, Debug, PartialEq)]
pub struct PhaseArrays {
    /// Ratios n/d (rows).
    pub n_over_d: Array1<f64>,
    /// Ratios k/n (columns).
    pub k_over_n: Array1<f64>,
    /// Samples n (rows, columns).
    pub n: Array2<f64>,
    /// Entries k (rows, columns).
    pub k: Array2<f64>,
    /// Every method by name.
    pub methods: Vec<(String, MethodCells)>,
}

const ARRAYS: &str = "records/phase.npz";

impl PhaseArrays {
    /// Writes the arrays of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), NpzError> {
        let mut arrays = Arrays::default();
        arrays.push_named("n_over_d", ["rows"], &self.n_over_d);
        arrays.push_named("k_over_n", ["columns"], &self.k_over_n);
        arrays.push_named("n", ["rows", "columns"], &self.n);
        arrays.push_named("k", ["rows", "columns"], &self.k);
        self.methods.iter().for_each(|(method, own)| own.push(&format!("{method}_"), &mut arrays));
        arrays.write(&folder.file(ARRAYS))
    }

    /// Reads the arrays of a run with these methods.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read(folder: &RunFolder, methods: &[String]) -> Result<Self, NpzError> {
        let stored = StoredArrays::read(&folder.file(ARRAYS))?;
        let own = |method: &String| Ok((method.clone(), MethodCells::load(&format!("{method}_"), &stored)?));
        Ok(PhaseArrays {
            n_over_d: stored.on_axes("n_over_d", &["rows"])?,
            k_over_n: stored.on_axes("k_over_n", &["columns"])?,
            n: stored.on_axes("n", &["rows", "columns"])?,
            k: stored.on_axes("k", &["rows", "columns"])?,
            methods: methods.iter().map(own).collect::<Result<_, NpzError>>()?,
        })
    }
}
