//! `malloc(3)` and its relatives, for std's list of the destructors of a thread, which is allocated
//! by the C library, and little else.
//!
//! musl allows a program to replace them (since 1.1.20). Each block is preceded by its layout.

use std::alloc::{GlobalAlloc as _, Layout};
use std::ffi::{c_int, c_void};
use std::ptr;

use nix::libc::ENOMEM;

use super::arena::PAGES;
use super::fatal;

/// The size of the header in front of a block, which is also the alignment of a block.
const HEAD: usize = size_of::<Layout>();

/// Returns the layout of a block for this many bytes, including its header.
fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size.checked_add(HEAD)?, HEAD).ok()
}

// SAFETY: this and the symbols below are those of the C library, with the same signatures.
#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut c_void {
    calloc(size, 1)
}

// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    let Some(layout) = count.checked_mul(size).and_then(layout) else {
        return ptr::null_mut();
    };
    // SAFETY: the layout is not empty, and the block has room for its size.
    unsafe {
        // On NULL std would abort without a message.
        let block = fatal::unless_null(PAGES.alloc_zeroed(layout));
        block.cast::<Layout>().write(layout);
        block.add(HEAD).cast()
    }
}

// SAFETY: as above.
#[unsafe(no_mangle)]
unsafe extern "C" fn free(block: *mut c_void) {
    if !block.is_null() {
        // SAFETY: the caller frees what it got from `calloc`, which wrote the layout in front of
        // it.
        unsafe {
            let start: *mut u8 = block.cast::<u8>().sub(HEAD);
            PAGES.dealloc(start, start.cast::<Layout>().read());
        }
    }
}

// SAFETY: as above.
#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    let new = malloc(size);
    if !block.is_null() && !new.is_null() {
        // SAFETY: as in `free`; the bytes that both have are copied from an allocated block to a
        // new one.
        unsafe {
            let had = block.cast::<u8>().sub(HEAD).cast::<Layout>().read().size() - HEAD;
            ptr::copy_nonoverlapping(block.cast::<u8>(), new.cast(), had.min(size));
            free(block);
        }
    }
    new
}

// SAFETY: as above.
#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(block: *mut *mut c_void, align: usize, size: usize) -> c_int {
    // No caller requests a stricter alignment than that of every block.
    let new = if align <= HEAD { malloc(size) } else { ptr::null_mut() };
    if new.is_null() {
        return ENOMEM;
    }
    // SAFETY: the caller provides the memory for the result.
    unsafe { block.write(new) };
    0
}
