//! A cloud in a given field.

use super::{CloudCase, relative, scattered_columns};
use crate::compute::Threads;
use crate::dynamics::{Ensemble, Method, StageTime};
use crate::fluctuation::{BatchNoise, FluctuationRecord, GivenField, RecordedField, TangentRun, TangentSystem};
use crate::network::{Activation, Loss, Network};
use std::sync::atomic::{AtomicUsize, Ordering};

/// In its own recorded field a cloud moves as without it.
#[test]
fn own_field_changes_nothing() {
    for method in [Method::HeavyBall, Method::KickDriftKick, Method::Baoab] {
        let mut case = CloudCase::new(Activation::Tanh, Loss::Softmax, 3);
        case.method = method;
        let columns = scattered_columns(case.width, 2);
        let steps: Vec<usize> = (0..=12).collect();
        let own = case.fluctuations(&columns, true, &steps, Threads::One);
        let field = RecordedField { nodes: own.records.iter().map(|record| record.f.clone()).collect() };
        let network = Network::from(case.network.clone());
        let ensemble =
            Ensemble { network: &network, width: case.width, population: &case.sample, objective: case.objective };
        let system = TangentSystem {
            ensemble,
            columns: &columns,
            second_order: true,
            batch_noise: None,
            given: Some(&field),
            threads: Threads::One,
        };
        let times = case.times(&steps);
        let (scheme, start) = (case.scheme(), case.start());
        let run = TangentRun { system, scheme, start, noise: None, times: &times, features_at: &[] };
        let given = run.propagate().unwrap();
        let flat = |record: &FluctuationRecord| -> Vec<f64> {
            record.field.iter().chain(record.bias.as_ref().unwrap()).copied().collect()
        };
        assert!(relative(&flat(&given.records[12]), &flat(&own.records[12])) < 1e-12, "{method}");
    }
}

/// A constant field that counts its evaluations: one for every gradient of the cloud, and one for every field of the
/// tangent vectors.
struct CountedField {
    f: Vec<f64>,
    evaluations: AtomicUsize,
}

impl GivenField for CountedField {
    fn predictions(&self, _: StageTime, out: &mut [f64]) {
        self.evaluations.fetch_add(1, Ordering::Relaxed);
        out.copy_from_slice(&self.f);
    }
}

/// The fields of a recorded state are those of the step that starts there, or that ended there: K + 1 evaluations in K
/// steps. What is recorded does not depend on how often.
#[test]
fn a_recorded_state_is_evaluated_once() {
    const STEPS: usize = 12;
    for (method, gradients) in [(Method::HeavyBall, STEPS), (Method::KickDriftKick, STEPS + 1)] {
        let mut case = CloudCase::new(Activation::Tanh, Loss::HalfSquared, 1);
        case.method = method;
        let columns = scattered_columns(case.width, 2);
        let network = Network::from(case.network.clone());
        let ensemble =
            Ensemble { network: &network, width: case.width, population: &case.sample, objective: case.objective };
        let end = |steps: &[usize]| {
            let f = case.sample.y.iter().map(|y| 0.3 * y).collect();
            let field = CountedField { f, evaluations: AtomicUsize::new(0) };
            let system = TangentSystem {
                ensemble,
                columns: &columns,
                second_order: true,
                batch_noise: Some(BatchNoise::of_columns(5, 2, 0.1)),
                given: Some(&field),
                threads: Threads::One,
            };
            let times = case.times(steps);
            let (scheme, start) = (case.scheme(), case.start());
            let run = TangentRun { system, scheme, start, noise: None, times: &times, features_at: &[] };
            let record = run.propagate().unwrap().records.pop().unwrap();
            (record.field, record.bias, field.evaluations.into_inner())
        };
        let (field, bias, evaluations) = end(&(0..=STEPS).collect::<Vec<_>>());
        assert_eq!(evaluations, gradients + STEPS + 1, "{method}");
        let (rarely, bias_rarely, _) = end(&[0, STEPS]);
        assert!(field == rarely && bias == bias_rarely, "{method}");
    }
}

#[test]
fn between_nodes_the_field_is_a_cubic() {
    let cubic = |t: f64| 1.0 + t * (0.5 + t * (0.3 - 0.2 * t));
    let field = RecordedField { nodes: (0..6).map(|k| vec![cubic(f64::from(k))]).collect() };
    for step in 0..5 {
        for fraction in [0.0, 0.5, 0.75, 1.0] {
            let mut out = [0.0];
            field.predictions(StageTime { step, fraction }, &mut out);
            assert!((out[0] - cubic(step as f64 + fraction)).abs() < 1e-12);
        }
    }
}
