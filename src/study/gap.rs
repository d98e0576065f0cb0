//! The gap study: how far finite networks are from their limit, and how that distance scales.
//!
//! Theory section 5 (WKM, finite width against mean field). Every statement is about the sup over recording times of a
//! distance, per seed; a slope is fitted to a statistic over seeds with a bootstrap interval. Along the width the
//! abscissa is `1 / (1/N - 1/M)`: a network that starts as a window of the limit's own M particles has expected square
//! gap `c (1/N - 1/M)`. Along step and batch a network is compared with the limit of exactly its own particles, so that
//! the width plays no part.

use super::plan::{
    GRID_HALF_STEP, Group, HALF_NODES, HALF_PARTICLES, HALF_SAMPLE, HALF_STEP, Plan, REFERENCE, TRAINING_STEP, by_route,
};
use super::problem::Problem;
use super::series::{row, sup};
use super::training::Trained;
use super::{RunError, Setting, grid_limit, routes};
use crate::analysis::bound::{BoundBand, BoundForm, drift, drift_check};
use crate::analysis::fit::{Bootstrap, FitFailure, SlopeFit, Statistic, fit_slope};
use crate::analysis::verdict::{Check, Exponent};
use crate::config::{BatchSize, Experiment, Route};
use crate::dynamics::StopReason;
use crate::record::npz::Arrays;
use crate::record::{Axis, FitRecord, GapRecord, GroupRecord, ReferenceError, RunFolder};
use ndarray::{Array2, Array3, ArrayView1, s};
use std::collections::BTreeMap;

/// A gap within this multiple of the reference's own error is not resolved.
const RESOLVED: f64 = 3.0;

/// Writes the study's records into the folder and returns its checks.
pub fn study(
    problem: &Problem<'_, f64>,
    plan: &Plan,
    trained: &Trained,
    setting: &Setting<'_>,
) -> Result<Vec<Check>, RunError> {
    let (e, folder) = (problem.experiment, setting.folder);
    let parameters = problem.network.neuron_parameters();
    write_reference(plan, problem, trained, folder)?;
    let reference = reference_errors(problem, trained);
    let mut checks = routes::checks(e, trained);
    let mut record = GapRecord { reference, fits: Vec::new(), bound: None, groups: Vec::new() };
    for (index, group) in plan.groups.iter().enumerate() {
        let table = Measured::collect(problem, group, trained);
        table.write(e, folder)?;
        record.groups.push(table.record(trained));
        if e.gap.is_some() {
            table.study(e, parameters, index as u64, &mut record, &mut checks);
        }
    }
    folder.write_json("records/gap.json", &record)?;
    Ok(checks)
}

/// The reference's own error in every distance.
fn reference_errors(problem: &Problem<'_, f64>, trained: &Trained) -> BTreeMap<String, ReferenceError> {
    let e = problem.experiment;
    // A grid has nodes where a cloud has particles.
    let (coarse, fine) =
        if e.reference.kind == Route::Grid { (HALF_NODES, GRID_HALF_STEP) } else { (HALF_PARTICLES, HALF_STEP) };
    let by_law = e.reference.kind == Route::Grid && grid_limit::radial_of(e).is_some();
    let error = |id: &str, row: usize| trained.series(id).map_or(0.0, |series| sup(series.row(row).iter().copied()));
    let errors = |row: usize, measure: &str| ReferenceError {
        particles: error(coarse, row),
        step: error(fine, row),
        // The radial reduction solves for the law: no sample stands for it.
        sample: if by_law { 0.0 } else { error(HALF_SAMPLE, row) },
        training_step: error(TRAINING_STEP, row),
        iteration: if measure == "function" { trained.unconverged.get(REFERENCE).copied().unwrap_or(0.0) } else { 0.0 },
    };
    let compared = problem.measures.iter().enumerate().skip(row("coupling_max"));
    compared.map(|(row, measure)| (measure.clone(), errors(row, measure))).collect()
}

