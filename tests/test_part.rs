//! The test part of a population: what is recorded of it is what follows from the states and the data of a run.

use crate::common::experiment::{Run, TINY, arrays, json, parse};
use ndarray::{Array2, ArrayD, Axis, Ix2};
use std::collections::BTreeMap;
use std::path::Path;
use widelimit::population::{DigitsSpec, LabelRule, MnistSpec, PopulationSpec, Split, Standardise, TestPart};

/// [`TINY`] on the first 60 digits.
fn digits(test: &str) -> String {
    let (head, tail) = TINY.split_once("[population]").unwrap();
    let rest = tail.split_once("[network]").unwrap().1;
    format!("{head}[population]\nkind = \"digits\"\nlabels = \"parity\"\nlimit = 60\n{test}\n[network]{rest}")
}

fn matrix(of: &BTreeMap<String, ArrayD<f64>>, name: &str) -> Array2<f64> {
    of[name].clone().into_dimensionality::<Ix2>().unwrap()
}

/// `(1/N) sum_i a_i tanh(<w_i, x> + b_i)` at the rows of x, from a file of states.
fn predictions(run: &Run, id: &str, x: &Array2<f64>) -> Vec<f64> {
    let state = arrays(&run.file(&format!("state/{id}.npz")));
    let [w, b, a] = ["w_final", "b_final", "a_final"].map(|name| matrix(&state, name));
    let at = |x: ndarray::ArrayView1<f64>| {
        let unit = |i: usize| a[[i, 0]] * (w.row(i).dot(&x) + b[[i, 0]]).tanh();
        (0..w.nrows()).map(unit).sum::<f64>() / w.nrows() as f64
    };
    x.rows().into_iter().map(at).collect()
}

fn close(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() < 1e-12 * expected.abs().max(1.0), "{what}: {found} not {expected}");
}

#[test]
fn records_follow_from_states_and_data() {
    let run = Run::new(&parse(&digits("test = 0.25"), &[]).unwrap());
    let data = arrays(&run.file("state/data.npz"));
    let [x, y, x_train] = ["x_test", "y_test", "x"].map(|name| matrix(&data, name));
    let manifest = json(&run.file("manifest.json"));
    assert_eq!(manifest["population"]["test_samples"], x.nrows());
    assert_eq!(x.nrows() + x_train.nrows(), 60);

    // Standardised with the moments of the training part.
    let spec = DigitsSpec { labels: LabelRule::Parity, limit: Some(60), standardise: Standardise::None };
    let raw = PopulationSpec::Digits(spec).build_with(Some(&TestPart::Fraction(0.25)), 1).unwrap();
    let (mean, scale) =
        (&manifest["population"]["standardisation"]["mean"], &manifest["population"]["standardisation"]["scale"]);
    let (mean, scale) = (mean.as_f64().unwrap(), scale.as_f64().unwrap());
    close(raw.sample.x.mean().unwrap(), mean, "mean");
    for (found, raw) in x.iter().zip(&raw.test.unwrap().x) {
        close(*found, (raw - mean) / scale, "standardised input");
    }

    let widths = arrays(&run.file("records/widths.npz"));
    let reference = arrays(&run.file("records/reference.npz"));
    let of_limit = predictions(&run, "reference", &x);
    let loss = |f: &[f64]| f.iter().zip(&y).map(|(f, y)| 0.5 * (f - y) * (f - y)).sum::<f64>() / f.len() as f64;
    close(reference["test_loss"][[2]], loss(&of_limit), "loss of the limit");
    for (v, n) in [4, 8].into_iter().enumerate() {
        for seed in 0..2 {
            let f = predictions(&run, &format!("n{n}-s{seed}"), &x);
            let at = |name: &str| widths[name][[v, seed, 2]];
            close(at("test_loss"), loss(&f), "loss");
            close(at("test_loss_gap"), (loss(&f) - loss(&of_limit)).abs(), "gap of the loss");
            let square = f.iter().zip(&of_limit).map(|(f, g)| (f - g) * (f - g)).sum::<f64>() / f.len() as f64;
            close(at("test_function"), square.sqrt(), "distance");
            let right = f.iter().zip(&y).filter(|(f, y)| **f * **y > 0.0).count();
            close(at("test_accuracy"), right as f64 / f.len() as f64, "accuracy");
        }
    }
    assert!(run.file("figures/gap-widths.svg").is_file());
    let names: Vec<String> =
        ["gap-widths-test-function", "gap-widths-test-loss"].map(|name| run.check(name).name).into();
    assert_eq!(names.len(), 2);
}

