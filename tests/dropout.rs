//! The change of the loss under dropout is its closed form, `(N - M)/(2 M (N - 1)) S^2`, exactly over all sets
//! and within the Monte-Carlo error over random ones; theory.md section 6.

use crate::common::{mean, normals};
use ndarray::{Array2, s};
use std::sync::atomic::{AtomicUsize, Ordering};
use widelimit::analysis::dropout::{DropoutNetwork, predicted, random_order};
use widelimit::compute::Threads;
use widelimit::network::{Activation, DropoutPattern, Loss, Network, ThreeLayer, TwoLayer};

/// A computation that is not interrupted.
fn always() -> bool {
    true
}

/// A random network on a random sample.
struct Case {
    network: Network,
    width: usize,
    /// Canonical parameters.
    parameters: Vec<f64>,
    x: Array2<f64>,
    y: Array2<f64>,
    loss: Loss,
}

impl Case {
    fn new(width: usize, outputs: usize, loss: Loss, scale: f64) -> Self {
        let activation = Activation::Tanh;
        let network = TwoLayer { inputs: 3, outputs, bias: true, activation, fixed_output: false };
        Case::of(network.into(), width, loss, scale)
    }

    /// Twice as many neurons in the second hidden layer as in the first.
    fn deep(width: usize, outputs: usize, loss: Loss) -> Self {
        let activations = [Activation::Tanh, Activation::Gelu];
        let network =
            ThreeLayer { inputs: 3, outputs, bias: true, activations, fixed_output: false, proportions: [1, 2] };
        Case::of(network.into(), width, loss, 1.0)
    }

    fn of(network: Network, width: usize, loss: Loss, scale: f64) -> Self {
        let outputs = network.outputs();
        // 70 samples: more than one chunk, the last one partial.
        let n = 70;
        let shaped = |rows: usize, columns: usize, address: u64| {
            Array2::from_shape_vec((rows, columns), normals(3, address, rows * columns)).unwrap()
        };
        let mut y = shaped(n, outputs, 7);
        if loss != Loss::HalfSquared {
            for mut row in y.rows_mut() {
                let class = if row.len() == 1 { row[0].signum() } else { 1.0 };
                let at = (row[0].to_bits() % outputs as u64) as usize;
                row.fill(0.0);
                row[at] = class;
            }
        }
        let parameters = normals(3, 5, network.parameters(width)).into_iter().map(|v| scale * v).collect();
        Case { network, width, parameters, x: shaped(n, 3, 6), y, loss }
    }

    fn subject(&self) -> DropoutNetwork<'_> {
        let Case { network, width, parameters, x, y, loss } = self;
        DropoutNetwork { network, width: *width, parameters, x: x.view(), y: y.view(), loss: *loss }
    }

    /// The loss of a set by the network's own prediction: the kept neurons as a network of their own width.
    fn loss_of(&self, set: &[usize]) -> f64 {
        let p = self.network.parameters(1);
        let kept: Vec<f64> = set.iter().flat_map(|&i| self.parameters[i * p..(i + 1) * p].to_vec()).collect();
        let theta = self.network.from_canonical(set.len(), &kept);
        let x: Vec<f64> = self.x.iter().copied().collect();
        let f = self.network.predict(set.len(), &theta, &x, Threads::One);
        self.loss.mean(&f, &self.y.iter().copied().collect::<Vec<f64>>(), self.network.outputs())
    }
}

/// All sets of m of n.
fn sets(n: usize, m: usize) -> Vec<Vec<usize>> {
    (0_u32..1 << n)
        .filter(|bits| bits.count_ones() as usize == m)
        .map(|bits| (0..n).filter(|i| bits >> i & 1 == 1).collect())
        .collect()
}

