//! The table `[picard]`.

use crate::config::study::StudyTable;
use crate::config::{
    Allowed, Experiment, KeyErrors, MAX_ITERATES, NEEDS_INDEPENDENT_UNITS, NetworkKind, PicardSpec, Precision, Section,
    require_windows,
};
use crate::record::RunFolder;
use crate::run::about::About;
use crate::run::context::{FiguresError, Findings, Outcome, RunContext, RunError};
use crate::run::curve::Curve;
use crate::run::memory::{IterationSizes, picard_iteration_bytes};
use crate::run::study::{NamedFigure, Study, StudyKind, StudyMemory, TrainingSizes, TrainingSubject};
use serde::Serialize;

/// The trajectory map of the existence proof and the convergence of its iterates (theory section 3).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Picard {
    /// Number of particles.
    pub particles: usize,
    /// Numbers of windows of the horizon; one iteration for each.
    pub windows: Vec<usize>,
    /// Largest number of iterates per window.
    pub iterates: usize,
    /// Convergence criterion of a window, as [`PicardSpec::tolerance`].
    pub tolerance: f64,
}

impl StudyTable<Experiment> for Picard {
    fn validate(&self, e: &Experiment, errors: &KeyErrors) {
        if e.network.kind == NetworkKind::ThreeLayer {
            errors.add("picard", None, NEEDS_INDEPENDENT_UNITS);
        }
        require_windows(e, "picard.windows", Some(format!("{:?}", self.windows)), &self.windows, errors);
    }
}

impl Study<Experiment> for Picard {
    /// The first iterations have the longest windows; they run in parallel, each with the trajectories with which it is
    /// compared.
    fn memory(&self, sizes: TrainingSizes<'_>) -> StudyMemory {
        let e = sizes.experiment;
        let per_node = sizes.samples * sizes.outputs;
        // Studies compute in double precision.
        let state = sizes.network.state_len_f64(self.particles) * 8.0;
        // The trajectory of the particles, that with half the step, which doubles as it grows, and its shared times.
        let trajectories = 6.0 * (e.horizon.time / e.reference.step + 1.0) * per_node * 8.0;
        let pass = sizes.network.work_bytes(self.particles.min(1 << 28), (sizes.samples as usize).min(1 << 28), 8);
        let particles =
            8.0 * (6.0 + e.reference.method.work_arrays() as f64) * sizes.network.state_len_f64(self.particles);
        let first = self.windows.iter().take(rayon::current_num_threads());
        let iteration = |&windows| {
            let (step, width, scalar) = (e.reference.step, self.particles, 8.0);
            picard_iteration_bytes(e, IterationSizes { windows, step, width, state, per_node, scalar, ranks: 1.0 })
        };
        let each = trajectories + pass + particles;
        let shared = first.map(|windows| iteration(windows) + each).sum();
        StudyMemory { shared, keys: &["picard.particles", "picard.windows"], ..StudyMemory::default() }
    }

    fn has_tasks(&self) -> bool {
        true
    }

    fn run(&self, subject: TrainingSubject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError> {
        super::study::run(self, subject, context)
    }
}

impl StudyKind<Experiment> for Picard {
    const NAME: &'static str = "picard";
    const ABOUT: About = super::about::ABOUT;

    fn read(mut s: Section<'_>, experiment: &Experiment) -> Self {
        // Studies compute in double precision.
        let defaults = PicardSpec::of(Precision::F64);
        let study = Picard {
            particles: s.count("particles", Some(experiment.reference.particles), 1),
            windows: if s.has("windows") { s.counts("windows", 1) } else { vec![1, 4] },
            iterates: s.count_within("iterates", Some(defaults.iterates), 1..=MAX_ITERATES),
            tolerance: s.real("tolerance", Some(defaults.tolerance), Allowed::Between(1e-15, 1e-1)),
        };
        s.require_increasing("windows", &study.windows, "numbers");
        s.finish();
        study
    }

    fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
        super::figure::figures(folder)
    }

    fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
        super::curves::curves(folder)
    }
}
