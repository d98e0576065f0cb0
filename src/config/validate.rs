//! What no single key can tell: rules between keys.
//!
//! Placeholders of keys that were already refused are NaN or 0; every rule is written so that they pass.

use super::experiment::*;
use super::memory;
use super::problem::Problems;
use super::studies::{Connect, Kinetic, Over};
use crate::dynamics::Method;
use crate::network::{Activation, Law, Loss};
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

/// What a grid needs to know before the population is there.
fn grid(e: &Experiment, kinetic: &Kinetic, problems: &Problems) {
    if e.dynamics.method != Method::HeavyBall {
        let want = "the kinetic equation is the limit of heavy ball: expected \"heavy-ball\", or no table [kinetic]";
        problems.add("dynamics.method", Some("\"gradient-descent\"".into()), want);
    }
    if e.dynamics.batch != BatchSize::Full {
        let want = "the kinetic equation is held against particles under the full gradient: expected \"full\"";
        problems.add("dynamics.batch", None, want);
    }
    if !matches!(e.network.start.a, Law::Point { .. }) || !e.network.fixed_output {
        let want = "the neurons of [kinetic] differ in one trained parameter: expected fixed output weights at a point";
        problems.add("network.start.a", None, want);
    }
    let (second, _) = e.reference.method.solves();
    if kinetic.particles > 0 && (!second || e.reference.method == Method::DormandPrince) {
        let want = "the particles beside the grid take fixed steps: expected rk4, kick-drift-kick, heavy-ball or baoab";
        problems.add("reference.method", None, want);
    }
    if !kinetic.particles.is_multiple_of(kinetic.clouds.max(1)) {
        let want = format!("expected a multiple of kinetic.clouds = {}", kinetic.clouds);
        problems.add("kinetic.particles", Some(kinetic.particles.to_string()), want);
    }
    let ratio = e.horizon.interval() / kinetic.step;
    if (ratio - ratio.round()).abs() > 1e-9 * ratio || ratio < 1.5 || ratio.round() as usize % 2 == 1 {
        let near = e.horizon.interval() / (2.0 * (ratio / 2.0).ceil().max(1.0));
        let want = format!(
            "expected a step of which an even number makes horizon.time / horizon.records = {}, as it is also doubled; {near} does",
            e.horizon.interval()
        );
        problems.add("kinetic.step", Some(kinetic.step.to_string()), want);
    }
    if !kinetic.frictions.is_empty() && e.dynamics.temperature == 0.0 {
        let want = "rates of approach are those of the free energy: expected a positive dynamics.temperature, or none";
        problems.add("kinetic.frictions", Some(format!("{:?}", kinetic.frictions)), want);
    }
}

