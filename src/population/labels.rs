//! Targets y from the labels of a data set.

use crate::choice::choice;
use std::path::Path;

use ndarray::Array2;
use serde::Serialize;

use super::PopulationError;
use super::table::SampleTable;

/// The kind of targets, which determines the losses that apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelKind {
    /// Real numbers.
    Real,
    /// Every entry is -1 or +1.
    Sign,
    /// One-hot rows, with the number of classes K.
    OneHot(usize),
}

choice! {
    /// The label of an image of a digit.
    pub enum LabelRule: "label rule" {
        /// y = +1 for an even digit, -1 for an odd one (K = 1).
        Parity = "parity",
        /// One-hot of the ten digits (K = 10).
        Classes = "classes",
    }
}

impl LabelRule {
    /// Number of outputs K.
    pub const fn outputs(self) -> usize {
        match self {
            Self::Parity => 1,
            Self::Classes => 10,
        }
    }

    /// Targets (n, K) of digits, each 0 to 9.
    pub(super) fn apply(self, digits: &[u8]) -> (Array2<f64>, LabelKind) {
        match self {
            Self::Parity => {
                let sign = |i: usize| if digits[i].is_multiple_of(2) { 1.0 } else { -1.0 };
                (Array2::from_shape_fn((digits.len(), 1), |(i, _)| sign(i)), LabelKind::Sign)
            }
            Self::Classes => {
                (one_hot(digits.iter().map(|&digit| digit.into()), digits.len(), 10), LabelKind::OneHot(10))
            }
        }
    }
}

choice! {
    /// The kind of labels in a data file.
    pub enum FileLabels: "kind of labels" {
        /// Real targets, any K.
        Real = "real",
        /// Targets -1 and +1, any K.
        Sign = "sign",
        /// One column of class numbers 0, 1, ..., C - 1 without gaps, encoded one-hot (K = C).
        Classes = "classes",
    }
}

impl FileLabels {
    /// Targets (n, K) of the label columns of a table.
    ///
    /// # Errors
    /// If a label is not admissible; with its location.
    pub(super) fn apply(self, path: &Path, table: &SampleTable) -> Result<(Array2<f64>, LabelKind), PopulationError> {
        match self {
            Self::Real => Ok((table.y.clone(), LabelKind::Real)),
            Self::Sign => {
                self.check(path, table, |v| v == 1.0 || v == -1.0, "-1 or +1 (for 0 and 1, use \"classes\")")?;
                Ok((table.y.clone(), LabelKind::Sign))
            }
            Self::Classes => {
                if table.y.ncols() != 1 {
                    return Err(PopulationError::ClassColumns { path: path.to_owned(), found: table.y.ncols() });
                }
                let whole = |v: f64| v >= 0.0 && v.fract() == 0.0 && v < f64::from(u32::MAX);
                self.check(path, table, whole, "whole numbers 0, 1, ..., C - 1")?;
                let mut seen: Vec<usize> = table.y.iter().map(|&v| v as usize).collect();
                seen.sort_unstable();
                seen.dedup();
                let largest = seen[seen.len() - 1];
                // Without gaps, C <= n: a single large number cannot cause a huge allocation.
                if let Some(missing) = (0..largest).find(|&class| seen[class] != class) {
                    return Err(PopulationError::ClassGap { path: path.to_owned(), missing, largest });
                }
                let y = one_hot(table.y.iter().map(|&v| v as usize), table.y.nrows(), largest + 1);
                Ok((y, LabelKind::OneHot(largest + 1)))
            }
        }
    }

    /// Targets (n, K) of the table of a test part, beside a training part whose labels are of kind `train`.
    ///
    /// # Errors
    /// If a label is not admissible, or is a class that the training part does not have; with its location.
    pub(super) fn apply_to_test(
        self,
        path: &Path,
        table: &SampleTable,
        train: LabelKind,
    ) -> Result<Array2<f64>, PopulationError> {
        let LabelKind::OneHot(classes) = train else { return Ok(self.apply(path, table)?.0) };
        if table.y.ncols() != 1 {
            return Err(PopulationError::ClassColumns { path: path.to_owned(), found: table.y.ncols() });
        }
        let known = |v: f64| v >= 0.0 && v.fract() == 0.0 && v < classes as f64;
        if let Some(((row, column), &class)) = table.y.indexed_iter().find(|&(_, &v)| !known(v)) {
            let location = table.y_location(row, column);
            return Err(PopulationError::TestClass { path: path.to_owned(), location, class, largest: classes - 1 });
        }
        Ok(one_hot(table.y.iter().map(|&v| v as usize), table.y.nrows(), classes))
    }

    /// Checks every label.
    fn check(
        self,
        path: &Path,
        table: &SampleTable,
        ok: impl Fn(f64) -> bool,
        requirement: &'static str,
    ) -> Result<(), PopulationError> {
        match table.y.indexed_iter().find(|&(_, &value)| !ok(value)) {
            None => Ok(()),
            Some(((row, column), &value)) => Err(PopulationError::Label {
                path: path.to_owned(),
                location: table.y_location(row, column),
                value,
                labels: self.name(),
                requirement,
            }),
        }
    }
}

/// The one-hot encoding (rows, width) of class numbers.
fn one_hot(classes: impl Iterator<Item = usize>, rows: usize, width: usize) -> Array2<f64> {
    let mut y = Array2::zeros((rows, width));
    for (i, class) in classes.enumerate() {
        y[[i, class]] = 1.0;
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn digits_to_targets() {
        let (parity, kind) = LabelRule::Parity.apply(&[0, 7, 4]);
        assert_eq!((parity, kind), (array![[1.0], [-1.0], [1.0]], LabelKind::Sign));
        let (classes, kind) = LabelRule::Classes.apply(&[9, 0]);
        assert_eq!(kind, LabelKind::OneHot(10));
        assert_eq!((classes[[0, 9]], classes[[1, 0]], classes.sum()), (1.0, 1.0, 2.0));
    }
}
