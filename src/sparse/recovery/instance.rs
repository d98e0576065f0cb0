//! Drawn problems: a design, a sparse signal, noise, each from an address of its own.

use super::dense::{norm, products, sample};
use super::{Problem, RecoveryError, SampleLoss};
use crate::choice::choice;
use crate::compute::rng::{Role, Stream, random_order, stream};
use faer::Mat;
use rand::RngExt;
use rand_distr::StandardNormal;
use serde::Serialize;

/// Law of the rows `x_i`; all have columns of mean square length 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "design", rename_all = "kebab-case")]
pub enum Design {
    /// Independent entries N(0, 1/n).
    Gaussian,
    /// Rows N(0, C/n), the eigenvalues of C geometric with this ratio of the largest to the least, its axes random.
    Rotated {
        /// Condition number of C.
        condition: f64,
    },
    /// The same with the coordinate axes for those of C, in random order: columns of different length.
    Scaled {
        /// Condition number of C.
        condition: f64,
    },
    /// Entries 0, and +1 or -1 with probability `density` in all, over `sqrt(n density)`.
    SparseSign {
        /// Part of the entries that are not zero.
        density: f64,
    },
}

choice! {
    /// Law of the entries of `w*` on its support.
    pub enum Signal: "law of signals" {
        /// N(0, 1).
        Gaussian = "gaussian",
        /// +1 or -1.
        Sign = "sign",
    }
}

/// A law of problems.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Instance {
    /// The loss.
    pub loss: SampleLoss,
    /// Rows n.
    pub n: usize,
    /// Unknowns d.
    pub d: usize,
    /// Entries k* of the truth.
    pub sparsity: usize,
    /// Law of the rows.
    #[serde(flatten)]
    pub design: Design,
    /// Law of the truth's entries.
    pub signal: Signal,
    /// Signal to noise ratio `|X w*|^2 / E |noise|^2` in decibels; no noise without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snr_db: Option<f64>,
    /// Distance of the start from the truth over the truth's length, in a random direction; the start is 0 without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_distance: Option<f64>,
}

/// What is drawn at an address, in the second index of its stream.
#[derive(Clone, Copy)]
enum Part {
    Design,
    Axes,
    Signal,
    Noise,
    Start,
}

impl Instance {
    /// Problem `index` of this law under a seed.
    ///
    /// # Errors
    /// `k*` out of range, an empty design.
    pub fn draw(&self, seed: u64, index: u64) -> Result<Problem, RecoveryError> {
        if self.sparsity == 0 || self.sparsity > self.d {
            return Err(RecoveryError::Sparsity { k: self.sparsity, d: self.d });
        }
        if self.n == 0 {
            return Err(RecoveryError::Empty { n: self.n, d: self.d });
        }
        let at = |part: Part| stream(seed, Role::Instance, index, part as u64);
        let xt = self.design(&at);
        let truth = self.truth(&mut at(Part::Signal));
        self.measured(xt, truth, &at)
    }

    /// A problem of this law's design and noise for a given truth (d).
    ///
    /// # Errors
    /// An empty design.
    pub fn draw_for(&self, truth: Vec<f64>, seed: u64, index: u64) -> Result<Problem, RecoveryError> {
        let at = |part: Part| stream(seed, Role::Instance, index, part as u64);
        self.measured(self.design(&at), truth, &at)
    }

    fn measured(&self, xt: Mat<f64>, truth: Vec<f64>, at: &dyn Fn(Part) -> Stream) -> Result<Problem, RecoveryError> {
        let a = products(xt.as_ref(), &truth);
        let mut y: Vec<f64> = a.iter().map(|&a| self.loss.measure(a)).collect();
        if let Some(snr) = self.snr_db {
            let std = norm(&y) / (y.len() as f64).sqrt() * 10f64.powf(-snr / 20.0);
            let mut rng = at(Part::Noise);
            y.iter_mut().for_each(|y| *y += std * rng.sample::<f64, _>(StandardNormal));
        }
        let start = self.start_distance.map(|distance| {
            let mut rng = at(Part::Start);
            let direction: Vec<f64> = (0..truth.len()).map(|_| rng.sample(StandardNormal)).collect();
            let scale = distance * norm(&truth) / norm(&direction);
            truth.iter().zip(&direction).map(|(w, u)| w + scale * u).collect()
        });
        let problem = Problem::new(xt, y, self.loss, Some(truth))?;
        match start {
            Some(start) => problem.starting_at(start),
            None => Ok(problem),
        }
    }

    /// The design, transposed: (d, n).
    fn design(&self, at: &dyn Fn(Part) -> Stream) -> Mat<f64> {
        let (n, d) = (self.n, self.d);
        let mut rng = at(Part::Design);
        let root = (n as f64).sqrt();
        if let Design::SparseSign { density } = self.design {
            let size = 1.0 / (n as f64 * density).sqrt();
            return filled(d, n, || {
                let u: f64 = rng.random();
                if u < 0.5 * density {
                    size
                } else if u < density {
                    -size
                } else {
                    0.0
                }
            });
        }
        let mut xt = filled(d, n, || rng.sample::<f64, _>(StandardNormal) / root);
        let roots = |condition: f64| {
            let eigenvalue = |j: usize| condition.powf(-(j as f64) / (d.max(2) - 1) as f64);
            let mean = (0..d).map(eigenvalue).sum::<f64>() / d as f64;
            (0..d).map(|j| (eigenvalue(j) / mean).sqrt()).collect::<Vec<f64>>()
        };
        match self.design {
            Design::Scaled { condition } => {
                let order = random_order(&mut at(Part::Axes), d, d);
                let roots = roots(condition);
                for i in 0..n {
                    for j in 0..d {
                        xt[(j, i)] *= roots[order[j]];
                    }
                }
                xt
            }
            Design::Rotated { condition } => {
                let mut rng = at(Part::Axes);
                let axes = filled(d, d, || rng.sample(StandardNormal)).qr().compute_Q();
                let roots = roots(condition);
                // U diag(sqrt lambda) g: the distribution of U^T g is that of g. One row of that matrix a column here, as
                // products go by columns.
                let stretched = Mat::from_fn(d, d, |j, i| axes[(i, j)] * roots[j]);
                for i in 0..n {
                    let turned = products(stretched.as_ref(), sample(&xt.as_ref(), i));
                    for (j, value) in turned.into_iter().enumerate() {
                        xt[(j, i)] = value;
                    }
                }
                xt
            }
            Design::Gaussian | Design::SparseSign { .. } => xt,
        }
    }

    fn truth(&self, rng: &mut Stream) -> Vec<f64> {
        let mut w = vec![0.0; self.d];
        for j in random_order(rng, self.d, self.sparsity) {
            w[j] = match self.signal {
                Signal::Gaussian => rng.sample(StandardNormal),
                Signal::Sign => [-1.0, 1.0][rng.random_range(0..2)],
            };
        }
        w
    }
}

/// A matrix drawn column by column.
fn filled(rows: usize, columns: usize, mut draw: impl FnMut() -> f64) -> Mat<f64> {
    let mut a = Mat::zeros(rows, columns);
    for j in 0..columns {
        for i in 0..rows {
            a[(i, j)] = draw();
        }
    }
    a
}
