//! Reading an [`Experiment`] of training: one function per table, keys in the order of the guide.

use super::allowed::{Allowed, Expected};
use super::experiment::*;
use super::read_figure;
use super::read_population;
use super::section::Section;
use super::spelling::Expects;
use super::study::{ExperimentKind, Studies, StudyReader};
use super::sweep::{MAX_SEEDS, Variant};
use crate::choice::{Choice, choice};
use crate::dynamics::Method;
use crate::network::{Activation, Law, Loss, Shares, Start};
use serde_json::json;
use std::path::Path;

/// Tables and keys of this kind of experiment alone, without those of the studies.
pub(super) const OWN_KEYS: [&str; 9] =
    ["precision", "population", "network", "dynamics", "variants", "horizon", "widths", "reference", "run"];

/// Reads an experiment of training from its root table; relative data paths are taken from `base`.
pub(super) fn experiment(mut root: Section<'_>, base: &Path, readers: &[StudyReader<Experiment>]) -> Experiment {
    let (name, title) = (name(&mut root), root.text("title", Some("")));
    let seed = seed(&mut root);
    let precision = root.choice_of("precision", Some(Precision::F64));
    let population = population(&mut root, base);
    let network = network(&mut root);
    let dynamics = dynamics(&mut root);
    let variants = root.sections("variants");
    let variants = variants.into_iter().map(|s| Variant::read(s, &dynamics, &network)).collect();
    let mut experiment = Experiment {
        name,
        title,
        seed,
        precision,
        population,
        network,
        dynamics,
        horizon: horizon(&mut root),
        widths: widths(&mut root),
        reference: reference(&mut root, precision),
        run: run_options(&mut root),
        variants,
        figure: read_figure::figure(&mut root),
        studies: Studies::default(),
    };
    studies(&mut root, readers, &mut experiment);
    root.finish();
    experiment
}

/// Reads the tables of the studies, in the order of the readers.
pub(super) fn studies<E: ExperimentKind>(root: &mut Section, readers: &[StudyReader<E>], experiment: &mut E) {
    for reader in readers {
        if let Some(section) = root.section(reader.name, false) {
            let read = (reader.read)(section, experiment);
            experiment.studies_mut().push(reader.name, read);
        }
    }
}

/// Reads the key `seed`.
pub(super) fn seed(root: &mut Section) -> u64 {
    root.count_within("seed", Some(1), 0..=i64::MAX as usize) as u64
}

/// Longest name of an experiment or a variant, which is a part of names of files.
const MAX_NAME: usize = 100;

/// Reads the key `name`, which must be usable as a file name.
pub(super) fn name(root: &mut Section) -> String {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let usable =
        |name: &str| (1..=MAX_NAME).contains(&name.len()) && name.chars().all(good) && !name.starts_with(['.', '-']);
    let message = format!(
        "expected text in quotes: letters, digits, '-', '_' and '.', at most {MAX_NAME} of them and the first no '-' or '.', as it names files"
    );
    let schema = json!({ "type": "string", "pattern": format!("^[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{}}}$", MAX_NAME - 1) });
    let expected = Expected::new(Expects::Text, message).with_schema(schema);
    root.required("name", None, expected, String::new(), |v| v.as_str().filter(|name| usable(name)).map(String::from))
}

fn population(root: &mut Section, base: &Path) -> PopulationTable {
    match root.section("population", true) {
        Some(section) => read_population::population(section, base),
        None => read_population::placeholder(),
    }
}

fn network(root: &mut Section) -> NetworkSpec {
    let mut spec = NetworkSpec {
        kind: NetworkKind::TwoLayer,
        activation: Activation::Tanh,
        second_activation: None,
        proportions: Vec::new(),
        bias: true,
        fixed_output: false,
        loss: Loss::HalfSquared,
        start: Start::default(),
        start_momentum: 0.0,
        scale: None,
        shares_from: Shares::FROM,
    };
    let Some(mut s) = root.section("network", true) else { return spec };
    spec.kind = s.choice_of("kind", Some(NetworkKind::TwoLayer));
    let bump = spec.kind == NetworkKind::Bump;
    // Bump neurons have an activation of their own.
    let among: Vec<Activation> =
        Activation::ALL.iter().copied().filter(|&activation| (activation == Activation::Bump) == bump).collect();
    spec.activation = s.choice_among("activation", bump.then_some(Activation::Bump), &among);
    if spec.kind == NetworkKind::ThreeLayer {
        spec.second_activation = Some(s.choice_among("second_activation", Some(spec.activation), &among));
        spec.proportions = proportions(&mut s);
    } else {
        s.elsewhere("kind = \"three-layer\"", &["second_activation", "proportions"]);
    }
    spec.bias = s.flag("bias", !bump);
    spec.fixed_output = s.flag("fixed_output", bump);
    spec.loss = s.choice_of("loss", Some(Loss::HalfSquared));
    spec.start_momentum = s.real("start_momentum", Some(0.0), Allowed::NonNegative);
    spec.shares_from = s.count("shares_from", Some(Shares::FROM), 1);
    if bump {
        spec.scale = Some(s.real("scale", None, Allowed::Positive));
    } else {
        s.elsewhere("kind = \"bump\"", &["scale"]);
    }
    if let Some(section) = s.section("start", true) {
        spec.start = start(section, spec.kind, spec.bias);
    }
    s.finish();
    spec
}

