//! The constructive path stays below its bound and is constant where only silent neurons move; every path ends at the
//! given networks; matching finds a planted permutation; theory.md section 7.

use crate::common::{bits, normals};
use ndarray::Array2;
use std::cell::Cell;
use widelimit::analysis::paths::{
    ConstructivePath, CurveForce, LossEvaluator, Matching, NeuronDistance, Path, Profile, path_structure, train_curve,
};
use widelimit::compute::Threads;
use widelimit::dynamics::{Ensemble, Method, Motion, Scheme, Simulation, State};
use widelimit::network::{Activation, Batch, Loss, Network, Objective, ParameterVector, ThreeLayer, TwoLayer};
use widelimit::population::LabelKind;

/// How curves are learned.
const MOTION: Motion = Motion { step: 0.1, friction: 2.0, temperature: 0.0, first_order: false, tolerance: 0.0 };

/// A computation that is not interrupted.
fn always(_: f64) -> bool {
    true
}

struct Case {
    network: Network,
    population: Batch<f64>,
    loss: Loss,
}

impl Case {
    fn new(activation: Activation, outputs: usize, loss: Loss) -> Self {
        Case::of(TwoLayer { inputs: 3, outputs, bias: true, activation, fixed_output: false }.into(), loss)
    }

    fn deep(activations: [Activation; 2], outputs: usize, loss: Loss, proportions: [usize; 2]) -> Self {
        let bias = loss != Loss::Softmax;
        Case::of(ThreeLayer { inputs: 3, outputs, bias, activations, fixed_output: false, proportions }.into(), loss)
    }

    fn of(network: Network, loss: Loss) -> Self {
        let (n, outputs) = (40, network.outputs());
        let mut y = normals(2, 9, n * outputs);
        for row in y.chunks_exact_mut(outputs) {
            match loss {
                Loss::HalfSquared => {}
                Loss::Logistic => row[0] = row[0].signum(),
                Loss::Softmax => {
                    let class = (row[0].to_bits() % outputs as u64) as usize;
                    row.fill(0.0);
                    row[class] = 1.0;
                }
            }
        }
        Case { network, population: Batch { x: normals(2, 8, n * 3), y }, loss }
    }

    fn measure(&self, width: usize) -> LossEvaluator<'_> {
        let (network, x, y) = (&self.network, &self.population.x, &self.population.y);
        LossEvaluator::new((network, width), (x, y), self.loss, LabelKind::Real, Threads::Pool)
    }

    fn point(&self, width: usize, address: u64) -> ParameterVector {
        ParameterVector::from_vec(normals(4, address, self.network.parameters(width)))
    }

    fn matched(
        &self,
        width: usize,
        p: &ParameterVector,
        q: &ParameterVector,
        by: NeuronDistance,
    ) -> (Matching, ParameterVector) {
        let x = Array2::from_shape_vec((40, 3), self.population.x.clone()).unwrap();
        let matching = Matching::best(&self.network, width, p, q, x.view(), by, &always).unwrap();
        let matched = matching.apply(&self.network, width, q);
        (matching, matched)
    }

    fn curve_force(&self, width: usize, ends: [Vec<f64>; 2]) -> CurveForce<'_> {
        let objective = Objective { loss: self.loss, ridge: 0.0 };
        let ensemble = Ensemble { network: &self.network, width, population: &self.population, objective };
        CurveForce::new(ensemble, ends, None, (1, 0), Threads::Pool)
    }

    fn curve(&self, width: usize, p: &ParameterVector, q: &ParameterVector, steps: usize) -> Path {
        let slice = |point: &ParameterVector| self.network.from_canonical(width, &point.to_vec());
        let force = self.curve_force(width, [slice(p), slice(q)]);
        train_curve(force, MOTION, steps, &always).unwrap()
    }
}

/// Two layers, then three.
fn cases() -> [Case; 6] {
    [
        Case::new(Activation::Tanh, 1, Loss::HalfSquared),
        Case::new(Activation::Relu, 3, Loss::HalfSquared),
        Case::new(Activation::Gelu, 1, Loss::Logistic),
        Case::new(Activation::Sigmoid, 4, Loss::Softmax),
        Case::deep([Activation::Tanh; 2], 1, Loss::HalfSquared, [1, 1]),
        Case::deep([Activation::Gelu, Activation::Sigmoid], 3, Loss::Softmax, [2, 1]),
    ]
}