#[test]
fn the_identity_is_exact_over_all_sets() {
    for (n, outputs) in [(2, 1), (7, 1), (8, 3)] {
        let case = Case::new(n, outputs, Loss::HalfSquared, 1.0);
        let whole = case.loss_of(&(0..n).collect::<Vec<_>>());
        let spread = case.subject().losses(&[], &[], Threads::One, &always).unwrap().spread;
        for m in 1..=n {
            let losses: Vec<f64> = sets(n, m).iter().map(|set| case.loss_of(set) - whole).collect();
            let expected = predicted(n, m, spread);
            assert!((mean(&losses) - expected).abs() < 1e-12 * (1.0 + expected), "N = {n}, M = {m}");
        }
    }
}

#[test]
fn losses_along_an_order_are_those_of_the_kept_networks() {
    for (loss, outputs) in [(Loss::HalfSquared, 2), (Loss::Logistic, 1), (Loss::Softmax, 3)] {
        let case = Case::new(20, outputs, loss, 1.0);
        let orders: Vec<Vec<usize>> = (0..3).map(|draw| random_order(1, 2, draw, 20, 20)).collect();
        let sizes = [1, 4, 13, 20];
        let found = case.subject().losses(&orders, &sizes, Threads::Pool, &always).unwrap();
        for (o, order) in orders.iter().enumerate() {
            for (k, &m) in sizes.iter().enumerate() {
                let expected = case.loss_of(&order[..m]);
                assert!((found.kept[[o, k]] - expected).abs() < 1e-13 * (1.0 + expected), "{loss:?}, M = {m}");
            }
            assert!((found.kept[[o, 3]] - found.full).abs() < 1e-13, "all neurons kept");
        }
        let one = case.subject().losses(&orders, &sizes, Threads::One, &always).unwrap();
        assert_eq!(one, found, "threads change nothing");
    }
}

#[test]
fn monte_carlo_agrees_at_larger_widths() {
    for n in [60, 300] {
        let case = Case::new(n, 1, Loss::HalfSquared, 1.0);
        let sizes = [1, 8, n / 2];
        let orders: Vec<Vec<usize>> = (0..4000).map(|draw| random_order(9, n as u64, draw, n, n / 2)).collect();
        let found = case.subject().losses(&orders, &sizes, Threads::Pool, &always).unwrap();
        for (k, &m) in sizes.iter().enumerate() {
            let change: Vec<f64> = found.kept.slice(s![.., k]).iter().map(|loss| loss - found.full).collect();
            let (at, expected) = (mean(&change), predicted(n, m, found.spread));
            let variance = change.iter().map(|c| (c - at).powi(2)).sum::<f64>() / (change.len() - 1) as f64;
            let error = (variance / change.len() as f64).sqrt();
            println!("N = {n}, M = {m}: {at:.4e}, closed form {expected:.4e}, {:.1} errors", (at - expected) / error);
            assert!((at - expected).abs() < 4.0 * error);
            // Sharp enough to see the factor of a draw without replacement.
            if m == n / 2 {
                let with_replacement = expected * (n - 1) as f64 / (n - m) as f64;
                assert!((at - with_replacement).abs() > 4.0 * error);
            }
        }
    }
}

/// For another loss the prediction is of second order: halving the features' spread about their mean divides the error
/// of the prediction by at least 8, a third order.
#[test]
fn other_losses_agree_to_second_order() {
    for (loss, outputs) in [(Loss::Logistic, 1), (Loss::Softmax, 3)] {
        let (n, m) = (8, 4);
        let errors: Vec<f64> = [0.4, 0.2, 0.1]
            .into_iter()
            .map(|scale| {
                let mut case = Case::new(n, outputs, loss, 1.0);
                let p = case.network.parameters(1);
                case.parameters.chunks_exact_mut(p).for_each(|n| n[p - outputs..].iter_mut().for_each(|a| *a *= scale));
                let whole = case.loss_of(&(0..n).collect::<Vec<_>>());
                let spread = case.subject().losses(&[], &[], Threads::One, &always).unwrap().spread;
                let change: Vec<f64> = sets(n, m).iter().map(|set| case.loss_of(set) - whole).collect();
                (mean(&change) - predicted(n, m, spread)).abs()
            })
            .collect();
        println!("{loss:?}: {errors:?}");
        assert!(errors.windows(2).all(|pair| pair[0] > 6.0 * pair[1]), "{loss:?}: {errors:?}");
    }
}