/// `records/reference.npz`: the limit's own series, and those of its halved versions against it.
fn write_reference(
    plan: &Plan,
    problem: &Problem<'_, f64>,
    trained: &Trained,
    folder: &RunFolder,
) -> Result<(), RunError> {
    let mut arrays = Arrays::default();
    let times = &problem.times;
    arrays.push("times", &[times.len()], times.clone());
    let runs = [
        ("", REFERENCE),
        ("half_particles_", HALF_PARTICLES),
        ("half_step_", HALF_STEP),
        ("half_sample_", HALF_SAMPLE),
        ("training_step_", TRAINING_STEP),
        ("half_nodes_", HALF_NODES),
        ("grid_half_step_", GRID_HALF_STEP),
        ("by_particles_", &by_route(Route::Particles)),
        ("by_picard_", &by_route(Route::Picard)),
        ("by_grid_", &by_route(Route::Grid)),
    ];
    for (prefix, id) in runs {
        let (Some(series), Some(run)) = (trained.series(id), plan.find(id)) else { continue };
        let compared = run.compare.is_some();
        let own = if compared { problem.measures.len() } else { row("coupling_max") };
        for (row, measure) in problem.measures.iter().enumerate().take(own) {
            arrays.push(format!("{prefix}{measure}"), &[times.len()], series.row(row).to_vec());
        }
    }
    Ok(arrays.write(&folder.file("records/reference.npz"))?)
}

/// A group's measurements, (values, seeds, times) per measure.
struct Measured<'a> {
    group: &'a Group,
    measures: &'a [String],
    abscissa: Vec<f64>,
    tables: Vec<Array3<f64>>,
}

impl<'a> Measured<'a> {
    fn collect(problem: &'a Problem<'_, f64>, group: &'a Group, trained: &Trained) -> Self {
        let (e, measures) = (problem.experiment, &problem.measures[..]);
        let (values, seeds) = (group.ids.len(), group.ids.first().map_or(0, Vec::len));
        let shape = (values, seeds, e.horizon.records + 1);
        let mut tables = vec![Array3::from_elem(shape, f64::NAN); measures.len()];
        for (v, ids) in group.ids.iter().enumerate() {
            for (seed, id) in ids.iter().enumerate() {
                let Some(series) = trained.series(id) else { continue };
                for (table, row) in tables.iter_mut().zip(series.rows()) {
                    table.slice_mut(s![v, seed, ..]).assign(&row);
                }
            }
        }
        // The grid is the limit itself.
        let m = if e.reference.kind == Route::Grid { f64::INFINITY } else { e.reference.particles as f64 };
        let abscissa = match group.axis {
            Axis::Width => group.values.iter().map(|n| 1.0 / (1.0 / n - 1.0 / m)).collect(),
            Axis::Step | Axis::Batch | Axis::Variant => group.values.clone(),
        };
        Measured { group, measures, abscissa, tables }
    }

    /// `records/GROUP.npz`.
    fn write(&self, e: &Experiment, folder: &RunFolder) -> Result<(), RunError> {
        let mut arrays = Arrays::default();
        let times = e.horizon.times();
        arrays.push("values", &[self.group.values.len()], self.group.values.clone());
        arrays.push("abscissa", &[self.abscissa.len()], self.abscissa.clone());
        arrays.push("times", &[times.len()], times);
        for (measure, table) in self.measures.iter().zip(&self.tables) {
            arrays.push(measure, table.shape(), table.iter().copied().collect());
        }
        for measure in &self.measures[row("coupling_max")..] {
            let sup = self.sup(measure);
            arrays.push(format!("sup_{measure}"), sup.shape(), sup.iter().copied().collect());
        }
        Ok(arrays.write(&folder.file(&format!("records/{}.npz", self.group.name)))?)
    }

    fn record(&self, trained: &Trained) -> GroupRecord {
        let diverged = |id: &&String| matches!(trained.runs.get(*id), Some((StopReason::Diverged { .. }, _)));
        GroupRecord {
            name: self.group.name.clone(),
            axis: self.group.axis,
            values: self.group.values.clone(),
            abscissa: self.abscissa.clone(),
            width: self.group.width,
            step: self.group.step,
            batch: if let BatchSize::Size(size) = self.group.batch { Some(size) } else { None },
            diverged: self.group.ids.iter().flatten().filter(diverged).cloned().collect(),
        }
    }

    /// Sup over time per value and seed; NaN where the network diverged.
    fn sup(&self, measure: &str) -> Array2<f64> {
        let row = self.measures.iter().position(|m| m == measure).expect("a measure of the list");
        let table = &self.tables[row];
        let lanes = table.lanes(ndarray::Axis(2));
        let (values, seeds, _) = table.dim();
        let sups: Vec<f64> = lanes.into_iter().map(|lane| sup(lane.iter().copied())).collect();
        Array2::from_shape_vec((values, seeds), sups).expect("one lane per value and seed")
    }

