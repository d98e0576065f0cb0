use super::*;
use crate::network::{Activation, ThreeLayer, TwoLayer};

fn two_layer(inputs: usize) -> Network {
    TwoLayer { inputs, outputs: 1, bias: true, activation: Activation::Erf, fixed_output: false }.into()
}

fn gaussian(mean: f64, std: f64) -> Law {
    Law::Gaussian { mean, std }
}

/// Every interval of length 1/M of every axis has one of M points, and in the first two dimensions every box of area
/// 1/M with sides that are powers of two: the scramble keeps the net property of the sequence.
#[test]
fn points_are_stratified() {
    for seed in 0..4 {
        let sequence = ScrambledSequence::new(40, seed, 0);
        let mut points = vec![vec![0.0; 40]; 256];
        points.iter_mut().enumerate().for_each(|(i, point)| sequence.point(i as u32, point));
        for axis in 0..40 {
            let mut cells: Vec<usize> = points.iter().map(|point| (point[axis] * 256.0) as usize).collect();
            cells.sort_unstable();
            assert!(cells.into_iter().eq(0..256), "axis {axis}");
        }
        for power in 0..=8 {
            let (columns, rows) = (f64::from(1 << power), f64::from(1 << (8 - power)));
            let cell = |point: &Vec<f64>| (point[0] * columns) as usize * rows as usize + (point[1] * rows) as usize;
            let mut cells: Vec<usize> = points.iter().map(cell).collect();
            cells.sort_unstable();
            assert!(cells.into_iter().eq(0..256), "boxes {columns} x {rows}");
        }
    }
}

/// Each digit of a point is 0 or 1 equally often over seeds, and independent of the others: the start is unbiased.
#[test]
fn a_point_is_uniform_over_seeds() {
    let count = 4000;
    let points: Vec<[f64; 2]> = (0..count)
        .map(|seed| {
            let mut point = [0.0; 2];
            ScrambledSequence::new(2, seed, 3).point(5, &mut point);
            point
        })
        .collect();
    let mean = |f: &dyn Fn(&[f64; 2]) -> f64| points.iter().map(f).sum::<f64>() / count as f64;
    let error = 4.0 / (count as f64).sqrt();
    assert!((mean(&|u| u[0]) - 0.5).abs() < error * (1.0_f64 / 12.0).sqrt());
    assert!((mean(&|u| u[0] * u[0]) - 1.0 / 3.0).abs() < error * (4.0_f64 / 45.0).sqrt());
    assert!((mean(&|u| u[0] * u[1]) - 0.25).abs() < error * (7.0_f64 / 144.0).sqrt());
}

/// Coordinates have the laws of the start, exactly stratified; point masses and spheres are exact.
#[test]
fn coordinates_have_the_laws_of_the_start() {
    let network = two_layer(3);
    let start = Start {
        w: Law::Sphere { radius: 2.0 },
        b: Law::Uniform { low: -1.0, high: 3.0 },
        a: gaussian(1.0, 0.5),
        ..Start::default()
    };
    let m = 512;
    let out = network.low_discrepancy_start::<f64>(&start, 0.7, (1, 2), m).unwrap();
    let (theta, momentum) = (network.to_canonical(m, &out.theta), network.to_canonical(m, &out.momentum));
    let column = |values: &[f64], k: usize| {
        let mut column: Vec<f64> = values.chunks_exact(5).map(|neuron| neuron[k]).collect();
        column.sort_by(f64::total_cmp);
        column
    };
    let stratified = |column: Vec<f64>, distribution: &dyn Fn(f64) -> f64| {
        for (k, value) in column.into_iter().enumerate() {
            let u = distribution(value) * m as f64;
            assert!(u > k as f64 - 1e-6 && u < k as f64 + 1.0 + 1e-6, "{k}: {u}");
        }
    };
    stratified(column(&theta, 3), &|b| (b + 1.0) / 4.0);
    stratified(column(&theta, 4), &|a| Normal::standard().cdf((a - 1.0) / 0.5));
    for k in 0..5 {
        stratified(column(&momentum, k), &|r| Normal::standard().cdf(r / 0.7));
    }
    // Momenta are independent of the parameters and of each other.
    let pairs = theta.chunks_exact(5).zip(momentum.chunks_exact(5));
    let joint: Vec<Vec<f64>> = pairs.map(|(theta, momentum)| [theta, momentum].concat()).collect();
    let mean = |f: &dyn Fn(&[f64]) -> f64| joint.iter().map(|unit| f(unit)).sum::<f64>() / m as f64;
    for k in 0..10 {
        for l in (0..10).filter(|&l| l >= 5 && l != k) {
            let covariance = mean(&|unit| unit[k] * unit[l]) - mean(&|unit| unit[k]) * mean(&|unit| unit[l]);
            assert!(covariance.abs() < 0.06, "{k}, {l}: {covariance}");
        }
    }
    for neuron in theta.chunks_exact(5) {
        assert!((neuron[..3].iter().map(|w| w * w).sum::<f64>() - 4.0).abs() < 1e-12);
    }
    for k in 0..3 {
        let square = column(&theta, k).iter().map(|w| w * w).sum::<f64>() / m as f64;
        assert!((square - 4.0 / 3.0).abs() < 0.02, "{square}");
    }
    let point = Start { w: Law::Point { value: 0.3 }, ..start };
    let out = network.low_discrepancy_start::<f64>(&point, 0.0, (1, 2), m).unwrap();
    let theta = network.to_canonical(m, &out.theta);
    assert!(theta.chunks_exact(5).all(|neuron| neuron[..3] == [0.3; 3]));
    assert!(out.momentum.iter().all(|&r| r == 0.0));
}

