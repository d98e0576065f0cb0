//! The adjoint is the transpose of the tangent system.

use super::linear::{TEACHER, complete, recursion};
use super::{CloudCase, relative, scattered, scattered_columns};
use crate::compute::Threads;
use crate::dynamics::{Batches, Ensemble, NetworkForce, Simulation};
use crate::fluctuation::{AdjointSolution, AdjointSystem, BatchNoise, NoiseColumns, TangentRun, TangentSystem};
use crate::network::{Activation, Batch, Loss, Network};
use ndarray::Array2;

const LAST: usize = 15;

/// The states of the cloud before every step and after the last.
pub(super) fn states(case: &CloudCase, steps: usize) -> Vec<Vec<f64>> {
    let network = Network::from(case.network.clone());
    let ensemble =
        Ensemble { network: &network, width: case.width, population: &case.sample, objective: case.objective };
    let force = NetworkForce::new(ensemble, Batches::FULL, Threads::One);
    let state = case.start();
    let integrator = case.scheme().integrator(state.theta.len(), state.theta.len());
    let mut simulation = Simulation::noise_free(state, integrator, force);
    let mut out = vec![simulation.state.theta.clone()];
    for _ in 0..steps {
        simulation.step();
        out.push(simulation.state.theta.clone());
    }
    out
}

fn solve(case: &CloudCase, steps: usize, functionals: &Array2<f64>) -> AdjointSolution {
    let network = Network::from(case.network.clone());
    let ensemble =
        Ensemble { network: &network, width: case.width, population: &case.sample, objective: case.objective };
    let (step, friction) = (case.motion.step, case.motion.friction);
    AdjointSystem { ensemble, step, friction, threads: Threads::One }.solve(&states(case, steps), functionals).unwrap()
}

fn functionals(case: &CloudCase) -> Array2<f64> {
    Array2::from_shape_fn((case.sample.y.len(), 2), |(row, r)| scattered(5 * row + r))
}

#[test]
fn duality_of_starts() {
    for (loss, outputs) in [(Loss::HalfSquared, 1), (Loss::Logistic, 1), (Loss::Softmax, 3)] {
        let case = CloudCase::new(Activation::Tanh, loss, outputs);
        let columns = scattered_columns(case.width, 3);
        let steps: Vec<usize> = (0..=LAST).collect();
        let found = case.fluctuations(&columns, false, &steps, Threads::One);
        let v = functionals(&case);
        let adjoint = solve(&case, LAST, &v);
        let n = found.samples as f64;
        let direct = v.t().dot(&found.records[LAST].field) / n;
        let mut transposed = Array2::<f64>::zeros(direct.dim());
        for (source, record) in adjoint.sources.iter().zip(&found.records) {
            transposed += &(source.t().dot(&record.bare) / n);
        }
        let flat = |a: &Array2<f64>| a.iter().copied().collect::<Vec<_>>();
        let error = relative(&flat(&transposed), &flat(&direct));
        assert!(error < 1e-12, "{loss} {outputs}: {error:.1e}");

        let complete = case.fluctuations(&complete(case.width), false, &[0, LAST], Threads::One);
        let images = v.t().dot(&complete.records[1].field) / n;
        let variances: Vec<f64> = images.rows().into_iter().map(|row| row.dot(&row)).collect();
        let error = relative(&adjoint.start_variances, &variances);
        assert!(error < 1e-12, "{loss} {outputs}, variance: {error:.1e}");
    }
}

#[test]
fn duality_of_batches() {
    let case = CloudCase::new(Activation::Tanh, Loss::Softmax, 3);
    let network = Network::from(case.network.clone());
    let ensemble =
        Ensemble { network: &network, width: case.width, population: &case.sample, objective: case.objective };
    let (columns, noise) = (NoiseColumns::zero(case.width, 2), BatchNoise { seed: 2, scale: 1.0 });
    let system = TangentSystem {
        ensemble,
        columns: &columns,
        second_order: false,
        batch_noise: Some(noise),
        given: None,
        threads: Threads::One,
    };
    let steps: Vec<usize> = (0..=LAST).collect();
    let times = case.times(&steps);
    let (scheme, start) = (case.scheme(), case.start());
    let run = TangentRun { system, scheme, start, noise: None, times: &times, features_at: &[] };
    let found = run.propagate().unwrap();
    let v = functionals(&case);
    let adjoint = solve(&case, LAST, &v);
    let n = found.samples;
    let direct = v.t().dot(&found.records[LAST].field) / n as f64;
    let mut transposed = Array2::<f64>::zeros(direct.dim());
    let (mut w, mut e) = (vec![0.0; n], vec![0.0; 3]);
    for step in 0..=LAST {
        for c in 0..2 {
            noise.draw(c, step as u64, &mut w);
            for s in 0..n {
                let at = 3 * s..3 * (s + 1);
                case.objective.loss.derivative(&found.records[step].f[at.clone()], &case.sample.y[at], &mut e);
                for (k, e) in e.iter().enumerate() {
                    for r in 0..2 {
                        transposed[(r, c)] += adjoint.responses[step][(3 * s + k, r)] * e * w[s] / n as f64;
                    }
                }
            }
        }
    }
    let flat = |a: &Array2<f64>| a.iter().copied().collect::<Vec<_>>();
    let error = relative(&flat(&transposed), &flat(&direct));
    assert!(error < 1e-12, "{error:.1e}");
}

/// `B Var <x, f>` of the linear neuron after some steps over batches of B, to leading order.
pub(super) fn batch_variance(case: &CloudCase, steps: usize) -> f64 {
    let v = Array2::from_shape_fn((case.sample.x.len(), 1), |(s, _)| case.sample.x[s]);
    solve(case, steps, &v).batch_variances[0]
}

/// The variance of the linear neuron under batches: `sum_k (h q_{K-k})^2 Var(x^2) (m_k - c_0)^2`.
#[test]
fn batch_variance_of_the_linear_neuron() {
    let mut case = super::linear::case(5);
    case.objective.ridge = 0.0;
    let x = [0.4_f64, -1.2, 0.9, 1.1, -1.3];
    let scale = (x.iter().map(|x| x * x).sum::<f64>() / 5.0).sqrt();
    let x = x.map(|x| x / scale);
    case.sample = Batch { x: x.to_vec(), y: x.iter().map(|x| TEACHER * x).collect() };
    let found = batch_variance(&case, 40);
    let solution = recursion(case.motion, 1.0, 40);
    let (h, keep) = (case.motion.step, 1.0 - case.motion.friction * case.motion.step);
    let spread = x.iter().map(|x| (x * x - 1.0).powi(2)).sum::<f64>() / 5.0;
    let mean = |values: &[f64]| values.chunks_exact(2).map(|n| n[0]).sum::<f64>() / 5.0;
    let (m0, r0) = (mean(&case.theta) - TEACHER, mean(&case.momentum));
    let expected: f64 = (0..40)
        .map(|k| {
            let [p, q] = solution[k];
            (h * solution[40 - k][1] / keep * (m0 * p + r0 * q)).powi(2) * spread
        })
        .sum();
    assert!((found / expected - 1.0).abs() < 1e-11, "{found} {expected}");
}
