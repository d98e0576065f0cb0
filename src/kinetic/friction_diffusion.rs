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
//!   [`super::transport`]. Sources are further apart than a spacing, so a node is cut at most once, and the limiter is as
//!   there: nothing is taken but what is there.
//! * **Diffusion.** Above 1.15 spacings of standard deviation the Gaussian is sampled at the nodes: positive, and exact
//!   beyond all orders (the error is `2 exp(-2 pi^2 s^2)`, 1e-11 at 1.15). Below, five weights with the right moments up
//!   to the fifth, in the form of fluxes; where some are negative no node gives more than it has.
//! * **Correction.** A contraction of averages over cells adds the cell's own variance, `(1 - c^2)/12` in squared spacings,
//!   and the fourth cumulant `-(1 - c^4)/120`; the diffusion gives back both. So the unknowns stay values at nodes, and what
//!   is left is of order 6 in the spacing at every temperature above a twelfth of its square.
//! * **Kick.** The shift of [`super::transport`], by another distance in every column.

// Neighbouring rows are indexed as on paper.
#![allow(clippy::needless_range_loop)]

use super::grid::{Density, KineticError, Line};
use super::transport::{PACK, Shift, part_weights};
use crate::network::kernel::{Job, Kernel, Parts, Pass, Simd, share};
use std::sync::Mutex;

/// Columns of a task, two packs.
const COLUMNS: usize = 2 * PACK;

/// Standard deviations, in spacings, from which on the Gaussian is sampled.
const SAMPLED: f64 = 1.15;

/// Standard deviations after which the Gaussian ends: what is cut off is 1e-10 of it.
const REACH: f64 = 6.5;

/// Longest `gamma h` of a round, and the one after which nothing is left to do.
const ROUND: f64 = 0.5;
const ALL: f64 = 40.0;

/// Rows that a convolution works on together.
const TILE: usize = 6;

/// Free rows before a buffer's first.
const LEAD: usize = 2;

type Lanes = [f64; PACK];

/// A target edge of the contraction.
#[derive(Clone, Copy, Debug)]
struct Cut {
    /// The node that its source is in.
    node: usize,
    /// The weights of what is below the source in that node.
    weights: [f64; 5],
}

/// How the diffusion is done.
#[derive(Clone, Debug)]
enum Diffusion {
    /// Nothing to do.
    None,
    /// Weights of the neighbours at distances 1 and 2, as fluxes.
    Fluxes { one: f64, two: f64 },
    /// Weights of the neighbours from `-reach` to `reach`, with a tile less one of zeros on both sides.
    Gaussian { reach: usize, weights: Vec<f64> },
}

/// The motion of the momenta over one step.
#[derive(Clone, Debug)]
pub struct FrictionDiffusion {
    momentum: Line,
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
    pub fn new(momentum: Line, friction: f64, temperature: f64, step: f64) -> Result<Self, KineticError> {
        let spacing = momentum.spacing();
        let rounds = ((friction * step).min(ALL) / ROUND).ceil().max(1.0);
        let c = libm::exp(-(friction * step).min(ALL) / rounds);
        let push = if friction > 0.0 { -libm::expm1(-friction * step) / friction } else { step } / spacing;
        let cuts = if friction > 0.0 { cuts(momentum, c) } else { Vec::new() };
        let variance = temperature * (1.0 - c * c) / spacing.powi(2) - (1.0 - c * c) / 12.0;
        let fourth = 3.0 * variance * variance + (1.0 - c.powi(4)) / 120.0;
        let diffusion = match variance {
            _ if friction == 0.0 => Diffusion::None,
            v if v < SAMPLED * SAMPLED => {
                let two = (fourth - variance) / 24.0;
                Diffusion::Fluxes { one: 0.5 * (variance - 8.0 * two), two }
            }
            _ => gaussian(variance),
        };
        if matches!(&diffusion, Diffusion::Gaussian { reach, .. } if 2 * reach > momentum.nodes) {
            let width = 2.0 * REACH * temperature.sqrt();
            return Err(KineticError::Box {
                line: "momentum",
                mass: libm::erfc(0.25 * (momentum.high - momentum.low) / (2.0 * temperature).sqrt()),
                low: momentum.low,
                high: momentum.high,
                wanted: format!("[{:.3}, {:.3}]", -width, width),
            });
        }
        Ok(FrictionDiffusion { momentum, rounds: rounds as usize, cuts, diffusion, push })
    }