/// Errors of the mean prediction, `E a erf(z / sqrt 2)` with `z ~ N(m, v)` being `E a erf(m / sqrt(2 (1 + v)))`, and of
/// the second moment of a: root mean squares over seeds, beside those of independent starts.
#[test]
fn averages_converge_faster_than_those_of_independent_starts() {
    let network = two_layer(5);
    let start = Start { w: gaussian(0.1, 0.5), b: gaussian(0.3, 0.5), a: gaussian(1.0, 1.0), ..Start::default() };
    let x: Vec<f64> = (0..20).map(|k| libm::sin(1.7 * f64::from(k))).collect();
    let exact: Vec<f64> = x
        .chunks_exact(5)
        .map(|x| {
            let mean = 0.1 * x.iter().sum::<f64>() + 0.3;
            let variance = 0.25 * (x.iter().map(|x| x * x).sum::<f64>() + 1.0);
            libm::erf(mean / (2.0 * (1.0 + variance)).sqrt())
        })
        .collect();
    let seeds = 12;
    let error = |m: usize, theta: &dyn Fn(u64) -> Vec<f64>| -> [f64; 2] {
        let mut squares = [0.0; 2];
        for seed in 0..seeds {
            let theta = theta(seed);
            let f = network.predict(m, &theta, &x, crate::compute::Threads::One);
            squares[0] += f.iter().zip(&exact).map(|(f, exact)| (f - exact).powi(2)).sum::<f64>() / f.len() as f64;
            let theta = network.to_canonical(m, &theta);
            squares[1] += (theta.chunks_exact(7).map(|v| v[6] * v[6]).sum::<f64>() / m as f64 - 2.0).powi(2);
        }
        squares.map(|square| (square / seeds as f64).sqrt())
    };
    let sobol = |m: usize| error(m, &|seed| network.low_discrepancy_start(&start, 0.0, (seed, 0), m).unwrap().theta);
    let independent = error(4096, &|seed| network.start(&start, seed, 0, 4096));
    let (coarse, fine) = (sobol(256), sobol(4096));
    for k in 0..2 {
        assert!(fine[k] < 0.15 * independent[k], "{k}: {fine:?} {independent:?}");
        // From 256 to 4096 points: 1/4 at the rate of independent starts, 1/16 at rate 1/M.
        assert!(fine[k] < 0.13 * coarse[k], "{k}: {fine:?} {coarse:?}");
    }
}

#[test]
fn the_index_families_of_three_layers_have_their_own_points() {
    let activations = [Activation::Tanh; 2];
    let network: Network =
        ThreeLayer { inputs: 2, outputs: 1, bias: true, activations, fixed_output: false, proportions: [1, 2] }.into();
    let law = gaussian(0.0, 1.0);
    let start = Start { w: law.clone(), b: law.clone(), u: law.clone(), c: law.clone(), a: law };
    let at = |seeds: (u64, u64), m: usize| {
        let out = network.low_discrepancy_start::<f64>(&start, 0.5, seeds, m).unwrap();
        (network.to_canonical(m, &out.theta), network.to_canonical(m, &out.momentum))
    };
    let m = 128;
    let (theta, momentum) = at((1, 2), m);
    let families = network.families(m);
    for values in [&theta, &momentum] {
        for (k, std) in [(0, 1.0), (2, 1.0)] {
            let std = if values == &momentum { 0.5 } else { std };
            let units = families[k].rows;
            for column in families[k].matrix(values).columns() {
                let mut cells: Vec<usize> =
                    column.iter().map(|v| (Normal::standard().cdf(v / std) * units as f64) as usize).collect();
                cells.sort_unstable();
                assert!(cells.into_iter().eq(0..units));
            }
        }
    }
    // The weights between the layers are those of the independent start, parameters and momenta.
    let between = families[1].range();
    let (start_theta, start_momentum): (Vec<f64>, Vec<f64>) =
        (network.start(&start, 2, 0, m), network.start_momenta(0.5, 2, 0, m));
    assert_eq!(theta[between.clone()], network.to_canonical(m, &start_theta)[between.clone()]);
    assert_eq!(momentum[between.clone()], network.to_canonical(m, &start_momentum)[between.clone()]);
    // Another seed of the weights changes nothing else, and another seed of the points everything but them.
    let (other, _) = at((1, 3), m);
    assert!(other[..between.start] == theta[..between.start] && other[between.end..] == theta[between.end..]);
    assert_ne!(other[between.clone()], theta[between.clone()]);
    let (other, _) = at((4, 2), m);
    assert!(other[..between.start] != theta[..between.start] && other[between.clone()] == theta[between]);
}

#[test]
fn a_smaller_cloud_consists_of_the_first_units() {
    let network = two_layer(2);
    let start = Start { w: gaussian(0.0, 1.0), a: gaussian(0.0, 1.0), ..Start::default() };
    let at = |m: usize| {
        network.to_canonical(m, &network.low_discrepancy_start::<f64>(&start, 0.0, (9, 0), m).unwrap().theta)
    };
    assert_eq!(at(40), at(100)[..40 * 4]);
}

#[test]
fn the_number_of_dimensions_is_limited() {
    let start = Start { w: gaussian(0.0, 1.0), ..Start::default() };
    let at = |inputs, momentum| two_layer(inputs).low_discrepancy_start::<f64>(&start, momentum, (1, 0), 4);
    assert!(at(MOST_DIMENSIONS, 0.0).unwrap().theta.iter().all(|v| v.is_finite()));
    let expected = |dimensions| Err(LowDiscrepancyError::TooManyDimensions { family: "neurons", dimensions });
    assert_eq!(at(MOST_DIMENSIONS + 1, 0.0), expected(MOST_DIMENSIONS + 1));
    assert_eq!(at(MOST_DIMENSIONS, 1.0), expected(2 * MOST_DIMENSIONS + 2));
}
