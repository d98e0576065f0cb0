//! Each check holds where its premise does, and fails where it is broken.

use super::*;
use crate::analysis::verdict::Verdict;
use crate::compute::rng::{Role, stream};
use crate::run::study::{RegisteredStudy, Registry};
use rand::RngExt;

/// Networks of a small problem.
const SMALL: &str = r#"
    name = "small"
    population = { kind = "teacher", dimension = 2, neurons = 2, activation = "tanh", size = 20 }
    network = { activation = "tanh", start = { w = { law = "gaussian", std = 1.0 }, b = { law = "gaussian", std = 0.5 }, a = { law = "uniform", low = -1.0, high = 1.0 } } }
    dynamics = { step = 0.125, friction = 1.0 }
    horizon = { time = 1.0, records = 2 }
    widths = { values = [16, 32, 64, 128], seeds = 24 }
    reference = { particles = 8192, method = "rk4", step = 0.125 }
    paths = { pairs = 12 }
"#;

static OWN: Registry = Registry { training: &[RegisteredStudy::of::<Paths>()], recovery: &[], pruning: &[] };

/// The checks of synthetic pairs, 12 of each width, whose barriers are `barrier(N, factor)`; `edit` breaks a path.
fn synthetic(barrier: impl Fn(f64, f64) -> f64, edit: impl Fn(&mut PairPaths)) -> Vec<Check> {
    let loaded = crate::config::parse(SMALL, "test", std::path::Path::new("."), &[], &OWN.readers(|_| None))
        .expect("an experiment");
    let crate::config::AnyExperiment::Training(e) = loaded.experiment else { unreachable!("networks") };
    let population = e.build_population().expect("a teacher");
    let problem = Problem::<f64>::new(&e, &population);
    let plan = crate::run::plan::Plan::new(&e);
    let structure = path_structure(&problem.network);
    let (mut pairs, mut connected) = (Vec::new(), Vec::new());
    for (w, ids) in plan.groups[0].ids.iter().enumerate() {
        for j in 0..12 {
            let runs = [&ids[2 * j], &ids[2 * j + 1]].map(|id| plan.find(id).expect("a network"));
            pairs.push(NetworkPair { name: format!("p{w}-{j}"), address: 0, runs, variant: None });
            let mut rng = stream(3, Role::Start, j as u64, w as u64);
            let height = barrier(e.widths.values[w] as f64, 0.5 + rng.random::<f64>());
            // Flat at 1, with its maximum on the third segment.
            let mut loss = vec![1.0; 10 * structure.segments + 1];
            loss[25] += height;
            let profile =
                Profile { loss, accuracy: Vec::new(), sign_accuracy: Vec::new(), maximum: 1.0 + height, at: 0.5 };
            let mut paths = PairPaths {
                named: BTreeMap::from([(PathKind::FirstHalf, NamedRisks(vec![1.0 + height; structure.named.len()]))]),
                profiles: BTreeMap::from([(PathKind::FirstHalf, profile)]),
            };
            edit(&mut paths);
            connected.push(paths);
        }
    }
    let mut record = PathsRecord { widths: Vec::new(), kinds: Vec::new(), pairs: Vec::new(), fits: Vec::new() };
    checks(&problem, &pairs, &connected, None, &mut record)
}

/// Paths of a kind that the experiment does not have, or lacks, and lists of other lengths.
#[test]
fn paths_of_another_shape_are_seen() {
    let profile = |samples: usize| {
        let values = vec![0.0; samples];
        let (loss, accuracy, sign_accuracy) = (values.clone(), values.clone(), values);
        Profile { loss, accuracy, sign_accuracy, maximum: 0.0, at: 0.0 }
    };
    let kinds = [PathKind::FirstHalf, PathKind::Straight];
    let paths = || PairPaths {
        named: BTreeMap::from([(PathKind::FirstHalf, NamedRisks(vec![0.0; 3]))]),
        profiles: kinds.iter().map(|kind| (*kind, profile(5))).collect(),
    };
    assert!(paths().fits(&kinds, 5, 3));
    assert!(!paths().fits(&kinds, 6, 3) && !paths().fits(&kinds, 5, 4) && !paths().fits(&kinds[..1], 5, 3));
    let edits: [fn(&mut PairPaths); 4] = [
        |paths| paths.named.clear(),
        |paths| {
            paths.profiles.remove(&PathKind::FirstHalf);
        },
        |paths| {
            paths.named.insert(PathKind::Straight, NamedRisks(vec![0.0; 3]));
        },
        |paths| paths.profiles.values_mut().for_each(|profile| profile.accuracy.truncate(1)),
    ];
    for edit in edits {
        let mut wrong = paths();
        edit(&mut wrong);
        assert!(!wrong.fits(&kinds, 5, 3));
    }
}

fn verdicts(checks: &[Check]) -> Vec<(&str, Verdict)> {
    checks.iter().map(|check| (check.name.as_str(), check.verdict)).collect()
}

fn expected(bound: Verdict, silent: Verdict, barrier: Verdict) -> Vec<(&'static str, Verdict)> {
    vec![("paths-bound", bound), ("paths-silent", silent), ("paths-barrier-first-half", barrier)]
}

#[test]
fn each_check_fails_where_its_premise_is_broken() {
    use Verdict::{Fails, Holds, NotResolved};
    let falls = |n: f64, factor: f64| factor * n.powf(-0.7);
    assert_eq!(verdicts(&synthetic(falls, |_| {})), expected(Holds, Holds, Holds));
    let above = |paths: &mut PairPaths| {
        if let Some(profile) = paths.profiles.get_mut(&PathKind::FirstHalf) {
            profile.maximum += 1e-9;
        }
    };
    assert_eq!(verdicts(&synthetic(falls, above))[0].1, Fails, "a loss above the bound");
    let moving = |paths: &mut PairPaths| {
        if let Some(profile) = paths.profiles.get_mut(&PathKind::FirstHalf) {
            profile.loss[15] += 1e-9;
        }
    };
    assert_eq!(verdicts(&synthetic(falls, moving))[1].1, Fails, "a silent neuron that is not");
    assert_eq!(verdicts(&synthetic(|_, factor| factor, |_| {})), expected(Holds, Holds, Fails));
    let equal = synthetic(|n, _| n.powf(-0.7), |_| {});
    assert_eq!(verdicts(&equal)[2].1, NotResolved, "pairs without spread");
    assert!(equal[2].interval.is_none());
    let one = synthetic(|n, factor| if factor > 1.45 { falls(n, 1.0) } else { 0.0 }, |_| {});
    assert!(one[2].verdict != Fails && one[2].interval.is_none_or(|(low, high)| low < high), "{}", one[2].detail);
}
