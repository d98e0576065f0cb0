//! Random problems: a design, a sparse signal and noise, each drawn from its own random stream.

use super::dense::{inner_products, norm, sample};
use super::{Interrupt, RecoveryError, SampleLoss, SparseProblem};
use crate::choice::choice;
use crate::compute::rng::{Role, Stream, random_order, stream};
use faer::Mat;
use rand::RngExt;
use rand_distr::StandardNormal;
use serde::Serialize;

/// Law of the rows `x_i`, scaled so that the columns of X have mean square length 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "design", rename_all = "kebab-case")]
pub enum Design {
    /// Independent entries N(0, 1/n).
    Gaussian,
    /// Rows N(0, C/n) with random eigenvectors of C and geometrically spaced eigenvalues.
    Rotated {
        /// Condition number of C.
        condition: f64,
    },
    /// Rows N(0, C/n) with C diagonal and the same eigenvalues in random order: columns of different length.
    Scaled {
        /// Condition number of C.
        condition: f64,
    },
    /// Entries `+-1 / sqrt(n density)` with probability `density / 2` each, otherwise 0.
    SparseSign {
        /// Expected fraction of nonzero entries.
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

/// A law of random problems.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Instance {
    /// The loss.
    pub loss: SampleLoss,
    /// Rows n.
    pub n: usize,
    /// Unknowns d.
    pub d: usize,
    /// Number k* of nonzero entries of the truth.
    pub sparsity: usize,
    /// Law of the rows.
    #[serde(flatten)]
    pub design: Design,
    /// Law of the nonzero entries of the truth.
    pub signal: Signal,
    /// Signal to noise ratio `|X w*|^2 / E |noise|^2` in decibels; no noise without it. Quadratic measurements that the
    /// noise makes negative are 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snr_db: Option<f64>,
    /// Distance of the start from the truth over the truth's length, in a random direction; the start is 0 without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_distance: Option<f64>,
}

/// The part of a problem that is drawn, the second index of its random stream.
#[derive(Clone, Copy)]
enum InstancePart {
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
    /// [`RecoveryError`] for `k*` out of range and for an empty design.
    pub fn draw(&self, seed: u64, index: u64) -> Result<SparseProblem, RecoveryError> {
        self.draw_until(seed, index, Interrupt::NEVER)
    }

    /// [`Instance::draw`] that can be stopped.
    ///
    /// # Errors
    /// Those of [`Instance::draw`], and [`RecoveryError::Interrupted`].
    pub fn draw_until(&self, seed: u64, index: u64, interrupt: Interrupt<'_>) -> Result<SparseProblem, RecoveryError> {
        if self.sparsity == 0 || self.sparsity > self.d {
            return Err(RecoveryError::Sparsity { k: self.sparsity, d: self.d });
        }
        let at = |part: InstancePart| stream(seed, Role::Instance, index, part as u64);
        let truth = self.truth(&mut at(InstancePart::Signal));
        self.measured(truth, &at, interrupt)
    }

    /// Problem `index` with the design and the noise of this law under a seed, for a given truth (d).
    ///
    /// # Errors
    /// [`RecoveryError`] for an empty design, [`RecoveryError::Interrupted`].
    pub fn draw_for(
        &self,
        truth: Vec<f64>,
        seed: u64,
        index: u64,
        interrupt: Interrupt<'_>,
    ) -> Result<SparseProblem, RecoveryError> {
        let at = |part: InstancePart| stream(seed, Role::Instance, index, part as u64);
        self.measured(truth, &at, interrupt)
    }

