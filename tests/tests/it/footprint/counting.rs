//! Counts what an engine has allocated and not given back: whatever was taken while it was at work, whoever frees it. By thread, as
//! each test has one of its own.

#![expect(unsafe_code, reason = "an allocator; each block says why it is sound")]

use colloquy_tests::inside::is_inside;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
}

/// Bytes that engines of this thread hold.
pub(super) fn held_bytes() -> isize {
    HELD.get()
}

/// The system's allocator, with a word before each block that says whose it is.
struct Counting;

/// Whose a block is.
#[repr(u64)]
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Other,
    Engine,
}

/// Bytes before a block: room for the word, and as much as keeps the block aligned.
fn before(layout: Layout) -> usize {
    layout.align().max(16)
}

fn whole(layout: Layout) -> Option<Layout> {
    let size = layout.size().checked_add(before(layout))?;
    Layout::from_size_align(size, layout.align().max(16)).ok()
}

fn count(change: isize) {
    // A thread that ends frees after its counter is gone.
    let _ = HELD.try_with(|held| held.set(held.get() + change));
}

/// Notes in a fresh block whose it is, and gives the part that is the caller's.
///
/// # Safety
/// `block` is null, or begins memory of at least `before(layout)` bytes that is aligned to 16 and nobody else's.
unsafe fn mark(block: *mut u8, layout: Layout) -> *mut u8 {
    if block.is_null() {
        return block;
    }
    let owner = if is_inside() { Owner::Engine } else { Owner::Other };
    if owner == Owner::Engine {
        count(layout.size() as isize);
    }
    // SAFETY: as the caller promises; a word fits in the 16 bytes or more before what is handed out.
    unsafe {
        block.cast::<Owner>().write(owner);
        block.add(before(layout))
    }
}

// SAFETY: every block is the system's, asked for with a layout that holds what was asked for behind `before` bytes; the same numbers
// lead back to it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(whole) = whole(layout) else { return std::ptr::null_mut() };
        // SAFETY: `whole` is not empty, and what the system gives is as long and as aligned as `mark` wants it.
        unsafe { mark(System.alloc(whole), layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some(whole) = whole(layout) else { return std::ptr::null_mut() };
        // SAFETY: as for `alloc`.
        unsafe { mark(System.alloc_zeroed(whole), layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        let Some(whole) = whole(layout) else { return };
        // SAFETY: `ptr` came of `alloc` with this layout, so its block begins so far before it, with its owner.
        unsafe {
            let block = ptr.sub(before(layout));
            if *block.cast::<Owner>() == Owner::Engine {
                count(-(layout.size() as isize));
            }
            System.dealloc(block, whole);
        }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Some(whole) = whole(layout) else { return std::ptr::null_mut() };
        let Some(size) = new_size.checked_add(before(layout)) else { return std::ptr::null_mut() };
        // SAFETY: as for `dealloc`; the word goes along, and a size that fits no layout is refused by the system.
        unsafe {
            let block = System.realloc(ptr.sub(before(layout)), whole, size);
            if block.is_null() {
                return block;
            }
            if *block.cast::<Owner>() == Owner::Engine {
                count(new_size as isize - layout.size() as isize);
            }
            block.add(before(layout))
        }
    }
}
