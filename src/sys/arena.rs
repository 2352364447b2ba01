//! The global allocator: an arena in `.bss`, and [`Pages`] for blocks that do not fit.
//!
//! musl's allocator maps and unmaps small groups of pages one at a time, which accounted for half
//! of all system calls and a third of all page faults of a check. A check needs about 60 KiB in
//! total. It is served from packed memory that exists from the start and is touched page by page.
//! Freed memory is reused only if it is the block allocated last. A run that needs more (`--wait`
//! for minutes) continues with [`Pages`].

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{
    AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

use super::fatal;
use super::pages::Pages;

/// The size of the arena, in bytes. Pages that are never touched cost nothing.
const SIZE: usize = 128 << 10;
/// The alignment of its start, in bytes.
const ALIGN: usize = 64;
/// How many bytes at the start stay unused: see [`ALLOCATOR`].
const UNUSED: usize = 1;

// Not zero, so that this is in `.data`, on a page that is there from the start. On a page of zeros
// the first look at `used` would cost a page fault, and the first change another one.
#[global_allocator]
static ALLOCATOR: Arena = Arena { memory: &MEMORY, used: AtomicUsize::new(UNUSED) };

// scripts/layout.ld puts this section behind all other variables, so that these share a page, and
// one with the beginning of the arena. SAFETY: the section has no other content.
#[unsafe(link_section = ".bss.arena")]
static MEMORY: Memory = Memory(UnsafeCell::new([0; SIZE]));

/// The allocator for blocks that do not fit in the arena.
pub(super) static PAGES: Pages = Pages::new();

#[repr(C, align(64))]
struct Memory(UnsafeCell<[u8; SIZE]>);

// SAFETY: each byte is allocated to at most one owner at a time; `Arena::used` decides which bytes
// an owner gets.
unsafe impl Sync for Memory {}

struct Arena {
    memory: &'static Memory,
    /// How many bytes from the start are allocated. Bytes that one thread freed may be allocated by
    /// another one. To free is a release and to allocate is an acquire, so all accesses of the old
    /// owner happen before those of the new one.
    used: AtomicUsize,
}

impl Arena {
    fn base(&self) -> *mut u8 {
        self.memory.0.get().cast()
    }

    /// Returns the offset of a block in the arena, if it is in the arena.
    fn offset(&self, block: *mut u8) -> Option<usize> {
        block.addr().checked_sub(self.base().addr()).filter(|&offset| offset < SIZE)
    }

    /// Allocates a block of this layout in the arena.
    fn take(&self, layout: Layout) -> Option<*mut u8> {
        // The base is aligned to 64. The arena does not serve stricter layouts. Neither sum below
        // can overflow: `used` is at most SIZE, and a size is at most isize::MAX.
        let mask = layout.align() - 1;
        if mask >= ALIGN {
            return None;
        }
        let mut used = self.used.load(Relaxed);
        loop {
            let start = (used + mask) & !mask;
            let end = start + layout.size();
            if end > SIZE {
                return None;
            }
            match self.used.compare_exchange_weak(used, end, Acquire, Relaxed) {
                // SAFETY: start is within the arena.
                Ok(_) => return Some(unsafe { self.base().add(start) }),
                Err(now) => used = now,
            }
        }
    }
}

// SAFETY: blocks of the arena do not overlap, because `used` moves past a block when it is
// allocated and back to its start only when it is the last block and is freed. All other blocks
// belong to `PAGES`.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's guarantees about the layout are passed on.
        self.take(layout).unwrap_or_else(|| fatal::unless_null(unsafe { PAGES.alloc(layout) }))
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match self.take(layout) {
            Some(block) => {
                // The block may have been used before. SAFETY: it is layout.size() bytes of the
                // arena.
                unsafe { block.write_bytes(0, layout.size()) };
                block
            }
            // SAFETY: as in alloc.
            None => fatal::unless_null(unsafe { PAGES.alloc_zeroed(layout) }),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match self.offset(block) {
            Some(start) => {
                // Only the last block ends at `used`.
                let _ = self.used.compare_exchange(start + layout.size(), start, Release, Relaxed);
            }
            // SAFETY: it is not in the arena, so it belongs to `PAGES` and has this layout.
            None => unsafe { PAGES.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(start) = self.offset(block) else {
            // SAFETY: it belongs to `PAGES` and has this layout.
            return fatal::unless_null(unsafe { PAGES.realloc(block, layout, size) });
        };
        let (end, new_end) = (start + layout.size(), start.saturating_add(size));
        // It may grow, which allocates, or shrink, which frees.
        if new_end <= SIZE && self.used.compare_exchange(end, new_end, AcqRel, Relaxed).is_ok() {
            return block;
        }
        if size <= layout.size() {
            return block;
        }
        // SAFETY: the caller guarantees that this size is valid for this alignment.
        let layout_now = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the new block is larger than the old one and distinct from it.
        unsafe {
            let new = self.alloc(layout_now);
            ptr::copy_nonoverlapping(block, new, layout.size());
            self.dealloc(block, layout);
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::large_stack_arrays, reason = "a test has the stack for it")]
    fn arena() -> Arena {
        let memory = Box::leak(Box::new(Memory(UnsafeCell::new([0; SIZE]))));
        Arena { memory, used: AtomicUsize::new(0) }
    }

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn blocks_are_aligned_and_only_the_last_is_reused() {
        let arena = arena();
        // SAFETY: each block is used within its layout and freed with it.
        unsafe {
            let a = arena.alloc(layout(3, 1));
            let b = arena.alloc(layout(8, 32));
            assert_eq!(b.addr() % 32, 0);
            assert!(b.addr() >= a.addr() + 3);
            arena.dealloc(b, layout(8, 32));
            assert_eq!(arena.alloc(layout(8, 32)), b);
            arena.dealloc(a, layout(3, 1));
            assert_ne!(arena.alloc(layout(3, 1)), a, "only the last block is reused");
        }
    }

    #[test]
    fn the_last_block_grows_in_place_and_others_are_copied() {
        let arena = arena();
        // SAFETY: as above.
        unsafe {
            let a = arena.alloc(layout(4, 1));
            a.copy_from(b"abcd".as_ptr(), 4);
            assert_eq!(arena.realloc(a, layout(4, 1), 100), a);
            let _b = arena.alloc(layout(1, 1));
            let moved = arena.realloc(a, layout(100, 1), 200);
            assert_ne!(moved, a);
            assert_eq!(std::slice::from_raw_parts(moved, 4), b"abcd");
            assert_eq!(arena.realloc(moved, layout(200, 1), 4), moved);
        }
    }

    #[test]
    fn alloc_zeroed_clears_reused_memory() {
        let arena = arena();
        // SAFETY: as above.
        unsafe {
            let a = arena.alloc(layout(16, 1));
            a.write_bytes(7, 16);
            arena.dealloc(a, layout(16, 1));
            let b = arena.alloc_zeroed(layout(16, 1));
            assert_eq!(b, a);
            assert_eq!(std::slice::from_raw_parts(b, 16), [0; 16]);
        }
    }

    #[test]
    fn blocks_that_do_not_fit_are_in_pages() {
        let arena = arena();
        for request in [layout(SIZE + 1, 1), layout(1, 4096), layout(usize::MAX >> 1, 1)] {
            assert!(arena.take(request).is_none());
        }
        // SAFETY: as above.
        unsafe {
            let big = arena.alloc(layout(SIZE * 2, 1));
            assert!(arena.offset(big).is_none());
            let bigger = arena.realloc(big, layout(SIZE * 2, 1), SIZE * 3);
            arena.dealloc(bigger, layout(SIZE * 3, 1));
            let all = arena.alloc(layout(SIZE, 1));
            assert_eq!(arena.offset(all), Some(0));
            let grown = arena.realloc(all, layout(SIZE, 1), SIZE + 1);
            assert!(arena.offset(grown).is_none());
            arena.dealloc(grown, layout(SIZE + 1, 1));
        }
    }
}
