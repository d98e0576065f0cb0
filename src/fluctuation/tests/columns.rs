//! Columns: completeness, independence of the basis and of the number of threads, errors.

use super::{CloudCase, scattered_columns};
use crate::compute::{Threads, vector};
use crate::dynamics::Method;
use crate::fluctuation::{FluctuationError, Fluctuations, LimitFeatures, NoiseColumns};
use crate::network::{Activation, Batch, Loss, Network, TwoLayer};

const STEPS: [usize; 3] = [0, 5, 20];

/// A cloud of 60 tanh neurons with a sample of 140 points, which makes two tiles.
fn case() -> CloudCase {
    let network = TwoLayer { inputs: 3, outputs: 1, bias: true, activation: Activation::Tanh, fixed_output: false };
    let x: Vec<f64> = (0..420).map(|i| 1.5 * super::scattered(i)).collect();
    let y = x.chunks_exact(3).map(|x| (x[0] - 0.5 * x[1]).tanh()).collect();
    let mut case = CloudCase::drawn(network, Batch { x, y }, 60, 1.0);
    case.motion.step = 0.1;
    case
}

fn states(case: &CloudCase) -> Vec<Vec<f64>> {
    let network = Network::from(case.network.clone());
    let moved: Vec<f64> = case.theta.iter().enumerate().map(|(i, v)| v + 0.2 * super::scattered(i)).collect();
    vec![case.start().theta, network.from_canonical(case.width, &moved)]
}

fn modes(case: &CloudCase, modes: usize, random: usize, threads: Threads) -> Result<NoiseColumns, FluctuationError> {
    let states = states(case);
    let features =
        LimitFeatures { network: &case.network, width: case.width, population: &case.sample, states: &states, threads };
    NoiseColumns::modes_and_complement(&features, modes, random, 5)
}

fn column(columns: &NoiseColumns, k: usize) -> Vec<f64> {
    columns.weights().chunks_exact(columns.count()).map(|row| row[k]).collect()
}

fn variances(found: &Fluctuations) -> Vec<f64> {
    found.records.iter().map(|record| record.variance(found.samples)).collect()
}

#[test]
fn modes_are_orthonormal_and_the_complement_is_orthogonal() {
    let columns = modes(&case(), 6, 4, Threads::One).unwrap();
    assert_eq!((columns.count(), columns.modes(), columns.particles()), (10, 6, 60));
    for k in 0..10 {
        let first = column(&columns, k);
        assert!(first.iter().sum::<f64>().abs() < 1e-12, "mean of column {k}");
        for l in 0..k.min(6) {
            assert!(vector::dot(&first, &column(&columns, l)).abs() < 1e-12, "columns {k}, {l}");
        }
        let norm = vector::dot(&first, &first);
        assert!(if k < 6 { (norm - 1.0).abs() < 1e-12 } else { norm > 3.0 && norm < 30.0 }, "norm {norm}");
    }
}

/// Features that do not differ between particles have no modes; the columns are orthonormal nevertheless.
#[test]
fn modes_of_equal_particles_are_orthonormal() {
    let mut case = case();
    let first = case.theta[..5].to_vec();
    case.theta.chunks_exact_mut(5).for_each(|neuron| neuron.copy_from_slice(&first));
    let states = [case.start().theta];
    let features = LimitFeatures {
        network: &case.network,
        width: case.width,
        population: &case.sample,
        states: &states,
        threads: Threads::One,
    };
    let columns = NoiseColumns::modes_and_complement(&features, 5, 0, 5).unwrap();
    for k in 0..5 {
        for l in 0..=k {
            let product = vector::dot(&column(&columns, k), &column(&columns, l));
            assert!((product - f64::from(u8::from(k == l))).abs() < 1e-12, "columns {k}, {l}: {product}");
        }
    }
}

