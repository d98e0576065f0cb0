//! The profile of a run, phase by phase, from the counters of [`crate::compute::profile`].
//!
//! The counters are those of the process: while a run is profiled, nothing else should run in it.

use super::context::RunError;
use crate::choice::Choice;
use crate::compute::InstructionSet;
use crate::compute::Real;
use crate::compute::machine::processor;
use crate::compute::profile::{self, WorkKind, WorkTotals, peak};
use crate::network::Activation;
use crate::network::kernel::activation::value_and_derivative;
use crate::record::{ByPrecision, MachinePeak, ProfileRecord, ProfiledPhase, ProfiledWork};
use std::hint::black_box;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The name of what is done before the first phase.
const START: &str = "start";

/// Values of an evaluation of an activation, while its rate is measured.
const ACTIVATION_VALUES: usize = 2048;

/// Calls between two looks at the clock.
const ACTIVATION_CALLS: usize = 16;

/// The profile of the run that is being profiled, if one is.
static PRESENT: Mutex<Option<RunningProfile>> = Mutex::new(None);

fn present() -> MutexGuard<'static, Option<RunningProfile>> {
    PRESENT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was measured of a run so far.
struct RunningProfile {
    threads: usize,
    peak: MachinePeak,
    phases: Vec<PhaseTotals>,
    /// Name, beginning and counters at the beginning of the present phase.
    name: String,
    begun: Instant,
    processor: Option<u64>,
    totals: Vec<WorkTotals>,
}

/// The counters of a phase.
struct PhaseTotals {
    name: String,
    /// Wall time in seconds.
    wall: f64,
    /// Processor time of the process in nanoseconds.
    processor: u64,
    work: Vec<WorkTotals>,
}

impl RunningProfile {
    /// Ends the present phase, and begins another.
    fn next_phase(&mut self, name: &str) {
        let (now, processor, totals) = (Instant::now(), profile::process_nanoseconds(), profile::totals());
        let work: Vec<WorkTotals> = totals.iter().zip(&self.totals).map(|(now, then)| now.since(then)).collect();
        // Where the system does not tell the time of the process, it is that of its work.
        let spent = match (processor, self.processor) {
            (Some(now), Some(then)) => now.saturating_sub(then),
            _ => work.iter().map(|work| work.processor).sum(),
        };
        let wall = now.duration_since(self.begun).as_secs_f64();
        self.phases.push(PhaseTotals {
            name: std::mem::replace(&mut self.name, name.into()),
            wall,
            processor: spent,
            work,
        });
        (self.begun, self.processor, self.totals) = (now, processor, totals);
    }
}

/// Begins a phase of the run that is being profiled, if one is.
pub(super) fn begin_phase(name: &str) {
    if !profile::is_on() {
        return;
    }
    if let Some(running) = present().as_mut() {
        running.next_phase(name);
    }
}

/// A run that is being profiled. Counters are off again when it is dropped.
#[must_use]
pub struct Profiler(());

impl Profiler {
    /// Measures the peak of this machine, with the activations of the networks of a run, which takes about a second, and
    /// turns the counters on.
    ///
    /// # Errors
    /// [`RunError::AlreadyProfiled`] where another run of this process is being profiled.
    pub fn begin(activations: &[Activation]) -> Result<Self, RunError> {
        let threads = rayon::current_num_threads();
        let mut present = present();
        if present.is_some() {
            return Err(RunError::AlreadyProfiled);
        }
        let peak = measured_peak(threads, activations);
        profile::start();
        *present = Some(RunningProfile {
            threads,
            peak,
            phases: Vec::new(),
            name: START.into(),
            begun: Instant::now(),
            processor: profile::process_nanoseconds(),
            totals: profile::totals(),
        });
        Ok(Profiler(()))
    }

    /// Ends the profile.
    pub fn finish(self, complete: bool) -> ProfileRecord {
        let mut running = present().take().expect("a profiler has a profile until it is dropped");
        running.next_phase("");
        let RunningProfile { threads, peak, phases, .. } = running;
        let phases = phases.iter().map(|phase| phase.record(threads, &peak)).collect();
        let simd = InstructionSet::current().to_string();
        ProfileRecord { complete, threads, simd, processor: processor(), peak, phases }
    }
}

impl Drop for Profiler {
    fn drop(&mut self) {
        profile::stop();
        present().take();
    }
}

fn measured_peak(threads: usize, activations: &[Activation]) -> MachinePeak {
    let by_activation = || ByPrecision {
        f32: activation_rate::<f32>(threads, activations),
        f64: activation_rate::<f64>(threads, activations),
    };
    MachinePeak {
        operations: ByPrecision {
            f32: peak::multiply_add_rate::<f32>(threads),
            f64: peak::multiply_add_rate::<f64>(threads),
        },
        activations: (!activations.is_empty()).then(by_activation),
        bandwidth: peak::stream_rate(threads),
    }
}

