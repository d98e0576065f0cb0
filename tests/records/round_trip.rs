//! Experiments through TOML, arrays through `.npz`, manifests and checks through JSON.

use crate::common::bits;
use crate::common::experiment::parse;
use ndarray::{Array1, Array2, Ix1};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use widelimit::analysis::verdict::{Check, Verdict};
use widelimit::choice::Choice;
use widelimit::dynamics::StopReason;
use widelimit::network::Activation;
use widelimit::record::npz::{Arrays, StoredArrays};
use widelimit::record::{
    Build, FORMAT, Host, Hyperparameters, Invocation, Manifest, PhaseExchanges, PhaseTime, PopulationRecord,
    ReferenceError, RunFolder, RunKind, Shard, ShardRecord, Status, TrajectoryRecord,
};

/// A table in braces.
fn inline(entries: &[(&str, String)]) -> String {
    let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    format!("{{ {} }}", entries.join(", "))
}

fn quoted(name: &str) -> String {
    toml::Value::String(name.into()).to_string()
}

fn real(value: f64) -> String {
    toml::Value::Float(value).to_string()
}

/// Positive numbers of every size that squares without overflow.
fn positive() -> impl Strategy<Value = f64> {
    (-40.0..40.0_f64).prop_map(f64::exp)
}

/// A population, and the losses that go with its labels.
fn population() -> impl Strategy<Value = (String, bool, Vec<&'static str>)> {
    const SIGN: [&str; 2] = ["half-squared", "logistic"];
    const CLASSES: [&str; 2] = ["half-squared", "softmax"];
    let losses = |labels: &str| match labels {
        "parity" | "sign" => SIGN.to_vec(),
        "classes" => CLASSES.to_vec(),
        _ => vec!["half-squared"],
    };
    let standardise = || select(vec!["none", "global", "per-feature"]);
    let limit = || proptest::option::of(1_usize..500);
    let kept = |limit: Option<usize>| limit.map(|limit| ("limit", limit.to_string()));
    let digits = (select(vec!["parity", "classes"]), limit(), standardise()).prop_map(move |(labels, limit, s)| {
        let mut entries = vec![("kind", quoted("digits")), ("labels", quoted(labels)), ("standardise", quoted(s))];
        entries.extend(kept(limit));
        (inline(&entries), false, losses(labels))
    });
    let mnist = (select(vec!["parity", "classes"]), select(vec!["train", "test"]), limit(), standardise()).prop_map(
        move |(labels, split, limit, s)| {
            let mut entries = vec![("kind", quoted("mnist")), ("labels", quoted(labels)), ("standardise", quoted(s))];
            entries.extend([("split", quoted(split)), ("folder", quoted("some \"folder\" of \\ mine"))]);
            entries.extend(kept(limit));
            (inline(&entries), false, losses(labels))
        },
    );
    let file = (select(vec!["real", "sign", "classes"]), limit(), standardise()).prop_map(move |(labels, limit, s)| {
        let mut entries = vec![("kind", quoted("file")), ("labels", quoted(labels)), ("standardise", quoted(s))];
        entries.extend([("path", quoted("data/é.csv"))]);
        entries.extend(kept(limit));
        (inline(&entries), false, losses(labels))
    });
    let teacher = (
        (1_usize..9, 1_usize..9, 1_usize..99),
        select(vec!["tanh", "erf", "relu"]),
        select(vec!["random", "axes"]),
        select(vec!["alternating", "ones"]),
        select(vec!["mean", "sum"]),
        (positive(), positive(), any::<bool>()),
    )
        .prop_map(|((d, m, size), activation, directions, outputs, sum, (norm, noise, fresh))| {
            let entries = [
                ("kind", quoted("teacher")),
                ("dimension", (d + m).to_string()),
                ("neurons", m.to_string()),
                ("activation", quoted(activation)),
                ("directions", quoted(directions)),
                ("outputs", quoted(outputs)),
                ("sum", quoted(sum)),
                ("norm", real(norm)),
                ("noise_std", real(noise)),
                ("size", size.to_string()),
                ("draws", quoted(if fresh { "fresh" } else { "fixed" })),
            ];
            (inline(&entries), fresh, vec!["half-squared"])
        });
    let mixture = (1_usize..9, 0.001..0.999_f64, 1_usize..99, any::<bool>()).prop_map(|(d, delta, size, fresh)| {
        let entries = [
            ("kind", quoted("mixture")),
            ("dimension", d.to_string()),
            ("delta", real(delta)),
            ("size", size.to_string()),
            ("draws", quoted(if fresh { "fresh" } else { "fixed" })),
        ];
        (inline(&entries), fresh, SIGN.to_vec())
    });
    prop_oneof![digits, mnist, file, teacher, mixture]
}

