//! A cloud in a given field.

use super::{CloudCase, relative, scattered_columns};
use crate::compute::Threads;
use crate::dynamics::{Ensemble, Method, StageTime};
use crate::fluctuation::{FluctuationRecord, GivenField, RecordedField, TangentRun, TangentSystem};
use crate::network::{Activation, Loss, Network};

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