    /// The root mean square over seeds of the sup over time, per width.
    fn typical(&self, measure: &str) -> Vec<(f64, f64)> {
        let mean_square = |row: ArrayView1<f64>| row.iter().map(|v| v * v).sum::<f64>() / row.len() as f64;
        let table = self.sup(measure);
        self.group.values.iter().zip(table.outer_iter()).map(|(&n, row)| (n, mean_square(row).sqrt())).collect()
    }

    /// What the bound is about: the largest coupling distance, or the loss gap where the limit has no particles to be coupled to.
    fn bounded(&self) -> (&'static str, &'static str) {
        let coupled = self.tables[row("coupling_max")].iter().any(|v| v.is_finite());
        if coupled { ("coupling_max", "max coupling distance") } else { ("risk_gap", "sup_t |R(f_N) - R(rho)|") }
    }

    fn study(&self, e: &Experiment, parameters: usize, salt: u64, record: &mut GapRecord, checks: &mut Vec<Check>) {
        let resamples = e.gap.as_ref().map_or(0, |gap| gap.resamples);
        let bootstrap = Bootstrap { resamples, ..Bootstrap::new(e.seed, salt) };
        let mut study = Study { measured: self, bootstrap, record, checks };
        match (self.group.axis, self.group.batch) {
            (Axis::Width, BatchSize::Full) => study.widths(),
            (Axis::Width, BatchSize::Size(_)) => {
                let form =
                    BoundForm::width_and_step(e.dynamics.step, parameters as f64, &self.typical(self.bounded().0));
                study.bound(form);
            }
            (Axis::Step, BatchSize::Full) => study.full_steps(),
            (Axis::Step, BatchSize::Size(size)) => study.sampled_steps(size),
            (Axis::Batch, _) => study.batches(),
            (Axis::Variant, _) => {}
        }
    }
}

/// The statements about one group.
struct Study<'a> {
    measured: &'a Measured<'a>,
    bootstrap: Bootstrap,
    record: &'a mut GapRecord,
    checks: &'a mut Vec<Check>,
}

