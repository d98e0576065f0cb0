//! The force on a weighted cloud.

use super::cloud;
use crate::common::{Problem, motion, normals};
use widelimit::compute::Threads;
use widelimit::dynamics::{Force, Method, Motion, Scheme, State};
use widelimit::fluctuation::weighted::{CloudWeights, WeightError, WeightedForce};
use widelimit::network::{Activation, Family, Loss, Network, ThreeLayer, TwoLayer};

fn two(outputs: usize, bias: bool, fixed_output: bool) -> Network {
    TwoLayer { inputs: 3, outputs, bias, activation: Activation::Tanh, fixed_output }.into()
}

fn three(outputs: usize, bias: bool, fixed_output: bool) -> Network {
    let activations = [Activation::Tanh, Activation::Gelu];
    ThreeLayer { inputs: 3, outputs, bias, activations, fixed_output, proportions: [1, 2] }.into()
}

/// Every combination of depth, loss, bias and fixed output weights.
fn problems() -> Vec<Problem> {
    let mut problems = Vec::new();
    for network in [two, three] {
        for (loss, outputs) in [(Loss::HalfSquared, 2), (Loss::Logistic, 1), (Loss::Softmax, 3)] {
            for (bias, fixed) in [(true, false), (false, false), (true, true)] {
                problems.push(Problem::random(network(outputs, bias, fixed), 5, 7, loss, 0.3, 21));
            }
        }
    }
    problems
}

/// Factors about 1: positive with two hidden layers, of either sign with one.
fn factors(problem: &Problem) -> Vec<Vec<f64>> {
    let layers = problem.network.hidden_layers(problem.width);
    let size = if layers.len() == 1 { 1.5 } else { 0.2 };
    let factor = |v: f64| if layers.len() == 1 { 1.0 + size * v } else { (size * v).exp() };
    layers.iter().zip(70..).map(|(&n, stream)| normals(3, stream, n).into_iter().map(factor).collect()).collect()
}

fn force(problem: &Problem, weights: &CloudWeights<'_>, theta: &[f64]) -> (f64, Vec<f64>) {
    let mut out = vec![f64::NAN; theta.len()];
    let ensemble = problem.ensemble(&problem.network);
    let loss = WeightedForce::new(ensemble, weights, Threads::One).gradient(0, theta, &mut out);
    (loss, out)
}

/// The mean loss of a weighted cloud, written out: sums over neurons with weights p and q.
fn weighted_loss(problem: &Problem, factors: &[Vec<f64>], theta: &[f64]) -> f64 {
    let (network, families) = (&problem.network, problem.network.families(problem.width));
    let (d, k, bias) = (network.inputs(), network.outputs(), network.bias());
    let mut f = Vec::new();
    for x in problem.population.x.chunks_exact(d) {
        let first = |neuron: &[f64], activation: Activation| {
            let z = (0..d).map(|l| neuron[l] * x[l]).sum::<f64>() + if bias { neuron[d] } else { 0.0 };
            activation.value(z)
        };
        let row = |family: &Family, i: usize| {
            let at = family.start + i * family.columns;
            theta[at..at + family.columns].to_vec()
        };
        let mut out = vec![0.0; k];
        match network {
            Network::TwoLayer(two) => {
                for (i, factor) in factors[0].iter().enumerate() {
                    let neuron = row(&families[0], i);
                    let a = &neuron[neuron.len() - k..];
                    let s = first(&neuron, two.activation);
                    (0..k).for_each(|o| out[o] += factor / problem.width as f64 * a[o] * s);
                }
            }
            Network::ThreeLayer(three) => {
                let [n1, n2] = three.layers(problem.width);
                for j in 0..n2 {
                    let neuron = row(&families[2], j);
                    let mut h = if bias { neuron[0] } else { 0.0 };
                    for i in 0..n1 {
                        let s = first(&row(&families[0], i), three.activations[0]);
                        h += factors[0][i] / n1 as f64 * row(&families[1], i)[j] * s;
                    }
                    let s = three.activations[1].value(h);
                    let a = &neuron[neuron.len() - k..];
                    (0..k).for_each(|o| out[o] += factors[1][j] / n2 as f64 * a[o] * s);
                }
            }
        }
        f.extend(out);
    }
    problem.loss.mean(&f, &problem.population.y, k)
}

