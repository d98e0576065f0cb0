//! Every integrator has the order it claims, measured on an exact solution and on a nonlinear network.

use crate::common::{
    Problem, deep_problem, distance, linear, linear_exact, linear_state, motion, oscillator, slope, tanh_problem,
    weights,
};
use widelimit::dynamics::{Method, Motion, State};

const HORIZON: f64 = 2.0;
const TARGET: f64 = 1.5;

/// Methods of fixed step on the second-order limit. Heavy ball's momentum after step k belongs to the half step
/// before t = k eps as much as to t itself; either reading is order 1, and t = k eps is the one compared here.
const FIXED: [(Method, f64); 4] =
    [(Method::HeavyBall, 1.0), (Method::KickDriftKick, 2.0), (Method::Rk4, 4.0), (Method::Baoab, 2.0)];

/// Step numbers of a refinement; the 4th-order method starts coarser, to stay above rounding.
fn refinement(order: f64) -> [usize; 5] {
    if order > 2.0 { [20, 40, 80, 160, 320] } else { [40, 80, 160, 320, 640] }
}

/// Slope of the largest error at the horizon, over the refinement.
fn measured_order(
    problem: &Problem,
    method: Method,
    order: f64,
    make: impl Fn(f64) -> Motion,
    start: &State<f64>,
    exact: &State<f64>,
) -> f64 {
    let (steps, errors): (Vec<f64>, Vec<f64>) = refinement(order)
        .map(|n| {
            let h = HORIZON / n as f64;
            let end = problem.integrate(method, make(h), start.clone(), HORIZON, |_, _| {});
            assert_eq!(end.step, n as u64);
            (h, distance(&end, exact))
        })
        .into_iter()
        .unzip();
    slope(&steps, &errors)
}

#[test]
fn fixed_steps_on_the_damped_oscillator() {
    // (friction, ridge): the mean under-damped, over-damped, critically damped (4 = 2 sqrt(1 + 3)); for ridge 0 the
    // distance from the mean only drifts to rest.
    for (friction, ridge) in [(0.5, 0.0), (0.5, 0.4), (5.0, 0.4), (4.0, 3.0)] {
        let problem = linear(5, TARGET, ridge);
        let start = linear_state(&problem, &[-1.0, 0.3, 0.9, 2.0, -0.4], &[0.5, -1.0, 0.2, 0.0, 1.1]);
        let exact = linear_exact(&problem, TARGET, friction, &start, HORIZON);
        for (method, order) in FIXED {
            let measured = measured_order(&problem, method, order, |h| motion(h, friction), &start, &exact);
            println!("linear, friction {friction}, ridge {ridge}, {method:?}: order {measured:.3}");
            assert!((measured - order).abs() < 0.15, "{method:?}: order {measured}, should be {order}");
        }
    }
}

#[test]
fn neurons_at_rest_keep_their_distance_from_the_mean() {
    let problem = linear(4, TARGET, 0.0);
    let start = linear_state(&problem, &[-1.0, 0.25, 0.5, 2.0], &[0.0; 4]);
    for (method, _) in FIXED {
        let end = problem.integrate(method, motion(0.01, 0.7), start.clone(), HORIZON, |_, _| {});
        let end = weights(&problem, &end.theta);
        for (now, then) in end.windows(2).zip([-1.0, 0.25, 0.5, 2.0].windows(2)) {
            assert!(((now[1] - now[0]) - (then[1] - then[0])).abs() < 1e-13, "{method:?}");
        }
        assert!((end[0] + 1.0).abs() > 0.1, "{method:?} did not move");
    }
}

#[test]
fn fixed_steps_on_a_tanh_network() {
    fixed_steps_on(&tanh_problem());
}

#[test]
fn fixed_steps_on_a_network_of_three_layers() {
    fixed_steps_on(&deep_problem());
}

fn fixed_steps_on(problem: &Problem) {
    let start = problem.random_state(1, 0.5);
    let (mut before, mut dormand_prince) = (0.0, start.clone());
    let fine = Motion { tolerance: 1e-13, ..motion(0.01, 0.8) };
    problem.integrate(Method::DormandPrince, fine, start.clone(), HORIZON, |integrator, state| {
        if before < HORIZON && HORIZON <= state.time {
            integrator.interpolate(HORIZON, state, &mut dormand_prince);
        }
        before = state.time;
    });
    let runge_kutta = problem.integrate(Method::Rk4, motion(HORIZON / 2048.0, 0.8), start.clone(), HORIZON, |_, _| {});
    for (method, order) in FIXED {
        let reference = if method == Method::Rk4 { &dormand_prince } else { &runge_kutta };
        let measured = measured_order(problem, method, order, |h| motion(h, 0.8), &start, reference);
        println!("{method:?}: order {measured:.3}");
        assert!((measured - order).abs() < 0.15, "{method:?}: order {measured}, should be {order}");
    }
}