/// Reads the numbers of neurons of both hidden layers per unit of width.
fn proportions(s: &mut Section) -> Vec<usize> {
    if !s.has("proportions") {
        return vec![1, 1];
    }
    let given = s.counts("proportions", 1);
    if !given.is_empty() && (given.len() != 2 || given.iter().min() != Some(&1)) {
        let message = "expected two whole numbers of which the smaller is 1, such as [2, 1]: neurons of the hidden layers per unit of width";
        s.reject("proportions", Some(format!("{given:?}")), message);
        return vec![1, 1];
    }
    given
}

/// Reads the laws of a neuron's parameters at time 0.
pub(super) fn start(mut s: Section, kind: NetworkKind, bias: bool) -> Start {
    let (deep, bump) = (kind == NetworkKind::ThreeLayer, kind == NetworkKind::Bump);
    if !deep {
        s.elsewhere("network.kind = \"three-layer\"", &["u", "c"]);
    } else if !bias {
        s.elsewhere("network.bias = true", &["c"]);
    }
    let start = Start {
        w: law(&mut s, "w", true),
        // The law of the bias may be omitted where there is no bias.
        b: law(&mut s, "b", bias),
        u: if deep { law(&mut s, "u", true) } else { Law::Nothing },
        c: if deep && bias { law(&mut s, "c", true) } else { Law::Nothing },
        // Bump neurons have height 1 by default.
        a: if bump && !s.has("a") { Law::Point { value: 1.0 } } else { law(&mut s, "a", true) },
    };
    s.finish();
    start
}

choice! {
    /// The kinds of [`Law`] of a part.
    pub enum LawKind: "law" {
        /// [`Law::Gaussian`].
        Gaussian = "gaussian",
        /// [`Law::Uniform`].
        Uniform = "uniform",
        /// [`Law::Sphere`].
        Sphere = "sphere",
        /// [`Law::Point`].
        Point = "point",
    }
}

/// Reads the law of one kind of parameter.
fn law(start: &mut Section, key: &str, required: bool) -> Law {
    let Some(mut s) = start.section(key, required) else { return Law::Point { value: 0.0 } };
    let chosen = s.choice_of("law", None);
    let law = s.by_choice("law", chosen, |s, law| match law {
        LawKind::Gaussian => Law::Gaussian {
            mean: s.real("mean", Some(0.0), Allowed::Any),
            std: s.real("std", None, Allowed::NonNegative),
        },
        LawKind::Uniform => {
            let (low, high) = s.interval();
            Law::Uniform { low, high }
        }
        LawKind::Sphere => Law::Sphere { radius: s.real("radius", None, Allowed::Positive) },
        LawKind::Point => Law::Point { value: s.real("value", None, Allowed::Any) },
    });
    s.finish();
    law
}

fn dynamics(root: &mut Section) -> Dynamics {
    let mut spec = Dynamics {
        method: Method::HeavyBall,
        step: f64::NAN,
        friction: 0.0,
        temperature: 0.0,
        ridge: 0.0,
        batch: BatchSize::Full,
        diverged_above: 1e3,
    };
    let Some(mut s) = root.section("dynamics", true) else { return spec };
    spec.method = training_method(&mut s, Method::HeavyBall);
    step_and_friction(&mut s, &mut spec);
    spec.temperature = s.real("temperature", Some(0.0), Allowed::NonNegative);
    spec.ridge = s.real("ridge", Some(0.0), Allowed::NonNegative);
    spec.batch = batch(&mut s);
    spec.diverged_above = s.real("diverged_above", Some(1e3), Allowed::Positive);
    s.finish();
    spec
}

/// Reads the method of training.
pub(super) fn training_method(s: &mut Section, default: Method) -> Method {
    s.choice_among("method", Some(default), &[Method::HeavyBall, Method::GradientDescent])
}

/// Reads step and friction, given as such or as learning rate and momentum (theory section 2: m = 1 - gamma eps,
/// lr = eps^2).
fn step_and_friction(s: &mut Section, spec: &mut Dynamics) {
    let first_order = spec.method == Method::GradientDescent;
    let by_rate = s.has("learning_rate") || s.has("momentum");
    if by_rate && (s.has("step") || s.has("friction")) {
        s.reject("learning_rate", None, "give either step and friction, or learning_rate and momentum, not both");
    }
    match (by_rate, first_order) {
        (true, false) => {
            let rate = s.real("learning_rate", None, Allowed::Positive);
            let momentum = s.real("momentum", None, Allowed::Fraction);
            spec.step = rate.sqrt();
            spec.friction = (1.0 - momentum) / spec.step;
        }
        (true, true) => spec.step = s.real("learning_rate", None, Allowed::Positive),
        (false, false) => {
            spec.step = s.real("step", None, Allowed::Positive);
            spec.friction = s.real("friction", None, Allowed::NonNegative);
        }
        (false, true) => {
            spec.step = s.real("step", None, Allowed::Positive);
            // A serialised experiment contains the friction 0; no other value has a meaning without momenta.
            if s.real("friction", Some(0.0), Allowed::NonNegative) > 0.0 {
                s.reject(
                    "friction",
                    None,
                    "plain gradient descent has no friction; remove it or use method = \"heavy-ball\"",
                );
            }
        }
    }
    // All four are taken, so that none is reported as unknown in addition to the error above.
    for key in ["step", "friction", "learning_rate", "momentum"] {
        s.ignore(key);
    }
}

