//! The motion of the momenta at fixed theta, exact in time.
//!
//! With the field `g = Psi'(theta)` held, `d r = (-gamma r - g) dt + sqrt(2 gamma tau) dW` has the solution
//!
//! ```text
//! r(h) = c r - g (1 - c)/gamma + sqrt(tau (1 - c^2)) xi,     c = exp(-gamma h)
//! ```
//!
//! On the density of a column: a contraction, a convolution with a Gaussian, a shift. None of them bounds `gamma h`.
//!
//! * **Rounds.** Contraction first would press what is narrow below the spacing before the diffusion widens it. So over a
//!   long step both are done in turn, each time for `gamma h <= 1/2`: the Ornstein-Uhlenbeck motion over the sum of two times
//!   is that over one after that over the other, exactly, and after `gamma h = 40` it has come to rest.
//! * **Contraction.** The mass below a target edge is the mass below its source, by the interpolant of
//!   [`super::transport`].
//! * **Correction.** A contraction of averages over cells adds the cell's own variance. With D the derivative by the source
//!   and the unknowns values at nodes, the mass below a target edge is `A(D)/A(D/c)` of the interpolant,
//!   `A(D) = sinh(D/2)/(D/2)`: the weights of a cut hold that up to the fourth derivative, so that what is contracted are
//!   values at nodes again.
//! * **Diffusion** of a standard deviation of s spacings. Below 0.61 it is a part of the same weights, `exp(s^2 (D/c)^2/2)`.
//!   Up to 1.27, and twice and three times over up to 2.2, it is seven weights with the right moments up to the seventh, all of
//!   them positive. Above, the Gaussian is sampled at the nodes, which is exact beyond all orders.
//! * **Kick.** The shift of [`super::transport`], by another distance in every column.

use super::columns::{self, Contracted, Convolved, Cut, LEAD, Lanes, Plain, TILE};
use super::grid::{Density, GridAxis, KineticError};
use super::transport::{PACK, part_weights};
use crate::compute::{Job, Kernel, Pass, Simd, Strip, for_each_strip};
use std::sync::Mutex;

/// Packs of columns of a task: their rows are read together.
const PACKS: usize = 4;

/// The variances, in squared spacings, for which all [`seven`] weights are positive: roots of `15 v^2 - 30 v + 9`, rounded
/// inwards.
const SEVEN: (f64, f64) = (0.3676, 1.6324);

/// Most times that the seven weights are applied.
const TIMES: f64 = 3.0;

/// Standard deviations after which a sampled Gaussian ends: what is cut off is 1e-10 of it.
const REACH: f64 = 6.5;

/// Longest `gamma h` of a round, and the one after which nothing is left to do.
const ROUND: f64 = 0.5;
const ALL: f64 = 40.0;

/// How the diffusion is done.
#[derive(Clone, Debug)]
enum Diffusion {
    /// By the contraction, or nothing to do.
    None,
    /// Weights of the neighbours at distances 0 to 3, applied so many times.
    Seven { times: usize, weights: [f64; 4] },
    /// Weights of the neighbours from `-reach` to `reach`, with a tile less one of zeros on both sides.
    Gaussian { reach: usize, weights: Vec<f64> },
}

/// The motion of the momenta over one step.
#[derive(Clone, Debug)]
pub struct FrictionDiffusion {
    momentum: GridAxis,
    /// Contractions, each with its diffusion.
    rounds: usize,
    /// Empty without friction.
    cuts: Vec<Cut>,
    diffusion: Diffusion,
    /// `(1 - c) / gamma`, in spacings.
    push: f64,
}

impl FrictionDiffusion {
    /// The motion over a time `step` under a friction and a temperature.
    ///
    /// # Errors
    /// A temperature whose Gaussian is wider than the box.
    pub fn new(momentum: GridAxis, friction: f64, temperature: f64, step: f64) -> Result<Self, KineticError> {
        let spacing = momentum.spacing();
        let push = if friction > 0.0 { -libm::expm1(-friction * step) / friction } else { step } / spacing;
        if friction == 0.0 {
            return Ok(FrictionDiffusion { momentum, rounds: 1, cuts: Vec::new(), diffusion: Diffusion::None, push });
        }
        let rounds = ((friction * step).min(ALL) / ROUND).ceil().max(1.0);
        let c = libm::exp(-(friction * step).min(ALL) / rounds);
        let variance = temperature * (1.0 - c * c) / spacing.powi(2);
        let (diffusion, within) = match (variance / SEVEN.1).ceil().max(1.0) {
            _ if variance < SEVEN.0 => (Diffusion::None, variance),
            times if times <= TIMES => {
                (Diffusion::Seven { times: times as usize, weights: seven(variance / times) }, 0.0)
            }
            _ => (gaussian(variance), 0.0),
        };
        if matches!(&diffusion, Diffusion::Gaussian { reach, .. } if 2 * reach > momentum.nodes) {
            let width = 2.0 * REACH * temperature.sqrt();
            return Err(KineticError::Box {
                axis: "momentum",
                mass: libm::erfc(0.25 * (momentum.high - momentum.low) / (2.0 * temperature).sqrt()),
                low: momentum.low,
                high: momentum.high,
                required: format!("[{:.3}, {:.3}]", -width, width),
            });
        }
        Ok(FrictionDiffusion { momentum, rounds: rounds as usize, cuts: cuts(momentum, c, within), diffusion, push })
    }

