//! Which rank, or which shard of a run, does which part of a list of work.

use std::ops::Range;

/// Assigns items of these costs to `count` ranks or shards, of which each does whole items: the rank of every item, from 0.
/// Items are placed from the most costly on, each with the rank that has the least to do (Graham 1969); of equal ones the first.
/// A function of its arguments alone.
///
/// # Panics
/// If `count` is 0.
pub fn assign(costs: &[f64], count: usize) -> Vec<usize> {
    assert!(count > 0, "there is a rank");
    let mut order: Vec<usize> = (0..costs.len()).collect();
    order.sort_by(|&a, &b| costs[b].total_cmp(&costs[a]).then(a.cmp(&b)));
    let (mut loads, mut ranks) = (vec![0.0; count], vec![0; costs.len()]);
    for item in order {
        let least = (0..count).min_by(|&a, &b| f64::total_cmp(&loads[a], &loads[b])).expect("there is a rank");
        ranks[item] = least;
        loads[least] += costs[item];
    }
    ranks
}

/// The part of a rank in a list of `count` items that is divided among `size` ranks into contiguous parts of nearly equal
/// length.
pub fn part(count: usize, rank: usize, size: usize) -> Range<usize> {
    count * rank / size..count * (rank + 1) / size
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts are in order, without gaps, and differ by one item at most.
    #[test]
    fn parts_make_up_the_whole() {
        for (count, size) in [(0, 3), (2, 5), (7, 3), (16, 16), (100, 7)] {
            let parts: Vec<Range<usize>> = (0..size).map(|rank| part(count, rank, size)).collect();
            assert!(parts[0].start == 0 && parts[size - 1].end == count);
            assert!(parts.windows(2).all(|two| two[0].end == two[1].start));
            assert!(parts.iter().all(|part| part.len() == count / size || part.len() == count.div_ceil(size)));
        }
    }

    #[test]
    fn the_most_costly_items_are_apart() {
        assert_eq!(assign(&[1.0, 5.0, 4.0, 1.0, 1.0], 2), [1, 0, 1, 0, 1]);
        assert_eq!(assign(&[3.0, 3.0, 3.0], 1), [0, 0, 0]);
        assert_eq!(assign(&[2.0], 4), [0]);
        assert!(assign(&[], 3).is_empty());
        let ranks = assign(&[1.0; 10], 3);
        assert!((0..3).all(|rank| (3..=4).contains(&ranks.iter().filter(|&&r| r == rank).count())));
    }
}
