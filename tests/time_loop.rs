//! The loop takes the integrator's steps and no others; an interrupted run resumes bit for bit; every recording time is
//! met; a run that diverges names its step.

use crate::common::{Problem, bits, distance, linear, linear_exact, linear_state, motion, tanh_problem};
use std::cell::Cell;
use std::convert::Infallible;
use std::time::Duration;
use widelimit::choice::Choice;
use widelimit::compute::Threads;
use widelimit::dynamics::{
    BatchSource, Brownian, Force, Method, Motion, Observer, ResumePoint, Scheme, Simulation, State, StopReason,
    TimeLoop, attempt_budget,
};
use widelimit::network::{Activation, Loss, TwoLayer};

/// A checkpoint: the state, the integrator's memory and the index of the next record.
type Saved = (State<f64>, Vec<f64>, usize);

/// Keeps every record and every checkpoint, and counts steps.
struct Tape<'a> {
    problem: &'a Problem,
    records: Vec<(usize, State<f64>)>,
    saved: Vec<Saved>,
    steps: &'a Cell<u64>,
}

impl Observer<f64> for Tape<'_> {
    type Error = Infallible;

    fn record(&mut self, index: usize, state: &State<f64>, _force: Option<&mut dyn Force<f64>>) -> f64 {
        self.records.push((index, state.clone()));
        self.problem.risk(&state.theta)
    }

    fn checkpoint(&mut self, state: &State<f64>, memory: &[f64], next_record: usize) -> Result<(), Infallible> {
        self.saved.push((state.clone(), memory.to_vec(), next_record));
        Ok(())
    }

    fn progress(&mut self, _time: f64) {
        self.steps.set(self.steps.get() + 1);
    }
}

/// One run's terms: a problem, a method with its motion, where batches come from, and when to record.
struct Run<'a> {
    problem: &'a Problem,
    scheme: Scheme,
    batch: Option<usize>,
    times: &'a [f64],
    exact_loss: bool,
    checkpoint_every: Duration,
}

/// How a run went.
struct Played {
    end: State<f64>,
    reason: StopReason,
    records: Vec<(usize, State<f64>)>,
    saved: Vec<Saved>,
    steps: u64,
}

impl<'a> Run<'a> {
    fn new(problem: &'a Problem, method: Method, motion: Motion, times: &'a [f64]) -> Self {
        let checkpoint_every = Duration::from_secs(3600);
        Run { problem, scheme: Scheme { method, motion }, batch: None, times, exact_loss: false, checkpoint_every }
    }

    fn simulation(&self, start: &State<f64>) -> Simulation<'a, f64> {
        let problem = self.problem;
        let source = self.batch.map_or(BatchSource::Full, |size| BatchSource::Indices { size });
        let (network, width) = (problem.network.clone(), problem.width);
        Simulation {
            state: start.clone(),
            integrator: problem.integrator(self.scheme.method, self.scheme.motion),
            force: Box::new(problem.force_from(source, Threads::One)),
            noise: Box::new(Brownian { seed: 9, first: 2, network, width, ticks: 2 }),
        }
    }

    /// From the start to the end, or to the interruption after `interrupt_after` steps.
    fn play(&self, start: &State<f64>, interrupt_after: Option<u64>) -> Played {
        self.go(self.simulation(start), None, interrupt_after)
    }

    /// From a checkpoint and the risk at the start to the end.
    fn resume(&self, (state, memory, next_record): &Saved, start_risk: f64) -> Played {
        let mut simulation = self.simulation(state);
        simulation.integrator.restore(memory);
        self.go(simulation, Some(ResumePoint { next_record: *next_record, start_risk }), None)
    }

    fn go(
        &self,
        mut simulation: Simulation<'_, f64>,
        from: Option<ResumePoint>,
        interrupt_after: Option<u64>,
    ) -> Played {
        let steps = Cell::new(0);
        let interrupted = |_: f64| interrupt_after == Some(steps.get());
        let time_loop = TimeLoop::over(self.times)
            .checkpoint_every(self.checkpoint_every)
            .diverged_above(1e3)
            .exact_loss(self.exact_loss)
            .interrupted_when(&interrupted);
        let mut tape = Tape { problem: self.problem, records: Vec::new(), saved: Vec::new(), steps: &steps };
        let Ok(reason) = match from {
            None => time_loop.run(&mut simulation, &mut tape),
            Some(from) => time_loop.resume(&mut simulation, from, &mut tape),
        };
        let Tape { records, saved, .. } = tape;
        Played { end: simulation.state, reason, records, saved, steps: steps.get() }
    }
}

