//! How often the program asks for memory: counted where `bench` asks for it, elsewhere one look at a flag per request.
//!
//! The counts are the same on every machine with the same number of threads, as other counts of work are, and show what times hide: a
//! kernel that allocates is slow once many threads do.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

static COUNTS: AtomicBool = AtomicBool::new(false);
static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// Runs `work` and counts the requests for memory, new or larger, of all threads meanwhile. One at a time.
pub fn count<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = REQUESTS.load(Ordering::Relaxed);
    COUNTS.store(true, Ordering::Relaxed);
    let result = work();
    COUNTS.store(false, Ordering::Relaxed);
    (result, REQUESTS.load(Ordering::Relaxed) - before)
}

/// The system's allocator behind a counter.
struct Counted;

#[global_allocator]
static ALLOCATOR: Counted = Counted;

fn note() {
    if COUNTS.load(Ordering::Relaxed) {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: every call is handed on unchanged to the system's allocator, which keeps the contract; counting touches two atomics only.
// All four methods are given, since the trait's own `alloc_zeroed` and `realloc` would write and copy what the system need not.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note();
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn law_requests_are_counted_only_while_asked_for() {
        let (list, counted) = count(|| vec![1.0; 100]);
        // Other tests of this process may ask for memory meanwhile.
        assert!(counted >= 1 && list.len() == 100);
        assert!(!COUNTS.load(Ordering::Relaxed));
    }
}
