//! The memory of a problem of sparse recovery in solution, by its sizes, and of a study.
//!
//! The sizes of matrices are exact; the constants are measured, as those of the estimate of a whole run are.

use crate::config::{ProblemSpec, RecoveryExperiment};
use crate::sparse::recovery::instance::Design;
use crate::sparse::recovery::{RecoveryMethod, SampleLoss, Selection, ValueRule};

/// Bytes of a number.
pub(super) const NUMBER: f64 = 8.0;
/// Matrices that drawing the axes of a rotated design takes.
const AXES_MATRICES: f64 = 4.35;
/// The allocator keeps blocks up to this size in its heap.
const LARGEST_KEPT: f64 = 32.0 * 1024.0 * 1024.0;
/// Rows and columns of a tile of a factor, of the panels of a product, and the columns that a product copies at a time.
const TILE: f64 = 240.0;
const PANEL: f64 = 48.0;
const COPIED_COLUMNS: f64 = 1024.0;
/// Order up to which a largest eigenvalue is computed from the full spectrum, and matrices that this takes.
const FULL_SPECTRUM_ORDER: f64 = 1024.0;
const SPECTRUM_MATRICES: f64 = 2.2;
/// Bytes of the record of an iteration, in an array that doubles as it grows.
const ITERATION: f64 = 48.0;
/// Resolution of the raster image of a figure, and bytes of a pixel, in the image and in the copy that is encoded.
const DOTS_PER_INCH: f64 = 300.0;
const PIXEL: f64 = 8.0;

/// Sizes that determine the memory of the studies of sparse recovery.
#[derive(Clone, Copy)]
pub struct RecoverySizes<'a> {
    /// The experiment.
    pub experiment: &'a RecoveryExperiment,
    /// Rows n of a problem.
    pub n: f64,
    /// Unknowns d.
    pub d: f64,
    /// Entries kept.
    pub k: f64,
}

/// Bytes of a study at one time.
#[derive(Clone, Debug, Default)]
pub struct RecoveryStudyMemory {
    /// Of a problem in solution, on a thread.
    pub problem: f64,
    /// Number of tasks, which bounds the number of problems in solution.
    pub tasks: f64,
    /// Of its results.
    pub records: f64,
    /// Of every figure while it is drawn ([`figure_bytes`]).
    pub figures: Vec<f64>,
}

/// Bytes of a figure of this size in inches while it is drawn, with `marks` bytes of its marks.
pub fn figure_bytes(width_in: f64, height_in: f64, marks: f64) -> f64 {
    PIXEL * DOTS_PER_INCH * width_in * DOTS_PER_INCH * height_in + marks
}

impl RecoverySizes<'_> {
    /// Number of methods.
    pub fn methods(&self) -> f64 {
        self.experiment.solver.methods.len() as f64
    }

    /// Bytes beyond the design while a problem is drawn: for the axes of rotated designs.
    pub(super) fn drawing(&self) -> f64 {
        match &self.experiment.problem {
            ProblemSpec::Drawn(law) if matches!(law.design, Design::Rotated { .. }) => {
                AXES_MATRICES * NUMBER * self.d * self.d
            }
            ProblemSpec::Drawn(_) | ProblemSpec::Mnist(_) | ProblemSpec::File { .. } => 0.0,
        }
    }

    /// Bytes of a problem of `n` rows in solution, by the method that takes most.
    pub fn problem(&self, n: f64) -> f64 {
        let e = self.experiment;
        let (d, design) = (self.d, NUMBER * n * self.d);
        let matrix = NUMBER * d * d;
        let squared = match &e.problem {
            ProblemSpec::Drawn(law) => law.loss == SampleLoss::Squared,
            ProblemSpec::Mnist(_) => true,
            ProblemSpec::File { loss, .. } => *loss == SampleLoss::Squared,
        };
        let forms_gram = |method: &RecoveryMethod| match method {
            RecoveryMethod::Iht | RecoveryMethod::StochasticObs => d <= FULL_SPECTRUM_ORDER,
            RecoveryMethod::Lasso => d <= n || d <= FULL_SPECTRUM_ORDER,
            RecoveryMethod::Obs(..) | RecoveryMethod::WoodFisher => true,
            _ => false,
        };
        let gram = if squared && e.solver.methods.iter().any(forms_gram) { matrix } else { 0.0 };
        let solving = e.solver.methods.iter().map(|&method| self.method(method, n, squared)).fold(0.0, f64::max);
        let curve = ITERATION * e.solver.iterations as f64;
        design + self.drawing().max(gram + solving) + curve + NUMBER * (4.0 * n + 8.0 * d)
    }

    /// Bytes of a method beyond the problem and its Gram matrix.
    fn method(&self, method: RecoveryMethod, n: f64, squared: bool) -> f64 {
        let (d, k) = (self.d, self.k);
        let matrix = NUMBER * d * d;
        // The lower triangle in tiles.
        let tiles = (d / TILE).ceil().max(1.0);
        let factor = matrix * (tiles + 1.0) / (2.0 * tiles);
        let panels = 2.0 * NUMBER * (d / PANEL).ceil() * PANEL * n.min(COPIED_COLUMNS);
        let own_hessian = if squared { 0.0 } else { matrix };
        let spectrum = if d <= FULL_SPECTRUM_ORDER { SPECTRUM_MATRICES * matrix } else { 0.0 };
        let columns = |count: f64| NUMBER * count.min(d) * (2.0 * n + 3.0 * count.min(d));
        // An inverse is assembled from its blocks of columns.
        let inverse = own_hessian + factor + 2.0 * matrix;
        // The copy that is eliminated, and what remains of it; and what the allocator keeps.
        let elimination = own_hessian + factor + 3.0 * matrix + 0.5 * panels + matrix.min(LARGEST_KEPT);
        match method {
            RecoveryMethod::Iht | RecoveryMethod::Lasso => (own_hessian + spectrum.max(panels)).max(columns(k)),
            RecoveryMethod::StochasticObs => own_hessian + spectrum.max(panels),
            RecoveryMethod::Niht => 0.0,
            RecoveryMethod::Htp | RecoveryMethod::Omp => columns(k),
            RecoveryMethod::CoSaMp => columns(3.0 * k),
            RecoveryMethod::Obs(selection, values) => {
                let step = own_hessian + factor + 0.5 * panels + 3.0 * NUMBER * k.min(d - k).powi(2);
                let selected = match selection {
                    Selection::Magnitude if values == ValueRule::Compensate && 2.0 * k > d => inverse,
                    Selection::Magnitude => step,
                    Selection::Diagonal => inverse,
                    Selection::SwapRefined => elimination + 2.0 * NUMBER * k * (d - k),
                    Selection::Greedy | Selection::Exact => elimination,
                };
                (own_hessian + panels).max(spectrum).max(selected)
            }
            RecoveryMethod::WoodFisher | RecoveryMethod::WoodTaylor => {
                1.1 * matrix + inverse + 0.4 * matrix.min(LARGEST_KEPT)
            }
        }
    }
}
