//! Rules between keys of an experiment of training.
//!
//! Placeholders of rejected keys are NaN or 0; every rule is written so that they break none.

use super::error::KeyErrors;
use super::experiment::*;
use super::routes::routes;
use super::sweep::Over;
use crate::choice::names_where;
use crate::dynamics::Method;
use crate::network::Loss;
use crate::number::plain;
use crate::population::FileLabels;

/// Adds an error for every broken rule.
pub(super) fn validate(e: &Experiment, errors: &KeyErrors) {
    steps(e, errors);
    methods(e, errors);
    noise(e, errors);
    labels(e, errors);
    batches(e, errors);
    networks(e, errors);
    particles(e, errors);
    routes(e, errors);
    variants(e, errors);
    bump_neurons(e, errors);
    for study in e.studies.iter() {
        study.table.validate(e, errors);
    }
}

fn steps(e: &Experiment, errors: &KeyErrors) {
    for (key, step) in e.fixed_steps() {
        require_divides_interval(e, &key, step, errors);
        let of_variant = key.strip_prefix("variants.").and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
        let friction = of_variant.map_or(e.dynamics.friction, |i| e.variants[i].friction);
        if let Some(message) = exceeds_friction(friction, step).filter(|_| key != "reference.step") {
            errors.add_between(&key, Some(plain(step)), message, &["dynamics.friction"]);
        }
    }
    if e.reference.method.is_adaptive() {
        require_few_steps(e, "reference.step", e.reference.step, errors);
    }
}

/// Most steps of a trajectory: minutes for the smallest network, and days for a large one.
pub const MAX_STEPS: f64 = 1e8;

/// Why heavy ball cannot take a step under a friction, where it cannot.
pub fn exceeds_friction(friction: f64, step: f64) -> Option<String> {
    let most = plain(1.0 / friction);
    (friction * step > 1.0)
        .then(|| format!("expected at most 1 / friction = {most}, or the momentum 1 - friction step is negative"))
}

/// Why a trajectory cannot have a step, where it would take more than [`MAX_STEPS`] steps.
pub fn too_short(e: &Experiment, step: f64) -> Option<String> {
    let steps = e.horizon.time / step;
    (steps > MAX_STEPS).then(|| {
        format!(
            "would take {steps:.1e} steps to horizon.time = {}, and a trajectory may take at most {MAX_STEPS:.0e}: expected at least {}",
            plain(e.horizon.time),
            plain(e.horizon.time / MAX_STEPS)
        )
    })
}

/// Why a step does not divide the time between two records, where it does not.
pub fn divides_no_interval(e: &Experiment, step: f64) -> Option<String> {
    let interval = e.horizon.interval();
    let ratio = interval / step;
    let nearest = interval / ratio.ceil().max(1.0);
    ((ratio - ratio.round()).abs() > 1e-9 * ratio || ratio < 0.5).then(|| {
        format!(
            "expected a step that divides the recording interval horizon.time / horizon.records = {}; {} does",
            plain(interval),
            plain(nearest)
        )
    })
}

/// Adds an error where a trajectory would take more than [`MAX_STEPS`] steps.
pub fn require_few_steps(e: &Experiment, key: &str, step: f64, errors: &KeyErrors) {
    if let Some(message) = too_short(e, step) {
        errors.add_between(key, Some(plain(step)), message, &["horizon.time"]);
    }
}

/// Adds an error where a step does not divide the time between two records, or is too short.
pub fn require_divides_interval(e: &Experiment, key: &str, step: f64, errors: &KeyErrors) {
    if let Some(message) = divides_no_interval(e, step) {
        errors.add_between(key, Some(plain(step)), message, &["horizon.time", "horizon.records"]);
    }
    require_few_steps(e, key, step, errors);
}

/// There are networks, or the studies do without them.
fn networks(e: &Experiment, errors: &KeyErrors) {
    let mut studies = e.studies.requirements().peekable();
    let needed = studies.peek().is_none() || studies.any(|requirements| !requirements.no_networks);
    if e.widths.values.is_empty() && e.widths.seeds > 0 && needed && !errors.has("widths.values") {
        let of_networks = e.studies.iter().filter(|study| !study.table.requirements().no_networks);
        let names: Vec<&str> = of_networks.map(|study| study.name).collect();
        let listed = |before: &str, after: &str, between: &str| {
            names.iter().map(|name| format!("{before}{name}{after}")).collect::<Vec<_>>().join(between)
        };
        let others = match names.is_empty() {
            true => String::new(),
            false => format!(": {} would have to go ({})", listed("[", "]", ", "), listed("--unset ", "", " ")),
        };
        let message = format!(
            "expected a list of whole numbers of at least 1, such as [64, 256]; an empty one where [predict] is the only study{others}"
        );
        errors.add("widths.values", Some("[]".into()), message);
    }
}

fn variants(e: &Experiment, errors: &KeyErrors) {
    for (i, variant) in e.variants.iter().enumerate() {
        let key = |name: &str| format!("variants.{i}.{name}");
        if e.variants[..i].iter().any(|other| other.name == variant.name) {
            errors.add(&key("name"), Some(format!("\"{}\"", variant.name)), "expected a unique name");
        }
        // One seed starts from the first particles on, of which there are as many as needed: a variant is not compared
        // with the limit.
        if e.reference.particles > 0 && variant.width > e.reference.particles && variant.seeds > 1 {
            let message = format!("expected at most reference.particles = {}, or one seed", e.reference.particles);
            errors.add_between(&key("width"), Some(variant.width.to_string()), message, &["reference.particles"]);
        }
    }
}

