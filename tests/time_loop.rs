//! Promise: a run stopped anywhere goes on with the same bits; every recording time is hit; a run that breaks down says
//! in which step.

mod common;

use common::{Problem, distance, linear, linear_exact, linear_state, motion, tanh_problem};
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use widelimit::choice::Choice;
use widelimit::compute::Threads;
use widelimit::dynamics::{
    BatchSource, Brownian, Force, Integrator, Method, Motion, Observer, State, StopReason, TimeLoop,
};
use widelimit::network::{Activation, Loss, TwoLayer};

/// Keeps every record, may pull the plug after some steps, and keeps the checkpoint in memory.
struct Tape<'a> {
    problem: &'a Problem,
    records: Vec<(usize, State<f64>)>,
    start_risk: f64,
    interrupt: &'a AtomicBool,
    interrupt_after: Option<u64>,
    steps: u64,
    saved: Vec<(State<f64>, Vec<f64>, usize)>,
}

impl<'a> Tape<'a> {
    fn new(problem: &'a Problem, start: &State<f64>, interrupt: &'a AtomicBool) -> Self {
        Tape {
            problem,
            records: Vec::new(),
            start_risk: problem.risk(&start.theta),
            interrupt,
            interrupt_after: None,
            steps: 0,
            saved: Vec::new(),
        }
    }
}

impl Observer<f64> for Tape<'_> {
    type Error = Infallible;

    fn record(&mut self, index: usize, state: &State<f64>) -> f64 {
        self.records.push((index, state.clone()));
        if self.interrupt_after == Some(self.steps) {
            self.interrupt.store(true, Ordering::Relaxed);
        }
        self.problem.risk(&state.theta)
    }

    fn start_risk(&self) -> f64 {
        self.start_risk
    }

    fn checkpoint(&mut self, state: &State<f64>, memory: &[f64], next_record: usize) -> Result<(), Infallible> {
        self.saved.push((state.clone(), memory.to_vec(), next_record));
        Ok(())
    }

    fn progress(&mut self, _time: f64) {
        self.steps += 1;
        if self.interrupt_after == Some(self.steps) {
            self.interrupt.store(true, Ordering::Relaxed);
        }
    }
}

/// One run's terms: a problem, a method with its motion, where batches come from, and when to record.
struct Run<'a> {
    problem: &'a Problem,
    method: Method,
    motion: Motion,
    batch: Option<usize>,
    times: &'a [f64],
    exact_loss: bool,
    checkpoint_every: Duration,
}

impl<'a> Run<'a> {
    fn new(problem: &'a Problem, method: Method, motion: Motion, times: &'a [f64]) -> Self {
        let checkpoint_every = Duration::from_secs(3600);
        Run { problem, method, motion, batch: None, times, exact_loss: false, checkpoint_every }
    }

    fn integrator(&self) -> Box<dyn Integrator<f64>> {
        self.problem.integrator(self.method, self.motion)
    }

    fn go(
        &self,
        state: &mut State<f64>,
        next: usize,
        integrator: &mut dyn Integrator<f64>,
        tape: &mut Tape,
    ) -> StopReason {
        let network = &self.problem.network;
        let (network, width) = (network.clone(), self.problem.width);
        let source = self.batch.map_or(BatchSource::Full, |size| BatchSource::Indices { size });
        let time_loop = TimeLoop {
            times: self.times,
            checkpoint_every: self.checkpoint_every,
            diverged_above: 1e3,
            exact_loss: self.exact_loss,
            interrupt: tape.interrupt,
        };
        let mut noise = Brownian { seed: 9, first: 2, network, width, ticks: 2 };
        let mut force = self.problem.force_from(source, Threads::One);
        let Ok(reason) = time_loop.run(state, next, integrator, &mut force as &mut dyn Force<f64>, &mut noise, tape);
        reason
    }

    /// From the start to the end, or to the interruption after `interrupt_after` steps.
    fn play(&self, start: &State<f64>, interrupt_after: Option<u64>) -> (State<f64>, StopReason, TapeEnd) {
        let plug = AtomicBool::new(false);
        let mut tape = Tape { interrupt_after, ..Tape::new(self.problem, start, &plug) };
        let mut state = start.clone();
        let reason = self.go(&mut state, 0, self.integrator().as_mut(), &mut tape);
        (state, reason, TapeEnd { records: tape.records, saved: tape.saved, steps: tape.steps })
    }
}

