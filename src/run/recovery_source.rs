//! Sources of problems of sparse recovery.

use super::context::RunError;
use super::machine_memory::require;
use crate::config::{MnistSignals, ProblemSpec, RecoveryExperiment};
use crate::population::{LabelRule, MnistSpec, PopulationSpec, SourceFile, Standardise, read_data_file};
use crate::sparse::recovery::instance::{Design, Instance, Signal};
use crate::sparse::recovery::{Interrupt, SampleLoss, SparseProblem, read_problem};
use std::path::PathBuf;

/// A source of problems, numbered from 0.
pub enum ProblemSource {
    /// A law from which problems are drawn.
    Drawn(Instance),
    /// Images as true vectors, and the law of their measurements.
    Images {
        /// One image per problem (d).
        signals: Vec<Vec<f64>>,
        /// The law of the design and the noise.
        law: Instance,
        /// Files read, with checksums.
        files: Vec<SourceFile>,
        /// A description of one line.
        description: String,
    },
    /// A file that contains one problem.
    File {
        /// Its path.
        path: PathBuf,
        /// Its contents.
        bytes: Vec<u8>,
        /// The loss.
        loss: SampleLoss,
        /// Its checksum.
        file: SourceFile,
    },
}

impl ProblemSource {
    /// The source of an experiment.
    ///
    /// # Errors
    /// Files that cannot be read, or do not fit into the memory of the machine.
    pub fn new(e: &RecoveryExperiment) -> Result<Self, RunError> {
        match &e.problem {
            ProblemSpec::Drawn(law) => Ok(ProblemSource::Drawn(*law)),
            ProblemSpec::Mnist(signals) => {
                let count = e.studies.requirements().map(|requirements| requirements.problems).max();
                images(signals, count.unwrap_or(1).max(1))
            }
            ProblemSpec::File { path, loss } => {
                let bytes = read_data_file(path)?;
                // The file, the design as it is read, and as it is solved.
                let length = bytes.len() as u64;
                let parts = vec![("the problem file", length)];
                require(length.saturating_mul(3), parts, "a smaller problem file")?;
                let file = SourceFile::of(path, &bytes);
                Ok(ProblemSource::File { path: path.clone(), bytes, loss: *loss, file })
            }
        }
    }

    /// Problem `index` with this seed.
    ///
    /// # Errors
    /// A problem that cannot be drawn or read; an interruption.
    pub fn problem(&self, seed: u64, index: u64, interrupt: Interrupt<'_>) -> Result<SparseProblem, RunError> {
        Ok(match self {
            ProblemSource::Drawn(law) => law.draw_until(seed, index, interrupt)?,
            ProblemSource::Images { signals, law, .. } => {
                law.draw_for(signals[index as usize].clone(), seed, index, interrupt)?
            }
            ProblemSource::File { path, bytes, loss, .. } => read_problem(path, bytes, *loss)?,
        })
    }

    /// The law of the sizes of all problems; `None` for a file. The law of images has one entry in `w_star`.
    pub fn drawn_law(&self) -> Option<&Instance> {
        match self {
            ProblemSource::Drawn(law) | ProblemSource::Images { law, .. } => Some(law),
            ProblemSource::File { .. } => None,
        }
    }

    /// Length of a problem file in bytes, which is kept; 0 for other sources.
    pub fn file_bytes(&self) -> u64 {
        if let ProblemSource::File { bytes, .. } = self { bytes.len() as u64 } else { 0 }
    }

    /// The law of drawn problems; `None` for other sources.
    pub fn law(&self) -> Option<&Instance> {
        if let ProblemSource::Drawn(law) = self { Some(law) } else { None }
    }

    /// Rows and columns of an image; `None` where true vectors are not square images.
    pub fn image(&self) -> Option<(usize, usize)> {
        let ProblemSource::Images { law, .. } = self else { return None };
        let side = law.d.isqrt();
        (side * side == law.d).then_some((side, side))
    }

    /// Files read, with checksums.
    pub fn files(&self) -> Vec<SourceFile> {
        match self {
            ProblemSource::Drawn(_) => Vec::new(),
            ProblemSource::Images { files, .. } => files.clone(),
            ProblemSource::File { file, .. } => vec![file.clone()],
        }
    }

    /// One-line description.
    pub fn description(&self) -> String {
        match self {
            ProblemSource::Drawn(law) => format!(
                "drawn problems, n = {}, d = {}, {} entries in w_star: {:?}, {:?}, {:?}",
                law.n, law.d, law.sparsity, law.loss, law.design, law.signal
            ),
            ProblemSource::Images { description, .. } => description.clone(),
            ProblemSource::File { path, .. } => format!("one problem from {}", path.display()),
        }
    }
}

/// The source of the first `count` images.
fn images(spec: &MnistSignals, count: usize) -> Result<ProblemSource, RunError> {
    let (folder, split) = (spec.folder.clone(), spec.split);
    let (labels, limit, standardise) = (LabelRule::Classes, Some(count), Standardise::None);
    let mnist = PopulationSpec::Mnist(MnistSpec { folder, split, labels, limit, standardise }).build(0)?;
    let signals: Vec<Vec<f64>> = mnist.sample.x.rows().into_iter().map(|row| row.to_vec()).collect();
    let law = Instance {
        loss: SampleLoss::Squared,
        n: spec.n,
        d: mnist.sample.x.ncols(),
        sparsity: 1,
        design: Design::Gaussian,
        signal: Signal::Gaussian,
        snr_db: spec.snr_db,
        start_distance: None,
    };
    let description = format!("{}, each measured by {} Gaussian rows", mnist.description, spec.n);
    Ok(ProblemSource::Images { signals, law, files: mnist.sources, description })
}
