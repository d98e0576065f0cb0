//! A slice whose disjoint ranges are accessed by several threads.

use std::marker::PhantomData;
use std::ops::Range;

/// A borrowed slice that hands out ranges through a shared reference; the caller guarantees that they do not overlap.
pub(crate) struct DisjointSlice<'a, T> {
    start: *mut T,
    len: usize,
    writable: bool,
    borrow: PhantomData<&'a mut [T]>,
}

// SAFETY: it is a slice borrowed for 'a, and the callers of `get` and `get_mut` guarantee that ranges do not conflict.
unsafe impl<T: Send + Sync> Sync for DisjointSlice<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Send for DisjointSlice<'_, T> {}

impl<'a, T> DisjointSlice<'a, T> {
    /// A slice whose ranges can only be read.
    pub fn shared(slice: &'a [T]) -> Self {
        DisjointSlice { start: slice.as_ptr().cast_mut(), len: slice.len(), writable: false, borrow: PhantomData }
    }

    /// A slice whose ranges can be read and written.
    pub fn exclusive(slice: &'a mut [T]) -> Self {
        DisjointSlice { start: slice.as_mut_ptr(), len: slice.len(), writable: true, borrow: PhantomData }
    }

    /// The address of entry `index`, which may be out of range: for prefetching, not for access.
    pub fn address(&self, index: usize) -> *const T {
        self.start.wrapping_add(index)
    }

    /// A range to read.
    ///
    /// # Panics
    /// If the range is not within the slice.
    ///
    /// # Safety
    /// While the result is in use, no overlapping range is obtained by [`DisjointSlice::get_mut`].
    pub unsafe fn get(&self, range: Range<usize>) -> &[T] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: the range is within the borrowed slice; the caller guarantees that it is not written meanwhile.
        unsafe { std::slice::from_raw_parts(self.start.add(range.start), range.len()) }
    }

    /// A range to write.
    ///
    /// # Panics
    /// If the range is not within the slice, or the slice is read-only.
    ///
    /// # Safety
    /// While the result is in use, no overlapping range is obtained.
    pub unsafe fn get_mut(&self, range: Range<usize>) -> &mut [T] {
        assert!(self.writable && range.start <= range.end && range.end <= self.len);
        // SAFETY: the range is within the mutably borrowed slice; the caller guarantees that it is not shared
        // meanwhile.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}
