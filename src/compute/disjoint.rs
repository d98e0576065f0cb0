//! A slice whose disjoint parts are worked on by several threads.

use std::marker::PhantomData;
use std::ops::Range;

/// A borrowed slice, to be taken apart without a list of its parts.
pub(crate) struct DisjointSlice<'a, T> {
    start: *mut T,
    len: usize,
    writable: bool,
    borrow: PhantomData<&'a mut [T]>,
}

// SAFETY: it is a slice borrowed for 'a; whoever takes parts of it vouches that they are disjoint.
unsafe impl<T: Send + Sync> Sync for DisjointSlice<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Send for DisjointSlice<'_, T> {}

impl<'a, T> DisjointSlice<'a, T> {
    /// DisjointSlice that are only read.
    pub fn shared(slice: &'a [T]) -> Self {
        DisjointSlice { start: slice.as_ptr().cast_mut(), len: slice.len(), writable: false, borrow: PhantomData }
    }

    /// DisjointSlice that may be written.
    pub fn exclusive(slice: &'a mut [T]) -> Self {
        DisjointSlice { start: slice.as_mut_ptr(), len: slice.len(), writable: true, borrow: PhantomData }
    }

    /// Where an entry lies, or would lie: an address to ask for ahead of time, not one to read.
    pub fn address(&self, index: usize) -> *const T {
        self.start.wrapping_add(index)
    }

    /// A part to read.
    ///
    /// # Safety
    /// While it is in use no part that overlaps it is taken for writing.
    pub unsafe fn get(&self, range: Range<usize>) -> &[T] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: inside the borrowed slice by the assertion; not written meanwhile by the caller's promise.
        unsafe { std::slice::from_raw_parts(self.start.add(range.start), range.len()) }
    }

    /// A part to write.
    ///
    /// # Safety
    /// While it is in use no part that overlaps it is taken.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn get_mut(&self, range: Range<usize>) -> &mut [T] {
        assert!(self.writable && range.start <= range.end && range.end <= self.len);
        // SAFETY: inside the slice borrowed mutably; not shared meanwhile by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}