    /// Moves the momenta of every column, `gradient` (nodes of theta) being `Psi'` there.
    pub fn apply(&self, density: &mut Density, gradient: &[f64], threads: usize) {
        let columns = density.grid.theta.nodes;
        let scratch: Vec<Mutex<Buffers>> = (0..threads.max(1)).map(|_| Mutex::default()).collect();
        f64::dispatch(Columns { motion: self, columns, gradient, values: &mut density.values, scratch: &scratch });
    }

    /// Rows before and after a column.
    fn margin(&self) -> usize {
        if let Diffusion::Gaussian { reach, .. } = self.diffusion { reach.max(LEAD) } else { LEAD }
    }
}

/// The cuts of a contraction by c towards 0, together with a diffusion of this variance in squared spacings.
fn cuts(momentum: GridAxis, c: f64, variance: f64) -> Vec<Cut> {
    let n = momentum.nodes;
    // Taylor's coefficients of A(D) exp(v (D/c)^2 / 2) / A(D/c) at D^2 and D^4.
    let (d, v) = ((c * c).recip(), variance / (c * c));
    let second = (1.0 - d) / 24.0 + 0.5 * v;
    let fourth = (3.0 - 10.0 * d + 7.0 * d * d) / 5760.0 + (1.0 - d) * v / 48.0 + v * v / 8.0;
    let cut = |j: usize| {
        let place = (momentum.low + j as f64 * momentum.spacing()) / c;
        let place = ((place - momentum.low) / momentum.spacing()).clamp(0.0, n as f64);
        let node = (place as usize).min(n - 1);
        let weights = match place {
            // Beyond the ends there is nothing, or everything: no polynomial.
            0.0 => [0.0; 5],
            p if p == n as f64 => [0.0, 0.0, 1.0, 0.0, 0.0],
            p => part_weights(p - node as f64, second, fourth),
        };
        Cut { node, weights }
    };
    (0..=n).map(cut).collect()
}

/// Weights at distances 0 to 3 with the moments 1, v, 3 v^2, 15 v^3 of a Gaussian.
fn seven(v: f64) -> [f64; 4] {
    let one = v * (36.0 + v * (-39.0 + 15.0 * v)) / 48.0;
    let two = v * (-9.0 + v * (30.0 - 15.0 * v)) / 120.0;
    let three = v * (4.0 + v * (-15.0 + 15.0 * v)) / 720.0;
    // The middle takes what the others leave: weights that miss 1 by a rounding would be missed at every step.
    [1.0 - 2.0 * (three + two + one), one, two, three]
}

/// The sampled Gaussian of a variance in squared spacings, of mass 1.
fn gaussian(variance: f64) -> Diffusion {
    let reach = (REACH * variance.sqrt()).ceil() as usize;
    let half: Vec<f64> = (0..=reach).map(|k| libm::exp(-0.5 * (k * k) as f64 / variance)).collect();
    let mass = half[0] + 2.0 * half[1..].iter().sum::<f64>();
    // As above.
    let sides: f64 = half[1..].iter().rev().map(|w| w / mass).sum();
    let mut weights = vec![0.0; 2 * (reach + TILE - 1) + 1];
    for (i, weight) in weights.iter_mut().enumerate() {
        let distance = i.abs_diff(reach + TILE - 1);
        *weight = match distance {
            0 => 1.0 - 2.0 * sides,
            _ => half.get(distance).map_or(0.0, |w| w / mass),
        };
    }
    Diffusion::Gaussian { reach, weights }
}

/// A task's columns, and a pack to compute the next from.
#[derive(Debug, Default)]
struct Buffers {
    packs: [Vec<Lanes>; PACKS],
    next: Vec<Lanes>,
}

struct Columns<'a> {
    motion: &'a FrictionDiffusion,
    columns: usize,
    gradient: &'a [f64],
    values: &'a mut [f64],
    scratch: &'a [Mutex<Buffers>],
}

