//! The fast kernels agree with plain sums to rounding, on every instruction set and shape, and AVX2 and AVX-512 give
//! the same bits.

mod common;

use common::{Problem, bits, naive};
use faer::Mat;
use proptest::prelude::*;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use widelimit::choice::Choice;
use widelimit::compute::{InstructionSet, Real, Threads, vector};
use widelimit::dynamics::{BatchSource, Brownian, Force, Method, Motion, NetworkForce, NoNoise, State};
use widelimit::network::kernel::activation;
use widelimit::network::{Activation, Loss, Network, Objective, ThreeLayer, TwoLayer};
use widelimit::sparse::recovery::Interrupt;
use widelimit::sparse::recovery::dense::gram;

/// The choice of an instruction set belongs to the whole process: tests that change it run one at a time.
static CHOICE: Mutex<()> = Mutex::new(());

fn exclusive() -> MutexGuard<'static, ()> {
    CHOICE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What `work` gives on every instruction set that this processor has, the portable one always among them.
fn on_each<T>(mut work: impl FnMut(InstructionSet) -> T) -> Vec<(InstructionSet, T)> {
    name_missing_instruction_sets();
    let before = InstructionSet::current();
    let mut results = Vec::new();
    for &set in InstructionSet::ALL.iter().filter(|set| set.choose()) {
        assert_eq!(InstructionSet::current(), set);
        results.push((set, work(set)));
    }
    before.choose();
    assert_eq!(results[0].0, InstructionSet::Portable, "the portable kernels are tested on every processor");
    results
}

/// Prints once which instruction sets are not tested. The harness discards what passing tests print, so this is written
/// to standard error directly.
fn name_missing_instruction_sets() {
    static NAMED: Once = Once::new();
    NAMED.call_once(|| {
        for set in InstructionSet::ALL.iter().filter(|set| !set.available()) {
            let _ = writeln!(std::io::stderr(), "note: this processor has no {set}, whose kernels are not tested here");
        }
    });
}

/// A line of the table: the point, the value and the slope, each as a double and the rest.
struct Line {
    activation: Activation,
    z: f64,
    value: (f64, f64),
    slope: (f64, f64),
}

fn table() -> Vec<Line> {
    let lines = include_str!("kernels/activations.txt").lines().filter(|line| !line.starts_with('#'));
    let parse = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let activation = words[0].parse::<Activation>().unwrap();
        let v: Vec<f64> = words[1..].iter().map(|word| word.parse().unwrap()).collect();
        Line { activation, z: v[0], value: (v[1], v[2]), slope: (v[3], v[4]) }
    };
    lines.map(parse).collect()
}

/// Error in units in the last place of the scalar type; below the smallest normal number the unit stays what it is
/// there.
fn ulps(got: f64, (exact, rest): (f64, f64), digits: i32, smallest: i32) -> f64 {
    let exponent = if exact == 0.0 { smallest } else { (exact.abs().log2().floor() as i32).max(smallest) };
    ((got - exact) - rest).abs() / 2.0_f64.powi(exponent - digits + 1)
}

/// The largest errors of an activation and of its slope over the table, in ulp; the slope's relative to 1 where it is
/// smaller.
fn worst<R: Real>(lines: &[Line], activation: Activation, digits: i32, smallest: i32) -> (f64, f64) {
    // Points of more digits than the type has are for the other type.
    let own = |line: &&Line| line.activation == activation && R::of(line.z).to_f64() == line.z;
    let lines: Vec<&Line> = lines.iter().filter(own).collect();
    let mut value: Vec<R> = lines.iter().map(|line| R::of(line.z)).collect();
    let mut slope = vec![R::zero(); value.len()];
    activation::value_and_derivative(activation, &mut value, &mut slope);
    let mut worst = (0.0_f64, 0.0_f64);
    for ((line, value), slope) in lines.iter().zip(&value).zip(&slope) {
        let error = ulps(value.to_f64(), line.value, digits, smallest);
        assert!(error < 1e6, "{activation:?} at {}: {value:?} {:?}", line.z, line.value);
        worst.0 = worst.0.max(error);
        worst.1 = worst.1.max(((slope.to_f64() - line.slope.0) - line.slope.1).abs() * 2.0_f64.powi(digits));
    }
    worst
}

