//! The distribution of the points of a sweep among shards.
//!
//! A point is computed by as many shards of its own as its share of the estimated work asks for, at most by as many as the
//! sweep has; these, the *pieces*, are dealt to the shards of the sweep, the costliest first. With four times as many equal
//! points as shards every piece is a whole point. The distribution is a function of the experiments and of the number of
//! shards alone.

use super::super::plan::Plan;
use super::super::shard::{LimitScope, Shard, shards_of};
use super::scopes::limit_scopes;
use crate::config::vary::Varied;
use crate::config::{AnyExperiment, Experiment};
use crate::ranks::assign;

/// Pieces that are as much work as a shard should have: no shard then has more than a quarter above its share, where the
/// networks of a point can be divided so.
const FINENESS: f64 = 4.0;

/// Least work of a piece, as a part of the mean: those without networks are not all dealt to the same shard.
const LEAST: f64 = 1e-3;

/// A piece of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Index of the point.
    pub point: usize,
    /// The shard of the point.
    pub shard: Shard,
}

/// The pieces of every shard of a sweep, in the order of the points.
pub(super) fn divide(varied: &Varied<AnyExperiment>, count: usize) -> Vec<Vec<Piece>> {
    let points: Vec<PointWork<'_>> = varied.points.iter().map(|point| PointWork::of(&point.experiment)).collect();
    deal(&points, &limit_scopes(varied), count)
}

/// What is known of the work of a point.
enum PointWork<'e> {
    /// That of its trajectories.
    Networks(&'e Experiment, Box<Plan>),
    /// Nothing: that of all such points is taken to be equal.
    Unknown,
}

impl<'e> PointWork<'e> {
    fn of(experiment: &'e AnyExperiment) -> Self {
        match experiment {
            AnyExperiment::Training(e) => PointWork::Networks(e, Box::new(Plan::new(e))),
            AnyExperiment::Recovery(_) | AnyExperiment::Pruning(_) => PointWork::Unknown,
        }
    }

    /// The work of each of so many shards of the point.
    fn of_shards(&self, scope: LimitScope, count: usize) -> Vec<f64> {
        let PointWork::Networks(e, plan) = self else { return vec![1.0 / count as f64; count] };
        let mut work = vec![0.0; count];
        for (id, shard) in shards_of(plan, scope, e.horizon.time, count) {
            work[shard.index() - 1] += plan.find(id).map_or(0.0, |run| run.work(e.horizon.time));
        }
        work
    }
}

