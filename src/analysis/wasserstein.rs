//! Wasserstein-2 distance between sets of neurons: exact on the real line, sliced in `R^p`.
//!
//! On the real line the optimal coupling is monotone, so with quantile functions `F^-1`, `G^-1`
//!
//! ```text
//! W2^2 = int_0^1 ( F^-1(u) - G^-1(u) )^2 du
//! ```
//!
//! a finite sum for empirical laws, whatever their sizes. In `R^p` the sliced distance averages `W2^2` of the
//! projections over directions uniform on the sphere and takes the root; it is a lower bound of `W2`, and a shift by
//! `v` gives `|v| / sqrt(p)` on average. It metrises the same convergence on bounded sets, at `O(n log n)` for each
//! direction.

mod block_means;
mod lanes;

use crate::compute::rng::{Role, stream};
use block_means::BlockMeans;
use lanes::{LANES, squared_distance};
use ndarray::{Array1, ArrayView1, ArrayView2};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Atoms from which on directions are shared among threads.
const PARALLEL: usize = 4096;

/// Atoms from which on one sort is shared among threads.
const PARALLEL_SORT: usize = 1 << 16;

/// Atoms of a reference from which on its [`BlockMeans`] are kept for sets of at most a quarter as many atoms.
const MANY: usize = 1 << 16;

/// Why two sets of atoms have no distance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// A set without atoms.
    #[error("the {atoms} set of atoms is empty: a law needs at least one atom")]
    Empty {
        /// Which set: "first", "second" or "reference".
        atoms: &'static str,
    },
    /// A set with an infinite or NaN coordinate.
    #[error("the {atoms} set of atoms has a coordinate that is not finite: the network diverged")]
    NotFinite {
        /// Which set.
        atoms: &'static str,
    },
    /// Atoms given as sorted are not.
    #[error("the {atoms} set of atoms is not in ascending order")]
    NotSorted {
        /// Which set.
        atoms: &'static str,
    },
    /// Sets in spaces of different dimension.
    #[error("atoms in dimension {atoms} compared with a reference in dimension {reference}")]
    Dimension {
        /// Columns of the reference.
        reference: usize,
        /// Columns of the atoms.
        atoms: usize,
    },
    /// A sliced distance without directions.
    #[error("sliced distance in dimension {dimension} with {directions} directions: both must be at least 1")]
    NoDirections {
        /// Dimension of the space.
        dimension: usize,
        /// Requested number of directions.
        directions: usize,
    },
}

/// `W2` between the uniform laws on the atoms `a` (n) and `b` (m), both in ascending order, in `O(n + m)`; exact up to
/// rounding.
///
/// # Errors
/// [`TransportError`] where a slice is empty, holds a number that is not finite, or is not in ascending order.
pub fn wasserstein_2_sorted(a: &[f64], b: &[f64]) -> Result<f64, TransportError> {
    for (values, atoms) in [(a, "first"), (b, "second")] {
        match (values.first(), values.last()) {
            (Some(low), Some(high)) if !low.is_finite() || !high.is_finite() => {
                return Err(TransportError::NotFinite { atoms });
            }
            (None, _) => return Err(TransportError::Empty { atoms }),
            _ if !values.is_sorted() => return Err(TransportError::NotSorted { atoms }),
            _ => {}
        }
    }
    Ok(squared_distance(a, b).sqrt())
}

/// A set of atoms, projected and sorted once, to be compared with many sets in the same directions.
#[derive(Clone, Debug)]
pub struct ReferenceProjections {
    directions: Arc<Directions>,
    /// Number of atoms M.
    atoms: usize,
    /// Sorted projections on the directions of the groups, `[group][atom][lane]`.
    grouped: Vec<[f64; LANES]>,
    /// Sorted projections (M) on every other direction.
    single: Vec<Vec<f64>>,
    /// The means of blocks of the single projections, by the number of blocks; filled as they are needed.
    block_means: Arc<Mutex<BTreeMap<usize, Arc<Vec<BlockMeans>>>>>,
}

