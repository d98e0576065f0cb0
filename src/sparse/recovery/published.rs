//! The problems of the published simulation (github DiyuanWu/woodtaylor_simulation), drawn from the same random stream,
//! so that its curves are reproduced value for value: a Mersenne Twister, 24-bit uniforms, and the Box-Muller transform
//! in blocks of sixteen, in single precision. Used for that comparison only.

use super::{RecoveryError, SampleLoss, SparseProblem};
use faer::Mat;
use rand_mt::Mt;

/// Rows of the design in the published Gaussian experiment.
pub const ROWS: usize = 256;
/// Unknowns of the published Gaussian experiment.
pub const UNKNOWNS: usize = 128;
/// Nonzero entries of the truth.
pub const SPARSITY: usize = 16;
/// Entries that the algorithms keep.
pub const KEPT: usize = 64;
/// The seed of the stream from which all experiments are drawn.
const SEED: u32 = 1234;

/// One experiment: the problem, and a start for each algorithm.
pub struct PublishedExperiment {
    /// The problem, with the start of topk-I-OBS.
    pub problem: SparseProblem,
    /// Starts of topk-I-OBS, k-IHT and OBC (d each).
    pub starts: [Vec<f64>; 3],
}

/// The first `count` experiments of the published stream.
///
/// # Errors
/// Those of [`SparseProblem::new`], which the stream does not cause.
pub fn experiments(count: usize) -> Result<Vec<PublishedExperiment>, RecoveryError> {
    let mut stream = MersenneStream(Mt::new(SEED));
    (0..count)
        .map(|_| {
            let mut truth = stream.normals(UNKNOWNS);
            for &j in &stream.permutation(UNKNOWNS)[..UNKNOWNS - SPARSITY] {
                truth[j] = 0.0;
            }
            let x = stream.normals(ROWS * UNKNOWNS);
            let root = (ROWS as f32).sqrt();
            let xt = Mat::from_fn(UNKNOWNS, ROWS, |j, i| f64::from(x[i * UNKNOWNS + j] / root));
            let truth: Vec<f64> = truth.into_iter().map(f64::from).collect();
            let y = super::dense::inner_products(xt.as_ref(), &truth);
            let bound = 1.0 / (UNKNOWNS as f32).sqrt();
            let mut start =
                || (0..UNKNOWNS).map(|_| f64::from(stream.uniform() * (2.0 * bound) - bound)).collect::<Vec<f64>>();
            let starts = [start(), start(), start()];
            let problem = SparseProblem::new(xt, y, SampleLoss::Squared, Some(truth))?.with_start(starts[0].clone())?;
            Ok(PublishedExperiment { problem, starts })
        })
        .collect()
}

/// The random stream of the library that the published code uses.
struct MersenneStream(Mt);

impl MersenneStream {
    /// A uniform number in [0, 1) with 24 bits.
    fn uniform(&mut self) -> f32 {
        (self.0.next_u32() & 0x00ff_ffff) as f32 / (1 << 24) as f32
    }

    /// `count` standard normals; `count` is a multiple of sixteen.
    fn normals(&mut self, count: usize) -> Vec<f32> {
        let mut x: Vec<f32> = (0..count).map(|_| self.uniform()).collect();
        for block in x.chunks_exact_mut(16) {
            for j in 0..8 {
                let (u1, u2) = (1.0 - block[j], block[j + 8]);
                let (radius, angle) = ((-2.0 * u1.ln()).sqrt(), 2.0 * std::f32::consts::PI * u2);
                (block[j], block[j + 8]) = (radius * angle.cos(), radius * angle.sin());
            }
        }
        x
    }

    /// A random permutation of `0 .. m`.
    fn permutation(&mut self, m: usize) -> Vec<usize> {
        let mut permutation: Vec<usize> = (0..m).collect();
        for i in 0..m - 1 {
            permutation.swap(i, i + self.0.next_u32() as usize % (m - i));
        }
        permutation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of the stream, as published.
    #[test]
    fn the_stream() {
        let normals = MersenneStream(Mt::new(SEED)).normals(16);
        for (found, expected) in normals.iter().zip([-0.111_718_57, -0.496_590_1, 0.163_073_7, -0.881_687_76_f32]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }
}
