//! The profile of a run: counted work in closed form, results that do not change, options that are refused.

use crate::common::experiment::{TINY, files, fine, json, refused};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Samples, inputs with the bias, and outputs of [`TINY`].
const SAMPLES: u64 = 40;
const INPUTS: u64 = 4;
const OUTPUTS: u64 = 1;

/// Steps of its networks, and of its limit.
const STEPS: u64 = 32;
const LIMIT_STEPS: u64 = 8;

/// Operations of the step for each parameter.
const HEAVY_BALL: u64 = 7;
const DESCENT: u64 = 4;

/// Counted operations and evaluations of activations.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counted {
    operations: u64,
    activations: u64,
}

impl std::iter::Sum for Counted {
    fn sum<I: Iterator<Item = Counted>>(all: I) -> Counted {
        all.fold(Counted::default(), |a, b| Counted {
            operations: a.operations + b.operations,
            activations: a.activations + b.activations,
        })
    }
}

/// Passes of a network: counted work of a forward and of a backward pass, and its parameters.
#[derive(Clone, Copy)]
struct Passes {
    forward: Counted,
    backward: u64,
    parameters: u64,
}

impl Passes {
    /// Two layers of N neurons on n samples: `2 n N (h + K)` in either direction.
    fn two_layers(samples: u64, width: u64) -> Self {
        let products = 2 * samples * width * (INPUTS + OUTPUTS);
        let forward = Counted { operations: products, activations: samples * width };
        Passes { forward, backward: products, parameters: width * (INPUTS + OUTPUTS) }
    }

    /// Three layers of N and N neurons: the weights, backwards also the products with the output weights and with the
    /// transpose of those between the hidden layers.
    fn three_layers(samples: u64, width: u64) -> Self {
        let weights = width * INPUTS + width * (width + 1) + width * OUTPUTS;
        let forward = Counted { operations: 2 * samples * weights, activations: 2 * samples * width };
        let backward = 2 * samples * (weights + width * OUTPUTS + width * width);
        Passes { forward, backward, parameters: weights }
    }

    /// So many gradients, which are written with the ridge term.
    fn gradients(self, count: u64) -> Counted {
        Counted {
            operations: count * (self.forward.operations + self.backward + 2 * self.parameters),
            activations: count * self.forward.activations,
        }
    }

    /// So many steps in one pass each, after the first forward pass: a backward pass, the step with so many operations for
    /// each parameter, and a forward pass.
    fn fused_steps(self, steps: u64, update: u64) -> Counted {
        Counted {
            operations: self.forward.operations * (steps + 1) + steps * (self.backward + update * self.parameters),
            activations: (steps + 1) * self.forward.activations,
        }
    }
}

/// Runs [`TINY`] with `--profile` and keys replaced, and after `--unset` removed; returns the profile.
fn profiled(folder: &Path, out: &str, set: &[&str]) -> Value {
    fs::write(folder.join("tiny.toml"), TINY).unwrap();
    let mut args = vec!["run", "tiny.toml", "--quiet", "--profile", "--threads", "2", "--out", out];
    let mut flag = "--set";
    for &entry in set {
        if entry == "--unset" {
            flag = entry;
        } else {
            args.extend([flag, entry]);
        }
    }
    let printed = fine(folder, &args);
    assert!(printed.contains("Profile") && printed.contains("of peak"), "{printed}");
    json(&folder.join(out).join("records/profile.json"))
}

/// The counted kernels of a phase in a precision.
fn kernels(profile: &Value, phase: &str, precision: &str) -> Counted {
    let phases = profile["phases"].as_array().unwrap();
    let phase = phases.iter().find(|found| found["name"] == phase).unwrap_or_else(|| panic!("{profile}"));
    let work = phase["work"].as_array().unwrap().iter().find(|work| work["kind"] == "kernels").unwrap();
    let number = |key: &str| work[key][precision].as_u64().unwrap();
    Counted { operations: number("operations"), activations: number("activations") }
}

/// Two networks of either width, by steps with so many operations for each parameter.
fn networks(update: u64, passes: impl Fn(u64) -> Passes) -> Counted {
    [4, 4, 8, 8].map(|width| passes(width).fused_steps(STEPS, update)).into_iter().sum()
}

#[test]
fn networks_of_two_and_three_layers_and_mini_batches_are_counted_in_closed_form() {
    let here = tempfile::tempdir().unwrap();
    let full = profiled(here.path(), "full", &[]);
    assert_eq!(kernels(&full, "networks", "f64"), networks(HEAVY_BALL, |width| Passes::two_layers(SAMPLES, width)));
    assert_eq!(kernels(&full, "networks", "f32"), Counted::default());
    let single = profiled(here.path(), "single", &["precision=f32"]);
    assert_eq!(kernels(&single, "networks", "f32"), networks(HEAVY_BALL, |width| Passes::two_layers(SAMPLES, width)));
    let batches = profiled(here.path(), "batches", &["dynamics.batch=3"]);
    assert_eq!(kernels(&batches, "networks", "f64"), networks(HEAVY_BALL, |width| Passes::two_layers(3, width)));
    let starts = ["u", "c"].map(|family| format!("network.start.{family}={{ law = \"gaussian\", std = 1.0 }}"));
    let three = profiled(here.path(), "three", &["network.kind=three-layer", &starts[0], &starts[1]]);
    assert_eq!(kernels(&three, "networks", "f64"), networks(HEAVY_BALL, |width| Passes::three_layers(SAMPLES, width)));
}