fn methods(e: &Experiment, problems: &Problems) {
    let (second, first) = e.reference.method.solves();
    let name = Method::NAMES.iter().find(|(_, m)| *m == e.reference.method).map(|(name, _)| format!("\"{name}\""));
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
    let name = Loss::NAMES.iter().find(|(_, l)| *l == e.network.loss).map(|(name, _)| format!("\"{name}\""));
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

/// What the routes to the reference need.
fn routes(e: &Experiment, problems: &Problems) {
    let fixed_step = |key: &str, value: Option<String>, windows: &[usize]| {
        if e.reference.method == Method::DormandPrince {
            let want = "the trajectory map needs a fixed step: expected another reference.method, such as kick-drift-kick or rk4";
            problems.add(key, value, want);
            return;
        }
        let steps = e.horizon.time / e.reference.step;
        for &windows in windows.iter().filter(|&&windows| windows > 0 && steps.is_finite()) {
            if !(steps.round() as u64).is_multiple_of(windows as u64) {
                let want = format!(
                    "expected a number of windows that divides the {} steps of the horizon, horizon.time / reference.step",
                    steps.round()
                );
                problems.add(key, Some(windows.to_string()), want);
            }
        }
    };
    if e.network.kind == NetworkKind::ThreeLayer {
        let alone =
            "its units do not evolve alone under given predictions: expected network.kind \"two-layer\" or \"bump\"";
        for route in [Route::Picard, Route::Grid] {
            if e.reference.takes(route) {
                problems.add("reference", None, format!("by three layers only with particles; {alone}"));
            }
        }
        for (study, there) in [("picard", e.picard.is_some()), ("kinetic", e.kinetic.is_some())] {
            if there {
                problems.add(study, None, alone);
            }
        }
    }
    if let Some(picard) = &e.reference.picard {
        fixed_step("reference.picard.windows", Some(picard.windows.to_string()), &[picard.windows]);
        if e.precision == Precision::F32 && picard.tolerance < 1e-6 {
            let want = "in single precision iterates come no closer than some 1e-6: expected at least that";
            problems.add("reference.picard.tolerance", Some(picard.tolerance.to_string()), want);
        }
    }
    if let Some(grid) = &e.reference.grid {
        reference_grid(e, grid, problems);
    }
    if e.radial.is_some() && (e.reference.grid.is_none() || !radial(e)) {
        let want =
            "the study needs population.kind = \"mixture\", and reference.kind or reference.against with \"grid\"";
        problems.add("radial", None, want);
    }
    if let Some(picard) = &e.picard {
        fixed_step("picard.windows", Some(format!("{:?}", picard.windows)), &picard.windows);
    }
}

/// Whether the problem is MMN's, which the radial reduction makes one on a line.
fn radial(e: &Experiment) -> bool {
    matches!(e.population, PopulationSpec::Mixture(_)) && e.network.kind == NetworkKind::TwoLayer
}

/// Which problems a grid can solve, each refusal with its reason.
fn reference_grid(e: &Experiment, grid: &Gridded, problems: &Problems) {
    let refuse =
        |key: &str, value: Option<String>, want: &str| problems.add(key, value, format!("by the grid: {want}"));
    if e.dynamics.method != Method::HeavyBall {
        refuse("dynamics.method", None, "the kinetic equation is the limit of heavy ball: expected \"heavy-ball\"");
    }
    if !matches!(e.network.start.a, Law::Point { .. }) || !e.network.fixed_output {
        refuse(
            "network.start.a",
            None,
            "neurons must have the same fixed output weights: expected fixed_output = true and a point",
        );
    }
    if radial(e) {
        if e.network.bias {
            refuse("network.bias", Some("true".into()), "the radial reduction has no bias: expected false");
        }
        if !matches!(e.network.start.w, Law::Gaussian { mean: 0.0, .. } | Law::Sphere { .. }) {
            let want =
                "the radial reduction needs a rotation-invariant start: expected a gaussian of mean 0 or a sphere";
            refuse("network.start.w", None, want);
        }
        if e.dynamics.temperature > 0.0 || e.network.start_momentum > 0.0 {
            let want =
                "momenta stay radial from rest and without noise only: expected temperature and start_momentum 0";
            refuse("dynamics.temperature", Some(e.dynamics.temperature.to_string()), want);
        }
        if !e.population.fresh() {
            let want =
                "the radial reduction solves for the law itself, not for a fixed sample of it: expected \"fresh\"";
            refuse("population.draws", Some("\"fixed\"".into()), want);
        }
        if grid.low != -grid.high {
            let want = format!("the radial line is even: expected {}", -grid.high);
            refuse("reference.grid.low", Some(grid.low.to_string()), &want);
        }
    } else if let Some((_, inputs, _)) = e.shape_hint() {
        let one = e.network.kind == NetworkKind::Bump || (inputs == 1 && !e.network.bias);
        if !one {
            let want = "neurons must have one trained parameter: expected network.kind = \"bump\", one input without bias, or \
                        the population \"mixture\", whose radial reduction has one";
            refuse("reference.grid", None, want);
        }
    }
    let ratio = e.horizon.interval() / grid.step;
    if (ratio - ratio.round()).abs() > 1e-9 * ratio || ratio < 0.5 {
        let near = e.horizon.interval() / ratio.ceil().max(1.0);
        let want = format!(
            "expected a step that divides horizon.time / horizon.records = {}; {near} does",
            e.horizon.interval()
        );
        problems.add("reference.grid.step", Some(grid.step.to_string()), want);
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