/// Every method in the hardest form it takes: mini-batches and noise where it can.
fn hard_motions() -> Vec<(Method, Motion, Option<usize>)> {
    Method::ALL
        .iter()
        .map(|&method| {
            let first_order = !method.solves_second_order();
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
        let whole = run.play(&start, None);
        assert_eq!(whole.reason, StopReason::Horizon, "{method:?}");
        assert!(whole.steps > 8 && whole.saved.is_empty());
        for stop in [0, 1, whole.steps / 3, whole.steps / 2, whole.steps - 1] {
            let first = run.play(&start, Some(stop));
            assert_eq!(first.reason, StopReason::Interrupted { step: stop }, "{method:?}");
            // Only the checkpoint and the recorded risk are passed on.
            let [saved] = &first.saved[..] else { panic!("{method:?}: not one checkpoint") };
            let second = run.resume(saved, problem.risk(&start.theta));
            assert_eq!(second.reason, StopReason::Horizon);
            assert!(second.end == whole.end, "{method:?} stopped after {stop} steps: another end");
            let records = [first.records, second.records].concat();
            assert!(records == whole.records, "{method:?} stopped after {stop} steps: other records");
        }
    }
}

/// The loop adds nothing to an integrator: with a record at every step, the states are those of calling `step`
/// directly.
#[test]
fn the_loop_takes_the_steps_of_the_integrator() {
    let problem = tanh_problem();
    let start = problem.random_state(7, 0.4);
    for (method, motion, batch) in hard_motions() {
        // The steps of an adaptive method are its own: they are found first.
        let mut by_hand = Run { batch, ..Run::new(&problem, method, motion, &[]) }.simulation(&start);
        let states: Vec<State<f64>> = std::iter::once(start.clone())
            .chain((0..20).map(|_| {
                assert!(by_hand.step().is_finite());
                by_hand.state.clone()
            }))
            .collect();
        let times: Vec<f64> = states.iter().map(|state| state.time).collect();
        let played = Run { batch, ..Run::new(&problem, method, motion, &times) }.play(&start, None);
        assert_eq!((played.reason, played.steps, played.records.len()), (StopReason::Horizon, 20, 21), "{method:?}");
        assert_eq!(bits(&played.end.theta), bits(&by_hand.state.theta), "{method:?}");
        assert_eq!(bits(&played.end.momentum), bits(&by_hand.state.momentum), "{method:?}");
        for ((index, recorded), (k, state)) in played.records.iter().zip(states.iter().enumerate()) {
            assert_eq!((*index, recorded.step, recorded.time), (k, k as u64, state.time), "{method:?}");
            if method == Method::DormandPrince {
                // Dense output at the end of a step is the step up to rounding.
                assert!(distance(recorded, state) < 1e-14, "{method:?}: {}", distance(recorded, state));
            } else {
                assert_eq!(bits(&recorded.theta), bits(&state.theta), "{method:?} after {k} steps");
                assert_eq!(bits(&recorded.momentum), bits(&state.momentum), "{method:?} after {k} steps");
            }
        }
    }
}

/// A run that is recorded at its ends only takes as many steps as the last recording time has, for any product of count
/// and step.
#[test]
fn the_number_of_steps_is_exact() {
    let problem = linear(1, 1.0, 0.0);
    let start = linear_state(&problem, &[0.0], &[0.0]);
    for step in [0.1, 0.3, 1e-3, 1.0 / 3.0, 0.07] {
        for steps in [1_u64, 2, 3, 7, 10, 49, 1000] {
            let times = [0.0, steps as f64 * step];
            let run = Run::new(&problem, Method::HeavyBall, motion(step, 0.5), &times);
            let mut simulation = run.simulation(&start);
            let mut records = Vec::new();
            let mut record = |index: usize, state: &State<f64>| {
                records.push((index, state.step));
                f64::NAN
            };
            let Ok(reason) = TimeLoop::over(&times).run(&mut simulation, &mut record);
            assert_eq!((reason, simulation.state.step), (StopReason::Horizon, steps));
            assert_eq!(records, [(0, 0), (1, steps)]);
        }
    }
}

/// A closure is called as an observer is, and its risks are compared with the limit.
#[test]
fn a_closure_is_an_observer() {
    let problem = tanh_problem();
    let start = problem.random_state(7, 0.4);
    let times = [0.0, 0.5, 1.0, 2.0];
    let run = Run::new(&problem, Method::HeavyBall, motion(0.125, 0.9), &times);
    let mut records = Vec::new();
    let mut record = |index: usize, state: &State<f64>| {
        records.push((index, state.clone()));
        problem.risk(&state.theta)
    };
    let mut simulation = run.simulation(&start);
    let Ok(reason) = TimeLoop::over(&times).run(&mut simulation, &mut record);
    let played = run.play(&start, None);
    assert_eq!(reason, StopReason::Horizon);
    assert!(records == played.records && simulation.state == played.end);

    let risks = [1.0, 4.9, 5.1, 1.0];
    let mut record = |index: usize, _: &State<f64>| risks[index];
    let Ok(reason) = TimeLoop::over(&times).diverged_above(5.0).run(&mut run.simulation(&start), &mut record);
    assert_eq!(reason, StopReason::Diverged { step: 8, time: 1.0, loss: 5.1 });
    // A start near zero risk has the scale of the problem.
    let risks = [0.0, 4.9, 5.1, 1.0];
    let mut record = |index: usize, _: &State<f64>| risks[index];
    let scaled = TimeLoop::over(&times).diverged_above(5.0).risk_scale(1.0);
    let Ok(reason) = scaled.run(&mut run.simulation(&start), &mut record);
    assert_eq!(reason, StopReason::Diverged { step: 8, time: 1.0, loss: 5.1 });
    // Without a limit, risks are not examined.
    let mut record = |_: usize, _: &State<f64>| f64::NAN;
    let Ok(reason) = TimeLoop::over(&times).run(&mut run.simulation(&start), &mut record);
    assert_eq!(reason, StopReason::Horizon);
}

/// The closure is called before every step with the time reached, and no step is taken once it has returned true.
#[test]
fn a_closure_interrupts_the_loop() {
    let problem = tanh_problem();
    let start = problem.random_state(7, 0.4);
    let times = [0.0, 0.5, 1.0, 2.0];
    let run = Run::new(&problem, Method::HeavyBall, motion(0.125, 0.9), &times);
    let asked = std::cell::RefCell::new(Vec::new());
    let interrupted = |time: f64| {
        asked.borrow_mut().push(time);
        time >= 0.75
    };
    let mut recorded = Vec::new();
    let mut record = |index: usize, _: &State<f64>| {
        recorded.push(index);
        1.0
    };
    let mut simulation = run.simulation(&start);
    let Ok(reason) = TimeLoop::over(&times).interrupted_when(&interrupted).run(&mut simulation, &mut record);
    assert_eq!(reason, StopReason::Interrupted { step: 6 });
    assert_eq!((simulation.state.step, recorded), (6, vec![0, 1]));
    assert_eq!(*asked.borrow(), (0..=6).map(|k| f64::from(k) * 0.125).collect::<Vec<f64>>());
}

#[test]
fn stop_reasons_are_valid_json() {
    for (loss, text) in [(512.25, "512.25"), (f64::NAN, "null"), (f64::INFINITY, "\"inf\"")] {
        let reason = StopReason::Diverged { step: 5, time: 15.0, loss };
        let json = serde_json::to_string(&reason).unwrap();
        assert_eq!(json, format!("{{\"reason\":\"diverged\",\"step\":5,\"time\":15.0,\"loss\":{text}}}"));
        let StopReason::Diverged { step: 5, time: 15.0, loss: back } = serde_json::from_str(&json).unwrap() else {
            panic!("{json}")
        };
        assert!(back == loss || back.is_nan() && loss.is_nan());
    }
    // Earlier versions wrote the loss as a string.
    let old = r#"{"reason":"diverged","step":5,"time":15.0,"loss":"5.120e2"}"#;
    assert_eq!(
        serde_json::from_str::<StopReason>(old).unwrap(),
        StopReason::Diverged { step: 5, time: 15.0, loss: 512.0 }
    );
    for reason in [StopReason::Horizon, StopReason::Interrupted { step: 3 }] {
        assert_eq!(serde_json::from_str::<StopReason>(&serde_json::to_string(&reason).unwrap()).unwrap(), reason);
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
        let (quiet, busy) = (quiet.play(&start, None), busy.play(&start, None));
        assert!(quiet.end == busy.end, "{method:?}");
        assert_eq!(busy.saved.len() as u64, busy.steps, "{method:?}");
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
        let played = run.play(&start, None);
        assert_eq!(played.reason, StopReason::Horizon);
        assert_eq!(played.records.len(), times.len());
        for (k, (index, state)) in played.records.iter().enumerate() {
            assert_eq!(*index, k);
            let exact = linear_exact(&problem, target, friction, &start, times[k]);
            assert!(distance(state, &exact) < tolerance, "{method:?} at {}: {}", times[k], distance(state, &exact));
            if method == Method::DormandPrince {
                assert_eq!(state.time, times[k]);
            } else {
                assert!((state.time - times[k]).abs() <= 1e-12 * times[k]);
            }
        }
        assert_eq!(played.steps, played.end.step);
        assert!(method == Method::DormandPrince || played.steps == 200);
        assert!(method != Method::DormandPrince || played.steps < 100, "{} adaptive steps", played.steps);
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
    let diverged = |reason: StopReason, step: u64, expected: f64| match reason {
        StopReason::Diverged { step: at, time, loss } => {
            assert_eq!((at, time), (step, 3.0 * step as f64));
            assert!((loss - expected).abs() < 1e-9 * expected, "{loss}");
        }
        other => panic!("{other:?}"),
    };
    diverged(exact.play(&start, None).reason, 5, 512.0);

    // A batch's loss is held against nothing but infinity: 4^k / 2 overflows first at k = 513.
    let batch = Run::new(&problem, Method::GradientDescent, terms, &far);
    let reason = batch.play(&start, None).reason;
    assert!(matches!(reason, StopReason::Diverged { step: 512..=513, .. }), "{reason:?}");

    // A recorded risk is exact in either case: the first record with 4^k > 1000 is the one after 6 steps.
    let times = [0.0, 6.0, 12.0, 18.0, 24.0];
    let recorded = Run::new(&problem, Method::GradientDescent, terms, &times);
    let played = recorded.play(&start, None);
    diverged(played.reason, 6, 2048.0);
    assert_eq!(played.records.len(), 4);
}

#[test]
fn too_large_a_step_diverges_under_every_fixed_method() {
    let problem = linear(4, 1.0, 0.0);
    let start = linear_state(&problem, &[0.0, 1.0, 3.0, -2.0], &[0.1; 4]);
    let times = [0.0, 3e9];
    for &method in Method::ALL.iter().filter(|method| **method != Method::DormandPrince) {
        let terms = Motion { first_order: !method.solves_second_order(), ..motion(30.0, 0.1) };
        let run = Run { exact_loss: true, ..Run::new(&problem, method, terms, &times) };
        let Played { end, reason, steps, .. } = run.play(&start, None);
        let StopReason::Diverged { step, time, .. } = reason else { panic!("{method:?}: {reason:?}") };
        // The loop stops inside the step it names.
        assert_eq!((step, time), (end.step - 1, 30.0 * step as f64), "{method:?}");
        assert!((1..=10).contains(&step) && steps == step, "{method:?}: step {step}");
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
        let reason = run.play(&start, None).reason;
        let StopReason::Diverged { step: 0, time: 0.0, loss } = reason else { panic!("{method:?}: {reason:?}") };
        assert!(loss.is_nan(), "{method:?}");
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
        let played = Run::new(&problem, Method::DormandPrince, terms, &times).play(&start, None);
        assert_eq!(played.reason, StopReason::Horizon, "first step {first}");
        played.records[2].1.clone()
    };
    assert!(distance(&end(1e-3), &end(1e80)) < 1e-7);
}

/// The last step of an adaptive method passes the last recording time; the state that is left is the one at that time,
/// with the momenta, and is bit for bit the one that was recorded.
#[test]
fn a_simulation_ends_in_the_state_at_the_last_recording_time() {
    let (target, friction) = (1.5, 0.4);
    let problem = linear(3, target, 0.2);
    let start = linear_state(&problem, &[-1.0, 0.3, 2.0], &[0.5, -1.0, 0.2]);
    let times = [0.0, 1.0, 2.0];
    let exact = linear_exact(&problem, target, friction, &start, 2.0);
    for (method, tolerance) in [(Method::Rk4, 1e-7), (Method::KickDriftKick, 2e-3), (Method::DormandPrince, 1e-8)] {
        let terms = Motion { tolerance: 1e-9, ..motion(0.025, friction) };
        let run = Run::new(&problem, method, terms, &times);
        let whole = run.play(&start, None);
        let (_, last) = &whole.records[2];
        assert!((whole.end.time - 2.0).abs() < 1e-12, "{method:?} ends at {}", whole.end.time);
        assert_eq!((bits(&whole.end.theta), bits(&whole.end.momentum)), (bits(&last.theta), bits(&last.momentum)));
        assert!(distance(&whole.end, &exact) < tolerance, "{method:?}: {}", distance(&whole.end, &exact));
        let last_step = run.play(&start, Some(whole.steps - 1)).saved.pop().unwrap();
        assert!(run.resume(&last_step, problem.risk(&start.theta)).end == whole.end, "{method:?}");
    }
}

/// One ReLU neuron in the V-shaped potential `(|w| + 1)^2 / 4`: gradient flow reaches the kink and stays there, where
/// the gradient jumps between -1/2 and 1/2.
fn kinked() -> (Problem, State<f64>) {
    let network = TwoLayer { inputs: 1, outputs: 1, bias: false, activation: Activation::Relu, fixed_output: true };
    let mut problem = Problem::random(network, 1, 2, Loss::HalfSquared, 0.0, 5);
    problem.population.x = vec![1.0, -1.0];
    problem.population.y = vec![-1.0, -1.0];
    let start = State::at_rest(problem.lay(&[0.5, 1.0]));
    (problem, start)
}

#[test]
fn steps_that_become_as_short_as_the_tolerance_are_bounded() {
    let tolerance = 1e-8;
    let budget = attempt_budget(4.0, tolerance);
    assert_eq!(budget, 39_811, "200 (1 + 4) 10^(8/5)");
    let times = [0.0, 4.0];
    let run = |problem: &Problem, start: &State<f64>, method: Method, first_order: bool| {
        let terms = Motion { tolerance, first_order, ..motion(0.125, 0.5) };
        let run = Run::new(problem, method, terms, &times);
        let mut simulation = run.simulation(start);
        let mut record = |_: usize, _: &State<f64>| 1.0;
        let Ok(reason) = TimeLoop::over(&times).attempts_at_most(budget).run(&mut simulation, &mut record);
        (reason, simulation.integrator.attempts())
    };
    let (problem, start) = kinked();
    let (reason, tried) = run(&problem, &start, Method::DormandPrince, true);
    let StopReason::TooManySteps { attempts, time } = reason else { panic!("{reason:?}") };
    // The kink is reached at t with dw/dt = -(w + 1)/2 and w = 1/2 at the start: 2 log(3/2) = 0.811.
    assert!(attempts == tried && attempts > budget && attempts < budget + 100, "{attempts} of {budget}");
    assert!((0.81..1.5).contains(&time), "{time}");
    assert_eq!(run(&problem, &start, Method::Rk4, true), (StopReason::Horizon, 0));
    // Heavy ball crosses the kink, and smooth dynamics need a small part of the budget.
    assert_eq!(run(&problem, &start, Method::DormandPrince, false).0, StopReason::Horizon);
    let smooth = tanh_problem();
    for first_order in [true, false] {
        let (reason, attempts) = run(&smooth, &smooth.random_state(7, 0.0), Method::DormandPrince, first_order);
        assert!(reason == StopReason::Horizon && attempts < budget / 50, "{reason:?} after {attempts}");
    }
}