/// A complete set of columns has the whole spread, and c does not depend on the basis. At the start c is the spread.
#[test]
fn complete_columns_have_the_whole_spread() {
    let case = case();
    let complete = modes(&case, 59, 0, Threads::One).unwrap();
    let helmert = super::linear::complete(60);
    let [one, two] = [&complete, &helmert].map(|columns| case.fluctuations(columns, true, &STEPS, Threads::One));
    for (a, b) in one.records.iter().zip(&two.records) {
        assert!((a.bare_variance(140) / a.spread - 1.0).abs() < 1e-11);
        assert!((a.variance(140) / b.variance(140) - 1.0).abs() < 1e-11);
        assert!(super::relative(a.bias.as_ref().unwrap(), b.bias.as_ref().unwrap()) < 1e-9 || a.time == 0.0);
        assert!((a.coupling() - b.coupling()).abs() <= 1e-11 * b.coupling());
    }
    let start = &one.records[0];
    assert!((start.variance(140) / start.spread - 1.0).abs() < 1e-12);
    assert!(start.bias.as_ref().unwrap().iter().all(|b| *b == 0.0));
}

/// Leading modes hold nearly all of the spread, and the complement is unbiased.
#[test]
fn modes_and_complement_approximate_the_complete_columns() {
    let case = case();
    let exact = variances(&case.fluctuations(&super::linear::complete(60), false, &STEPS, Threads::One));
    let some = variances(&case.fluctuations(&modes(&case, 20, 16, Threads::One).unwrap(), false, &STEPS, Threads::One));
    let random = variances(&case.fluctuations(&NoiseColumns::gaussian(60, 400, 2), false, &STEPS, Threads::One));
    for t in 0..STEPS.len() {
        assert!((some[t] / exact[t] - 1.0).abs() < 0.03, "{some:?} {exact:?}");
        assert!((random[t] / exact[t] - 1.0).abs() < 0.1, "{random:?} {exact:?}");
    }
}

/// With few columns too, the bare variance at the state of the features is that of the cloud.
#[test]
fn columns_have_the_whole_bare_variance() {
    let case = case();
    let features = LimitFeatures {
        network: &case.network,
        width: case.width,
        population: &case.sample,
        states: &[case.start().theta],
        threads: Threads::One,
    };
    for (modes, random) in [(0, 1), (3, 2), (20, 16)] {
        let columns = NoiseColumns::modes_and_complement(&features, modes, random, 5).unwrap();
        let found = case.fluctuations(&columns, false, &[0], Threads::One);
        let bare = found.records[0].bare_variance(found.samples);
        assert!((bare / found.records[0].spread - 1.0).abs() < 1e-12, "{modes} {random}: {bare}");
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let case = case();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let run = |threads: Threads| {
        let columns = modes(&case, 8, 5, threads).unwrap();
        let found = case.fluctuations(&columns, true, &STEPS, threads);
        (columns.weights().to_vec(), found.end.theta, found.records[2].field.clone())
    };
    assert!(run(Threads::One) == pool.install(|| run(Threads::Pool)));
}

#[test]
fn what_cannot_be_predicted_is_refused() {
    let mut case = CloudCase::new(Activation::Relu, Loss::HalfSquared, 1);
    let columns = scattered_columns(case.width, 2);
    let run = |case: &CloudCase, columns: &NoiseColumns| {
        let network = Network::from(case.network.clone());
        let ensemble = crate::dynamics::Ensemble {
            network: &network,
            width: case.width,
            population: &case.sample,
            objective: case.objective,
        };
        let system = crate::fluctuation::TangentSystem {
            ensemble,
            columns,
            second_order: false,
            batch_noise: None,
            given: None,
            threads: Threads::One,
        };
        let (scheme, start) = (case.scheme(), case.start());
        let run =
            crate::fluctuation::TangentRun { system, scheme, start, noise: None, times: &[0.0], features_at: &[] };
        run.propagate().map(|_| ())
    };
    assert_eq!(run(&case, &columns), Err(FluctuationError::Kink { activation: Activation::Relu }));
    case.network.activation = Activation::Tanh;
    assert_eq!(run(&case, &columns), Ok(()));
    let other = scattered_columns(3, 2);
    assert_eq!(run(&case, &other), Err(FluctuationError::Particles { found: 3, expected: case.width }));
    case.method = Method::DormandPrince;
    assert_eq!(run(&case, &columns), Err(FluctuationError::Adaptive { method: Method::DormandPrince }));
    let refused = modes(&self::case(), 60, 0, Threads::One);
    assert_eq!(refused, Err(FluctuationError::TooManyModes { columns: 60, particles: 60 }));
}
