//! What must not matter, and what must be refused.

use faer::Mat;
use proptest::prelude::*;
use std::io::Cursor;
use std::path::Path;
use widelimit::choice::Choice;
use widelimit::sparse::recovery::instance::{Design, Instance, Signal};
use widelimit::sparse::recovery::{
    Damping, Interrupt, RecoveryError, RecoveryMethod, SampleLoss, Settings, SparseProblem, Stop, hard_threshold,
    largest_entries, read_problem, solve,
};

fn law(n: usize, d: usize, sparsity: usize) -> Instance {
    Instance {
        loss: SampleLoss::Squared,
        n,
        d,
        sparsity,
        design: Design::Gaussian,
        signal: Signal::Gaussian,
        snr_db: Some(25.0),
        start_distance: None,
    }
}

/// The methods on least squares, the exact one left out where there are too many supports.
fn methods(d: usize) -> impl Iterator<Item = RecoveryMethod> {
    RecoveryMethod::ALL.iter().copied().filter(move |m| d <= 14 || m.name() != "exact-iobs")
}

/// The methods whose steps do not depend on random draws.
fn deterministic(d: usize) -> impl Iterator<Item = RecoveryMethod> {
    methods(d).filter(|m| *m != RecoveryMethod::StochasticObs)
}

fn run(problem: &SparseProblem, method: RecoveryMethod, k: usize) -> Vec<f64> {
    let settings = Settings { iterations: 30, ..Settings::new(k) };
    solve(problem, method, &settings, |_| {}).unwrap_or_else(|error| panic!("{}: {error}", method.name())).w
}

/// A problem with its unknowns in another order, its unknowns' and its measurements' units changed.
fn rewritten(problem: &SparseProblem, order: &[usize], unit: f64) -> SparseProblem {
    let design = problem.design();
    let xt = Mat::from_fn(design.nrows(), design.ncols(), |j, i| design[(order[j], i)]);
    let y = problem.measurements().iter().map(|y| unit * y).collect();
    SparseProblem::new(xt, y, SampleLoss::Squared, None).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn supports_permutations_and_units((n, d) in (8usize..40, 6usize..14), k in 1usize..5, index in 0u64..1000) {
        let problem = law(n, d, k.min(d)).draw(2, index).unwrap();
        let order: Vec<usize> = (0..d).map(|j| (j * 5 + 2) % d).collect();
        let whole = { let mut sorted = order.clone(); sorted.sort_unstable(); sorted == (0..d).collect::<Vec<_>>() };
        for method in methods(d).filter(|m| m.applies(n, d, k)) {
            let w = run(&problem, method, k);
            prop_assert!(w.iter().filter(|v| **v != 0.0).count() <= k, "{}", method.name());
            prop_assert_eq!(&w, &run(&problem, method, k), "{} is not repeatable", method.name());
            let size = w.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            // Fisher matrices are not the Hessian: these steps are not in the units of w.
            if matches!(method, RecoveryMethod::WoodTaylor | RecoveryMethod::StochasticObs) {
                continue;
            }
            let scaled = run(&rewritten(&problem, &(0..d).collect::<Vec<_>>(), 4.0), method, k);
            for (a, b) in w.iter().zip(&scaled) {
                prop_assert!((4.0 * a - b).abs() <= 1e-6 * size, "{}: unit", method.name());
            }
            if whole {
                let permuted = run(&rewritten(&problem, &order, 1.0), method, k);
                for (j, &from) in order.iter().enumerate() {
                    prop_assert!((permuted[j] - w[from]).abs() <= 1e-6 * size, "{}: order", method.name());
                }
            }
        }
    }

    #[test]
    fn thresholding(v in proptest::collection::vec(-3i8..=3, 1..30), part in 0.0f64..1.0) {
        // Small integers: many ties.
        let v: Vec<f64> = v.into_iter().map(f64::from).collect();
        let k = (part * (v.len() + 1) as f64) as usize;
        let kept = largest_entries(&v, k);
        prop_assert_eq!(kept.len(), k.min(v.len()));
        let mut order: Vec<usize> = (0..v.len()).collect();
        order.sort_by(|&a, &b| v[b].abs().total_cmp(&v[a].abs()).then(a.cmp(&b)));
        let mut expected = order[..kept.len()].to_vec();
        expected.sort_unstable();
        prop_assert_eq!(&kept, &expected);
        let w = hard_threshold(&v, k);
        let stays = |j: usize| if kept.contains(&j) { v[j] } else { 0.0 };
        prop_assert!((0..v.len()).all(|j| w[j] == stays(j)));
    }
}