fn deal(points: &[PointWork<'_>], scopes: &[LimitScope], count: usize) -> Vec<Vec<Piece>> {
    let works: Vec<f64> = points.iter().zip(scopes).map(|(point, scope)| point.of_shards(*scope, 1)[0]).collect();
    let all: f64 = works.iter().sum();
    // Without an estimate all points are alike.
    let share = |work: f64| if all > 0.0 { work / all } else { 1.0 / points.len() as f64 };
    let mut pieces: Vec<(Piece, f64)> = Vec::new();
    for (point, work) in works.iter().enumerate() {
        let own = ((FINENESS * count as f64 * share(*work)).ceil() as usize).clamp(1, count);
        let of_shards = points[point].of_shards(scopes[point], own);
        pieces.extend(Shard::all(own).zip(of_shards).map(|(shard, work)| (Piece { point, shard }, work)));
    }
    // Of pieces of equal work, those of different points go to different shards.
    pieces.sort_by_key(|(piece, _)| (piece.shard.index(), piece.point));
    let least = LEAST * all / pieces.len() as f64;
    let costs: Vec<f64> = pieces.iter().map(|(_, work)| if all > 0.0 { work.max(least) } else { 1.0 }).collect();
    let mut dealt = vec![Vec::new(); count];
    for ((piece, _), owner) in pieces.into_iter().zip(assign(&costs, count)) {
        dealt[owner].push(piece);
    }
    dealt.into_iter().map(joined).collect()
}

/// The pieces of a shard, in the order of the points; of a point of which it has all, one.
fn joined(mut pieces: Vec<Piece>) -> Vec<Piece> {
    pieces.sort_by_key(|piece| (piece.point, piece.shard));
    let own = |point: usize| pieces.iter().filter(|piece| piece.point == point).count();
    let whole = |piece: &Piece| own(piece.point) == piece.shard.count();
    let join = |piece: &Piece| if whole(piece) { Piece { shard: Shard::WHOLE, ..*piece } } else { *piece };
    let mut joined: Vec<Piece> = pieces.iter().map(join).collect();
    joined.dedup();
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Description};
    use crate::run::study::Registry;
    use std::path::Path;

    /// The points of networks without studies.
    fn varied(vary: &str) -> Varied<AnyExperiment> {
        let base = include_str!("../../../fuzz/bases/students.toml");
        let text = format!("{}\n[vary]\n{vary}\n", &base[..base.find("[gap]").unwrap()]);
        let readers = Registry { training: &[], recovery: &[], pruning: &[] }.readers(|_| None);
        match config::describe(&text, "test", Path::new(""), &[], None, &readers) {
            Ok(Description::Varied(varied)) => *varied,
            Ok(Description::Single(_)) => unreachable!("it has a table [vary]"),
            Err(error) => panic!("{error}"),
        }
    }

    /// Every shard of every point is dealt once, and every point is divided completely.
    fn whole(varied: &Varied<AnyExperiment>, count: usize) -> Vec<Vec<Piece>> {
        let dealt = divide(varied, count);
        assert_eq!(dealt.len(), count);
        for point in 0..varied.points.len() {
            let mut own: Vec<Shard> =
                dealt.iter().flatten().filter(|piece| piece.point == point).map(|piece| piece.shard).collect();
            own.sort_unstable();
            assert_eq!(own, Shard::all(own[0].count()).collect::<Vec<_>>(), "{count}: {point}");
            assert!(own.len() <= count);
        }
        dealt
    }

    #[test]
    fn many_equal_points_are_dealt_whole() {
        let varied = varied("seed = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]");
        let dealt = whole(&varied, 3);
        assert!(dealt.iter().flatten().all(|piece| piece.shard.count() == 1));
        assert!(dealt.iter().all(|own| own.len() == 4), "{dealt:?}");
        for count in [1, 2, 5, 12, 40] {
            whole(&varied, count);
        }
    }

    /// A costly point is divided, and cheap ones are not; no shard has much more than its share.
    #[test]
    fn costly_points_are_divided() {
        let varied =
            varied("widths.seeds = [2, 2, 24]\ndynamics.step = [0.0625, 0.03125, 0.015625]\ncombine = \"zip\"");
        let scopes = limit_scopes(&varied);
        for count in [2, 3, 4] {
            let dealt = whole(&varied, count);
            let pieces = |point: usize| dealt.iter().flatten().filter(|piece| piece.point == point).count();
            assert!((2..=count).contains(&pieces(2)), "{dealt:?}");
            assert!(pieces(0) == 1, "{dealt:?}");
            let load = |own: &Vec<Piece>| -> f64 {
                let work = |piece: &Piece| {
                    let point = PointWork::of(&varied.points[piece.point].experiment);
                    point.of_shards(scopes[piece.point], piece.shard.count())[piece.shard.index() - 1]
                };
                own.iter().map(work).sum()
            };
            let (most, all) = (dealt.iter().map(load).fold(0.0, f64::max), dealt.iter().map(load).sum::<f64>());
            assert!(most < 1.3 * all / count as f64, "{count}: {most} of {all}");
        }
    }

    /// Points of unknown work are divided alike, and their first shards are apart.
    #[test]
    fn points_of_unknown_work_are_spread() {
        let points: Vec<PointWork<'_>> = (0..10).map(|_| PointWork::Unknown).collect();
        let dealt = deal(&points, &[LimitScope::Compared; 10], 10);
        let first = |own: &Vec<Piece>| own.iter().filter(|piece| piece.shard.index() == 1).count();
        assert!(dealt.iter().all(|own| first(own) >= 1 && own.len() <= 4), "{dealt:?}");
        assert!(deal(&points[..1], &[LimitScope::Compared], 3).iter().all(|own| own.len() == 1));
        // Two points in two shards are dealt whole.
        let dealt = deal(&points[..2], &[LimitScope::Compared; 2], 2);
        assert!(dealt.iter().all(|own| own.len() == 1 && own[0].shard == Shard::WHOLE), "{dealt:?}");
    }
}