/// Reads the number of samples per step; the default is the whole population.
pub fn batch(s: &mut Section) -> BatchSize {
    match s.full_or_count("batch", Some(None)) {
        None => BatchSize::Full,
        Some(size) => BatchSize::Size(size),
    }
}

/// Most recording times.
const MAX_RECORDS: usize = 1_000_000;

fn horizon(root: &mut Section) -> Horizon {
    let Some(mut s) = root.section("horizon", true) else { return Horizon { time: f64::NAN, records: 0 } };
    let horizon = Horizon {
        time: s.real("time", None, Allowed::Positive),
        records: s.count_within("records", Some(20), 1..=MAX_RECORDS),
    };
    s.finish();
    horizon
}

fn widths(root: &mut Section) -> Widths {
    let Some(mut s) = root.section("widths", true) else { return Widths { values: Vec::new(), seeds: 0 } };
    let widths =
        Widths { values: s.counts_or_none("values", 1), seeds: s.count_within("seeds", Some(10), 1..=MAX_SEEDS) };
    s.require_increasing("values", &widths.values, "widths");
    s.finish();
    widths
}

fn reference(root: &mut Section, precision: Precision) -> Reference {
    let mut spec = Reference {
        kind: Route::Particles,
        against: Vec::new(),
        particles: 0,
        method: Method::Rk4,
        step: f64::NAN,
        tolerance: None,
        picard: None,
        grid: None,
    };
    let Some(mut s) = root.section("reference", true) else { return spec };
    spec.kind = s.choice_of("kind", Some(Route::Particles));
    spec.against = s.choices_of("against");
    if spec.against.contains(&spec.kind) {
        let message = format!("expected other routes than kind = \"{}\", each once", spec.kind.name());
        s.reject("against", None, message);
    }
    spec.particles = s.count("particles", None, 2);
    spec.method = s.choice_of("method", None);
    spec.step = s.real("step", None, Allowed::Positive);
    if spec.method.is_adaptive() {
        spec.tolerance = Some(s.real("tolerance", Some(1e-8), Allowed::Between(1e-14, 1e-1)));
    } else if s.optional_real("tolerance", Allowed::Any).is_some() {
        s.reject("tolerance", None, "only method = \"dormand-prince\" has a tolerance; remove it");
    }
    let uses_picard = spec.uses(Route::Picard);
    let section = s.section("picard", false);
    if section.is_some() && !uses_picard {
        s.reject("picard", None, "neither kind nor against is \"picard\"; remove the table");
    }
    if uses_picard || section.is_some() {
        spec.picard = Some(picard(section, precision));
    }
    let uses_grid = spec.uses(Route::Grid);
    let section = s.section("grid", uses_grid);
    if section.is_some() && !uses_grid {
        s.reject("grid", None, "neither kind nor against is \"grid\"; remove the table");
    }
    spec.grid = section.map(grid);
    s.finish();
    spec
}

/// Most nodes of an axis of a grid, whose density has the square of this number of values.
pub const MAX_NODES: usize = 1 << 16;

fn grid(mut s: Section) -> GridSpec {
    let (low, high) = s.interval();
    let grid = GridSpec {
        low,
        high,
        momentum: s.real("momentum", None, Allowed::Positive),
        nodes: s.count_within("nodes", Some(256), 64..=MAX_NODES),
        step: s.real("step", None, Allowed::Positive),
    };
    s.finish();
    grid
}

/// Most iterates of a window of the trajectory map.
pub const MAX_ITERATES: usize = 100_000;

/// Reads the parameters of the Picard iteration; every key has a default.
fn picard(section: Option<Section>, precision: Precision) -> PicardSpec {
    let mut spec = PicardSpec::of(precision);
    let Some(mut s) = section else { return spec };
    spec.windows = s.count("windows", Some(spec.windows), 1);
    spec.iterates = s.count_within("iterates", Some(spec.iterates), 1..=MAX_ITERATES);
    spec.tolerance = s.real("tolerance", Some(spec.tolerance), Allowed::Between(1e-15, 1e-1));
    s.finish();
    spec
}

fn run_options(root: &mut Section) -> RunOptions {
    let mut options = RunOptions { checkpoint_seconds: 10.0, states: KeptStates::All, keep_limits: false };
    if let Some(mut s) = root.section("run", false) {
        options.checkpoint_seconds = s.real("checkpoint_seconds", Some(10.0), Allowed::Positive);
        options.states = s.choice_of("states", Some(KeptStates::All));
        options.keep_limits = s.flag("keep_limits", false);
        s.finish();
    }
    options
}
