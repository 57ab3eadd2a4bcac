//! W3: a source and a bus that keeps as many deliveries pending as asked for.
use crate::list::EventList;
use crate::random::{Zig, key};
use crate::stats::Digest;
use crate::{ARRIVE, DELIVER, Run, Station, combine};

const W3_HOP: f64 = 1e9; // 1 s

/// A source of `pending`/s into a bus whose delay has mean 1 s: about `pending` deliveries are
/// pending.
pub fn w3<const STATS: bool>(n: u64, seed: u64, pending: u64) -> Run {
    let zig = Zig::new();
    let gap = 1e9 / pending as f64;
    let (gaps, hop) = (key(seed, "source/gap"), key(seed, "bus/hop/0"));
    let mut list = EventList::new();
    let mut source = Digest::default();
    let mut s = Station::new(n as f64 * gap);
    let mut slab: Vec<(u64, u64)> = Vec::new();
    let mut free: Vec<u32> = Vec::new();
    let (mut made, mut events, mut now, mut lag_sum) = (0u64, 0u64, 0u64, 0u64);
    list.schedule(zig.ns(gaps, 0, gap), ARRIVE, 0);
    while let Some(e) = list.pop() {
        now = e.time;
        events += 1;
        if e.rank() == ARRIVE {
            if STATS {
                source.step(now, ARRIVE, made);
            }
            let slot = match free.pop() {
                Some(slot) => {
                    slab[slot as usize] = (made, now);
                    slot
                }
                None => {
                    slab.push((made, now));
                    slab.len() as u32 - 1
                }
            };
            list.schedule(now + zig.ns(hop, made, W3_HOP), DELIVER, slot);
            made += 1;
            if made < n {
                list.schedule(now + zig.ns(gaps, made, gap), ARRIVE, 0);
            }
        } else {
            let slot = e.payload();
            let (id, commit) = slab[slot as usize];
            let lag = now - commit;
            free.push(slot);
            lag_sum += lag;
            s.applied += 1;
            if STATS {
                s.digest.step(now, DELIVER, id);
                s.lag.record(now, lag);
            }
        }
    }
    s.lag.finish();
    let stations = vec![s];
    Run {
        jobs: made,
        events,
        end: now,
        digest: combine(&source, &stations),
        lag_sum,
        stations,
        convergence: None,
    }
}
