//! The optimal brain surgeon on the neurons of a network: every removal is the best one, by a solution of its own; what the
//! study of kept neurons records is recomputed from the run's states; theory.md section 12.

use crate::common::experiment::{Run, TINY, files, json, parse, run_of};
use crate::common::normals;
use nalgebra::DMatrix;
use ndarray::{Array2, ArrayD, Axis, Ix2, Ix3};
use widelimit::analysis::dropout::DropoutNetwork;
use widelimit::analysis::output_layer::{OutputLayer, OutputWeights};
use widelimit::analysis::verdict::Verdict;
use widelimit::compute::Threads;
use widelimit::network::{Activation, Loss, Network, ThreeLayer, TwoLayer};
use widelimit::sparse::recovery::{Interrupt, RecoveryError};

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

const SAMPLES: usize = 60;

impl Case {
    fn of(network: Network, width: usize, loss: Loss) -> Self {
        let outputs = network.outputs();
        let shaped = |columns: usize, address: u64| {
            Array2::from_shape_vec((SAMPLES, columns), normals(3, address, SAMPLES * columns)).unwrap()
        };
        let mut y = shaped(outputs, 7);
        if loss != Loss::HalfSquared {
            for mut row in y.rows_mut() {
                let class = if row.len() == 1 { row[0].signum() } else { 1.0 };
                let at = (row[0].to_bits() % outputs as u64) as usize;
                row.fill(0.0);
                row[at] = class;
            }
        }
        let parameters = normals(3, 5, network.parameters(width));
        Case { network, width, parameters, x: shaped(3, 6), y, loss }
    }

    fn two_layers(width: usize, outputs: usize, loss: Loss) -> Self {
        let activation = Activation::Tanh;
        Case::of(TwoLayer { inputs: 3, outputs, bias: true, activation, fixed_output: false }.into(), width, loss)
    }

    /// Twice as many neurons in the second hidden layer as in the first.
    fn three_layers(width: usize, outputs: usize, loss: Loss) -> Self {
        let activations = [Activation::Tanh, Activation::Gelu];
        let network =
            ThreeLayer { inputs: 3, outputs, bias: true, activations, fixed_output: false, proportions: [1, 2] };
        Case::of(network.into(), width, loss)
    }

    fn subject(&self) -> DropoutNetwork<'_> {
        let Case { network, width, parameters, x, y, loss } = self;
        DropoutNetwork { network, width: *width, parameters, x: x.view(), y: y.view(), loss: *loss }
    }

    fn layer(&self, damping: f64) -> OutputLayer<'static> {
        OutputLayer::new(&self.subject(), damping, Interrupt::NEVER).unwrap()
    }

    fn neurons(&self) -> usize {
        self.network.hidden_layers(self.width).pop().unwrap()
    }

    /// The loss of the network with other output weights, `a_i = N b_i`, by its own prediction.
    fn loss_with(&self, weights: &OutputWeights) -> f64 {
        let outputs = weights.len();
        let neurons = self.neurons();
        // Output weights are the last entries of every unit of the last family.
        let family = self.network.families(self.width).pop().unwrap();
        let unit = family.len() / neurons;
        let first = self.parameters.len() - family.len();
        let mut parameters = self.parameters.clone();
        for i in 0..neurons {
            for k in 0..outputs {
                parameters[first + i * unit + unit - outputs + k] = neurons as f64 * weights[k][i];
            }
        }
        let theta = self.network.from_canonical(self.width, &parameters);
        let x: Vec<f64> = self.x.iter().copied().collect();
        let f = self.network.predict(self.width, &theta, &x, Threads::One);
        self.loss.mean(&f, &self.y.iter().copied().collect::<Vec<f64>>(), outputs)
    }

    /// The least half-squared loss over the output weights of some neurons, by the singular values of their activations.
    fn least_squares(&self, kept: &[usize]) -> f64 {
        let hidden = self.network.hidden(self.width, &self.parameters, self.x.view());
        let features = DMatrix::from_fn(SAMPLES, kept.len(), |s, j| hidden[[kept[j], s]]);
        let y = DMatrix::from_fn(SAMPLES, self.y.ncols(), |s, k| self.y[[s, k]]);
        let fitted = &features * features.clone().svd(true, true).solve(&y, 1e-13).unwrap();
        0.5 * (fitted - y).norm_squared() / SAMPLES as f64
    }
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (1.0 + b.abs())
}

