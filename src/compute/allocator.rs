//! An allocator that puts large arrays on cache lines, and the largest on huge pages.
//!
//! States are plain vectors, which the system allocator aligns to 16 bytes: every 64-byte load would then straddle two cache
//! lines. And a sweep over a state of many megabytes asks for a new page of 4 KiB every few nanoseconds, which costs up to a
//! twelfth of it. The program installs this allocator; libraries and tests need not.

use std::alloc::{GlobalAlloc, Layout, System};

/// Alignment of large allocations: a cache line.
const LINE: usize = 64;

/// Smallest allocation that is aligned to [`LINE`].
const LARGE: usize = 1024;

/// A huge page.
const PAGE: usize = 2 << 20;

/// Smallest allocation that is put on huge pages.
const HUGE: usize = 2 * PAGE;

/// The system allocator with large allocations on cache lines and the largest on huge pages.
pub struct AlignedAllocator;

impl AlignedAllocator {
    fn widen(layout: Layout) -> Layout {
        let align = match layout.size() {
            HUGE.. => PAGE,
            LARGE.. => LINE,
            _ => 1,
        };
        layout.align_to(align).unwrap_or(layout)
    }

    /// Asks for huge pages under a block that is large enough for them.
    fn advise(start: *mut u8, size: usize) -> *mut u8 {
        #[cfg(target_os = "linux")]
        if size >= HUGE && !start.is_null() {
            // SAFETY: the advice is about whole pages inside a block that was just allocated; it changes no content, and a
            // system that does not take it answers with an error that nothing depends on.
            unsafe { libc::madvise(start.cast(), size / PAGE * PAGE, libc::MADV_HUGEPAGE) };
        }
        start
    }
}

// SAFETY: every call goes to the system allocator, with the same widened layout for the same layout; a widened layout
// satisfies the one it was made from.
unsafe impl GlobalAlloc for AlignedAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises carry over; the size is unchanged.
        Self::advise(unsafe { System.alloc(Self::widen(layout)) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        Self::advise(unsafe { System.alloc_zeroed(Self::widen(layout)) }, layout.size())
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: `start` came from `alloc` with this layout, so the system allocated it with the widened one.
        unsafe { System.dealloc(start, Self::widen(layout)) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Ok(new) = Layout::from_size_align(size, layout.align()) else { return std::ptr::null_mut() };
        if Self::widen(layout).align() == Self::widen(new).align() {
            // SAFETY: the alignment is the same on both sides, so the system may move the block as it likes.
            return Self::advise(unsafe { System.realloc(start, Self::widen(layout), size) }, size);
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
