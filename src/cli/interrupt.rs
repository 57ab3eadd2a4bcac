//! Ctrl-C: the first asks the simulation to stop, the second ends the program at once.

use super::status::Status;
use std::sync::atomic::{AtomicBool, Ordering};

static CANCELLED: AtomicBool = AtomicBool::new(false);

/// Listens to Ctrl-C from now on, and returns the flag that the first one sets.
///
/// Where the system does not allow it, Ctrl-C ends the program as it always does.
pub(super) fn listen() -> &'static AtomicBool {
    let _the_default_remains = ctrlc::set_handler(|| {
        if CANCELLED.swap(true, Ordering::Relaxed) {
            std::process::exit(Status::Interrupted as i32);
        }
    });
    &CANCELLED
}