/// Equal columns and equal signals: the lower index is kept by every method that has to choose.
#[test]
fn ties_go_to_the_lower_index() {
    let d = 8;
    let xt = Mat::from_fn(d, d, |j, i| if i == j { 1.0 } else { 0.0 });
    let problem =
        SparseProblem::new(xt, vec![1.0, -1.0, 1.0, 1.0, -1.0, 1.0, 1.0, 1.0], SampleLoss::Squared, None).unwrap();
    for method in deterministic(d).filter(|m| m.applies(d, d, 2)) {
        let found = solve(&problem, method, &Settings::new(2), |_| {}).unwrap();
        assert_eq!(found.support, [0, 1], "{}", method.name());
        let size = if method == RecoveryMethod::WoodTaylor { found.w[0] } else { 1.0 };
        assert!((found.w[0] - size).abs() < 1e-9 && (found.w[1] + size).abs() < 1e-9, "{}", method.name());
    }
}

/// Noiseless and well-posed: every method finds the truth and reports why it stopped.
#[test]
fn the_truth_is_found() {
    let problem = Instance { snr_db: None, ..law(80, 40, 4) }.draw(7, 0).unwrap();
    for method in deterministic(40).filter(|m| m.name() != "wood-taylor") {
        let found = solve(&problem, method, &Settings { reached: 1e-9, ..Settings::new(4) }, |_| {}).unwrap();
        assert!(found.point().error < 1e-6, "{}: {:?}", method.name(), found.point());
        let expected: &[Stop] = match method {
            RecoveryMethod::Obs(..) => &[Stop::OnePass],
            RecoveryMethod::Omp | RecoveryMethod::WoodFisher => &[Stop::Done],
            _ => &[Stop::Reached],
        };
        assert!(expected.contains(&found.stop), "{}: {:?}", method.name(), found.stop);
        assert!(!found.raised && found.damping <= 1e-3, "{}", method.name());
    }
}

/// f never rises under k-IHT with a step of at most 1/L, whatever the loss and however far the start: it minimises a
/// majorant.
#[test]
fn hard_thresholding_descends() {
    for &loss in SampleLoss::ALL {
        for (distance, step) in [(0.3, 1.0), (1.0, 1.0), (8.0, 1.0), (8.0, 0.3)] {
            let law = Instance {
                loss,
                snr_db: None,
                start_distance: Some(distance),
                design: Design::Rotated { condition: 40.0 },
                ..law(50, 30, 5)
            };
            for index in 0..4 {
                let settings = Settings { step, ..Settings::new(5) };
                let found = solve(&law.draw(3, index).unwrap(), RecoveryMethod::Iht, &settings, |_| {}).unwrap();
                // The dense start is not one of the iterates that the argument is about.
                let values: Vec<f64> = found.curve[1..].iter().map(|p| p.value).collect();
                let size = values.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
                let descends = values.windows(2).all(|v| v[1] <= v[0] + 1e-12 * size);
                assert!(descends && found.stop != Stop::Diverged, "{loss:?} from {distance}, step {step}: {values:?}");
            }
        }
    }
}