/// Directions in `R^p`, in groups that are used at once and single ones.
#[derive(Debug)]
struct Directions {
    dimension: usize,
    /// `[group][coordinate][lane]`.
    grouped: Vec<[f64; LANES]>,
    /// Those beyond the groups, each (p).
    single: Vec<Array1<f64>>,
}

impl Directions {
    /// The first `count` directions of a seed.
    fn new(dimension: usize, count: usize, seed: u64) -> Self {
        let drawn = |range: std::ops::Range<usize>| range.map(|k| direction(dimension, seed, k as u64)).collect();
        let groups = count / LANES;
        let group = |group: usize| {
            let own: Vec<Array1<f64>> = drawn(group * LANES..(group + 1) * LANES);
            (0..dimension).map(|j| std::array::from_fn(|lane| own[lane][j])).collect::<Vec<[f64; LANES]>>()
        };
        Directions { dimension, grouped: (0..groups).flat_map(group).collect(), single: drawn(groups * LANES..count) }
    }

    fn count(&self) -> usize {
        self.grouped.len() / self.dimension * LANES + self.single.len()
    }
}

impl ReferenceProjections {
    /// Projects `reference` (M, p) on `directions` directions, the `k`-th drawn from `stream(seed, Role::Direction, k,
    /// 0)`: references with equal seeds have equal directions. For p = 1 there is one direction and the distance is
    /// exact.
    ///
    /// # Errors
    /// [`TransportError`] when the reference is empty or not finite, or `p` or `directions` is 0.
    pub fn new(reference: ArrayView2<f64>, directions: usize, seed: u64) -> Result<Self, TransportError> {
        let dimension = reference.ncols();
        if dimension == 0 || directions == 0 {
            return Err(TransportError::NoDirections { dimension, directions });
        }
        let directions = if dimension == 1 { 1 } else { directions };
        Self::on(&Arc::new(Directions::new(dimension, directions, seed)), reference, "reference")
    }

    /// The projections of other atoms (n, p) on the same directions.
    ///
    /// # Errors
    /// [`TransportError`] where there are no atoms, or they are not finite, or in another dimension.
    pub fn of(&self, atoms: ArrayView2<f64>) -> Result<Self, TransportError> {
        Self::on(&self.directions, atoms, "second")
    }

    /// Sliced `W2` from the reference to `atoms` (n, p): the root of the mean over directions of `W2^2`.
    ///
    /// # Errors
    /// [`TransportError`] where there are no atoms, or they are not finite, or in another dimension.
    pub fn distance(&self, atoms: ArrayView2<f64>) -> Result<f64, TransportError> {
        Ok(self.distance_to(&self.of(atoms)?))
    }

    /// Sliced `W2` from the reference to atoms that were projected on its directions by [`Self::of`].
    pub fn distance_to(&self, atoms: &Self) -> f64 {
        let mut squares = Vec::with_capacity(self.directions.count());
        lanes::squared_distances(&atoms.grouped, &self.grouped, (atoms.atoms, self.atoms), &mut squares);
        if self.atoms >= MANY && 4 * atoms.atoms <= self.atoms {
            let blocks = self.block_means(atoms.atoms);
            squares.extend(atoms.single.iter().zip(blocks.iter()).map(|(a, blocks)| blocks.squared_distance(a)));
        } else {
            squares.extend(atoms.single.iter().zip(&self.single).map(|(a, b)| squared_distance(a, b)));
        }
        (squares.iter().sum::<f64>() / squares.len() as f64).sqrt()
    }

    /// The means of so many blocks of the single projections.
    fn block_means(&self, blocks: usize) -> Arc<Vec<BlockMeans>> {
        let mut known = self.block_means.lock().unwrap_or_else(PoisonError::into_inner);
        let means = || Arc::new(self.single.iter().map(|sorted| BlockMeans::new(sorted, blocks)).collect());
        Arc::clone(known.entry(blocks).or_insert_with(means))
    }