/// The weight, as a share of all, of the unit of every canonical parameter.
fn shares(problem: &Problem, factors: &[Vec<f64>]) -> Vec<f64> {
    let mut shares = Vec::new();
    for (index, family) in problem.network.families(problem.width).iter().enumerate() {
        for row in 0..family.rows {
            for column in 0..family.columns {
                shares.push(match (factors, index) {
                    ([p], _) => p[row] / p.len() as f64,
                    ([p, _], 0) => p[row] / p.len() as f64,
                    ([p, q], 1) => p[row] * q[column] / (p.len() * q.len()) as f64,
                    ([_, q], _) => q[row] / q.len() as f64,
                    _ => unreachable!("at most two hidden layers"),
                });
            }
        }
    }
    shares
}

/// The force on a unit is the derivative of the weighted loss divided by the weight of the unit, plus the ridge term,
/// which has no weight. Differences of fourth order of a loss that is written out.
#[test]
fn the_force_is_the_derivative_of_the_weighted_risk() {
    for problem in problems() {
        let factors = factors(&problem);
        let weights = CloudWeights::new(&problem.network, problem.width, factors.clone()).unwrap();
        let theta = problem.random_neurons(5);
        let (loss, found) = force(&problem, &weights, &problem.lay(&theta));
        assert!((loss - weighted_loss(&problem, &factors, &theta)).abs() < 1e-13 * (1.0 + loss));
        let found = problem.network.to_canonical(problem.width, &found);
        let (trained, shares, h) = (problem.trained(), shares(&problem, &factors), 2e-3);
        for k in 0..theta.len() {
            let at = |shift: f64| {
                let mut theta = theta.clone();
                theta[k] += shift;
                weighted_loss(&problem, &factors, &theta)
            };
            let slope = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
            let expected = if trained[k] { slope / shares[k] + problem.ridge * theta[k] } else { 0.0 };
            let name = format!("{:?} parameter {k}", problem.network);
            assert!((found[k] - expected).abs() < 1e-8 * (1.0 + expected.abs()), "{name}: {} {expected}", found[k]);
        }
    }
}

/// With equal weights the force is that of the network: bit for bit with two layers, to rounding with three, where the
/// ridge term is added in another order.
#[test]
fn equal_weights_give_the_force_of_the_network() {
    for problem in problems() {
        let theta = problem.lay(&problem.random_neurons(6));
        let weights = CloudWeights::uniform(&problem.network, problem.width);
        let (loss, found) = force(&problem, &weights, &theta);
        let mut expected = vec![f64::NAN; theta.len()];
        assert_eq!(problem.force().gradient(0, &theta, &mut expected), loss);
        if problem.network.as_two_layer().is_some() {
            assert_eq!(found, expected);
        }
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-14 * (1.0 + expected.abs()), "{found} {expected}");
        }
        let (risk, square) = (problem.network.mean_square(problem.width, &theta), weights.mean_square(&theta));
        assert!((risk - square).abs() < 1e-13 * risk);
    }
}

/// The canonical parameters of the network whose neuron `i` of every hidden layer is there twice, and the factors of
/// weights of which the two copies share that of the neuron.
fn duplicated(problem: &Problem, canonical: &[f64], factors: &[Vec<f64>], i: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    let width = problem.width;
    let twice = |n: usize, per: usize| (0..n).chain((i * per)..(i * per + per)).collect::<Vec<usize>>();
    let mut shared = Vec::new();
    let mut lists = Vec::new();
    for (factors, n) in factors.iter().zip(problem.network.hidden_layers(width)) {
        let per = n / width;
        let list = twice(n, per);
        // Factors are relative to a larger network: the weights p = factor / n stay.
        let scale = list.len() as f64 / n as f64;
        let mut of: Vec<f64> = list.iter().map(|&k| factors[k] * scale).collect();
        for copy in 0..per {
            of[i * per + copy] *= 0.3;
            of[n + copy] *= 0.7;
        }
        shared.push(of);
        lists.push(list);
    }
    let canonical = match &problem.network {
        Network::TwoLayer(network) => {
            let p = network.parameters();
            lists[0].iter().flat_map(|&k| canonical[k * p..(k + 1) * p].to_vec()).collect()
        }
        Network::ThreeLayer(network) => {
            network.select_neurons(network.layers(width), canonical, [&lists[0], &lists[1]])
        }
    };
    (canonical, shared)
}