/// Where curvature grows without bound k-IHT finds its step: from 0, where the curvature of the exponential loss is 1,
/// it reaches a minimum at which it is a thousand times larger; and it reaches the truth of quadratic measurements.
#[test]
fn hard_thresholding_finds_its_step() {
    let xt = Mat::from_fn(3, 3, |j, i| if i == j { 1.0 } else { 0.0 });
    let truth = vec![7.0, 0.0, 0.0];
    let loss = SampleLoss::Exponential;
    let y = truth.iter().map(|&a| loss.measure(a)).collect();
    let problem = SparseProblem::new(xt, y, loss, Some(truth)).unwrap();
    let settings = Settings { iterations: 200, tolerance: 0.0, reached: 1e-9, ..Settings::new(1) };
    let found = solve(&problem, RecoveryMethod::Iht, &settings, |_| {}).unwrap();
    assert_eq!(found.stop, Stop::Reached, "{:?}", found.point());
    let law =
        Instance { loss: SampleLoss::QuadraticMeasurement, snr_db: None, start_distance: Some(0.2), ..law(120, 20, 3) };
    let found = solve(&law.draw(3, 0).unwrap(), RecoveryMethod::Iht, &Settings::new(3), |_| {}).unwrap();
    assert!(found.point().error < 1e-8, "{:?} {:?}", found.stop, found.point());
}

/// The problem with its design and its measurements multiplied by these factors.
fn in_units(problem: &SparseProblem, design: f64, measurements: f64) -> SparseProblem {
    let xt = problem.design();
    let xt = Mat::from_fn(xt.nrows(), xt.ncols(), |j, i| design * xt[(j, i)]);
    let y = problem.measurements().iter().map(|y| measurements * y).collect();
    let root = if problem.loss() == SampleLoss::QuadraticMeasurement { measurements.sqrt() } else { measurements };
    let scaled = |v: &[f64]| v.iter().map(|w| root / design * w).collect::<Vec<f64>>();
    let truth = problem.truth().map(scaled);
    SparseProblem::new(xt, y, problem.loss(), truth).unwrap().with_start(scaled(problem.start())).unwrap()
}

/// X multiplied by s and y by t multiply the answer by t / s (quadratic measurements: by sqrt t / s; logistic and
/// exponential loss, whose measurements have no unit: by 1 / s), and change neither supports, errors, number of
/// iterations nor the reason for stopping: exactly for powers of two, to rounding for others. WoodTaylor's matrix is not
/// the Hessian: from 0 its answer is multiplied by 1 / (s t), as in its authors' definition.
#[test]
fn answers_do_not_depend_on_units() {
    let power = |exponent: i32| 2f64.powi(exponent);
    for &loss in SampleLoss::ALL {
        let has_unit = matches!(loss, SampleLoss::Squared | SampleLoss::QuadraticMeasurement);
        let (snr_db, start_distance) = match loss {
            SampleLoss::Squared => (Some(25.0), None),
            SampleLoss::QuadraticMeasurement => (None, Some(0.2)),
            SampleLoss::Logistic | SampleLoss::Exponential => (None, None),
        };
        let problem = Instance { loss, snr_db, start_distance, ..law(60, 12, 3) }.draw(5, 2).unwrap();
        let settings = Settings { iterations: 25, reached: 1e-6, ..Settings::new(3) };
        for method in deterministic(12).filter(|m| loss == SampleLoss::Squared || !m.least_squares_only()) {
            if method == RecoveryMethod::WoodTaylor && loss == SampleLoss::QuadraticMeasurement {
                continue;
            }
            // A Hessian that is far from positive definite is so in all units.
            let plain = solve(&problem, method, &settings, |_| {});
            let units = [
                (power(3), power(-5), 0.0),
                (power(-200), power(-200), 0.0),
                (power(70), 1.0, 0.0),
                (power(300), power(-280), 0.0),
                (power(-500), power(400), 0.0),
                (1e-60, 1e-60, 1e-6),
                (1e60, 1e60, 1e-6),
                (0.1, 30.0, 1e-6),
            ];
            for (s, t, tolerance) in units {
                let t = if !has_unit {
                    1.0
                } else if loss == SampleLoss::Squared {
                    t
                } else {
                    t * t
                };
                let scaled = in_units(&problem, s, t);
                let found = solve(&scaled, method, &settings, |_| {});
                let what = format!("{}, {}, X times {s:e}, y times {t:e}", method.name(), loss.name());
                let (Ok(plain), Ok(found)) = (&plain, &found) else {
                    assert_eq!(plain.as_ref().err(), found.as_ref().err(), "{what}");
                    assert_eq!(loss, SampleLoss::QuadraticMeasurement, "{what}");
                    continue;
                };
                // By its definition WoodTaylor is free of units for powers of two only, where rounding is the same.
                if method == RecoveryMethod::WoodTaylor && tolerance > 0.0 {
                    continue;
                }
                assert_eq!(found.support, plain.support, "{what}");
                let factor = match loss {
                    SampleLoss::Squared if method == RecoveryMethod::WoodTaylor => 1.0 / s / t,
                    SampleLoss::Squared => t / s,
                    SampleLoss::QuadraticMeasurement => t.sqrt() / s,
                    SampleLoss::Logistic | SampleLoss::Exponential => 1.0 / s,
                };
                if !factor.is_normal() {
                    continue;
                }
                let size = plain.w.iter().fold(0.0_f64, |most, w| most.max(w.abs()));
                for (found, plain) in found.w.iter().zip(&plain.w) {
                    assert!(
                        (found / factor - plain).abs() <= f64::max(tolerance, 1e-12) * size,
                        "{what}: {found:e} {plain}"
                    );
                }
            }
        }
    }
    // An answer that is no floating-point number is refused.
    let problem = law(60, 12, 3).draw(5, 2).unwrap();
    let xt = Mat::from_fn(12, 60, |j, i| 1e-300 * problem.design()[(j, i)]);
    let y = problem.measurements().iter().map(|y| 1e20 * y).collect();
    let far = SparseProblem::new(xt, y, SampleLoss::Squared, None).unwrap();
    let message = refusal(solve(&far, RecoveryMethod::Omp, &Settings::new(3), |_| {}));
    assert!(message.contains("1e32") && message.contains("units that differ less"), "{message}");
}