/// A damping that changes no digit of interest, where the moment is well conditioned.
const NONE: f64 = 1e-12;

/// Every neuron that is removed is the one whose removal, with a new fit of all others, costs least, among all that remain;
/// the model's value is the loss after that fit. Of the first removal this is the optimum over all subsets of N - 1.
#[test]
fn every_removal_is_the_best_one() {
    for case in [
        Case::two_layers(9, 1, Loss::HalfSquared),
        Case::two_layers(8, 3, Loss::HalfSquared),
        Case::three_layers(4, 2, Loss::HalfSquared),
    ] {
        let layer = case.layer(NONE);
        let neurons = case.neurons();
        let elimination = layer.eliminate(1).unwrap();
        let mut remaining: Vec<usize> = (0..neurons).collect();
        let (found, expected) = (elimination.minimum, case.least_squares(&remaining));
        // The smallest eigenvalue of the moment is down to a millionth of its mean: the damping moves the minimum by as much.
        assert!(close(found, expected, 1e-6), "{neurons}: {found} {expected}");
        for step in &elimination.steps {
            let without = |i: usize| remaining.iter().copied().filter(|&j| j != i).collect::<Vec<_>>();
            let losses: Vec<f64> = remaining.iter().map(|&i| case.least_squares(&without(i))).collect();
            let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
            assert_eq!(step.index, remaining[best], "{losses:?}");
            remaining = without(step.index);
            let (kept, model) = elimination.keeping(neurons, remaining.len());
            assert_eq!(kept, remaining);
            assert!(close(model, losses[best], 1e-6), "{model} {}", losses[best]);
            let weights = layer.compensated(&kept).unwrap();
            assert!(close(layer.loss(&weights), losses[best], 1e-6));
        }
    }
}

/// No set of neurons has a lower refitted loss than the best of all sets of its size, and the elimination is not far above.
#[test]
fn greedy_beside_all_subsets() {
    let case = Case::two_layers(9, 1, Loss::HalfSquared);
    let elimination = case.layer(NONE).eliminate(1).unwrap();
    for m in 1..9_u32 {
        let sets = (0_u32..1 << 9).filter(|bits| bits.count_ones() == m);
        let best = sets
            .map(|bits| case.least_squares(&(0..9).filter(|i| bits >> i & 1 == 1).collect::<Vec<_>>()))
            .fold(f64::INFINITY, f64::min);
        let (_, greedy) = elimination.keeping(9, m as usize);
        println!("M = {m}: greedy {greedy:.6}, best {best:.6}");
        assert!(greedy >= best * (1.0 - 1e-9), "M = {m}: {greedy} {best}");
        assert!(m != 8 || close(greedy, best, 1e-9), "one removal");
    }
}

/// With damping the model is the loss plus the penalty for the half-squared loss, exactly, and an upper bound for the others;
/// the layer's own loss is that of the network with these weights.
#[test]
fn the_model_is_exact_or_an_upper_bound() {
    for (loss, outputs) in [(Loss::HalfSquared, 1), (Loss::HalfSquared, 2), (Loss::Logistic, 1), (Loss::Softmax, 3)] {
        for case in [Case::two_layers(20, outputs, loss), Case::three_layers(10, outputs, loss)] {
            for damping in [1e-6, 1e-2] {
                let layer = case.layer(damping);
                let elimination = layer.eliminate(1).unwrap();
                for m in [1, 3, 10, 19, 20] {
                    let (kept, model) = elimination.keeping(20, m);
                    let weights = layer.compensated(&kept).unwrap();
                    let evaluated = layer.loss(&weights);
                    assert!(close(evaluated, case.loss_with(&weights), 1e-13), "{loss}: {evaluated}");
                    let value = evaluated + layer.penalty(&weights);
                    let exact = loss == Loss::HalfSquared;
                    assert!(!exact || close(value, model, 1e-11), "{loss}, M = {m}: {value} {model}");
                    assert!(value <= model + 1e-12, "{loss}, M = {m}: {value} {model}");
                    let refitted = layer.refit(&kept, weights).unwrap();
                    assert!(refitted <= evaluated * (1.0 + 1e-14), "{loss}, M = {m}");
                }
            }
        }
    }
}