impl Pass<f64> for Columns<'_> {
    fn run<S: Simd<f64>>(self, simd: S) {
        let Columns { motion, columns, gradient, values, scratch } = self;
        let len = motion.momentum.nodes + 2 * motion.margin() + TILE;
        for_each_strip(scratch.len(), values, columns, PACKS * PACK, |task, mut strip, thread| {
            let mut buffers = scratch[thread].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let Buffers { packs: buffer, next } = &mut *buffers;
            buffer.iter_mut().chain([&mut *next]).for_each(|pack| pack.resize(len, [0.0; PACK]));
            let buffer = &mut buffer[..strip.width() / PACK];
            simd.vectorize(Gather { motion, strip: &strip, packs: buffer });
            for (p, pack) in buffer.iter_mut().enumerate() {
                let gradient = &gradient[(task * PACKS + p) * PACK..];
                let strip = strip.columns_mut(p * PACK..(p + 1) * PACK);
                simd.vectorize(Column { motion, gradient, strip, pack, next });
            }
        });
    }
}

/// Reads packs of columns.
struct Gather<'a> {
    motion: &'a FrictionDiffusion,
    strip: &'a Strip<'a, f64>,
    packs: &'a mut [Vec<Lanes>],
}

impl Job<f64> for Gather<'_> {
    #[inline(always)]
    fn run<S: Simd<f64>, const PG: usize, const Q: usize>(self, s: S) {
        let Gather { motion, strip, packs } = self;
        let margin = motion.margin();
        for j in 0..motion.momentum.nodes {
            for (pack, row) in packs.iter_mut().zip(strip.row(j).chunks_exact(PACK)) {
                s.store(s.load(row), &mut pack[margin + j]);
            }
        }
    }
}

/// The motion of a pack of columns, held in `pack[margin .. margin + n]` and written to the strip; the margins are zero before
/// and after.
struct Column<'a> {
    motion: &'a FrictionDiffusion,
    /// The gradient from the first of the columns on.
    gradient: &'a [f64],
    strip: Strip<'a, f64>,
    pack: &'a mut Vec<Lanes>,
    next: &'a mut Vec<Lanes>,
}

impl Job<f64> for Column<'_> {
    #[inline(always)]
    fn run<S: Simd<f64>, const PG: usize, const Q: usize>(self, s: S) {
        let Column { motion, gradient, mut strip, pack, next } = self;
        let FrictionDiffusion { momentum, rounds, cuts, diffusion, push } = motion;
        let (n, margin) = (momentum.nodes, motion.margin());
        let inside = margin..margin + n;
        let outer = margin - LEAD..inside.end + LEAD;
        for round in 1..=*rounds {
            // What comes last is done on the way of the kick, but not three things in one: registers would not do.
            let last = round == *rounds;
            let on_the_way = last && matches!(diffusion, Diffusion::None);
            if !cuts.is_empty() && !on_the_way {
                columns::collect(s, Contracted::new(s, cuts, &pack[outer.clone()]), &mut next[inside.clone()]);
                std::mem::swap(pack, next);
            }
            match diffusion {
                Diffusion::None => {}
                Diffusion::Seven { times, weights } => {
                    for _ in 0..times - usize::from(last) {
                        let rows = Convolved::new(s, *weights, n, Plain { s, rows: &pack[inside.clone()] });
                        columns::collect(s, rows, &mut next[inside.clone()]);
                        std::mem::swap(pack, next);
                    }
                }
                Diffusion::Gaussian { reach, weights } => {
                    columns::mirror(pack, margin, n, *reach);
                    let to = margin..margin + n.next_multiple_of(TILE);
                    columns::gaussian(s, weights, *reach, &pack[margin - reach..], &mut next[to]);
                    std::mem::swap(pack, next);
                    for buffer in [&mut *pack, &mut *next] {
                        buffer[..margin].fill([0.0; PACK]);
                        buffer[inside.end..].fill([0.0; PACK]);
                    }
                }
            }
        }
        let distances: Lanes = std::array::from_fn(|l| -gradient[l] * push);
        let put = |j: usize, v: S::Pack| s.store(v, strip.row_mut(j));
        let moved = &mut next[inside.start..=inside.end];
        let (rows, outer) = (&pack[inside.clone()], &pack[outer]);
        match diffusion {
            Diffusion::None if !cuts.is_empty() => {
                columns::kick(s, distances, n, Contracted::new(s, cuts, outer), moved, put);
            }
            Diffusion::Seven { weights, .. } => {
                let rows = Convolved::new(s, *weights, n, Plain { s, rows });
                columns::kick(s, distances, n, rows, moved, put);
            }
            _ => columns::kick(s, distances, n, Plain { s, rows }, moved, put),
        }
        next[inside.end] = [0.0; PACK];
    }
}
