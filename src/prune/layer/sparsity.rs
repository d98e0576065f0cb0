//! Which entries of a matrix of weights may be zero: how many, and where.

use super::super::error::PruneError;
use crate::number::plain;
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The requested sparsity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sparsity {
    /// This fraction of the entries of a matrix.
    Fraction(f64),
    /// This fraction of the entries of every row.
    RowFraction(f64),
    /// `zeros` of every `of` consecutive inputs of every output.
    Pattern {
        /// Zeros in a group.
        zeros: usize,
        /// Entries of a group.
        of: usize,
    },
}

impl Sparsity {
    /// The fraction of zeros.
    pub fn fraction(self) -> f64 {
        match self {
            Sparsity::Fraction(fraction) | Sparsity::RowFraction(fraction) => fraction,
            Sparsity::Pattern { zeros, of } => zeros as f64 / of as f64,
        }
    }

    /// An error unless the values are within their ranges.
    ///
    /// # Errors
    /// [`PruneError::Sparsity`], [`PruneError::Pattern`].
    pub fn check(self) -> Result<(), PruneError> {
        match self {
            Sparsity::Fraction(value) | Sparsity::RowFraction(value) if !(0.0..1.0).contains(&value) => {
                Err(PruneError::Sparsity { value })
            }
            Sparsity::Pattern { zeros, of } if zeros == 0 || zeros >= of => Err(PruneError::Pattern { zeros, of }),
            _ => Ok(()),
        }
    }

    /// The zeros of a matrix of `rows` and `inputs`. Numbers are rounded to nearest, halves to even.
    ///
    /// # Errors
    /// [`PruneError::PatternInputs`] where a pattern does not divide the inputs.
    pub fn of_matrix(self, layer: &str, rows: usize, inputs: usize) -> Result<Zeros, PruneError> {
        let round = |fraction: f64, entries: usize| (fraction * entries as f64).round_ties_even() as usize;
        match self {
            Sparsity::Fraction(fraction) => Ok(Zeros::Matrix(round(fraction, rows * inputs))),
            Sparsity::RowFraction(fraction) => Ok(Zeros::Row(round(fraction, inputs))),
            Sparsity::Pattern { zeros, of } if inputs.is_multiple_of(of) => Ok(Zeros::Group { zeros, of }),
            Sparsity::Pattern { zeros, of } => {
                Err(PruneError::PatternInputs { layer: layer.into(), zeros, of, inputs })
            }
        }
    }
}

/// The error of a text that is no sparsity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a fraction of zeros from 0 to below 1, such as 0.5, or a pattern n:m with 0 < n < m, such as 2:4")]
pub struct NoSparsity;

/// A fraction, or a pattern `n:m`.
impl FromStr for Sparsity {
    type Err = NoSparsity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sparsity = match text.split_once(':') {
            Some((zeros, of)) => {
                let number = |text: &str| text.trim().parse().map_err(|_| NoSparsity);
                Sparsity::Pattern { zeros: number(zeros)?, of: number(of)? }
            }
            None => Sparsity::Fraction(text.trim().parse().map_err(|_| NoSparsity)?),
        };
        sparsity.check().map_err(|_| NoSparsity)?;
        Ok(sparsity)
    }
}

/// The same text from which it is read; rows are named beside their fraction.
impl fmt::Display for Sparsity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sparsity::Fraction(fraction) => f.pad(&plain(*fraction)),
            Sparsity::RowFraction(fraction) => f.pad(&format!("{} of every row", plain(*fraction))),
            Sparsity::Pattern { zeros, of } => f.pad(&format!("{zeros}:{of}")),
        }
    }
}

impl Serialize for Sparsity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Sparsity::Fraction(fraction) => serializer.serialize_f64(*fraction),
            Sparsity::RowFraction(_) | Sparsity::Pattern { .. } => serializer.collect_str(self),
        }
    }
}

/// The number of zeros of a matrix, exact to the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zeros {
    /// Of the matrix.
    Matrix(usize),
    /// Of every row.
    Row(usize),
    /// Of every group of consecutive entries of a row.
    Group {
        /// Zeros of a group.
        zeros: usize,
        /// Entries of a group.
        of: usize,
    },
}

impl Zeros {
    /// The zeros of a matrix of `rows` and `inputs`.
    pub fn total(self, rows: usize, inputs: usize) -> usize {
        match self {
            Zeros::Matrix(zeros) => zeros,
            Zeros::Row(zeros) => zeros * rows,
            Zeros::Group { zeros, of } => rows * inputs / of * zeros,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_back() {
        for (text, sparsity) in [
            ("0.5", Sparsity::Fraction(0.5)),
            ("0", Sparsity::Fraction(0.0)),
            ("2:4", Sparsity::Pattern { zeros: 2, of: 4 }),
            ("1:16", Sparsity::Pattern { zeros: 1, of: 16 }),
        ] {
            assert_eq!((text.parse(), sparsity.to_string()), (Ok(sparsity), text.to_string()));
        }
        for text in ["1", "-0.5", "nan", "inf", "half", "", "4:2", "0:4", "2:2", "2:", ":4", "-1:4", "2:4:8"] {
            assert_eq!(text.parse::<Sparsity>(), Err(NoSparsity), "{text}");
        }
    }
}
