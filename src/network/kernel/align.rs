//! An allocator that puts large arrays on cache lines.
//!
//! States are plain vectors, which the system allocator aligns to 16 bytes: every 64-byte load would then straddle two cache
//! lines. The program installs this one; libraries and tests need not.

use std::alloc::{GlobalAlloc, Layout, System};

/// Alignment of large allocations: a cache line.
const LINE: usize = 64;

/// Smallest allocation that is aligned to [`LINE`].
const LARGE: usize = 1024;

/// The system allocator with large allocations on cache lines.
pub struct OnCacheLines;

impl OnCacheLines {
    fn widen(layout: Layout) -> Layout {
        match layout.size() {
            LARGE.. => layout.align_to(LINE).unwrap_or(layout),
            _ => layout,
        }
    }
}

// SAFETY: every call goes to the system allocator, with the same widened layout for the same layout; a widened layout
// satisfies the one it was made from.
unsafe impl GlobalAlloc for OnCacheLines {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises carry over; the size is unchanged.
        unsafe { System.alloc(Self::widen(layout)) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(Self::widen(layout)) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: `start` came from `alloc` with this layout, so the system knows it by the widened one.
        unsafe { System.dealloc(start, Self::widen(layout)) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Ok(new) = Layout::from_size_align(size, layout.align()) else { return std::ptr::null_mut() };
        if Self::widen(layout).align() == Self::widen(new).align() {
            // SAFETY: the alignment is the same on both sides, so the system may move the block as it likes.
            return unsafe { System.realloc(start, Self::widen(layout), size) };
        }
        // SAFETY: the new block is distinct, and as much is copied as both hold.
        unsafe {
            let moved = self.alloc(new);
            if !moved.is_null() {
                std::ptr::copy_nonoverlapping(start, moved, layout.size().min(size));
                self.dealloc(start, layout);
            }
            moved
        }
    }
}
