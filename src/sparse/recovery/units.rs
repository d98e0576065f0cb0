//! The entry to every method, and problems in extreme units. Algorithms compute squares and products of up to six factors of X and y, which underflow
//! or overflow where their entries are of the order of 1e-60 or 1e60. Such a problem is solved in other units, and its
//! solution brought back. The factors are powers of two, so that the change of units itself has no rounding error.

use super::solve::iterate;
use super::{IterateSummary, RecoveryError, RecoveryMethod, RecoveryOutcome, SampleLoss, Settings, SparseProblem};
use faer::Mat;

/// Exponents of two of the largest entry of X, or of y, up to which units are kept.
const ORDINARY: i32 = 64;
/// Exponents of two beyond which a solution has no normal floating-point number.
const REPRESENTABLE: i32 = 1000;

/// Runs `method` on `problem`. `observe` is called with every iterate (d), the start included. The result does not depend
/// on the units of X and y: other units multiply the iterates (those of WoodTaylor and of stochastic I-OBS apart, whose
/// matrices are not the Hessian).
///
/// # Errors
/// [`RecoveryError`] for `k` out of range, for a method that does not apply to the problem, for a start that iterations
/// cannot leave, for solutions that are no floating-point numbers, from the steps of the method, and
/// [`RecoveryError::Interrupted`].
pub fn solve(
    problem: &SparseProblem,
    method: RecoveryMethod,
    settings: &Settings<'_>,
    observe: impl FnMut(&[f64]),
) -> Result<RecoveryOutcome, RecoveryError> {
    // Steps with the Fisher matrix depend on the units of y in another way.
    let by_fisher = matches!(method, RecoveryMethod::WoodTaylor | RecoveryMethod::StochasticObs);
    let units = Units::of(problem).filter(|units| !by_fisher || !units.has_measurements());
    match units {
        None => iterate(problem, method, settings, observe),
        Some(units) => units.solve(problem, method, settings, observe),
    }
}

/// Exponents of two of the units of a problem.
struct Units {
    design: i32,
    measurements: i32,
    loss: SampleLoss,
}

impl Units {
    /// The units of a problem where they are extreme; `None` for ordinary ones.
    fn of(problem: &SparseProblem) -> Option<Self> {
        let xt = problem.design();
        let columns = (0..problem.samples()).flat_map(|i| super::dense::sample(&xt, i));
        let design = exponent(columns.fold(0.0, |most, x| most.max(x.abs())));
        let of_y = || exponent(problem.measurements().iter().fold(0.0, |most, y| most.max(y.abs())));
        let measurements = match problem.loss() {
            // Their measurements are numbers without a unit.
            SampleLoss::Logistic | SampleLoss::Exponential => 0,
            SampleLoss::Squared => of_y(),
            // An even exponent, as the solution has the unit of the root.
            SampleLoss::QuadraticMeasurement => 2 * (of_y() / 2),
        };
        let extreme = design.abs() > ORDINARY || measurements.abs() > ORDINARY;
        extreme.then_some(Units { design, measurements, loss: problem.loss() })
    }

    /// Whether the measurements have a unit.
    fn has_measurements(&self) -> bool {
        matches!(self.loss, SampleLoss::Squared | SampleLoss::QuadraticMeasurement)
    }

    /// Exponent of the unit of the solution.
    fn solution(&self) -> i32 {
        let root = if self.loss == SampleLoss::QuadraticMeasurement { 2 } else { 1 };
        self.measurements / root - self.design
    }

    /// Exponent of the unit of f.
    fn value(&self) -> i32 {
        2 * self.measurements
    }

    /// Runs a method in units of its own.
    fn solve(
        &self,
        problem: &SparseProblem,
        method: RecoveryMethod,
        settings: &Settings<'_>,
        mut observe: impl FnMut(&[f64]),
    ) -> Result<RecoveryOutcome, RecoveryError> {
        let solution = self.solution();
        let range = || RecoveryError::Units { exponent: (f64::from(solution) * 2f64.log10()).round() as i32 };
        if solution.abs() > REPRESENTABLE {
            return Err(range());
        }
        let scaled = |v: &[f64], power: i32| v.iter().map(|&v| times_power(v, power)).collect::<Vec<f64>>();
        let xt = problem.design();
        let design = Mat::from_fn(xt.nrows(), xt.ncols(), |j, i| times_power(xt[(j, i)], -self.design));
        let y = scaled(problem.measurements(), -self.measurements);
        let truth = problem.truth().map(|truth| scaled(truth, -solution));
        let start = scaled(problem.start(), -solution);
        if truth.iter().flatten().chain(&start).any(|w| !w.is_finite()) {
            return Err(range());
        }
        let inner = SparseProblem::new(design, y, self.loss, truth)?.with_start(start)?;
        // The error is absolute where the truth is 0, and has a unit.
        let error_unit = if problem.truth_is_zero() { solution } else { 0 };
        let settings = Settings { reached: times_power(settings.reached, -error_unit), ..*settings };
        let outcome = iterate(&inner, method, &settings, |w| observe(&scaled(w, solution)))?;
        let point = |point: &IterateSummary| IterateSummary {
            value: times_power(point.value, self.value()),
            error: times_power(point.error, error_unit),
            moved: point.moved,
        };
        let w = scaled(&outcome.w, solution);
        if w.iter().any(|w| !w.is_finite()) {
            return Err(range());
        }
        Ok(RecoveryOutcome { w, curve: outcome.curve.iter().map(point).collect(), ..outcome })
    }
}

/// The exponent of two of a positive number; 0 for 0.
fn exponent(v: f64) -> i32 {
    if v > 0.0 { v.log2().floor() as i32 } else { 0 }
}

/// `v 2^power`.
fn times_power(mut v: f64, mut power: i32) -> f64 {
    // Larger powers have no floating-point number of their own.
    const LARGEST: i32 = 500;
    while power.abs() > LARGEST {
        v *= 2f64.powi(LARGEST * power.signum());
        power -= LARGEST * power.signum();
    }
    v * 2f64.powi(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_are_exact() {
        for (v, power, expected) in [
            (3.0, 4, 48.0),
            (1.0, -1022, f64::MIN_POSITIVE),
            (f64::MIN_POSITIVE, 1022, 1.0),
            (0.1, 0, 0.1),
            (5e-324, 1074, 1.0),
            (f64::MAX, -1023, f64::MAX / 2f64.powi(1000) / 2f64.powi(23)),
        ] {
            assert_eq!(times_power(v, power), expected, "{v:e} 2^{power}");
        }
        assert_eq!([0.0, 1.0, 1.9, 0.25, 5e-324].map(exponent), [0, 0, 0, -2, -1074]);
    }
}
