//! The motion of the momenta at fixed theta, exact in time.
//!
//! At a constant field `g = Psi'(theta)`, `d r = (-gamma r - g) dt + sqrt(2 gamma tau) dW` has the solution
//!
//! ```text
//! r(h) = c r - g (1 - c)/gamma + sqrt(tau (1 - c^2)) xi,     c = exp(-gamma h)
//! ```
//!
//! The density of a column undergoes a contraction, a convolution with a Gaussian and a shift. None of them bounds
//! `gamma h`.
//!
//! * **Substeps.** A contraction over a long step would compress narrow features below the spacing before the diffusion
//!   widens them. A long step is therefore divided into substeps of `gamma h <= 1/2`, each a contraction and a
//!   diffusion, which is exact by the semigroup property of the Ornstein-Uhlenbeck process; after `gamma h = 40` the
//!   process is stationary to rounding.
//! * **Contraction.** The mass below a cell edge is the mass below its source under the contraction, by the interpolant
//!   of [`super::transport`].
//! * **Correction.** A contraction of cell averages adds the variance of a cell. With D the derivative with respect to
//!   the source and the unknowns values at nodes, the mass below a cell edge is `A(D)/A(D/c)` of the interpolant,
//!   `A(D) = sinh(D/2)/(D/2)`. The weights of a source edge include this factor up to the fourth derivative, so that
//!   the unknowns remain values at nodes.
//! * **Diffusion** by a standard deviation of s spacings. Below 0.61 its factor `exp(s^2 (D/c)^2/2)` is included in the
//!   same weights. Up to 1.27, and up to 2.2 by two or three applications, it is a convolution with seven positive
//!   weights that have the moments of the Gaussian up to the seventh. Above, the Gaussian is sampled at the nodes,
//!   whose error decreases faster than any power of the spacing.
//! * **Kick.** The shift of [`super::transport`], by a different distance in every column.

use super::columns::{self, BufferRows, Contracted, Convolved, GHOST_ROWS, PackRow, SourceEdge, TILE};
use super::grid::{Density, GridAxis, KineticError};
use super::transport::{PACK, cell_part_weights};
use crate::compute::{Job, Kernel, Pass, Simd, Strip, for_each_strip};
use std::sync::Mutex;

/// Packs of columns in a task, whose rows are read together.
const PACKS: usize = 4;

/// The variances, in squared spacings, for which all seven-point weights are positive: roots of `15 v^2 - 30 v + 9`,
/// rounded inwards.
const SEVEN_POINT_VARIANCE: (f64, f64) = (0.3676, 1.6324);

/// Largest number of applications of the seven-point weights.
const MAX_APPLICATIONS: f64 = 3.0;

/// Standard deviations at which a sampled Gaussian is truncated; the truncated mass is 1e-10.
const CUTOFF: f64 = 6.5;

/// Largest `gamma h` of a substep.
const MAX_SUBSTEP: f64 = 0.5;

/// `gamma h` after which the momenta are stationary to rounding.
const EQUILIBRATION_TIME: f64 = 40.0;

/// The method of the diffusion.
#[derive(Clone, Debug)]
enum Diffusion {
    /// Included in the contraction, or zero.
    None,
    /// Weights of the neighbours at distances 0 to 3, applied `times` times.
    SevenPoint { times: usize, weights: [f64; 4] },
    /// Weights of the neighbours from `-reach` to `reach`, padded by `TILE - 1` zeros at both ends.
    Gaussian { reach: usize, weights: Vec<f64> },
}

/// The motion of the momenta over one step: friction, diffusion and the kick by the field.
#[derive(Clone, Debug)]
pub struct FrictionDiffusion {
    momentum: GridAxis,
    /// Number of substeps, each a contraction and a diffusion.
    substeps: usize,
    /// Source edges of the contraction of a substep; empty without friction.
    edges: Vec<SourceEdge>,
    diffusion: Diffusion,
    /// `(1 - c) / gamma` divided by the spacing: the kick, in spacings, per unit of the gradient.
    kick_per_gradient: f64,
}

