//! `E = R + (1/2) mean|r|^2` and `dE/dt = -gamma mean|r|^2` along every deterministic second-order method, to
//! the method's order; theory.md section 3.

use crate::common::experiment::{Run, tiny};
use crate::common::{Problem, deep_problem, motion, slope, tanh_problem};
use widelimit::analysis::verdict::Verdict;
use widelimit::dynamics::{Integrator, Method, Motion, State};

const HORIZON: f64 = 3.0;
const FRICTION: f64 = 0.7;

fn kinetic(problem: &Problem, state: &State<f64>) -> f64 {
    problem.network.mean_square(problem.width, &state.momentum)
}

fn energy(problem: &Problem, state: &State<f64>) -> f64 {
    problem.risk(&state.theta) + 0.5 * kinetic(problem, state)
}

/// Problems of two and of three layers, each with a state in motion, so that the energy falls from the first step on.
fn problems_and_starts() -> [(Problem, State<f64>); 2] {
    [tanh_problem(), deep_problem()].map(|problem| {
        let start = problem.random_state(3, 0.8);
        (problem, start)
    })
}

/// Largest `|E(t) - E(0) + gamma int mean|r|^2|` over a run of fixed step. The integral is Simpson's rule over pairs of
/// steps, whose order 4 no method here exceeds.
fn defect((problem, start): &(Problem, State<f64>), method: Method, steps: usize) -> f64 {
    let h = HORIZON / steps as f64;
    let e0 = energy(problem, start);
    let (mut lost, mut worst) = (0.0, 0.0_f64);
    let mut seen = vec![kinetic(problem, start)];
    problem.integrate(method, motion(h, FRICTION), start.clone(), HORIZON, |_, state| {
        seen.push(kinetic(problem, state));
        if let [a, b, c] = seen[..] {
            lost += FRICTION * h / 3.0 * (a + 4.0 * b + c);
            worst = worst.max((energy(problem, state) - e0 + lost).abs());
            seen = vec![c];
        }
    });
    worst
}

#[test]
fn fixed_steps_lose_what_friction_takes() {
    for (method, order) in
        [(Method::HeavyBall, 1.0), (Method::KickDriftKick, 2.0), (Method::Baoab, 2.0), (Method::Rk4, 4.0)]
    {
        let steps: [usize; 5] = if order > 2.0 { [20, 40, 80, 160, 320] } else { [60, 120, 240, 480, 960] };
        for case in &problems_and_starts() {
            let defects = steps.map(|n| defect(case, method, n));
            let measured = slope(&steps.map(|n| HORIZON / n as f64), &defects);
            println!("{method:?}: defect {:.1e} to {:.1e}, order {measured:.3}", defects[0], defects[4]);
            assert!((measured - order).abs() < 0.15, "{method:?}: {measured}, should be {order}: {defects:?}");
        }
    }
}

#[test]
fn dormand_prince_loses_what_friction_takes() {
    let [(problem, start), _] = problems_and_starts();
    let e0 = energy(&problem, &start);
    let runs = [1e-5, 1e-6, 1e-7, 1e-8, 1e-9].map(|tolerance| {
        let (mut lost, mut worst) = (0.0, 0.0_f64);
        let (mut last, mut before, mut at) = (kinetic(&problem, &start), 0.0, start.clone());
        let adaptive = Motion { tolerance, ..motion(0.01, FRICTION) };
        let end = problem.integrate(Method::DormandPrince, adaptive, start.clone(), HORIZON, |integrator, state| {
            // Boole's rule over each step, with the dense output at the quarters.
            let h = state.time - before;
            let mut inside = |part: f64| {
                integrator.interpolate(before + part * h, state, &mut at);
                kinetic(&problem, &at)
            };
            let [b, c, d] = [0.25, 0.5, 0.75].map(&mut inside);
            let e = kinetic(&problem, state);
            lost += FRICTION * h / 90.0 * (7.0 * last + 32.0 * b + 12.0 * c + 32.0 * d + 7.0 * e);
            worst = worst.max((energy(&problem, state) - e0 + lost).abs());
            (last, before) = (e, state.time);
        });
        assert!(worst < 20.0 * tolerance, "defect {worst} at tolerance {tolerance}");
        [end.time / end.step as f64, worst]
    });
    let order = slope(&runs.map(|run| run[0]), &runs.map(|run| run[1]));
    println!("Dormand-Prince: defect {:.1e} to {:.1e}, order {order:.2}", runs[0][1], runs[4][1]);
    assert!(order > 4.3, "order {order}: {runs:?}");
}