/// Networks and limits are trained as on the training part alone: a file with those samples gives the same bits.
#[test]
fn training_does_not_see_the_test_part() {
    let run = Run::new(&parse(&digits("test = 0.25"), &[]).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.npz");
    std::fs::copy(run.file("state/data.npz"), &path).unwrap();
    let text = digits("").replace(
        "kind = \"digits\"\nlabels = \"parity\"\nlimit = 60",
        &format!("kind = \"file\"\nlabels = \"sign\"\npath = {path:?}"),
    );
    let alone = Run::new(&parse(&text, &[]).unwrap());
    for id in ["reference", "n8-s1"] {
        let name = format!("state/{id}.npz");
        assert_eq!(std::fs::read(run.file(&name)).unwrap(), std::fs::read(alone.file(&name)).unwrap(), "{id}");
    }
    let [with, without] = [&run, &alone].map(|run| arrays(&run.file("records/widths.npz")));
    assert_eq!(with["risk"], without["risk"]);
    assert!(without.keys().all(|name| !name.contains("test")), "{:?}", without.keys());
}

/// The test part of a law is drawn apart from its sample, and is as long as asked for; that of a grid limit is evaluated
/// too, and agrees with particles.
#[test]
fn laws_and_grids() {
    let run = Run::new(&parse(TINY, &["population.test=2000"]).unwrap());
    let data = arrays(&run.file("state/data.npz"));
    let [x, y] = ["x_test", "y_test"].map(|name| matrix(&data, name));
    assert_eq!(x.dim(), (2000, 3));
    assert!(x.mean_axis(Axis(0)).unwrap().iter().all(|m| m.abs() < 0.12));
    let first = matrix(&data, "x").row(0).to_owned();
    assert!(x.rows().into_iter().all(|row| row != first));
    let f = predictions(&run, "n8-s0", &x);
    let loss = f.iter().zip(&y).map(|(f, y)| 0.5 * (f - y) * (f - y)).sum::<f64>() / 2000.0;
    close(arrays(&run.file("records/widths.npz"))["test_loss"][[1, 0, 2]], loss, "loss");

    let text = widelimit::config::builtin::find("bump").unwrap().text.split_once("# On a grid").unwrap().0;
    let set = [
        "population.test=500",
        "widths.values=[16]",
        "widths.seeds=2",
        "horizon.time=1.0",
        "horizon.records=2",
        "reference.kind=grid",
        "reference.particles=4096",
        "reference.grid={low=-6.0,high=6.0,momentum=2.5,nodes=384,step=0.05}",
    ];
    let bump = parse(text, &set).unwrap();
    let run = Run::new(&bump);
    let reference = arrays(&run.file("records/reference.npz"));
    let [grid, particles] = ["test_loss", "half_particles_test_loss"].map(|name| reference[name].clone());
    for (grid, particles) in grid.iter().zip(&particles) {
        assert!((grid - particles).abs() < 0.05 * grid, "{grid} {particles}");
    }
}

#[test]
fn wrong_test_parts_are_refused() {
    let digits = digits("");
    for value in ["0.0", "1.0", "nan", "-0.2", "0", "5", "\"t10k\"", "true"] {
        let error = parse(&digits, &[&format!("population.test={value}")]).unwrap_err().to_string();
        assert!(error.contains("population.test") && error.contains("strictly between 0 and 1"), "{value}: {error}");
    }
    for value in ["0.2", "0", "\"more.csv\"", "-1"] {
        let error = parse(TINY, &[&format!("population.test={value}")]).unwrap_err().to_string();
        assert!(error.contains("whole number of at least 1"), "{value}: {error}");
    }
    let tiny_fraction = parse(&digits, &["population.test=1e-9"]).unwrap();
    let error = tiny_fraction.build_population().unwrap_err().to_string();
    assert!(error.contains("of 60 samples") && error.contains("expected 0.0"), "{error}");
}

/// A second file has the dimensions and the classes of the first.
#[test]
fn a_second_file() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name)
    };
    let path = write("train.csv", "x0,x1,y\n0,1,0\n2,3,1\n4,8,2\n");
    let build = |test: &Path| {
        let test = TestPart::File(test.to_owned());
        let labels = widelimit::population::FileLabels::Classes;
        let spec = widelimit::population::FileSpec {
            path: path.clone(),
            labels,
            limit: None,
            standardise: Standardise::PerFeature,
        };
        PopulationSpec::File(spec).build_with(Some(&test), 1)
    };
    let good = build(&write("good.csv", "x0,x1,y\n2,4,2\n2,4,2\n")).unwrap();
    let test = good.test.as_ref().unwrap();
    assert_eq!((test.x.clone(), test.y.row(0).to_vec()), (Array2::zeros((2, 2)), vec![0.0, 0.0, 1.0]));
    assert_eq!(good.sources.len(), 2);
    for (text, words) in [
        ("x0,y\n1,0\n", "d = 1, K = 3, but the training part has d = 2, K = 3"),
        ("x0,x1,y\n1,2,0\n1,2,3\n", "line 3, column y: class 3, but the training part has classes 0 to 2"),
    ] {
        let error = build(&write("bad.csv", text)).unwrap_err().to_string();
        assert!(error.contains("bad.csv") && error.contains(words), "{error}");
    }
    assert!(build(&folder.path().join("none.csv")).unwrap_err().to_string().contains("none.csv"));
}

/// MNIST's own test images, of which there may be another number.
#[test]
fn images_of_another_part() {
    let folder = tempfile::tempdir().unwrap();
    for (prefix, digits) in [("train", vec![1_u8, 2, 3]), ("t10k", vec![4, 5])] {
        let n = digits.len() as u8;
        let images: Vec<u8> =
            [0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 1, 0, 0, 0, 1].into_iter().chain((0..n).map(|i| 51 * i)).collect();
        let labels = [vec![0, 0, 8, 1, 0, 0, 0, n], digits].concat();
        std::fs::write(folder.path().join(format!("{prefix}-images-idx3-ubyte")), images).unwrap();
        std::fs::write(folder.path().join(format!("{prefix}-labels-idx1-ubyte")), labels).unwrap();
    }
    let spec = MnistSpec {
        folder: folder.path().to_owned(),
        split: Split::Train,
        labels: LabelRule::Parity,
        limit: Some(2),
        standardise: Standardise::None,
    };
    let mnist = PopulationSpec::Mnist(spec.clone()).build_with(Some(&TestPart::T10k), 1).unwrap();
    assert_eq!((mnist.shape().0, mnist.test_samples(), mnist.sources.len()), (2, 2, 4));
    assert_eq!(mnist.test.unwrap().y.column(0).to_vec(), [1.0, -1.0]);
    let test_split = PopulationSpec::Mnist(MnistSpec { split: Split::Test, ..spec });
    assert!(test_split.build_with(Some(&TestPart::T10k), 1).is_err());
}
