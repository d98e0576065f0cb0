//! Activations and whole steps, for comparing versions: `cargo bench --bench kernels`. For comparisons with other
//! programs, whose runs alternate with ours, there is `widelimit bench --serve`.

#[path = "../src/cli/workload.rs"]
mod workload;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;
use widelimit::choice::Choice;
use widelimit::compute::{AlignedAllocator, Real, Threads};
use widelimit::network::Activation;
use widelimit::network::kernel::activation;
use workload::Workload;

#[global_allocator]
static ALLOCATOR: AlignedAllocator = AlignedAllocator;

fn activations_of<R: Real>(c: &mut Criterion) {
    let mut group = c.benchmark_group(format!("activation {}", R::NAME));
    let points: Vec<R> = (0..4096).map(|i| R::of(f64::from(i % 801) * 0.01 - 4.0)).collect();
    let (mut z, mut slope) = (points.clone(), points.clone());
    group.throughput(Throughput::Elements(points.len() as u64));
    for &activation in Activation::ALL {
        group.bench_function(activation.name(), |b| {
            b.iter(|| {
                z.copy_from_slice(&points);
                activation::value_and_derivative(activation, black_box(&mut z), black_box(&mut slope));
            });
        });
    }
    group.finish();
}

fn steps_of<R: Real>(c: &mut Criterion) {
    let mut group = c.benchmark_group(format!("step {}", R::NAME));
    for (width, inputs, batch) in [(32, 10, 1), (1000, 10, 1), (1000, 10, 100), (10_000, 10, 100), (800, 784, 100)] {
        let workload = Workload::<R>::new(width, inputs, batch, Activation::Tanh);
        let mut simulation = workload.simulation(None, Threads::One);
        group.throughput(Throughput::Elements((width * batch) as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("N={width} d={inputs} B={batch}")), |b| {
            b.iter(|| simulation.step());
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