#[test]
fn activations_are_within_their_limits() {
    let _exclusive = exclusive();
    let lines = table();
    on_each(|set| {
        let limits = [
            (Activation::Tanh, 4.0),
            (Activation::Sigmoid, 4.0),
            (Activation::Softplus, 4.0),
            (Activation::Gelu, 4.0),
            (Activation::Bump, 4.0),
            (Activation::Erf, 6.0),
        ];
        for (activation, limit) in limits {
            let double = worst::<f64>(&lines, activation, 53, -1022);
            let single = worst::<f32>(&lines, activation, 24, -126);
            println!(
                "{set} {activation:?}: f64 {:.2} (slope {:.2}), f32 {:.2} ({:.2})",
                double.0, double.1, single.0, single.1
            );
            for (value, slope) in [double, single] {
                assert!(value <= limit, "{set} {activation:?}: {value} ulp");
                assert!(slope <= 2.0 * limit, "{set} {activation:?}: slope {slope} ulp of 1");
            }
        }
    });
}

/// In the tails, where a function is near its limits, it is monotone up to rounding and does not exceed the limit.
fn tails<R: Real>(set: InstructionSet, end: f64) {
    for &activation in Activation::ALL {
        let name = activation.name();
        let mut z: Vec<R> = (0..20_000).map(|i| R::of(2.0 + (end - 2.0) * f64::from(i) / 20_000.0)).collect();
        let mut minus: Vec<R> = z.iter().map(|&z| -z).collect();
        activation::value(activation, &mut z);
        activation::value(activation, &mut minus);
        let bounded = matches!(activation, Activation::Tanh | Activation::Erf | Activation::Sigmoid);
        // Twice the stated error: 6 ulp for erf, 4 for the others.
        let slack = if activation == Activation::Erf { 6.0 } else { 4.0 } * R::EPSILON.to_f64();
        for pair in z.windows(2) {
            let (a, b) = (pair[0].to_f64(), pair[1].to_f64());
            let rises = if activation == Activation::Bump { -1.0 } else { 1.0 };
            assert!(rises * (b - a) >= -slack * a.abs(), "{set} {name}: {a} {b}");
            assert!(!bounded || b <= 1.0, "{set} {name}: {b}");
        }
        for pair in minus.windows(2) {
            let (a, b) = (pair[0].to_f64(), pair[1].to_f64());
            // GELU rises towards 0 on the left of its minimum, the others fall to their limit.
            let falls = if activation == Activation::Gelu { -1.0 } else { 1.0 };
            assert!(falls * (a - b) >= -slack * a.abs(), "{set} {name} on the left: {a} {b}");
            assert!(!bounded || b >= -1.0, "{set} {name}: {b}");
        }
    }
}

#[test]
fn tails_are_monotone() {
    let _exclusive = exclusive();
    on_each(|set| {
        tails::<f64>(set, 900.0);
        tails::<f64>(set, 9.0);
        tails::<f32>(set, 200.0);
        tails::<f32>(set, 7.0);
    });
}

#[test]
fn nan_in_nan_out() {
    let _exclusive = exclusive();
    on_each(|set| {
        for &activation in Activation::ALL {
            let name = activation.name();
            let (mut double, mut single) = ([f64::NAN; 3], [f32::NAN; 3]);
            activation::value(activation, &mut double);
            activation::value(activation, &mut single);
            assert!(double.iter().all(|v| v.is_nan()) && single.iter().all(|v| v.is_nan()), "{set} {name}");
        }
    });
}

fn problem(
    shape: (usize, usize, usize, usize),
    activation: usize,
    bias: bool,
    fixed_output: bool,
    seed: u64,
) -> Problem {
    let (width, inputs, outputs, samples) = shape;
    let [activation, second] = [activation, activation + 3].map(|k| Activation::ALL[k % Activation::ALL.len()]);
    let two_layer = TwoLayer { inputs, outputs, bias, activation, fixed_output };
    let proportions = [[1, 1], [2, 1], [1, 3]][seed as usize % 3];
    let activations = [activation, second];
    let three_layer = ThreeLayer { inputs, outputs, bias, activations, fixed_output, proportions };
    // Every other problem has two hidden layers, and so the square of the work.
    if seed.is_multiple_of(2) {
        Problem::random(two_layer, width, samples, Loss::HalfSquared, 0.3, seed)
    } else {
        Problem::random(three_layer, width.div_ceil(4), samples.div_ceil(2), Loss::HalfSquared, 0.3, seed)
    }
}

