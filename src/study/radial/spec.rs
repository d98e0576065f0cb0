//! The table `[radial]`.

use crate::config::study::StudyTable;
use crate::config::{BatchSize, Experiment, KeyErrors, Section, is_radial};
use crate::record::RunFolder;
use crate::run::about::About;
use crate::run::context::{FiguresError, Findings, Outcome, RunContext, RunError};
use crate::run::curve::Curve;
use crate::run::memory::{grid_rows, grid_solution_bytes};
use crate::run::study::{NamedFigure, Study, StudyKind, StudyMemory, TrainingSizes, TrainingSubject};
use serde::Serialize;

/// The isotropic Gaussians of MMN by the radial reduction (theory section 3), on the grid of the reference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RadialReduction {
    /// Number of particles of the reduction.
    pub particles: usize,
    /// Other dimensions in which the reduced equation is solved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dimensions: Vec<usize>,
}

impl StudyTable<Experiment> for RadialReduction {
    fn validate(&self, e: &Experiment, errors: &KeyErrors) {
        if e.reference.grid.is_none() || !is_radial(e) {
            let message =
                "the study needs population.kind = \"mixture\", and reference.kind or reference.against with \"grid\"";
            errors.add("radial", None, message);
        }
    }
}

impl Study<Experiment> for RadialReduction {
    fn memory(&self, sizes: TrainingSizes<'_>) -> StudyMemory {
        let e = sizes.experiment;
        let records = e.horizon.records as f64 + 1.0;
        let rows = grid_rows(e, sizes.samples * sizes.outputs);
        let grid = e.reference.grid.as_ref().map_or(0.0, |grid| grid_solution_bytes(grid.nodes as f64, rows, records));
        // The widest networks, integrated once more, and the particles of the reduction.
        let network = 8.0 * 8.0 * sizes.network.state_len_f64(e.widths.largest());
        let batch = if let BatchSize::Size(size) = e.dynamics.batch { size as f64 } else { sizes.samples };
        let pass = sizes.network.work_bytes(e.widths.largest().min(1 << 28), (batch as usize).min(1 << 28), 8);
        let particles = 8.0 * 20.0 * self.particles as f64;
        let keys = StudyMemory::keys_of_largest(&[
            (grid, &["reference.grid.nodes"]),
            (network + pass, &["widths.values"]),
            (particles, &["radial.particles"]),
        ]);
        StudyMemory { per_thread: grid.max(network + pass).max(particles), shared: 0.0, keys }
    }

    fn has_tasks(&self) -> bool {
        true
    }

    fn run(&self, subject: TrainingSubject<'_>, context: &RunContext<'_>) -> Result<Outcome<Findings>, RunError> {
        super::study::run(self, subject, context)
    }
}

impl StudyKind<Experiment> for RadialReduction {
    const NAME: &'static str = "radial";
    const ABOUT: About = super::about::ABOUT;

    fn read(mut s: Section<'_>, _: &Experiment) -> Self {
        let study = RadialReduction {
            particles: s.count_within("particles", Some(4000), 2..=100_000_000),
            dimensions: if s.has("dimensions") { s.counts("dimensions", 1) } else { Vec::new() },
        };
        s.require_increasing("dimensions", &study.dimensions, "dimensions");
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
