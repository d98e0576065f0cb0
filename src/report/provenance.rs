//! Where the numbers of a run come from, from its manifest.

use crate::record::Manifest;
use crate::run::machine_memory::bytes;
use serde_json::Value;

/// The provenance of a run: names and values, in a fixed order.
pub fn rows(manifest: &Manifest) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut add = |name: &str, value: String| rows.push((name.to_string(), value));
    let program = |build: &crate::record::Build| format!("widelimit {} ({})", build.version, build.revision);
    let builds = if manifest.built_by.is_empty() { vec![manifest.last_build()] } else { manifest.built_by.clone() };
    add("program", builds.iter().map(program).collect::<Vec<_>>().join("; "));
    let (first, last) = (manifest.invocations.first(), manifest.invocations.last());
    add("started", first.map_or_else(|| "not recorded".into(), |first| first.started.clone()));
    if let Some(ended) = last.and_then(|last| last.ended.clone()) {
        add("ended", ended);
    }
    let host = &manifest.host;
    add("host", format!("{}, {} processors, {} of memory", host.system, host.processors, bytes(host.memory)));
    if let Some(last) = last.filter(|last| !last.processor.is_empty()) {
        add("processor", last.processor.clone());
    }
    add("threads, instructions", format!("{}, {}", manifest.threads, manifest.simd));
    add("seed", manifest.seed.to_string());
    let data = &manifest.population;
    add("data", data.description.clone());
    add("sizes of the data", format!("samples {}, inputs {}, outputs {}", data.samples, data.inputs, data.outputs));
    for file in data.sources.as_array().into_iter().flatten() {
        let text = |key: &str| file.get(key).and_then(Value::as_str).unwrap_or("not recorded").to_string();
        add("data file", format!("{}, SHA-256 {}", text("path"), text("sha256")));
    }
    if let Some(h) = &manifest.hyperparameters {
        add(
            "dynamics",
            format!(
                "step {}, friction {} = learning rate {}, momentum {}",
                h.step, h.friction, h.learning_rate, h.momentum
            ),
        );
    }
    if let Some(peak) = manifest.memory.get("peak").and_then(Value::as_u64) {
        add("largest memory", bytes(peak));
    }
    add(
        "resumed",
        match manifest.resumed {
            0 => "never".into(),
            1 => "once".into(),
            times => format!("{times} times"),
        },
    );
    let total: f64 = manifest.phases.iter().map(|phase| phase.seconds).sum();
    let phases: Vec<String> = manifest.phases.iter().map(|p| format!("{} {:.1} s", p.name, p.seconds)).collect();
    add("time", format!("{total:.1} s: {}", phases.join(", ")));
    rows
}