/// A truth of 0 has an absolute error, in the units of w, and is recovered where the answer is 0.
#[test]
fn a_truth_of_zero_has_an_absolute_error() {
    let drawn = law(30, 12, 3).draw(1, 0).unwrap();
    for unit in [1.0, 1e-60, 1e60] {
        let xt = Mat::from_fn(12, 30, |j, i| drawn.design()[(j, i)] / unit);
        let start: Vec<f64> = (0..12).map(|j| if j == 4 { 3.0 * unit } else { 0.0 }).collect();
        let problem = SparseProblem::new(xt, vec![0.0; 30], SampleLoss::Squared, Some(vec![0.0; 12])).unwrap();
        assert!((problem.relative_error(&start) / (3.0 * unit) - 1.0).abs() < 1e-15);
        let problem = problem.with_start(start).unwrap();
        for method in methods(12).filter(|m| m.applies(30, 12, 2)) {
            let settings = Settings { reached: 1e-6 * unit, iterations: 500, ..Settings::new(2) };
            let found = solve(&problem, method, &settings, |_| {}).unwrap();
            let first = found.curve[0].error / unit;
            let from_zero = matches!(method.name(), "omp" | "lasso" | "wood-fisher");
            assert!(if from_zero { first < 1e-9 } else { (first - 3.0).abs() < 1e-12 }, "{}: {first}", method.name());
            // The step of stochastic I-OBS is a sum of quantities of different units.
            let of_unit = method == RecoveryMethod::StochasticObs && unit != 1.0;
            if method != RecoveryMethod::WoodTaylor && !of_unit {
                assert!(found.point().error <= 1e-6 * unit, "{}: {:?}", method.name(), found.point());
                assert!(found.iterations_to(1e-6 * unit).is_some(), "{}", method.name());
            }
        }
    }
}