/// Bump neurons need one input.
fn bump_neurons(e: &Experiment, errors: &KeyErrors) {
    let bump = e.network.kind == NetworkKind::Bump;
    if bump && (e.network.bias || !e.network.fixed_output) {
        let message = "bump neurons have no bias and fixed output weights: expected neither bias nor fixed_output here";
        errors.add("network.kind", Some("\"bump\"".into()), message);
    }
    let shape = e.population.spec.shape_hint();
    if bump && (e.population.fresh() || shape.is_some_and(|(_, inputs, _)| inputs != 1)) {
        let message = "network.kind = \"bump\" needs one input and no fresh draws, as population.kind = \"line\" has";
        errors.add("population.kind", Some(format!("\"{}\"", e.population.name())), message);
    }
    if e.network.start_momentum > 0.0 && e.dynamics.method == Method::GradientDescent {
        let message = "plain gradient descent has no momenta: expected 0";
        errors.add("network.start_momentum", Some(e.network.start_momentum.to_string()), message);
    }
}

fn methods(e: &Experiment, errors: &KeyErrors) {
    let first_order = e.dynamics.method == Method::GradientDescent;
    let solves = |method: Method| if first_order { method.solves_first_order() } else { method.solves_second_order() };
    if !solves(e.reference.method) {
        let limit = if first_order {
            "the limit of plain gradient descent is of first order"
        } else {
            "the limit of heavy ball is of second order"
        };
        let message = format!("{limit}: expected {}", names_where(solves));
        let value = Some(format!("\"{}\"", e.reference.method));
        errors.add_between("reference.method", value, message, &["dynamics.method"]);
    }
}

fn noise(e: &Experiment, errors: &KeyErrors) {
    let temperature = e.dynamics.temperature;
    if temperature.is_nan() || temperature == 0.0 {
        return;
    }
    let value = Some(plain(temperature));
    if !e.reference.method.takes_noise() {
        let message = "a positive temperature needs reference.method = \"baoab\" (or the training method itself)";
        errors.add_between("dynamics.temperature", value.clone(), message, &["reference.method"]);
    }
    if e.dynamics.method == Method::HeavyBall && e.dynamics.friction == 0.0 {
        let message = "a positive temperature needs a positive friction: the noise has variance 2 friction temperature";
        errors.add_between("dynamics.friction", Some("0".into()), message, &["dynamics.temperature"]);
    }
    for (i, variant) in e.variants.iter().enumerate() {
        if variant.method == Method::HeavyBall && variant.friction == 0.0 {
            errors.add(
                &format!("variants.{i}.friction"),
                Some("0".into()),
                "a positive temperature needs a positive friction",
            );
        }
    }
    let tick = e.tick();
    for (key, step) in e.fixed_steps() {
        let ratio = step / tick;
        if (ratio - ratio.round()).abs() > 1e-9 * ratio {
            let message = format!(
                "with noise every step must be a multiple of the finest, {}, so that runs share Brownian paths",
                plain(tick)
            );
            errors.add(&key, Some(plain(step)), message);
        }
    }
}

fn labels(e: &Experiment, errors: &KeyErrors) {
    let name = Some(format!("\"{}\"", e.network.loss));
    let kind = e.population.label_kind();
    match e.network.loss {
        Loss::Logistic if kind != FileLabels::Sign => {
            let message = "the logistic loss needs labels +-1 (such as population.labels = \"parity\"); expected half-squared or softmax here";
            errors.add_between("network.loss", name, message, &["population.labels", "population.kind"]);
        }
        Loss::Softmax if kind != FileLabels::Classes => {
            let message = "the softmax loss needs classes (population.labels = \"classes\"); expected half-squared or logistic here";
            errors.add_between("network.loss", name, message, &["population.labels", "population.kind"]);
        }
        Loss::HalfSquared | Loss::Logistic | Loss::Softmax => {}
    }
}

fn batches(e: &Experiment, errors: &KeyErrors) {
    if !e.population.fresh() {
        return;
    }
    let message = "a population with draws = \"fresh\" has no full gradient: expected a whole number of draws per step";
    if e.dynamics.batch == BatchSize::Full {
        errors.add_between("dynamics.batch", Some("\"full\"".into()), message, &["population.draws"]);
    }
    for (sweep, table) in e.sweeps_with_keys() {
        if sweep.over == Over::Step && sweep.batch == Some(BatchSize::Full) {
            errors.add(&format!("{table}.batch"), Some("\"full\"".into()), message);
        }
    }
}

fn particles(e: &Experiment, errors: &KeyErrors) {
    let particles = e.reference.particles;
    if particles == 0 {
        return;
    }
    let largest = e.widths.largest();
    if particles < largest.saturating_mul(4) {
        let message = format!(
            "expected at least 4 times the largest width, {}, so that the error of the limit is small compared with the distance of the networks",
            largest.saturating_mul(4)
        );
        errors.add_between("reference.particles", Some(particles.to_string()), message, &["widths.values"]);
    }
    for (sweep, table) in e.sweeps_with_keys() {
        if sweep.width > particles {
            let message = format!("expected at most reference.particles = {particles}");
            let value = Some(sweep.width.to_string());
            errors.add_between(&format!("{table}.width"), value, message, &["reference.particles"]);
        }
    }
}
