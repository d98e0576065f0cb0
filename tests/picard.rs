//! The fixed point of the trajectory map is the trajectory of the particle solver, its iterates are those of the
//! theory, and neither windows nor threads nor the first guess change it.

use crate::common::{Problem, bits, distance, linear, linear_exact, linear_state, motion, slope, tanh_problem};
use widelimit::compute::Threads;
use widelimit::dynamics::picard::{
    FrozenForce, Guess, IterationSettings, IterationStatus, PicardIteration, TrajectoryMap, map::pack_inputs,
};
use widelimit::dynamics::{Brownian, Method, Motion, NoNoise, Noise, Scheme, State};
use widelimit::network::TwoLayer;
use widelimit::ranks::{Ranks, SingleRank, run_in_process};

const TARGET: f64 = 1.5;

fn no_noise(_: usize, _: usize) -> Box<dyn Noise<f64>> {
    Box::new(NoNoise)
}

/// The network, whose particles evolve independently under given predictions.
fn independent(problem: &Problem) -> &TwoLayer {
    problem.network.as_two_layer().expect("one hidden layer")
}

fn settings(steps: usize, windows: usize) -> IterationSettings {
    IterationSettings { windows, steps, iterates: 80, tolerance: 1e-14, guess: Guess::Constant }
}

/// What an iteration found.
struct Found {
    /// Predictions (steps + 1, n K).
    predictions: Vec<f64>,
    differences: Vec<Vec<f64>>,
    end: State<f64>,
}

fn iterate(
    problem: &Problem,
    method: Method,
    motion: Motion,
    start: &State<f64>,
    settings: IterationSettings,
    noise: &(dyn Fn(usize, usize) -> Box<dyn Noise<f64>> + Sync),
) -> Found {
    iterate_on(&SingleRank::ranks(), problem, Scheme { method, motion }, start, settings, noise)
}

/// The same on some ranks.
fn iterate_on(
    ranks: &Ranks,
    problem: &Problem,
    scheme: Scheme,
    start: &State<f64>,
    settings: IterationSettings,
    noise: &(dyn Fn(usize, usize) -> Box<dyn Noise<f64>> + Sync),
) -> Found {
    let map = TrajectoryMap::new(problem.ensemble(independent(problem)), scheme, noise).on(ranks);
    let mut iteration = PicardIteration::new(&map, start.clone(), settings);
    loop {
        match iteration.advance() {
            IterationStatus::Continue => {}
            IterationStatus::Converged => break,
            other => panic!("{other:?}: {:?}", iteration.differences),
        }
    }
    let PicardIteration { predictions, start: end, differences, .. } = iteration;
    Found { predictions, differences, end }
}

/// The particle solver's own trajectory: predictions at every node, and its end.
fn particles(
    problem: &Problem,
    method: Method,
    motion: Motion,
    start: &State<f64>,
    steps: usize,
) -> (Vec<f64>, State<f64>) {
    let f =
        |state: &State<f64>| problem.network.predict(problem.width, &state.theta, &problem.population.x, Threads::One);
    let mut all = f(start);
    let horizon = motion.step * steps as f64;
    let end = problem.integrate(method, motion, start.clone(), horizon, |_, state| all.extend(f(state)));
    (all, end)
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |most, (a, b)| most.max((a - b).abs()))
}

/// Without friction the linear neuron's mean obeys `m'' = -(m - c)`: from a standing start the n-th iterate is the
/// Taylor polynomial of the cosine of degree 2n, so that the n-th difference is its next term, `|m_0 - c| T^(2n+2) /
/// (2n+2)!`.
#[test]
fn iterates_of_the_linear_neuron_are_taylor_polynomials_of_the_cosine() {
    let problem = linear(5, TARGET, 0.0);
    let start = linear_state(&problem, &[-1.0, 0.4, 1.2, 0.3, -0.2], &[0.0; 5]);
    let (horizon, steps) = (3.0, 300);
    let found =
        iterate(&problem, Method::Rk4, motion(horizon / steps as f64, 0.0), &start, settings(steps, 1), &no_noise);
    let differences = &found.differences[0];
    let gap = (0.14 - TARGET).abs();
    let mut term = gap;
    for (n, d) in differences.iter().take(9).enumerate() {
        term *= horizon * horizon / ((2 * n + 1) * (2 * n + 2)) as f64;
        println!("iterate {n}: {d:.6e}, Taylor {term:.6e}");
        assert!((d - term).abs() < 1e-6 * term + 1e-12, "iterate {n}: {d} is not {term}");
    }
}

