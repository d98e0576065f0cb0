//! Low-discrepancy starts: Sobol' points, mapped to the law of the start by inverse distribution functions.
//!
//! The units of a family are the points `0 .. width` of a Sobol' sequence (direction numbers of Joe, Kuo 2008) in one
//! dimension per random coordinate of a unit, parameters before momenta. The averages over M units of a smooth function
//! then have errors near 1/M instead of 1/sqrt(M), best for M a power of two. The sequence is scrambled by a random
//! linear map of its digits and a random digital shift (Matousek 1998): every point alone is uniform, so that averages
//! are unbiased, and seeds give independent clouds. Points are functions of seed, family and index; the cloud of a
//! smaller width consists of the first units.
//!
//! The weights between two hidden layers stay independent: they are noise beside the two families of indices (theory.md
//! section 4).

use super::{Family, Law, Network, Start};
use crate::compute::Real;
use crate::compute::rng::{Role, stream};
use rand::RngExt;
use sobol::Sobol;
use sobol::params::JoeKuoD6;
use statrs::distribution::{ContinuousCDF, Normal};
use thiserror::Error;

/// Digits of a point.
const DIGITS: usize = 32;

/// Most dimensions for which there are direction numbers.
pub const MOST_DIMENSIONS: usize = 21_201;

/// Dimensions up to which a smaller table of direction numbers suffices.
const STANDARD_DIMENSIONS: usize = 1000;

/// Why there is no low-discrepancy start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LowDiscrepancyError {
    /// A unit has more random coordinates than there are direction numbers.
    #[error(
        "low-discrepancy start of {family}: {dimensions} random coordinates, at most {MOST_DIMENSIONS} are possible"
    )]
    TooManyDimensions {
        /// Name of the family.
        family: &'static str,
        /// Random coordinates of one of its units, momenta included.
        dimensions: usize,
    },
    /// A family has more units than the sequence has points.
    #[error("low-discrepancy start of {family}: {units} units, at most 2^32 are possible")]
    TooManyUnits {
        /// Name of the family.
        family: &'static str,
        /// Number of its units.
        units: usize,
    },
}

/// Parameters and momenta of a low-discrepancy start, as state slices.
#[derive(Clone, Debug, PartialEq)]
pub struct LowDiscrepancyStart<R> {
    /// Parameters.
    pub theta: Vec<R>,
    /// Momenta.
    pub momentum: Vec<R>,
}

/// A scrambled Sobol' sequence.
struct ScrambledSequence {
    /// Scrambled direction numbers of every dimension, the first digit in the highest bit.
    directions: Vec<[u32; DIGITS]>,
    /// The digital shift of every dimension.
    shift: Vec<u32>,
}

impl ScrambledSequence {
    /// The sequence in `dimensions` dimensions, at most [`MOST_DIMENSIONS`], with the scramble of a seed and a family.
    fn new(dimensions: usize, seed: u64, family: u64) -> Self {
        let table = if dimensions > STANDARD_DIMENSIONS { JoeKuoD6::extended() } else { JoeKuoD6::standard() };
        let plain = Sobol::<u32>::init_direction_vals::<u32>(dimensions, DIGITS, &table);
        let mut shift = Vec::with_capacity(dimensions);
        let scramble = |(dimension, plain): (usize, Vec<u32>)| {
            let mut rng = stream(seed, Role::Scramble, family, dimension as u64);
            // Row k of a lower triangular matrix over two elements with a unit diagonal: digit k of the scrambled
            // number, from the most significant one on, is digit k of the plain number plus a sum of those before it.
            let rows: [u32; DIGITS] = std::array::from_fn(|k| {
                let digit = 1 << (DIGITS - 1 - k);
                let before = !(digit | (digit - 1));
                digit | (rng.random::<u32>() & before)
            });
            shift.push(rng.random());
            std::array::from_fn(|k| {
                let digit = |row: &u32| (row & plain[k]).count_ones() & 1;
                rows.iter().fold(0, |number, row| number << 1 | digit(row))
            })
        };
        let directions = plain.into_iter().enumerate().map(scramble).collect();
        ScrambledSequence { directions, shift }
    }

    /// Writes point `index` of (0, 1)^dimensions. Coordinates are midpoints of intervals of length 2^-32.
    fn point(&self, index: u32, out: &mut [f64]) {
        for ((directions, shift), out) in self.directions.iter().zip(&self.shift).zip(out) {
            let mut digits = *shift;
            let mut rest = index;
            while rest != 0 {
                digits ^= directions[rest.trailing_zeros() as usize];
                rest &= rest - 1;
            }
            *out = (f64::from(digits) + 0.5) * 2.0_f64.powi(-(DIGITS as i32));
        }
    }
}

