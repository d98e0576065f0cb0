//! Checks of every run of training: no trajectory diverged, and the energy of the limit does not rise by more than the
//! error of its step.

use super::problem::Problem;
use super::training::Trained;
use crate::analysis::step_error::{LARGEST_RATIO, Rise, StepErrors};
use crate::analysis::verdict::{Check, Verdict};
use crate::config::{Precision, Route};
use crate::dynamics::StopReason;
use crate::record::{LimitRun, Measure};

/// Largest number of diverged trajectories that the check lists.
const MAX_LISTED: usize = 5;

/// Order of the grid's scheme in the step.
const GRID_ORDER: u32 = 2;

/// Order of every method where the force jumps, at a kink of the activation.
const KINK_ORDER: f64 = 1.0;

/// The checks of every experiment.
pub fn checks(problem: &Problem<'_, f64>, trained: &Trained) -> Vec<Check> {
    [Some(diverged_check(trained).about_program()), energy_check(problem, trained)].into_iter().flatten().collect()
}

fn diverged_check(trained: &Trained) -> Check {
    let diverged: Vec<String> = trained
        .runs
        .iter()
        .filter_map(|(id, run)| match &run.stop {
            StopReason::Diverged { step, loss, .. } => Some(format!("{id} at step {step} (loss {loss:.3e})")),
            StopReason::Horizon | StopReason::Interrupted { .. } | StopReason::TooManySteps { .. } => None,
        })
        .collect();
    let mut check = Check::at_most(
        "runs-diverged",
        "every network and every limit reaches the horizon with a finite loss",
        diverged.len() as f64,
        0.0,
    );
    check.detail = match diverged.len() {
        0 => format!("{} runs", trained.runs.len()),
        n if n <= MAX_LISTED => diverged.join("; "),
        n => format!("{}; and {} more, named in manifest.json", diverged[..MAX_LISTED].join("; "), n - MAX_LISTED),
    };
    check
}

/// Without noise the energy of the limit, risk plus kinetic energy, does not rise (theory section 3, energy balance).
fn energy_check(problem: &Problem<'_, f64>, trained: &Trained) -> Option<Check> {
    let e = problem.experiment;
    if e.dynamics.temperature > 0.0 {
        return None;
    }
    let energy = |run: LimitRun| -> Vec<f64> {
        let Some(series) = trained.series(run.id()) else { return Vec::new() };
        let energies = &series.row(Measure::Risk) + &series.row(Measure::Kinetic);
        energies.into_iter().take_while(|energy| energy.is_finite()).collect()
    };
    let by_grid = e.reference.kind == Route::Grid;
    let (whole, half) = if by_grid {
        (LimitRun::Reference, LimitRun::GridHalfStep)
    } else {
        (LimitRun::HalfParticles, LimitRun::HalfStep)
    };
    let method = e.reference.method;
    let energies = Energies {
        limit: energy(LimitRun::Reference),
        whole: energy(whole),
        half: energy(half),
        half_nodes: by_grid.then(|| energy(LimitRun::HalfNodes)),
        kinetic: trained.series(half.id()).map_or(0.0, |series| {
            series.row(Measure::Kinetic).iter().copied().filter(|k| k.is_finite()).fold(0.0, f64::max)
        }),
        times: problem.times.len(),
        order: f64::from(if by_grid { GRID_ORDER } else { method.order() }),
        // The errors of steps that cross kinks, and of adaptive steps, have no common sign from time to time.
        kinks: !by_grid && !e.network.activation.kinks().is_empty(),
        uniform: !by_grid && method.is_adaptive(),
        rounding: rounding(problem),
        scale: problem.risk_scale(),
        iteration: last_difference(trained),
    };
    Some(energies.check())
}

/// The relative error that rounding leaves in an energy: sums of L terms in a chain have a relative error of at most L units of
/// rounding (Higham 2002, section 4.2). The chain is the sum over samples and outputs, that over particles, and one
/// rounding of the state for every step.
fn rounding(problem: &Problem<'_, f64>) -> f64 {
    let e = problem.experiment;
    let unit = 0.5 * if e.precision == Precision::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) };
    let steps = e.horizon.time / e.reference.step.min(e.reference.grid.map_or(f64::INFINITY, |grid| grid.step));
    let terms = problem.population.y.len() as f64 + e.reference.particles as f64 + steps;
    unit * terms
}

