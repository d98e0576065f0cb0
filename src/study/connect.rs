//! The study of connecting paths: how much the loss must rise on the way from one trained network to another.
//!
//! Theory section 7. For pairs of independent networks of equal width, and for networks trained in different ways: the
//! constructive path through the first halves and through the best of several random halves, the straight line, the
//! straight line after matching neurons, and a learned curve, all on one axis.

use super::pieces::{Piece, work_through};
use super::plan::{Plan, variant_group};
use super::problem::Problem;
use super::states::{final_point, push_parts};
use super::training::Trained;
use super::{RunError, Setting};
use crate::analysis::connectivity::{
    Constructive, CurveForce, Match, Matching, Measure, NamedRisks, Path, Profile, learn_curve, recipe,
};
use crate::analysis::fit::{Bootstrap, Statistic, fit_slope};
use crate::analysis::verdict::{Check, Exponent};
use crate::config::{BatchSize, Connect};
use crate::dynamics::{Ensemble, Motion};
use crate::network::{Objective, Point};
use crate::record::npz::Arrays;
use crate::record::{ConnectRecord, FitRecord, PairRecord};
use ndarray::{Array2, s};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The kinds of path, in the order of figures.
const KINDS: [&str; 6] = ["first-half", "best-half", "straight", "matched-features", "matched-weights", "bezier"];
/// Rounding allowed on statements that are exact.
const ROUNDING: f64 = 1e-12;
/// Tells this study's bootstrap apart from the others'.
const CONNECT_SALT: u64 = 2 << 32;

/// Two networks to be joined.
struct Pair {
    /// Name of its file in `state/paths/`.
    name: String,
    /// Address of its random draws.
    address: u64,
    width: usize,
    ids: [String; 2],
    /// The variant that the first network is of, if any.
    variant: Option<String>,
}

/// What was found for a pair.
#[derive(Serialize, Deserialize)]
struct Joined {
    named: BTreeMap<String, NamedRisks>,
    profiles: BTreeMap<String, Profile>,
}

/// Writes `records/paths.npz`, `records/connect.json` and `state/paths/`; returns the checks. `None`: a person asked to
/// stop.
pub fn study(
    problem: &Problem<'_, f64>,
    terms: &Connect,
    plan: &Plan,
    trained: &Trained,
    setting: &Setting<'_>,
) -> Result<Option<Vec<Check>>, RunError> {
    let pairs = pairs(problem, terms, plan, trained);
    let pieces: Vec<Piece<&Pair>> =
        pairs.iter().map(|pair| Piece { name: pair.name.clone(), size: pair.width, item: pair }).collect();
    let joined = work_through(setting, "paths", &pieces, |pair| join(problem, terms, pair, setting))?;
    let Some(joined) = joined else { return Ok(None) };
    write(problem, terms, &pairs, &joined, setting)?;
    let mut record = ConnectRecord {
        widths: problem.experiment.widths.values.clone(),
        kinds: KINDS
            .iter()
            .filter(|kind| joined.iter().any(|j| j.profiles.contains_key(**kind)))
            .map(|k| k.to_string())
            .collect(),
        pairs: pairs.iter().map(Pair::record).collect(),
        fits: Vec::new(),
    };
    let checks = checks(problem, &pairs, &joined, &mut record);
    setting.folder.write_json("records/connect.json", &record)?;
    Ok(Some(checks))
}

impl Pair {
    fn record(&self) -> PairRecord {
        let [first, second] = self.ids.clone();
        PairRecord { name: self.name.clone(), width: self.width, first, second, variant: self.variant.clone() }
    }
}

/// Every pair whose networks both reached the horizon.
fn pairs(problem: &Problem<'_, f64>, terms: &Connect, plan: &Plan, trained: &Trained) -> Vec<Pair> {
    let e = problem.experiment;
    let mut pairs = Vec::new();
    for (&width, ids) in e.widths.values.iter().zip(&plan.groups[0].ids) {
        for j in 0..terms.pairs {
            let ids = [ids[2 * j].clone(), ids[2 * j + 1].clone()];
            pairs.push(Pair {
                name: format!("n{width}-p{j}"),
                address: (width as u64) << 32 | j as u64,
                width,
                ids,
                variant: None,
            });
        }
    }
    for (v, variant) in e.variants.iter().enumerate().filter(|(_, variant)| terms.variants.contains(&variant.name)) {
        let group = plan.groups.iter().find(|group| group.name == variant_group(variant));
        let w = e.widths.values.iter().position(|&n| n == variant.width);
        let (Some(group), Some(w)) = (group, w) else { continue };
        for j in 0..terms.pairs.min(variant.seeds) {
            // Another seed than the variant's own: networks of one seed start from the same neurons.
            let other = plan.groups[0].ids[w][(j + 1) % e.widths.seeds].clone();
            pairs.push(Pair {
                name: format!("{}-p{j}", group.name),
                address: (1 << 63) | (v as u64) << 32 | j as u64,
                width: variant.width,
                ids: [group.ids[0][j].clone(), other],
                variant: Some(variant.name.clone()),
            });
        }
    }
    pairs.retain(|pair| pair.ids.iter().all(|id| trained.reached_horizon(id)));
    pairs
}

