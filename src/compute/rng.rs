//! Random streams with addresses; there is no shared generator.
//!
//! A stream is a pure function of its address `(seed, role, a, b)`: the seed of the experiment, the purpose of the
//! draws, and two indices whose meaning depends on the role (a particle and a step, a replica and a step, ...). Coupled
//! runs therefore use the same random numbers wherever the coupling requires it, and results depend neither on the
//! number of threads, nor on the order of the work, nor on interruptions.
//!
//! The four words are hashed by the finaliser of SplitMix64, a bijection with good avalanche. The hash seeds a
//! xoshiro256++ generator, which expands it to 256 bits.

use rand::{RngExt, SeedableRng};
pub use rand_xoshiro::Xoshiro256PlusPlus as Stream;

/// The purpose of a random stream. The discriminants enter the hash and must never change: records would not reproduce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Role {
    /// Initial parameters; `a` = particle index.
    Start = 1,
    /// Mini-batch indices of a fixed sample; `a` = replica, `b` = step.
    Batch = 2,
    /// Fresh draws from a sampler; `a` = replica, `b` = step.
    Fresh = 3,
    /// Brownian increments; `a` = particle index, `b` = step of the finest time grid.
    Brownian = 4,
    /// The fixed sample that represents the law of a sampler; `a` = sample index.
    Population = 5,
    /// A teacher's parameters; `a` = teacher neuron.
    Teacher = 6,
    /// Directions of the sliced Wasserstein distance; `a` = direction.
    Direction = 7,
    /// Bootstrap resamples; `a` = resample.
    Bootstrap = 8,
    /// Dropout masks, as random orders of the neurons; `a` = network (encoded by width and seed after training, by
    /// width and first particle during training), `b` = draw.
    Mask = 9,
    /// Random halves of the neurons for a constructive path; `a` = pair of networks, `b` = trial.
    Half = 10,
    /// Curve parameter and mini-batch of a step of curve fitting; `a` = pair of networks, `b` = step.
    Curve = 11,
    /// Initial momenta; `a` = index of the unit, `b` = its family.
    Momentum = 12,
    /// Gaussian weights of the particles in fluctuation theory; `a` = purpose (test matrix of the range finder, random
    /// columns), `b` = column.
    Fluctuation = 13,
    /// Noise of mini-batches in fluctuation theory; `a` = column, `b` = step.
    FluctuationBatch = 14,
    /// Draws from predicted laws; `a` = law, `b` = draw.
    FluctuationDraw = 15,
    /// Initial weights between two hidden layers; `a`, `b` = indices of the two neurons.
    StartWeight = 40,
    /// Initial parameters of the second hidden layer; `a` = index.
    StartSecond = 41,
    /// Brownian increments of weights between two hidden layers; `a` = both indices, `b` = step of the finest time
    /// grid.
    BrownianWeight = 42,
    /// Brownian increments of the second hidden layer; `a` = index, `b` = step of the finest time grid.
    BrownianSecond = 43,
    /// A random problem of sparse recovery; `a` = problem, `b` = component (design, axes, signal, noise, start).
    Instance = 20,
    /// Random trials of an inequality of hard thresholding; `a` = trial.
    Threshold = 21,
    /// Mini-batches of stochastic steps in sparse recovery; `a` = problem, `b` = step.
    RecoveryBatch = 22,
    /// The scramble of low-discrepancy starts; `a` = family of units, `b` = dimension.
    Scramble = 50,
    /// The order of calibration samples for pruning.
    Calibration = 60,
    /// Samples of a step of training between rounds of pruning; `a` = round, `b` = step.
    PruneTraining = 61,
    /// The test part of a population; `a` = sample index.
    TestPart = 70,
    /// Random weights of the particles of a cloud; `a` = draw, `b` = hidden layer.
    CloudWeight = 51,
}

/// The stream at an address.
pub fn stream(seed: u64, role: Role, a: u64, b: u64) -> Stream {
    let mut key = mix(seed ^ 0x9e37_79b9_7f4a_7c15);
    for word in [role as u64, a, b] {
        key = mix(key.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ mix(word.wrapping_add(0xd1b5_4a32_d192_ed03)));
    }
    Stream::seed_from_u64(key)
}

/// The first `count` entries (at most n) of a uniformly random permutation of `0..n`, by the Fisher-Yates shuffle.
pub fn random_order(rng: &mut Stream, n: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for i in 0..count.min(n) {
        order.swap(i, rng.random_range(i..n));
    }
    order.truncate(count);
    order
}

/// The output function of SplitMix64 (Steele, Lea, Flood 2014): a bijection of 64-bit words.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;
    use std::collections::HashSet;

    #[test]
    fn neighbouring_addresses_give_different_streams() {
        let mut seen = HashSet::new();
        for seed in 0..4 {
            for role in [Role::Start, Role::Batch, Role::Fresh] {
                for a in 0..16 {
                    for b in 0..16 {
                        assert!(seen.insert(stream(seed, role, a, b).next_u64()));
                    }
                }
            }
        }
    }
}