    fn on(directions: &Arc<Directions>, atoms: ArrayView2<f64>, name: &'static str) -> Result<Self, TransportError> {
        let (count, dimension) = atoms.dim();
        if dimension != directions.dimension {
            return Err(TransportError::Dimension { reference: directions.dimension, atoms: dimension });
        }
        if count == 0 {
            return Err(TransportError::Empty { atoms: name });
        }
        let rows = atoms.as_standard_layout();
        let values = rows.as_slice().expect("standard layout");
        let mut grouped = vec![[0.0; LANES]; directions.grouped.len() / dimension * count];
        let one = |(out, group): (&mut [[f64; LANES]], &[[f64; LANES]])| {
            lanes::project(values, group, out);
            let finite = out.as_flattened().iter().fold(true, |finite, atom| finite & atom.is_finite());
            lanes::sort(out);
            finite
        };
        let groups = directions.grouped.chunks_exact(dimension);
        let finite = if count < PARALLEL {
            grouped.chunks_exact_mut(count).zip(groups).map(one).fold(true, |all, finite| all & finite)
        } else {
            let work: Vec<_> = grouped.chunks_exact_mut(count).zip(groups).collect();
            work.into_par_iter().with_max_len(1).map(one).reduce(|| true, |all, finite| all & finite)
        };
        if !finite {
            return Err(TransportError::NotFinite { atoms: name });
        }
        let single = directions.single.iter().map(|direction| project(atoms, direction.view(), name));
        let single = single.collect::<Result<_, _>>()?;
        Ok(ReferenceProjections {
            directions: Arc::clone(directions),
            atoms: count,
            grouped,
            single,
            block_means: Arc::default(),
        })
    }
}

/// The `k`-th direction, uniform on the unit sphere of `R^dimension`.
fn direction(dimension: usize, seed: u64, k: u64) -> Array1<f64> {
    if dimension == 1 {
        return Array1::ones(1);
    }
    let mut rng = stream(seed, Role::Direction, k, 0);
    loop {
        let normal: Array1<f64> = Array1::from_shape_simple_fn(dimension, || StandardNormal.sample(&mut rng));
        let norm = normal.dot(&normal).sqrt();
        if norm > 0.0 {
            return normal / norm;
        }
    }
}

/// Sorted projections of atoms (n, p) on a direction (p).
fn project(atoms: ArrayView2<f64>, direction: ArrayView1<f64>, name: &'static str) -> Result<Vec<f64>, TransportError> {
    sorted(atoms.rows().into_iter().map(|row| row.dot(&direction)), name)
}