/// Steps on a piece: a path meets its waypoints, and ten points between each two.
const STEPS: usize = 11;

#[test]
fn the_constructive_path_stays_below_its_bound_and_is_constant_on_silent_pieces() {
    for case in cases() {
        let structure = path_structure(&case.network);
        for (width, pair) in [(2, 0), (10, 1), (34, 2)] {
            let measure = case.measure(width);
            let (p, q) = (case.point(width, 10 + pair), case.point(width, 20 + pair));
            let first = ConstructivePath::first_half(&case.network, width, &p, &q);
            let best = first.clone().best_half(&measure, 1, pair, 20, &always).unwrap();
            assert!(best.named_risks(&measure).bound() <= first.named_risks(&measure).bound());
            for halves in [first, best] {
                let named = halves.named_risks(&measure);
                let profile = Profile::of(&halves.path(), structure.segments * STEPS + 1, &measure, &always).unwrap();
                let scale = 1e-12 * named.bound().max(1.0);
                assert!(profile.maximum <= named.bound() + scale, "{:?}", case.loss);
                // The bound is attained: it is the maximum, not only above it.
                assert!((profile.maximum - named.bound()).abs() <= scale);
                let part = |piece: usize| &profile.loss[STEPS * piece..=STEPS * (piece + 1)];
                for piece in 0..structure.segments {
                    let (part, silent) = (part(piece), structure.silent.contains(&piece));
                    for i in 1..STEPS {
                        if silent {
                            assert!((part[i] - part[0]).abs() <= scale, "silent piece {piece}");
                        }
                        assert!(2.0 * part[i] <= part[i - 1] + part[i + 1] + scale, "convex piece {piece}");
                    }
                }
                // The named networks are waypoints, and every waypoint is as one of them.
                for k in 0..=structure.segments {
                    let at = profile.loss[STEPS * k];
                    assert!(named.0.iter().any(|risk| (risk - at).abs() <= scale), "waypoint {k}");
                }
            }
        }
    }
}

#[test]
fn halves_are_the_first_halves_and_doubled() {
    let case = &cases()[1];
    let (p, q) = (case.point(6, 1), case.point(6, 2));
    let Path::Straight(waypoints) = ConstructivePath::first_half(&case.network, 6, &p, &q).path() else { panic!() };
    let parameters = case.network.parameters(1);
    let first = parameters - 3;
    for i in 0..6 {
        for row in 0..parameters {
            let k = i * parameters + row;
            let at = waypoints.iter().map(|w| w[k]).collect::<Vec<f64>>();
            let (a, b) = (p[k], q[k]);
            let expected = match (row < first, i < 3) {
                (true, true) => [a, a, a, a, b, b],
                (true, false) => [a, a, b, b, b, b],
                (false, true) => [a, 2.0 * a, 2.0 * a, 0.0, 0.0, b],
                (false, false) => [a, 0.0, 0.0, 2.0 * b, 2.0 * b, b],
            };
            assert_eq!(at, expected);
        }
    }
}

#[test]
fn every_path_ends_at_the_given_networks() {
    for case in cases() {
        let (p, q) = (case.point(8, 1), case.point(8, 2));
        let halves = ConstructivePath::first_half(&case.network, 8, &p, &q)
            .best_half(&case.measure(8), 1, 1, 5, &always)
            .unwrap();
        for path in [halves.path(), Path::line(&p, &q), case.curve(8, &p, &q, 7)] {
            assert_eq!((path.at(0.0), path.at(1.0)), (p.clone(), q.clone()));
        }
    }
}

/// Where the neurons of a layer of n go.
fn places(n: usize, layer: usize) -> Vec<usize> {
    (0..n).map(|i| (7 * i + 3 + layer) % n).collect()
}