impl FrictionDiffusion {
    /// The motion over a time `step` with a friction gamma and a temperature tau.
    ///
    /// # Errors
    /// [`KineticError::Box`] for a temperature whose Gaussian is wider than the box.
    pub fn new(momentum: GridAxis, friction: f64, temperature: f64, step: f64) -> Result<Self, KineticError> {
        let spacing = momentum.spacing();
        let kick_per_gradient = if friction > 0.0 { -libm::expm1(-friction * step) / friction } else { step } / spacing;
        if friction == 0.0 {
            return Ok(FrictionDiffusion {
                momentum,
                substeps: 1,
                edges: Vec::new(),
                diffusion: Diffusion::None,
                kick_per_gradient,
            });
        }
        let substeps = ((friction * step).min(EQUILIBRATION_TIME) / MAX_SUBSTEP).ceil().max(1.0);
        let c = libm::exp(-(friction * step).min(EQUILIBRATION_TIME) / substeps);
        let variance = temperature * (1.0 - c * c) / spacing.powi(2);
        let (diffusion, in_contraction) = match (variance / SEVEN_POINT_VARIANCE.1).ceil().max(1.0) {
            _ if variance < SEVEN_POINT_VARIANCE.0 => (Diffusion::None, variance),
            times if times <= MAX_APPLICATIONS => {
                (Diffusion::SevenPoint { times: times as usize, weights: seven_point_weights(variance / times) }, 0.0)
            }
            _ => (sampled_gaussian(variance), 0.0),
        };
        if matches!(&diffusion, Diffusion::Gaussian { reach, .. } if 2 * reach > momentum.nodes) {
            let width = 2.0 * CUTOFF * temperature.sqrt();
            return Err(KineticError::Box {
                axis: "momentum",
                mass: libm::erfc(0.25 * (momentum.high - momentum.low) / (2.0 * temperature).sqrt()),
                low: momentum.low,
                high: momentum.high,
                required: format!("[{:.3}, {:.3}]", -width, width),
            });
        }
        Ok(FrictionDiffusion {
            momentum,
            substeps: substeps as usize,
            edges: source_edges(momentum, c, in_contraction),
            diffusion,
            kick_per_gradient,
        })
    }

    /// Moves the momenta of every column by one step; `gradient` (nodes of theta) holds `Psi'`.
    pub fn apply(&self, density: &mut Density, gradient: &[f64], threads: usize) {
        let columns = density.grid.theta.nodes;
        let scratch: Vec<Mutex<Buffers>> = (0..threads.max(1)).map(|_| Mutex::default()).collect();
        f64::dispatch(FrictionDiffusionPass {
            motion: self,
            columns,
            gradient,
            values: &mut density.values,
            scratch: &scratch,
        });
    }

    /// Ghost rows before and after a column.
    fn margin(&self) -> usize {
        if let Diffusion::Gaussian { reach, .. } = self.diffusion { reach.max(GHOST_ROWS) } else { GHOST_ROWS }
    }
}

/// The source edges of a contraction by the factor c towards 0, combined with a diffusion of the given variance in
/// squared spacings.
fn source_edges(momentum: GridAxis, c: f64, variance: f64) -> Vec<SourceEdge> {
    let n = momentum.nodes;
    // Taylor coefficients of A(D) exp(v (D/c)^2 / 2) / A(D/c) at D^2 and D^4.
    let (d, v) = ((c * c).recip(), variance / (c * c));
    let second = (1.0 - d) / 24.0 + 0.5 * v;
    let fourth = (3.0 - 10.0 * d + 7.0 * d * d) / 5760.0 + (1.0 - d) * v / 48.0 + v * v / 8.0;
    let edge = |j: usize| {
        let position = (momentum.low + j as f64 * momentum.spacing()) / c;
        let position = ((position - momentum.low) / momentum.spacing()).clamp(0.0, n as f64);
        let node = (position as usize).min(n - 1);
        let weights = match position {
            // Beyond the ends the mass below is none or all of it.
            0.0 => [0.0; 5],
            p if p == n as f64 => [0.0, 0.0, 1.0, 0.0, 0.0],
            p => cell_part_weights(p - node as f64, second, fourth),
        };
        SourceEdge { node, weights }
    };
    (0..=n).map(edge).collect()
}

/// Weights at distances 0 to 3 with the moments 1, v, 3 v^2, 15 v^3 of a Gaussian.
fn seven_point_weights(v: f64) -> [f64; 4] {
    let one = v * (36.0 + v * (-39.0 + 15.0 * v)) / 48.0;
    let two = v * (-9.0 + v * (30.0 - 15.0 * v)) / 120.0;
    let three = v * (4.0 + v * (-15.0 + 15.0 * v)) / 720.0;
    // The central weight makes the sum exactly 1: a rounding error in it would change the mass at every step.
    [1.0 - 2.0 * (three + two + one), one, two, three]
}

/// The sampled Gaussian of a variance in squared spacings, of mass 1.
fn sampled_gaussian(variance: f64) -> Diffusion {
    let reach = (CUTOFF * variance.sqrt()).ceil() as usize;
    let half: Vec<f64> = (0..=reach).map(|k| libm::exp(-0.5 * (k * k) as f64 / variance)).collect();
    let mass = half[0] + 2.0 * half[1..].iter().sum::<f64>();
    // The central weight makes the sum exactly 1.
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

/// The columns of a task, and a scratch pack that exchanges its role with each of them.
#[derive(Debug, Default)]
struct Buffers {
    packs: [Vec<PackRow>; PACKS],
    next: Vec<PackRow>,
}

/// The motion of all columns of a density.
struct FrictionDiffusionPass<'a> {
    motion: &'a FrictionDiffusion,
    columns: usize,
    gradient: &'a [f64],
    values: &'a mut [f64],
    scratch: &'a [Mutex<Buffers>],
}

