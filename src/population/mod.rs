//! Laws of (x, y): x in R^d, y in R^K.
//!
//! The risk is an expectation over a [`Population`]. It always has a fixed [`Sample`], over which expectations and
//! L2(x) norms are taken. For data files and for `draws = "fixed"` the law is the empirical law of that sample, and the
//! theory applies to it exactly. With `draws = "fresh"` the population also has a [`Sampler`], which draws mini-batches
//! from the law itself.
//!
//! A [`PopulationSpec`] is the description in an experiment file. [`PopulationSpec::build`] builds the population,
//! which is determined by the description, the data files and the seed.
//!
//! | kind | law | d | K |
//! |---|---|---|---|
//! | `digits` | built-in 8 x 8 digits | 64 | 1 or 10 |
//! | `mnist` | IDX files in a folder | 784 | 1 or 10 |
//! | `file` | `.npz` or `.csv` | any | any |
//! | `teacher` | Gaussian inputs, two-layer target | any | 1 |
//! | `mixture` | two isotropic Gaussians, their label | any | 1 |
//! | `line` | scalar inputs, a sum of bumps as target | 1 | 1 |

mod capacity;
mod csv_table;
mod digits;
mod error;
mod file;
mod idx;
mod images;
mod labels;
mod line;
mod mixture;
mod mnist;
pub mod npz_file;
mod sampler;
mod source;
mod standardise;
mod table;
mod teacher;
mod test_part;

use crate::choice::choice;
use std::fmt;

use ndarray::Array2;
use serde::Serialize;

pub use digits::{DIGITS, DIGITS_PIXELS, DigitsSpec};
use error::require;
pub use error::{FileLocation, PopulationError};
pub use file::FileSpec;
pub use labels::{FileLabels, LabelKind, LabelRule};
pub use line::{InputLaw, LineSpec, TargetBump};
pub use mixture::MixtureSpec;
pub use mnist::{MnistSpec, Split};
pub use sampler::{Draws, Sampler};
pub(crate) use source::hexadecimal;
pub use source::{SourceFile, read_data_file};
pub use standardise::{Standardisation, Standardise};
pub use teacher::{Teacher, TeacherActivation, TeacherDirections, TeacherOutputs, TeacherSpec, TeacherSum};
pub use test_part::TestPart;

/// A fixed sample, whose rows have equal probability; arrays are in standard (row-major) layout.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Inputs (n, d).
    pub x: Array2<f64>,
    /// Targets (n, K).
    pub y: Array2<f64>,
}

impl Sample {
    /// The shape (n, d, K).
    pub fn shape(&self) -> (usize, usize, usize) {
        (self.x.nrows(), self.x.ncols(), self.y.ncols())
    }
}

/// A law of (x, y).
pub struct Population {
    /// The sample over which expectations are taken.
    pub sample: Sample,
    /// The test part, on which nothing is trained.
    pub test: Option<Sample>,
    /// The source of fresh mini-batches; `None` if the law is that of the sample.
    pub sampler: Option<Box<dyn Sampler>>,
    /// The kind of targets.
    pub labels: LabelKind,
    /// The transformation of the inputs, if any.
    pub standardisation: Option<Standardisation>,
    /// The data files, with checksums.
    pub sources: Vec<SourceFile>,
    /// A description in one line.
    pub description: String,
}

impl Population {
    /// The shape (n, d, K) of the fixed sample.
    pub fn shape(&self) -> (usize, usize, usize) {
        self.sample.shape()
    }

    /// The law with inputs `(x, 1) / scale` in place of x, the inputs of bump neurons of width `scale`
    /// ([`crate::network::TwoLayer::bump`]).
    ///
    /// # Errors
    /// If there is more than one input, or draws are fresh.
    pub fn with_scale(mut self, scale: f64) -> Result<Self, PopulationError> {
        let inputs = self.sample.x.ncols();
        let requirement = "bump neurons need one input, and no fresh draws";
        require(inputs == 1 && self.sampler.is_none(), "number of inputs", inputs, requirement)?;
        let scaled = |x: &Array2<f64>| {
            Array2::from_shape_fn((x.nrows(), 2), |(s, j)| if j == 0 { x[[s, 0]] } else { 1.0 } / scale)
        };
        self.sample.x = scaled(&self.sample.x);
        if let Some(test) = &mut self.test {
            test.x = scaled(&test.x);
        }
        Ok(self)
    }