/// The same network with its neurons elsewhere: neuron i of a hidden layer goes to `places[i]`, without its sign where
/// asked (in the first layer only: what it says changes its sign in the row or the weights after it).
fn shuffled(network: &Network, width: usize, point: &ParameterVector, flip: bool) -> ParameterVector {
    let (families, point) = (network.families(width), point.to_vec());
    let layers = network.hidden_layers(width);
    let matrix = |f: usize| families[f].matrix(&point).to_owned();
    let sign = |i: usize| if flip && i.is_multiple_of(3) { -1.0 } else { 1.0 };
    let first = places(layers[0], 0);
    let moved = |matrix: Array2<f64>, places: &[usize], sign: &dyn Fn(usize) -> f64| {
        let mut out = matrix.clone();
        for (i, &at) in places.iter().enumerate() {
            out.row_mut(at).assign(&(sign(i) * &matrix.row(i)));
        }
        out
    };
    let mut all = vec![moved(matrix(0), &first, &sign)];
    if let Some(&n2) = layers.get(1) {
        let second = places(n2, 1);
        let between = moved(matrix(1), &first, &sign).reversed_axes();
        all.push(moved(between, &second, &|_| 1.0).reversed_axes());
        all.push(moved(matrix(2), &second, &|_| 1.0));
    }
    all.iter().flat_map(|matrix| matrix.iter().copied().collect::<Vec<f64>>()).collect()
}

#[test]
fn matching_finds_a_planted_permutation() {
    for (case, flip) in cases().into_iter().zip([true, false, false, false, true, false]) {
        let p = case.point(30, 1);
        let q = shuffled(&case.network, 30, &p, flip);
        let losses = [&p, &q].map(|point| case.measure(30).loss(point));
        assert!((losses[0] - losses[1]).abs() < 1e-12 * (1.0 + losses[0]), "another function");
        for by in [NeuronDistance::Features, NeuronDistance::Weights] {
            let (matching, matched) = case.matched(30, &p, &q, by);
            for (l, (layer, n)) in matching.layers.iter().zip(case.network.hidden_layers(30)).enumerate() {
                assert_eq!(layer.partner, places(n, l), "{by:?}");
            }
            assert_eq!(matched, p);
            let profile = Profile::of(&Path::line(&p, &matched), 11, &case.measure(30), &always).unwrap();
            assert!(profile.barrier().abs() < 1e-13);
        }
    }
}

#[test]
fn matching_leaves_the_function_as_it_is_and_is_no_worse_than_none() {
    for case in cases() {
        let (p, q) = (case.point(24, 1), case.point(24, 2));
        // Of the first hidden layer alone, which is matched first and exactly.
        let own = case.network.families(24)[0].range();
        let cost = |q: &ParameterVector| own.clone().map(|k| (p[k] - q[k]).powi(2)).sum::<f64>();
        for by in [NeuronDistance::Features, NeuronDistance::Weights] {
            let (_, matched) = case.matched(24, &p, &q, by);
            let (before, after) = (case.measure(24).loss(&q), case.measure(24).loss(&matched));
            assert!((before - after).abs() < 1e-13 * before.max(1.0));
            assert!(by == NeuronDistance::Features || cost(&matched) <= cost(&q));
        }
    }
}

#[test]
fn an_untrained_curve_is_the_straight_line() {
    for case in cases() {
        let (p, q) = (case.point(8, 1), case.point(8, 2));
        let (line, curve) = (Path::line(&p, &q), case.curve(8, &p, &q, 0));
        for i in 0..=20 {
            let t = f64::from(i) / 20.0;
            let apart = (line.at(t) - curve.at(t)).mapv(f64::abs);
            assert!(apart.iter().all(|&v| v < 1e-15 * 8.0), "t = {t}");
        }
    }
}

#[test]
fn a_trained_curve_is_lower_than_the_straight_line() {
    for (case, part) in [(&cases()[0], 0.97), (&cases()[4], 0.99)] {
        let (p, q) = (case.point(40, 1), case.point(40, 2));
        let mean = |path: &Path| crate::common::mean(&Profile::of(path, 21, &case.measure(40), &always).unwrap().loss);
        let (line, curve) = (mean(&Path::line(&p, &q)), mean(&case.curve(40, &p, &q, 4000)));
        println!("line {line:.4}, curve {curve:.4}");
        assert!(curve < part * line);
    }
}