/// Evaluations a second of activations in turn, with their derivatives.
fn activation_rate<R: Real>(threads: usize, activations: &[Activation]) -> f64 {
    let z: Vec<R> = (0..ACTIVATION_VALUES).map(|i| R::of(6.0 * i as f64 / ACTIVATION_VALUES as f64 - 3.0)).collect();
    peak::rate(threads, || {
        let (mut value, mut slope) = (z.clone(), z.clone());
        let z = &z;
        move || {
            for &activation in activations.iter().cycle().take(ACTIVATION_CALLS * activations.len()) {
                value.copy_from_slice(z);
                value_and_derivative(activation, &mut value, &mut slope);
                black_box((&mut value, &mut slope));
            }
            (ACTIVATION_CALLS * activations.len() * ACTIVATION_VALUES) as f64
        }
    })
}

impl PhaseTotals {
    fn record(&self, threads: usize, peak: &MachinePeak) -> ProfiledPhase {
        let processor = seconds(self.processor);
        let available = self.wall * threads as f64;
        let work: Vec<ProfiledWork> = WorkKind::ALL
            .iter()
            .zip(&self.work)
            .filter(|(_, totals)| **totals != WorkTotals::default())
            .map(|(kind, totals)| work_record(*kind, totals, (threads, available), peak))
            .collect();
        let attributed: f64 = work.iter().map(|work| work.processor_seconds).sum();
        ProfiledPhase {
            name: self.name.clone(),
            wall_seconds: self.wall,
            processor_seconds: processor,
            other_seconds: (processor - attributed).max(0.0),
            waiting_seconds: (available - processor).max(0.0),
            work,
        }
    }
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 * 1e-9
}

/// The record of a kind of work. The peak is that of all threads, and processor time that of single ones.
fn work_record(
    kind: WorkKind,
    totals: &WorkTotals,
    (threads, available): (usize, f64),
    peak: &MachinePeak,
) -> ProfiledWork {
    let processor = seconds(totals.processor);
    let by_precision = |[f32, f64]: [u64; 2]| ByPrecision { f32, f64 };
    let (operations, activations) = (by_precision(totals.operations), by_precision(totals.activations));
    let time = |counts: ByPrecision<u64>, rates: ByPrecision<f64>| {
        threads as f64 * (counts.f32 as f64 / rates.f32 + counts.f64 as f64 / rates.f64)
    };
    let of_operations = time(operations, peak.operations);
    let of_activations = peak.activations.map_or(0.0, |rates| time(activations, rates));
    let of_bytes = threads as f64 * totals.bytes as f64 / peak.bandwidth;
    let share = |time: f64| (time > 0.0 && processor > 0.0).then(|| time / processor);
    ProfiledWork {
        kind: kind.name().into(),
        wall_seconds: seconds(totals.wall).max(processor),
        processor_seconds: processor,
        time_share: if available > 0.0 { processor / available } else { 0.0 },
        operations,
        activations,
        bytes: totals.bytes,
        share_of_peak: share(of_operations),
        share_of_peak_with_activations: share(of_operations + of_activations),
        share_of_bandwidth: share(of_bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peak() -> MachinePeak {
        MachinePeak {
            operations: ByPrecision { f32: 4e9, f64: 2e9 },
            activations: Some(ByPrecision { f32: 1e9, f64: 0.5e9 }),
            bandwidth: 1e10,
        }
    }

    /// Two threads for a second, one of which computes for half of it: half of a second of single peak is a share of 1.
    #[test]
    fn shares_are_of_the_threads_that_computed() {
        let mut work = vec![WorkTotals::default(); WorkKind::ALL.len()];
        work[WorkKind::Kernels as usize] = WorkTotals {
            wall: 400_000_000,
            processor: 500_000_000,
            operations: [0, 250_000_000],
            activations: [0, 62_500_000],
            bytes: 5_000_000_000,
        };
        let totals = PhaseTotals { name: "networks".into(), wall: 1.0, processor: 700_000_000, work };
        let phase = totals.record(2, &peak());
        assert_eq!(phase.work.len(), 1);
        let kernels = &phase.work[0];
        let near = |found: Option<f64>, expected: f64| assert!((found.unwrap() - expected).abs() < 1e-12, "{found:?}");
        near(kernels.share_of_peak, 0.5);
        near(kernels.share_of_peak_with_activations, 1.0);
        near(kernels.share_of_bandwidth, 2.0);
        near(Some(kernels.time_share), 0.25);
        near(Some(kernels.wall_seconds), 0.5);
        near(Some(phase.other_seconds), 0.2);
        near(Some(phase.waiting_seconds), 1.3);
    }
}