/// The largest last difference between iterates of the limit's predictions.
fn last_difference(trained: &Trained) -> f64 {
    let runs = [LimitRun::Reference, LimitRun::HalfParticles, LimitRun::HalfStep];
    runs.iter().filter_map(|run| trained.unconverged.get(run.id())).fold(0.0, |most, &d| most.max(d))
}

/// The energies of the limit, and of the two solutions from which the error of the step is measured. A solution that
/// diverged ends early.
struct Energies {
    /// Of the limit (times).
    limit: Vec<f64>,
    /// Of the limit with half the particles, or of the limit itself on a grid (times).
    whole: Vec<f64>,
    /// The same with half the step (times).
    half: Vec<f64>,
    /// On a grid, the limit with half the nodes (times).
    half_nodes: Option<Vec<f64>>,
    /// The largest kinetic energy, with half the step.
    kinetic: f64,
    /// Number of recording times.
    times: usize,
    /// Order of the scheme.
    order: f64,
    /// Whether the activation has kinks.
    kinks: bool,
    /// Whether the largest error over time is taken at all times.
    uniform: bool,
    /// Relative error by rounding.
    rounding: f64,
    /// Size of the risk, apart from that at the start.
    scale: f64,
    /// Last difference between iterates of the predictions.
    iteration: f64,
}

