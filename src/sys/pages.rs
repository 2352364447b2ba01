//! What the arena has no room for: pages of the kernel's, cut into blocks of powers of two.
//!
//! It stands in for musl's allocator, which is 8 KiB. A freed block waits in the list of its size for the next one
//! that needs it, so that waiting for hours takes no more than what was once in use at the same time; blocks
//! are halved, never joined. What is larger has pages of its own, which go back when it is freed.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::libc;

/// The size of the smallest blocks, in bytes: those of class 0. Each class has blocks twice as large.
const SMALLEST: usize = 32;
/// How many classes there are: up to 32 KiB.
const CLASSES: usize = 11;
/// Pages are not smaller on any machine.
const PAGE: usize = 4096;

/// The blocks that wait, a list for each class.
struct Lists([*mut Free; CLASSES]);

/// A block that waits.
struct Free {
    next: *mut Free,
}

// SAFETY: the blocks in the lists are nobody else's, and belong to no thread.
unsafe impl Send for Lists {}

impl Lists {
    /// A block of this class, aligned to its size or to a page; null where there is no memory.
    fn take(&mut self, class: usize) -> *mut u8 {
        let Some(head) = self.0.get_mut(class) else {
            return map(SMALLEST << CLASSES);
        };
        if let Some(block) = ptr::NonNull::new(*head) {
            // SAFETY: what is in a list was written by `give`.
            *head = unsafe { block.read() }.next;
            return block.as_ptr().cast();
        }
        let twice = self.take(class + 1);
        if !twice.is_null() {
            // SAFETY: the second half of a block that is nobody else's.
            unsafe { self.give(twice.add(SMALLEST << class), class) };
        }
        twice
    }

    /// Takes back a block of this class.
    ///
    /// # Safety
    ///
    /// The block is of this class and nobody else's.
    unsafe fn give(&mut self, block: *mut u8, class: usize) {
        if let Some(head) = self.0.get_mut(class) {
            let block: *mut Free = block.cast();
            // SAFETY: the smallest block has room for this, and is aligned for it.
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

// SAFETY: a block is in a list or in use, never both; pages of a block of its own are the kernel's to keep apart.
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
            // SAFETY: the caller gives back what `alloc` gave for this layout.
            Some(class) => unsafe { self.lists().give(block, class) },
            // SAFETY: as above; they are whole pages of its own.
            None => unsafe {
                libc::munmap(block.cast(), layout.size());
            },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that this size is valid for this alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (class_of(layout), class_of(new_layout)) {
            (None, None) => {
                // SAFETY: they are pages of its own, which the kernel moves where they cannot grow.
                let moved = unsafe { libc::mremap(block.cast(), layout.size(), size, libc::MREMAP_MAYMOVE) };
                if moved != libc::MAP_FAILED {
                    return moved.cast();
                }
                // A sandbox may refuse mremap(2) alone. If there is no memory, the copy below fails too.
            }
            (Some(class), Some(new_class)) if class == new_class => return block,
            _ => {}
        }
        // SAFETY: the bytes that both have are copied from a block in use to a new one.
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

/// The class of the blocks for this layout; none where it has pages of its own.
fn class_of(layout: Layout) -> Option<usize> {
    let size = layout.size().max(layout.align()).max(SMALLEST);
    (0..CLASSES).find(|class| size <= SMALLEST << class)
}

/// New pages, all zero; null where there are none.
fn map(size: usize) -> *mut u8 {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: anonymous pages at a place of the kernel's choice touch nothing that is in use.
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
    fn freed_blocks_are_taken_again() {
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
            assert_eq!((b.read(), a.read()), (0, 0), "what others do does not reach it");
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
    fn bytes_stay_when_a_block_grows_and_shrinks() {
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