#[test]
fn greedy_takes_the_best_next_neuron() {
    for (loss, outputs) in [(Loss::HalfSquared, 1), (Loss::HalfSquared, 3), (Loss::Softmax, 3), (Loss::Logistic, 1)] {
        let case = Case::new(9, outputs, loss, 1.0);
        let order = case.subject().greedy_order(9, &always).unwrap();
        let mut seen = order.clone();
        seen.sort_unstable();
        assert_eq!(seen, (0..9).collect::<Vec<_>>());
        for m in 0..9 {
            let loss_with = |i: usize| {
                let mut set = order[..m].to_vec();
                set.push(i);
                case.loss_of(&set)
            };
            let taken = loss_with(order[m]);
            for i in (0..9).filter(|i| !order[..m].contains(i)) {
                assert!(taken <= loss_with(i) + 1e-12, "{loss:?}: at {m}, {i} would be better");
            }
        }
    }
}

/// The loss of a three-layer network that keeps some neurons of each hidden layer, written out: weights into what is
/// dropped and out of it are zero, and what is kept is rescaled.
fn loss_with(case: &Case, kept: [&[usize]; 2]) -> f64 {
    let families = case.network.families(case.width);
    let [n1, n2] = [families[0].rows, families[2].rows];
    let mut theta = case.parameters.clone();
    let a = families[2].columns - case.network.outputs();
    for (k, value) in theta.iter_mut().enumerate() {
        let scale =
            |n: usize, kept: &[usize], i: usize| if kept.contains(&i) { n as f64 / kept.len() as f64 } else { 0.0 };
        if families[1].range().contains(&k) {
            *value *= scale(n1, kept[0], (k - families[1].start) / n2);
        } else if families[2].range().contains(&k) && (k - families[2].start) % families[2].columns >= a {
            *value *= scale(n2, kept[1], (k - families[2].start) / families[2].columns);
        }
    }
    let x: Vec<f64> = case.x.iter().copied().collect();
    let f = case.network.predict(case.width, &case.network.from_canonical(case.width, &theta), &x, Threads::One);
    case.loss.mean(&f, &case.y.iter().copied().collect::<Vec<f64>>(), case.network.outputs())
}

#[test]
fn neurons_of_either_hidden_layer_are_dropped_and_the_rest_rescaled() {
    for (loss, outputs) in [(Loss::HalfSquared, 1), (Loss::HalfSquared, 2), (Loss::Softmax, 3)] {
        let case = Case::deep(8, outputs, loss);
        let orders: Vec<Vec<Vec<usize>>> =
            (0..3).map(|draw| vec![random_order(1, 2, draw, 8, 8), random_order(1, 3, draw, 16, 16)]).collect();
        let (sizes, all) = ([1, 3, 8], [(0..8).collect::<Vec<_>>(), (0..16).collect()]);
        let drops = case.network.dropout_patterns();
        assert_eq!(drops.iter().map(|drop| drop.drops_last_layer_only()).collect::<Vec<_>>(), [false, true, false]);
        for drop in &drops {
            let found = case.subject().losses_without(drop, &orders, &sizes, &always).unwrap();
            for (o, order) in orders.iter().enumerate() {
                for (k, &m) in sizes.iter().enumerate() {
                    let kept = |l: usize| if drop.layers[l] { &order[l][..m * (l + 1)] } else { &all[l][..] };
                    let expected = loss_with(&case, [kept(0), kept(1)]);
                    assert!((found[[o, k]] - expected).abs() < 1e-13 * (1.0 + expected), "{}, M = {m}", drop.name);
                }
            }
        }
        // The last layer goes the way of two-layer networks, with the closed form.
        let last: Vec<Vec<usize>> = orders.iter().map(|order| order[1].clone()).collect();
        let (by_mean, by_network) = (
            case.subject().losses(&last, &[2, 6, 16], Threads::Pool, &always).unwrap().kept,
            case.subject().losses_without(&drops[1], &orders, &sizes, &always).unwrap(),
        );
        assert!((by_mean - by_network).iter().all(|apart| apart.abs() < 1e-13));
    }
}

