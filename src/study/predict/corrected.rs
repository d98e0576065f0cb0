//! Means over networks, corrected by the predictions of single networks as control variates, and their exponents.
//!
//! Corrected estimates measure how finite networks deviate from their limit; they do not enter the checks of
//! predictions, whose measured means are plain.

use super::networks::{NetworkPredictions, NetworkStarts};
use super::{CorrectedRecord, NetworkArrays, NetworkRecord};
use crate::analysis::control::{ControlledMeans, MIN_SEEDS};
use crate::analysis::fit::{
    Bootstrap, ErrorCombination, FitFailure, SlopeFit, Statistic, fit_corrected_slope, fit_slope,
};
use crate::analysis::verdict::{Check, Exponent};
use crate::choice::choice;
use crate::config::Route;
use crate::record::npz::shaped;
use crate::record::{FitRecord, LimitRun, Measure, RunFolder};
use crate::run::context::RunError;
use crate::run::groups::{abscissa, group_series, reference_errors};
use crate::run::study::TrainingSubject;
use ndarray::{Array1, Array2, ArrayView2, Axis, s};

/// Largest half-width of an interval that resolves the exponent, as for squared gaps in the gap study.
const RESOLUTION: f64 = 0.35;

choice! {
    /// A mean over networks that is corrected; the name is the end of the name of its check.
    pub enum CorrectedQuantity: "quantity" {
        /// Mean square distance of the predictions at the end.
        Function = "function",
        /// Mean gap of the risk at the end.
        Loss = "loss",
    }
}

impl CorrectedQuantity {
    /// The statement of its check.
    fn statement(self) -> &'static str {
        match self {
            CorrectedQuantity::Function => {
                "the mean of |f_N - f_rho|^2 at T, corrected by the prediction for every network, falls at least as 1/N - 1/M"
            }
            CorrectedQuantity::Loss => {
                "the mean of R(f_N) - R(rho) at T, corrected by the prediction for every network, falls at least as 1/N - 1/M"
            }
        }
    }

    fn check_name(self) -> String {
        format!("predict-corrected-{self}")
    }
}

/// The networks with their predictions.
pub(super) struct CorrectedComparison<'a> {
    subject: TrainingSubject<'a>,
    starts: NetworkStarts<'a>,
    found: NetworkPredictions,
}

/// A measured quantity (rows, seeds).
struct MeasuredTable {
    table: Array2<f64>,
    /// What the finite step of the networks adds to its mean.
    step_offset: f64,
    /// The error of the reference in it.
    error: f64,
}