/// The atoms in ascending order.
fn sorted(values: impl Iterator<Item = f64>, atoms: &'static str) -> Result<Vec<f64>, TransportError> {
    let mut sorted: Vec<f64> = values.collect();
    if sorted.is_empty() {
        return Err(TransportError::Empty { atoms });
    }
    if sorted.iter().any(|atom| !atom.is_finite()) {
        return Err(TransportError::NotFinite { atoms });
    }
    if sorted.len() < PARALLEL_SORT {
        sorted.sort_unstable_by(f64::total_cmp);
    } else {
        sorted.par_sort_unstable_by(f64::total_cmp);
    }
    Ok(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    /// `W2` between the uniform laws on atoms in any order.
    fn wasserstein_2(a: &[f64], b: &[f64]) -> Result<f64, TransportError> {
        let (a, b) = (sorted(a.iter().copied(), "first")?, sorted(b.iter().copied(), "second")?);
        wasserstein_2_sorted(&a, &b)
    }

    /// Sliced `W2` between two sets of atoms.
    fn sliced_wasserstein_2(
        a: ArrayView2<f64>,
        b: ArrayView2<f64>,
        directions: usize,
        seed: u64,
    ) -> Result<f64, TransportError> {
        ReferenceProjections::new(a, directions, seed)?.distance(b)
    }

    fn normals(n: usize, block: u64) -> Vec<f64> {
        let mut rng = stream(7, Role::Start, block, 0);
        (0..n).map(|_| StandardNormal.sample(&mut rng)).collect()
    }

    #[test]
    fn diracs_and_half_masses() {
        assert_eq!(wasserstein_2(&[1.0], &[4.0]).unwrap(), 3.0);
        // Half of the mass moves by 1, half by 3.
        assert_eq!(wasserstein_2(&[0.0], &[1.0, 3.0]).unwrap(), 5.0_f64.sqrt());
        // Thirds against halves: the middle third splits; sixths 2, 1, 1, 2 move by 0, 1, 2, 0.
        let got = wasserstein_2(&[0.0, 1.0, 3.0], &[0.0, 3.0]).unwrap();
        assert!((got - (5.0_f64 / 6.0).sqrt()).abs() < 1e-15);
    }

    /// A reference of many atoms has the distances of the merged quantiles, on one direction and on several.
    #[test]
    fn many_atoms_and_few() {
        let many = Array2::from_shape_vec((MANY + 3, 1), normals(MANY + 3, 4)).unwrap();
        let few = Array2::from_shape_vec((100, 1), normals(100, 5)).unwrap();
        let expected = wasserstein_2(many.as_slice().unwrap(), few.as_slice().unwrap()).unwrap();
        let reference = ReferenceProjections::new(many.view(), 1, 1).unwrap();
        // The second time the means are known.
        for _ in 0..2 {
            let found = reference.distance(few.view()).unwrap();
            assert!((found - expected).abs() < 1e-13 * expected, "{found} and {expected}");
        }
    }

    #[test]
    fn monotone_matching_beats_every_other_matching() {
        let (a, b) = ([0.3_f64, -1.0, 2.0, 0.9], [5.0, 0.1, 0.2, -3.0]);
        let mut best = f64::INFINITY;
        for code in 0..256_usize {
            let at: Vec<usize> = (0..4).map(|k| (code >> (2 * k)) & 3).collect();
            if (0..4).all(|v| at.contains(&v)) {
                best = best.min((0..4).map(|k| (a[k] - b[at[k]]).powi(2)).sum::<f64>() / 4.0);
            }
        }
        assert!((wasserstein_2(&a, &b).unwrap() - best.sqrt()).abs() < 1e-14);
    }

    #[test]
    fn gaussians() {
        // W2^2( N(0,1), N(m,s^2) ) = m^2 + (1-s)^2, within the sampling error of 20000 and 30000 atoms.
        let (m, s) = (0.7, 1.5);
        let a = normals(20_000, 0);
        let b: Vec<f64> = normals(30_000, 1).iter().map(|z| m + s * z).collect();
        let got = wasserstein_2(&a, &b).unwrap().powi(2);
        assert!((got - (m * m + (1.0 - s) * (1.0 - s))).abs() < 0.05, "{got}");
    }

    #[test]
    fn sliced_shift() {
        let p = 6;
        let cloud = Array2::from_shape_vec((500, p), normals(500 * p, 2)).unwrap();
        let shift = array![1.0, -2.0, 0.0, 0.5, 3.0, 1.0];
        let moved = &cloud + &shift;
        let expected = (shift.dot(&shift) / p as f64).sqrt();
        let got = sliced_wasserstein_2(cloud.view(), moved.view(), 4000, 3).unwrap();
        assert!((got / expected - 1.0).abs() < 0.05, "{got} against {expected}");
        // The mean of |<u, v>|^2 over the very directions used is exact.
        let exact = (0..4000).map(|k| direction(p, 3, k).dot(&shift).powi(2)).sum::<f64>() / 4000.0;
        assert!((got - exact.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn one_dimension_is_exact_and_columns_need_not_be_contiguous() {
        let wide = Array2::from_shape_fn((40, 3), |(i, j)| ((i * 7 + j * 5) % 11) as f64);
        let (a, b) = (wide.slice(ndarray::s![.., 1..2]), wide.slice(ndarray::s![..13, 2..3]));
        let reference = ReferenceProjections::new(a, 50, 0).unwrap();
        assert_eq!(reference.directions.count(), 1);
        assert_eq!(
            reference.distance(b).unwrap(),
            wasserstein_2(&a.column(0).to_vec(), &b.column(0).to_vec()).unwrap()
        );
    }

    #[test]
    fn directions_are_unit_and_isotropic() {
        let (p, count) = (5, 4000);
        let mut second = Array2::<f64>::zeros((p, p));
        for k in 0..count {
            let u = direction(p, 11, k);
            assert!((u.dot(&u) - 1.0).abs() < 1e-14);
            second += &(&u.clone().insert_axis(ndarray::Axis(1)) * &u);
        }
        for ((i, j), value) in second.indexed_iter() {
            let expected = if i == j { 1.0 / p as f64 } else { 0.0 };
            assert!((value / count as f64 - expected).abs() < 0.02);
        }
    }

    #[test]
    fn what_has_no_distance() {
        let nan = array![[1.0, f64::NAN]];
        let plane = array![[0.0, 1.0]];
        let line = array![[0.0]];
        assert_eq!(wasserstein_2(&[], &[1.0]), Err(TransportError::Empty { atoms: "first" }));
        assert_eq!(wasserstein_2(&[1.0], &[f64::INFINITY]), Err(TransportError::NotFinite { atoms: "second" }));
        assert_eq!(wasserstein_2_sorted(&[0.0, 2.0, 1.0], &[1.0]), Err(TransportError::NotSorted { atoms: "first" }));
        assert_eq!(wasserstein_2_sorted(&[1.0], &[f64::NAN]), Err(TransportError::NotFinite { atoms: "second" }));
        assert_eq!(
            ReferenceProjections::new(nan.view(), 4, 0).unwrap_err(),
            TransportError::NotFinite { atoms: "reference" }
        );
        assert_eq!(
            sliced_wasserstein_2(plane.view(), line.view(), 4, 0),
            Err(TransportError::Dimension { reference: 2, atoms: 1 })
        );
        assert!(matches!(
            sliced_wasserstein_2(plane.view(), plane.view(), 0, 0),
            Err(TransportError::NoDirections { .. })
        ));
    }

    fn atoms() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(-100.0..100.0_f64, 1..30)
    }

    proptest! {
        #[test]
        fn symmetric_and_triangular(a in atoms(), b in atoms(), c in atoms()) {
            let w = |a: &[f64], b: &[f64]| wasserstein_2(a, b).unwrap();
            prop_assert!((w(&a, &b) - w(&b, &a)).abs() < 1e-10);
            prop_assert!(w(&a, &c) <= w(&a, &b) + w(&b, &c) + 1e-9);
        }

        #[test]
        fn shifts_and_repetitions(a in atoms(), shift in -50.0..50.0_f64, times in 1_usize..6) {
            let moved: Vec<f64> = a.iter().map(|v| v + shift).collect();
            prop_assert!((wasserstein_2(&a, &moved).unwrap() - shift.abs()).abs() < 1e-11);
            prop_assert_eq!(wasserstein_2(&a, &a.repeat(times)).unwrap(), 0.0);
        }

        #[test]
        fn equal_sizes_match_in_order(pairs in prop::collection::vec((-9.0..9.0_f64, -9.0..9.0_f64), 1..30)) {
            let (mut a, mut b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let unsorted = wasserstein_2(&a, &b).unwrap();
            a.sort_by(f64::total_cmp);
            b.sort_by(f64::total_cmp);
            let mean = a.iter().zip(&b).map(|(x, y)| (x - y).powi(2)).sum::<f64>() / a.len() as f64;
            prop_assert!((unsorted - mean.sqrt()).abs() < 1e-12);
            prop_assert_eq!(wasserstein_2_sorted(&a, &b).unwrap(), unsorted);
        }
    }
}