#[test]
fn the_gradients_of_every_integrator_are_counted() {
    let here = tempfile::tempdir().unwrap();
    let limit = Passes::two_layers(SAMPLES, 64);
    let counted = |method: &str, set: &[&str]| {
        let own = format!("reference.method={method}");
        let set = [&[own.as_str()], set].concat();
        kernels(&profiled(here.path(), method, &set), "mean-field limit", "f64")
    };
    // Records take the forward pass of the next step, and the last record one of its own.
    let with_record = |gradients: Counted| [gradients, limit.forward].into_iter().sum::<Counted>();
    assert_eq!(counted("rk4", &[]), with_record(limit.gradients(4 * LIMIT_STEPS)));
    // The last gradient of a step is the first of the next.
    assert_eq!(counted("kick-drift-kick", &[]), limit.gradients(LIMIT_STEPS + 1));
    // Six gradients for every step tried, and one at the start; the number of steps is the method's own.
    let adaptive = counted("dormand-prince", &["reference.tolerance=1e-6"]);
    let gradients = adaptive.operations / limit.gradients(1).operations;
    assert_eq!((adaptive, gradients % 6), (limit.gradients(gradients), 1));
    assert!(gradients > 6);
    // The limit takes the steps of the networks, and noise.
    let noisy = ["dynamics.temperature=0.01", "reference.step=0.125"];
    assert_eq!(counted("baoab", &noisy), limit.gradients(LIMIT_STEPS + 1));
    let descent =
        profiled(here.path(), "descent", &["dynamics.method=gradient-descent", "--unset", "dynamics.friction"]);
    assert_eq!(kernels(&descent, "networks", "f64"), networks(DESCENT, |width| Passes::two_layers(SAMPLES, width)));
}

#[test]
fn a_profile_changes_no_result() {
    let here = tempfile::tempdir().unwrap();
    let profile = profiled(here.path(), "with", &[]);
    fine(here.path(), &["run", "tiny.toml", "--quiet", "--threads", "2", "--out", "without"]);
    let of = |name: &str| {
        let mut found = files(&here.path().join(name));
        found.retain(|name, _| !["manifest.json", "report.html", ".lock"].contains(&name.as_str()));
        found
    };
    let mut with = of("with");
    assert!(with.remove("records/profile.json").is_some());
    assert!(with == of("without"), "only the profile is more");
    let recorded = json(&here.path().join("with/manifest.json"))["records"].clone();
    assert!(recorded.get("records/profile.json").is_none() && recorded.get("records/gap.json").is_some());

    assert_eq!(profile["complete"], true);
    let names: Vec<&str> =
        profile["phases"].as_array().unwrap().iter().map(|phase| phase["name"].as_str().unwrap()).collect();
    assert_eq!((names.first(), names.last()), (Some(&"start"), Some(&"figures")));
    for name in ["population", "mean-field limit", "networks", "study: gap"] {
        assert!(names.contains(&name), "{names:?}");
    }
    for phase in profile["phases"].as_array().unwrap() {
        let number = |key: &str| phase[key].as_f64().unwrap();
        let work: f64 =
            phase["work"].as_array().unwrap().iter().map(|work| work["processor_seconds"].as_f64().unwrap()).sum();
        let process = number("processor_seconds");
        assert!(work <= 1.05 * process + 0.02, "{phase}");
        assert!(number("waiting_seconds") >= 0.0 && number("other_seconds") >= 0.0, "{phase}");
    }
    for rate in [&profile["peak"]["operations"], &profile["peak"]["activations"]] {
        assert!(["f32", "f64"].iter().all(|precision| rate[precision].as_f64().unwrap() > 0.0), "{profile}");
    }
}

#[test]
fn the_answer_in_json_has_the_profile_and_a_complete_run_has_none() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), TINY).unwrap();
    let args = ["run", "tiny.toml", "--quiet", "--profile", "--json", "--out", "run"];
    let answer: Value = serde_json::from_str(&fine(here.path(), &args)).unwrap();
    assert_eq!(answer["profile"], json(&here.path().join("run/records/profile.json")));
    let again: Value = serde_json::from_str(&fine(here.path(), &[&args[..], &["--resume"]].concat())).unwrap();
    assert_eq!((again["computed"].as_bool(), again.get("profile")), (Some(false), None));
    // The profile of another process is not that of the run.
    fine(here.path(), &["run", "tiny.toml", "--quiet", "--force", "--out", "run"]);
    assert!(!here.path().join("run/records/profile.json").exists());
}

#[test]
fn what_is_not_profiled_is_refused() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), TINY).unwrap();
    for part in [["--stage", "limit"], ["--shard", "1/2"]] {
        let message = refused(here.path(), &[&["run", "tiny.toml", "--profile"], &part[..]].concat());
        assert!(message.contains("--profile"), "{message}");
    }
    let coverage = refused(here.path(), &["coverage", "tiny.toml", "--seeds", "2", "--profile"]);
    assert!(coverage.contains("coverage is not profiled"), "{coverage}");
    fs::write(here.path().join("varied.toml"), format!("{TINY}\n[vary]\n\"dynamics.friction\" = [1.0, 2.0]\n"))
        .unwrap();
    let varied = refused(here.path(), &["run", "varied.toml", "--profile"]);
    assert!(varied.contains("[vary]") && varied.contains("expected"), "{varied}");
}
