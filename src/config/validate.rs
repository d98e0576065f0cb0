//! Rules between keys of an experiment of training.
//!
//! Placeholders of rejected keys are NaN or 0; every rule is written so that they break none.

use super::error::KeyErrors;
use super::experiment::*;
use super::routes::routes;
use super::sweep::Over;
use crate::choice::names_where;
use crate::dynamics::Method;
use crate::network::{Activation, Loss};
use crate::population::FileLabels;

/// Adds an error for every broken rule.
pub(super) fn validate(e: &Experiment, errors: &KeyErrors) {
    steps(e, errors);
    methods(e, errors);
    noise(e, errors);
    labels(e, errors);
    batches(e, errors);
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
        if key != "reference.step" && friction * step > 1.0 {
            let message = format!(
                "expected at most 1 / friction = {}, or the momentum 1 - friction step is negative",
                1.0 / friction
            );
            errors.add(&key, Some(step.to_string()), message);
        }
    }
}

/// Adds an error where a step does not divide the time between two records.
pub(super) fn require_divides_interval(e: &Experiment, key: &str, step: f64, errors: &KeyErrors) {
    let interval = e.horizon.interval();
    let ratio = interval / step;
    if (ratio - ratio.round()).abs() > 1e-9 * ratio || ratio < 0.5 {
        let nearest = interval / ratio.ceil().max(1.0);
        let message = format!(
            "expected a step that divides the recording interval horizon.time / horizon.records = {interval}; {nearest} does"
        );
        errors.add(key, Some(step.to_string()), message);
    }
}

fn variants(e: &Experiment, errors: &KeyErrors) {
    for (i, variant) in e.variants.iter().enumerate() {
        let key = |name: &str| format!("variants.{i}.{name}");
        if e.variants[..i].iter().any(|other| other.name == variant.name) {
            errors.add(&key("name"), Some(format!("\"{}\"", variant.name)), "expected a unique name");
        }
        if e.reference.particles > 0 && variant.width > e.reference.particles {
            let message = format!("expected at most reference.particles = {}", e.reference.particles);
            errors.add(&key("width"), Some(variant.width.to_string()), message);
        }
    }
}

/// Bump neurons need one input, and their activation is defined for them only.
fn bump_neurons(e: &Experiment, errors: &KeyErrors) {
    let bump = e.network.kind == NetworkKind::Bump;
    if bump != (e.network.activation == Activation::Bump) {
        let message = "the activation \"bump\" and network.kind = \"bump\" belong together";
        errors.add("network.activation", None, message);
    }
    if bump && (e.network.bias || !e.network.fixed_output) {
        let message = "bump neurons have no bias and fixed output weights: expected neither bias nor fixed_output here";
        errors.add("network.kind", Some("\"bump\"".into()), message);
    }
    let shape = e.population.shape_hint();
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
        errors.add("reference.method", Some(format!("\"{}\"", e.reference.method)), message);
    }
}

fn noise(e: &Experiment, errors: &KeyErrors) {
    let temperature = e.dynamics.temperature;
    if temperature.is_nan() || temperature == 0.0 {
        return;
    }
    let value = Some(temperature.to_string());
    if !e.reference.method.takes_noise() {
        errors.add(
            "dynamics.temperature",
            value.clone(),
            "a positive temperature needs reference.method = \"baoab\" (or the training method itself)",
        );
    }
    if e.dynamics.method == Method::HeavyBall && e.dynamics.friction == 0.0 {
        errors.add(
            "dynamics.friction",
            Some("0".into()),
            "a positive temperature needs a positive friction: the noise has variance 2 friction temperature",
        );
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
            errors.add(
                &key,
                Some(step.to_string()),
                format!(
                    "with noise every step must be a multiple of the finest, {tick}, so that runs share Brownian paths"
                ),
            );
        }
    }
}

fn labels(e: &Experiment, errors: &KeyErrors) {
    let name = Some(format!("\"{}\"", e.network.loss));
    let kind = e.population.label_kind();
    match e.network.loss {
        Loss::Logistic if kind != FileLabels::Sign => {
            errors.add("network.loss", name, "the logistic loss needs labels +-1 (such as population.labels = \"parity\"); expected half-squared or softmax here");
        }
        Loss::Softmax if kind != FileLabels::Classes => {
            errors.add("network.loss", name, "the softmax loss needs classes (population.labels = \"classes\"); expected half-squared or logistic here");
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
        errors.add("dynamics.batch", Some("\"full\"".into()), message);
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
        errors.add("reference.particles", Some(particles.to_string()), message);
    }
    for (sweep, table) in e.sweeps_with_keys() {
        if sweep.width > particles {
            let message = format!("expected at most reference.particles = {particles}");
            errors.add(&format!("{table}.width"), Some(sweep.width.to_string()), message);
        }
    }
}