/// Every method of fixed step whose gradients are taken at nodes has the same discrete fixed point as the particle
/// solver: they agree to rounding, with noise too.
#[test]
fn the_fixed_point_is_the_particle_trajectory() {
    let problem = tanh_problem();
    let start = problem.random_state(1, 0.5);
    let steps = 64;
    for method in [Method::HeavyBall, Method::KickDriftKick, Method::Baoab] {
        let motion = motion(2.0 / steps as f64, 0.8);
        let found = iterate(&problem, method, motion, &start, settings(steps, 1), &no_noise);
        let (f, end) = particles(&problem, method, motion, &start, steps);
        let worst = apart(&found.predictions, &f).max(distance(&found.end, &end));
        println!("{method:?}: {worst:.1e} after {} iterates", found.differences[0].len());
        assert!(worst < 1e-12, "{method:?}: {worst}");
    }
    let first_order = Motion { first_order: true, ..motion(2.0 / steps as f64, 0.0) };
    let found = iterate(&problem, Method::GradientDescent, first_order, &start, settings(steps, 2), &no_noise);
    let (f, _) = particles(&problem, Method::GradientDescent, first_order, &start, steps);
    assert!(apart(&found.predictions, &f) < 1e-12);
}

#[test]
fn under_noise_every_particle_keeps_its_brownian_path() {
    // More than one chunk of neurons, the last one not full.
    let problem = Problem { width: 150, ..tanh_problem() };
    let start = problem.random_state(2, 0.0);
    let (steps, motion) = (16, Motion { temperature: 0.3, ..motion(0.0625, 0.8) });
    let brownian = |first: usize, width: usize| Brownian {
        seed: 3,
        first: 10 + first as u64,
        network: problem.network.clone(),
        width,
        ticks: 1,
    };
    let found = iterate(&problem, Method::Baoab, motion, &start, settings(steps, 1), &|first, width| {
        Box::new(brownian(first, width))
    });
    let mut integrator = problem.integrator(Method::Baoab, motion);
    let (mut force, mut noise, mut state) = (problem.force(), brownian(0, problem.width), start.clone());
    for _ in 0..steps {
        integrator.step(&mut force, &mut noise, &mut state);
    }
    let worst = distance(&found.end, &state);
    assert!(worst < 1e-12, "{worst}");
    assert!(distance(&start, &state) > 0.5, "the noise has an effect");
}

/// Runge-Kutta's stages lie between the nodes, where residuals are interpolated: against the exact solution, and
/// against the particle solver, the fixed point is of order 4.
#[test]
fn with_runge_kutta_the_fixed_point_has_order_four() {
    let problem = linear(5, TARGET, 0.3);
    let start = linear_state(&problem, &[-1.0, 0.4, 1.2, 0.3, -0.2], &[0.5, -1.0, 0.2, 0.0, 0.4]);
    let exact = linear_exact(&problem, TARGET, 0.7, &start, 2.0);
    let counts = [32, 64, 128, 256];
    for windows in [1, 2] {
        let errors = counts.map(|steps| {
            let motion = motion(2.0 / steps as f64, 0.7);
            let found = iterate(&problem, Method::Rk4, motion, &start, settings(steps, windows), &no_noise);
            let (_, end) = particles(&problem, Method::Rk4, motion, &start, steps);
            (distance(&found.end, &exact), distance(&found.end, &end))
        });
        let steps = counts.map(|n| 2.0 / n as f64);
        let (order, apart) = (slope(&steps, &errors.map(|e| e.0)), slope(&steps, &errors.map(|e| e.1)));
        println!("{windows} windows: order {order:.3}, from the particles {apart:.3}; {errors:?}");
        assert!((order - 4.0).abs() < 0.3, "order {order}");
        assert!(apart > 3.7, "distance from the particle solver: order {apart}");
    }
}

#[test]
fn windows_and_the_first_guess_change_nothing() {
    let problem = tanh_problem();
    let start = problem.random_state(1, 0.5);
    let (steps, motion) = (64, motion(4.0 / 64.0, 0.8));
    let whole = iterate(&problem, Method::KickDriftKick, motion, &start, settings(steps, 1), &no_noise);
    for windows in [2, 4, 16, 64] {
        let cut = iterate(&problem, Method::KickDriftKick, motion, &start, settings(steps, windows), &no_noise);
        assert_eq!(cut.differences.len(), windows);
        assert!(apart(&whole.predictions, &cut.predictions) < 1e-11, "{windows} windows");
        assert!(distance(&whole.end, &cut.end) < 1e-11);
        assert!(cut.differences[0].len() < whole.differences[0].len(), "a short window needs fewer iterates");
    }
    let labels = IterationSettings { guess: Guess::Labels, ..settings(steps, 1) };
    let other = iterate(&problem, Method::KickDriftKick, motion, &start, labels, &no_noise);
    assert!(apart(&whole.predictions, &other.predictions) < 1e-11);
    assert_ne!(whole.differences[0][0], other.differences[0][0], "it started elsewhere");
}

/// Over one step kick-drift-kick takes its residuals at nodes that do not depend on the iterate before last: the map is
/// exact after as many iterates as there are steps, whatever the contraction.
#[test]
fn a_window_of_k_steps_needs_k_iterates_at_most() {
    let problem = tanh_problem();
    let start = problem.random_state(4, 0.5);
    for steps in [1, 2, 5] {
        let found = iterate(&problem, Method::KickDriftKick, motion(0.125, 0.8), &start, settings(steps, 1), &no_noise);
        let needed = found.differences[0].iter().take_while(|d| **d > 1e-14).count();
        assert!(needed <= steps, "{steps} steps: {:?}", found.differences[0]);
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let problem = Problem { width: 700, ..tanh_problem() };
    let start = problem.random_state(5, 0.5);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            iterate(
                &problem,
                Method::Rk4,
                motion(0.25, 0.8),
                &start,
                IterationSettings { tolerance: 1e-6, ..settings(4, 1) },
                &no_noise,
            )
        })
    };
    let (one, three) = (run(1), run(3));
    assert_eq!(bits(&one.predictions), bits(&three.predictions));
    assert_eq!(bits(&one.end.theta), bits(&three.end.theta));
    assert_eq!(bits(&one.differences[0]), bits(&three.differences[0]));
}

