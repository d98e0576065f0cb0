//! The parameters of a network in canonical order, the order of files and studies.
//!
//! Canonical parameters are a sequence of *families*, each of which has a mean-field law of its own: the neurons of a
//! hidden layer, or the weights between two hidden layers. A family is a row-major matrix. Its *units* are neurons or
//! single weights; norms are averages over units, and every unit has an address in the random streams.

use ndarray::{ArrayView2, s};
use std::ops::Range;

/// The parameters of a network in canonical order and double precision: a point of parameter space.
pub type ParameterVector = ndarray::Array1<f64>;

/// A named part of a family: some of its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyPart {
    /// The name in files: `w`, `b`, `u`, `c` or `a`.
    pub name: &'static str,
    /// The columns of the family that it occupies.
    pub columns: Range<usize>,
    /// Whether the part is trained.
    pub trained: bool,
}

/// The units of one kind, as a row-major matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The name in records: that of the first part, or `neurons` if there is only one family.
    pub name: &'static str,
    /// Position of the first parameter in canonical order.
    pub start: usize,
    /// Rows of the matrix.
    pub rows: usize,
    /// Columns of the matrix.
    pub columns: usize,
    /// Parameters per unit: those of a row, or 1 where every entry is a unit.
    pub unit: usize,
    /// Number of leading columns that are fixed.
    pub fixed: usize,
    /// The parts, in order of their columns.
    pub parts: Vec<FamilyPart>,
}

impl Family {
    /// Number of parameters.
    pub fn len(&self) -> usize {
        self.rows * self.columns
    }

    /// Whether the family has no parameters.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of units.
    pub fn units(&self) -> usize {
        self.len() / self.unit
    }

    /// Positions of the parameters in canonical order.
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.len()
    }

    /// The trained columns. Fixed parts are the last ones.
    pub fn trained(&self) -> Range<usize> {
        self.fixed..self.parts.iter().filter(|part| part.trained).map(|part| part.columns.end).max().unwrap_or(0)
    }

    /// The matrix of the family, (rows, columns), in canonical parameters.
    ///
    /// # Panics
    /// If `canonical` is shorter than [`Family::range`].
    pub fn matrix<'a, R>(&self, canonical: &'a [R]) -> ArrayView2<'a, R> {
        ArrayView2::from_shape((self.rows, self.columns), &canonical[self.range()])
            .expect("the range has rows times columns entries")
    }

    /// The units of the family as points, (units, parameters per unit), in canonical parameters.
    ///
    /// # Panics
    /// If `canonical` is shorter than [`Family::range`].
    pub fn cloud<'a, R>(&self, canonical: &'a [R]) -> ArrayView2<'a, R> {
        ArrayView2::from_shape((self.units(), self.unit), &canonical[self.range()])
            .expect("the range has rows times columns entries")
    }

    /// Number of trained parameters of a unit.
    pub fn trained_per_unit(&self) -> usize {
        // Where every entry is a unit, the columns are units, and all of them are trained or none.
        self.trained().len().min(self.unit)
    }

    /// The trained coordinates of the units as points, (units, trained parameters per unit), in canonical parameters.
    /// Distances between laws are taken over these: along the others, points never move.
    ///
    /// # Panics
    /// If `canonical` is shorter than [`Family::range`].
    pub fn trained_cloud<'a, R>(&self, canonical: &'a [R]) -> ArrayView2<'a, R> {
        let trained = if self.unit == 1 { 0..self.trained_per_unit() } else { self.trained() };
        self.cloud(canonical).slice_move(s![.., trained])
    }

    /// A part of the family, (rows, columns of the part), in canonical parameters.
    ///
    /// # Panics
    /// If `canonical` is shorter than [`Family::range`].
    pub fn part<'a, R>(&self, part: &FamilyPart, canonical: &'a [R]) -> ArrayView2<'a, R> {
        self.matrix(canonical).slice_move(s![.., part.columns.clone()])
    }
}
