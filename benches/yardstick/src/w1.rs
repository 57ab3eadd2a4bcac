//! W1: a source, a bus that takes no time, one server. M/M/1 at 80 %.
use crate::list::EventList;
use crate::random::{Zig, key};
use crate::stats::Digest;
use crate::{ARRIVE, DELIVER, DONE, Run, Station, combine};

const W1_GAP: f64 = 1_250_000.0; // 800/s
const W1_WORK: f64 = 1_000_000.0; // 1 ms

pub fn w1<const STATS: bool>(n: u64, seed: u64) -> Run {
    let zig = Zig::new();
    let (gaps, work) = (key(seed, "source/gap"), key(seed, "server/service"));
    let mut list = EventList::new();
    let mut source = Digest::default();
    let mut s = Station::new(n as f64 * W1_GAP);
    let (mut made, mut events, mut now, mut lag_sum) = (0u64, 0u64, 0u64, 0u64);
    list.schedule(zig.ns(gaps, 0, W1_GAP), ARRIVE, 0);
    while let Some(e) = list.pop() {
        now = e.time;
        events += 1;
        let start = if e.rank() == ARRIVE {
            let job = made;
            made += 1;
            if STATS {
                source.step(now, ARRIVE, job);
                s.digest.step(now, DELIVER, job);
            }
            if made < n {
                list.schedule(now + zig.ns(gaps, made, W1_GAP), ARRIVE, 0);
            }
            if s.busy {
                s.waiting.push_back((job, now));
                if STATS {
                    s.backlog.set(now, s.waiting.len() as u64);
                }
                continue;
            }
            s.busy = true;
            (job, now)
        } else {
            let lag = now - s.commit;
            s.applied += 1;
            lag_sum += lag;
            if STATS {
                s.digest.step(now, DONE, s.job);
                s.lag.record(now, lag);
            }
            let Some(next) = s.waiting.pop_front() else {
                s.busy = false;
                continue;
            };
            if STATS {
                s.backlog.set(now, s.waiting.len() as u64);
            }
            next
        };
        let (job, arrived) = start;
        s.job = job;
        s.commit = arrived; // the bus of W1 takes no time
        let service = zig.ns(work, job, W1_WORK);
        if STATS {
            s.wait.record(now - arrived);
            s.service.record(service);
            s.busy_ns += service;
        }
        list.schedule(now + service, DONE, 0);
    }
    s.backlog.set(now, 0);
    s.lag.finish();
    let stations = vec![s];
    Run {
        jobs: stations[0].applied,
        events,
        end: now,
        digest: combine(&source, &stations),
        lag_sum,
        stations,
        convergence: None,
    }
}

/// No event list: the waiting-time recursion alone.
pub fn w1_lindley(n: u64, seed: u64) -> Run {
    let zig = Zig::new();
    let (gaps, work) = (key(seed, "source/gap"), key(seed, "server/service"));
    let (mut at, mut free, mut lag_sum) = (0u64, 0u64, 0u64);
    for job in 0..n {
        at += zig.ns(gaps, job, W1_GAP);
        free = free.max(at) + zig.ns(work, job, W1_WORK);
        lag_sum += free - at;
    }
    Run { jobs: n, events: 2 * n, end: free, lag_sum, ..Run::default() }
}