/// Two copies of a neuron of weights 0.3 p and 0.7 p move as one neuron of weight p, in both hidden layers, by every
/// integrator.
#[test]
fn copies_of_a_neuron_are_one_neuron_of_their_total_weight() {
    let smooth = motion(0.1, 1.0);
    let first_order = Motion { first_order: true, ..smooth };
    let schemes = [
        (Method::HeavyBall, smooth),
        (Method::KickDriftKick, smooth),
        (Method::Baoab, smooth),
        (Method::Rk4, smooth),
        (Method::GradientDescent, first_order),
        (Method::DormandPrince, Motion { tolerance: 1e-11, ..smooth }),
    ];
    for problem in problems().into_iter().step_by(3) {
        let (factors, canonical) = (factors(&problem), problem.random_neurons(8));
        let (twice, shared) = duplicated(&problem, &canonical, &factors, 2);
        let larger = Problem {
            network: problem.network.clone(),
            width: problem.width + 1,
            population: problem.population.clone(),
            ..problem
        };
        for (method, motion) in schemes {
            let run = |problem: &Problem, canonical: &[f64], factors: &[Vec<f64>]| {
                let weights = CloudWeights::new(&problem.network, problem.width, factors.to_vec()).unwrap();
                let start = State::at_rest(problem.lay(canonical));
                cloud(problem, &start, Scheme { method, motion }, &[0.0, 0.5, 2.0]).run(&weights).unwrap()
            };
            let (one, two) = (run(&problem, &canonical, &factors), run(&larger, &twice, &shared));
            let tolerance = if method == Method::DormandPrince { 1e-8 } else { 1e-11 };
            for (one, two) in one.f.iter().zip(&two.f).chain(one.risk.iter().zip(&two.risk)) {
                assert!((one - two).abs() < tolerance * (1.0 + one.abs()), "{method:?}: {one} {two}");
            }
            assert!(one.f.iter().zip(&one.f[one.f.len() / 3..]).any(|(a, b)| (a - b).abs() > 1e-2), "no motion");
        }
    }
}

#[test]
fn weights_that_cannot_be_used_are_refused() {
    let (two, three) = (two(1, true, false), three(1, true, false));
    let new = |network, factors: &[&[f64]]| {
        CloudWeights::new(network, 2, factors.iter().map(|layer| layer.to_vec()).collect()).map(|_| ())
    };
    assert_eq!(new(&two, &[&[-1.0, 3.0]]), Ok(()));
    assert_eq!(new(&two, &[&[1.0]]), Err(WeightError::Count { layer: 0, neurons: 2, found: 1 }));
    assert_eq!(new(&two, &[&[1.0, 1.0], &[1.0]]), Err(WeightError::Layer { layer: 1 }));
    let infinite = f64::INFINITY;
    assert_eq!(new(&two, &[&[1.0, infinite]]), Err(WeightError::Factor { layer: 0, neuron: 1, factor: infinite }));
    assert_eq!(new(&three, &[&[1.0, 1.0]]), Err(WeightError::Layer { layer: 1 }));
    let zero = WeightError::Factor { layer: 1, neuron: 2, factor: 0.0 };
    assert_eq!(new(&three, &[&[0.5, 1.5], &[1.0, 1.0, 0.0, 2.0]]), Err(zero));
    assert_eq!(CloudWeights::perturbed(&two, 2, &[(1, &[0.0, 0.0])]), Err(WeightError::Layer { layer: 1 }));
}