#[test]
fn first_order_methods_on_exponential_decay() {
    let first_order = |h| Motion { first_order: true, ..motion(h, 0.0) };
    for ridge in [0.0, 0.7] {
        let problem = linear(3, TARGET, ridge);
        let (theta, rest) = ([-1.0, 0.4, 1.2], TARGET / (1.0 + ridge));
        let m = 0.2;
        let exact: Vec<f64> = theta
            .iter()
            .map(|w| rest + (m - rest) * (-(1.0 + ridge) * HORIZON).exp() + (w - m) * (-ridge * HORIZON).exp())
            .collect();
        let (start, exact) = (linear_state(&problem, &theta, &[0.0; 3]), linear_state(&problem, &exact, &[0.0; 3]));
        for (method, order) in [(Method::GradientDescent, 1.0), (Method::Rk4, 4.0)] {
            let measured = measured_order(&problem, method, order, first_order, &start, &exact);
            println!("decay, ridge {ridge}, {method:?}: order {measured:.3}");
            assert!((measured - order).abs() < 0.15, "{method:?}: order {measured}, should be {order}");
        }
        let adaptive = Motion { tolerance: 1e-12, ..first_order(0.01) };
        let mut worst: f64 = 0.0;
        problem.integrate(Method::DormandPrince, adaptive, start.clone(), HORIZON, |_, state| {
            let m_t = rest + (m - rest) * (-(1.0 + ridge) * state.time).exp();
            for (now, w) in weights(&problem, &state.theta).iter().zip(&theta) {
                worst = worst.max((now - m_t - (w - m) * (-ridge * state.time).exp()).abs());
            }
        });
        assert!(worst < 1e-11, "Dormand-Prince on the gradient flow: {worst}");
    }
}

/// Mean step, and the largest errors over a run at steps' ends and inside steps, for one tolerance.
fn adaptive_errors(
    problem: &Problem,
    start: &State<f64>,
    tolerance: f64,
    friction: f64,
    exact: impl Fn(f64) -> State<f64>,
) -> [f64; 3] {
    let (mut ends, mut inside, mut before) = (0.0_f64, 0.0_f64, 0.0);
    let mut at = start.clone();
    let adaptive = Motion { tolerance, ..motion(0.02, friction) };
    let end = problem.integrate(Method::DormandPrince, adaptive, start.clone(), 4.0, |integrator, state| {
        ends = ends.max(distance(state, &exact(state.time)));
        for part in [0.2, 0.4, 0.5, 0.7, 0.9] {
            let time = before + part * (state.time - before);
            integrator.interpolate(time, state, &mut at);
            assert_eq!(at.time, time);
            inside = inside.max(distance(&at, &exact(time)));
        }
        before = state.time;
    });
    [end.time / end.step as f64, ends, inside]
}

#[test]
fn dormand_prince_on_the_damped_oscillator() {
    let tolerances: [f64; 6] = [1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11];
    for (friction, ridge) in [(0.3, 0.0), (0.3, 0.5), (3.0, 0.5)] {
        let problem = linear(3, TARGET, ridge);
        let start = linear_state(&problem, &[-1.0, 0.3, 2.0], &[0.5, -1.0, 0.2]);
        let exact = |t| linear_exact(&problem, TARGET, friction, &start, t);
        let runs = tolerances.map(|tolerance| adaptive_errors(&problem, &start, tolerance, friction, exact));
        assert!(
            runs.windows(2).all(|pair| pair[1][1] < pair[0][1]),
            "a finer tolerance must give a smaller error: {runs:?}"
        );
        let [steps, ends, inside] = [0, 1, 2].map(|column| runs.map(|run| run[column]));
        let (per_tolerance, order, dense) = (slope(&tolerances, &ends), slope(&steps, &ends), slope(&steps, &inside));
        println!(
            "friction {friction}, ridge {ridge}: error ~ tolerance^{per_tolerance:.3}, order {order:.2}, dense {dense:.2}"
        );
        assert!(runs.iter().zip(&tolerances).all(|(run, tolerance)| run[1] < 20.0 * tolerance), "{runs:?}");
        // The control holds the difference of the two solutions, h^5 in a step, at the tolerance, so that the error of
        // the solution of order 5 is in proportion. Steps are unequal: their mean gives rough orders only.
        assert!((per_tolerance - 1.0).abs() < 0.2, "error ~ tolerance^{per_tolerance}");
        assert!((order - 5.0).abs() < 0.8, "order {order}");
        assert!(dense > 4.0, "dense output: order {dense}");
    }
}