    /// The problem of a truth, with drawn design, noise and start.
    fn measured(
        &self,
        truth: Vec<f64>,
        at: &dyn Fn(InstancePart) -> Stream,
        interrupt: Interrupt<'_>,
    ) -> Result<SparseProblem, RecoveryError> {
        if self.n == 0 || self.d == 0 {
            return Err(RecoveryError::Empty { n: self.n, d: self.d });
        }
        let xt = self.design(at, interrupt);
        interrupt.check()?;
        let a = inner_products(xt.as_ref(), &truth);
        let mut y: Vec<f64> = a.iter().map(|&a| self.loss.measure(a)).collect();
        if let Some(snr) = self.snr_db {
            let std = norm(&y) / (y.len() as f64).sqrt() * 10f64.powf(-snr / 20.0);
            let mut rng = at(InstancePart::Noise);
            y.iter_mut().for_each(|y| *y += std * rng.sample::<f64, _>(StandardNormal));
            if self.loss == SampleLoss::QuadraticMeasurement {
                y.iter_mut().for_each(|y| *y = y.max(0.0));
            }
        }
        let start = self.start_distance.map(|distance| {
            let mut rng = at(InstancePart::Start);
            let direction: Vec<f64> = (0..truth.len()).map(|_| rng.sample(StandardNormal)).collect();
            let scale = distance * norm(&truth) / norm(&direction);
            truth.iter().zip(&direction).map(|(w, u)| w + scale * u).collect()
        });
        let problem = SparseProblem::new(xt, y, self.loss, Some(truth))?;
        match start {
            Some(start) => problem.with_start(start),
            None => Ok(problem),
        }
    }

    /// Draws the transposed design (d, n); incomplete where a stop is requested.
    fn design(&self, at: &dyn Fn(InstancePart) -> Stream, interrupt: Interrupt<'_>) -> Mat<f64> {
        let (n, d) = (self.n, self.d);
        let mut rng = at(InstancePart::Design);
        let root = (n as f64).sqrt();
        if let Design::SparseSign { density } = self.design {
            let size = 1.0 / (n as f64 * density).sqrt();
            return filled(d, n, interrupt, || {
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
        let mut xt = filled(d, n, interrupt, || rng.sample::<f64, _>(StandardNormal) / root);
        if interrupt.requested() {
            return xt;
        }
        let roots = |condition: f64| {
            let eigenvalue = |j: usize| condition.powf(-(j as f64) / (d.max(2) - 1) as f64);
            let mean = (0..d).map(eigenvalue).sum::<f64>() / d as f64;
            (0..d).map(|j| (eigenvalue(j) / mean).sqrt()).collect::<Vec<f64>>()
        };
        match self.design {
            Design::Scaled { condition } => {
                let order = random_order(&mut at(InstancePart::Axes), d, d);
                let roots = roots(condition);
                for i in 0..n {
                    for j in 0..d {
                        xt[(j, i)] *= roots[order[j]];
                    }
                }
                xt
            }
            Design::Rotated { condition } => {
                let mut rng = at(InstancePart::Axes);
                let directions = filled(d, d, interrupt, || rng.sample(StandardNormal));
                if interrupt.requested() {
                    return xt;
                }
                let factors = directions.qr();
                drop(directions);
                let axes = factors.compute_Q();
                drop(factors);
                let roots = roots(condition);
                // x = U diag(sqrt lambda) g. The matrix is stored transposed, as inner products read columns.
                let stretched = Mat::from_fn(d, d, |j, i| axes[(i, j)] * roots[j]);
                for i in 0..n {
                    if interrupt.requested() {
                        break;
                    }
                    let rotated = inner_products(stretched.as_ref(), sample(&xt.as_ref(), i));
                    for (j, value) in rotated.into_iter().enumerate() {
                        xt[(j, i)] = value;
                    }
                }
                xt
            }
            Design::Gaussian | Design::SparseSign { .. } => xt,
        }
    }

    /// Draws the truth (d).
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

/// A matrix drawn column by column; zero in the columns that remain where a stop is requested.
fn filled(rows: usize, columns: usize, interrupt: Interrupt<'_>, mut draw: impl FnMut() -> f64) -> Mat<f64> {
    let mut a = Mat::zeros(rows, columns);
    for j in 0..columns {
        if interrupt.requested() {
            break;
        }
        for i in 0..rows {
            a[(i, j)] = draw();
        }
    }
    a
}