    /// Moves the momenta of every column, `gradient` (nodes of theta) being `Psi'` there.
    pub fn apply(&self, density: &mut Density, gradient: &[f64], threads: usize) {
        let columns = density.grid.theta.nodes;
        let scratch: Vec<Mutex<Buffers>> = (0..threads.max(1)).map(|_| Mutex::default()).collect();
        let values = Parts::exclusive(&mut density.values);
        f64::dispatch(Columns { motion: self, columns, gradient, values, scratch: &scratch });
    }

    /// Rows before and after a column that mirror it.
    fn margin(&self) -> usize {
        if let Diffusion::Gaussian { reach, .. } = self.diffusion { reach.max(LEAD) + TILE } else { LEAD }
    }
}

/// The cuts of a contraction by c towards 0.
fn cuts(momentum: Line, c: f64) -> Vec<Cut> {
    let n = momentum.nodes;
    let cut = |j: usize| {
        let place = (momentum.low + j as f64 * momentum.spacing()) / c;
        let place = ((place - momentum.low) / momentum.spacing()).clamp(0.0, n as f64);
        let node = (place as usize).min(n - 1);
        let weights = match place {
            // Beyond the ends there is nothing, or everything: no polynomial.
            0.0 => [0.0; 5],
            p if p == n as f64 => [0.0, 0.0, 1.0, 0.0, 0.0],
            p => part_weights(p - node as f64),
        };
        Cut { node, weights }
    };
    (0..=n).map(cut).collect()
}

/// The sampled Gaussian of a variance in squared spacings, of mass 1.
fn gaussian(variance: f64) -> Diffusion {
    let reach = (REACH * variance.sqrt()).ceil() as usize;
    let half: Vec<f64> = (0..=reach).map(|k| libm::exp(-0.5 * (k * k) as f64 / variance)).collect();
    let mass = half[0] + 2.0 * half[1..].iter().sum::<f64>();
    // The middle takes what the others leave: weights that miss 1 by a rounding would be missed at every step.
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

/// Two columns of packs, and two more to compute the next from.
#[derive(Debug, Default)]
struct Buffers {
    packs: [Vec<Lanes>; 2],
    next: Vec<Lanes>,
    more: Vec<Lanes>,
}

struct Columns<'a> {
    motion: &'a FrictionDiffusion,
    columns: usize,
    gradient: &'a [f64],
    values: Parts<'a, f64>,
    scratch: &'a [Mutex<Buffers>],
}

impl Pass<f64> for Columns<'_> {
    fn run<S: Simd<f64>>(self, simd: S) {
        let (n, margin) = (self.motion.momentum.nodes, self.motion.margin());
        share(self.scratch.len(), self.columns / COLUMNS, &|task, thread| {
            let mut buffers = self.scratch[thread].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let Buffers { packs, next, more } = &mut *buffers;
            let len = n + 2 * margin + TILE;
            packs.iter_mut().chain([&mut *next, &mut *more]).for_each(|buffer| buffer.resize(len, [0.0; PACK]));
            let at = |j: usize| j * self.columns + task * COLUMNS..j * self.columns + (task + 1) * COLUMNS;
            for j in 0..n {
                // SAFETY: a task's columns are its own.
                let from = unsafe { self.values.get(at(j)) };
                packs[0][margin + j].copy_from_slice(&from[..PACK]);
                packs[1][margin + j].copy_from_slice(&from[PACK..]);
            }
            for (p, pack) in packs.iter_mut().enumerate() {
                let gradient = &self.gradient[task * COLUMNS + p * PACK..][..PACK];
                simd.vectorize(Column { motion: self.motion, margin, gradient, pack, next, more });
            }
            for j in 0..n {
                // SAFETY: as above.
                let to = unsafe { self.values.get_mut(at(j)) };
                to[..PACK].copy_from_slice(&packs[0][margin + j]);
                to[PACK..].copy_from_slice(&packs[1][margin + j]);
            }
        });
    }
}

/// The motion of a pack of columns, held in `pack[margin .. margin + n]`; the margins are zero before and after.
struct Column<'a> {
    motion: &'a FrictionDiffusion,
    margin: usize,
    gradient: &'a [f64],
    pack: &'a mut Vec<Lanes>,
    next: &'a mut Vec<Lanes>,
    more: &'a mut Vec<Lanes>,
}