    /// Number of samples of the test part; 0 without one.
    pub fn test_samples(&self) -> usize {
        self.test.as_ref().map_or(0, |test| test.shape().0)
    }
}

impl fmt::Debug for Population {
    /// A summary without the data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Population")
            .field("shape", &self.shape())
            .field("fresh", &self.sampler.is_some())
            .field("labels", &self.labels)
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}

choice! {
    /// The kinds of [`PopulationSpec`].
    pub enum PopulationKind: "kind of population" {
        /// [`PopulationSpec::Digits`].
        Digits = "digits",
        /// [`PopulationSpec::Mnist`].
        Mnist = "mnist",
        /// [`PopulationSpec::File`].
        File = "file",
        /// [`PopulationSpec::Teacher`].
        Teacher = "teacher",
        /// [`PopulationSpec::Mixture`].
        Mixture = "mixture",
        /// [`PopulationSpec::Line`].
        Line = "line",
    }
}

/// The description of a population in an experiment file.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum PopulationSpec {
    /// The built-in digits.
    Digits(DigitsSpec),
    /// MNIST from a folder.
    Mnist(MnistSpec),
    /// A data file.
    File(FileSpec),
    /// A two-layer teacher.
    Teacher(TeacherSpec),
    /// Two isotropic Gaussians.
    Mixture(MixtureSpec),
    /// Scalar inputs at quadrature nodes.
    Line(LineSpec),
}

impl PopulationSpec {
    /// The kind, the value of `kind` in experiment files and records.
    pub const fn kind(&self) -> PopulationKind {
        match self {
            Self::Digits(_) => PopulationKind::Digits,
            Self::Mnist(_) => PopulationKind::Mnist,
            Self::File(_) => PopulationKind::File,
            Self::Teacher(_) => PopulationKind::Teacher,
            Self::Mixture(_) => PopulationKind::Mixture,
            Self::Line(_) => PopulationKind::Line,
        }
    }