/// Walks along every kind of path between a pair, and saves what defines the paths.
fn join(problem: &Problem<'_, f64>, terms: &Connect, pair: &Pair, setting: &Setting<'_>) -> Result<Joined, RunError> {
    let e = problem.experiment;
    let network = &problem.network;
    let [p, q] = [0, 1].map(|k| final_point(setting.folder, problem, &pair.ids[k], pair.width));
    let (p, q) = (p?, q?);
    let width = pair.width;
    let (x, y) = (&problem.population.x, &problem.population.y);
    let measure = Measure { network, width, x, y, loss: e.network.loss };
    let samples = places(problem, terms);
    let mut joined = Joined { named: BTreeMap::new(), profiles: BTreeMap::new() };
    let mut arrays = Arrays::default();

    let first = Constructive::first_half(network, width, &p, &q);
    let mut constructive = vec![("first-half", first.clone())];
    if terms.halves > 0 {
        constructive.push(("best-half", first.best_half(&measure, e.seed, pair.address, terms.halves)));
    }
    for (kind, halves) in constructive {
        let path = halves.path();
        joined.named.insert(kind.into(), halves.named_risks(&measure));
        joined.profiles.insert(kind.into(), Profile::of(&path, samples, &measure));
        for (part, shape, data) in halves.described() {
            arrays.push(format!("{kind}_{part}"), &shape, data);
        }
    }
    joined.profiles.insert("straight".into(), Profile::of(&Path::line(&p, &q), samples, &measure));
    if pair.width <= terms.match_up_to {
        for (kind, by) in [("matched-features", Match::Features), ("matched-weights", Match::Weights)] {
            let matching = Matching::best(network, width, &p, &q, problem.sample.x.view(), by);
            joined.profiles.insert(
                kind.into(),
                Profile::of(&Path::line(&p, &matching.apply(network, width, &q)), samples, &measure),
            );
            let several = matching.layers.len() > 1;
            for (l, layer) in matching.layers.into_iter().enumerate() {
                let number = if several { format!("_{}", l + 1) } else { String::new() };
                let partner = layer.partner.iter().map(|&j| j as f64).collect();
                arrays.push(format!("{kind}_partner{number}"), &[layer.sign.len()], partner);
                arrays.push(format!("{kind}_sign{number}"), &[layer.sign.len()], layer.sign);
            }
        }
    }
    if let Some(bezier) = terms.bezier.as_ref().filter(|bezier| pair.width <= bezier.up_to) {
        let slice = |point: &Point| network.from_canonical(width, &point.to_vec());
        let force = CurveForce {
            ensemble: Ensemble {
                network,
                width: pair.width,
                population: &problem.population,
                objective: Objective { loss: e.network.loss, ridge: 0.0 },
            },
            ends: [slice(&p), slice(&q)],
            batch: if let BatchSize::Size(size) = bezier.batch { Some(size) } else { None },
            seed: e.seed,
            pair: pair.address,
        };
        let motion = Motion {
            step: bezier.step,
            friction: bezier.friction,
            temperature: 0.0,
            first_order: false,
            tolerance: 0.0,
        };
        let curve = learn_curve(force, motion, bezier.steps);
        joined.profiles.insert("bezier".into(), Profile::of(&curve, samples, &measure));
        if let Path::Bezier { points: [_, middle, _] } = &curve {
            push_parts(&mut arrays, network, width, &middle.to_vec(), "middle");
        }
    }
    arrays.write(&setting.folder.file(&format!("state/paths/{}.npz", pair.name)))?;
    Ok(joined)
}

/// Places on every path: those of the constructive path, with its waypoints among them.
fn places(problem: &Problem<'_, f64>, terms: &Connect) -> usize {
    recipe(&problem.network).pieces * (terms.points - 1) + 1
}

