//! Bump neurons move as the theory states, by particles as on the grid; and the study of the kinetic equation
//! leaves the same bytes behind however it was run.

use crate::common::experiment::{Run, files, parse};
use crate::common::normals;
use ndarray::Array2;
use widelimit::compute::Threads;
use widelimit::config::AnyExperiment;
use widelimit::kinetic::{GridAxis, MeanField};
use widelimit::network::{Batch, Loss, Network, Objective, TwoLayer};
use widelimit::run::{Options, Report};

const SMALL: &str = r#"
name = "small"
population = { kind = "line", inputs = "uniform", low = -1.5, high = 1.5, size = 24, bumps = [{ centre = 0.6, width = 0.4 }] }
network = { kind = "bump", scale = 0.5, start_momentum = 0.4, start = { w = { law = "gaussian", mean = -0.3, std = 0.5 } } }
dynamics = { step = 0.125, friction = 1.0, temperature = 0.1, ridge = 0.5 }
horizon = { time = 2.0, records = 4 }
widths = { values = [8, 16], seeds = 2 }
reference = { particles = 64, method = "baoab", step = 0.125 }
kinetic = { low = -4.0, high = 4.0, momentum = 2.5, nodes = 96, step = 0.0625, particles = 4000, clouds = 8, frictions = [1.0, 2.0] }
"#;

/// The network's gradient on `(x, 1) / s` is that of `exp(-(x - theta)^2 / (2 s^2))`, and its first weight stays.
#[test]
fn particles_have_the_force_of_the_grid() {
    let (scale, width, n) = (0.4, 50, 30);
    let neuron = TwoLayer::bump(1);
    let network = Network::from(neuron.clone());
    let (theta, x, y) = (normals(1, 1, width), normals(1, 2, n), normals(1, 3, n));
    let canonical: Vec<f64> = theta.iter().flat_map(|&t| [-1.0, t, 1.0]).collect();
    let batch = Batch { x: x.iter().flat_map(|x| [x / scale, 1.0 / scale]).collect(), y: y.clone() };
    let objective = Objective { loss: Loss::HalfSquared, ridge: 0.3 };
    let state: Vec<f64> = network.from_canonical(width, &canonical);
    let mut out = vec![0.0; state.len()];
    network.potential_gradient(width, &state, &batch, objective, Threads::One, &mut out);
    let gradient = network.to_canonical(width, &out);
    let phi = |x: f64, t: f64| (-0.5 * ((x - t) / scale).powi(2)).exp();
    let f: Vec<f64> = x.iter().map(|&x| theta.iter().map(|&t| phi(x, t)).sum::<f64>() / width as f64).collect();
    for (i, &t) in theta.iter().enumerate() {
        let pull = (0..n).map(|s| (f[s] - y[s]) * phi(x[s], t) * (x[s] - t) / (scale * scale) / n as f64);
        let exact = pull.sum::<f64>() + 0.3 * t;
        assert!((gradient[3 * i + 1] - exact).abs() < 1e-12, "{} {exact}", gradient[3 * i + 1]);
        assert_eq!([gradient[3 * i], gradient[3 * i + 2]], [0.0, 0.0]);
    }
    // The same field on nodes.
    let line = GridAxis { low: -3.0, high: 3.0, nodes: 64 };
    let seen = Array2::from_shape_vec((n, 2), batch.x.clone()).unwrap();
    let labels = Array2::from_shape_vec((n, 1), y.clone()).unwrap();
    let field =
        MeanField::of_network(&neuron, &[-1.0, 0.0, 1.0], line, (seen.view(), labels.view()), objective).unwrap();
    let rho: Vec<f64> = line.points().iter().map(|t| (-0.5 * t * t).exp()).collect();
    let f = field.predictions(&rho);
    for (s, f) in f.iter().enumerate() {
        let sum: f64 = line.points().iter().zip(&rho).map(|(&t, rho)| rho * phi(x[s], t)).sum();
        assert!((f - sum * line.spacing()).abs() < 1e-12);
    }
    let mut slope = vec![0.0; 64];
    field.gradient(&rho, &mut slope);
    for (i, &t) in line.points().iter().enumerate() {
        let pull = (0..n).map(|s| (f[s] - y[s]) * phi(x[s], t) * (x[s] - t) / (scale * scale) / n as f64);
        assert!((slope[i] - pull.sum::<f64>() - 0.3 * t).abs() < 1e-12);
    }
}

