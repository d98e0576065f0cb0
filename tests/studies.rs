//! What the studies of dropout, connecting paths and convergence record can be recomputed from the run's own
//! states by other code; an interrupted study resumes to the same bytes.

use crate::common::experiment::{Run, Shared, TINY, arrays, files, parse, run_of, tiny};
use crate::common::{Problem, mean, naive};
use ndarray::{Array2, ArrayD, Axis, Ix2, Ix3, concatenate};
use std::collections::BTreeMap;
use widelimit::analysis::verdict::Verdict;
use widelimit::network::{Activation, Batch, Loss, TwoLayer};

/// All four studies, a variant to join, and two starts that must stall.
const STUDIES: &str = r#"
[dropout]
draws = 20

[paths]
pairs = 1
halves = 3
points = 5
variants = ["descent"]

[paths.bezier]
steps = 5

[convergence]

[[variants]]
name = "descent"
method = "gradient-descent"
width = 8
seeds = 1

[[variants]]
name = "alike"
width = 8
seeds = 1
stalls = true
start.w = { law = "point", value = 0.3 }
start.b = { law = "point", value = 0.1 }
start.a = { law = "point", value = 1.0 }

[[variants]]
name = "origin"
width = 8
seeds = 1
stalls = true
start.w = { law = "point", value = 0.0 }
start.b = { law = "point", value = 0.0 }
start.a = { law = "point", value = 0.0 }
"#;

fn text() -> String {
    format!("{TINY}\n{STUDIES}")
}

static RUN: Shared = Shared::new();

fn run() -> std::sync::Arc<Run> {
    // Long enough for the limit to come below the origin's risk.
    RUN.get(|| Run::new(&parse(&text(), &["horizon.time=8.0", "horizon.records=4"]).unwrap()))
}

type Arrays = BTreeMap<String, ArrayD<f64>>;

fn flat(array: &ArrayD<f64>) -> Array2<f64> {
    array.clone().into_dimensionality::<Ix2>().unwrap()
}

/// Final neurons (N, p) of a network, w then b then a.
fn neurons(run: &Run, id: &str) -> Array2<f64> {
    let state = run.arrays(&format!("state/{id}.npz"));
    let parts = ["w_final", "b_final", "a_final"].map(|name| flat(&state[name]));
    concatenate(Axis(1), &parts.each_ref().map(|part| part.view())).unwrap()
}

/// The loss of neurons on the run's data, by the naive pass.
fn loss(run: &Run, neurons: &Array2<f64>) -> f64 {
    let data = run.arrays("state/data.npz");
    let network = TwoLayer { inputs: 3, outputs: 1, bias: true, activation: Activation::Tanh, fixed_output: false };
    let population = Batch { x: data["x"].iter().copied().collect(), y: data["y"].iter().copied().collect() };
    let problem =
        Problem { network: network.into(), width: neurons.nrows(), population, loss: Loss::HalfSquared, ridge: 0.0 };
    let theta: Vec<f64> = neurons.iter().copied().collect();
    naive::loss(&problem, &naive::predict(&problem, &theta, &problem.population.x))
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * (1.0 + b.abs())
}

#[test]
fn dropout_is_recomputed_from_the_states() {
    let run = run();
    let record = run.arrays("records/dropout.npz");
    let cube = |name: &str| record[name].clone().into_dimensionality::<Ix3>().unwrap();
    let (first, predicted, greedy) = (cube("change_first"), cube("change_predicted"), cube("change_greedy"));
    assert_eq!(record["kept"].iter().copied().collect::<Vec<_>>(), [1.0, 2.0, 4.0]);
    for (w, n) in [(0, 4), (1, 8)] {
        for seed in 0..2 {
            let all = neurons(&run, &format!("n{n}-s{seed}"));
            let whole = loss(&run, &all);
            assert!(close(record["loss"][[w, seed]], whole));
            for (m, kept) in [1, 2, 4].into_iter().enumerate().filter(|(_, kept)| *kept < n) {
                let rows: Vec<usize> = (0..kept).collect();
                assert!(close(first[[w, seed, m]], loss(&run, &all.select(Axis(0), &rows)) - whole));
                assert!(greedy[[w, seed, m]] <= first[[w, seed, m]] + 1e-12 || m > 0, "one neuron: greedy is best");
            }
            // All sets of two: their mean change is the closed form, exactly.
            let pairs = (0..n).flat_map(|i| (0..i).map(move |j| [i, j]));
            let changes: Vec<f64> = pairs.map(|pair| loss(&run, &all.select(Axis(0), &pair)) - whole).collect();
            assert!(close(predicted[[w, seed, 1]], mean(&changes)), "N = {n}");
        }
    }
    assert_eq!(run.check("dropout-closed-form").verdict, Verdict::Holds);
}

/// The network at a waypoint of a constructive path, as the reference describes it.
fn waypoint(file: &Arrays, kind: &str, k: usize, p: &Array2<f64>, q: &Array2<f64>) -> Array2<f64> {
    let (a, of_q) = (&file[&format!("{kind}_a")], &file[&format!("{kind}_hidden_of_q")]);
    Array2::from_shape_fn(p.dim(), |(i, row)| match row {
        4 => a[[k, i, 0]],
        _ if of_q[[k, i]] == 1.0 => q[[i, row]],
        _ => p[[i, row]],
    })
}