/// Whether the derivative of an activation jumps by so much that nothing can be compared across the kink.
fn jumps(problem: &Problem) -> bool {
    match &problem.network {
        Network::TwoLayer(network) => network.activation == Activation::PiecewiseLinear,
        Network::ThreeLayer(network) => network.activations.contains(&Activation::PiecewiseLinear),
    }
}

/// A force with its gradient only, so that steps are not fused.
struct GradientOnly<'a>(NetworkForce<'a, f64>);

impl Force<f64> for GradientOnly<'_> {
    fn gradient(&mut self, step: u64, theta: &[f64], out: &mut [f64]) -> f64 {
        self.0.gradient(step, theta, out)
    }
}

/// Losses and canonical parameters and momenta after some steps.
fn integrate(
    problem: &Problem,
    force: &mut dyn Force<f64>,
    method: Method,
    temperature: f64,
    steps: usize,
) -> Vec<f64> {
    let first_order = method == Method::GradientDescent;
    let motion = Motion { step: 0.05, friction: 0.8, temperature, first_order, tolerance: 0.0 };
    let (network, width) = (problem.network.clone(), problem.width);
    let mut noise = Brownian { seed: 9, first: 3, network, width, ticks: 1 };
    let mut integrator = problem.integrator(method, motion);
    let mut state: State<f64> = problem.random_state(5, if first_order { 0.0 } else { 0.4 });
    let mut seen: Vec<f64> = (0..steps).map(|_| integrator.step(force, &mut noise, &mut state)).collect();
    seen.extend(problem.network.to_canonical(problem.width, &state.theta));
    seen.extend(problem.network.to_canonical(problem.width, &state.momentum));
    let padding = |part: &[f64]| {
        let inside: std::collections::HashSet<usize> =
            problem.network.state_indices(problem.width).into_iter().collect();
        part.iter().enumerate().all(|(k, v)| inside.contains(&k) || *v == 0.0)
    };
    assert!(padding(&state.theta) && padding(&state.momentum), "the padding changed");
    seen
}

