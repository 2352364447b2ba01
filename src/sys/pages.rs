//! The allocator for what does not fit in the arena: pages from the kernel, divided into blocks
//! whose sizes are powers of two.
//!
//! It replaces musl's allocator, which takes 8 KiB of the binary. A freed block waits in the list
//! of its size until one of that size is needed, so that a run of hours takes no more memory than
//! was once in use at the same time. Blocks are halved but never joined. A larger block has pages
//! of its own, which are unmapped when it is freed.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::libc;

/// The size of the smallest blocks, in bytes: those of class 0. Each class has blocks twice as
/// large.
const SMALLEST: usize = 32;
/// How many classes there are: up to 32 KiB.
const CLASSES: usize = 11;
/// No machine has smaller pages.
const PAGE: usize = 4096;

/// The free blocks, a list for each class.
struct Lists([*mut Free; CLASSES]);

/// A free block.
struct Free {
    next: *mut Free,
}

// SAFETY: the blocks in the lists have no other owner and belong to no thread.
unsafe impl Send for Lists {}

impl Lists {
    /// Allocates a block of this class, aligned to its size or to a page. Returns null if there is
    /// no memory.
    fn take(&mut self, class: usize) -> *mut u8 {
        let Some(head) = self.0.get_mut(class) else {
            return map(SMALLEST << CLASSES);
        };
        if let Some(block) = ptr::NonNull::new(*head) {
            // SAFETY: the entries of a list were written by `give`.
            *head = unsafe { block.read() }.next;
            return block.as_ptr().cast();
        }
        let twice = self.take(class + 1);
        if !twice.is_null() {
            // SAFETY: the second half of a block that has no other owner.
            unsafe { self.give(twice.add(SMALLEST << class), class) };
        }
        twice
    }

    /// Takes back a block of this class.
    ///
    /// # Safety
    ///
    /// The block is of this class and has no other owner.
    unsafe fn give(&mut self, block: *mut u8, class: usize) {
        if let Some(head) = self.0.get_mut(class) {
            let block: *mut Free = block.cast();
            // SAFETY: the smallest block is large enough for this and sufficiently aligned.
            unsafe { block.write(Free { next: *head }) };
            *head = block;
        }
    }
}

pub(super) struct Pages(Mutex<Lists>);

impl Pages {
    pub(super) const fn new() -> Self {
        Pages(Mutex::new(Lists([ptr::null_mut(); CLASSES])))
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// SAFETY: a block is either in a list or in use, never both. The kernel keeps separately mapped
// pages apart.
unsafe impl GlobalAlloc for Pages {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match class_of(layout) {
            _ if layout.align() > PAGE => ptr::null_mut(),
            Some(class) => self.lists().take(class),
            None => map(layout.size()),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match class_of(layout) {
            // SAFETY: the caller frees what `alloc` returned for this layout.
            Some(class) => unsafe { self.lists().give(block, class) },
            // SAFETY: as above; the block has whole pages of its own.
            None => unsafe {
                libc::munmap(block.cast(), layout.size());
            },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller guarantees that this size is valid for this alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (class_of(layout), class_of(new_layout)) {
            (None, None) => {
                // SAFETY: the block has pages of its own, which the kernel moves if they cannot
                // grow.
                let moved = unsafe { libc::mremap(block.cast(), layout.size(), size, libc::MREMAP_MAYMOVE) };
                if moved != libc::MAP_FAILED {
                    return moved.cast();
                }
                // A sandbox may refuse only mremap(2). If there is no memory, the copy below fails
                // too.
            }
            (Some(class), Some(new_class)) if class == new_class => return block,
            _ => {}
        }
        // SAFETY: the bytes that both have are copied from an allocated block to a new one.
        unsafe {
            let new = self.alloc(new_layout);
            if !new.is_null() {
                ptr::copy_nonoverlapping(block, new, layout.size().min(size));
                self.dealloc(block, layout);
            }
            new
        }
    }
}

/// Returns the class of the blocks for this layout; `None` if such a block has pages of its own.
fn class_of(layout: Layout) -> Option<usize> {
    let smallest = layout.size().max(layout.align()).div_ceil(SMALLEST);
    let class = smallest.checked_next_power_of_two()?.trailing_zeros();
    usize::try_from(class).ok().filter(|&class| class < CLASSES)
}

/// Maps new zeroed pages. Returns null if there are none.
fn map(size: usize) -> *mut u8 {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: anonymous pages at an address that the kernel chooses overlap nothing that is in use.
    let pages = unsafe { libc::mmap(ptr::null_mut(), size, access, kind, -1, 0) };
    if pages == libc::MAP_FAILED { ptr::null_mut() } else { pages.cast() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn freed_blocks_are_reused() {
        let pages = Pages::new();
        // SAFETY: each block is used within its layout and freed with it.
        unsafe {
            let a = pages.alloc(layout(33, 1));
            let b = pages.alloc(layout(64, 64));
            assert_eq!(b.addr() - a.addr(), 64);
            pages.dealloc(a, layout(33, 1));
            assert_eq!(pages.alloc(layout(60, 8)), a);
            for size in [1, 32, 100, 4096, 32 << 10] {
                let block = pages.alloc(layout(size, 1));
                block.write_bytes(7, size);
                pages.dealloc(block, layout(size, 1));
                assert_eq!(pages.alloc(layout(size, 1)), block, "{size}");
            }
            assert_eq!((b.read(), a.read()), (0, 0), "other blocks do not overlap it");
        }
    }

    #[test]
    fn blocks_are_aligned() {
        let pages = Pages::new();
        for shift in 0..=12 {
            // SAFETY: as above.
            let block = unsafe { pages.alloc(layout(1, 1 << shift)) };
            assert_eq!(block.addr() % (1 << shift), 0, "{shift}");
        }
        // SAFETY: as above.
        assert!(unsafe { pages.alloc(layout(1, 8192)) }.is_null());
        // SAFETY: as above.
        assert!(unsafe { pages.alloc(layout(usize::MAX >> 1, 1)) }.is_null());
    }

    #[test]
    fn bytes_are_kept_when_a_block_grows_or_shrinks() {
        let pages = Pages::new();
        // SAFETY: as above.
        unsafe {
            let mut block = pages.alloc(layout(3, 1));
            block.copy_from(b"abc".as_ptr(), 3);
            let mut before = 3;
            for size in [30, 40, 5000, 32 << 10, 40 << 10, 4 << 20, 50 << 10, 1000, 3] {
                block = pages.realloc(block, layout(before, 1), size);
                assert_eq!(std::slice::from_raw_parts(block, 3), b"abc", "{size}");
                block.add(size - 1).write(b'c');
                before = size;
            }
            pages.dealloc(block, layout(before, 1));
        }
    }
}
