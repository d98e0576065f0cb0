//! Parallel loops over chunks of slices and over column strips of matrices. The partition depends on the sizes alone,
//! not on the number of threads.

use super::{DisjointSlice, parallel_for};
use std::marker::PhantomData;
use std::ops::Range;

/// Calls `work(index, chunk, thread)` once for every chunk of `len` entries, of which the last may have fewer, on up to
/// `threads` threads. Concurrent calls have different `thread`, which is below `threads`.
///
/// # Panics
/// If `len` is 0 or `work` panics.
pub fn for_each_chunk<T: Send + Sync>(
    threads: usize,
    data: &mut [T],
    len: usize,
    work: impl Fn(usize, &mut [T], usize) + Sync,
) {
    let chunks = Chunks::new(data, len);
    // SAFETY: `parallel_for` runs each task once.
    parallel_for(threads, chunks.count(), &|index, thread| work(index, unsafe { chunks.chunk(index) }, thread));
}

/// [`for_each_chunk`] over corresponding chunks of two slices, given as `(slice, chunk length)`.
///
/// # Panics
/// If a length is 0, the numbers of chunks differ or `work` panics.
pub fn for_each_chunk_pair<T: Send + Sync, U: Send + Sync>(
    threads: usize,
    (first, first_len): (&mut [T], usize),
    (second, second_len): (&mut [U], usize),
    work: impl Fn(usize, &mut [T], &mut [U], usize) + Sync,
) {
    let (first, second) = (Chunks::new(first, first_len), Chunks::new(second, second_len));
    assert_eq!(first.count(), second.count(), "both slices have the same number of chunks");
    parallel_for(threads, first.count(), &|index, thread| {
        // SAFETY: `parallel_for` runs each task once.
        let (first, second) = unsafe { (first.chunk(index), second.chunk(index)) };
        work(index, first, second, thread);
    });
}

/// A slice divided into chunks of `len` entries.
struct Chunks<'a, T> {
    slice: DisjointSlice<'a, T>,
    total: usize,
    len: usize,
}

impl<'a, T> Chunks<'a, T> {
    fn new(data: &'a mut [T], len: usize) -> Self {
        assert!(len > 0, "the length of a chunk is positive");
        Chunks { total: data.len(), slice: DisjointSlice::exclusive(data), len }
    }

    fn count(&self) -> usize {
        self.total.div_ceil(self.len)
    }

    /// # Safety
    /// No chunk is borrowed twice at a time.
    unsafe fn chunk(&self, index: usize) -> &mut [T] {
        // SAFETY: chunks of different index do not overlap.
        unsafe { self.slice.get_mut(index * self.len..((index + 1) * self.len).min(self.total)) }
    }
}

/// Exclusive access to consecutive columns of a row-major matrix. Other threads may hold other columns at the same
/// time.
#[derive(Debug)]
pub struct Strip<'a, T> {
    /// The first entry of the strip in the first row of the matrix.
    start: *mut T,
    rows: usize,
    /// Columns of the matrix.
    stride: usize,
    width: usize,
    borrow: PhantomData<&'a mut [T]>,
}

impl<T> Strip<'_, T> {
    /// Number of columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Row `j` of the strip.
    ///
    /// # Panics
    /// If `j` is out of range.
    #[inline(always)]
    pub fn row(&self, j: usize) -> &[T] {
        assert!(j < self.rows);
        // SAFETY: every row of the matrix contains the columns of the strip, to which the strip has exclusive access.
        unsafe { std::slice::from_raw_parts(self.start.add(j * self.stride), self.width) }
    }

    /// Row `j` of the strip, mutable.
    ///
    /// # Panics
    /// If `j` is out of range.
    #[inline(always)]
    pub fn row_mut(&mut self, j: usize) -> &mut [T] {
        assert!(j < self.rows);
        // SAFETY: as in `row`; the strip is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(j * self.stride), self.width) }
    }

    /// The sub-strip of a range of columns.
    ///
    /// # Panics
    /// If the range is not within the strip.
    pub fn columns_mut(&mut self, columns: Range<usize>) -> Strip<'_, T> {
        assert!(columns.start <= columns.end && columns.end <= self.width);
        Strip { start: self.start.wrapping_add(columns.start), width: columns.len(), borrow: PhantomData, ..*self }
    }
}

/// Divides a row-major matrix of `columns` columns into strips of `width` columns, of which the last may have fewer,
/// and calls `work(index, strip, thread)` once for every strip, on up to `threads` threads; `thread` as in
/// [`for_each_chunk`].
///
/// # Panics
/// If `width` is 0, the length of the matrix is not a multiple of the number of columns, or `work` panics.
pub fn for_each_strip<T: Send + Sync>(
    threads: usize,
    matrix: &mut [T],
    columns: usize,
    width: usize,
    work: impl Fn(usize, Strip<'_, T>, usize) + Sync,
) {
    assert!(
        width > 0 && columns > 0 && matrix.len().is_multiple_of(columns),
        "the length is a multiple of the columns"
    );
    let rows = matrix.len() / columns;
    let matrix = DisjointSlice::exclusive(matrix);
    parallel_for(threads, columns.div_ceil(width), &|index, thread| {
        // Strips of different index have no column in common, and `parallel_for` runs each index once.
        let first = index * width;
        let (start, width) = (matrix.address(first).cast_mut(), width.min(columns - first));
        work(index, Strip { start, rows, stride: columns, width, borrow: PhantomData }, thread);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_a_slice_once() {
        for threads in [1, 3] {
            let (mut one, mut two) = (vec![0_usize; 23], vec![0_u8; 5]);
            for_each_chunk(threads, &mut one, 5, |index, chunk, _| chunk.iter_mut().for_each(|v| *v += index + 1));
            assert!(one.iter().enumerate().all(|(i, v)| *v == i / 5 + 1));
            for_each_chunk_pair(threads, (&mut one, 5), (&mut two, 1), |index, one, two, _| {
                assert_eq!(one.len(), if index < 4 { 5 } else { 3 });
                two[0] = one[0] as u8;
            });
            assert_eq!(two, [1, 2, 3, 4, 5]);
            for_each_chunk::<u8>(threads, &mut [], 5, |_, _, _| unreachable!());
        }
    }

    #[test]
    fn strips_cover_a_matrix_once() {
        for (rows, columns, width) in [(4, 7, 3), (1, 6, 2), (3, 2, 5), (0, 4, 2)] {
            let mut matrix = vec![0; rows * columns];
            for_each_strip(2, &mut matrix, columns, width, |index, mut strip, _| {
                assert_eq!(strip.width(), width.min(columns - index * width));
                for j in 0..rows {
                    for l in 0..strip.width() {
                        strip.columns_mut(l..l + 1).row_mut(j)[0] += 100 * j + index * width + l + 1;
                    }
                    assert_eq!(strip.row(j).len(), strip.width());
                }
            });
            assert!((0..rows * columns).all(|k| matrix[k] == 100 * (k / columns) + k % columns + 1));
        }
    }
}