impl<'a> CorrectedComparison<'a> {
    /// Writes `records/predict-networks.npz` and `records/predict-networks.json` where single networks were predicted;
    /// returns the checks.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn checks(
        subject: TrainingSubject<'a>,
        starts: Result<Option<NetworkStarts<'a>>, String>,
        found: Option<NetworkPredictions>,
        folder: &RunFolder,
    ) -> Result<Vec<Check>, RunError> {
        let (starts, found) = match (starts, found) {
            (Ok(Some(starts)), Some(found)) => (starts, found),
            (Err(why), _) => {
                use crate::choice::Choice;
                let missing = |quantity: &CorrectedQuantity| {
                    Check::not_measured(quantity.check_name(), quantity.statement(), Some(-1.0), why.clone())
                };
                return Ok(CorrectedQuantity::ALL.iter().map(missing).collect());
            }
            (Ok(_), _) => return Ok(Vec::new()),
        };
        let comparison = CorrectedComparison { subject, starts, found };
        let function = comparison.correct(CorrectedQuantity::Function);
        let loss = comparison.correct(CorrectedQuantity::Loss);
        comparison.arrays(&function, &loss).write(folder)?;
        let record = NetworkRecord {
            widths: comparison.widths(),
            control_starts: comparison.starts.control_starts(),
            vector_error: comparison.vector_errors(),
            corrected: vec![function.record, loss.record],
        };
        record.write(folder)?;
        Ok(vec![function.check, loss.check])
    }

    fn widths(&self) -> Vec<f64> {
        self.starts.rows.iter().map(|&row| self.starts.group.values[row]).collect()
    }

    /// What the networks show.
    fn measured(&self, quantity: CorrectedQuantity) -> MeasuredTable {
        let TrainingSubject { problem, trained, .. } = self.subject;
        let measure = match quantity {
            CorrectedQuantity::Function => Measure::Function,
            CorrectedQuantity::Loss => Measure::Risk,
        };
        let series = group_series(problem, self.starts.group, trained);
        let last = problem.times.len() - 1;
        let cube = series.measure(measure).expect("recorded of every network");
        let at_end = cube.slice(s![.., .., last]).select(Axis(0), &self.starts.rows);
        let limit = |run: LimitRun| trained.series(run.id()).map(|series| series.row(measure)[last]);
        let errors = reference_errors(problem, trained);
        let error_of = |measure: Measure| {
            let error = errors.get(&measure).copied().unwrap_or_default();
            // The nodes of a grid are not part of the abscissa, as the particles of a cloud are.
            let by_grid = problem.experiment.reference.kind == Route::Grid;
            if by_grid { error.same_particles().hypot(error.particles) } else { error.same_particles() }
        };
        match quantity {
            CorrectedQuantity::Function => MeasuredTable {
                table: at_end.mapv(|v| v * v),
                step_offset: limit(LimitRun::TrainingStep).map_or(0.0, |v| v * v),
                error: error_of(Measure::Function).powi(2),
            },
            CorrectedQuantity::Loss => {
                let reference = limit(LimitRun::Reference).unwrap_or(f64::NAN);
                let step = limit(LimitRun::TrainingStep).zip(limit(LimitRun::HalfParticles));
                MeasuredTable {
                    table: at_end.mapv(|v| v - reference),
                    step_offset: step.map_or(0.0, |(step, half)| step - half),
                    error: error_of(Measure::RiskGap),
                }
            }
        }
    }

    /// The predictions (rows, seeds), and the estimates of N times their mean (seeds).
    fn predicted(&self, quantity: CorrectedQuantity) -> (Array2<f64>, Array1<f64>) {
        let (rows, means) = match quantity {
            CorrectedQuantity::Function => (&self.found.function, &self.found.function_mean),
            CorrectedQuantity::Loss => (&self.found.risk, &self.found.risk_mean),
        };
        (self.table(rows), Array1::from(means.clone()))
    }

    fn table(&self, rows: &[Vec<f64>]) -> Array2<f64> {
        shaped((rows.len(), self.starts.seeds()), rows.concat())
    }

    fn correct(&self, quantity: CorrectedQuantity) -> Corrected {
        let MeasuredTable { table: measured, step_offset, error } = self.measured(quantity);
        let (predicted, means) = self.predicted(quantity);
        let scale = |row: usize| match (quantity, self.starts.control_scales(row)) {
            (CorrectedQuantity::Function, (scale, _)) | (CorrectedQuantity::Loss, (_, scale)) => scale,
        };
        let of_networks = Array2::from_shape_fn(measured.dim(), |(row, seed)| scale(row) * means[seed]);
        let controlled = ControlledMeans::new(measured.view(), predicted.view(), of_networks.view());
        let x: Vec<f64> = {
            let all = abscissa(self.subject.problem, self.starts.group);
            self.starts.rows.iter().map(|&row| all[row]).collect()
        };
        let fit = |table: ArrayView2<f64>, from: usize| -> Result<SlopeFit, FitFailure> {
            let bootstrap = Bootstrap::new(self.subject.problem.experiment.seed, 0);
            fit_slope(&x[from..], table.slice(s![from.., ..]), Statistic::Mean, &bootstrap)
        };
        let (plain, corrected) = (&measured - step_offset, &controlled.corrected - step_offset);
        let fits = [fit(plain.view(), 0), fit(corrected.view(), 0)];
        let statement = quantity.statement();
        let exponent = Exponent::at_most(-1.0).resolution(RESOLUTION).error(error, ErrorCombination::Sum);
        let check = if self.starts.seeds() < MIN_SEEDS {
            let why = format!("{} seeds: the correction needs at least {MIN_SEEDS}", self.starts.seeds());
            Check::not_measured(quantity.check_name(), statement, Some(-1.0), why)
        } else {
            let check = Check::exponent(quantity.check_name(), statement, &exponent, &fits[1]);
            // The next order in 1/N is no deviation from the exponent.
            let bootstrap = Bootstrap::new(self.subject.problem.experiment.seed, 0);
            let beside = fit_corrected_slope(&x, corrected.view(), Statistic::Mean, &bootstrap);
            let check = check.or_pre_asymptotic("smallest width", &fit(corrected.view(), 1.min(x.len())));
            let check = check.or_corrected(beside.as_ref());
            check.unless(self.subject.plan.dependence(self.starts.group))
        };
        let [plain_fit, corrected_fit] = fits;
        let name = quantity.to_string();
        let group = &self.starts.group.name;
        let (plain, plain_error) = means_with_errors(plain.view());
        let (corrected, corrected_error) = means_with_errors(corrected.view());
        let record = CorrectedRecord {
            step_offset,
            correlation: controlled.correlation,
            slope: controlled.slope,
            plain,
            plain_error,
            corrected,
            corrected_error,
            plain_fit: FitRecord::of(group, &name, -1.0, &plain_fit).with_error(Some(error)),
            corrected_fit: FitRecord::of(group, &name, -1.0, &corrected_fit).with_error(Some(error)),
            quantity: name,
        };
        Corrected { measured, predicted, corrected: controlled.corrected, means, record, check }
    }

    /// Root mean square over seeds of the error of the predicted vector, over that of the measured one.
    fn vector_errors(&self) -> Vec<f64> {
        let finite_sum = |row: &[f64]| row.iter().filter(|v| v.is_finite()).sum::<f64>();
        let pairs = self.found.error_square.iter().zip(&self.found.measured_square);
        pairs.map(|(error, measured)| (finite_sum(error) / finite_sum(measured)).sqrt()).collect()
    }

    fn arrays(&self, function: &Corrected, loss: &Corrected) -> NetworkArrays {
        NetworkArrays {
            widths: Array1::from(self.widths()),
            scales: Array1::from(self.starts.scales.clone()),
            function_measured: function.measured.clone(),
            function_predicted: function.predicted.clone(),
            function_corrected: function.corrected.clone(),
            function_mean: function.means.clone(),
            loss_measured: loss.measured.clone(),
            loss_predicted: loss.predicted.clone(),
            loss_corrected: loss.corrected.clone(),
            loss_mean: loss.means.clone(),
            vector_square: self.table(&self.found.measured_square),
            vector_error_square: self.table(&self.found.error_square),
        }
    }
}

/// A corrected quantity.
struct Corrected {
    measured: Array2<f64>,
    predicted: Array2<f64>,
    corrected: Array2<f64>,
    means: Array1<f64>,
    record: CorrectedRecord,
    check: Check,
}

/// Means over the finite values of every row, and their standard errors.
fn means_with_errors(table: ArrayView2<f64>) -> (Vec<f64>, Vec<f64>) {
    let row = |row: ndarray::ArrayView1<f64>| {
        let finite: Vec<f64> = row.iter().copied().filter(|v| v.is_finite()).collect();
        let count = finite.len() as f64;
        let mean = finite.iter().sum::<f64>() / count;
        let squares: f64 = finite.iter().map(|v| (v - mean).powi(2)).sum();
        (mean, (squares / (count - 1.0) / count).sqrt())
    };
    table.outer_iter().map(row).unzip()
}