impl Study<'_> {
    fn fit(&mut self, measure: &str, statistic: Statistic, expected: f64) -> Fitted {
        let table = self.measured.sup(measure);
        let fit = fit_slope(&self.measured.abscissa, table.view(), statistic, &self.bootstrap);
        self.record.fits.push(FitRecord::of(&self.measured.group.name, measure, expected, &fit));
        let smallest = table.iter().copied().filter(|v| v.is_finite()).fold(f64::INFINITY, f64::min);
        Fitted { fit, smallest }
    }

    fn name(&self, what: &str) -> String {
        format!("{}-{what}", self.measured.group.name)
    }

    fn error(&self, measure: &str) -> ReferenceError {
        self.record.reference.get(measure).copied().unwrap_or_default()
    }

    /// The check of a law along the width, which holds for large widths only.
    fn width_check(
        &mut self,
        (what, statement): (&str, &str),
        (measure, statistic): (&str, Statistic),
        exponent: Exponent,
        blur: f64,
        check: fn(String, String, &Result<SlopeFit, FitFailure>, Exponent) -> Check,
    ) {
        let fitted = self.fit(measure, statistic, exponent.expected);
        let rule = exponent.near_reference(fitted.near(blur));
        let name = self.name(what);
        let whole = check(name.clone(), statement.into(), &fitted.fit, rule);
        let (x, table) = (&self.measured.abscissa[1..], self.measured.sup(measure));
        let tail = fit_slope(x, table.slice(s![1.., ..]), statistic, &self.bootstrap);
        self.checks.push(whole.or_not_yet_reached(&check(name, statement.into(), &tail, rule)));
    }

    fn widths(&mut self) {
        self.width_check(
            ("function", "E sup_t |f_N - f_rho|^2 ~ c (1/N - 1/M)"),
            ("function", Statistic::MeanSquare),
            Exponent::new(-1.0),
            self.error("function").total(),
            Check::exponent_equals,
        );
        self.width_check(
            ("coupling-rms", "rms coupling distance ~ N^(-1/2)"),
            ("coupling_rms", Statistic::RootMeanSquare),
            Exponent::new(-0.5).resolution(0.15),
            self.error("coupling_rms").total(),
            Check::exponent_equals,
        );
        // Where there are several kinds of unit, each for itself.
        for measure in &self.measured.measures[row("wasserstein") + 1..] {
            let Some(family) = measure.strip_prefix("coupling_rms_") else { continue };
            self.width_check(
                (
                    &format!("coupling-{family}"),
                    &format!("rms coupling distance of the units of family '{family}' ~ N^(-1/2)"),
                ),
                (measure, Statistic::RootMeanSquare),
                Exponent::new(-0.5).resolution(0.15),
                self.error(measure).total(),
                Check::exponent_equals,
            );
        }
        self.width_check(
            ("loss", "sup_t |R(f_N) - R(rho)| falls at least as N^(-1/2)"),
            ("risk_gap", Statistic::RootMeanSquare),
            Exponent::new(-0.5).resolution(0.15),
            self.error("risk_gap").total(),
            Check::exponent_at_most,
        );
        self.width_check(
            ("wasserstein", "sup_t sliced W2(rho_N, rho) falls at least as N^(-1/2)"),
            ("wasserstein", Statistic::RootMeanSquare),
            // Quantile fluctuations in the tails add a slowly varying factor to the square root.
            Exponent::new(-0.5).resolution(0.15).slack(0.05),
            self.error("wasserstein").total(),
            Check::exponent_at_most,
        );
        self.bound(BoundForm::Width);
    }

    /// The largest coupling distance, or the loss gap, keeps to the bound's form in N.
    fn bound(&mut self, form: BoundForm) {
        let (measure, distance) = self.measured.bounded();
        let fitted = self.fit(measure, Statistic::RootMeanSquare, -0.5);
        let group = self.measured.group;
        let table = self.measured.sup(measure);
        let points: Vec<(f64, f64)> = table
            .outer_iter()
            .zip(&group.values)
            .flat_map(|(row, &n)| row.iter().map(|&gap| (n, gap)).collect::<Vec<_>>())
            .collect();
        self.record.bound = BoundBand::envelope(&points, form).ok();
        if matches!(form, BoundForm::WidthAndStep { .. }) && group.values.len() < 3 {
            // The proportion of the two terms is fitted: through two widths any data would pass.
            let (statement, why) = ("the bound's two terms, in a fitted proportion", "needs at least 3 widths");
            self.checks.push(Check::not_measured(self.name("bound-form"), statement, Some(0.0), why));
            return;
        }
        let drift = drift(&group.values, table.view(), form, Statistic::RootMeanSquare, &self.bootstrap);
        let statement = match form {
            BoundForm::Width => format!("{distance} over (sqrt(log N) + z)/sqrt(N) does not grow with N"),
            _ => format!("{distance} over the bound's two terms (fitted proportion) does not grow with N"),
        };
        let near = fitted.near(self.error(measure).total());
        self.checks.push(drift_check(self.name("bound-form"), statement, &drift, form, near));
    }

    fn full_steps(&mut self) {
        for (measure, what) in [("function", "function"), ("coupling_rms", "coupling-rms")] {
            let fitted = self.fit(measure, Statistic::Mean, 1.0);
            let near = fitted.near(self.error(measure).same_particles());
            let statement = format!("full gradient: sup_t {what} gap ~ eps (to 0.1, as steps are finite)");
            // Without sampling noise the interval over seeds is tiny, and the next order in eps is not in it.
            let rule = Exponent::new(1.0).slack(0.1).near_reference(near);
            self.checks.push(Check::exponent_equals(self.name(what), statement, &fitted.fit, rule));
        }
    }

    fn sampled_steps(&mut self, size: usize) {
        let fitted = self.fit("function", Statistic::MeanSquare, 1.0);
        let near = fitted.near(self.error("function").same_particles());
        let samples = if size == 1 { "one sample".to_string() } else { format!("{size} samples") };
        let statement = format!("{samples} a step: E sup_t |f_N - f_rho|^2 ~ eps");
        let rule = Exponent::new(1.0).near_reference(near);
        self.checks.push(Check::exponent_equals(self.name("function"), statement, &fitted.fit, rule));
    }

    fn batches(&mut self) {
        let fitted = self.fit("function", Statistic::MeanSquare, -1.0);
        let near = fitted.near(self.error("function").same_particles());
        let statement = "B samples a step: E sup_t |f_N - f_rho|^2 ~ 1/B";
        let rule = Exponent::new(-1.0).near_reference(near);
        self.checks.push(Check::exponent_equals(self.name("function"), statement, &fitted.fit, rule));
    }
}

/// A fit, and the smallest gap behind it.
struct Fitted {
    fit: Result<SlopeFit, FitFailure>,
    smallest: f64,
}

impl Fitted {
    /// Whether a fitted point comes near the reference's own error.
    fn near(&self, error: f64) -> bool {
        match &self.fit {
            Ok(fit) => fit.near_reference(error),
            Err(_) => self.smallest < RESOLVED * error,
        }
    }
}
