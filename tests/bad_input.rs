//! Errors in an experiment are reported before anything is computed: all of them together, each with its file, its key,
//! its value and what would be accepted. Nothing is created on disk.

use crate::common::experiment::{TINY, files, parse, program};
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use widelimit::config::{AnyExperiment, builtin};
use widelimit::run::Options;

/// The message with which `parse` refuses a text.
fn refusal(text: &str, set: &[&str]) -> String {
    match parse(text, set) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("accepted: {set:?}\n{text}"),
    }
}

fn contains_all(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "'{word}' is not in: {message}");
    }
}

/// Checks a table of messages, each with the words that it must contain; everything that is missing is reported
/// together.
fn table<'a>(rows: impl IntoIterator<Item = (String, Vec<&'a str>)>) {
    let missing: Vec<String> = rows
        .into_iter()
        .flat_map(|(message, words)| {
            println!("{message}");
            let lacks = words.into_iter().filter(|word| !message.contains(word)).collect::<Vec<_>>();
            lacks.into_iter().map(|word| format!("'{word}' is not in: {message}")).collect::<Vec<_>>()
        })
        .collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// [`TINY`] with a part of its text replaced.
fn with(old: &str, new: &str) -> String {
    assert!(TINY.contains(old), "{old} is not in the text");
    TINY.replacen(old, new, 1)
}

#[test]
fn keys_of_the_file() {
    // A line of the text, its replacement, and words of the message.
    let rows: &[(&str, &str, &[&str])] = &[
        ("name = \"tiny\"", "", &["tiny.toml: name: missing", "text in quotes"]),
        ("name = \"tiny\"", "name = 3", &["tiny.toml: name = 3", "text in quotes"]),
        ("name = \"tiny\"", "name = \"../tiny\"", &["name = \"../tiny\"", "letters, digits"]),
        ("name = \"tiny\"", "name = \".tiny\"", &["name = \".tiny\"", "names files"]),
        ("name = \"tiny\"", "name = \"\"", &["tiny.toml: name", "names files"]),
        ("title = \"a tiny experiment\"", "title = 1.5", &["title = 1.5", "text in quotes"]),
        ("name = \"tiny\"", "name = \"tiny\"\nseed = -1", &["tiny.toml: seed = -1", "whole number of at least 0"]),
        ("name = \"tiny\"", "name = \"tiny\"\nprecision = \"f16\"", &["precision = \"f16\"", "\"f64\", \"f32\""]),
        ("name = \"tiny\"", "name = \"tiny\"\nsead = 1", &["sead = 1", "did you mean 'seed'?"]),
        (
            "name = \"tiny\"",
            "name = \"tiny\"\ncolour = 1",
            &["colour = 1", "unknown key; known here are kind, name, title"],
        ),
        (
            "step = 0.03125",
            "stepp = 0.03125",
            &["dynamics.stepp = 0.03125", "did you mean 'step'?", "dynamics.step: missing"],
        ),
        ("step = 0.03125", "step = \"small\"", &["dynamics.step = \"small\"", "positive number"]),
        ("step = 0.03125", "step = 0.03125\nlearning_rate = 0.01", &["dynamics.learning_rate", "not both"]),
        ("friction = 1.0\n", "momentum = 0.9\n", &["not both", "dynamics.learning_rate: missing"]),
        ("friction = 1.0\n", "", &["tiny.toml: dynamics.friction: missing", "zero or positive"]),
        ("[horizon]\ntime = 1.0\nrecords = 2\n", "", &["tiny.toml: horizon: missing; expected a table, [horizon]"]),
        ("[network.start]", "[network.stat]", &["network.start: missing", "network.stat", "did you mean 'start'?"]),
        ("[gap]\n", "[[gap]]\n", &["tiny.toml: gap = [", "expected a table, [gap]"]),
        ("b = { law = \"gaussian\", std = 0.5 }\n", "", &["network.start.b: missing", "[network.start.b]"]),
        ("std = 1.0", "std = 1.0, radius = 2.0", &["network.start.w.radius = 2.0: read only with law = \"sphere\""]),
        ("values = [4, 8]", "values = [8, 4]", &["widths.values = [8, 4]", "increasing order, each once"]),
        ("values = [4, 8]", "values = [4, 4]", &["widths.values = [4, 4]", "increasing order, each once"]),
        ("values = [4, 8]", "values = 4", &["widths.values = 4", "list of whole numbers", "[64, 256]"]),
        ("name = \"tiny\"", "name = \"tiny", &["tiny.toml: not valid TOML", "line 2"]),
        (
            "name = \"tiny\"",
            "name = \"tiny\"\nname = \"two\"",
            &["tiny.toml: not valid TOML: name is given twice, in lines 2 and 3", "duplicate"],
        ),
        (
            "method = \"rk4\"",
            "method = \"rk4\"\ntolerance = 1e-6",
            &["reference.tolerance", "only method = \"dormand-prince\""],
        ),
    ];
    table(rows.iter().map(|(that, this, words)| (refusal(&with(that, this), &[]), [&["tiny.toml"], *words].concat())));
}

#[test]
fn keys_replaced_on_the_command_line() {
    // Replaced keys, and words of the message.
    let rows: &[(&[&str], &[&str])] = &[
        // Sections and choices.
        (&["population=1"], &["--set: population = 1", "expected a table, [population]"]),
        (
            &["population.kind=digit"],
            &["population.kind = \"digit\"", "\"digits\", \"mnist\", \"file\", \"teacher\", \"mixture\""],
        ),
        (&["population.activation=step"], &["population.activation = \"step\"", "\"tanh\""]),
        (&["population.directions=axis"], &["population.directions = \"axis\"", "\"axes\""]),
        (&["population.directions=axes", "population.neurons=4"], &["population.neurons = 4", "at most dimension = 3"]),
        (&["population.outputs=2"], &["population.outputs = 2", "\"alternating\""]),
        (&["population.sum=product"], &["population.sum = \"product\"", "\"mean\", \"sum\""]),
        (&["population.draws=stale"], &["population.draws = \"stale\"", "\"fixed\", \"fresh\""]),
        (&["network.kind=four-layer"], &["network.kind = \"four-layer\"", "\"two-layer\", \"three-layer\""]),
        (
            &["network.kind=three-layer", "network.proportions=[2, 3]"],
            &[
                "network.proportions = [2, 3]",
                "of which the smaller is 1",
                "network.start.u: missing",
                "network.start.c: missing",
            ],
        ),
        (&["network.proportions=[1, 1]"], &["network.proportions = [1, 1]: read only with kind = \"three-layer\""]),
        (
            &["network.second_activation=tanh"],
            &["network.second_activation = \"tanh\"", "only with kind = \"three-layer\""],
        ),
        (
            &["network.start.u={law=\"point\", value=1.0}"],
            &["network.start.u", "read only with network.kind = \"three-layer\""],
        ),
        (&["network.activation=swish"], &["network.activation = \"swish\"", "\"gelu\""]),
        (&["network.bias=1"], &["network.bias = 1", "true or false"]),
        (&["network.fixed_output=\"yes\""], &["network.fixed_output = \"yes\"", "true or false"]),
        (&["network.loss=hinge"], &["network.loss = \"hinge\"", "\"logistic\", \"softmax\""]),
        (&["dynamics.method=adam"], &["dynamics.method = \"adam\"", "\"heavy-ball\", \"gradient-descent\""]),
        (&["reference.method=euler"], &["reference.method = \"euler\"", "\"baoab\""]),
        // Laws.
        (
            &["network.start.w.law=cauchy"],
            &["network.start.w.law = \"cauchy\"", "\"gaussian\", \"uniform\", \"sphere\", \"point\""],
        ),
        (&["network.start.w={law=\"uniform\", low=1.0, high=1.0}"], &["network.start.w.high = 1", "above low = 1"]),
        (&["network.start.w={law=\"sphere\"}"], &["network.start.w.radius: missing", "positive number"]),
        (&["network.start.w={std=1.0}"], &["network.start.w.law: missing"]),
        (&["network.start.w=gaussian"], &["network.start.w = \"gaussian\"", "expected a table, [network.start.w]"]),
        // Numbers outside their ranges.
        (&["seed=1.5"], &["--set: seed = 1.5", "whole number"]),
        (&["population.dimension=0"], &["population.dimension = 0", "at least 1"]),
        (&["population.neurons=0"], &["population.neurons = 0", "at least 1"]),
        (&["population.size=0"], &["population.size = 0", "at least 1"]),
        (&["population.size=4.0"], &["population.size = 4.0", "whole number"]),
        (&["population.norm=0"], &["population.norm = 0", "positive number"]),
        (&["population.norm=inf"], &["population.norm = inf", "positive number"]),
        (&["population.noise_std=-0.1"], &["population.noise_std = -0.1", "zero or positive"]),
        (
            &["population={kind=\"mixture\", dimension=2, delta=1.0, size=9}"],
            &["population.delta = 1.0", "strictly between 0 and 1"],
        ),
        (&["population={kind=\"digits\", labels=\"parity\", limit=0}"], &["population.limit = 0", "from 1 to 1797"]),
        (
            &["population={kind=\"digits\", labels=\"parity\", limit=1798}"],
            &["population.limit = 1798", "from 1 to 1797"],
        ),
        (
            &["population={kind=\"digits\", labels=\"odd\"}"],
            &["population.labels = \"odd\"", "\"parity\", \"classes\""],
        ),
        (
            &["population={kind=\"digits\", labels=\"parity\", standardise=\"max\"}"],
            &["population.standardise = \"max\"", "\"per-feature\""],
        ),
        (&["population={kind=\"file\", path=\"\", labels=\"real\"}"], &["population.path = \"\"", "expected a path"]),
        (&["population={kind=\"mnist\", labels=\"parity\"}"], &["population.folder: missing", "expected a path"]),
        (
            &["population={kind=\"mnist\", folder=\"x\", labels=\"parity\", split=\"validation\"}"],
            &["population.split = \"validation\"", "\"train\", \"test\""],
        ),
        (&["network.start.w.std=-1"], &["network.start.w.std = -1", "zero or positive"]),
        (&["network.start.w.mean=nan"], &["network.start.w.mean = nan", "finite number"]),
        (&["network.start.w={law=\"sphere\", radius=0}"], &["network.start.w.radius = 0", "positive number"]),
        (&["network.start.w={law=\"point\", value=inf}"], &["network.start.w.value = inf", "finite number"]),
        (&["dynamics.step=0"], &["dynamics.step = 0", "positive number"]),
        (&["dynamics.step=-0.03125"], &["dynamics.step = -0.03125", "positive number"]),
        (&["dynamics.friction=-1"], &["dynamics.friction = -1", "zero or positive"]),
        (&["dynamics.temperature=-1"], &["dynamics.temperature = -1", "zero or positive"]),
        (&["dynamics.ridge=-1"], &["dynamics.ridge = -1", "zero or positive"]),
        (&["dynamics.batch=0"], &["dynamics.batch = 0", "\"full\" or a whole number of at least 1"]),
        (&["dynamics.batch=half"], &["dynamics.batch = \"half\"", "\"full\" or a whole number of at least 1"]),
        (&["dynamics.diverged_above=0"], &["dynamics.diverged_above = 0", "positive number"]),
        (&["dynamics={learning_rate=0.01, momentum=1.0}"], &["dynamics.momentum = 1.0", "at least 0 and less than 1"]),
        (&["dynamics={learning_rate=-0.01, momentum=0.5}"], &["dynamics.learning_rate = -0.01", "positive number"]),
        (&["horizon.time=0"], &["horizon.time = 0", "positive number"]),
        (&["horizon.time=nan"], &["horizon.time = nan", "positive number"]),
        (&["horizon.records=0"], &["horizon.records = 0", "at least 1"]),
        (&["widths.values=[]"], &["widths.values = []", "list of whole numbers"]),
        (&["widths.values=[0, 4]"], &["widths.values = [0, 4]", "at least 1"]),
        (&["widths.values=[4.0]"], &["widths.values = [4.0]", "whole numbers"]),
        (&["widths.seeds=0"], &["widths.seeds = 0", "at least 1"]),
        (&["reference.particles=1"], &["reference.particles = 1", "at least 2"]),
        (&["reference.step=0"], &["reference.step = 0", "positive number"]),
        (
            &["reference.method=dormand-prince", "reference.tolerance=0.5"],
            &["reference.tolerance = 0.5", "strictly between 1e-14 and 0.1"],
        ),
        (&["run.checkpoint_seconds=0"], &["run.checkpoint_seconds = 0", "positive number"]),
        (&["gap.projections=0"], &["gap.projections = 0", "at least 1"]),
        (&["gap.resamples=99"], &["gap.resamples = 99", "at least 100"]),
    ];
    table(rows.iter().map(|(set, words)| (refusal(TINY, set), [&["--set"], *words].concat())));
}

#[test]
fn rules_between_keys() {
    let rows: &[(&[&str], &[&str])] = &[
        (&["reference.particles=31"], &["reference.particles = 31", "4 times the largest width, 32"]),
        (&["dynamics.friction=40"], &["dynamics.step = 0.03125", "1 / friction = 0.025", "momentum", "negative"]),
        (&["dynamics.temperature=0.1"], &["dynamics.temperature = 0.1", "reference.method = \"baoab\""]),
        (
            &["dynamics.temperature=0.1", "dynamics.friction=0", "reference.method=baoab"],
            &["dynamics.friction = 0", "positive friction"],
        ),
        (
            &[
                "dynamics.temperature=0.1",
                "reference.method=baoab",
                "horizon.time=3.0",
                "dynamics.step=0.5",
                "reference.step=0.75",
            ],
            &["dynamics.step = 0.5", "multiple of the finest, 0.375", "Brownian paths"],
        ),
        (
            &["reference.method=gradient-descent"],
            &["reference.method = \"gradient-descent\"", "second order", "kick-drift-kick"],
        ),
        (
            &["dynamics={method=\"gradient-descent\", step=0.25}", "reference.method=baoab"],
            &["reference.method = \"baoab\"", "first order", "rk4"],
        ),
        (&["dynamics.method=gradient-descent"], &["dynamics.friction", "no friction"]),
        (&["network.loss=logistic"], &["network.loss = \"logistic\"", "labels +-1", "half-squared"]),
        (&["network.loss=softmax"], &["network.loss = \"softmax\"", "needs classes", "half-squared"]),
        (
            &["population={kind=\"digits\", labels=\"classes\"}", "network.loss=logistic"],
            &["network.loss = \"logistic\"", "softmax"],
        ),
        (
            &["population={kind=\"digits\", labels=\"parity\"}", "network.loss=softmax"],
            &["network.loss = \"softmax\"", "logistic"],
        ),
        (&["population.draws=fresh"], &["dynamics.batch = \"full\"", "no full gradient", "whole number of draws"]),
        (
            &["population.draws=fresh", "dynamics.batch=2", "gap.sweep=[{over=\"step\", values=[0.25], width=4}]"],
            &["gap.sweep.0.batch = \"full\"", "no full gradient"],
        ),
        // Sweeps.
        (&["gap.sweep=[1]"], &["gap.sweep = [1]", "expected tables, [[gap.sweep]]"]),
        (
            &["gap.sweep=[{over=\"width\", values=[4], width=4}]"],
            &["gap.sweep.0.over = \"width\"", "\"step\", \"batch\""],
        ),
        (
            &["gap.sweep=[{over=\"step\", values=[0.25, 0.25], width=4}]"],
            &["gap.sweep.0.values = [0.25, 0.25]", "every value once"],
        ),
        (&["gap.sweep=[{over=\"step\", values=[0.0], width=4}]"], &["gap.sweep.0.values = [0.0]", "positive number"]),
        (&["gap.sweep=[{over=\"batch\", values=[1.5], width=4}]"], &["gap.sweep.0.values = [1.5]", "whole numbers"]),
        (
            &["gap.sweep=[{over=\"batch\", values=[1], width=65}]"],
            &["gap.sweep.0.width = 65", "at most reference.particles = 64"],
        ),
        (&["gap.sweep=[{over=\"batch\", values=[1], width=0}]"], &["gap.sweep.0.width = 0", "at least 1"]),
        (&["gap.sweep=[{over=\"batch\", values=[1], width=4, seeds=0}]"], &["gap.sweep.0.seeds = 0", "at least 1"]),
        (
            &["gap.sweep=[{over=\"batch\", values=[1], width=4, batch=2}]"],
            &["gap.sweep.0.batch = 2", "only with over = \"step\""],
        ),
        (
            &["gap.sweep=[{over=\"step\", values=[0.25], width=4, step=0.25}]"],
            &["gap.sweep.0.step = 0.25", "only with over = \"batch\""],
        ),
        (
            &["gap.sweep=[{over=\"batch\", values=[1], width=4, step=0.3}]"],
            &["gap.sweep.0.step = 0.3", "divides the recording interval"],
        ),
        (
            &["gap.sweep=[{over=\"step\", values=[0.25, 0.3], width=4}]"],
            &["gap.sweep.0.values = 0.3", "divides the recording interval"],
        ),
        // Memory, whatever the size of the mistake.
        (&["reference.particles=1000000000000"], &["would need about", "this machine has", "fewer particles", "f32"]),
        (&["population.size=1000000000000"], &["tiny.toml: ", "would need about"]),
        (&["population.dimension=1000000000000"], &["would need about"]),
        (&["dynamics.batch=1000000000000"], &["--set: dynamics.batch = 1000000000000: the run would need", "batches"]),
        (&["gap.sweep=[{over=\"batch\", values=[1e12], width=4}]"], &["--set: gap.sweep", "would need about"]),
        (
            &["predict={}", "predict.particles=100000000000"],
            &[
                "--set: predict.particles = 100000000000: the run would need",
                "smaller predict.particles, predict.modes",
            ],
        ),
        (
            &["predict={}", "predict.columns=100000000000"],
            &["would need about", "predict.particles, predict.modes or predict.columns"],
        ),
        (
            &["predict={batches=[4]}", "predict.batch_columns=100000000000"],
            &["predict.particles", "predict.batch_columns"],
        ),
        (
            &["predict={}", "network.activation=relu", "predict.columns=100000000000"],
            &["would need about", "predict.modes or predict.columns"],
        ),
        (
            &["paths={points=100000, pairs=1}", "widths.seeds=100000", "horizon.records=1000000"],
            &["widths.seeds = 100000"],
        ),
        (&["picard={particles=100000000000}"], &["--set: picard.particles = 100000000000", "smaller picard.particles"]),
        // What would overflow or never end.
        (&["reference.particles=9223372036854775807"], &["particles = 9223372036854775807", "from 2 to 1000000000000"]),
        (
            &["widths.values=[9223372036854775807]"],
            &["widths.values = [9223372036854775807]", "from 1 to 1000000000000"],
        ),
        (&["widths.seeds=1000000000000"], &["widths.seeds = 1000000000000", "from 1 to 100000"]),
        (&["population.size=9223372036854775807"], &["population.size = 9223372036854775807", "to 1000000000000"]),
        (&["horizon.records=1000000000000"], &["horizon.records = 1000000000000", "from 1 to 1000000"]),
        (&["dynamics.batch=9223372036854775807"], &["dynamics.batch = 9223372036854775807", "to 1000000000000"]),
        (&["gap.projections=1000000000000"], &["gap.projections = 1000000000000", "from 1 to 100000"]),
        (&["gap.resamples=1000000000000"], &["gap.resamples = 1000000000000", "from 100 to 1000000"]),
        (&["keep.draws=1000000000000"], &["keep.draws = 1000000000000", "from 10 to 1000000"]),
        (&["keep.draws=10", "keep.refit_draws=11"], &["keep.refit_draws = 11", "keep.draws = 10", "at most as many"]),
        (&["keep.damping=0.0"], &["keep.damping = 0", "a positive number"]),
        (&["keep.damping=2.0"], &["keep.damping = 2", "at most 1"]),
        (&["keep.kept=[4,2]"], &["keep.kept", "increasing"]),
        (&["keep.kept=[512]"], &["keep.kept = [512]", "below the largest width"]),
        (&["keep.kept=[0]"], &["keep.kept", "at least 1"]),
        (&["keep.widths=[4]"], &["keep.widths", "unknown"]),
        (&["dropout.draws=1000000000000"], &["dropout.draws = 1000000000000", "from 10 to 1000000"]),
        (&["paths.points=1000000000000"], &["paths.points = 1000000000000", "from 3 to 100000"]),
        (&["paths.bezier.steps=1000000000000"], &["paths.bezier.steps = 1000000000000", "from 0 to 100000000"]),
        (&["gap.sweep=[{over=\"batch\", values=[1e18], width=4}]"], &["gap.sweep.0.values", "at most 1000000000000"]),
        (&["dynamics.step=1e-9"], &["dynamics.step = 1e-9", "would take 1.0e9 steps", "at most 1e8", "at least 1e-8"]),
        (&["horizon.time=1e18"], &["horizon.time = 1e18", "dynamics.step = 0.03125 in tiny.toml", "3.2e19 steps"]),
        (&["reference.step=1e-25"], &["reference.step = 1e-25", "would take 1.0e25 steps"]),
        // Products of numbers that are too large or too small would overflow or vanish.
        (
            &["reference.step=1e-300"],
            &["reference.step = 1e-300: expected a positive number, of magnitude 1e-30 to 1e30"],
        ),
        (&["network.start.w.std=1e300"], &["network.start.w.std = 1e300", "of magnitude 1e-30 to 1e30", "overflow"]),
        (&["network.start.w={law=\"point\", value=-1e31}"], &["value = -1e31: expected a finite number, of magnitude"]),
        (&["dynamics.ridge=1e300"], &["dynamics.ridge = 1e300", "zero or positive, of magnitude 1e-30 to 1e30"]),
        (&["population.norm=1e-300"], &["population.norm = 1e-300", "of magnitude 1e-30 to 1e30"]),
        (
            &["predict={by=\"pairs\"}", "predict.amplitude=1e-300"],
            &["predict.amplitude = 1e-300", "of magnitude 1e-30"],
        ),
        (&["predict={}", "predict.steps=[0.25, 1e-300]"], &["predict.steps = [0.25, 1e-300]", "of magnitude 1e-30"]),
        (&["reference.method=dormand-prince", "reference.step=1e-12"], &["reference.step = 1e-12", "1.0e12 steps"]),
        (
            &["gap.sweep=[{over=\"step\", values=[0.25, 1e-10], width=4}]"],
            &["gap.sweep.0.values = 1e-10", "would take 1.0e10 steps"],
        ),
        // Of two keys that do not agree, the one that was replaced.
        (&["paths={}", "widths.seeds=2"], &["--set: paths.pairs = 4: expected at most half of widths.seeds = 2"]),
        (&["widths.values=[4, 32]"], &["--set: widths.values = [4, 32]: reference.particles = 64 in tiny.toml", "128"]),
        (&["horizon.records=3"], &["--set: horizon.records = 3: dynamics.step = 0.03125 in tiny.toml"]),
        (&["population.draws=fresh"], &["--set: population.draws = \"fresh\": dynamics.batch = \"full\" in tiny.toml"]),
        // The override itself.
        (&["dynamics.step"], &["--set dynamics.step: expected KEY=VALUE"]),
        (&["=1"], &["--set =1: the key has an empty part"]),
        (&["seed=1\nname=\"b\""], &["--set seed=1", "more than one line"]),
        (&["widths.values.5=3"], &["--set widths.values.5=3: 'values' is a list of 2 entries", "values.0 to values.1"]),
        (&["network.start.w={law=gaussian, std=1}"], &["is not valid TOML: ", "such as {law=\"gaussian\", std=0.5}"]),
        (&["dynamics..step=1"], &["--set dynamics..step=1: the key has an empty part"]),
        (&["widths.values=[4, 8"], &["--set widths.values=[4, 8: the value is not valid TOML"]),
        (&["name=\"tiny"], &["--set name=\"tiny: the value is not valid TOML"]),
        (&["name.first=1"], &["--set name.first=1: 'name' is a value, not a table"]),
        (
            &["gap.sweep=[{over=\"batch\", values=[1], width=4}]", "gap.sweep.1.width=4"],
            &["--set gap.sweep.1.width=4", "'sweep' is a list of 1 tables", "sweep.0.KEY"],
        ),
        (&["gap.sweep=[{over=\"batch\", values=[1], width=4}]", "gap.sweep.width=4"], &["sweep.0.KEY"]),
        (&["dynamic.step=0.25"], &["dynamic = ", "did you mean 'dynamics'?"]),
    ];
    table(rows.iter().map(|(set, words)| (refusal(TINY, set), words.to_vec())));
}

/// Keys that are read in another situation say in which; the list of known keys has them.
#[test]
fn keys_of_other_situations() {
    let line = "population={kind=\"line\", low=-1.0, high=1.0, size=8, bumps=[{centre=0.6, width=0.4}]";
    let line_with = |more: &str| format!("{line}, {more}}}");
    let (std, neurons) = (line_with("std=1.0"), line_with("neurons=1"));
    let rows: &[(&[&str], &[&str])] = &[
        (&["population.delta=0.5"], &["population.delta = 0.5: read only with kind = \"mixture\"; remove it"]),
        (
            &["population.labels=real"],
            &["only with kind = \"digits\", or kind = \"mnist\", or kind = \"file\"; remove"],
        ),
        (&[&std], &["population.std = 1.0: read only with inputs = \"gaussian\"; remove it"]),
        (&["population.mean=1.0"], &["only with kind = \"line\"", "and inputs = \"gaussian\""]),
        (&[&neurons], &["population.neurons = 1: read only with kind = \"teacher\"; remove it"]),
        (&["population.colour=1"], &["known here are kind, dimension, neurons", "labels", "delta", "bumps"]),
        (&["network.scale=1.0"], &["network.scale = 1.0: read only with kind = \"bump\"; remove it"]),
        (&["network.start.c={law=\"point\", value=1.0}"], &["read only with network.kind = \"three-layer\""]),
        (&["network.colour=1"], &["known here are", "second_activation", "proportions", "scale"]),
        (&["dynamics.colour=1"], &["known here are", "learning_rate", "momentum"]),
        (&["reference.colour=1"], &["known here are", "tolerance, picard, grid"]),
        (&["problem={kind=\"drawn\"}"], &["--set: problem", "read only with kind = \"recovery\"; remove it"]),
        (&["phase={}"], &["--set: phase", "read only with kind = \"recovery\""]),
        (&["dropout={}", "dropout.colour=1"], &["known here are kept, draws, greedy_up_to"]),
        (&["kinetic={}", "kinetic.colour=1"], &["known here are", "frictions"]),
        (
            &["predict={}", "predict.colour=1"],
            &["known here are widths", "amplitude", ", steps", ", batches", "batch_columns, batch_step"],
        ),
        (
            &["predict={}", "predict.batch_columns=30"],
            &["predict.batch_columns = 30: read only with by = \"tangent\" and mini-batches", "predict.batches"],
        ),
        (&["predict={by=\"pairs\"}", "dynamics.batch=4", "predict.batch_step=0.25"], &["only with by = \"tangent\""]),
    ];
    table(rows.iter().map(|(set, words)| (refusal(TINY, set), words.to_vec())));
    for set in [
        &["predict={batch_columns=30}", "dynamics.batch=4"][..],
        &["predict={batch_columns=30, batches=[2]}"],
        &["predict={batch_step=0.25}", "gap.sweep=[{over=\"batch\", values=[1], width=4}]"],
    ] {
        parse(TINY, set).unwrap_or_else(|error| panic!("{set:?}: {error}"));
    }
    let recovery = |set: &[&str]| {
        let overrides = crate::common::experiment::overrides(set).unwrap();
        widelimit::load("recover", &overrides).unwrap_err().to_string()
    };
    contains_all(&recovery(&["problem.density=0.5"]), &["problem.density = 0.5", "design = \"sparse-sign\""]);
    contains_all(&recovery(&["problem.folder=x"]), &["problem.folder", "read only with kind = \"mnist\""]);
    contains_all(&recovery(&["dynamics.step=0.1"]), &["dynamics", "read only with kind = \"training\""]);
    contains_all(&recovery(&["predict={}"]), &["predict", "read only with kind = \"training\""]);
}

/// A value that is nearly right is shown as it was typed, with the right spelling.
#[test]
fn spellings() {
    let rows: &[(&str, &[&str])] = &[
        ("dynamics.step=.03125", &["dynamics.step = .03125: expected a positive number; write 0.03125"]),
        ("dynamics.step=5.e-2", &["dynamics.step = 5.e-2", "write 5.0e-2"]),
        ("dynamics.step=1/32", &["dynamics.step = 1/32", "write 0.03125"]),
        ("dynamics.step=0,5", &["dynamics.step = 0,5", "write 0.5"]),
        ("dynamics.step=\"0.5\"", &["dynamics.step = \"0.5\"", "in quotes it is text: write 0.5"]),
        ("dynamics.step='0.5'", &["dynamics.step = '0.5'", "write 0.5"]),
        ("dynamics.step=0.5 # half", &["dynamics.step = \"0.5 # half\""]),
        ("widths.seeds=1e3", &["widths.seeds = 1e3", "write 1000"]),
        ("widths.seeds=2.0", &["widths.seeds = 2.0", "write 2"]),
        ("widths.seeds=2^10", &["widths.seeds = 2^10", "write 1024"]),
        ("widths.seeds=002", &["widths.seeds = 002", "write 2"]),
        ("widths.seeds=1e99", &["widths.seeds = 1e99:", "from 1 to 100000"]),
        ("seed=9223372036854775808", &["seed = 9223372036854775808", "from 0 to 9223372036854775807"]),
        ("network.bias=True", &["network.bias = True", "write true"]),
        ("network.bias=yes", &["network.bias = \"yes\"", "write true"]),
        ("widths.values=4", &["widths.values = 4", "write [4]"]),
        ("name=3", &["name = 3", "write \"3\""]),
        ("name=-rf", &["name = \"-rf\"", "the first no '-'"]),
        ("network.activation=bumpy", &["expected one of", "\"piecewise-linear\""]),
    ];
    table(rows.iter().map(|(set, words)| (refusal(TINY, &[set]), [&["--set: "], *words].concat())));
    let message = refusal(TINY, &["network.activation=bump"]);
    assert!(!message.split("expected one of").nth(1).unwrap().contains("bump"), "{message}");
    // What is TOML is accepted.
    for (set, seeds) in [("widths.seeds=+5", 5), ("widths.seeds=0x10", 16), ("widths.seeds=1_0", 10)] {
        let experiment = parse(TINY, &[set, "reference.particles=1024"]).unwrap();
        assert_eq!(experiment.widths.seeds, seeds);
    }
    assert_eq!(parse(TINY, &["widths.values.0=2"]).unwrap().widths.values, [2, 8]);

    // Of an experiment that is built in too, the key that was given is blamed.
    let error =
        widelimit::load("digits", &crate::common::experiment::overrides(&["widths.seeds=2"]).unwrap()).unwrap_err();
    assert!(error.to_string().contains("--set: widths.seeds = 2: paths.pairs = "), "{error}");

    let in_file: &[(&str, &str, &[&str])] = &[
        ("step = 0.03125", "step = .03125", &["not valid TOML: dynamics.step = .03125: write 0.03125", "line 21"]),
        (
            "activation = \"tanh\"\n\n[network.start]",
            "activation = tanh\n\n[network.start]",
            &["network.activation = tanh: text needs quotes: write \"tanh\""],
        ),
        (
            "step = 0.03125",
            "step = 3_1.25e-3\ndiverged_above = 1e29\nbatch = 0x1_0\ntemperature = -1e0",
            &["dynamics.temperature = -1e0"],
        ),
        ("seeds = 2", "seeds = 1e3", &["widths.seeds = 1e3", "write 1000"]),
        ("seeds = 2", "seeds = '2'", &["widths.seeds = '2'", "write 2"]),
    ];
    table(in_file.iter().map(|(that, this, words)| (refusal(&with(that, this), &[]), words.to_vec())));
}

#[test]
fn a_step_that_does_not_divide_the_interval_is_refused_with_one_that_does() {
    let rows: &[(&str, &[&str])] = &[
        ("dynamics.step", &["dynamics.step=0.3"]),
        ("dynamics.step", &["dynamics.step=0.7"]),
        ("dynamics.step", &["dynamics.step=1e9", "dynamics.friction=0"]),
        ("dynamics.step", &["dynamics.step=0.0017"]),
        (
            "dynamics.step",
            &["dynamics={learning_rate=0.0001, momentum=0.5}", "horizon.time=0.77", "reference.step=0.385"],
        ),
        ("reference.step", &["reference.step=0.3"]),
        (
            "dynamics.step",
            &["horizon.time=0.7", "horizon.records=3", "dynamics.step=0.01", "reference.method=dormand-prince"],
        ),
    ];
    for (key, set) in rows {
        let message = refusal(TINY, set);
        contains_all(&message, &[key, "horizon.time / horizon.records = "]);
        let offered: f64 = message.rsplit("; ").next().unwrap().trim_end_matches(" does").parse().unwrap();
        let corrected = match set[0].starts_with("dynamics={") {
            true => format!("dynamics={{step={offered}, friction=1.0}}"),
            false => format!("{key}={offered}"),
        };
        println!("{message}\n{corrected}");
        let set: Vec<&str> = set.iter().copied().chain([corrected.as_str()]).collect();
        parse(TINY, &set).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Runs the program in a folder with `tiny.toml` in it; it must refuse, and leave the folder as it was.
fn refused(folder: &Path, args: &[&str], words: &[&str]) {
    let before = files(folder);
    let output = program().current_dir(folder).args(args).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("{message}");
    assert_eq!(output.status.code(), Some(2), "{args:?}: {message}");
    assert!(message.lines().any(|line| line.starts_with("widelimit: ")), "{message}");
    contains_all(&message, words);
    assert!(output.stdout.is_empty());
    assert!(files(folder) == before, "{args:?} changed the folder");
    assert!(!folder.join("runs").exists() && !folder.join("out").exists());
}

#[test]
fn all_errors_are_reported_together_and_nothing_is_created() {
    let here = tempfile::tempdir().unwrap();
    let text =
        with("step = 0.03125", "step = 0.3").replace("seeds = 2", "seeds = 0").replace("[gap]", "[gap]\nresample = 3");
    fs::write(here.path().join("tiny.toml"), text).unwrap();
    let args = ["run", "tiny.toml", "--out", "out", "--set", "network.loss=softmax", "--set", "reference.particles=8"];
    let words = [
        "5 errors in the experiment file:",
        "\n  tiny.toml: widths.seeds = 0: expected a whole number of at least 1",
        "\n  tiny.toml: gap.resample = 3: unknown key; did you mean 'resamples'?",
        "\n  tiny.toml: dynamics.step = 0.3: expected a step that divides",
        "\n  --set: network.loss = \"softmax\": the softmax loss needs classes",
        "\n  --set: reference.particles = 8: expected at least 4 times",
    ];
    refused(here.path(), &args, &words);
}

#[test]
fn removals() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&'static str]| [&["run", "digits", "--out", "run", "--quiet"], args].concat();
    refused(folder.path(), &run(&["--unset", "keep"]), &["--unset keep", "no key or table 'keep'"]);
    // What a removal leaves without use is named with the option that removes it; removals come before replacements.
    let set = ["--set", "predict.batch_step=0.1"];
    refused(
        folder.path(),
        &run(&[&set[..], &["--unset", "gap.sweep"]].concat()),
        &["predict.batch_columns = 62", "--unset predict.batch_columns", "--set: predict.batch_step = 0.1"],
    );
    refused(folder.path(), &run(&["--set", "paths.pairs=0", "--unset", "paths"]), &["paths.pairs = 0"]);
    assert!(!folder.path().join("run").exists());
}

#[test]
fn missing_experiments() {
    let here = tempfile::tempdir().unwrap();
    let all = builtin::names();
    refused(here.path(), &["run", "digit"], &[&["no experiment and no file is called 'digit'"][..], &all].concat());
    refused(here.path(), &["run", "digts3"], &["did you mean 'digits3'?"]);
    refused(here.path(), &["show", "conect"], &["did you mean 'connect'?"]);
    refused(
        here.path(),
        &["run", "tiny.toml"],
        &[&["no experiment and no file is called 'tiny.toml'"][..], &all].concat(),
    );
    fs::create_dir(here.path().join("folder")).unwrap();
    refused(here.path(), &["run", "folder"], &["folder: cannot be read"]);
    fs::write(here.path().join("binary.toml"), [0xff, 0xfe, 0x00]).unwrap();
    refused(here.path(), &["run", "binary.toml"], &["binary.toml: cannot be read"]);
}

#[test]
fn missing_and_damaged_data() {
    let here = tempfile::tempdir().unwrap();
    let population = "population={kind=\"file\", path=\"data.csv\", labels=\"real\"}";
    fs::write(here.path().join("tiny.toml"), TINY).unwrap();
    let with =
        |set: &str, words: &[&str]| refused(here.path(), &["run", "tiny.toml", "--out", "out", "--set", set], words);

    let output = program().current_dir(here.path()).args(["run", "tiny.toml", "--set", population]).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(message.matches("os error").count(), 1, "a cause is given once: {message}");
    with(population, &["cannot read", "data.csv"]);
    let rows: &[(&str, &[&str])] = &[
        ("1,2\n3\n", &["data.csv", "line 2 has 1 cells", "2"]),
        ("1,2\n3,x\n", &["data.csv", "line 2", "\"x\" is not a number"]),
        ("1,2\n3,nan\n", &["data.csv", "line 2", "nan is not finite"]),
        ("x0,z\n1,2\n", &["data.csv", "unknown column \"z\""]),
        ("x0,x0,y\n1,2,3\n", &["data.csv", "x0 appears twice"]),
        ("x0,x2,y\n1,2,3\n", &["data.csv", "no column x1"]),
        ("x0,y\n", &["data.csv", "no samples"]),
        ("", &["data.csv", "no samples"]),
        ("1\n2\n", &["data.csv", "one column only"]),
    ];
    for (text, words) in rows {
        fs::write(here.path().join("data.csv"), text).unwrap();
        with(population, words);
    }
    fs::write(here.path().join("data.csv"), "1,2\n3,0.5\n").unwrap();
    with("population={kind=\"file\", path=\"data.csv\", labels=\"sign\"}", &["data.csv", "line 1", "label 2"]);
    with(
        "population={kind=\"file\", path=\"data.csv\", labels=\"real\", limit=3}",
        &["limit = 3", "2 samples", "at most 2"],
    );
    fs::write(here.path().join("data.npz"), "not an archive").unwrap();
    with(
        "population={kind=\"file\", path=\"data.npz\", labels=\"real\"}",
        &["data.npz", "not a readable .npz archive"],
    );
    fs::write(here.path().join("data.csv.gz"), "not packed").unwrap();
    with("population={kind=\"file\", path=\"data.csv.gz\", labels=\"real\"}", &["data.csv.gz"]);
    with("population={kind=\"file\", path=\"data.txt\", labels=\"real\"}", &["data.txt", ".npz", ".csv"]);
    with("population={kind=\"file\", path=\"nowhere/data.csv\", labels=\"real\"}", &["nowhere/data.csv"]);

    // All four files of MNIST are named, and those that lack.
    let four =
        ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];
    let mnist = "population={kind=\"mnist\", folder=\"mnist\", labels=\"parity\", split=\"test\"}";
    with(mnist, &[&["mnist does not exist"][..], &four].concat());
    fs::create_dir(here.path().join("mnist")).unwrap();
    with(mnist, &[&["lacks t10k-images-idx3-ubyte"][..], &four].concat());
    fs::write(here.path().join("mnist/t10k-images-idx3-ubyte"), [0, 0, 8, 3, 0, 0, 0, 1]).unwrap();
    with(mnist, &["lacks t10k-labels-idx1-ubyte", "of the four files it has t10k-images-idx3-ubyte"]);
    fs::write(here.path().join("mnist/t10k-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 1, 7]).unwrap();
    with(mnist, &["t10k-images-idx3-ubyte", "truncated"]);
}

/// Relative paths of the command line are of the shell's folder, those of a file of the file's.
#[test]
fn relative_paths() {
    let here = tempfile::tempdir().unwrap();
    let file = "population = {kind = \"file\", path = \"data.csv\", labels = \"real\"}";
    let text =
        TINY.lines().filter(|line| !["kind =", "dimension", "neurons =", "size ="].iter().any(|k| line.starts_with(k)));
    let text: Vec<&str> = text.filter(|line| *line != "[population]").collect();
    let text =
        text.join("\n").replacen("activation = \"tanh\"\n", "", 1).replacen("title", &format!("{file}\ntitle"), 1);
    fs::create_dir(here.path().join("inner")).unwrap();
    fs::write(here.path().join("inner/tiny.toml"), text).unwrap();
    fs::write(here.path().join("inner/data.csv"), "1,2\n3,0.5\n").unwrap();
    let path_of = |set: &[&str]| {
        let mut command = program();
        command.current_dir(here.path()).args(["run", "inner/tiny.toml", "--out", "out"]);
        set.iter().for_each(|set| _ = command.args(["--set", set]));
        String::from_utf8_lossy(&command.output().unwrap().stderr).into_owned()
    };
    // Only the folder of the file has the data; a limit beyond its two samples ends the run with a message about it.
    assert!(path_of(&["population.limit=9"]).contains("inner/data.csv has 2 samples"));
    let message = path_of(&["population.path=data.csv"]);
    assert!(message.contains("cannot read") && !message.contains("inner"), "{message}");
    let message = path_of(&[&file.replace(" = ", "=")]);
    assert!(message.contains("cannot read") && !message.contains("inner"), "{message}");
    assert!(
        path_of(&["population.path=inner/data.csv", "population.limit=9"]).contains("inner/data.csv has 2 samples")
    );
}

/// Archives whose headers promise more than they hold are refused by both kinds of experiment.
#[test]
fn sizes_are_checked_before_memory_is_taken() {
    use std::io::Write;
    let here = tempfile::tempdir().unwrap();
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 20), }\n";
    let mut entry = b"\x93NUMPY\x01\x00".to_vec();
    entry.extend((header.len() as u16).to_le_bytes());
    entry.extend(header.as_bytes());
    let mut writer = zip::ZipWriter::new(fs::File::create(here.path().join("data.npz")).unwrap());
    for name in ["x.npy", "y.npy"] {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(&entry).unwrap();
    }
    writer.finish().unwrap();
    fs::write(here.path().join("tiny.toml"), TINY).unwrap();
    let recovery = "kind = \"recovery\"\nname = \"r\"\n[problem]\nkind = \"file\"\npath = \"data.npz\"\n[solver]\nmethods = [\"k-iht\"]\nk = 3\n[recover]\nproblems = 1\n";
    fs::write(here.path().join("recovery.toml"), recovery).unwrap();
    let words = ["data.npz", "[1000000000000, 20]", "145.52 TiB", "damaged"];
    let population = "population={kind=\"file\", path=\"data.npz\", labels=\"real\"}";
    refused(here.path(), &["run", "tiny.toml", "--out", "out", "--set", population], &words);
    refused(here.path(), &["run", "recovery.toml", "--out", "out"], &words);
    refused(here.path(), &["run", "tiny.toml", "--set", &format!("{}a=1", "a.".repeat(50_000))], &["50001 parts"]);
    refused(here.path(), &["run", "/dev/zero"], &["/dev/zero", "4194304 bytes"]);
    let trials = ["run", "recover", "--out", "out", "--set", "rates.trials=1000000000000"];
    refused(here.path(), &trials, &["rates.trials = 1000000000000", "from 100 to 10000000"]);
}

/// A grid that is refused names a number of nodes that is then accepted.
#[test]
fn advised_numbers_of_nodes_are_accepted() {
    let start = "network={kind=\"bump\", scale=0.2, start={w={law=\"gaussian\", std=0.1}}}";
    let population = "population={kind=\"line\", low=-1.5, high=1.5, size=8, bumps=[{centre=0.6, width=0.4}]}";
    let attempt = |key: &str, table: &str, nodes: usize| -> Option<String> {
        let nodes = format!("{key}={nodes}");
        let set = [start, population, table, nodes.as_str()];
        let experiment = parse(TINY, &set).unwrap_or_else(|error| panic!("{error}"));
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            out: folder.path().join("run"),
            force: false,
            resume: false,
            accept_revision: false,
            quiet: true,
            figures: true,
        };
        let experiment = AnyExperiment::Training(Box::new(experiment));
        widelimit::run_experiment(&experiment, &options, &AtomicBool::new(true)).err().map(|error| error.to_string())
    };
    let kinetic = "kinetic={low=-4.0, high=4.0, momentum=4.0, step=0.0625, particles=0}";
    let reference = "reference={kind=\"grid\", particles=64, method=\"rk4\", step=0.125, grid={low=-4.0, high=4.0, momentum=4.0, step=0.0625}}";
    for (key, table) in [("kinetic.nodes", kinetic), ("reference.grid.nodes", reference)] {
        for nodes in [64, 100] {
            let message = attempt(key, table, nodes).expect("too coarse");
            let mut numbers =
                message.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse::<usize>().ok());
            let advised = numbers.next_back().unwrap();
            assert!(advised > nodes && advised.is_multiple_of(32), "{message}");
            assert_eq!(attempt(key, table, advised), None, "{message}");
        }
    }
}