/// A request to stop ends every method with an error, before and during its iterations.
#[test]
fn interruptions_end_a_run() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let problem = law(40, 12, 3).draw(1, 0).unwrap();
    for method in methods(12) {
        for after in [0, 1] {
            let flag = AtomicBool::new(after == 0);
            let settings = Settings { interrupt: Interrupt::when(&flag), ..Settings::new(3) };
            // The start is the first iterate that is observed.
            let found = solve(&problem, method, &settings, |_| flag.store(true, Ordering::Relaxed));
            assert_eq!(found.err(), Some(RecoveryError::Interrupted), "{}", method.name());
        }
    }
    let flag = AtomicBool::new(true);
    assert_eq!(law(40, 12, 3).draw_until(1, 0, Interrupt::when(&flag)).err(), Some(RecoveryError::Interrupted));
}

/// A step that is too long diverges: the best iterate is kept, and the divergence is reported.
#[test]
fn divergence_keeps_the_best() {
    let law = Instance { snr_db: None, ..law(40, 20, 3) };
    let settings = Settings { step: 60.0, iterations: 2000, ..Settings::new(20) };
    let found = solve(&law.draw(1, 0).unwrap(), RecoveryMethod::Iht, &settings, |_| {}).unwrap();
    assert_eq!(found.stop, Stop::Diverged);
    let least = found.curve.iter().map(|p| p.value).fold(f64::INFINITY, f64::min);
    assert_eq!(found.point().value, least);
    assert!(found.w.iter().all(|v| v.is_finite()));
}

/// Rank-deficient problems: damping is raised, which is reported; never an answer that is not finite.
#[test]
fn damping_is_raised_visibly() {
    let (n, d) = (30, 10);
    let column = |j: usize, i: usize| ((i * (j / 2 + 3)) as f64 * 0.37).sin();
    // Every column twice.
    let xt = Mat::from_fn(d, n, column);
    let y = (0..n).map(|i| column(0, i) + 0.5 * column(4, i)).collect();
    let problem = SparseProblem::new(xt, y, SampleLoss::Squared, None).unwrap();
    for method in methods(d).filter(|m| m.applies(n, d, 3)) {
        let settings = Settings { damping: Damping::Relative(0.0), iterations: 50, ..Settings::new(3) };
        let found = solve(&problem, method, &settings, |_| {}).unwrap();
        assert!(found.w.iter().all(|v| v.is_finite()), "{}", method.name());
        if matches!(method, RecoveryMethod::Obs(..)) {
            assert!(found.raised && found.damping > 0.0, "{}: {}", method.name(), found.damping);
        }
    }
    // n < d with automatic damping: asked for, and so not raised.
    let problem = law(20, 40, 3).draw(1, 0).unwrap();
    let found = solve(&problem, RecoveryMethod::ALL[6], &Settings::new(3), |_| {}).unwrap();
    assert_eq!((found.raised, found.damping), (false, 0.01));
}

