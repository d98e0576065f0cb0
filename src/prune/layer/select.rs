//! The entries of lowest score: exact in number, ties to the lower index in row-major order.

use super::sparsity::Zeros;

/// Marks in `dropped` the entries of lowest score (rows, inputs), row-major. Scores are not negative.
pub fn drop_lowest(scores: &[f64], inputs: usize, zeros: Zeros, dropped: &mut [bool]) {
    match zeros {
        Zeros::Matrix(count) => mark_lowest(scores, count, dropped),
        Zeros::Row(count) => {
            let rows = scores.chunks_exact(inputs).zip(dropped.chunks_exact_mut(inputs));
            rows.for_each(|(scores, dropped)| mark_lowest(scores, count, dropped));
        }
        Zeros::Group { zeros, of } => {
            let groups = scores.chunks_exact(of).zip(dropped.chunks_exact_mut(of));
            groups.for_each(|(scores, dropped)| mark_group(scores, zeros, dropped));
        }
    }
}

/// Marks the entries of lowest score of every row (rows, inputs), `zeros` in all: the same number in every row, and one more
/// in the first rows where it is not divisible.
pub(super) fn drop_lowest_evenly(scores: &[f64], inputs: usize, zeros: usize, dropped: &mut [bool]) {
    let rows = scores.len() / inputs;
    let each = scores.chunks_exact(inputs).zip(dropped.chunks_exact_mut(inputs)).enumerate();
    each.for_each(|(row, (scores, dropped))| {
        mark_lowest(scores, zeros / rows + usize::from(row < zeros % rows), dropped);
    });
}

/// Marks the `count` lowest of a small group by insertion.
pub(super) fn mark_group(scores: &[f64], count: usize, dropped: &mut [bool]) {
    dropped.fill(false);
    for _ in 0..count {
        let mut lowest: Option<usize> = None;
        for (at, score) in scores.iter().enumerate() {
            if !dropped[at] && lowest.is_none_or(|lowest| *score < scores[lowest]) {
                lowest = Some(at);
            }
        }
        if let Some(at) = lowest {
            dropped[at] = true;
        }
    }
}

/// Bits of a score that name its bin, from the highest.
const BIN_BITS: u32 = 16;

/// Marks the `count` lowest scores. The bits of numbers that are not negative are ordered as the numbers are: one pass
/// counts scores by their highest bits, and only those of one bin are sorted.
pub(super) fn mark_lowest(scores: &[f64], count: usize, dropped: &mut [bool]) {
    if count == 0 || count >= scores.len() {
        return dropped.fill(count > 0);
    }
    let key = |score: f64| (score + 0.0).to_bits();
    let bin = |score: f64| (key(score) >> (64 - BIN_BITS)) as usize;
    let mut counts = vec![0_u32; 1 << BIN_BITS];
    scores.iter().for_each(|score| counts[bin(*score)] += 1);
    let (mut below, mut last) = (0, 0);
    for (index, in_bin) in counts.iter().enumerate() {
        if below + *in_bin as usize >= count {
            last = index;
            break;
        }
        below += *in_bin as usize;
    }
    let mut tied: Vec<(u64, usize)> = Vec::with_capacity(counts[last] as usize);
    for (at, (score, dropped)) in scores.iter().zip(dropped.iter_mut()).enumerate() {
        let own = bin(*score);
        *dropped = own < last;
        if own == last {
            tied.push((key(*score), at));
        }
    }
    let wanted = count - below;
    if wanted < tied.len() {
        tied.select_nth_unstable(wanted);
    }
    tied[..wanted].iter().for_each(|&(_, at)| dropped[at] = true);
}
