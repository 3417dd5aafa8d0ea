//! Ctrl-C, SIGTERM, the end of a parent process: a wish to stop in good order; a second Ctrl-C ends at once.

use crate::progress::note;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How often it was asked for.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// From now on the first interrupt is a wish, announced with `text`; the second one calls `at_once`.
pub fn listen(text: &'static str, at_once: fn()) {
    let listening = ctrlc::set_handler(move || {
        if ASKED.fetch_add(1, Ordering::SeqCst) > 0 {
            return at_once();
        }
        note(text);
    });
    if let Err(error) = listening {
        note(&format!("Ctrl-C cannot be caught ({error}): it will end the program at once"));
    }
}

/// Ends the program, as an interrupt would have.
pub fn end_at_once() {
    std::process::exit(130);
}

/// Takes the end of standard input for an interrupt, too.
pub fn listen_to_stdin() {
    std::thread::spawn(|| {
        let mut bytes = [0; 64];
        while std::io::stdin().read(&mut bytes).is_ok_and(|count| count > 0) {}
        ASKED.fetch_add(1, Ordering::SeqCst);
    });
}

/// True once it was asked for.
pub fn asked() -> bool {
    times() > 0
}

/// How often it was asked for.
pub fn times() -> usize {
    ASKED.load(Ordering::SeqCst)
}