#[test]
fn the_curve_force_is_the_derivative_of_the_loss_on_the_curve() {
    use widelimit::dynamics::Force;
    let case = &cases()[0];
    let (p, q) = (case.point(5, 1), case.point(5, 2));
    let Path::Bezier { points } = case.curve(5, &p, &q, 3) else { panic!() };
    let slice = |a: &ParameterVector| case.network.from_canonical(5, &a.to_vec());
    let mut force = case.curve_force(5, [slice(&p), slice(&q)]);
    // The loss returned is that at the same place on the curve, which the step fixes.
    let mut c = slice(&points[1]);
    let mut gradient = vec![0.0; c.len()];
    force.gradient(3, &c, &mut gradient);
    let (places, parameters) = (case.network.state_indices(5), case.network.parameters(1));
    for (neuron, row) in [(0, 0), (3, 2), (4, 4)] {
        let (k, h) = (places[neuron * parameters + row], 1e-5);
        let mut at = |by: f64| {
            c[k] += by;
            let loss = 5.0 * force.gradient(3, &c, &mut vec![0.0; gradient.len()]);
            c[k] -= by;
            loss
        };
        let difference = (at(h) - at(-h)) / (2.0 * h);
        assert!((difference - gradient[k]).abs() < 1e-8, "{difference} {}", gradient[k]);
    }
}

/// The middle point is that of `steps` steps of heavy ball written out, bit for bit.
#[test]
fn a_curve_is_learned_in_exactly_so_many_steps() {
    let case = &cases()[0];
    let (p, q) = (case.point(6, 1), case.point(6, 2));
    let slice = |a: &ParameterVector| case.network.from_canonical(6, &a.to_vec());
    for steps in [0, 1, 2, 37] {
        let ends = [slice(&p), slice(&q)];
        let middle: Vec<f64> = ends[0].iter().zip(&ends[1]).map(|(p, q)| 0.5 * (p + q)).collect();
        let scheme = Scheme { method: Method::HeavyBall, motion: MOTION };
        let integrator = scheme.integrator(case.network.coordinates(6), middle.len());
        let mut by_hand = Simulation::noise_free(State::at_rest(middle), integrator, case.curve_force(6, ends));
        (0..steps).for_each(|_| assert!(by_hand.step().is_finite()));
        let Path::Bezier { points: [_, middle, _] } = case.curve(6, &p, &q, steps) else { panic!("a curve") };
        let expected = case.network.to_canonical(6, &by_hand.state.theta);
        assert_eq!(bits(&middle.to_vec()), bits(&expected), "{steps} steps");
    }
}

#[test]
fn equal_networks_have_no_barrier() {
    for case in cases() {
        let p = case.point(16, 1);
        let (matching, matched) = case.matched(16, &p, &p, NeuronDistance::Features);
        assert!(matching.layers.iter().all(|layer| layer.partner.iter().copied().eq(0..layer.partner.len())));
        for path in [Path::line(&p, &p), Path::line(&p, &matched), case.curve(16, &p, &p, 0)] {
            assert!(Profile::of(&path, 21, &case.measure(16), &always).unwrap().barrier().abs() < 1e-13);
        }
    }
}

/// A flag that is set before a computation, or while it runs, stops it; the fractions that it is told increase.
#[test]
fn an_interruption_stops_every_computation() {
    let case = Case::new(Activation::Tanh, 1, Loss::HalfSquared);
    let (p, q) = (case.point(8, 1), case.point(8, 2));
    // More neurons than are matched at once.
    let (wide_p, wide_q) = (case.point(300, 1), case.point(300, 2));
    let (measure, line) = (case.measure(8), Path::line(&p, &q));
    let slice = |point: &ParameterVector| case.network.from_canonical(8, &point.to_vec());
    let x = Array2::from_shape_vec((40, 3), case.population.x.clone()).unwrap();
    for allowed in [0, 1, 3] {
        let (asked, last) = (Cell::new(0), Cell::new(0.0));
        let proceed = |fraction: f64| {
            assert!((last.get()..=1.0).contains(&fraction), "{fraction} after {}", last.get());
            last.set(fraction);
            asked.set(asked.get() + 1);
            asked.get() <= allowed
        };
        let stopped = || {
            last.set(0.0);
            asked.replace(0) == allowed + 1
        };
        assert!(
            train_curve(case.curve_force(8, [slice(&p), slice(&q)]), MOTION, 30_000, &proceed).is_none() && stopped()
        );
        let half = ConstructivePath::first_half(&case.network, 8, &p, &q);
        assert!(half.best_half(&measure, 1, 1, 20, &proceed).is_none() && stopped());
        assert!(Profile::of(&line, 11, &measure, &proceed).is_none() && stopped());
        for by in [NeuronDistance::Features, NeuronDistance::Weights] {
            let matching = Matching::best(&case.network, 300, &wide_p, &wide_q, x.view(), by, &proceed);
            assert!(matching.is_none() && stopped());
        }
    }
}