fn refusal(result: Result<impl Sized, RecoveryError>) -> String {
    match result {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn bad_problems_are_refused() {
    let x = || Mat::from_fn(3, 4, |i, j| (i + j) as f64);
    let y = || vec![1.0; 4];
    let made = |xt, y, truth| refusal(SparseProblem::new(xt, y, SampleLoss::Squared, truth));
    for (message, words) in [
        (made(Mat::zeros(3, 0), vec![], None), ["n = 0", "at least one"]),
        (made(Mat::zeros(0, 4), y(), None), ["d = 0", "at least one"]),
        (made(x(), vec![1.0; 3], None), ["y has 3", "expected 4"]),
        (made(x(), y(), Some(vec![0.0; 4])), ["w_star has 4", "expected 3"]),
        (made(x(), vec![1.0, f64::NAN, 0.0, 0.0], None), ["y, entry 1", "NaN"]),
        (made(Mat::from_fn(3, 4, |i, j| if i + j == 5 { f64::INFINITY } else { 0.0 }), y(), None), ["x, entry", "inf"]),
        (made(x(), y(), Some(vec![0.0, f64::NAN, 0.0])), ["w_star, entry 1", "NaN"]),
    ] {
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
    for (loss, y, words) in [
        (SampleLoss::Logistic, -1.0, ["y, entry 2: -1", "\"logistic\"", "0 and 1 for two classes", "(y + 1) / 2"]),
        (SampleLoss::Logistic, 2.0, ["y, entry 2: 2", "\"logistic\"", "from 0 to 1", "probability"]),
        (SampleLoss::Exponential, -0.5, ["y, entry 2: -0.5", "\"exponential\"", "at least 0", "count"]),
        (SampleLoss::QuadraticMeasurement, -0.5, ["y, entry 2: -0.5", "quadratic-measurement", "at least 0", "square"]),
    ] {
        let message = refusal(SparseProblem::new(x(), vec![1.0, 0.5, y, 1.0], loss, None));
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
    let zero = SparseProblem::new(Mat::zeros(3, 4), y(), SampleLoss::Squared, None).unwrap();
    assert!(refusal(solve(&zero, RecoveryMethod::Htp, &Settings::new(1), |_| {})).contains("X is zero"));
    let still = SparseProblem::new(x(), y(), SampleLoss::QuadraticMeasurement, None).unwrap();
    let message = refusal(solve(&still, RecoveryMethod::Iht, &Settings::new(1), |_| {}));
    assert!(message.contains("vanishes at w = 0") && message.contains("w0"), "{message}");
    let problem = law(20, 12, 2).draw(1, 0).unwrap();
    for &method in RecoveryMethod::ALL {
        let name = method.name();
        for k in [0, 13] {
            let message = refusal(solve(&problem, method, &Settings::new(k), |_| {}));
            assert!(message.contains(&format!("k = {k}")) && message.contains("d = 12"), "{name}: {message}");
        }
    }
    let cosamp = refusal(solve(&problem, RecoveryMethod::CoSaMp, &Settings::new(5), |_| {}));
    assert!(cosamp.contains("15") && cosamp.contains("12"), "{cosamp}");
    let large = law(80, 60, 2).draw(1, 0).unwrap();
    let message = refusal(solve(&large, RecoveryMethod::from_name("exact-iobs").unwrap(), &Settings::new(20), |_| {}));
    assert!(message.contains("20 among 60") && message.contains("greedy"), "{message}");
    let logistic = Instance { loss: SampleLoss::Logistic, snr_db: None, ..law(20, 12, 2) }.draw(1, 0).unwrap();
    let message = refusal(solve(&logistic, RecoveryMethod::Omp, &Settings::new(2), |_| {}));
    assert!(message.contains("omp") && message.contains("squared"), "{message}");
    assert!(refusal(law(0, 4, 1).draw(1, 0)).contains("n = 0"));
    assert!(refusal(law(5, 4, 9).draw(1, 0)).contains("k = 9"));
    assert!(refusal(problem.with_start(vec![0.0; 3])).contains("w0 has 3"));
}

fn archive(arrays: &[(&str, ndarray::ArrayD<f64>)]) -> Vec<u8> {
    let mut writer = ndarray_npy::NpzWriter::new(Cursor::new(Vec::new()));
    for (name, array) in arrays {
        writer.add_array(*name, array).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn problems_from_files() {
    let x = ndarray::array![[1.0, 0.0, 2.0], [0.0, 3.0, 1.0]].into_dyn();
    let vector = |v: &[f64]| ndarray::Array1::from(v.to_vec()).into_dyn();
    let from = |arrays: &[(&str, ndarray::ArrayD<f64>)]| {
        read_problem(Path::new("a.npz"), &archive(arrays), SampleLoss::Squared)
    };
    let whole = [
        ("X", x.clone()),
        ("y", vector(&[1.0, 2.0])),
        ("w_star", vector(&[0.0, 1.0, 0.0])),
        ("w0", vector(&[3.0, 4.0, 5.0])),
    ];
    let problem = from(&whole).unwrap();
    assert_eq!((problem.samples(), problem.unknowns(), problem.start()), (2, 3, &[3.0, 4.0, 5.0][..]));
    assert_eq!(problem.truth().unwrap(), [0.0, 1.0, 0.0]);
    assert_eq!(problem.design()[(2, 0)], 2.0);
    assert!(from(&whole[..2]).unwrap().truth().is_none());
    let nan = ndarray::array![[1.0, 0.0, 2.0], [0.0, f64::NAN, 1.0]].into_dyn();
    for (arrays, words) in [
        (vec![("X", x.clone())], ["a.npz: no array y", "the archive holds X"]),
        (vec![("x", x.clone()), ("z", vector(&[1.0, 2.0]))], ["no array y", "w_star"]),
        (vec![("X", vector(&[1.0])), ("y", vector(&[1.0]))], ["array X has shape [1]", "(n, d)"]),
        (vec![("X", x.clone()), ("y", x.clone())], ["array y has shape [2, 3]", "(n, 1)"]),
        (vec![("X", x.clone()), ("y", vector(&[1.0]))], ["X has 2 rows", "y has 1"]),
        (vec![("X", nan), ("y", vector(&[1.0, 2.0]))], ["array X, row 1, column 1", "NaN"]),
        (vec![("X", x.clone()), ("y", vector(&[1.0, 2.0])), ("w0", vector(&[1.0]))], ["w0 has 1", "expected 3"]),
        (vec![("X", x.clone()), ("y", vector(&[f64::INFINITY, 2.0]))], ["array y, row 0", "inf"]),
        (
            vec![("X", x.clone()), ("y", vector(&[1.0, 2.0])), ("w_star", vector(&[0.0, 1.0, f64::NAN]))],
            ["array w_star, row 2", "NaN"],
        ),
        (
            vec![("X", x.clone()), ("y", vector(&[1.0, 2.0])), ("w0", vector(&[f64::NEG_INFINITY, 1.0, 0.0]))],
            ["array w0, row 0", "-inf"],
        ),
        (vec![("X", &x * 0.0), ("y", vector(&[1.0, 2.0]))], ["a.npz: X is zero", "at least one entry"]),
        (
            vec![("X", ndarray::Array2::<f64>::zeros((2, 0)).into_dyn()), ("y", vector(&[1.0, 2.0]))],
            ["array X has shape [2, 0]", "at least 1"],
        ),
        (vec![("X", ndarray::Array2::<f64>::zeros((0, 3)).into_dyn()), ("y", vector(&[]))], ["a.npz", "at least"]),
    ] {
        let message = refusal(from(&arrays));
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
    // What the loss cannot have, and a start that iterations cannot leave.
    let of_loss = |y: &[f64], start: Option<&[f64]>, loss| {
        let mut arrays = vec![("X", x.clone()), ("y", vector(y))];
        arrays.extend(start.map(|start| ("w0", vector(start))));
        read_problem(Path::new("a.npz"), &archive(&arrays), loss)
    };
    use SampleLoss::{Exponential, Logistic, QuadraticMeasurement};
    for (y, start, loss, words) in [
        ([1.0, -1.0], None, Logistic, ["a.npz: y, entry 1: -1", "(y + 1) / 2"]),
        ([3.0, -2.0], None, Exponential, ["a.npz: y, entry 1: -2", "at least 0"]),
        ([-3.0, 2.0], Some([1.0, 0.0, 0.0]), QuadraticMeasurement, ["a.npz: y, entry 0: -3", "square"]),
        ([3.0, 2.0], None, QuadraticMeasurement, ["a.npz: the gradient", "w0 in a file"]),
        ([3.0, 2.0], Some([0.0; 3]), QuadraticMeasurement, ["a.npz: the gradient", "w0 in a file"]),
    ] {
        let message = refusal(of_loss(&y, start.as_ref().map(|start| &start[..]), loss));
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
    assert!(of_loss(&[1.0, 0.0], None, Logistic).is_ok() && of_loss(&[3.0, 0.0], None, Exponential).is_ok());
    assert!(of_loss(&[3.0, 0.0], Some(&[1.0, 0.0, 0.0]), QuadraticMeasurement).is_ok());
    assert!(
        refusal(read_problem(Path::new("b.npz"), b"nothing", SampleLoss::Squared))
            .contains("b.npz: not a readable .npz")
    );
}