struct TapeEnd {
    records: Vec<(usize, State<f64>)>,
    saved: Vec<(State<f64>, Vec<f64>, usize)>,
    steps: u64,
}

/// Every method in the hardest form it takes: mini-batches and noise where it can.
fn hard_motions() -> Vec<(Method, Motion, Option<usize>)> {
    Method::ALL
        .iter()
        .map(|&method| {
            let first_order = !method.solves().0;
            let temperature = if method.takes_noise() { 0.2 } else { 0.0 };
            let batch = if method == Method::DormandPrince { None } else { Some(4) };
            (method, Motion { temperature, first_order, tolerance: 1e-6, ..motion(0.125, 0.9) }, batch)
        })
        .collect()
}

#[test]
fn a_run_stopped_anywhere_goes_on_with_the_same_bits() {
    let problem = tanh_problem();
    let start = problem.random_state(7, 0.4);
    let times = [0.0, 0.25, 0.5, 1.0, 2.0, 2.5, 4.0];
    for (method, motion, batch) in hard_motions() {
        let run = Run { batch, ..Run::new(&problem, method, motion, &times) };
        let (whole, reason, tape) = run.play(&start, None);
        assert_eq!(reason, StopReason::Horizon, "{method:?}");
        assert!(tape.steps > 8 && tape.saved.is_empty());
        for stop in [0, 1, tape.steps / 3, tape.steps / 2, tape.steps - 1] {
            let (_, reason, first) = run.play(&start, Some(stop));
            assert_eq!(reason, StopReason::Interrupted { step: stop }, "{method:?}");
            let [(saved, memory, next_record)] = &first.saved[..] else { panic!("{method:?}: not one checkpoint") };
            // Nothing but the checkpoint crosses over.
            let plug = AtomicBool::new(false);
            let mut second = Tape::new(&problem, &start, &plug);
            let (mut state, mut integrator) = (saved.clone(), run.integrator());
            integrator.restore(memory);
            let reason = run.go(&mut state, *next_record, integrator.as_mut(), &mut second);
            assert_eq!(reason, StopReason::Horizon);
            assert!(state == whole, "{method:?} stopped after {stop} steps: another end");
            let records = [first.records, second.records].concat();
            assert!(records == tape.records, "{method:?} stopped after {stop} steps: other records");
        }
    }
}

#[test]
fn checkpoints_do_not_disturb_a_run() {
    let problem = tanh_problem();
    let start = problem.random_state(7, 0.4);
    let times = [0.0, 1.0, 2.0];
    for (method, motion, batch) in hard_motions() {
        let quiet = Run { batch, ..Run::new(&problem, method, motion, &times) };
        let busy = Run { batch, checkpoint_every: Duration::ZERO, ..Run::new(&problem, method, motion, &times) };
        let ((a, _, _), (b, _, tape)) = (quiet.play(&start, None), busy.play(&start, None));
        assert!(a == b, "{method:?}");
        assert_eq!(tape.saved.len() as u64, tape.steps, "{method:?}");
    }
}

#[test]
fn every_recording_time_is_hit_once_and_in_order() {
    let (target, friction) = (1.5, 0.4);
    let problem = linear(3, target, 0.2);
    let start = linear_state(&problem, &[-1.0, 0.3, 2.0], &[0.5, -1.0, 0.2]);
    // Steps of 1/40, in which the fixed methods must land; many times lie inside one step of the adaptive method.
    let times: Vec<f64> = (0..=200).map(|k| f64::from(k) * 0.025).collect();
    for (method, tolerance) in [(Method::Rk4, 1e-7), (Method::KickDriftKick, 2e-3), (Method::DormandPrince, 1e-8)] {
        let terms = Motion { tolerance: 1e-9, ..motion(0.025, friction) };
        let run = Run::new(&problem, method, terms, &times);
        let (end, reason, tape) = run.play(&start, None);
        assert_eq!(reason, StopReason::Horizon);
        assert_eq!(tape.records.len(), times.len());
        for (k, (index, state)) in tape.records.iter().enumerate() {
            assert_eq!(*index, k);
            let exact = linear_exact(&problem, target, friction, &start, times[k]);
            assert!(distance(state, &exact) < tolerance, "{method:?} at {}: {}", times[k], distance(state, &exact));
            if method == Method::DormandPrince {
                assert_eq!(state.time, times[k]);
            } else {
                assert!((state.time - times[k]).abs() <= 1e-12 * times[k]);
            }
        }
        assert_eq!(tape.steps, end.step);
        assert!(method == Method::DormandPrince || tape.steps == 200);
        assert!(method != Method::DormandPrince || tape.steps < 100, "{} adaptive steps", tape.steps);
    }
}