/// The program with its standard output on a pipe that nobody reads, on a full device, and on a file.
#[cfg(target_os = "linux")]
#[test]
fn closed_and_full_outputs() {
    use std::process::{Command, Stdio};
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("tiny.toml"), TINY).unwrap();
    let with = |args: &[&str], out: Stdio, err: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_widelimit"));
        let output = command.current_dir(here.path()).args(args).stdout(out).stderr(err).spawn();
        let output = output.unwrap().wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let closed = || Stdio::from(std::io::pipe().unwrap().1);
    let full = || Stdio::from(fs::File::options().write(true).open("/dev/full").unwrap());
    // A network with a step far too large: `check` has something to report.
    let unstable = [
        "run",
        "tiny.toml",
        "--out",
        "bad",
        "--set",
        "dynamics.ridge=8000",
        "--set",
        "reference.method=dormand-prince",
    ];
    assert_eq!(with(&unstable, Stdio::null(), Stdio::null()).0, Some(0));
    for (args, code) in [
        (&["list"][..], 0),
        (&["show", "digits"], 0),
        (&["--help"], 0),
        (&["run", "tiny.toml", "--out", "good", "--force"], 0),
        (&["run", "tiny.toml", "--out", "good", "--resume"], 0),
        (&["check", "bad"], 1),
        (&["figures", "good"], 0),
    ] {
        let (found, message) = with(args, closed(), Stdio::piped());
        assert_eq!(found, Some(code), "{args:?}: {message}");
        assert!(!message.contains("panicked") && !message.contains("standard output"), "{args:?}: {message}");
        assert_eq!(with(args, Stdio::null(), closed()).0, Some(code), "{args:?} without a reader of messages");
        let (found, message) = with(args, full(), Stdio::piped());
        assert_eq!(found, Some(2), "{args:?}: {message}");
        assert!(message.contains("cannot write to standard output") && !message.contains("panicked"), "{message}");
        assert_eq!(with(args, full(), full()).0, Some(2));
    }
}
