//! The end of a watch: SIGINT and SIGTERM ask for it, and the watch ends in its own time. SIGHUP asks for the rules to be
//! read again.

use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);
static ASKED_AGAIN: AtomicBool = AtomicBool::new(false);

extern "C" fn ask_again(_: libc::c_int) {
    ASKED_AGAIN.store(true, Ordering::Relaxed);
}

/// From now on SIGHUP sets the flag that is answered, each time.
pub fn reload_on_signal() -> &'static AtomicBool {
    let handler: extern "C" fn(libc::c_int) = ask_again;
    let mut action = libc::sigaction {
        sa_sigaction: handler as libc::sighandler_t,
        // SAFETY: all zeros is an empty set of signals.
        sa_mask: unsafe { std::mem::zeroed() },
        sa_flags: libc::SA_RESTART,
        sa_restorer: None,
    };
    // SAFETY: the handler only stores to an atomic, and `action` is whole. It cannot fail for this signal.
    unsafe { libc::sigaction(libc::SIGHUP, &raw mut action, std::ptr::null_mut()) };
    &ASKED_AGAIN
}

extern "C" fn ask(_: libc::c_int) {
    ASKED.store(true, Ordering::Relaxed);
}

/// From now on SIGINT and SIGTERM set the flag that is answered. A second one ends the program as it always would.
pub fn end_on_signals() -> &'static AtomicBool {
    let handler: extern "C" fn(libc::c_int) = ask;
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let mut action = libc::sigaction {
            sa_sigaction: handler as libc::sighandler_t,
            // SAFETY: all zeros is an empty set of signals.
            sa_mask: unsafe { std::mem::zeroed() },
            sa_flags: libc::SA_RESETHAND,
            sa_restorer: None,
        };
        // SAFETY: the handler only stores to an atomic, and `action` is whole. It cannot fail for these signals.
        unsafe { libc::sigaction(signal, &raw mut action, std::ptr::null_mut()) };
    }
    &ASKED
}