impl Energies {
    fn check(&self) -> Check {
        let (name, statement) = (
            "energy-falls",
            "the limit's energy, risk + kinetic, rises between no two recording times by more than the error of the step",
        );
        let unresolved = |reason: &str| Check::not_measured(name, statement, None, reason);
        let Some(&start) = self.limit.first() else { return unresolved("the limit was not recorded") };
        if [&self.limit, &self.whole, &self.half].iter().any(|energies| energies.len() < 2) {
            return unresolved("a limit diverged before the second recording time: there is no error of the step");
        }
        if self.limit.iter().chain(&self.whole).all(|&energy| energy == 0.0) {
            return unresolved("the energy is 0 throughout: nothing moves");
        }
        let order = if self.kinks { KINK_ORDER } else { self.order };
        let shared = self.whole.len().min(self.half.len());
        // The energy that moves: what stays in the risk has no error of the step.
        let fall = self.half[0] - self.half.iter().copied().fold(f64::INFINITY, f64::min);
        let moving = self.kinetic.max(fall).min(self.whole[0]);
        let mut errors = StepErrors::new(&self.whole[..shared], &self.half[..shared], order, moving);
        if self.kinks || self.uniform {
            errors = errors.uniform(shared);
        }
        // On a grid, nodes contribute an error too; with an order of at least 1 it is no larger than the difference
        // from half the nodes.
        let nodes = self.half_nodes.iter().flat_map(|coarse| self.whole.iter().zip(coarse));
        let nodes = nodes.map(|(fine, coarse)| (fine - coarse).abs()).fold(0.0, f64::max);
        // The loss has a derivative in the predictions of at most sqrt(2 E), or sqrt 2 where it is not half-squared.
        let iteration = self.iteration * (2.0 * start.max(1.0)).sqrt();
        let rounding = self.rounding * self.scale.max(start) + iteration;
        errors = errors.plus(&[nodes]);
        // The limit has other particles than the two solutions: its error has the same size and another course.
        let of_limit =
            if self.half_nodes.is_some() { errors.clone() } else { errors.clone().uniform(self.limit.len()) };
        let known = self.limit.len().min(of_limit.errors.len());
        let rises =
            [errors.worst_rise(&self.whole[..shared], rounding), of_limit.worst_rise(&self.limit[..known], rounding)];
        let worst = if rises[0].excess() > rises[1].excess() { rises[0] } else { rises[1] };
        let Rise { rise, allowed, .. } = worst;
        let mut check = Check::at_most(name, statement, rise, allowed);
        check.detail = format!(
            "largest rise {rise:.3e}, allowed {allowed:.3e}: the error of the step, by half the step, is at most {:.1e}; energy {start:.4} at the start, {:.4} at the end",
            errors.largest(),
            self.limit[self.limit.len() - 1]
        );
        if check.verdict == Verdict::Fails && !errors.resolved() {
            check.detail += &format!(
                "; half the step changes the energy by so much (terms of the error decrease by {:.2}, above {LARGEST_RATIO}) that the step is too long for an estimate of its error: take a smaller reference.step",
                errors.ratio
            );
        }
        if check.verdict == Verdict::Holds && shared.min(self.limit.len()) < self.times {
            return unresolved("a limit diverged: its energy is known up to then, and did not rise");
        }
        check
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::series::Series;
    use crate::run::training::TrainedRun;
    use ndarray::Array2;

    /// Energies that fall from 1 as `exp(-t)`, beside errors of the step of order 2 that oscillate.
    fn right() -> Energies {
        let course = |h: f64| -> Vec<f64> {
            let at = |k: u32| f64::from(k) / 10.0;
            (0..11).map(|k| (-at(k)).exp() + h * h * (3.0 * at(k)).sin()).collect()
        };
        Energies {
            limit: course(0.1),
            whole: course(0.1),
            half: course(0.05),
            half_nodes: None,
            kinetic: 0.5,
            times: 11,
            order: 2.0,
            kinks: false,
            uniform: false,
            rounding: 1e-13,
            scale: 1.0,
            iteration: 0.0,
        }
    }

    fn with(change: impl Fn(usize, f64) -> f64, e: Energies) -> Energies {
        let changed = |v: &[f64]| v.iter().enumerate().map(|(k, &v)| change(k, v)).collect();
        Energies { limit: changed(&e.limit), whole: changed(&e.whole), half: changed(&e.half), ..e }
    }

    #[test]
    fn energies_of_a_right_scheme_hold() {
        assert_eq!(right().check().verdict, Verdict::Holds);
        // Conserved but for the step, with kinks, with an adaptive method.
        for (kinks, uniform) in [(false, false), (true, false), (false, true)] {
            let flat = with(|k, v| v + 1.0 - (-(k as f64) / 10.0).exp(), right());
            let check = Energies { kinks, uniform, ..flat }.check();
            assert_eq!(check.verdict, Verdict::Holds, "{}", check.detail);
            assert!(check.measured > 1e-3, "the step makes it rise: {}", check.detail);
        }
    }

    /// What no step size explains: an energy that rises in the solution with half the step as well.
    #[test]
    fn energies_that_rise_fail() {
        let rising = with(|k, v| v + 1.2 * (k as f64 / 10.0), right()).check();
        assert_eq!(rising.verdict, Verdict::Fails, "{}", rising.detail);
        // A single jump, smaller than a hundredth of the energy, in the limit alone.
        let mut jump = with(|k, v| v + 1.0 - (-(k as f64) / 10.0).exp(), right());
        jump.limit.iter_mut().skip(6).for_each(|v| *v += 0.06);
        assert_eq!(jump.check().verdict, Verdict::Fails);
        // A step beyond stability: only the solution with half the step is stable.
        let mut unstable = right();
        for (k, v) in unstable.limit.iter_mut().zip(&mut unstable.whole).map(|(a, b)| [a, b]).enumerate() {
            v.into_iter().for_each(|v| *v = 1.5_f64.powi(k as i32));
        }
        let check = unstable.check();
        assert_eq!(check.verdict, Verdict::Fails, "{}", check.detail);
        assert!(check.detail.contains("smaller reference.step"));
    }

    #[test]
    fn what_has_no_energy_is_not_resolved() {
        let still = with(|_, _| 0.0, right()).check();
        assert!(still.verdict == Verdict::NotResolved && still.measured.is_nan(), "{still:?}");
        let short = Energies { half: vec![1.0], ..right() }.check();
        assert_eq!(short.verdict, Verdict::NotResolved);
        assert!(short.detail.contains("diverged"));
        let ended = Energies { half: right().half[..5].to_vec(), ..right() }.check();
        assert_eq!(ended.verdict, Verdict::NotResolved, "{}", ended.detail);
        // Divergence does not hide a rise.
        let cut = |v: &[f64]| v[..5].to_vec();
        let rising = with(|k, v| v + k as f64, right());
        let ended =
            Energies { half: cut(&rising.half), whole: cut(&rising.whole), limit: cut(&rising.limit), ..rising };
        assert_eq!(ended.check().verdict, Verdict::Fails);
    }

    #[test]
    fn a_diverged_run_fails_and_is_named() {
        let run = |stop| TrainedRun { stop, series: Series::from_values(&[], Array2::zeros((0, 1))).unwrap() };
        let mut trained = Trained::default();
        trained.runs.insert("n8-s0".into(), run(StopReason::Horizon));
        assert_eq!(diverged_check(&trained).verdict, Verdict::Holds);
        trained.runs.insert("n8-s1".into(), run(StopReason::Diverged { step: 3, time: 0.3, loss: 1e9 }));
        let check = diverged_check(&trained);
        assert_eq!((check.verdict, check.measured), (Verdict::Fails, 1.0));
        assert!(check.detail.contains("n8-s1 at step 3"), "{}", check.detail);
    }
}
