//! Runs independent jobs on several threads. Knows nothing of simulation; results come in the order
//! of the jobs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End<T> {
    /// It is done.
    Done(T),
    /// It was not begun, or was given up, because the whole was cancelled or an earlier job broke.
    Skipped,
    /// It panicked, with this message.
    Broken(String),
}

/// Runs jobs `0..jobs` on at most `threads` threads, lowest first, and returns their ends by index.
///
/// A job that was cancelled returns None; none is begun once `cancelled` is set. Jobs behind a
/// broken one are not begun, those before it are finished: so the first broken job is the same at
/// any number of threads.
///
/// # Errors
/// When the threads cannot be started.
pub(super) fn in_order<T: Send>(
    threads: usize,
    jobs: usize,
    cancelled: &AtomicBool,
    job: impl Fn(usize) -> Option<T> + Sync,
) -> Result<Vec<End<T>>, String> {
    let first_broken = AtomicUsize::new(usize::MAX);
    let run = |index: usize| {
        if cancelled.load(Ordering::Relaxed) || index > first_broken.load(Ordering::Relaxed) {
            return End::Skipped;
        }
        match catch_unwind(AssertUnwindSafe(|| job(index))) {
            Ok(Some(result)) => End::Done(result),
            Ok(None) => End::Skipped,
            Err(panic) => {
                first_broken.fetch_min(index, Ordering::Relaxed);
                End::Broken(message(panic.as_ref()))
            }
        }
    };
    let threads = threads.min(jobs);
    if threads <= 1 {
        return Ok((0..jobs).map(run).collect());
    }
    on_threads(threads, jobs, run)
}

/// Each thread takes the next job until none is left: low indices are done first, unlike with a
/// split of the range.
#[cfg(not(target_arch = "wasm32"))]
fn on_threads<R: Send>(
    threads: usize,
    jobs: usize,
    run: impl Fn(usize) -> R + Sync,
) -> Result<Vec<R>, String> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| format!("cannot start {threads} threads: {error}"))?;
    let next = AtomicUsize::new(0);
    let shares = pool.broadcast(|_| {
        let mut share = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= jobs {
                return share;
            }
            share.push((index, run(index)));
        }
    });
    let mut all: Vec<(usize, R)> = shares.into_iter().flatten().collect();
    all.sort_by_key(|&(index, _)| index);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}

/// Where there are no threads, the jobs run one after the other.
#[cfg(target_arch = "wasm32")]
fn on_threads<R: Send>(
    _threads: usize,
    jobs: usize,
    run: impl Fn(usize) -> R + Sync,
) -> Result<Vec<R>, String> {
    Ok((0..jobs).map(run).collect())
}

/// What a panic said.
fn message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "it gave no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T: Send>(threads: usize, jobs: usize, job: impl Fn(usize) -> T + Sync) -> Vec<End<T>> {
        in_order(threads, jobs, &AtomicBool::new(false), |i| Some(job(i))).expect("threads start")
    }

    #[test]
    fn results_come_by_index_at_any_number_of_threads() {
        for threads in [1, 2, 3, 8] {
            let squares = run(threads, 20, |i| i * i);
            assert_eq!(squares, (0..20).map(|i| End::Done(i * i)).collect::<Vec<_>>());
        }
        assert!(run(4, 0, |i| i).is_empty());
    }

    #[test]
    fn the_first_broken_job_is_the_same_at_any_number_of_threads() {
        for threads in [1, 2, 8] {
            let ends = run(threads, 12, |i| assert!(i % 5 != 3, "job {i} broke"));
            let first = ends.iter().position(|end| matches!(end, End::Broken(_)));
            assert_eq!(first, Some(3));
            assert_eq!(ends[3], End::Broken("job 3 broke".to_owned()));
            assert!(ends[..3].iter().all(|end| *end == End::Done(())));
        }
    }

    #[test]
    fn a_cancelled_job_is_not_done() {
        let cancelled = AtomicBool::new(false);
        let ends = in_order(1, 4, &cancelled, |i| {
            cancelled.fetch_or(i == 2, Ordering::Relaxed);
            (i != 2).then_some(i)
        });
        assert_eq!(ends.unwrap(), [End::Done(0), End::Done(1), End::Skipped, End::Skipped]);
    }
}
