//! What must not matter, and what must be refused.

use faer::Mat;
use proptest::prelude::*;
use std::io::Cursor;
use std::path::Path;
use widelimit::choice::Choice;
use widelimit::sparse::recovery::instance::{Design, Instance, Signal};
use widelimit::sparse::recovery::{
    Damping, RecoveryError, RecoveryMethod, SampleLoss, Settings, SparseProblem, Stop, hard_threshold, largest_entries,
    read_problem, solve,
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
            // WoodTaylor's matrix is not the Hessian: its step is not in the units of w, as its authors state.
            if method == RecoveryMethod::WoodTaylor {
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
    for method in methods(d).filter(|m| m.applies(d, d, 2)) {
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
    for method in methods(40).filter(|m| m.name() != "wood-taylor") {
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

/// f never rises under k-IHT's step 1/L: it minimises a majorant.
#[test]
fn hard_thresholding_descends() {
    for (loss, start) in [(SampleLoss::Squared, None), (SampleLoss::Logistic, Some(1.0))] {
        let law = Instance {
            loss,
            snr_db: None,
            start_distance: start,
            design: Design::Rotated { condition: 40.0 },
            ..law(50, 30, 5)
        };
        let found = solve(&law.draw(3, 1).unwrap(), RecoveryMethod::Iht, &Settings::new(5), |_| {}).unwrap();
        // The dense start is not one of the iterates that the argument is about.
        let values: Vec<f64> = found.curve[1..].iter().map(|p| p.value).collect();
        assert!(values.windows(2).all(|v| v[1] <= v[0] + 1e-12), "{loss:?}");
    }
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
    ] {
        let message = refusal(from(&arrays));
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
    assert!(
        refusal(read_problem(Path::new("b.npz"), b"nothing", SampleLoss::Squared))
            .contains("b.npz: not a readable .npz")
    );
}
