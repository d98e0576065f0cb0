//! The kernels of sparse recovery, for comparing versions: `cargo bench --bench recovery`. For comparisons with other
//! programs on the same problem there is `widelimit bench-recovery`.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;
use widelimit::compute::AlignedAllocator;
use widelimit::sparse::recovery::instance::{Design, Instance, Signal};
use widelimit::sparse::recovery::{Cholesky, Interrupt, SampleLoss, dense, eliminate, hard_threshold};

#[global_allocator]
static ALLOCATOR: AlignedAllocator = AlignedAllocator;

fn all(c: &mut Criterion) {
    let mut group = c.benchmark_group("recovery");
    for d in [128, 512, 1024] {
        let (n, k) = (2 * d, d / 16);
        let law = Instance {
            loss: SampleLoss::Squared,
            n,
            d,
            sparsity: k,
            design: Design::Gaussian,
            signal: Signal::Gaussian,
            snr_db: Some(20.0),
            start_distance: None,
        };
        let problem = law.draw(1, 0).expect("a problem");
        let w = hard_threshold(problem.xty(), k);
        let h = problem.gram();
        let factor = Cholesky::new(h, 0.0, Interrupt::NEVER).expect("more samples than unknowns");
        let inverse = factor.inverse(Interrupt::NEVER);
        let mut newton = problem.xty().to_vec();
        factor.solve(&mut newton);
        let weights = vec![0.5; n];
        let (d64, n64) = (d as u64, n as u64);
        // Elements are floating-point operations, and entries read where memory is what limits.
        let mut time = |name: &str, elements: u64, work: &mut dyn FnMut()| {
            group.throughput(Throughput::Elements(elements));
            group.bench_function(BenchmarkId::new(name, d), |b| b.iter(&mut *work));
        };
        time("gradient", n64 * d64, &mut || {
            black_box(problem.value_and_gradient(&w));
        });
        time("gradient by gram", k as u64 * d64, &mut || {
            black_box(problem.gradient_by_gram(&w));
        });
        time("gram", n64 * d64 * d64, &mut || {
            black_box(dense::gram(problem.design(), None, Interrupt::NEVER));
        });
        time("weighted gram", n64 * d64 * d64, &mut || {
            black_box(dense::gram(problem.design(), Some(&weights), Interrupt::NEVER));
        });
        time("factor", d64.pow(3) / 3, &mut || {
            black_box(Cholesky::new(h, 0.0, Interrupt::NEVER).is_ok());
        });
        time("inverse", 2 * d64.pow(3) / 3, &mut || {
            black_box(factor.inverse(Interrupt::NEVER));
        });
        time("eliminate", 2 * d64.pow(3) / 3, &mut || {
            black_box(eliminate(&newton, inverse.as_ref(), k, Interrupt::NEVER));
        });
    }
    group.finish();
}

criterion_group! {
    name = recovery;
    config = Criterion::default().warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(800)).sample_size(10);
    targets = all
}
criterion_main!(recovery);
