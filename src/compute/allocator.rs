//! A global allocator that aligns large arrays to cache lines and requests huge pages for the largest.
//!
//! The system allocator aligns to 16 bytes, so that every 64-byte load of a state would straddle two cache lines. A
//! pass over a state of many megabytes needs a new page of 4 KiB every few nanoseconds; address translation then costs
//! up to a twelfth of its time. The program installs this allocator; libraries and tests work without it.
//!
//! By default the GNU C library raises the size from which blocks are mappings of their own to that of the largest block
//! freed, up to 32 MiB, and keeps twice as much free memory. The memory of a process then depends on the order of all
//! earlier allocations, and exceeds that of its live arrays by a half. [`return_large_blocks`] fixes the size, and
//! [`return_freed_memory`] returns what small blocks have left.

use std::alloc::{GlobalAlloc, Layout, System};

/// Bytes of a cache line, the alignment of large allocations.
const CACHE_LINE: usize = 64;

/// Smallest allocation that is aligned to [`CACHE_LINE`], in bytes.
const LARGE: usize = 1024;

/// Bytes of a huge page.
const HUGE_PAGE: usize = 2 << 20;

/// Smallest allocation for which huge pages are requested, in bytes.
const HUGE: usize = 2 * HUGE_PAGE;

/// The system allocator with large allocations aligned to cache lines, and the largest aligned to and backed by huge
/// pages.
pub struct AlignedAllocator;

impl AlignedAllocator {
    /// The layout with the alignment of its size class.
    fn aligned(layout: Layout) -> Layout {
        let align = match layout.size() {
            HUGE.. => HUGE_PAGE,
            LARGE.. => CACHE_LINE,
            _ => 1,
        };
        layout.align_to(align).unwrap_or(layout)
    }

    /// Requests huge pages for a block that is large enough for them; returns `start`.
    fn request_huge_pages(start: *mut u8, size: usize) -> *mut u8 {
        #[cfg(target_os = "linux")]
        if size >= HUGE && !start.is_null() {
            // SAFETY: the advice concerns whole pages inside a block that was just allocated and changes no content. It
            // may fail, and nothing depends on its success.
            unsafe { libc::madvise(start.cast(), size / HUGE_PAGE * HUGE_PAGE, libc::MADV_HUGEPAGE) };
        }
        start
    }
}

// SAFETY: every call is forwarded to the system allocator with the aligned layout, a function of the layout that
// satisfies all its requirements.
unsafe impl GlobalAlloc for AlignedAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's guarantees carry over; the size is unchanged.
        Self::request_huge_pages(unsafe { System.alloc(Self::aligned(layout)) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        Self::request_huge_pages(unsafe { System.alloc_zeroed(Self::aligned(layout)) }, layout.size())
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: `start` was allocated by `alloc` with this layout, hence by the system allocator with the aligned
        // one.
        unsafe { System.dealloc(start, Self::aligned(layout)) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Ok(new) = Layout::from_size_align(size, layout.align()) else { return std::ptr::null_mut() };
        if Self::aligned(layout).align() == Self::aligned(new).align() {
            // SAFETY: both layouts have the same alignment, so the system allocator may reallocate the block.
            return Self::request_huge_pages(unsafe { System.realloc(start, Self::aligned(layout), size) }, size);
        }
        // SAFETY: the new block is distinct, and the copied length is within both blocks.
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

/// Bytes of the smallest block that is a mapping of its own, and of the free memory kept at the end of the heap.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED: libc::c_int = 1 << 20;

/// Has blocks of a mebibyte or more returned to the system when they are freed.
pub fn return_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the calls set two numbers of the allocator; they may fail, and nothing depends on their success.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED);
        libc::mallopt(libc::M_TRIM_THRESHOLD, MAPPED);
    }
}

/// Largest block, and most free memory at the end of a heap, that [`keep_freed_memory`] keeps, in bytes.
pub const KEPT: usize = 32 << 20;

/// Has blocks below [`KEPT`] bytes taken from freed memory, of which about as much stays with the process. Work whose arrays
/// of a few megabytes live shortly, such as the passes through a Transformer, otherwise spends a quarter of its time on
/// the clearing of new pages.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the calls set two numbers of the allocator; they may fail, and nothing depends on their success.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, KEPT as libc::c_int);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT as libc::c_int);
    }
}

/// Returns the free pages between small blocks to the system. It takes about a millisecond.
pub fn return_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the call gives up pages that hold no block.
    unsafe {
        libc::malloc_trim(0);
    }
}
