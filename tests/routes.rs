//! Whichever route the reference is found by, the gap study measures the same, routes agree within their stated errors,
//! and a route that a problem does not allow is refused with the reason.

use crate::common::experiment::{Run, TINY, builtin, files, parse, tiny};
use std::sync::atomic::AtomicBool;
use widelimit::analysis::verdict::Verdict;
use widelimit::config::AnyExperiment;
use widelimit::record::Measure;
use widelimit::run::{Options, Report};

const PICARD: [&str; 3] =
    ["reference.method=kick-drift-kick", "reference.kind=picard", "reference.against=[\"particles\"]"];

/// One input, neurons that differ in their weight alone, momenta with a spread at the start.
const LINE: &str = r#"
name = "line"

[population]
kind = "teacher"
dimension = 1
neurons = 2
activation = "tanh"
size = 40

[network]
activation = "tanh"
bias = false
fixed_output = true
start_momentum = 0.3

[network.start]
w = { law = "gaussian", mean = 0.5, std = 0.5 }
a = { law = "point", value = 1.0 }

[dynamics]
step = 0.03125
friction = 1.0

[horizon]
time = 1.0
records = 2

[widths]
values = [16, 64, 256]
seeds = 8

[reference]
kind = "grid"
against = ["particles", "picard"]
particles = 2048
method = "rk4"
step = 0.125

[reference.grid]
low = -4.0
high = 4.5
momentum = 2.5
nodes = 256
step = 0.0625

[gap]
projections = 1
resamples = 200
"#;

#[test]
fn networks_are_as_far_from_the_fixed_point_as_from_the_particles() {
    let particles = Run::new(&tiny(&["reference.method=kick-drift-kick"]));
    let picard = Run::new(&tiny(&[&PICARD[..], &["reference.picard={windows=2}"]].concat()));
    let (one, other) = (particles.arrays("records/widths.npz"), picard.arrays("records/widths.npz"));
    for measure in ["function", "coupling_rms", "coupling_max", "risk_gap", "wasserstein"] {
        let apart = one[measure].iter().zip(&other[measure]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(apart < 1e-9, "{measure}: {apart}");
    }
    assert_eq!(picard.check("reference-picard-particles").verdict, Verdict::Holds);
    let reference = picard.groups().error(Measure::Function);
    // A window of four steps is exact after four iterates: nothing may be left at all.
    assert!((0.0..1e-10).contains(&reference.iteration), "{}", reference.iteration);
}

#[test]
fn three_routes_agree_and_the_grid_is_the_limit_of_wide_networks() {
    let run = Run::new(&parse(LINE, &[]).unwrap());
    for route in ["particles", "picard"] {
        let check = run.check(&format!("reference-grid-{route}"));
        assert_eq!(check.verdict, Verdict::Holds, "{}", check.detail);
        // A limit wrong by a tenth of the prediction would fail.
        assert!(check.expected.unwrap() < 0.1, "{}", check.detail);
    }
    let slope = run.check("gap-widths-function");
    assert_ne!(slope.verdict, Verdict::Fails, "{}", slope.detail);
    let widths = run.arrays("records/widths.npz");
    assert_eq!(widths["abscissa"], widths["values"], "the grid is the limit itself");
    assert!(widths["coupling_max"].iter().all(|v| v.is_nan()));
    assert!(widths["wasserstein"].iter().all(|v| v.is_finite()));
    let reference = run.groups().error(Measure::Function);
    assert!(reference.particles > 0.0 && reference.particles < 1e-2, "half the nodes: {}", reference.particles);
}

#[test]
fn a_route_that_a_problem_does_not_allow_is_refused() {
    let grid = "reference.grid={low=-4.0, high=4.0, momentum=2.0, nodes=128, step=0.125}";
    for (set, key, why) in [
        (vec!["reference.kind=grid"], "reference.grid", "missing"),
        (vec!["reference.kind=grid", grid], "network.start.a", "fixed output weights"),
        (vec!["reference.kind=grid", grid], "reference.grid", "one trained parameter"),
        (vec!["reference.kind=picard", "reference.method=dormand-prince"], "reference.picard.windows", "fixed step"),
        (
            vec!["reference.kind=picard", "reference.picard={windows=3}"],
            "reference.picard.windows",
            "divides the 8 steps",
        ),
        (vec!["reference.kind=particles", "reference.picard={windows=2}"], "reference.picard", "remove the table"),
        (vec!["reference.against=[\"particles\"]"], "reference.against", "other routes"),
        (vec!["picard={windows=[5]}"], "picard.windows", "divides the 8 steps"),
        (vec!["radial={}"], "radial", "mixture"),
        (
            vec!["precision=f32", "reference.kind=picard", "reference.picard={tolerance=1e-9}"],
            "tolerance",
            "single precision",
        ),
    ] {
        let message = parse(TINY, &set).unwrap_err().to_string();
        assert!(message.contains(key) && message.contains(why), "{set:?}: {message}");
    }
    let mixture = |set: &[&str]| builtin("radial", set).unwrap_err().to_string();
    assert!(mixture(&["population.draws=fixed"]).contains("solves for the law itself"));
    assert!(mixture(&["reference.grid.low=-3.0"]).contains("the radial line is even"));
    assert!(mixture(&["dynamics.temperature=0.1"]).contains("momenta stay radial"));
}

#[test]
fn a_horizon_too_long_for_one_window_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        out: folder.path().join("run"),
        force: false,
        resume: false,
        accept_revision: false,
        quiet: true,
        figures: true,
    };
    let set = [&PICARD[..], &["reference.picard={iterates=3}"]].concat();
    let message =
        widelimit::run_experiment(&AnyExperiment::Training(Box::new(tiny(&set))), &options, &AtomicBool::new(false))
            .err()
            .unwrap()
            .to_string();
    assert!(
        message.contains("after 3 iterates") && message.contains("reference.picard.windows, such as 2"),
        "{message}"
    );
}

#[test]
fn a_run_by_picard_goes_on_to_the_same_bytes() {
    let set = [&PICARD[..], &["picard={windows=[1,2]}"]].concat();
    let whole = Run::new(&tiny(&set));
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options {
        out: folder.path().join("run"),
        force: false,
        resume: false,
        accept_revision: false,
        quiet: true,
        figures: true,
    };
    let report =
        widelimit::run_experiment(&AnyExperiment::Training(Box::new(tiny(&set))), &options, &AtomicBool::new(true))
            .unwrap();
    assert!(matches!(report, Report::Interrupted { .. }));
    options.resume = true;
    let report =
        widelimit::run_experiment(&AnyExperiment::Training(Box::new(tiny(&set))), &options, &AtomicBool::new(false))
            .unwrap();
    assert!(matches!(report, Report::Complete { .. }));
    let (one, other) = (files(&whole.path()), files(&options.out));
    for (name, bytes) in one.iter().filter(|(name, _)| name.starts_with("records/") || name.starts_with("state/")) {
        assert_eq!(Some(bytes), other.get(name), "{name}");
    }
}