/// Refitted losses are least-squares losses, for any set and start.
#[test]
fn refits_are_least_squares() {
    let case = Case::two_layers(12, 2, Loss::HalfSquared);
    let layer = case.layer(1e-9);
    for kept in [vec![0, 1, 2], vec![2, 5, 7, 8, 11], (0..12).collect()] {
        let start = layer.restricted(&kept, 12.0 / kept.len() as f64);
        assert!(close(layer.loss(&start), case.loss_with(&start), 1e-13));
        let found = layer.refit(&kept, start.clone()).unwrap();
        assert!(close(found, case.least_squares(&kept), 1e-7), "{found} {}", case.least_squares(&kept));
        assert!(found < layer.loss(&start));
    }
}

/// A refit under the logistic and the softmax loss ends near the minimum: no small change of a weight lowers the loss by
/// more than the tolerance of the refit explains.
#[test]
fn refits_descend_for_every_loss() {
    for (loss, outputs) in [(Loss::Logistic, 1), (Loss::Softmax, 3)] {
        let case = Case::two_layers(10, outputs, loss);
        let layer = case.layer(1e-6);
        for m in [2, 5, 10] {
            let kept: Vec<usize> = (0..m).collect();
            let start = layer.restricted(&kept, 10.0 / m as f64);
            let (before, after) = (layer.loss(&start), layer.refit(&kept, start).unwrap());
            println!("{loss}, M = {m}: {before:.5} to {after:.5}");
            assert!(after < before * 0.99, "{loss}, M = {m}: {before} {after}");
        }
    }
}

#[test]
fn contributions_and_spreads() {
    for case in [Case::two_layers(7, 2, Loss::HalfSquared), Case::three_layers(4, 3, Loss::Softmax)] {
        let hidden = case.network.hidden(case.width, &case.parameters, case.x.view());
        let a = case.network.output_weights(case.width, &case.parameters);
        let n = case.neurons();
        let contributions = case.layer(1e-3).contributions();
        for i in 0..n {
            let square = hidden.row(i).mapv(|h| h * h).mean().unwrap() * a.row(i).mapv(|a| a * a).sum();
            assert!(close(contributions[i], square.sqrt() / n as f64, 1e-13));
        }
        let spreads = case.subject().spreads(&|| true).unwrap();
        let whole = case.subject().losses(&[], &[], Threads::One, &|| true).unwrap();
        assert!(close(spreads.iter().sum::<f64>() / n as f64, whole.spread, 1e-13));
        assert!(case.subject().spreads(&|| false).is_none());
    }
}

/// Activations that are all 0 have no second-order model.
#[test]
fn dead_neurons_are_refused() {
    let mut case = Case::two_layers(4, 1, Loss::HalfSquared);
    case.parameters.fill(0.0);
    let refused = OutputLayer::new(&case.subject(), 1e-6, Interrupt::NEVER).err();
    assert!(matches!(refused, Some(RecoveryError::Indefinite { .. })), "{refused:?}");
}

/// [`TINY`] with the study.
fn text() -> String {
    format!("{TINY}\n[keep]\nkept = [1, 2, 5]\ndraws = 400\nrefit_draws = 3\ndamping = 1e-8\n")
}

/// Inputs, labels and the neurons (N, 5) of a network: w, b, a.
fn neurons(run: &Run, id: &str) -> Array2<f64> {
    let state = run.arrays(&format!("state/{id}.npz"));
    let flat = |array: &ArrayD<f64>| array.clone().into_dimensionality::<Ix2>().unwrap();
    let parts = ["w_final", "b_final", "a_final"].map(|name| flat(&state[name]));
    ndarray::concatenate(Axis(1), &parts.each_ref().map(|part| part.view())).unwrap()
}

/// Features a_i h_i(x) of neurons, (n, N), by plain loops; and the labels.
fn features(run: &Run, neurons: &Array2<f64>) -> (DMatrix<f64>, DMatrix<f64>) {
    let data = run.arrays("state/data.npz");
    let (x, y) = (&data["x"], &data["y"]);
    let n = y.len();
    let h = |s: usize, i: usize| (0..3).map(|j| neurons[[i, j]] * x[[s, j]]).sum::<f64>() + neurons[[i, 3]];
    let features = DMatrix::from_fn(n, neurons.nrows(), |s, i| neurons[[i, 4]] * h(s, i).tanh());
    (features, DMatrix::from_iterator(n, 1, y.iter().copied()))
}