#[test]
fn paths_are_recomputed_from_the_states() {
    let run = run();
    let record = run.arrays("records/paths.npz");
    let pairs = [
        ("n4-p0", "n4-s0", "n4-s1"),
        ("n8-p0", "n8-s0", "n8-s1"),
        ("variant-descent-p0", "variant-descent-s0", "n8-s1"),
    ];
    assert_eq!(record["t"].len(), 21);
    for (row, (name, first, second)) in pairs.into_iter().enumerate() {
        let (p, q) = (neurons(&run, first), neurons(&run, second));
        let file = run.arrays(&format!("state/paths/{name}.npz"));
        for kind in ["first-half", "best-half"] {
            for k in 0..6 {
                let at = loss(&run, &waypoint(&file, kind, k, &p, &q));
                assert!(close(record[&format!("{kind}_loss")][[row, 4 * k]], at), "{name}, {kind}, waypoint {k}");
            }
            let named = &record[&format!("{kind}_named_risks")];
            let bound = (0..4).map(|i| named[[row, i]]).fold(0.0, f64::max);
            assert!(close(record[&format!("{kind}_maximum")][[row]], bound));
        }
        let line = |q: &Array2<f64>, t: f64| loss(&run, &((1.0 - t) * &p + t * q));
        assert!(close(record["straight_loss"][[row, 10]], line(&q, 0.5)));
        for kind in ["matched-features", "matched-weights"] {
            let (partner, sign) = (&file[&format!("{kind}_partner")], &file[&format!("{kind}_sign")]);
            let matched = Array2::from_shape_fn(q.dim(), |(i, r)| sign[[i]] * q[[partner[[i]] as usize, r]]);
            assert!(close(record[&format!("{kind}_loss")][[row, 5]], line(&matched, 0.25)), "{kind}");
        }
        let middle = ["w_middle", "b_middle", "a_middle"].map(|part| flat(&file[part]));
        let middle = concatenate(Axis(1), &middle.each_ref().map(|part| part.view())).unwrap();
        let on_curve = 0.25 * &p + 0.5 * &middle + 0.25 * &q;
        assert!(close(record["bezier_loss"][[row, 10]], loss(&run, &on_curve)));
    }
    assert_eq!(run.check("paths-bound").verdict, Verdict::Holds);
    assert_eq!(run.check("paths-silent").verdict, Verdict::Holds);
}

#[test]
fn starts_without_support_stall_at_levels_of_their_own() {
    let run = run();
    let origin = &run.arrays("records/variant-origin.npz")["risk"];
    assert!(origin.iter().all(|risk| *risk == origin[[0, 0, 0]]), "nothing moves from the origin");
    assert_eq!(run.check("convergence-stall-origin").verdict, Verdict::Holds);
    // Neurons that start alike stay alike to the last bit but rounding, and are one.
    let alike = neurons(&run, "variant-alike-s0");
    let one = neurons(&run, "variant-alike-one");
    assert_eq!(one.nrows(), 1);
    assert!(alike.rows().into_iter().all(|row| row.iter().zip(one.row(0)).all(|(a, b)| close(*a, *b))));
    assert_eq!(run.check("convergence-one-neuron-alike").verdict, Verdict::Holds);
    // It moves, and in so short a time has not yet stalled: the check can fail.
    assert_ne!(run.check("convergence-stall-alike").verdict, Verdict::Holds);
}

#[test]
fn first_passages_lie_between_the_records_around_them() {
    let run = run();
    let (found, widths) = (run.arrays("records/convergence.npz"), run.arrays("records/widths.npz"));
    let (times, risk) = (&widths["times"], &widths["risk"]);
    let mut seen = 0;
    for (at, &passage) in found["passage"].indexed_iter().filter(|(_, passage)| passage.is_finite()) {
        let (w, seed, level) = (at[0], at[1], found["levels"][[at[2]]]);
        let after = (0..times.len()).find(|&t| risk[[w, seed, t]] <= level).unwrap();
        assert!(passage <= times[[after]] && (after == 0 || passage > times[[after - 1]]));
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn an_interrupted_study_resumes_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("studies.toml");
    std::fs::write(&file, text()).unwrap();
    let at = |name: &str| folder.path().join(name);
    let start = |out: &str, resume: bool| run_of(&file, &at(out), resume);
    start("whole", false).assert().success();
    start("cut", false).assert().success();
    // As after a kill between the first pair and the rest: unfinished, with that pair's result kept.
    let manifest = std::fs::read_to_string(at("cut/manifest.json")).unwrap();
    std::fs::write(at("cut/manifest.json"), manifest.replace("\"complete\"", "\"running\"")).unwrap();
    for name in ["records", "figures", "checkpoint"] {
        let _ = std::fs::remove_dir_all(at("cut").join(name));
    }
    std::fs::remove_file(at("cut/checks.json")).unwrap();
    start("cut", true).assert().success();
    let kept = |name: &str| {
        let mut kept = files(&at(name));
        kept.retain(|path, _| path.starts_with("records") || path.starts_with("state") || path == "checks.json");
        kept
    };
    let (whole, cut) = (kept("whole"), kept("cut"));
    assert!(
        whole.keys().any(|path| path.contains("paths.npz")) && whole.keys().any(|path| path.contains("state/paths"))
    );
    assert!(whole == cut, "differs");
}

#[test]
fn without_studies_nothing_of_theirs_is_written() {
    let run = Run::new(&tiny(&[]));
    for name in ["records/dropout.npz", "records/paths.npz", "records/convergence.npz", "state/paths"] {
        assert!(!run.file(name).exists(), "{name}");
    }
    assert!(arrays(&run.file("records/widths.npz"))["dropout"].iter().all(|v| v.is_nan()));
}
