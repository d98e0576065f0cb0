//! Projections on eight directions at once, one in each lane of a pack: their computation, their sorting, and their
//! distances.
//!
//! Every lane has the operations of one direction in the same order, so that results do not depend on how directions are
//! grouped.

use crate::compute::{Job, Kernel, Pass, Simd};

/// Directions of a group: the lanes of a pack.
pub(super) const LANES: usize = 8;

/// Groups whose distances are accumulated at one time, which hides the latency of additions.
const GROUPS: usize = 4;

/// Atoms above which a sort of each direction by comparisons is faster than a sorting network, which then leaves the
/// cache at each of its passes.
const MOST_SORTED_BY_NETWORK: usize = 8192;

/// Runs a job on the instruction set in use.
struct OneJob<J>(J);

impl<J: Job<f64>> Pass<f64> for OneJob<J> {
    fn run<S: Simd<f64>>(self, simd: S) {
        simd.vectorize(self.0);
    }
}

/// Writes the projections of atoms (n, p) on a group of directions, `[coordinate][lane]`, to `out`, `[atom][lane]`.
pub(super) fn project(atoms: &[f64], directions: &[[f64; LANES]], out: &mut [[f64; LANES]]) {
    f64::dispatch(OneJob(Project { atoms, directions, out }));
}

/// Sorts every lane of `atoms`, `[atom][lane]`, in ascending order. The numbers are finite; zeros of both signs are equal,
/// and may become one another.
pub(super) fn sort(atoms: &mut [[f64; LANES]]) {
    if atoms.len() <= MOST_SORTED_BY_NETWORK {
        return f64::dispatch(OneJob(MergeExchange { atoms }));
    }
    let mut column = Vec::with_capacity(atoms.len());
    for lane in 0..LANES {
        column.clear();
        column.extend(atoms.iter().map(|atom| atom[lane]));
        column.sort_unstable_by(f64::total_cmp);
        atoms.iter_mut().zip(&column).for_each(|(atom, value)| atom[lane] = *value);
    }
}

/// Appends `W2^2` of sorted atoms for every direction of some groups: `a` and `b` are `[group][atom][lane]`, with n and m
/// atoms.
pub(super) fn squared_distances(a: &[[f64; LANES]], b: &[[f64; LANES]], (n, m): (usize, usize), out: &mut Vec<f64>) {
    f64::dispatch(OneJob(Transport { a, b, sizes: (n, m), out }));
}

/// [`project`].
struct Project<'a> {
    atoms: &'a [f64],
    directions: &'a [[f64; LANES]],
    out: &'a mut [[f64; LANES]],
}

impl Job<f64> for Project<'_> {
    #[inline(always)]
    fn run<S: Simd<f64>, const PG: usize, const Q: usize>(self, s: S) {
        let (tiles, rest) = self.directions.as_chunks::<8>();
        for (atom, out) in self.atoms.chunks_exact(self.directions.len()).zip(self.out) {
            let (atom_tiles, atom_rest) = atom.as_chunks::<8>();
            // The eight partial sums of a dot product of `ndarray`, added in its order.
            let mut partial = [s.splat(0.0); 8];
            for (x, u) in atom_tiles.iter().zip(tiles) {
                for k in 0..8 {
                    partial[k] = s.add(partial[k], s.mul(s.splat(x[k]), s.load(&u[k])));
                }
            }
            let mut sum = s.splat(0.0);
            for k in 0..4 {
                sum = s.add(sum, s.add(partial[k], partial[k + 4]));
            }
            for (&x, u) in atom_rest.iter().zip(rest) {
                sum = s.add(sum, s.mul(s.splat(x), s.load(u)));
            }
            s.store(sum, out);
        }
    }
}

/// Batcher's merge exchange (Knuth, The Art of Computer Programming 3, 5.2.2, algorithm M) in every lane.
struct MergeExchange<'a> {
    atoms: &'a mut [[f64; LANES]],
}

impl Job<f64> for MergeExchange<'_> {
    #[inline(always)]
    fn run<S: Simd<f64>, const PG: usize, const Q: usize>(self, s: S) {
        let n = self.atoms.len();
        let top = n.next_power_of_two() / 2;
        let mut p = top;
        while p > 0 {
            let (mut q, mut first, mut distance) = (top, 0, p);
            loop {
                // Runs of p atoms are compared with those `distance` further, which is at least p.
                let mut start = first;
                while start + distance < n {
                    let count = p.min(n - distance - start);
                    let (low, high) = self.atoms.split_at_mut(start + distance);
                    for (low, high) in low[start..start + count].iter_mut().zip(&mut high[..count]) {
                        let (a, b) = (s.load(low), s.load(high));
                        s.store(s.min(a, b), low);
                        s.store(s.max(a, b), high);
                    }
                    start += 2 * p;
                }
                if q == p {
                    break;
                }
                (distance, q, first) = (q - p, q / 2, p);
            }
            p /= 2;
        }
    }
}

/// [`squared_distances`].
struct Transport<'a> {
    a: &'a [[f64; LANES]],
    b: &'a [[f64; LANES]],
    sizes: (usize, usize),
    out: &'a mut Vec<f64>,
}