fn law() -> impl Strategy<Value = String> {
    let any = || prop_oneof![-1e3..1e3_f64, Just(0.0), Just(-0.0), positive()];
    prop_oneof![
        (any(), positive()).prop_map(|(mean, std)| format!(
            "{{ law = \"gaussian\", mean = {}, std = {} }}",
            real(mean),
            real(std)
        )),
        positive().prop_map(|std| format!("{{ law = \"gaussian\", std = {} }}", real(std))),
        (any(), 1e-3..1e3_f64).prop_map(|(low, length)| format!(
            "{{ law = \"uniform\", low = {}, high = {} }}",
            real(low),
            real(low + length.max(low.abs()))
        )),
        positive().prop_map(|radius| format!("{{ law = \"sphere\", radius = {} }}", real(radius))),
        any().prop_map(|value| format!("{{ law = \"point\", value = {} }}", real(value))),
    ]
}

/// Steps are the recording interval over powers of two, so that they divide it and share a clock; in sweeps over 16 or
/// more.
fn dynamics(interval: f64) -> impl Strategy<Value = (String, String)> {
    let power = || (0_i32..12).prop_map(move |k| interval / f64::powi(2.0, k));
    let heavy_ball = (power(), 0.0..=1.0_f64, any::<bool>()).prop_map(move |(step, loss, by_rate)| {
        // What a step loses of the momentum is at most all of it, in sweeps too.
        let friction = loss * (1.0 - 1e-9) / step.max(interval / 16.0);
        let clock = if by_rate && loss > 0.0 {
            format!("learning_rate = {}\nmomentum = {}", real(step * step), real(1.0 - friction * step))
        } else {
            format!("step = {}\nfriction = {}", real(step), real(friction))
        };
        (clock, loss > 0.0)
    });
    let descent = power().prop_map(|step| (format!("method = \"gradient-descent\"\nstep = {}", real(step)), true));
    let clock = prop_oneof![heavy_ball.prop_map(|clock| (clock, false)), descent.prop_map(|clock| (clock, true))];
    (clock, power(), proptest::option::of(positive()), proptest::option::of(positive()), 0_usize..6, 1e-13..1e-2_f64)
        .prop_map(|(((clock, rubs), first_order), step, temperature, ridge, method, tolerance)| {
            let temperature = temperature.filter(|_| rubs);
            let methods: &[&str] = match (first_order, temperature.is_some()) {
                (false, false) => &["heavy-ball", "kick-drift-kick", "rk4", "dormand-prince", "baoab"],
                (false, true) => &["baoab", "heavy-ball"],
                (true, false) => &["rk4", "dormand-prince", "gradient-descent"],
                (true, true) => &["gradient-descent"],
            };
            let method = methods[method % methods.len()];
            let mut dynamics = clock;
            for (key, value) in [("temperature", temperature), ("ridge", ridge)] {
                dynamics += &value.map_or(String::new(), |value| format!("\n{key} = {}", real(value)));
            }
            let mut reference = format!("method = \"{method}\"\nstep = {}", real(step));
            if method == "dormand-prince" && tolerance > 1e-8 {
                reference += &format!("\ntolerance = {}", real(tolerance));
            }
            (dynamics, reference)
        })
}

