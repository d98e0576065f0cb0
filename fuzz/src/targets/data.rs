//! Data files: tables, images, problems of sparse recovery.

use super::{Layout, Outcome};
use crate::base::Scratch;
use std::path::Path;
use widelimit::population::{
    FileLabels, FileSpec, LabelKind, LabelRule, MnistSpec, Population, PopulationError, PopulationSpec, Split,
    Standardise,
};
use widelimit::sparse::recovery::{SampleLoss, read_problem};

thread_local! {
    static SCRATCH: Scratch = Scratch::new();
}

/// An `.npz` file of a population.
pub fn npz(data: &[u8]) -> Outcome {
    table("table.npz", data)
}

/// A `.csv` file of a population, compressed or not.
pub fn csv(data: &[u8]) -> Outcome {
    table(if data.starts_with(&[0x1f, 0x8b]) { "table.csv.gz" } else { "table.csv" }, data)
}

/// A table with labels of every kind; the outcome is that of real labels.
fn table(name: &str, data: &[u8]) -> Outcome {
    SCRATCH.with(|scratch| {
        let path = scratch.write(name, data);
        let build = |labels: FileLabels, standardise: Standardise| {
            let spec = FileSpec { path: path.clone(), labels, limit: None, standardise };
            PopulationSpec::File(spec).build(0)
        };
        let outcome = judge(build(FileLabels::Real, Standardise::None), &path);
        if outcome == Outcome::Accepted {
            judge(build(FileLabels::Sign, Standardise::Global), &path);
            judge(build(FileLabels::Classes, Standardise::PerFeature), &path);
        }
        outcome
    })
}

/// The IDX files of images and of labels, compressed or not.
pub fn idx(data: &[u8]) -> Outcome {
    SCRATCH.with(|scratch| {
        let [images, labels] = Layout::Pair.split(data);
        let image_path = scratch.write("t10k-images-idx3-ubyte", images);
        scratch.write("t10k-labels-idx1-ubyte", labels);
        let folder = image_path.parent().expect("a file has a folder").to_owned();
        let (split, labels, standardise) = (Split::Test, LabelRule::Classes, Standardise::None);
        let spec = MnistSpec { folder: folder.clone(), split, labels, limit: None, standardise };
        judge(PopulationSpec::Mnist(spec).build(0), &folder)
    })
}

/// What is accepted is finite and has labels of its kind; a refusal names the file.
fn judge(found: Result<Population, PopulationError>, path: &Path) -> Outcome {
    let population = match found {
        Ok(population) => population,
        Err(error) => {
            let message = error.to_string();
            assert!(message.contains(&*path.to_string_lossy()), "a message that does not name the file: {message}");
            return Outcome::Refused(message);
        }
    };
    let (n, d, outputs) = population.shape();
    assert!(n > 0 && d > 0 && outputs > 0 && population.sample.y.nrows() == n);
    let sample = &population.sample;
    assert!(sample.x.iter().chain(&sample.y).all(|value| value.is_finite()), "accepted values that are not finite");
    let known = match population.labels {
        LabelKind::Real => true,
        LabelKind::Sign => sample.y.iter().all(|y| y.abs() == 1.0),
        LabelKind::OneHot(classes) => {
            outputs == classes
                && sample.y.rows().into_iter().all(|row| row.sum() == 1.0 && row.iter().all(|y| y * (1.0 - y) == 0.0))
        }
    };
    assert!(known, "labels that are not of their kind");
    Outcome::Accepted
}

/// A problem of sparse recovery, for every loss; the outcome is that of the squared loss.
pub fn problem(data: &[u8]) -> Outcome {
    let path = Path::new("problem.npz");
    let mut outcome = Outcome::Skipped;
    for loss in [SampleLoss::Logistic, SampleLoss::Exponential, SampleLoss::QuadraticMeasurement, SampleLoss::Squared] {
        outcome = match read_problem(path, data, loss) {
            Err(error) => {
                let message = error.to_string();
                assert!(message.contains("problem.npz"), "a message that does not name the file: {message}");
                Outcome::Refused(message)
            }
            Ok(problem) => {
                let (n, d) = (problem.samples(), problem.unknowns());
                assert!(n > 0 && d > 0 && problem.measurements().len() == n && problem.start().len() == d);
                let truth = problem.truth().unwrap_or(&[]);
                let all = problem.measurements().iter().chain(problem.start()).chain(truth);
                assert!(all.copied().all(f64::is_finite), "accepted values that are not finite");
                Outcome::Accepted
            }
        };
    }
    outcome
}
