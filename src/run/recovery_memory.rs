//! An estimate of the memory of a run of sparse recovery, before any problem is drawn.
//!
//! A run has three stages, and the estimate is that of the largest: the first problem, which is drawn and written; the
//! problems in solution, one per thread; the figures. The sizes of matrices are exact. The constants are measured, in a
//! release build on Linux (x86-64), and cover what the allocator keeps.

use super::machine_memory::{MemoryShortage, require};
use super::recovery_sizes::{NUMBER, RecoverySizes, RecoveryStudyMemory};
use super::study::{Registry, studies_of};
use crate::config::{ProblemSpec, RecoveryExperiment};
use crate::population::Split;

const MIB: f64 = 1024.0 * 1024.0;
/// Bytes of code and threads, and of the same with the fonts and the drawing code in use.
const PROGRAM: f64 = 12.0 * MIB;
const DRAWING_PROGRAM: f64 = 19.0 * MIB;
/// Bytes that the allocator keeps, of those freed before figures are drawn: of the first thread, of each of the others that
/// have tasks, at most of a problem in solution, and of each figure after the first.
const KEPT_FIRST: f64 = 2.0 * MIB;
const KEPT_OTHERS: f64 = 1.5 * MIB;
const KEPT_OF_PROBLEM: f64 = 4.0 * MIB;
const KEPT_OF_FIGURE: f64 = 0.5 * MIB;
/// Copies of records at one time: as found, as arrays, as an archive, as read for the figures; and what the allocator
/// keeps of the files of results by task.
const COPIES: f64 = 5.0;

/// Bytes by stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RecoveryMemory {
    /// Code and threads.
    pub program: u64,
    /// The first problem, while it is drawn or read, and written.
    pub first_problem: u64,
    /// The problems in solution at the same time.
    pub problems: u64,
    /// Results.
    pub records: u64,
    /// The figures that are drawn at the same time.
    pub figures: u64,
}

impl RecoveryMemory {
    /// Estimates the memory of an experiment on problems of n rows, d unknowns and k entries kept; `file` is the length of
    /// a problem file in bytes, or 0. Floating-point arithmetic avoids overflow for sizes that are far too large.
    pub fn new(e: &RecoveryExperiment, shape: (usize, usize, usize), file: u64, registry: &'static Registry) -> Self {
        Self::on_ranks(e, shape, file, registry, 1)
    }

    /// The same for the first of some ranks, among which the tasks of the studies are divided.
    pub fn on_ranks(
        e: &RecoveryExperiment,
        (n, d, k): (usize, usize, usize),
        file: u64,
        registry: &'static Registry,
        ranks: usize,
    ) -> Self {
        let sizes = RecoverySizes { experiment: e, n: n as f64, d: d as f64, k: k as f64 };
        let threads = rayon::current_num_threads() as f64;
        let studies: Vec<RecoveryStudyMemory> =
            studies_of(registry.recovery, e).map(|(_, study)| study.memory(sizes)).collect();
        let records = COPIES * studies.iter().map(|study| study.records).sum::<f64>();
        let busy_of = |study: &RecoveryStudyMemory| threads.min((study.tasks / ranks as f64).ceil());
        let at_once = |study: &RecoveryStudyMemory| study.problem * busy_of(study);
        let solving = studies.iter().map(at_once).fold(0.0, f64::max);
        // The design, the array that is written, and the archive; the axes of a rotated design while it is drawn.
        let design = NUMBER * sizes.n * sizes.d;
        let images = match &e.problem {
            ProblemSpec::Mnist(signals) => {
                let count = if signals.split == Split::Train { 60_000.0 } else { 10_000.0 };
                1.25 * count * sizes.d
            }
            ProblemSpec::Drawn(_) | ProblemSpec::File { .. } => 0.0,
        };
        let first = images.max(design + sizes.drawing()).max(3.0 * design);
        let mut drawing: Vec<f64> = studies.iter().flat_map(|study| study.figures.iter().copied()).collect();
        drawing.sort_by(|a, b| b.total_cmp(a));
        let busy = studies.iter().map(busy_of).fold(1.0, f64::max);
        let largest = studies.iter().map(|study| study.problem).fold(0.0, f64::max);
        let kept = KEPT_FIRST
            + KEPT_OTHERS * (busy - 1.0)
            + KEPT_OF_FIGURE * drawing.len().saturating_sub(1) as f64
            + busy * largest.min(KEPT_OF_PROBLEM);
        // With a thread for each figure all are drawn at once; with fewer threads their largest parts seldom coincide.
        let others = drawing.iter().skip(1).take(threads as usize - 1).sum::<f64>();
        let share = if drawing.len() <= threads as usize { 1.0 } else { 1.0 / 3.0 };
        let figures = DRAWING_PROGRAM - PROGRAM + kept + drawing.first().copied().unwrap_or(0.0) + share * others;
        RecoveryMemory {
            program: PROGRAM as u64 + file,
            first_problem: first as u64,
            problems: solving as u64,
            records: records as u64,
            figures: figures as u64,
        }
    }

    /// That of a rank other than the first, which draws no figures.
    pub fn of_other_ranks(&self) -> Self {
        RecoveryMemory { figures: 0, ..*self }
    }

    /// Largest memory at one time, in bytes: the permanent parts and the largest of the stages.
    pub fn total(&self) -> u64 {
        let solving = self.problems.saturating_add(self.records);
        let drawing = self.figures.saturating_add(self.records);
        self.program.saturating_add(self.first_problem.max(solving).max(drawing))
    }

    /// Checks that the machine has enough memory.
    ///
    /// # Errors
    /// [`MemoryShortage`] with all parts of the estimate.
    pub fn fits_machine(&self) -> Result<(), MemoryShortage> {
        let parts = vec![
            ("the first problem", self.first_problem),
            ("problems in solution", self.problems),
            ("results", self.records),
            ("figures", self.figures),
        ];
        require(self.total(), parts, "a smaller n or d, fewer problems or iterations, or fewer --threads")
    }
}
