//! The tables of the studies, and of the variants that they compare.

use super::experiment::{BatchSize, Dynamics, Iterated, NetworkSpec, Precision, Reference};
use super::read::{batch, name, start, training_method};
use super::section::{Section, Want};
use super::studies::*;
use crate::dynamics::Method;

/// A variant: what is not said is as in `[dynamics]`.
pub(super) fn variant(mut s: Section, dynamics: &Dynamics, network: &NetworkSpec) -> Variant {
    let name = name(&mut s);
    let method = training_method(&mut s, dynamics.method);
    let friction = match (method, dynamics.method) {
        (Method::GradientDescent, _) => Some(0.0),
        (_, Method::GradientDescent) => None,
        _ => Some(dynamics.friction),
    };
    let variant = Variant {
        name,
        method,
        step: s.real("step", Some(dynamics.step), Want::Positive),
        friction: s.real("friction", friction, Want::NonNegative),
        width: s.count("width", None, 1),
        seeds: s.count("seeds", Some(4), 1),
        stalls: s.flag("stalls", false),
        start: s.section("start", false).map(|section| start(section, network.kind, network.bias)),
    };
    if method == Method::GradientDescent && variant.friction != 0.0 {
        s.wrong("friction", None, "plain gradient descent has no friction; remove it");
    }
    s.finish();
    variant
}

pub(super) fn gap(mut s: Section) -> Gap {
    let gap = Gap {
        projections: s.count("projections", Some(32), 1),
        resamples: s.count("resamples", Some(2000), 100),
        sweep: s.sections("sweep").into_iter().map(sweep).collect(),
    };
    s.finish();
    gap
}

fn sweep(mut s: Section) -> Sweep {
    let over = s.choice("over", None, &[("step", Over::Step), ("batch", Over::Batch)]);
    let values = s.reals("values", Want::Positive);
    if over == Over::Batch && values.iter().any(|v| v.fract() != 0.0) {
        s.wrong("values", Some(format!("{values:?}")), "expected batch sizes, whole numbers of at least 1");
    }
    if (1..values.len()).any(|i| values[..i].contains(&values[i])) {
        s.wrong("values", Some(format!("{values:?}")), "expected every value once");
    }
    let (width, seeds) = (s.count("width", None, 1), s.count("seeds", Some(10), 1));
    let (batch, step) = match over {
        Over::Step => (Some(batch(&mut s)), None),
        Over::Batch => (None, s.optional_real("step", Want::Positive)),
    };
    s.finish();
    Sweep { over, values, width, seeds, batch, step }
}

pub(super) fn dropout(mut s: Section) -> Dropout {
    let dropout = Dropout {
        kept: if s.has("kept") { s.counts("kept", 1) } else { Vec::new() },
        draws: s.count("draws", Some(100), 10),
        greedy_up_to: s.count("greedy_up_to", Some(512), 0),
    };
    if dropout.kept.windows(2).any(|pair| pair[0] >= pair[1]) {
        s.wrong("kept", Some(format!("{:?}", dropout.kept)), "expected numbers in increasing order, each once");
    }
    s.finish();
    dropout
}

pub(super) fn connect(mut s: Section) -> Connect {
    let connect = Connect {
        pairs: s.count("pairs", Some(4), 1),
        halves: s.count("halves", Some(16), 0),
        points: s.count("points", Some(9), 3),
        match_up_to: s.count("match_up_to", Some(1024), 0),
        variants: s.texts("variants"),
        bezier: s.section("bezier", false).map(bezier),
    };
    s.finish();
    connect
}

fn bezier(mut s: Section) -> Bezier {
    let bezier = Bezier {
        steps: s.count("steps", Some(300), 0),
        step: s.real("step", Some(0.2), Want::Positive),
        friction: s.real("friction", Some(1.0), Want::NonNegative),
        batch: if s.has("batch") { batch(&mut s) } else { BatchSize::Size(100) },
        up_to: s.count("up_to", Some(1024), 0),
    };
    if bezier.friction * bezier.step > 1.0 {
        let want =
            format!("expected at most 1 / step = {}, or the momentum 1 - friction step is negative", 1.0 / bezier.step);
        s.wrong("friction", Some(bezier.friction.to_string()), want);
    }
    s.finish();
    bezier
}

pub(super) fn converge(mut s: Section) -> Converge {
    let levels = if s.has("levels") { s.reals("levels", Want::Between(0.0, 1.0)) } else { vec![0.5, 0.2, 0.1] };
    s.finish();
    Converge { levels }
}

pub(super) fn picard(mut s: Section, reference: &Reference) -> PicardStudy {
    // Studies compute in double precision.
    let defaults = Iterated::of(Precision::F64);
    let study = PicardStudy {
        particles: s.count("particles", Some(reference.particles), 1),
        windows: if s.has("windows") { s.counts("windows", 1) } else { vec![1, 4] },
        iterates: s.count("iterates", Some(defaults.iterates), 1),
        tolerance: s.real("tolerance", Some(defaults.tolerance), Want::Between(1e-15, 1e-1)),
    };
    if study.windows.windows(2).any(|pair| pair[0] >= pair[1]) {
        s.wrong("windows", Some(format!("{:?}", study.windows)), "expected numbers in increasing order, each once");
    }
    s.finish();
    study
}

pub(super) fn kinetic(mut s: Section) -> Kinetic {
    let (low, high) = (s.real("low", None, Want::Any), s.real("high", None, Want::Any));
    if low >= high {
        s.wrong("high", Some(high.to_string()), format!("expected a number above low = {low}"));
    }
    let kinetic = Kinetic {
        low,
        high,
        momentum: s.real("momentum", None, Want::Positive),
        nodes: s.count("nodes", Some(256), 64),
        step: s.real("step", None, Want::Positive),
        particles: s.count("particles", Some(1_000_000), 0),
        clouds: s.count("clouds", Some(16), 4),
        frictions: if s.has("frictions") { s.reals("frictions", Want::Positive) } else { Vec::new() },
    };
    // Half as many nodes are a grid too.
    if !kinetic.nodes.is_multiple_of(32) {
        let near = kinetic.nodes.next_multiple_of(32);
        s.wrong("nodes", Some(kinetic.nodes.to_string()), format!("expected a multiple of 32, such as {near}"));
    }
    if kinetic.frictions.windows(2).any(|pair| pair[0] >= pair[1]) {
        s.wrong("frictions", Some(format!("{:?}", kinetic.frictions)), "expected increasing frictions, each once");
    }
    s.finish();
    kinetic
}

pub(super) fn radial(mut s: Section) -> RadialStudy {
    let study = RadialStudy {
        particles: s.count("particles", Some(4000), 2),
        dimensions: if s.has("dimensions") { s.counts("dimensions", 1) } else { Vec::new() },
    };
    if study.dimensions.windows(2).any(|pair| pair[0] >= pair[1]) {
        s.wrong("dimensions", Some(format!("{:?}", study.dimensions)), "expected increasing dimensions, each once");
    }
    s.finish();
    study
}