fn close(a: &[f64], b: &[f64], tolerance: f64) -> Result<(), String> {
    let size = b.iter().fold(1.0_f64, |most, b| most.max(b.abs()));
    match a.iter().zip(b).find(|(a, b)| (*a - *b).abs() > tolerance * size) {
        Some((a, b)) => Err(format!("{a} {b}, largest {size}")),
        None => Ok(()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_instruction_set_gives_the_naive_gradient(
        shape in (1..200usize, 1..40usize, 1..4usize, 1..300usize),
        kind in (0..Activation::ALL.len(), any::<bool>(), any::<bool>()),
        seed in any::<u64>(),
    ) {
        let _exclusive = exclusive();
        let problem = problem(shape, kind.0, kind.1, kind.2, seed);
        let neurons = problem.random_neurons(seed);
        let theta = problem.lay(&neurons);
        let (exact, unit) = naive::gradient(&problem, &neurons, &problem.population);
        let results = on_each(|_| {
            let mut out = vec![7.0; theta.len()];
            let objective = Objective { loss: problem.loss, ridge: problem.ridge };
            let net = &problem.network;
            net.potential_gradient(problem.width, &theta, &problem.population, objective, Threads::One, &mut out);
            net.to_canonical(problem.width, &out)
        });
        for (set, kernel) in &results {
            for ((kernel, exact), unit) in kernel.iter().zip(&exact).zip(&unit) {
                prop_assert!((kernel - exact).abs() <= 1e-13 * unit, "{}: {} {} unit {}", set, kernel, exact, unit);
            }
        }
        let fast: Vec<_> = results.iter().filter(|(set, _)| *set != InstructionSet::Portable).map(|(_, g)| bits(g)).collect();
        prop_assert!(fast.windows(2).all(|pair| pair[0] == pair[1]), "AVX2 and AVX-512 differ");
    }

    #[test]
    fn the_step_in_one_pass_is_the_simple_step(
        shape in (1..120usize, 1..14usize, 1..3usize, 1..20usize),
        kind in (0..Activation::ALL.len(), any::<bool>(), any::<bool>()),
        source in 0..5usize,
        noisy in any::<bool>(),
        first_order in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let _exclusive = exclusive();
        let problem = problem(shape, kind.0, kind.1, kind.2, seed);
        // Nothing can be compared across a kink, on the two sides of which rounding may put a pre-activation.
        prop_assume!(!jumps(&problem));
        let source = || if source == 0 { BatchSource::Full } else { BatchSource::Indices { size: source } };
        let method = if first_order { Method::GradientDescent } else { Method::HeavyBall };
        let temperature = if noisy { 0.2 } else { 0.0 };
        let results = on_each(|_| {
            let mut fused = problem.force_from(source(), Threads::One);
            let mut simple = GradientOnly(problem.force_from(source(), Threads::One));
            let fast = integrate(&problem, &mut fused, method, temperature, 4);
            (close(&fast, &integrate(&problem, &mut simple, method, temperature, 4), 1e-11), bits(&fast))
        });
        for (set, (agreement, _)) in &results {
            prop_assert!(agreement.is_ok(), "{}: {:?}", set, agreement);
        }
        let fast: Vec<_> = results.iter().filter(|(set, _)| *set != InstructionSet::Portable).map(|(_, (_, b))| b).collect();
        prop_assert!(fast.windows(2).all(|pair| pair[0] == pair[1]), "AVX2 and AVX-512 differ");
    }

    /// Stages whose update is part of the pass of the gradient, against gradients and separate loops.
    #[test]
    fn stages_in_one_pass_have_the_bits_of_separate_passes(
        shape in (1..300usize, 1..14usize, 1..3usize, 1..60usize),
        kind in (0..Activation::ALL.len(), any::<bool>(), any::<bool>()),
        adaptive in any::<bool>(),
        first_order in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let _exclusive = exclusive();
        let problem = problem(shape, kind.0, kind.1, kind.2, seed);
        let method = if adaptive { Method::DormandPrince } else { Method::Rk4 };
        let motion = Motion { step: 0.05, friction: 0.8, temperature: 0.0, first_order, tolerance: 1e-3 };
        let run = |force: &mut dyn Force<f64>| {
            let mut integrator = problem.integrator(method, motion);
            let mut state: State<f64> = problem.random_state(5, if first_order { 0.0 } else { 0.4 });
            let mut seen: Vec<f64> =
                (0..3).map(|_| integrator.step(force, &mut NoNoise, &mut state)).collect();
            seen.extend(state.theta.iter().chain(&state.momentum));
            bits(&seen)
        };
        let results = on_each(|_| {
            let mut simple = GradientOnly(problem.force_from(BatchSource::Full, Threads::One));
            (run(&mut problem.force_from(BatchSource::Full, Threads::One)), run(&mut simple))
        });
        for (set, (fused, simple)) in &results {
            prop_assert!(fused == simple, "{}: {}", set, method);
        }
    }

    /// Predictions that a force gives between steps are those of the network at the state, bit by bit, and asking for
    /// them does not change the steps.
    #[test]
    fn predictions_between_steps_are_those_of_the_state(
        shape in (1..300usize, 1..14usize, 1..3usize, 1..60usize),
        kind in (0..Activation::ALL.len(), any::<bool>(), any::<bool>()),
        method in 0..Method::ALL.len(),
        first_order in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let _exclusive = exclusive();
        let problem = problem(shape, kind.0, kind.1, kind.2, seed);
        let method = Method::ALL[method];
        let first_order = method == Method::GradientDescent || (first_order && method.solves_first_order());
        let motion = Motion { step: 0.05, friction: 0.8, temperature: 0.0, first_order, tolerance: 1e-3 };
        let run = |asking: bool| {
            let mut force = problem.force_from(BatchSource::Full, Threads::One);
            let mut integrator = problem.integrator(method, motion);
            let mut state: State<f64> = problem.random_state(5, if first_order { 0.0 } else { 0.4 });
            let mut same = true;
            for step in 0..4 {
                // Not before every step, so that both ways to a step are taken.
                if asking && step != 2 {
                    let given = force.predictions_at(&state).expect("a force on the whole sample");
                    let exact = problem.network.predict(problem.width, &state.theta, &problem.population.x, Threads::One);
                    same &= bits(&given) == bits(&exact);
                }
                integrator.step(&mut force, &mut NoNoise, &mut state);
            }
            (same, bits(&state.theta), bits(&state.momentum))
        };
        for (set, (asking, silent)) in on_each(|_| (run(true), run(false))) {
            prop_assert!(asking.0, "{}: {}: predictions", set, method);
            prop_assert!(asking == silent, "{}: {}: steps", set, method);
        }
    }
}

/// The vector kernels of sparse recovery are their sums as written, on every instruction set.
#[test]
fn vector_kernels_round_as_plain_sums_on_every_instruction_set() {
    let _exclusive = exclusive();
    let entry = |seed: usize, i: usize| ((i * 7919 + seed * 104_729) as f64).sin() * 1.1_f64.powi((i % 61) as i32);
    for n in [0, 1, 3, 8, 15, 16, 17, 40, 100, 1001] {
        let x: [Vec<f64>; 4] = std::array::from_fn(|seed| (0..n).map(|i| entry(seed, i)).collect());
        // Sixteen interleaved sums, and the rest in order.
        let (mut sums, whole) = ([0.0; 16], n / 16 * 16);
        (0..whole).for_each(|i| sums[i % 16] += x[0][i] * x[1][i]);
        let rest: f64 = (whole..n).map(|i| x[0][i] * x[1][i]).sum();
        let product = sums.iter().sum::<f64>() + rest;
        let c = [0.3, -1.7, 2.9, 0.01];
        let four = |i: usize| (c[0] * x[0][i] + c[1] * x[1][i]) + (c[2] * x[2][i] + c[3] * x[3][i]);
        let sum: Vec<f64> = (0..n).map(|i| x[3][i] + 0.3 * x[0][i]).collect();
        let sum_of_four: Vec<f64> = (0..n).map(|i| sum[i] + four(i)).collect();
        let found = on_each(|_| {
            let mut y = x[3].clone();
            vector::axpy(0.3, &x[0], &mut y);
            let one = y.clone();
            vector::axpy_four(c, [&x[0], &x[1], &x[2], &x[3]], &mut y);
            (vector::dot(&x[0], &x[1]), one, y)
        });
        for (set, (dot, one, y)) in found {
            assert_eq!(dot.to_bits(), product.to_bits(), "{set} {n}");
            assert_eq!((bits(&one), bits(&y)), (bits(&sum), bits(&sum_of_four)), "{set} {n}");
        }
    }
}

/// The matrix product of sparse recovery, of several blocks and copied parts, against plain sums on every instruction
/// set.
#[test]
fn dense_products_are_plain_sums_on_every_instruction_set() {
    let _exclusive = exclusive();
    let (d, n) = (270, 530);
    let xt = Mat::from_fn(d, n, |j, i| ((i * 37 + j * 11) as f64 * 0.3).sin() + if i == j { 2.0 } else { 0.0 });
    let scale: Vec<f64> = (0..n).map(|i| 1.0 + 0.5 * (i as f64).cos()).collect();
    let found = on_each(|_| gram(xt.as_ref(), Some(&scale), Interrupt::NEVER));
    for j in 0..d {
        for k in 0..=j {
            let terms = (0..n).map(|i| scale[i] * xt[(j, i)] * xt[(k, i)]);
            let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + f64::abs(term)));
            for (set, h) in &found {
                assert!((h[(j, k)] - sum).abs() <= 1e-14 * size, "{set}: entry ({j}, {k})");
                assert_eq!(h[(j, k)], h[(k, j)], "{set}: entry ({j}, {k})");
            }
        }
    }
    let fast: Vec<_> = found.iter().filter(|(set, _)| *set != InstructionSet::Portable).map(|(_, h)| h).collect();
    assert!(fast.windows(2).all(|pair| pair[0] == pair[1]), "AVX2 and AVX-512 differ");
}