impl Job<f64> for Transport<'_> {
    #[inline(always)]
    fn run<S: Simd<f64>, const PG: usize, const Q: usize>(self, s: S) {
        let (n, m) = self.sizes;
        let groups = self.a.len() / n;
        let mut first = 0;
        while first < groups {
            if groups - first >= GROUPS {
                self.out.extend(transport::<S, GROUPS>(s, self.a, self.b, self.sizes, first).as_flattened());
                first += GROUPS;
            } else {
                self.out.extend(transport::<S, 1>(s, self.a, self.b, self.sizes, first).as_flattened());
                first += 1;
            }
        }
        self.out.iter_mut().rev().take(groups * LANES).for_each(|sum| *sum /= (n as u64 * m as u64) as f64);
    }
}

/// `n m W2^2` for `G` groups from `first` on: [`squared_distance`] in every lane.
#[inline(always)]
fn transport<S: Simd<f64>, const G: usize>(
    s: S,
    a: &[[f64; LANES]],
    b: &[[f64; LANES]],
    (n, m): (usize, usize),
    first: usize,
) -> [[f64; LANES]; G] {
    let a: [&[[f64; LANES]]; G] = std::array::from_fn(|g| &a[(first + g) * n..(first + g + 1) * n]);
    let b: [&[[f64; LANES]]; G] = std::array::from_fn(|g| &b[(first + g) * m..(first + g + 1) * m]);
    let mut sums = [s.splat(0.0); G];
    let (mut i, mut j, mut mass) = (0, 0, 0_u64);
    while i < n && j < m {
        let (end_a, end_b) = ((i as u64 + 1) * m as u64, (j as u64 + 1) * n as u64);
        let end = end_a.min(end_b);
        let weight = s.splat((end - mass) as f64);
        for g in 0..G {
            let gap = s.sub(s.load(&a[g][i]), s.load(&b[g][j]));
            sums[g] = s.add(sums[g], s.mul(weight, s.mul(gap, gap)));
        }
        mass = end;
        i += usize::from(end == end_a);
        j += usize::from(end == end_b);
    }
    let mut out = [[0.0; LANES]; G];
    for g in 0..G {
        s.store(sums[g], &mut out[g]);
    }
    out
}

/// `W2^2` of sorted, non-empty atoms. Masses are counted in units of `1/(n m)`, so the breakpoints are exact integers.
pub(super) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    let (n, m) = (a.len() as u64, b.len() as u64);
    let (mut i, mut j, mut mass, mut sum) = (0, 0, 0_u64, 0.0);
    while i < a.len() && j < b.len() {
        let (end_a, end_b) = ((i as u64 + 1) * m, (j as u64 + 1) * n);
        let end = end_a.min(end_b);
        let gap = a[i] - b[j];
        sum += (end - mass) as f64 * (gap * gap);
        mass = end;
        i += usize::from(end == end_a);
        j += usize::from(end == end_b);
    }
    sum / (n * m) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::rng::{Role, stream};
    use rand_distr::{Distribution, StandardNormal};

    fn normals(count: usize, block: u64) -> Vec<[f64; LANES]> {
        let mut rng = stream(3, Role::Start, block, 0);
        (0..count).map(|_| std::array::from_fn(|_| StandardNormal.sample(&mut rng))).collect()
    }

    fn column(atoms: &[[f64; LANES]], lane: usize) -> Vec<f64> {
        let mut column: Vec<f64> = atoms.iter().map(|atom| atom[lane]).collect();
        column.sort_unstable_by(f64::total_cmp);
        column
    }

    #[test]
    fn projections_are_the_dot_products() {
        for p in [2, 7, 8, 9, 66] {
            let directions = normals(p, 0);
            let atoms: Vec<f64> = normals(5 * p, 1).iter().map(|row| row[0]).collect();
            let mut out = vec![[0.0; LANES]; 5];
            project(&atoms, &directions, &mut out);
            for (atom, out) in atoms.chunks_exact(p).zip(&out) {
                for lane in 0..LANES {
                    let direction: ndarray::Array1<f64> = directions.iter().map(|u| u[lane]).collect();
                    assert_eq!(out[lane], ndarray::aview1(atom).dot(&direction));
                }
            }
        }
    }

    #[test]
    fn every_lane_is_sorted() {
        for n in (1..70).chain([127, 128, 129, 1000, MOST_SORTED_BY_NETWORK, MOST_SORTED_BY_NETWORK + 1]) {
            let atoms = normals(n, n as u64);
            let mut sorted = atoms.clone();
            sort(&mut sorted);
            for lane in 0..LANES {
                assert!(column(&atoms, lane).iter().eq(sorted.iter().map(|atom| &atom[lane])), "{n}");
            }
        }
    }

    #[test]
    fn distances_are_those_of_single_directions() {
        for (n, m, groups) in [(1, 1, 1), (3, 2, 5), (7, 28, 4), (12, 5, 9)] {
            let sorted = |count: usize, block: u64| {
                let mut atoms = normals(groups * count, block);
                atoms.chunks_exact_mut(count).for_each(sort);
                atoms
            };
            let (a, b) = (sorted(n, 0), sorted(m, 1));
            let mut found = Vec::new();
            squared_distances(&a, &b, (n, m), &mut found);
            assert_eq!(found.len(), groups * LANES);
            for (k, found) in found.iter().enumerate() {
                let (group, lane) = (k / LANES, k % LANES);
                let own =
                    |atoms: &[[f64; LANES]], count: usize| column(&atoms[group * count..(group + 1) * count], lane);
                assert_eq!(*found, squared_distance(&own(&a, n), &own(&b, m)));
            }
        }
    }
}
