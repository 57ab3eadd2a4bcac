//! The progress bar on stderr, fed by simulated time.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// A run shorter than this shows no bar.
const PATIENCE: Duration = Duration::from_millis(500);
/// Pause between two looks at the counter.
const TICK: Duration = Duration::from_millis(100);
/// What a bar looks like. Its ETA comes from the simulated time that passed so far.
const LOOK: &str = "simulating {bar:40} {percent:>3} %  {elapsed} gone, {eta} to go";

/// Does `work` while a bar shows how far `done` is on its way to `total`. Nothing is shown unless
/// `watched`.
pub(super) fn with_bar<R>(
    watched: bool,
    total: u64,
    done: &AtomicU64,
    work: impl FnOnce() -> R,
) -> R {
    if !watched {
        return work();
    }
    let finished = AtomicBool::new(false);
    thread::scope(|scope| {
        let painter = scope.spawn(|| paint(total, done, &finished));
        let result = work();
        finished.store(true, Ordering::Relaxed);
        painter.thread().unpark();
        result
    })
}

/// Draws until `finished`, and leaves a clean line.
fn paint(total: u64, done: &AtomicU64, finished: &AtomicBool) {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
    if let Ok(style) = ProgressStyle::with_template(LOOK) {
        bar.set_style(style);
    }
    thread::park_timeout(PATIENCE);
    if !finished.load(Ordering::Relaxed) {
        bar.set_draw_target(ProgressDrawTarget::stderr());
    }
    while !finished.load(Ordering::Relaxed) {
        bar.update(|state| state.set_pos(done.load(Ordering::Relaxed).min(total)));
        thread::park_timeout(TICK);
    }
    bar.finish_and_clear();
}
