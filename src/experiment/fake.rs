//! A simulation of nothing, for the tests of this room: its numbers depend on seed, replication and
//! blueprint only.

use crate::model::Blueprint;
use crate::probe::{Cancelled, Control, Measure, RunRecord, Shape, Tally, TroubleRecord};
use crate::results::{Ledger, Ordered};
use hdrhistogram::Histogram;
use std::sync::atomic::Ordering;

/// The splitmix64 generator.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Samples below 2^24 ns, `instances` of the first service deciding how many.
pub(super) fn simulate(
    blueprint: &Blueprint,
    seed: u64,
    replication: u64,
    control: Control<'_>,
) -> Result<RunRecord, Cancelled> {
    if control.cancelled.load(Ordering::Relaxed) {
        return Err(Cancelled);
    }
    let mut state = seed ^ (replication << 32);
    let count = 1_000 * u64::from(blueprint.services[0].instances) + replication % 3;
    let mut tally = Tally {
        histogram: Histogram::new(2).expect("two digits are allowed"),
        count,
        sum: 0,
        squares: 0,
        max: 0,
        censored: replication % 2,
    };
    for _ in 0..count {
        let ns = next(&mut state) >> 40;
        tally.histogram.record(ns).expect("it resizes");
        tally.sum += u128::from(ns);
        tally.squares += u128::from(ns) * u128::from(ns);
        tally.max = tally.max.max(ns);
    }
    control.progress.fetch_add(1000, Ordering::Relaxed);
    let mean = (next(&mut state) >> 40) as f64;
    let bins = 3 + replication as usize;
    let measure = |path: &str, unit, shape, series| Measure {
        path: path.to_owned(),
        unit,
        meaning: "of the test",
        shape,
        series,
    };
    let lost = Ordered::from_iter([("crash".to_owned(), replication)]);
    let ledger =
        Ledger { committed: count, applied: count - replication, lost, ..Ledger::default() };
    Ok(RunRecord {
        events: count,
        digests: vec![("shop".to_owned(), state), ("email".to_owned(), !state)],
        drained_s: replication as f64,
        converged: true,
        limit: None,
        measures: vec![
            measure(
                "email.lag",
                "s",
                Shape::Tally(Box::new(tally)),
                vec![(
                    "p99",
                    (0..bins).map(|bin| if bin == 1 { f64::NAN } else { bin as f64 }).collect(),
                )],
            ),
            measure("email.backlog", "1", Shape::Level { mean, max: 2.0 * mean }, Vec::new()),
            measure("web.availability", "1", Shape::Scalar(Err("no request")), Vec::new()),
            measure("ledger.lost", "1", Shape::Scalar(Ok(replication as f64)), Vec::new()),
        ],
        ledgers: vec![("email".to_owned(), ledger)],
        lanes: Vec::new(),
        trouble: TroubleRecord::default(),
    })
}