#[test]
fn the_study_is_recomputed_from_the_states() {
    let run = Run::new(&parse(&text(), &[]).unwrap());
    let record = run.arrays("records/keep.npz");
    let cube = |name: &str| record[name].clone().into_dimensionality::<Ix3>().unwrap();
    let [first, largest, refit, greedy, mean, predicted] =
        ["first", "largest", "largest_refit", "greedy_refit", "change_mean", "change_predicted"].map(cube);
    for (w, n) in [(0, 4_usize), (1, 8)] {
        for seed in 0..2 {
            let (phi, y) = features(&run, &neurons(&run, &format!("n{n}-s{seed}")));
            let samples = y.len() as f64;
            let loss = |kept: &[usize], over: usize| {
                let f = kept.iter().fold(DMatrix::zeros(y.len(), 1), |sum, &i| sum + phi.columns(i, 1));
                0.5 * (f / over as f64 - &y).norm_squared() / samples
            };
            let fitted = |kept: &[usize]| {
                let chosen = phi.select_columns(kept);
                let f = &chosen * chosen.clone().svd(true, true).solve(&y, 1e-14).unwrap();
                0.5 * (f - &y).norm_squared() / samples
            };
            let all: Vec<usize> = (0..n).collect();
            assert!(close(record["loss"][[w, seed]], loss(&all, n), 1e-12));
            assert!(close(record["optimum"][[w, seed]], fitted(&all), 1e-6));
            for (m, kept) in [1, 2, 5].into_iter().enumerate() {
                let at = [w, seed, m];
                if kept >= n {
                    assert!(first[at].is_nan() && greedy[at].is_nan());
                    continue;
                }
                assert!(close(first[at], loss(&all[..kept], kept), 1e-12));
                let mut order = all.clone();
                order.sort_by(|&a, &b| phi.column(b).norm().total_cmp(&phi.column(a).norm()));
                assert!(close(largest[at], loss(&order[..kept], n), 1e-12));
                assert!(close(refit[at], fitted(&order[..kept]), 1e-6), "{} {}", refit[at], fitted(&order[..kept]));
                // Of the greedy sets, one of those of their size.
                let sets = (0_u32..1 << n).filter(|bits| bits.count_ones() as usize == kept);
                let close_to = |bits: u32| {
                    close(
                        greedy[at],
                        fitted(&all.iter().copied().filter(|i| bits >> i & 1 == 1).collect::<Vec<_>>()),
                        1e-6,
                    )
                };
                assert!(sets.into_iter().any(close_to));
                assert!((mean[at] - predicted[at]).abs() < 6.0 * cube("change_error")[at]);
            }
        }
    }
    let (phi, _) = features(&run, &neurons(&run, "reference"));
    let f = phi.column_mean();
    let spread = phi.column_iter().map(|phi| (phi - &f).norm_squared()).sum::<f64>() / (phi.len() as f64);
    let limit = &json(&run.file("records/keep.json"))["limit"];
    assert!(close(limit["spread"].as_f64().unwrap(), spread, 1e-12));
    for name in ["keep-closed-form", "keep-model", "keep-refit-descends"] {
        assert_eq!(run.check(name).verdict, Verdict::Holds, "{:?}", run.check(name));
    }
    // Two seeds are too few for an interval.
    for name in ["keep-limit", "keep-greedy-below-largest"] {
        assert_eq!(run.check(name).verdict, Verdict::NotResolved, "{:?}", run.check(name));
    }
}

/// Records, states and checks of a run folder.
fn kept(folder: &std::path::Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut kept = files(folder);
    kept.retain(|path, _| path.starts_with("records") || path.starts_with("state") || path == "checks.json");
    kept
}