    /// The name of the kind.
    pub const fn name(&self) -> &'static str {
        self.kind().name()
    }

    /// The kind of labels, as for a data file.
    pub fn label_kind(&self) -> FileLabels {
        match self {
            Self::Digits(DigitsSpec { labels, .. }) | Self::Mnist(MnistSpec { labels, .. }) => match labels {
                LabelRule::Parity => FileLabels::Sign,
                LabelRule::Classes => FileLabels::Classes,
            },
            Self::File(spec) => spec.labels,
            Self::Mixture(_) => FileLabels::Sign,
            Self::Teacher(_) | Self::Line(_) => FileLabels::Real,
        }
    }

    /// Whether mini-batches are fresh draws from the law.
    pub fn fresh(&self) -> bool {
        match self {
            Self::Teacher(spec) => spec.draws == Draws::Fresh,
            Self::Mixture(spec) => spec.draws == Draws::Fresh,
            Self::Digits(_) | Self::Mnist(_) | Self::File(_) | Self::Line(_) => false,
        }
    }

    /// Builds the population. The seed has no effect on data files and quadrature nodes.
    ///
    /// # Errors
    /// If a value is outside its range, or a file is missing or invalid.
    pub fn build(&self, seed: u64) -> Result<Population, PopulationError> {
        self.build_with(None, seed)
    }

    /// Builds the population with a test part. The seed determines which samples of a data set are held out.
    ///
    /// # Errors
    /// As [`PopulationSpec::build`]; a test part that this kind of population cannot have, or that is empty.
    pub fn build_with(&self, test: Option<&TestPart>, seed: u64) -> Result<Population, PopulationError> {
        if let Some(test) = test.filter(|test| !self.accepts(test)) {
            let value = serde_json::to_string(test).unwrap_or_default();
            let requirement = format!("expected {}", self.test_parts());
            return Err(PopulationError::OutOfRange { key: "test", value, requirement });
        }
        match self {
            Self::Digits(spec) => spec.build(test, seed),
            Self::Mnist(spec) => spec.build(test, seed),
            Self::File(spec) => spec.build(test, seed),
            Self::Teacher(spec) => spec.build(test, seed),
            Self::Mixture(spec) => spec.build(test, seed),
            Self::Line(spec) => spec.build(test, seed),
        }
    }

    /// The test parts that this kind of population can have, in words.
    pub const fn test_parts(&self) -> &'static str {
        match self {
            Self::Digits(_) | Self::Mnist(MnistSpec { split: Split::Test, .. }) => {
                "a fraction strictly between 0 and 1, such as 0.2"
            }
            Self::Mnist(_) => "a fraction strictly between 0 and 1, such as 0.2, or \"t10k\"",
            Self::File(_) => "a fraction strictly between 0 and 1, such as 0.2, or the path of a second file",
            Self::Teacher(_) | Self::Mixture(_) | Self::Line(_) => {
                "a whole number of at least 1, of draws from the law, such as 2000"
            }
        }
    }

    /// Whether this kind of population can have a test part.
    pub fn accepts(&self, test: &TestPart) -> bool {
        match (self, test) {
            (Self::Digits(_) | Self::Mnist(_) | Self::File(_), TestPart::Fraction(f)) => *f > 0.0 && *f < 1.0,
            (Self::Mnist(spec), TestPart::T10k) => spec.split == Split::Train,
            (Self::File(_), TestPart::File(_)) => true,
            (Self::Teacher(_) | Self::Mixture(_) | Self::Line(_), TestPart::Draws(count)) => *count > 0,
            _ => false,
        }
    }

    /// The shape (n, d, K) without building the population; `None` if it depends on a file.
    pub fn shape_hint(&self) -> Option<(usize, usize, usize)> {
        match self {
            Self::Digits(spec) => {
                Some((spec.limit.unwrap_or(DIGITS).min(DIGITS), DIGITS_PIXELS, spec.labels.outputs()))
            }
            Self::Mnist(_) | Self::File(_) => None,
            Self::Teacher(spec) => Some((spec.size, spec.dimension, 1)),
            Self::Mixture(spec) => Some((spec.size, spec.dimension, 1)),
            Self::Line(spec) => Some((spec.size, 1, 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hint is the shape of the population, and the record has the form of the experiment file.
    #[test]
    fn hints_and_records() {
        let digits =
            |labels| PopulationSpec::Digits(DigitsSpec { labels, limit: Some(20), standardise: Standardise::Global });
        let mixture = PopulationSpec::Mixture(MixtureSpec { dimension: 3, delta: 0.5, size: 4, draws: Draws::Fresh });
        for spec in [digits(LabelRule::Parity), digits(LabelRule::Classes), mixture.clone()] {
            assert_eq!(spec.shape_hint(), Some(spec.build(1).unwrap().shape()));
        }
        assert_eq!(
            serde_json::to_string(&mixture).unwrap(),
            r#"{"kind":"mixture","dimension":3,"delta":0.5,"size":4,"draws":"fresh"}"#
        );
        assert_eq!(
            serde_json::to_string(&digits(LabelRule::Parity)).unwrap(),
            r#"{"kind":"digits","labels":"parity","limit":20,"standardise":"global"}"#
        );
        assert_eq!(serde_json::to_string(&LabelKind::OneHot(10)).unwrap(), r#"{"one-hot":10}"#);
    }

    /// Names are the serialised kinds.
    #[test]
    fn kinds() {
        let mixture = PopulationSpec::Mixture(MixtureSpec { dimension: 3, delta: 0.5, size: 4, draws: Draws::Fresh });
        assert_eq!(serde_json::to_value(&mixture).unwrap()["kind"], mixture.name());
        assert_eq!("mixture".parse(), Ok(mixture.kind()));
    }
}
