//! What no single key can tell: rules between keys.
//!
//! Placeholders of keys that were already refused are NaN or 0; every rule is written so that they pass.

use super::experiment::*;
use super::memory;
use super::problem::Problems;
use super::studies::{Connect, Over};
use super::validate_routes::{grid, routes};
use crate::dynamics::Method;
use crate::network::{Activation, Loss};
use crate::population::{FileLabels, LabelRule, PopulationSpec};

/// Notes every broken rule.
pub(super) fn validate(e: &Experiment, problems: &Problems) {
    steps(e, problems);
    methods(e, problems);
    noise(e, problems);
    labels(e, problems);
    batches(e, problems);
    particles(e, problems);
    routes(e, problems);
    variants(e, problems);
    bumps(e, problems);
    if let Some(kinetic) = &e.kinetic {
        grid(e, kinetic, problems);
    }
    if let Some(connect) = &e.connect {
        paths(e, connect, problems);
    }
    let refusal = e.shape_hint().and_then(|shape| memory::estimate(e, shape).fits_machine().err());
    if let Some(refusal) = refusal {
        problems.add("reference.particles", Some(e.reference.particles.to_string()), refusal);
    }
}

/// Every fixed step in use, with its key.
fn fixed_steps(e: &Experiment) -> Vec<(String, f64)> {
    let mut steps = vec![("dynamics.step".to_string(), e.dynamics.step)];
    if e.reference.method != Method::DormandPrince {
        steps.push(("reference.step".into(), e.reference.step));
    }
    steps.extend(e.variants.iter().enumerate().map(|(i, variant)| (format!("variants.{i}.step"), variant.step)));
    for (i, sweep) in e.gap.iter().flat_map(|gap| &gap.sweep).enumerate() {
        match sweep.over {
            Over::Step => steps.extend(sweep.values.iter().map(|&v| (format!("gap.sweep.{i}.values"), v))),
            Over::Batch => steps.extend(sweep.step.map(|v| (format!("gap.sweep.{i}.step"), v))),
        }
    }
    steps
}

fn steps(e: &Experiment, problems: &Problems) {
    let interval = e.horizon.interval();
    for (key, step) in fixed_steps(e) {
        let ratio = interval / step;
        if (ratio - ratio.round()).abs() > 1e-9 * ratio || ratio < 0.5 {
            let near = interval / ratio.ceil().max(1.0);
            let want = format!(
                "expected a step that divides the recording interval horizon.time / horizon.records = {interval}; {near} does"
            );
            problems.add(&key, Some(step.to_string()), want);
        }
        let of_variant = key.strip_prefix("variants.").and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
        let friction = of_variant.map_or(e.dynamics.friction, |i| e.variants[i].friction);
        if key != "reference.step" && friction * step > 1.0 {
            let want = format!(
                "expected at most 1 / friction = {}, or the momentum 1 - friction step is negative",
                1.0 / friction
            );
            problems.add(&key, Some(step.to_string()), want);
        }
    }
}

fn variants(e: &Experiment, problems: &Problems) {
    for (i, variant) in e.variants.iter().enumerate() {
        let key = |name: &str| format!("variants.{i}.{name}");
        if e.variants[..i].iter().any(|other| other.name == variant.name) {
            problems.add(&key("name"), Some(format!("\"{}\"", variant.name)), "expected a name of its own");
        }
        if e.reference.particles > 0 && variant.width > e.reference.particles {
            let want = format!("expected at most reference.particles = {}", e.reference.particles);
            problems.add(&key("width"), Some(variant.width.to_string()), want);
        }
    }
}

/// What the constructive path needs: output weights that are trained, halves, and pairs of seeds.
fn paths(e: &Experiment, connect: &Connect, problems: &Problems) {
    if e.network.fixed_output {
        let want = "the paths of [connect] move output weights: expected false, or no table [connect]";
        problems.add("network.fixed_output", Some("true".into()), want);
    }
    let odd: Vec<usize> = e.widths.values.iter().copied().filter(|n| n % 2 == 1).collect();
    if !odd.is_empty() {
        let want = format!("the paths of [connect] need halves: expected even widths, and {odd:?} are odd");
        problems.add("widths.values", Some(format!("{:?}", e.widths.values)), want);
    }
    if e.widths.seeds > 0 && 2 * connect.pairs > e.widths.seeds {
        let want =
            format!("expected at most half of widths.seeds = {}, as a network is in one pair only", e.widths.seeds);
        problems.add("connect.pairs", Some(connect.pairs.to_string()), want);
    }
    for name in &connect.variants {
        let known = e.variants.iter().find(|variant| variant.name == *name);
        let want = match known {
            None => "expected names of [[variants]]".to_string(),
            Some(variant) if !e.widths.values.contains(&variant.width) => {
                format!("is joined to a network of its width, and widths.values lacks {}", variant.width)
            }
            Some(_) => continue,
        };
        problems.add("connect.variants", Some(format!("\"{name}\"")), want);
    }
}

/// Bump neurons are a model of their own: one input, and an activation that means nothing elsewhere.
fn bumps(e: &Experiment, problems: &Problems) {
    let bump = e.network.kind == NetworkKind::Bump;
    if bump != (e.network.activation == Activation::Bump) {
        let want = "the activation \"bump\" and network.kind = \"bump\" belong together";
        problems.add("network.activation", None, want);
    }
    if bump && (e.network.bias || !e.network.fixed_output) {
        let want = "bump neurons have no bias and fixed output weights: expected neither bias nor fixed_output here";
        problems.add("network.kind", Some("\"bump\"".into()), want);
    }
    let shape = e.population.shape_hint();
    if bump && (e.population.fresh() || shape.is_some_and(|(_, inputs, _)| inputs != 1)) {
        let want = "network.kind = \"bump\" needs one input and no fresh draws, as population.kind = \"line\" has";
        problems.add("population.kind", Some(format!("\"{}\"", e.population.name())), want);
    }
    if e.network.start_momentum > 0.0 && e.dynamics.method == Method::GradientDescent {
        let want = "plain gradient descent has no momenta: expected 0";
        problems.add("network.start_momentum", Some(e.network.start_momentum.to_string()), want);
    }
}