/// One and three threads, and a run that is continued after the study's first results: the same bytes.
#[test]
fn records_do_not_depend_on_threads_or_stops() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keep.toml");
    std::fs::write(
        &file,
        text().replace("values = [4, 8]", "values = [4, 60]").replace("particles = 64", "particles = 256"),
    )
    .unwrap();
    let at = |name: &str| folder.path().join(name);
    for (name, threads) in [("one", "1"), ("three", "3"), ("cut", "2")] {
        run_of(&file, &at(name), false).args(["--threads", threads]).assert().success();
    }
    let manifest = std::fs::read_to_string(at("cut/manifest.json")).unwrap();
    std::fs::write(at("cut/manifest.json"), manifest.replace("\"complete\"", "\"running\"")).unwrap();
    for name in ["records", "figures", "checkpoint"] {
        let _ = std::fs::remove_dir_all(at("cut").join(name));
    }
    std::fs::remove_file(at("cut/checks.json")).unwrap();
    run_of(&file, &at("cut"), true).assert().success();
    let whole = kept(&at("one"));
    assert!(whole.contains_key("records/keep.npz") && whole.contains_key("records/keep.json"));
    assert!(whole == kept(&at("three")), "threads");
    assert!(whole == kept(&at("cut")), "resumed");
}

/// Widths that are not eliminated have dropout and the first neurons only; without seeds in common nothing is judged.
#[test]
fn wide_networks_are_not_eliminated() {
    let run = Run::new(&parse(&text(), &["keep.eliminate_up_to=4"]).unwrap());
    let record = run.arrays("records/keep.npz");
    assert!(record["greedy"][[0, 0, 0]].is_finite() && record["greedy"][[1, 0, 0]].is_nan());
    assert!(record["first"][[1, 0, 2]].is_finite() && record["optimum"][[1, 1]].is_nan());
    let none = Run::new(&parse(&text(), &["keep.eliminate_up_to=0"]).unwrap());
    assert_eq!(none.check("keep-refit-descends").verdict, Verdict::NotResolved);
}

/// Three layers, of which the last keeps r M of its r N neurons, and another loss than the half-squared one.
#[test]
fn other_networks_and_losses() {
    let deep = [
        "network.kind='three-layer'",
        "network.start={ w = { law = 'gaussian', std = 1.0 }, u = { law = 'gaussian', mean = 1.0, std = 1.0 }, b = { law = 'gaussian', std = 0.5 }, c = { law = 'gaussian', std = 0.5 }, a = { law = 'uniform', low = -1.0, high = 1.0 } }",
        "network.proportions=[1, 2]",
    ];
    let run = Run::new(&parse(&text(), &deep).unwrap());
    let record = run.arrays("records/keep.npz");
    assert_eq!(record["proportion"].iter().copied().collect::<Vec<_>>(), [2.0]);
    let cube = |name: &str| record[name].clone().into_dimensionality::<Ix3>().unwrap();
    let (mean, error, predicted) = (cube("change_mean"), cube("change_error"), cube("change_predicted"));
    for seed in 0..2 {
        // Of 2 N neurons 2 M are kept.
        let spread = record["spread"][[1, seed]];
        assert!(close(predicted[[1, seed, 2]], 0.5 * (16.0 - 10.0) / (10.0 * 15.0) * spread, 1e-13));
        assert!((mean[[1, seed, 2]] - predicted[[1, seed, 2]]).abs() < 6.0 * error[[1, seed, 2]]);
    }
    for name in ["keep-model", "keep-refit-descends"] {
        assert_eq!(run.check(name).verdict, Verdict::Holds, "{:?}", run.check(name));
    }
    let logistic = ["network.loss='logistic'", "population={ kind = 'digits', labels = 'parity', limit = 60 }"];
    let run = Run::new(&parse(&text(), &logistic).unwrap());
    assert_eq!(run.check("keep-refit-descends").verdict, Verdict::Holds);
    assert_eq!(json(&run.file("records/keep.json"))["exact"], false);
    assert!(run.arrays("records/keep.npz")["greedy_refit"][[1, 0, 2]].is_finite());
}

/// With the study of predictions the bias of the spread is that of its record.
#[test]
fn the_bias_of_the_spread_is_that_of_the_predictions() {
    let predict = "[predict]\nparticles = 64\nmodes = 8\ncolumns = 6\nwidths = [4, 8]\ndraws = 100\n";
    let run = Run::new(&parse(&format!("{}\n{predict}", text()), &[]).unwrap());
    let bias = &run.arrays("records/predict.npz")["spread_bias"];
    let found = json(&run.file("records/keep.json"))["limit"]["bias"].as_f64();
    assert!(found.is_some() && found == bias.iter().last().copied());
}