/// Particles that are divided among ranks, some of which may have none, have the bits of those of one rank, over several
/// windows: their predictions and their last state on every rank.
#[test]
fn bits_do_not_depend_on_ranks() {
    for width in [5, 700] {
        let problem = Problem { width, ..tanh_problem() };
        let start = problem.random_state(5, 0.5);
        let scheme = Scheme { method: Method::Rk4, motion: motion(0.25, 0.8) };
        let settings = IterationSettings { tolerance: 1e-6, ..settings(4, 2) };
        let run = |ranks: Ranks| iterate_on(&ranks, &problem, scheme, &start, settings, &no_noise);
        let one = run(SingleRank::ranks());
        for size in [2, 3, 5, 20] {
            for found in run_in_process(size, run) {
                assert_eq!(bits(&found.predictions), bits(&one.predictions), "{width}, {size} ranks");
                assert_eq!(found.differences, one.differences);
                assert_eq!(bits(&found.end.theta), bits(&one.end.theta));
                assert_eq!(bits(&found.end.momentum), bits(&one.end.momentum));
                assert_eq!((found.end.step, found.end.time), (one.end.step, one.end.time));
            }
        }
    }
}

#[test]
fn an_iteration_goes_on_from_what_was_saved() {
    let problem = tanh_problem();
    let start = problem.random_state(1, 0.5);
    let scheme = Scheme { method: Method::KickDriftKick, motion: motion(4.0 / 64.0, 0.8) };
    let map = TrajectoryMap::new(problem.ensemble(independent(&problem)), scheme, &no_noise);
    fn finish<'m, 'a>(mut iteration: PicardIteration<'m, 'a, f64>) -> PicardIteration<'m, 'a, f64> {
        while iteration.advance() == IterationStatus::Continue {}
        iteration
    }
    let straight = finish(PicardIteration::new(&map, start.clone(), settings(64, 4)));
    let mut saved = PicardIteration::new(&map, start, settings(64, 4));
    (0..17).for_each(|_| assert_eq!(saved.advance(), IterationStatus::Continue));
    let PicardIteration { predictions, start, differences, .. } = saved;
    let resumed = finish(PicardIteration::resume(&map, settings(64, 4), predictions, start, differences));
    assert_eq!(bits(&straight.predictions), bits(&resumed.predictions));
    assert_eq!(straight.differences, resumed.differences);
    assert_eq!(bits(&straight.start.theta), bits(&resumed.start.theta));
}

/// Integrated under the residuals of the fixed point, the particles follow the trajectory that the iteration found.
#[test]
fn the_frozen_path_is_a_force_like_any_other() {
    let problem = tanh_problem();
    let start = problem.random_state(1, 0.5);
    let motion = motion(4.0 / 64.0, 0.8);
    let ensemble = problem.ensemble(independent(&problem));
    let map = TrajectoryMap::new(ensemble, Scheme { method: Method::Rk4, motion }, &no_noise);
    let mut iteration = PicardIteration::new(&map, start.clone(), settings(64, 2));
    while iteration.advance() == IterationStatus::Continue {}
    let end = iteration.start.clone();
    let path = iteration.into_path();
    let samples = pack_inputs(ensemble.network, ensemble.population);
    let mut force = FrozenForce::new(ensemble, &samples, &path, Threads::One);
    let mut integrator = problem.integrator(Method::Rk4, motion);
    let mut state = start;
    for _ in 0..64 {
        integrator.step(&mut force, &mut NoNoise, &mut state);
    }
    assert!(distance(&state, &end) < 1e-12);
}

/// An iteration with too few iterates, or one that overflows, reports that it has not converged.
#[test]
fn failure_to_converge_is_reported() {
    let problem = linear(2, TARGET, 0.0);
    let start = linear_state(&problem, &[-1.0, 0.4], &[0.0, 0.0]);
    for (horizon, iterates) in [(20.0, 10), (1e200, 10)] {
        let scheme = Scheme { method: Method::KickDriftKick, motion: motion(horizon / 100.0, 0.0) };
        let map = TrajectoryMap::new(problem.ensemble(independent(&problem)), scheme, &no_noise);
        let mut iteration =
            PicardIteration::new(&map, start.clone(), IterationSettings { iterates, ..settings(100, 1) });
        let outcome = std::iter::repeat_with(|| iteration.advance()).find(|o| *o != IterationStatus::Continue).unwrap();
        let IterationStatus::NotConverged { window: 0, difference } = outcome else { panic!("{outcome:?}") };
        assert!(difference > 1.0 || !difference.is_finite());
    }
}