fn methods(e: &Experiment, problems: &Problems) {
    let (second, first) = e.reference.method.solves();
    let name = Some(format!("\"{}\"", e.reference.method));
    match e.dynamics.method {
        Method::GradientDescent if !first => problems.add(
            "reference.method",
            name,
            "the limit of plain gradient descent is of first order: expected rk4, dormand-prince or gradient-descent",
        ),
        Method::HeavyBall if !second => problems.add(
            "reference.method",
            name,
            "the limit of heavy ball is of second order: expected heavy-ball, kick-drift-kick, rk4, dormand-prince or baoab",
        ),
        _ => {}
    }
}

fn noise(e: &Experiment, problems: &Problems) {
    let temperature = e.dynamics.temperature;
    if temperature.is_nan() || temperature == 0.0 {
        return;
    }
    let value = Some(temperature.to_string());
    if !e.reference.method.takes_noise() {
        problems.add(
            "dynamics.temperature",
            value.clone(),
            "a positive temperature needs reference.method = \"baoab\" (or the training method itself)",
        );
    }
    if e.dynamics.method == Method::HeavyBall && e.dynamics.friction == 0.0 {
        problems.add(
            "dynamics.friction",
            Some("0".into()),
            "a positive temperature needs a positive friction: the noise has variance 2 friction temperature",
        );
    }
    for (i, variant) in e.variants.iter().enumerate() {
        if variant.method == Method::HeavyBall && variant.friction == 0.0 {
            problems.add(
                &format!("variants.{i}.friction"),
                Some("0".into()),
                "a positive temperature needs a positive friction",
            );
        }
    }
    let tick = e.tick();
    for (key, step) in fixed_steps(e) {
        let ratio = step / tick;
        if (ratio - ratio.round()).abs() > 1e-9 * ratio {
            problems.add(
                &key,
                Some(step.to_string()),
                format!(
                    "with noise every step must be a multiple of the finest, {tick}, so that runs share Brownian paths"
                ),
            );
        }
    }
}

/// What the labels are, as far as a loss minds: signs, classes, or real numbers.
#[derive(PartialEq)]
enum Labels {
    Real,
    Sign,
    Classes,
}

fn label_kind(population: &PopulationSpec) -> Labels {
    let rule = |rule| if rule == LabelRule::Parity { Labels::Sign } else { Labels::Classes };
    match population {
        PopulationSpec::Digits(spec) => rule(spec.labels),
        PopulationSpec::Mnist(spec) => rule(spec.labels),
        PopulationSpec::Mixture(_) => Labels::Sign,
        PopulationSpec::Teacher(_) | PopulationSpec::Line(_) => Labels::Real,
        PopulationSpec::File(spec) => match spec.labels {
            FileLabels::Real => Labels::Real,
            FileLabels::Sign => Labels::Sign,
            FileLabels::Classes => Labels::Classes,
        },
    }
}

fn labels(e: &Experiment, problems: &Problems) {
    let name = Some(format!("\"{}\"", e.network.loss));
    match (e.network.loss, label_kind(&e.population)) {
        (Loss::Logistic, kind) if kind != Labels::Sign => {
            problems.add("network.loss", name, "the logistic loss needs labels +-1 (such as population.labels = \"parity\"); expected half-squared or softmax here");
        }
        (Loss::Softmax, kind) if kind != Labels::Classes => {
            problems.add("network.loss", name, "the softmax loss needs classes (population.labels = \"classes\"); expected half-squared or logistic here");
        }
        _ => {}
    }
}

fn batches(e: &Experiment, problems: &Problems) {
    if !e.population.fresh() {
        return;
    }
    let want = "a population with draws = \"fresh\" has no full gradient: expected a whole number of draws per step";
    if e.dynamics.batch == BatchSize::Full {
        problems.add("dynamics.batch", Some("\"full\"".into()), want);
    }
    for (i, sweep) in e.gap.iter().flat_map(|gap| &gap.sweep).enumerate() {
        if sweep.over == Over::Step && sweep.batch != Some(BatchSize::Full) {
            continue;
        }
        if sweep.over == Over::Step {
            problems.add(&format!("gap.sweep.{i}.batch"), Some("\"full\"".into()), want);
        }
    }
}

fn particles(e: &Experiment, problems: &Problems) {
    let particles = e.reference.particles;
    if particles == 0 {
        return;
    }
    let largest = e.widths.largest();
    if particles < largest.saturating_mul(4) {
        let want = format!(
            "expected at least 4 times the largest width, {}, so that the limit is closer to itself than to the networks",
            largest.saturating_mul(4)
        );
        problems.add("reference.particles", Some(particles.to_string()), want);
    }
    for (i, sweep) in e.gap.iter().flat_map(|gap| &gap.sweep).enumerate() {
        if sweep.width > particles {
            problems.add(
                &format!("gap.sweep.{i}.width"),
                Some(sweep.width.to_string()),
                format!("expected at most reference.particles = {particles}"),
            );
        }
    }
}