#[test]
fn divergence_names_its_step() {
    // One linear neuron under gradient descent with eps = 3: the distance to the target doubles in every step, the risk
    // is 4^k of its start, and 4^5 is the first power above the allowed 1000.
    let problem = linear(1, 1.0, 0.0);
    let start = linear_state(&problem, &[0.0], &[0.0]);
    let terms = Motion { first_order: true, ..motion(3.0, 0.0) };
    let far = [0.0, 3e6];
    let exact = Run { exact_loss: true, ..Run::new(&problem, Method::GradientDescent, terms, &far) };
    let (_, reason, _) = exact.play(&start, None);
    assert_eq!(reason, StopReason::Diverged { step: 5, time: 15.0, loss: "5.120e2".into() });

    // A batch's loss is held against nothing but infinity: 4^k / 2 overflows first at k = 513.
    let batch = Run::new(&problem, Method::GradientDescent, terms, &far);
    let (_, reason, _) = batch.play(&start, None);
    assert!(matches!(reason, StopReason::Diverged { step: 512..=513, .. }), "{reason:?}");

    // A recorded risk is exact in either case: the first record with 4^k > 1000 is the one after 6 steps.
    let times = [0.0, 6.0, 12.0, 18.0, 24.0];
    let recorded = Run::new(&problem, Method::GradientDescent, terms, &times);
    let (_, reason, tape) = recorded.play(&start, None);
    assert_eq!(reason, StopReason::Diverged { step: 6, time: 18.0, loss: "2.048e3".into() });
    assert_eq!(tape.records.len(), 4);
}

#[test]
fn too_large_a_step_diverges_under_every_fixed_method() {
    let problem = linear(4, 1.0, 0.0);
    let start = linear_state(&problem, &[0.0, 1.0, 3.0, -2.0], &[0.1; 4]);
    let times = [0.0, 3e9];
    for &method in Method::ALL.iter().filter(|method| **method != Method::DormandPrince) {
        let terms = Motion { first_order: !method.solves().0, ..motion(30.0, 0.1) };
        let run = Run { exact_loss: true, ..Run::new(&problem, method, terms, &times) };
        let (state, reason, tape) = run.play(&start, None);
        let StopReason::Diverged { step, time, .. } = reason else { panic!("{method:?}: {reason:?}") };
        // The loop stops inside the step it names.
        assert_eq!((step, time), (state.step - 1, 30.0 * step as f64), "{method:?}");
        assert!((1..=10).contains(&step) && tape.steps == step, "{method:?}: step {step}");
    }
}

#[test]
fn a_start_that_is_not_a_number_diverges_in_step_zero() {
    let problem = tanh_problem();
    let mut start = problem.random_state(7, 0.4);
    start.theta[3] = f64::NAN;
    let times = [0.0, 4.0];
    for (method, motion, batch) in hard_motions() {
        let run = Run { batch, ..Run::new(&problem, method, motion, &times) };
        let (_, reason, _) = run.play(&start, None);
        assert_eq!(reason, StopReason::Diverged { step: 0, time: 0.0, loss: "NaN".into() }, "{method:?}");
    }
}

#[test]
fn an_adaptive_method_recovers_from_a_first_step_that_overflows() {
    // Trained output weights make the force cubic: a first step this long overflows inside its stages.
    let network = TwoLayer { inputs: 2, outputs: 1, bias: true, activation: Activation::Identity, fixed_output: false };
    let problem = Problem::random(network, 6, 20, Loss::HalfSquared, 0.1, 5);
    let start = problem.random_state(7, 0.4);
    let times = [0.0, 1.0, 4.0];
    let end = |first: f64| {
        let terms = Motion { tolerance: 1e-9, ..motion(first, 0.9) };
        let (_, reason, tape) = Run::new(&problem, Method::DormandPrince, terms, &times).play(&start, None);
        assert_eq!(reason, StopReason::Horizon, "first step {first}");
        tape.records[2].1.clone()
    };
    assert!(distance(&end(1e-3), &end(1e80)) < 1e-7);
}