#[test]
fn energy_never_grows_under_small_steps() {
    problems_and_starts().iter().for_each(|(problem, moving)| never_grows(problem, moving));
}

fn never_grows(problem: &Problem, moving: &State<f64>) {
    let resting = State::at_rest(moving.theta.clone());
    for method in [Method::HeavyBall, Method::KickDriftKick, Method::Baoab, Method::Rk4, Method::DormandPrince] {
        for start in [moving, &resting] {
            let mut last = energy(problem, start);
            let first = last;
            let fine = Motion { tolerance: 1e-9, ..motion(0.005, FRICTION) };
            problem.integrate(method, fine, start.clone(), HORIZON, |_: &dyn Integrator<f64>, state| {
                let now = energy(problem, state);
                assert!(now <= last + 1e-14, "{method:?} at t = {}: {last} grew to {now}", state.time);
                last = now;
            });
            assert!(last < 0.95 * first, "{method:?} went nowhere");
        }
    }
}

/// The check `energy-falls` of a run: every method, with steps so long that the energy of a frictionless limit rises, and
/// kinks, across which no method keeps its order.
#[test]
fn the_energy_of_a_run_rises_within_the_error_of_the_step() {
    let base = ["dynamics.friction=0.0", "network.start_momentum=0.3", "horizon.time=4.0", "horizon.records=8"];
    let mut rises = 0;
    for reference in [
        &["reference.method=heavy-ball", "reference.step=0.125"][..],
        &["reference.method=kick-drift-kick", "reference.step=0.25"],
        &["reference.method=rk4", "reference.step=0.25"],
        &["reference.method=rk4", "reference.step=0.125", "network.activation=relu"],
        &["reference.method=dormand-prince", "reference.step=0.25", "reference.tolerance=1e-5"],
    ] {
        let run = Run::new(&tiny(&[&base[..], reference].concat()));
        let check = run.check("energy-falls");
        assert_eq!(check.verdict, Verdict::Holds, "{reference:?}: {}", check.detail);
        rises += usize::from(check.measured > 1e-9);
    }
    assert!(rises >= 4, "the steps are long enough to see");
}

#[test]
fn the_energy_of_a_step_beyond_stability_fails() {
    // A ridge of 30: oscillations are stable up to a step of 2 / sqrt(30) = 0.37.
    let set = ["dynamics.friction=0.0", "dynamics.ridge=30.0", "reference.method=heavy-ball", "reference.step=0.5"];
    let check = Run::new(&tiny(&set)).check("energy-falls");
    assert_eq!(check.verdict, Verdict::Fails, "{}", check.detail);
    assert!(check.detail.contains("smaller reference.step"), "{}", check.detail);
}

/// Without labels and with output weights 0 the risk is 0 at the start; noise moves it, which is no divergence.
#[test]
fn a_start_at_zero_risk_does_not_diverge_by_noise() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zero.csv");
    std::fs::write(&file, "x0,x1,y\n0.5,1.0,0\n-1.0,0.3,0\n0.2,-0.8,0\n1.5,0.1,0\n").unwrap();
    let population = format!("population={{kind=\"file\", path={file:?}, labels=\"real\"}}");
    let run = Run::new(&tiny(&[
        &population,
        "network.start.a={law=\"point\", value=0.0}",
        "dynamics.temperature=0.01",
        "reference.method=baoab",
    ]));
    let check = run.check("runs-diverged");
    assert_eq!(check.verdict, Verdict::Holds, "{}", check.detail);
}