impl Job<f64> for Column<'_> {
    #[inline(always)]
    fn run<S: Simd<f64>, const PG: usize, const Q: usize>(self, s: S) {
        let Column { motion, margin, gradient, pack, next, more } = self;
        let n = motion.momentum.nodes;
        let inside = margin..margin + n;
        for _ in 0..motion.rounds {
            if !motion.cuts.is_empty() {
                contract(s, &motion.cuts, &pack[margin - LEAD..inside.end + LEAD], more, &mut next[inside.clone()]);
                std::mem::swap(pack, next);
            }
            match &motion.diffusion {
                Diffusion::None => {}
                Diffusion::Fluxes { one, two } => {
                    mirror(pack, margin, n, LEAD);
                    fluxes(s, (*one, *two), &pack[margin - LEAD..inside.end + LEAD], more, &mut next[inside.clone()]);
                    std::mem::swap(pack, next);
                }
                Diffusion::Gaussian { reach, weights } => {
                    mirror(pack, margin, n, *reach);
                    let first = margin - reach;
                    convolve(s, weights, *reach, &pack[first..], &mut next[margin..margin + n.next_multiple_of(TILE)]);
                    std::mem::swap(pack, next);
                }
            }
            for buffer in [&mut *pack, &mut *next] {
                buffer[..margin].fill([0.0; PACK]);
                buffer[inside.end..].fill([0.0; PACK]);
            }
        }
        let shifts: [Shift; PACK] = std::array::from_fn(|l| Shift::new(-gradient[l] * motion.push));
        kick(s, &shifts, &pack[margin - LEAD..inside.end + LEAD + 1], (more, &mut next[inside.start..=inside.end]));
        next[inside.end] = [0.0; PACK];
        std::mem::swap(pack, next);
    }
}

/// `u` (n, [`LEAD`] more at both ends) contracted into `out` (n); `part` holds what is below every cut.
#[inline(always)]
fn contract<S: Simd<f64>>(s: S, cuts: &[Cut], u: &[Lanes], part: &mut [Lanes], out: &mut [Lanes]) {
    let zero = s.splat(0.0);
    for (cut, part) in cuts.iter().zip(part.iter_mut()) {
        let near: &[Lanes; 5] = u[cut.node..].first_chunk().expect("five rows");
        let mut below = s.mul(s.splat(cut.weights[0]), s.load(&near[0]));
        for q in 1..5 {
            below = s.fma(s.splat(cut.weights[q]), s.load(&near[q]), below);
        }
        s.store(s.min(s.load(&near[2]), s.max(zero, below)), part);
    }
    let u = &u[LEAD..];
    for (j, (pair, out)) in cuts.windows(2).zip(out.iter_mut()).enumerate() {
        let (low, high) = (pair[0].node, pair[1].node);
        let (below, above) = (s.load(&part[j]), s.load(&part[j + 1]));
        let mass = if low == high {
            s.sub(above, below)
        } else {
            let rest = s.sub(s.load(&u[low]), below);
            s.add(u[low + 1..high].iter().fold(rest, |sum, u| s.add(sum, s.load(u))), above)
        };
        s.store(mass, out);
    }
}

/// Reflects `rows` rows at both ends of the `n` from `margin` on.
#[inline(always)]
fn mirror(pack: &mut [Lanes], margin: usize, n: usize, rows: usize) {
    for k in 0..rows {
        pack[margin - 1 - k] = pack[margin + k];
        pack[margin + n + k] = pack[margin + n - 1 - k];
    }
}

/// Convolution of `u`, which begins `reach` rows before `out`, with the weights.
#[inline(always)]
fn convolve<S: Simd<f64>>(s: S, weights: &[f64], reach: usize, u: &[Lanes], out: &mut [Lanes]) {
    let taps = 2 * reach + TILE;
    for (tile, out) in out.chunks_exact_mut(TILE).enumerate() {
        let mut sums = [s.splat(0.0); TILE];
        let near = &u[tile * TILE..tile * TILE + taps];
        // Output i of the tile takes row t with the weight of distance t - reach - i.
        for (u, weights) in near.iter().zip(weights.windows(TILE)) {
            let u = s.load(u);
            for i in 0..TILE {
                sums[i] = s.fma(u, s.splat(weights[TILE - 1 - i]), sums[i]);
            }
        }
        for (sum, out) in sums.into_iter().zip(out) {
            s.store(sum, out);
        }
    }
}

