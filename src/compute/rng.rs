//! Addressed randomness: every draw has an address, none is consumed from a shared source.
//!
//! A stream is a pure function of `(seed, role, a, b)`: the experiment's seed, what the draw is for, and
//! two indices whose meaning the role fixes (a step and a particle, a replica and a step, ...). Coupled runs
//! therefore share what they should share, and no result depends on the number of threads, on the order of
//! the work, or on where a run was stopped and resumed.
//!
//! The four words are absorbed by SplitMix64's finaliser, a bijection of good avalanche; the result seeds a
//! xoshiro256++ generator, whose own seeding expands it to 256 bits.

use rand::{RngExt, SeedableRng};
pub use rand_xoshiro::Xoshiro256PlusPlus as Stream;

/// What a stream of random numbers is for. The discriminants are part of the records' meaning: never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Role {
    /// Initial parameters; `a` = particle index.
    Start = 1,
    /// Mini-batch indices of a fixed sample; `a` = replica, `b` = step.
    Batch = 2,
    /// Fresh draws from a sampler; `a` = replica, `b` = step.
    Fresh = 3,
    /// Brownian increments; `a` = particle index, `b` = step of the finest clock.
    Brownian = 4,
    /// The fixed sample that stands for a sampler's law; `a` = sample index.
    Population = 5,
    /// A teacher's parameters; `a` = teacher neuron.
    Teacher = 6,
    /// Directions of the sliced Wasserstein distance; `a` = direction.
    Direction = 7,
    /// Bootstrap resamples; `a` = resample.
    Bootstrap = 8,
    /// Orders in which neurons are kept; `a` = network (by width and seed at the end of training, by width and first
    /// particle along it), `b` = draw.
    Mask = 9,
    /// Halves tried for a constructive path; `a` = pair, `b` = trial.
    Half = 10,
    /// Place on a learned curve and its batch; `a` = pair, `b` = step.
    Curve = 11,
    /// Initial momenta; `a` = unit's index, `b` = its family.
    Momentum = 12,
    /// Initial weights between two hidden layers; `a`, `b` = indices of the neurons they join.
    StartWeight = 40,
    /// Initial parameters of the second hidden layer; `a` = index.
    StartSecond = 41,
    /// Brownian increments of weights between two hidden layers; `a` = both indices, `b` = step of the finest clock.
    BrownianWeight = 42,
    /// Brownian increments of the second hidden layer; `a` = index, `b` = step of the finest clock.
    BrownianSecond = 43,
    /// A drawn problem of sparse recovery; `a` = problem, `b` = part (design, axes, signal, noise, start).
    Instance = 20,
    /// Trials of a statement about hard thresholding; `a` = trial.
    Threshold = 21,
}

/// The stream at an address.
pub fn stream(seed: u64, role: Role, a: u64, b: u64) -> Stream {
    let mut key = mix(seed ^ 0x9e37_79b9_7f4a_7c15);
    for word in [role as u64, a, b] {
        key = mix(key.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ mix(word.wrapping_add(0xd1b5_4a32_d192_ed03)));
    }
    Stream::seed_from_u64(key)
}

/// The first `most` entries of a uniformly random order of `0..n`.
pub fn random_order(rng: &mut Stream, n: usize, most: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for i in 0..most.min(n) {
        order.swap(i, rng.random_range(i..n));
    }
    order.truncate(most);
    order
}

/// SplitMix64's output function (Steele, Lea, Flood 2014): a bijection of 64-bit words.
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