fn sweep(interval: f64, fresh: bool) -> impl Strategy<Value = String> {
    let steps = proptest::sample::subsequence((0..8).collect::<Vec<i32>>(), 1..5);
    let over_step = (steps, proptest::option::of(1_usize..50)).prop_map(move |(powers, batch)| {
        let values: Vec<String> = powers.iter().map(|&k| real(interval / f64::powi(2.0, 4 + k))).collect();
        let batch = match batch {
            Some(size) => format!("batch = {size}"),
            None if fresh => "batch = 7".into(),
            None => "batch = \"full\"".into(),
        };
        format!("over = \"step\"\nvalues = [{}]\n{batch}", values.join(", "))
    });
    let sizes = proptest::sample::subsequence((1..40).collect::<Vec<usize>>(), 1..5);
    let over_batch = (sizes, any::<bool>()).prop_map(move |(sizes, step)| {
        let step = if step { format!("\nstep = {}", real(interval / 64.0)) } else { String::new() };
        format!("over = \"batch\"\nvalues = {sizes:?}{step}")
    });
    (prop_oneof![over_step, over_batch], 1_usize..64, 1_usize..9)
        .prop_map(|(sweep, width, seeds)| format!("[[gap.sweep]]\n{sweep}\nwidth = {width}\nseeds = {seeds}\n"))
}