#[test]
fn grid_and_particles_agree_and_nothing_depends_on_threads_or_pauses() {
    let experiment = parse(SMALL, &[]).unwrap();
    let whole = Run::new(&experiment);
    for name in [
        "kinetic-mass",
        "kinetic-positive",
        "kinetic-box",
        "kinetic-function",
        "kinetic-moments",
        "kinetic-wasserstein",
    ] {
        let check = whole.check(name);
        assert_eq!(check.verdict.to_string(), "holds", "{check:?}");
    }
    let records = |run: &std::path::Path| {
        let mut found = files(&run.join("records"));
        found.extend(files(&run.join("state")));
        found.insert("checks".into(), std::fs::read(run.join("checks.json")).unwrap());
        found
    };
    // One thread, stopped again and again: at the first piece, at the next, and so on.
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let interrupt = std::sync::atomic::AtomicBool::new(true);
    let options =
        |resume| Options { out: out.clone(), force: false, resume, accept_revision: false, quiet: true, figures: true };
    let first = pool
        .install(|| {
            let experiment = AnyExperiment::Training(Box::new(experiment.clone()));
            widelimit::run_experiment(&experiment, &options(false), &interrupt).map_err(Box::new)
        })
        .unwrap();
    assert!(matches!(first, Report::Interrupted { .. }));
    interrupt.store(false, std::sync::atomic::Ordering::Relaxed);
    let second = pool
        .install(|| {
            let experiment = AnyExperiment::Training(Box::new(experiment.clone()));
            widelimit::run_experiment(&experiment, &options(true), &interrupt).map_err(Box::new)
        })
        .unwrap();
    assert!(matches!(second, Report::Complete { .. }));
    let (a, b) = (records(&whole.path()), records(&out));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in &a {
        assert!(bytes == &b[name], "{name} differs");
    }
}

/// The recorded Wasserstein distance is that of the one coordinate that moves, exactly, at the start and at the end.
#[test]
fn the_distance_of_laws_is_exact_on_the_line() {
    let run = Run::new(
        &parse(SMALL, &["gap={projections=8,resamples=200}", "kinetic.particles=0"]).unwrap_or_else(|e| panic!("{e}")),
    );
    let recorded = run.arrays("records/widths.npz");
    let thetas = |id: &str, which: &str| -> Vec<f64> {
        let mut theta: Vec<f64> =
            run.arrays(&format!("state/{id}.npz"))[which].outer_iter().map(|row| row[[1]]).collect();
        theta.sort_by(f64::total_cmp);
        theta
    };
    for (v, width) in [8, 16].into_iter().enumerate() {
        for (time, which) in [(0, "w_initial"), (4, "w_final")] {
            let (own, limit) = (thetas(&format!("n{width}-s0"), which), thetas("reference", which));
            // Every neuron against as many particles of the limit, in order.
            let per = limit.len() / width;
            let square: f64 = limit.iter().enumerate().map(|(i, l)| (l - own[i / per]).powi(2)).sum();
            let (exact, found) = ((square / limit.len() as f64).sqrt(), recorded["wasserstein"][[v, 0, time]]);
            assert!((found / exact - 1.0).abs() < 1e-12, "width {width}, {which}: {found} {exact}");
        }
    }
}

/// Laws are kept at four times, or at as many as there are.
#[test]
fn few_recording_times_are_kept_once_each() {
    for (records, kept) in [(1, vec![0.0, 0.5]), (2, vec![0.0, 0.25, 0.5]), (4, vec![0.0, 0.125, 0.25, 0.5])] {
        let experiment = parse(SMALL, &["horizon.time=0.5", &format!("horizon.records={records}")]).unwrap();
        let run = Run::new(&experiment);
        let arrays = run.arrays("records/kinetic.npz");
        assert_eq!(arrays["snapshot_times"].iter().copied().collect::<Vec<f64>>(), kept);
        for name in ["snapshots", "dots"] {
            assert_eq!(arrays[name].shape()[0], kept.len(), "{name}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_with_what_would_do() {
    let refused = |set: &[&str]| -> String {
        match parse(SMALL, set) {
            Err(error) => error.to_string(),
            Ok(experiment) => {
                let folder = tempfile::tempdir().unwrap();
                let options = Options {
                    out: folder.path().join("run"),
                    force: false,
                    resume: false,
                    accept_revision: false,
                    quiet: true,
                    figures: true,
                };
                match widelimit::run_experiment(
                    &AnyExperiment::Training(Box::new(experiment.clone())),
                    &options,
                    &std::sync::atomic::AtomicBool::new(true),
                ) {
                    Err(error) => {
                        assert!(!folder.path().join("run").exists(), "nothing is made before all is checked");
                        error.to_string()
                    }
                    Ok(_) => panic!("{set:?} ran"),
                }
            }
        }
    };
    for (set, words) in [
        (&["kinetic.low=-1.5"][..], &["theta", "[-3.300, 2.700] or wider"][..]),
        (&["kinetic.momentum=1.5"], &["momentum", "or wider"]),
        (&["kinetic.low=-40.0", "kinetic.high=40.0"], &["too coarse", "at least", "nodes"]),
        (&["kinetic.step=0.1"], &["kinetic.step = 0.1", "0.08333"]),
        (&["kinetic.nodes=100"], &["kinetic.nodes = 100", "128"]),
        (&["kinetic.particles=4001"], &["kinetic.particles = 4001", "multiple"]),
        (&["dynamics.temperature=0.0"], &["kinetic.frictions"]),
        (&["dynamics.batch=4"], &["dynamics.batch"]),
        (&["network.scale=0"], &["network.scale = 0", "positive"]),
        (&["network.activation=tanh"], &["network.activation"]),
        (&["population={kind=\"digits\", labels=\"parity\"}"], &["population.kind", "line"]),
        (&["horizon.time=16", "kinetic.step=2.0"], &["step of 2", "at most"]),
    ] {
        let message = refused(set);
        assert!(words.iter().all(|word| message.contains(word)), "{set:?}: {message}");
    }
}