impl Law {
    /// Number of uniform variables that [`Law::map_uniform`] takes for a part of `len` coordinates.
    fn uniforms(&self, len: usize) -> usize {
        match self {
            Law::Gaussian { .. } | Law::Uniform { .. } | Law::Sphere { .. } => len,
            Law::Point { .. } | Law::Nothing => 0,
        }
    }

    /// Maps uniform variables in (0, 1) to the coordinates of one part.
    fn map_uniform(&self, uniform: &[f64], out: &mut [f64]) {
        let normal = Normal::standard();
        match *self {
            Law::Gaussian { mean, std } => {
                out.iter_mut().zip(uniform).for_each(|(v, &u)| *v = mean + std * normal.inverse_cdf(u));
            }
            Law::Uniform { low, high } => {
                out.iter_mut().zip(uniform).for_each(|(v, &u)| *v = low + (high - low) * u);
            }
            Law::Sphere { radius } => {
                out.iter_mut().zip(uniform).for_each(|(v, &u)| *v = normal.inverse_cdf(u));
                let norm = out.iter().map(|v| v * v).sum::<f64>().sqrt();
                out.iter_mut().for_each(|v| *v *= radius / norm);
            }
            Law::Point { value } => out.fill(value),
            Law::Nothing => out.fill(0.0),
        }
    }
}

impl Start {
    /// The law of the part of this name.
    fn law(&self, part: &str) -> &Law {
        match part {
            "w" => &self.w,
            "b" => &self.b,
            "u" => &self.u,
            "c" => &self.c,
            _ => &self.a,
        }
    }
}

impl Network {
    /// The low-discrepancy start of a cloud of this width, with momenta N(0, `momentum`^2) of trained parameters.
    ///
    /// Of three layers, the neurons of either hidden layer are points of a sequence of their own. The weights between
    /// them, and their momenta, are the independent ones of [`Network::start`] with seed `weights`; a two-layer network
    /// does not use it.
    ///
    /// # Errors
    /// Units with more than [`MOST_DIMENSIONS`] random coordinates, more than 2^32 units.
    pub fn low_discrepancy_start<R: Real>(
        &self,
        start: &Start,
        momentum: f64,
        (seed, weights): (u64, u64),
        width: usize,
    ) -> Result<LowDiscrepancyStart<R>, LowDiscrepancyError> {
        let mut out = LowDiscrepancyStart {
            theta: self.start(start, weights, 0, width),
            momentum: self.start_momenta(momentum, weights, 0, width),
        };
        let places = self.state_indices(width);
        for (index, family) in self.families(width).iter().enumerate() {
            if family.parts.iter().all(|part| part.name != "u") {
                family.low_discrepancy(start, momentum, (seed, index as u64), &places, &mut out)?;
            }
        }
        Ok(out)
    }
}

impl Family {
    /// Overwrites the units of this family, whose rows are units, by the points of a sequence. `places` are the indices
    /// of all parameters in the state.
    fn low_discrepancy<R: Real>(
        &self,
        start: &Start,
        momentum: f64,
        (seed, index): (u64, u64),
        places: &[usize],
        out: &mut LowDiscrepancyStart<R>,
    ) -> Result<(), LowDiscrepancyError> {
        let parameters: usize = self.parts.iter().map(|part| start.law(part.name).uniforms(part.columns.len())).sum();
        let momenta = if momentum > 0.0 { self.trained().len() } else { 0 };
        let (dimensions, units) = (parameters + momenta, self.rows);
        if dimensions > MOST_DIMENSIONS {
            return Err(LowDiscrepancyError::TooManyDimensions { family: self.name, dimensions });
        }
        if u32::try_from(units.saturating_sub(1)).is_err() {
            return Err(LowDiscrepancyError::TooManyUnits { family: self.name, units });
        }
        let sequence = ScrambledSequence::new(dimensions, seed, index);
        let (mut uniform, mut unit) = (vec![0.0; dimensions], vec![0.0; self.columns]);
        for row in 0..units {
            sequence.point(row as u32, &mut uniform);
            let mut rest = &uniform[..];
            for part in &self.parts {
                let law = start.law(part.name);
                let (used, after) = rest.split_at(law.uniforms(part.columns.len()));
                law.map_uniform(used, &mut unit[part.columns.clone()]);
                rest = after;
            }
            let places = &places[self.start + row * self.columns..][..self.columns];
            (self.fixed..self.columns).for_each(|column| out.theta[places[column]] = R::of(unit[column]));
            Law::Gaussian { mean: 0.0, std: momentum }.map_uniform(rest, &mut unit[..rest.len()]);
            for (column, &value) in self.trained().zip(&unit[..rest.len()]) {
                out.momentum[places[column]] = R::of(value);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