#[test]
fn the_identity_is_exact_for_the_last_of_several_layers() {
    let case = Case::deep(4, 2, Loss::HalfSquared);
    let losses = case.subject().losses(&[], &[], Threads::One, &always).unwrap();
    let both: Vec<usize> = (0..4).collect();
    for m in 1..=8 {
        let changes: Vec<f64> = sets(8, m).iter().map(|set| loss_with(&case, [&both, set]) - losses.full).collect();
        let expected = predicted(8, m, losses.spread);
        assert!((mean(&changes) - expected).abs() < 1e-12 * (1.0 + expected), "M = {m}");
    }
}

#[test]
fn a_network_of_one_hidden_layer_has_one_way_to_drop_neurons() {
    let case = Case::new(6, 1, Loss::HalfSquared, 1.0);
    let [DropoutPattern { name: "", .. }] = &case.network.dropout_patterns()[..] else { panic!() };
    let order = random_order(1, 2, 3, 6, 6);
    let found = case
        .subject()
        .losses_without(&case.network.dropout_patterns()[0], &[vec![order.clone()]], &[2], &always)
        .unwrap();
    assert!((found[[0, 0]] - case.loss_of(&order[..2])).abs() < 1e-14);
}

#[test]
fn random_orders_are_uniform_and_addressed() {
    let n = 6;
    let mut first = vec![0.0; n];
    let draws = 30_000;
    for draw in 0..draws {
        let order = random_order(1, 2, draw, n, 3);
        assert_eq!(order.len(), 3);
        first[order[2]] += 1.0;
    }
    let expected = draws as f64 / n as f64;
    assert!(first.iter().all(|count| (count - expected).abs() < 5.0 * expected.sqrt()), "{first:?}");
    assert_eq!(random_order(1, 2, 7, n, 3), random_order(1, 2, 7, n, 3));
    assert_ne!(random_order(1, 2, 7, 50, 50), random_order(1, 3, 7, 50, 50));
}

/// A flag that is set before a computation, or while it runs, stops it.
#[test]
fn an_interruption_stops_every_computation() {
    let case = Case::new(8, 1, Loss::HalfSquared, 1.0);
    let (subject, orders) = (case.subject(), [(0..8).collect::<Vec<usize>>(), (0..8).rev().collect()]);
    let deep = Case::deep(4, 1, Loss::HalfSquared);
    let deep_orders = [vec![(0..4).collect::<Vec<usize>>(), (0..8).collect()]];
    let classes = Case::new(8, 3, Loss::Softmax, 1.0);
    for allowed in [0, 1] {
        let asked = AtomicUsize::new(0);
        let proceed = || asked.fetch_add(1, Ordering::Relaxed) < allowed;
        let begin = || asked.store(0, Ordering::Relaxed);
        assert_eq!(subject.losses(&orders, &[2, 4], Threads::One, &proceed), None);
        begin();
        assert_eq!(subject.losses(&orders, &[2, 4], Threads::Pool, &proceed), None);
        begin();
        let drop = &deep.network.dropout_patterns()[0];
        assert_eq!(deep.subject().losses_without(drop, &deep_orders, &[1, 2], &proceed), None);
        begin();
        assert_eq!(classes.subject().greedy_order(4, &proceed), None);
    }
    assert_eq!(subject.greedy_order(4, &|| false), None);
}