/// `records/paths.npz`: per kind, losses and accuracies (pairs, points), maxima and barriers (pairs).
fn write(
    problem: &Problem<'_, f64>,
    terms: &Connect,
    pairs: &[Pair],
    joined: &[Joined],
    setting: &Setting<'_>,
) -> Result<(), RunError> {
    let samples = places(problem, terms);
    let mut arrays = Arrays::default();
    arrays.push("t", &[samples], (0..samples).map(|i| i as f64 / (samples - 1) as f64).collect());
    arrays.push("width", &[pairs.len()], pairs.iter().map(|pair| pair.width as f64).collect());
    for kind in KINDS {
        let profiles: Vec<Option<&Profile>> = joined.iter().map(|j| j.profiles.get(kind)).collect();
        if profiles.iter().all(Option::is_none) {
            continue;
        }
        let lines = |values: fn(&Profile) -> &Vec<f64>| -> Vec<f64> {
            let missing = vec![f64::NAN; samples];
            profiles.iter().flat_map(|p| p.map_or(&missing, values).clone()).collect()
        };
        let numbers = |value: fn(&Profile) -> f64| profiles.iter().map(|p| p.map_or(f64::NAN, value)).collect();
        arrays.push(format!("{kind}_loss"), &[pairs.len(), samples], lines(|p| &p.loss));
        if problem.classes {
            arrays.push(format!("{kind}_accuracy"), &[pairs.len(), samples], lines(|p| &p.accuracy));
        }
        arrays.push(format!("{kind}_maximum"), &[pairs.len()], numbers(|p| p.maximum));
        arrays.push(format!("{kind}_maximum_at"), &[pairs.len()], numbers(|p| p.at));
        arrays.push(format!("{kind}_barrier"), &[pairs.len()], numbers(Profile::barrier));
        if joined.iter().all(|j| j.named.contains_key(kind)) {
            let named = joined.iter().flat_map(|j| j.named[kind].0.iter().copied());
            let count = recipe(&problem.network).named.len();
            arrays.push(format!("{kind}_named_risks"), &[pairs.len(), count], named.collect());
        }
    }
    Ok(arrays.write(&setting.folder.file("records/paths.npz"))?)
}

fn checks(problem: &Problem<'_, f64>, pairs: &[Pair], joined: &[Joined], record: &mut ConnectRecord) -> Vec<Check> {
    let recipe = recipe(&problem.network);
    let constructive = || {
        joined
            .iter()
            .zip(pairs)
            .flat_map(|(j, pair)| j.named.iter().map(move |(kind, named)| (kind, named, &j.profiles[kind], &pair.name)))
    };
    let worst = |excess: &dyn Fn(&NamedRisks, &Profile) -> f64| {
        constructive().fold((f64::NAN, String::new()), |worst, (kind, named, profile, pair)| {
            let excess = excess(named, profile) / named.bound().abs().max(1.0);
            if worst.0 >= excess { worst } else { (excess, format!("{pair}, {kind}")) }
        })
    };
    let (excess, at) = worst(&|named, profile| profile.maximum - named.bound());
    let mut bound = Check::at_most(
        "paths-bound",
        format!("max over the constructive path <= {}, every pair", recipe.bound),
        excess,
        ROUNDING,
    );
    bound.detail = format!("largest excess {excess:.1e} of {} paths, at {at}", constructive().count());
    let (moved, at) = worst(&|_, profile| {
        let piece = (profile.loss.len() - 1) / recipe.pieces;
        let off = |&k: &usize| {
            let part = &profile.loss[k * piece..=(k + 1) * piece];
            part.iter().fold(0.0_f64, |off, v| off.max((v - part[0]).abs()))
        };
        recipe.silent.iter().map(off).fold(0.0, f64::max)
    });
    let mut silent =
        Check::at_most("paths-silent", "the loss is constant where only silent neurons move", moved, ROUNDING);
    silent.detail = format!("largest change {moved:.1e}, at {at}");
    let mut checks = vec![bound, silent];

    let widths = &problem.experiment.widths.values;
    let x: Vec<f64> = widths.iter().map(|&n| n as f64).collect();
    let most = widths.iter().map(|&n| of_width(pairs, n).count()).max().unwrap_or(0);
    for kind in KINDS {
        let table = Array2::from_shape_fn((widths.len(), most), |(w, j)| {
            let pair = of_width(pairs, widths[w]).nth(j);
            pair.and_then(|i| joined[i].profiles.get(kind)).map_or(f64::NAN, Profile::barrier)
        });
        if table.iter().all(|v| v.is_nan()) {
            continue;
        }
        let bootstrap = Bootstrap::new(problem.experiment.seed, CONNECT_SALT);
        let fit = fit_slope(&x, table.view(), Statistic::Mean, &bootstrap);
        // The best of several halves may leave no barrier at all, and a law of zeros has no exponent.
        if kind == "first-half" {
            let statement = format!("the barrier of the constructive path ({kind}) falls at least as N^(-1/2)");
            let name = format!("paths-barrier-{kind}");
            let rule = Exponent::new(-0.5);
            let tail =
                fit_slope(&x[1.min(x.len())..], table.slice(s![1.min(x.len()).., ..]), Statistic::Mean, &bootstrap);
            let whole = Check::exponent_at_most(&name, &statement, &fit, rule);
            checks.push(whole.or_not_yet_reached(&Check::exponent_at_most(&name, &statement, &tail, rule)));
        }
        record.fits.push(FitRecord::of("paths", kind, -0.5, &fit));
    }
    checks
}

/// Positions of the pairs of a width, variants left out.
fn of_width(pairs: &[Pair], width: usize) -> impl Iterator<Item = usize> {
    pairs.iter().enumerate().filter(move |(_, pair)| pair.width == width && pair.variant.is_none()).map(|(i, _)| i)
}