impl Pass<f64> for FrictionDiffusionPass<'_> {
    fn run<S: Simd<f64>>(self, simd: S) {
        let FrictionDiffusionPass { motion, columns, gradient, values, scratch } = self;
        let len = motion.momentum.nodes + 2 * motion.margin() + TILE;
        for_each_strip(scratch.len(), values, columns, PACKS * PACK, |task, mut strip, thread| {
            let mut buffers = scratch[thread].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let Buffers { packs: buffer, next } = &mut *buffers;
            buffer.iter_mut().chain([&mut *next]).for_each(|pack| pack.resize(len, [0.0; PACK]));
            let buffer = &mut buffer[..strip.width() / PACK];
            simd.vectorize(GatherColumns { motion, strip: &strip, packs: buffer });
            for (p, pack) in buffer.iter_mut().enumerate() {
                let gradient = &gradient[(task * PACKS + p) * PACK..];
                let strip = strip.columns_mut(p * PACK..(p + 1) * PACK);
                simd.vectorize(MoveColumns { motion, gradient, strip, pack, next });
            }
        });
    }
}

/// Copies the columns of a strip into packs.
struct GatherColumns<'a> {
    motion: &'a FrictionDiffusion,
    strip: &'a Strip<'a, f64>,
    packs: &'a mut [Vec<PackRow>],
}

impl Job<f64> for GatherColumns<'_> {
    #[inline(always)]
    fn run<S: Simd<f64>, const PG: usize, const Q: usize>(self, s: S) {
        let GatherColumns { motion, strip, packs } = self;
        let margin = motion.margin();
        for j in 0..motion.momentum.nodes {
            for (pack, row) in packs.iter_mut().zip(strip.row(j).chunks_exact(PACK)) {
                s.store(s.load(row), &mut pack[margin + j]);
            }
        }
    }
}

/// Moves a pack of columns, held in `pack[margin .. margin + n]`, and writes it to the strip; the margins are zero
/// before and after.
struct MoveColumns<'a> {
    motion: &'a FrictionDiffusion,
    /// The gradient, from the first column of the pack on.
    gradient: &'a [f64],
    strip: Strip<'a, f64>,
    pack: &'a mut Vec<PackRow>,
    next: &'a mut Vec<PackRow>,
}

impl Job<f64> for MoveColumns<'_> {
    #[inline(always)]
    fn run<S: Simd<f64>, const PG: usize, const Q: usize>(self, s: S) {
        let MoveColumns { motion, gradient, mut strip, pack, next } = self;
        let FrictionDiffusion { momentum, substeps, edges, diffusion, kick_per_gradient } = motion;
        let (n, margin) = (momentum.nodes, motion.margin());
        let inside = margin..margin + n;
        let outer = margin - GHOST_ROWS..inside.end + GHOST_ROWS;
        for substep in 1..=*substeps {
            // The last operation before the kick is fused with it; fusing more would need more registers than there
            // are.
            let last = substep == *substeps;
            let fused = last && matches!(diffusion, Diffusion::None);
            if !edges.is_empty() && !fused {
                columns::write_rows(s, Contracted::new(s, edges, &pack[outer.clone()]), &mut next[inside.clone()]);
                std::mem::swap(pack, next);
            }
            match diffusion {
                Diffusion::None => {}
                Diffusion::SevenPoint { times, weights } => {
                    for _ in 0..times - usize::from(last) {
                        let rows = Convolved::new(s, *weights, n, BufferRows { s, rows: &pack[inside.clone()] });
                        columns::write_rows(s, rows, &mut next[inside.clone()]);
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
        let distances: PackRow = std::array::from_fn(|l| -gradient[l] * kick_per_gradient);
        let write = |j: usize, v: S::Pack| s.store(v, strip.row_mut(j));
        let shifted = &mut next[inside.start..=inside.end];
        let (rows, outer) = (&pack[inside.clone()], &pack[outer]);
        match diffusion {
            Diffusion::None if !edges.is_empty() => {
                columns::kick(s, distances, n, Contracted::new(s, edges, outer), shifted, write);
            }
            Diffusion::SevenPoint { weights, .. } => {
                let rows = Convolved::new(s, *weights, n, BufferRows { s, rows });
                columns::kick(s, distances, n, rows, shifted, write);
            }
            Diffusion::None | Diffusion::Gaussian { .. } => {
                columns::kick(s, distances, n, BufferRows { s, rows }, shifted, write)
            }
        }
        next[inside.end] = [0.0; PACK];
    }
}