#[test]
fn one_step_of_dormand_prince_has_local_orders_six_and_five() {
    for (friction, ridge) in [(0.3, 0.5), (1.0, 0.5)] {
        let problem = linear(3, TARGET, ridge);
        let start = linear_state(&problem, &[-1.0, 0.3, 2.0], &[0.5, -1.0, 0.2]);
        let exact = |t| linear_exact(&problem, TARGET, friction, &start, t);
        let steps = [0.2, 0.1, 0.05, 0.025];
        let errors = steps.map(|h| {
            // So loose that the first step tried is taken.
            let loose = Motion { tolerance: 1e6, ..motion(h, friction) };
            let (mut end, mut inside, mut at) = (0.0, 0.0_f64, start.clone());
            problem.integrate(Method::DormandPrince, loose, start.clone(), h, |integrator, state| {
                assert_eq!((state.step, state.time), (1, h));
                end = distance(state, &exact(h));
                for part in [0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9] {
                    integrator.interpolate(part * h, state, &mut at);
                    inside = inside.max(distance(&at, &exact(part * h)));
                }
            });
            (end, inside)
        });
        let (end, inside) = (slope(&steps, &errors.map(|e| e.0)), slope(&steps, &errors.map(|e| e.1)));
        println!("one step, friction {friction}: end {end:.3}, inside {inside:.3}");
        assert!((end - 6.0).abs() < 0.2, "local order {end} at the end");
        // The cubic through ends and slopes alone would show 4.
        assert!((inside - 5.0).abs() < 0.2, "local order {inside} inside");
    }
}

#[test]
fn dormand_prince_dense_output_on_a_tanh_network() {
    const GRID: usize = 64;
    let problem = tanh_problem();
    let start = problem.random_state(1, 0.5);
    let mut exact = vec![start.clone()];
    problem.integrate(Method::Rk4, motion(4.0 / 8192.0, 0.8), start.clone(), 4.0, |_, state| {
        if state.step % (8192 / GRID as u64) == 0 {
            exact.push(state.clone());
        }
    });
    let runs = [1e-5, 1e-6, 1e-7, 1e-8, 1e-9].map(|tolerance| {
        let (mut worst, mut next, mut at) = (0.0_f64, 1, start.clone());
        let adaptive = Motion { tolerance, ..motion(0.02, 0.8) };
        let end = problem.integrate(Method::DormandPrince, adaptive, start.clone(), 4.0, |integrator, state| {
            while next <= GRID && exact[next].time <= state.time {
                integrator.interpolate(exact[next].time, state, &mut at);
                worst = worst.max(distance(&at, &exact[next]));
                next += 1;
            }
        });
        assert!(next >= GRID);
        [end.time / end.step as f64, worst]
    });
    let order = slope(&runs.map(|run| run[0]), &runs.map(|run| run[1]));
    println!("tanh, dense output: order {order:.2}, errors {:.1e}", runs[4][1]);
    assert!(order > 4.3, "dense output: order {order}");
}

#[test]
fn the_closed_form_solves_its_equation() {
    for (stiffness, friction) in [(1.4, 0.5), (1.4, 5.0), (4.0, 4.0), (0.0, 0.5)] {
        let h = 1e-3;
        let at = |t: f64| oscillator(stiffness, friction, 0.7, -0.4, t);
        assert_eq!(at(0.0), (0.7, -0.4));
        let ((u, v), (u1, v1), (u0, v0)) = (at(1.3), at(1.3 + h), at(1.3 - h));
        assert!(((u1 - u0) / (2.0 * h) - v).abs() < 1e-5);
        assert!(((v1 - v0) / (2.0 * h) + friction * v + stiffness * u).abs() < 1e-5);
    }
}
