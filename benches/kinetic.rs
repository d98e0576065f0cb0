//! A step of the kinetic equation on 512 x 512 nodes beside the time to stream its density through memory: `cargo bench
//! --bench kinetic`. A step reads and writes the density twice, once for the flight and once for the momenta. Both are
//! timed on one density, which stays in the caches, and on many in turn, which come from memory: one step of each,
//! which is two half flights and the momenta between them, three passes.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;
use widelimit::compute::{AlignedAllocator, Threads};
use widelimit::kinetic::{Density, GridAxis, KineticConstants, PhaseGrid, Splitting};

#[global_allocator]
static ALLOCATOR: AlignedAllocator = AlignedAllocator;

const NODES: usize = 512;

/// Densities in turn: 192 MiB together.
const MANY: usize = 96;

/// Passes over an array, each of which reads and writes it.
fn stream(values: &mut [f64], passes: usize) {
    for _ in 0..passes {
        values.iter_mut().for_each(|v| *v *= 1.000_000_1);
        black_box(&mut *values);
    }
}

fn steps(c: &mut Criterion) {
    let line = |half: f64| GridAxis { low: -half, high: half, nodes: NODES };
    let grid = PhaseGrid::new(line(6.0), line(4.0)).expect("a grid");
    let start = Density::from_fn(grid, |theta, r| (-0.5 * (theta * theta + r * r / 0.3)).exp());
    for (densities, passes, steps) in [(1, 2, 20), (MANY, 3, 1)] {
        let mut all = vec![start.clone(); densities];
        let mut group = c.benchmark_group(format!("kinetic {NODES} x {NODES}, {densities} in turn"));
        group.throughput(Throughput::Elements((NODES * NODES) as u64));
        let mut next = 0;
        let mut turn = move || {
            next = (next + 1) % densities;
            next
        };
        group.bench_function("stream", |b| b.iter(|| stream(&mut all[turn()].values, passes)));
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            for (name, friction, temperature) in [("kick", 0.0, 0.0), ("friction", 1.0, 0.0), ("noise", 1.0, 0.01)] {
                let constants = KineticConstants { friction, temperature, step: 0.02 };
                let kind = if threads == 1 { Threads::One } else { Threads::Pool };
                let mut splitting = pool.install(|| Splitting::new(grid, constants, kind)).expect("constants");
                group.bench_function(BenchmarkId::new(name, threads), |b| {
                    b.iter_custom(|rounds| {
                        let began = std::time::Instant::now();
                        for _ in 0..rounds.div_ceil(steps) {
                            let density = &mut all[turn()];
                            splitting.advance(density, steps as usize, |_, out| {
                                out.iter_mut().enumerate().for_each(|(i, v)| *v = 0.3 * (0.02 * i as f64).sin());
                            });
                        }
                        began.elapsed().mul_f64(rounds as f64 / (rounds.div_ceil(steps) * steps) as f64)
                    });
                });
            }
        }
        group.finish();
    }
}

criterion_group! {
    name = kinetic;
    config = Criterion::default().warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(600)).sample_size(10);
    targets = steps
}
criterion_main!(kinetic);
