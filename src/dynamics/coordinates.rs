//! Loops over the coordinates of a state.

use super::State;
use crate::compute::{Real, Threads, for_each_chunk_pair};

/// Coordinates of one task of a parallel loop.
const CHUNK: usize = 1 << 14;

/// Calls `update(theta, r, g)` for every coordinate of a state, its momentum and another array, usually the gradient.
pub(super) fn for_each_coordinate<R: Real>(
    threads: Threads,
    State { theta, momentum, .. }: &mut State<R>,
    other: &[R],
    update: impl Fn(&mut R, &mut R, R) + Sync,
) {
    let threads = if theta.len() > CHUNK { threads.count() } else { 1 };
    for_each_chunk_pair(threads, (theta, CHUNK), (momentum, CHUNK), |index, theta, momentum, _| {
        let coordinates = theta.iter_mut().zip(momentum).zip(&other[index * CHUNK..]);
        coordinates.for_each(|((theta, r), &g)| update(theta, r, g));
    });
}
