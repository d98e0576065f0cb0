//! The estimate of memory against measured peaks.

use widelimit::config::{AnyExperiment, ProblemSpec};
use widelimit::run::recovery_memory::RecoveryMemory;
use widelimit::study::REGISTRY;

/// The built-in experiments, and large problems, on one thread: the estimate is 1.0 to 1.15 of the peaks of resident
/// memory that were measured (KiB, release build, Linux, x86-64). Constants that no longer fit are measured again.
#[test]
fn estimates_are_of_the_measured_peaks() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let estimate = |name: &str, set: &[&str], text: Option<&str>| {
        let overrides: Vec<_> = set.iter().map(|set| set.parse().unwrap()).collect();
        let loaded = match text {
            Some(text) => widelimit::parse(text, name, std::path::Path::new(""), &overrides),
            None => widelimit::load(name, &overrides),
        };
        let AnyExperiment::Recovery(e) = loaded.unwrap().experiment else { unreachable!() };
        let ProblemSpec::Drawn(law) = &e.problem else { unreachable!() };
        let shape = (law.n, law.d, e.solver.kept(law.sparsity, law.d));
        pool.install(|| RecoveryMemory::new(&e, shape, 0, &REGISTRY)).total() as f64 / 1024.0
    };
    let within = |name: &str, estimate: f64, measured: f64| {
        let ratio = estimate / measured;
        println!("{name}: {estimate:.0} KiB estimated, {measured} measured, {ratio:.3}");
        assert!((1.0..=1.15).contains(&ratio), "{name}: {ratio:.3}");
    };
    within("recover", estimate("recover", &[], None), 61240.0);
    within("phase", estimate("phase", &[], None), 55792.0);
    let head = "kind = \"recovery\"\nname = \"a\"\n[problem]\nkind = \"drawn\"\nn = 96\nd = 128\nsparsity = 16\n";
    let rates = format!("{head}[solver]\nmethods = [\"k-iht\"]\n[rates]\n");
    within("rates", estimate("rates.toml", &[], Some(&rates)), 56968.0);
    for (method, n, d, measured) in [
        ("k-iht", 3000, 1000, 82340.0),
        ("topk-iobs", 3000, 2000, 151264.0),
        ("greedy-iobs", 3000, 2000, 246004.0),
        ("greedy-iobs", 3000, 3000, 425508.0),
        ("wood-taylor", 3000, 3000, 339376.0),
    ] {
        let text = format!("{head}[solver]\nmethods = [\"{method}\"]\niterations = 2\n[recover]\nproblems = 1\n");
        let set = [format!("problem.n={n}"), format!("problem.d={d}"), "problem.sparsity=20".into()];
        let set: Vec<&str> = set.iter().map(String::as_str).collect();
        within(&format!("{method}, n = {n}, d = {d}"), estimate("a.toml", &set, Some(&text)), measured);
    }
}