/// Text of a valid experiment.
fn experiment() -> impl Strategy<Value = String> {
    let shape = (0.01..100.0_f64, 1_usize..40).prop_flat_map(|(time, records)| {
        let interval = time / records as f64;
        population().prop_flat_map(move |(population, fresh, losses)| {
            let network = (
                select(Activation::ALL.iter().copied().filter(|a| *a != Activation::Bump).collect::<Vec<_>>()),
                select(losses),
                (any::<bool>(), any::<bool>()),
                (law(), law(), law()),
            );
            let widths = proptest::sample::subsequence((1..64).collect::<Vec<usize>>(), 1..6);
            let gap = proptest::option::of((vec(sweep(interval, fresh), 0..4), 1_usize..64, 100_usize..500));
            let batch = proptest::option::of(1_usize..100);
            let lines = (Just(population), network, dynamics(interval), widths, gap, batch);
            lines.prop_map(move |lines| (time, records, fresh, lines))
        })
    });
    let head = (any::<String>(), 0..=i64::MAX, any::<bool>(), proptest::option::of(positive()), 1_usize..9);
    (shape, head).prop_map(|((time, records, fresh, lines), (title, seed, single, checkpoint, seeds))| {
        let (population, network, (dynamics, reference), widths, gap, batch) = lines;
        let (activation, loss, (bias, fixed_output), (w, b, a)) = network;
        let activation = serde_json::to_string(&activation).unwrap();
        let batch = match batch {
            Some(size) => format!("batch = {size}"),
            None if fresh => "batch = 3".into(),
            None => String::new(),
        };
        let gap = gap.map_or(String::new(), |(sweeps, projections, resamples)| {
            format!("[gap]\nprojections = {projections}\nresamples = {resamples}\n{}", sweeps.concat())
        });
        let b = if bias { format!("b = {b}\n") } else { String::new() };
        let run = checkpoint.map_or(String::new(), |s| format!("[run]\ncheckpoint_seconds = {}\n", real(s)));
        format!(
            "name = \"generated-1.x_y\"\ntitle = {}\nseed = {seed}\nprecision = \"{}\"\npopulation = {population}\n\
             [network]\nactivation = {activation}\nloss = \"{loss}\"\nbias = {bias}\nfixed_output = {fixed_output}\n\
             [network.start]\nw = {w}\n{b}a = {a}\n[dynamics]\n{dynamics}\n{batch}\n\
             [horizon]\ntime = {}\nrecords = {records}\n[widths]\nvalues = {widths:?}\nseeds = {seeds}\n\
             [reference]\nparticles = 256\n{reference}\n{run}{gap}",
            quoted(&title),
            if single { "f32" } else { "f64" },
            real(time),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn experiments_write_themselves_as_toml(text in experiment()) {
        let first = parse(&text, &[]).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let written = first.to_toml().unwrap();
        let second = parse(&written, &[]).unwrap_or_else(|error| panic!("{error}\n{written}"));
        prop_assert_eq!(&first, &second);
        prop_assert_eq!(second.to_toml().unwrap(), written);
    }

    #[test]
    fn a_key_replaced_is_the_key_written(text in experiment(), seed in 0..=i64::MAX, std in positive()) {
        let set = [format!("seed={seed}"), format!("network.start.w={{law=\"gaussian\", std={}}}", real(std))];
        let set: Vec<&str> = set.iter().map(String::as_str).collect();
        let replaced = parse(&text, &set).unwrap();
        let mut table: toml::Table = text.parse().unwrap();
        table.insert("seed".into(), toml::Value::Integer(seed));
        let w = [("law".to_string(), "gaussian".into()), ("std".to_string(), std.into())].into_iter().collect();
        table["network"]["start"].as_table_mut().unwrap().insert("w".into(), toml::Value::Table(w));
        prop_assert_eq!(replaced, parse(&table.to_string(), &[]).unwrap());
    }

    #[test]
    fn arrays_come_back_bit_for_bit(
        values in vec(any::<u64>().prop_map(f64::from_bits), 0..40),
        single in vec(any::<u32>().prop_map(f32::from_bits), 0..40),
        rows in 1_usize..5,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let columns = values.len() / rows;
        let mut wide = Arrays::<f64>::default();
        wide.push("line", &[values.len()], values.clone());
        wide.push("table", &[rows, columns], values[..rows * columns].to_vec());
        wide.push("nothing", &[0, 3], Vec::new());
        let (path, again) = (folder.path().join("a.npz"), folder.path().join("b.npz"));
        wide.write(&path).unwrap();
        wide.clone().write(&again).unwrap();
        prop_assert!(std::fs::read(&path).unwrap() == std::fs::read(&again).unwrap(), "equal arrays, other bytes");
        let table = StoredArrays::<f64>::read(&path).unwrap();
        prop_assert_eq!(table.names().collect::<Vec<_>>(), ["line", "nothing", "table"]);
        prop_assert_eq!(bits(&table.shaped::<Ix1>("line").unwrap().to_vec()), bits(&values));
        let square: Array2<f64> = table.get("table").unwrap().to_owned().into_dimensionality().unwrap();
        prop_assert_eq!(square.dim(), (rows, columns));
        prop_assert_eq!(bits(&square.into_iter().collect::<Vec<_>>()), bits(&values[..rows * columns]));
        prop_assert_eq!(table.get("nothing").unwrap().shape().to_vec(), vec![0, 3]);

        let mut narrow = Arrays::<f32>::default();
        narrow.push("line", &[single.len()], single.clone());
        narrow.write(&path).unwrap();
        let back: Array1<f32> = StoredArrays::read(&path).unwrap().shaped("line").unwrap();
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&back.to_vec()), bits(&single));
    }

    #[test]
    fn checks_and_manifests_come_back(
        numbers in vec(prop_oneof![any::<f64>(), Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)], 4),
        finite in vec(proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO, 6),
        words in any::<String>(),
        step in any::<u64>(),
        batch in proptest::option::of(any::<u32>().prop_map(|size| size as usize)),
    ) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("manifest.json"), "{}").unwrap();
        let folder = RunFolder::existing(folder.path()).unwrap();
        let verdict = Verdict::NotResolved;
        let mut check =
            Check::new(words.clone(), words.clone(), numbers[0], Some(finite[0]), verdict, words.clone()).about_program();
        check.interval = Some((numbers[1], numbers[2]));
        check.joint_interval = Some((numbers[2], numbers[3]));
        check.p_value = Some(finite[1]);
        folder.write_json("checks.json", &[&check]).unwrap();
        let back: Vec<Check> = folder.read_json("checks.json").unwrap();
        let all = |check: &Check| {
            let ((low, high), (joint_low, joint_high)) = (check.interval.unwrap(), check.joint_interval.unwrap());
            // The payload of NaN is not kept.
            [check.measured, low, high, joint_low, joint_high].map(|v| if v.is_nan() { f64::NAN.to_bits() } else { v.to_bits() })
        };
        prop_assert_eq!(all(&back[0]), all(&check));
        let same = |check: &Check| {
            let mut check = check.clone();
            (check.measured, check.interval, check.joint_interval) = (0.0, None, None);
            check
        };
        prop_assert_eq!(same(&back[0]), same(&check));

        let error = ReferenceError {
            particles: numbers[0],
            step: numbers[1],
            sample: numbers[2],
            training_step: numbers[3],
            iteration: numbers[0],
        };
        folder.write_json("error.json", &error).unwrap();
        let back: ReferenceError = folder.read_json("error.json").unwrap();
        for (a, b) in [(error.particles, back.particles), (error.step, back.step), (error.training_step, back.training_step)] {
            prop_assert!(a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(), "{a} came back as {b}");
        }

        let stop = |k: u64| match k % 3 {
            0 => StopReason::Horizon,
            1 => StopReason::Diverged { step, time: finite[0], loss: if numbers[0].is_nan() { f64::INFINITY } else { numbers[0] } },
            _ => StopReason::Interrupted { step },
        };
        let manifest = Manifest {
            format: FORMAT,
            kind: RunKind::Training,
            studies: vec![words.clone()],
            version: words.clone(),
            revision: words.clone(),
            built_by: vec![Build { version: words.clone(), revision: words.clone() }],
            invocations: vec![Invocation {
                started: words.clone(),
                ended: batch.map(|_| words.clone()),
                command: vec![words.clone()],
                working_folder: words.clone(),
                processor: words.clone(),
                version: words.clone(),
                revision: words.clone(),
                modified_sources: batch.map(|size| size > 5),
            }],
            status: Status::Interrupted,
            experiment: serde_json::json!({ "step": finite[1], "title": words }),
            extends: batch.map(|size| serde_json::json!({ "size": size })).into_iter().collect(),
            seed: step,
            hyperparameters: Some(Hyperparameters { step: finite[1], friction: finite[2], learning_rate: finite[3], momentum: finite[4] }),
            population: PopulationRecord {
                description: words.clone(),
                samples: 3,
                inputs: 2,
                outputs: 1,
                test_samples: batch,
                standardisation: serde_json::json!({ "global": { "mean": finite[5], "scale": 1.0 } }),
                sources: serde_json::Value::Null,
            },
            host: Host { system: words.clone(), processors: 2, memory: step },
            threads: 2,
            simd: words.clone(),
            memory: serde_json::json!({ "population": step }),
            resumed: 3,
            phases: vec![PhaseTime { name: words.clone(), seconds: finite[0].abs() }],
            exchanges: vec![PhaseExchanges { name: words.clone(), count: step, bytes: 8, seconds: finite[0].abs(), least_seconds: 0.0 }],
            warnings: vec![words.clone()],
            trajectories: (0..3)
                .map(|k| TrajectoryRecord {
                    route: "particles".into(),
                    id: format!("n{k}-s0"),
                    width: 5,
                    first: step,
                    replica: k,
                    method: words.clone(),
                    step: finite[0],
                    batch,
                    ticks: k,
                    stop: stop(k),
                })
                .collect(),
            shards: vec![ShardRecord {
                shard: Shard::new(2, 3).unwrap(),
                complete: true,
                host: Host { system: words.clone(), processors: 2, memory: step },
                threads: 2,
                simd: words.clone(),
                build: Build { version: words.clone(), revision: words.clone() },
                phases: vec![PhaseTime { name: words.clone(), seconds: finite[0].abs() }],
            }],
            checks: Some(3),
            records: Some([(words.clone(), words.clone())].into()),
            states: batch.map(|_| [(words.clone(), words.clone())].into()),
        };
        folder.write_json("manifest.json", &manifest).unwrap();
        let back: Manifest = folder.read_json("manifest.json").unwrap();
        prop_assert_eq!(back, manifest);
    }
}

#[test]
fn files_do_not_depend_on_the_time_of_writing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    let mut arrays = Arrays::<f64>::default();
    arrays.push("x", &[2], vec![1.0, 2.0]);
    arrays.push("y", &[1], vec![3.0]);
    arrays.write(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    // Date and time of an entry of a ZIP archive: the first day of the format, at midnight.
    let headers: Vec<usize> = (0..bytes.len() - 3).filter(|&i| bytes[i..].starts_with(b"PK\x03\x04")).collect();
    assert_eq!(headers.len(), 2);
    for at in headers {
        assert_eq!(bytes[at + 10..at + 14], [0, 0, 0x21, 0]);
    }
}
