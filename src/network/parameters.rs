//! A network's parameters in canonical order, as the files and the studies see them.
//!
//! Canonical parameters are a sequence of *families*, one for each kind of thing that obeys a mean-field law of its own: the
//! neurons of a hidden layer, or the weights between two hidden layers. A family is a matrix, row-major; its *units* (a
//! neuron, a single weight) are what norms are averages over and what has an address in the streams of random numbers.

use ndarray::{ArrayView2, s};
use std::ops::Range;

/// Parameters of one network in canonical order, in double precision: a point of a path.
pub type ParameterVector = ndarray::Array1<f64>;

/// A named part of a family: some of its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyPart {
    /// `w`, `b`, `u`, `c` or `a`: its name in files.
    pub name: &'static str,
    /// Its columns among the family's.
    pub columns: Range<usize>,
    /// Whether it is trained.
    pub trained: bool,
}

/// Units of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name in records: that of its first part, or `neurons` where there is no other family.
    pub name: &'static str,
    /// Position of its first parameter in canonical order.
    pub start: usize,
    /// Rows of its matrix.
    pub rows: usize,
    /// Columns of its matrix.
    pub columns: usize,
    /// Parameters of a unit: a row, or a single entry.
    pub unit: usize,
    /// Columns before the first that is trained.
    pub fixed: usize,
    /// Its parts, in order of their columns.
    pub parts: Vec<FamilyPart>,
}

impl Family {
    /// Parameters of the family.
    pub fn len(&self) -> usize {
        self.rows * self.columns
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of units.
    pub fn units(&self) -> usize {
        self.len() / self.unit
    }

    /// Positions of its parameters in canonical order.
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.len()
    }

    /// Its trained columns: fixed parts come last.
    pub fn trained(&self) -> Range<usize> {
        self.fixed..self.parts.iter().filter(|part| part.trained).map(|part| part.columns.end).max().unwrap_or(0)
    }

    /// Its matrix in canonical parameters.
    pub fn matrix<'a, R>(&self, canonical: &'a [R]) -> ArrayView2<'a, R> {
        ArrayView2::from_shape((self.rows, self.columns), &canonical[self.range()]).expect("a family's own shape")
    }

    /// Its units in canonical parameters, (units, parameters of a unit).
    pub fn cloud<'a, R>(&self, canonical: &'a [R]) -> ArrayView2<'a, R> {
        ArrayView2::from_shape((self.units(), self.unit), &canonical[self.range()]).expect("a family's own shape")
    }

    /// One of its parts in canonical parameters.
    pub fn part<'a, R>(&self, part: &FamilyPart, canonical: &'a [R]) -> ArrayView2<'a, R> {
        self.matrix(canonical).slice_move(s![.., part.columns.clone()])
    }
}
