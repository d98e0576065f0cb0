//! Activations and whole steps, for one's own changes: `cargo bench --bench kernels`. For comparisons with other programs,
//! which must take turns with ours, there is `widelimit bench --serve`.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;
use widelimit::dynamics::{BatchSource, Buffers, Method, Motion, NetworkForce, State, Still};
use widelimit::network::kernel::{OnCacheLines, math};
use widelimit::network::{Activation, Batch, Loss, Network, Objective, Real, Threads, TwoLayer};

#[global_allocator]
static ALLOCATOR: OnCacheLines = OnCacheLines;

fn activations_of<R: Real>(c: &mut Criterion) {
    let mut group = c.benchmark_group(format!("activation {}", R::NAME));
    let points: Vec<R> = (0..4096).map(|i| R::of(f64::from(i % 801) * 0.01 - 4.0)).collect();
    let (mut z, mut slope) = (points.clone(), points.clone());
    group.throughput(Throughput::Elements(points.len() as u64));
    for &(name, activation) in Activation::NAMES {
        group.bench_function(name, |b| {
            b.iter(|| {
                z.copy_from_slice(&points);
                math::value_and_derivative(activation, black_box(&mut z), black_box(&mut slope));
            });
        });
    }
    group.finish();
}

fn steps_of<R: Real>(c: &mut Criterion) {
    let mut group = c.benchmark_group(format!("step {}", R::NAME));
    for (width, inputs, batch) in [(32, 10, 1), (1000, 10, 1), (1000, 10, 100), (10_000, 10, 100), (800, 784, 100)] {
        let two_layer = TwoLayer { inputs, outputs: 1, bias: true, activation: Activation::Tanh, fixed_output: false };
        let network = Network::from(two_layer);
        let x = (0..16 * batch * inputs).map(|i| R::of((1.3 * i as f64).sin())).collect();
        let population = Batch { x, y: (0..16 * batch).map(|i| (i as f64).cos()).collect() };
        let canonical: Vec<R> = (0..width * (inputs + 2)).map(|i| R::of((0.7 * i as f64).sin())).collect();
        let mut state = State::at_rest(network.from_canonical(width, &canonical));
        let mut force = NetworkForce {
            network: &network,
            width,
            population: &population,
            objective: Objective { loss: Loss::HalfSquared, ridge: 1e-3 },
            source: BatchSource::Indices { size: batch },
            seed: 0,
            replica: 0,
            threads: Threads::One,
            buffers: Buffers::default(),
        };
        let motion = Motion { step: 0.01, friction: 1.0, temperature: 0.0, first_order: false, tolerance: 0.0 };
        let mut integrator = motion.integrator::<R>(Method::HeavyBall, width * (inputs + 2), state.theta.len());
        group.throughput(Throughput::Elements((width * batch) as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("N={width} d={inputs} B={batch}")), |b| {
            b.iter(|| integrator.step(&mut force, &mut Still, &mut state));
        });
    }
    group.finish();
}

fn all(c: &mut Criterion) {
    activations_of::<f64>(c);
    activations_of::<f32>(c);
    steps_of::<f64>(c);
    steps_of::<f32>(c);
}

criterion_group! {
    name = kernels;
    config = Criterion::default().warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(800)).sample_size(20);
    targets = all
}
criterion_main!(kernels);