/// One step of diffusion of `u` (n, [`LEAD`] more at both ends) with weights at distances 1 and 2.
#[inline(always)]
fn fluxes<S: Simd<f64>>(s: S, (one, two): (f64, f64), u: &[Lanes], flux: &mut [Lanes], out: &mut [Lanes]) {
    let n = out.len();
    let (zero, unit) = (s.splat(0.0), s.splat(1.0));
    let (one, two) = (s.splat(-one), s.splat(-two));
    let u = |j: usize| s.load(&u[j]);
    // Flux j goes from node j - 1 to node j; through the walls goes nothing.
    (flux[0], flux[n]) = ([0.0; PACK], [0.0; PACK]);
    for j in 1..n {
        let (a, b, c, d) = (u(j), u(j + 1), u(j + 2), u(j + 3));
        let far = s.add(s.sub(d, b), s.sub(c, a));
        s.store(s.fma(two, far, s.mul(one, s.sub(c, b))), &mut flux[j]);
    }
    // The part of what a node would give that it has; kept in `out` until the fluxes are cut down.
    for j in 0..n {
        let gives = s.add(s.max(zero, s.load(&flux[j + 1])), s.max(zero, s.sub(zero, s.load(&flux[j]))));
        let has = u(j + LEAD);
        s.store(s.select_less(has, gives, s.div(has, s.max(s.splat(f64::MIN_POSITIVE), gives)), unit), &mut out[j]);
    }
    for j in 1..n {
        let f = s.load(&flux[j]);
        let giver = s.select_less(zero, f, s.load(&out[j - 1]), s.load(&out[j]));
        s.store(s.mul(f, giver), &mut flux[j]);
    }
    for j in 0..n {
        // Rounding may take a node that gives all it has below nothing.
        let left = s.sub(u(j + LEAD), s.sub(s.load(&flux[j + 1]), s.load(&flux[j])));
        s.store(s.max(zero, left), &mut out[j]);
    }
}

/// Shifts every lane of `u` (n + 1, [`LEAD`] more at both ends) by its own distance into `out` (n + 1, the last unused).
#[inline(always)]
fn kick<S: Simd<f64>>(s: S, shifts: &[Shift; PACK], u: &[Lanes], (flux, out): (&mut [Lanes], &mut [Lanes])) {
    let n = out.len() - 1;
    let zero = s.splat(0.0);
    let weights: [S::Pack; 5] = std::array::from_fn(|q| {
        let lanes: Lanes = std::array::from_fn(|l| shifts[l].weights[q]);
        s.load(&lanes)
    });
    for (near, flux) in u.windows(5).zip(flux[..=n].iter_mut()) {
        let near: &[Lanes; 5] = near.first_chunk().expect("five rows");
        let mut f = s.mul(weights[0], s.load(&near[0]));
        for q in 1..5 {
            f = s.fma(weights[q], s.load(&near[q]), f);
        }
        s.store(s.min(s.load(&near[2]), s.max(zero, f)), flux);
    }
    let u = &u[LEAD..];
    let whole = shifts[0].whole;
    let alike = shifts.iter().all(|shift| shift.whole == whole);
    let mut before = zero;
    if alike && whole.unsigned_abs() < n {
        out.fill([0.0; PACK]);
        for (j, (u, flux)) in u.iter().zip(&flux[..=n]).enumerate() {
            let flux = s.load(flux);
            let moved = s.add(s.sub(s.load(u), flux), before);
            before = flux;
            match (j as isize + whole).clamp(0, n as isize - 1) as usize {
                // What meets at the walls is added up.
                to if to == 0 || to + 1 == n => s.store(s.add(s.load(&out[to]), moved), &mut out[to]),
                to => s.store(moved, &mut out[to]),
            }
        }
        return;
    }
    // `flux` becomes what is moved; every lane is put down on its own.
    for (u, flux) in u.iter().zip(flux[..=n].iter_mut()) {
        let now = s.load(&*flux);
        s.store(s.add(s.sub(s.load(u), now), before), flux);
        before = now;
    }
    out.fill([0.0; PACK]);
    for (l, shift) in shifts.iter().enumerate() {
        for (j, flux) in flux[..=n].iter().enumerate() {
            let to = (j as isize).saturating_add(shift.whole).clamp(0, n as isize - 1) as usize;
            out[to][l] += flux[l];
        }
    }
}
