//! Dormand-Prince 5(4) (Dormand, Prince 1980) with step-size control and dense output on the noise-free limit.
//!
//! The control is proportional-integral with exponents 0.7/5 and 0.4/5 and safety 0.9 (Hairer, Norsett, Wanner,
//! *Solving Ordinary Differential Equations I*, sections II.4-II.6); the error is measured in the root mean square over
//! coordinates against `tolerance (1 + |y|)`. The dense output is their continuous extension of order 4.
//!
//! The control assumes a gradient that is continuous. Where it jumps, as with an activation that has a kink, the error of
//! a step across the jump falls only as its length, and the steps become as short as the tolerance. Under gradient flow
//! solutions can stay at a jump, so that all steps are that short: [`attempt_budget`] bounds their number.

use super::flow::{Flow, PhasePoint, RANGE, combine};
use super::force::StageUpdate;
use super::{Force, Integrator, Noise, StageTime, State};
use crate::compute::Real;
use crate::network::Portion;
use crate::network::kernel::LANES;
use std::ops::Range;

/// Stage coefficients; the last row is also the solution of order 5.
const A: [[f64; 6]; 6] = [
    [1.0 / 5.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [3.0 / 40.0, 9.0 / 40.0, 0.0, 0.0, 0.0, 0.0],
    [44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0, 0.0, 0.0, 0.0],
    [19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0, 0.0, 0.0],
    [9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0, 0.0],
    [35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];
/// Times of the stages after the first, in steps.
const FRACTIONS: [f64; 6] = [0.2, 0.3, 0.8, 8.0 / 9.0, 1.0, 1.0];
/// Difference between the solutions of order 5 and 4.
const E: [f64; 7] =
    [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0];
/// Coefficients of the dense output's term of highest order, which end points and slopes do not determine.
const D: [f64; 7] = [
    -12715105075.0 / 11282082432.0,
    0.0,
    87487479700.0 / 32700410799.0,
    -10690763975.0 / 1880347072.0,
    701980252875.0 / 199316789632.0,
    -1453857185.0 / 822651844.0,
    69997945.0 / 29380423.0,
];

/// The position of the stage's parameters among the arrays of an update.
const STAGE_PARAMETERS: usize = 2;

/// Steps that [`attempt_budget`] allows per unit of time and per `tolerance^(-1/5)`. Smooth dynamics whose time scale is
/// 1 take less than one; heavy ball with ReLU, whose jumps are crossed and left, takes about ten.
const ATTEMPTS: f64 = 200.0;

/// The number of steps, rejected ones included, that may be tried up to time `horizon` where the gradient jumps:
/// `200 (1 + horizon) tolerance^(-1/5)`. The steps of a method of order 5 on a smooth problem are proportional to
/// `tolerance^(1/5)`; at a jump they are proportional to the tolerance.
pub fn attempt_budget(horizon: f64, tolerance: f64) -> u64 {
    (ATTEMPTS * (1.0 + horizon) * libm::pow(tolerance, -0.2)).ceil() as u64
}

/// The Dormand-Prince integrator of order 5(4). An accepted step after the first costs six gradients, as the last stage
/// of a step is the first of the next.
pub struct DormandPrince<R> {
    flow: Flow,
    tolerance: f64,
    /// Number of trained coordinates, which the error norm averages over; padding contributes zeros.
    coordinates: usize,
    /// The neurons of the state, where those of a wide layer are divided into shares.
    portion: Option<Portion>,
    /// Proposed length of the next step, and the scaled error of the last accepted one.
    proposal: f64,
    last_error: f64,
    /// Number of steps tried, rejected ones included.
    attempts: u64,
    /// State at the start of the last accepted step, and the length of that step.
    before: State<R>,
    taken: f64,
    stage: PhasePoint<R>,
    k: [PhasePoint<R>; 7],
    /// The step at whose start the last of `k`, and `loss`, were evaluated.
    valid_at: Option<u64>,
    loss: f64,
}

impl<R: Real> DormandPrince<R> {
    /// An integrator for states of length `len` with `coordinates` trained entries; `first` is the first step tried and
    /// `tolerance` the local error allowed, absolute and relative.
    pub fn new(flow: Flow, first: f64, tolerance: f64, coordinates: usize, len: usize) -> Self {
        DormandPrince {
            flow,
            tolerance,
            coordinates,
            portion: None,
            proposal: first,
            last_error: 1e-4,
            attempts: 0,
            before: State::at_rest(vec![R::zero(); len]),
            taken: 0.0,
            stage: PhasePoint::zeros(len),
            k: std::array::from_fn(|_| PhasePoint::zeros(len)),
            valid_at: None,
            loss: f64::NAN,
        }
    }

    /// The same for states that consist of the neurons of one rank; `coordinates` are those of all ranks. A step is
    /// collective: the error norm is a sum over shares.
    #[must_use]
    pub fn over(self, portion: Portion) -> Self {
        DormandPrince { portion: Some(portion), ..self }
    }

    /// Root mean square of the scaled difference between the two solutions, over a step of length h.
    fn error(&self, state: &State<R>, h: f64) -> f64 {
        let sum = |old: &[R], new: &[R], component: fn(&PhasePoint<R>) -> &[R], at: Range<usize>| -> f64 {
            let (mut total, mut squares) = (0.0, [0.0; RANGE]);
            // The terms of a range are independent of each other; only their sum is a chain, in the order of coordinates.
            for first in at.clone().step_by(RANGE) {
                let at = first..at.end.min(first + RANGE);
                let n = at.len();
                let (old, new) = (&old[at.clone()], &new[at.clone()]);
                let slopes: [&[R]; 7] = std::array::from_fn(|j| &component(&self.k[j])[at.clone()]);
                for i in 0..n {
                    let difference: f64 = E.iter().zip(&slopes).map(|(e, k)| e * k[i].to_f64()).sum();
                    let scale = self.tolerance * (1.0 + old[i].to_f64().abs().max(new[i].to_f64().abs()));
                    squares[i] = (h * difference / scale).powi(2);
                }
                squares[..n].iter().for_each(|square| total += square);
            }
            total
        };
        let both = |at: Range<usize>| {
            sum(&state.theta, &self.stage.theta, |k| &k.theta, at.clone())
                + sum(&state.momentum, &self.stage.momentum, |k| &k.momentum, at)
        };
        let total = match &self.portion {
            None => both(0..state.theta.len()),
            Some(portion) => {
                let own = portion.neurons();
                // Shares consist of whole blocks, and only the last block of the layer is padded.
                let per_block = state.theta.len() / own.len().div_ceil(LANES);
                let index = |neuron: usize| (neuron - own.start).div_ceil(LANES) * per_block;
                portion.sum(|neurons| both(index(neurons.start)..index(neurons.end)))
            }
        };
        (total / (2 * self.coordinates) as f64).sqrt()
    }

    /// Evaluates the first stage, or reuses the last one of the previous step.
    fn first_stage(&mut self, force: &mut dyn Force<R>, state: &State<R>) {
        if self.valid_at == Some(state.step) {
            self.k.swap(0, 6);
        } else {
            self.stage.combine(state, &[]);
            self.loss = self.flow.velocity(force, StageTime::start(state.step), &self.stage, &mut self.k[0]);
        }
    }

    /// Evaluates the other six stages of a step of length h and leaves the candidate in `self.stage`; returns the loss
    /// there.
    fn stages(&mut self, force: &mut dyn Force<R>, state: &mut State<R>, h: f64) -> f64 {
        let (flow, step) = (self.flow, state.step);
        self.stage.combine(state, &[(h * A[0][0], &self.k[0])]);
        let mut loss = f64::NAN;
        for i in 1..self.k.len() {
            let update = |arrays: &mut [&mut [R]], gradient: &[R]| finish_stage(flow, i, h, arrays, gradient);
            // The last stage is that of the solution, which no stage follows.
            let next = (i < A.len()).then(|| (STAGE_PARAMETERS, stage_time(step, i + 1)));
            let request = StageUpdate { time: stage_time(step, i), at: STAGE_PARAMETERS, next, update: &update };
            let State { theta, momentum, .. } = &mut *state;
            let mut arrays: Vec<&mut [R]> = vec![theta, momentum, &mut self.stage.theta, &mut self.stage.momentum];
            arrays.extend(self.k.iter_mut().flat_map(|k| [&mut k.theta[..], &mut k.momentum[..]]));
            loss = force.gradient_update(request, &mut arrays).unwrap_or_else(|| self.plain_stage(force, state, i, h));
        }
        loss
    }

    /// The same for one stage, by separate passes over the state.
    fn plain_stage(&mut self, force: &mut dyn Force<R>, state: &State<R>, i: usize, h: f64) -> f64 {
        let (done, rest) = self.k.split_at_mut(i);
        let loss = self.flow.velocity(force, stage_time(state.step, i), &self.stage, &mut rest[0]);
        if let Some(row) = A.get(i) {
            let terms: Vec<_> = row.iter().zip(done.iter().chain(&rest[..1])).map(|(a, k)| (h * a, k)).collect();
            self.stage.combine(state, &terms);
        }
        loss
    }
}

/// The time of stage `i`, at least 1.
fn stage_time(step: u64, i: usize) -> StageTime {
    StageTime { step, fraction: FRACTIONS[i - 1] }
}

/// Ends stage `i` in ranges of the arrays: writes its velocity and moves to the next stage. The arrays are those of the
/// state, the stage and all velocities, parameters before momenta.
fn finish_stage<R: Real>(flow: Flow, i: usize, h: f64, arrays: &mut [&mut [R]], gradient: &[R]) {
    let (points, slopes) = arrays.split_at_mut(4);
    let [theta, momentum, stage_theta, stage_momentum] = points else { unreachable!("two points of phase space") };
    let (_, now) = slopes.split_at_mut(2 * i);
    let [slope_theta, slope_momentum, ..] = now else { unreachable!("a step has seven velocities") };
    flow.velocity_from(stage_momentum, gradient, slope_theta, slope_momentum);
    let Some(row) = A.get(i) else { return };
    for (component, (stage, start)) in [(stage_theta, theta), (stage_momentum, momentum)].into_iter().enumerate() {
        let terms = row[..=i].iter().enumerate().map(|(j, a)| (h * a, &*slopes[2 * j + component]));
        combine(stage, start, terms);
    }
}

impl<R: Real> Integrator<R> for DormandPrince<R> {
    fn step(&mut self, force: &mut dyn Force<R>, _noise: &mut dyn Noise<R>, state: &mut State<R>) -> f64 {
        self.first_stage(force, state);
        let loss = self.loss;
        loop {
            let h = self.proposal;
            self.attempts += 1;
            let loss_at_end = self.stages(force, state, h);
            let error = self.error(state, h);
            // A stage that overflowed gives no finite error: the step was too long by an unknown factor.
            let rejected = error.is_nan() || error > 1.0;
            if rejected && loss.is_finite() {
                self.proposal = h * if error.is_finite() { (0.9 * libm::pow(error, -0.2)).max(0.2) } else { 0.2 };
                if state.time + self.proposal > state.time {
                    continue;
                }
            }
            // A rejected step also ends here where the loss at the start is not finite or no shorter step advances the
            // time: NaN is returned, and the time loop stops.
            let error = error.max(1e-10);
            let growth = 0.9 * libm::pow(error, -0.7 / 5.0) * libm::pow(self.last_error, 0.4 / 5.0);
            self.proposal = h * growth.clamp(0.2, 5.0);
            self.last_error = error;
            self.before.clone_from(state);
            self.taken = h;
            state.theta.copy_from_slice(&self.stage.theta);
            state.momentum.copy_from_slice(&self.stage.momentum);
            state.step += 1;
            state.time += h;
            self.loss = loss_at_end;
            self.valid_at = Some(state.step);
            return if rejected { f64::NAN } else { loss };
        }
    }

    fn interpolate(&self, time: f64, state: &State<R>, out: &mut State<R>) -> bool {
        out.clone_from(state);
        out.time = time;
        if time >= state.time {
            return true;
        }
        let s = (time - self.before.time) / self.taken;
        let h = self.taken;
        let extend = |out: &mut [R], y0: &[R], y1: &[R], component: fn(&PhasePoint<R>) -> &[R]| {
            for i in 0..out.len() {
                let (first, last) = (component(&self.k[0])[i].to_f64(), component(&self.k[6])[i].to_f64());
                let difference = y1[i].to_f64() - y0[i].to_f64();
                let start_excess = h * first - difference;
                let end_excess = difference - h * last - start_excess;
                let quartic: f64 = D.iter().zip(&self.k).map(|(d, k)| h * d * component(k)[i].to_f64()).sum();
                let value = s * (difference + (1.0 - s) * (start_excess + s * (end_excess + (1.0 - s) * quartic)));
                out[i] = R::of(y0[i].to_f64() + value);
            }
        };
        extend(&mut out.theta, &self.before.theta, &state.theta, |k| &k.theta);
        extend(&mut out.momentum, &self.before.momentum, &state.momentum, |k| &k.momentum);
        true
    }

    fn memory(&self) -> Vec<f64> {
        vec![self.proposal, self.last_error, self.attempts as f64]
    }

    fn restore(&mut self, memory: &[f64]) {
        // Earlier versions did not save the number of steps tried.
        if let [proposal, last_error, attempts @ ..] = memory {
            (self.proposal, self.last_error) = (*proposal, *last_error);
            self.attempts = attempts.first().map_or(0, |&attempts| attempts as u64);
        }
    }

    fn attempts(&self) -> u64 {
        self.attempts
    }
}
