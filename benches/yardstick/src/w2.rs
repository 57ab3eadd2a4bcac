//! W2: a source, a bus that delays each copy, five servers.
use crate::list::EventList;
use crate::random::{Zig, key};
use crate::stats::{Digest, Histogram};
use crate::{ARRIVE, DELIVER, DONE, Run, Station, combine};

pub const SUBS: usize = 5;
const W2_GAP: f64 = 1_000_000.0; // 1000/s
const W2_HOP: f64 = 2_000_000.0; // 2 ms
const W2_WORK: f64 = 800_000.0; // 0.8 ms

/// A published event while copies of it are on their way.
#[derive(Clone, Copy)]
struct Message {
    id: u64,
    commit: u64,
    left: u32,
}

pub fn w2<const STATS: bool>(n: u64, seed: u64) -> Run {
    let zig = Zig::new();
    let gaps = key(seed, "source/gap");
    let hop: [u64; SUBS] = std::array::from_fn(|k| key(seed, &format!("bus/hop/{k}")));
    let work: [u64; SUBS] = std::array::from_fn(|k| key(seed, &format!("sub{k}/service")));
    let mut list = EventList::new();
    let mut source = Digest::default();
    let mut subs: [Station; SUBS] = std::array::from_fn(|_| Station::new(n as f64 * W2_GAP));
    let mut slab: Vec<Message> = Vec::new();
    let mut free: Vec<u32> = Vec::new();
    let mut convergence = Histogram::default();
    let (mut made, mut events, mut now, mut lag_sum) = (0u64, 0u64, 0u64, 0u64);
    list.schedule(zig.ns(gaps, 0, W2_GAP), ARRIVE, 0);
    while let Some(e) = list.pop() {
        now = e.time;
        events += 1;
        let rank = e.rank();
        if rank == ARRIVE {
            if STATS {
                source.step(now, ARRIVE, made);
            }
            let m = Message { id: made, commit: now, left: SUBS as u32 };
            let slot = match free.pop() {
                Some(slot) => {
                    slab[slot as usize] = m;
                    slot
                }
                None => {
                    slab.push(m);
                    slab.len() as u32 - 1
                }
            };
            for (k, &stream) in hop.iter().enumerate() {
                list.schedule(now + zig.ns(stream, made, W2_HOP), DELIVER, slot << 3 | k as u32);
            }
            made += 1;
            if made < n {
                list.schedule(now + zig.ns(gaps, made, W2_GAP), ARRIVE, 0);
            }
            continue;
        }
        let k = (e.payload() & 7) as usize;
        let Some(s) = subs.get_mut(k) else { unreachable!() };
        let (slot, arrived) = if rank == DELIVER {
            let slot = (e.payload() >> 3) as u64;
            if STATS {
                s.digest.step(now, DELIVER, slab[slot as usize].id);
            }
            if s.busy {
                s.waiting.push_back((slot, now));
                if STATS {
                    s.backlog.set(now, s.waiting.len() as u64);
                }
                continue;
            }
            s.busy = true;
            (slot, now)
        } else {
            let slot = s.job;
            let m = &mut slab[slot as usize];
            let lag = now - m.commit;
            lag_sum += lag;
            s.applied += 1;
            m.left -= 1;
            if STATS {
                s.digest.step(now, DONE, m.id);
                s.lag.record(now, lag);
                if m.left == 0 {
                    convergence.record(lag);
                }
            }
            if m.left == 0 {
                free.push(slot as u32);
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
        s.job = slot;
        let service = zig.ns(work[k], slab[slot as usize].id, W2_WORK);
        if STATS {
            s.wait.record(now - arrived);
            s.service.record(service);
            s.busy_ns += service;
        }
        list.schedule(now + service, DONE, k as u32);
    }
    for s in &mut subs {
        s.backlog.set(now, 0);
        s.lag.finish();
    }
    let jobs = subs.iter().map(|s| s.applied).sum();
    Run {
        jobs,
        events,
        end: now,
        digest: combine(&source, &subs),
        lag_sum,
        stations: subs.into(),
        convergence: Some(convergence),
    }
}

/// No event list: per subscriber a small sorted buffer of copies in flight and the waiting-time
/// recursion.
pub fn w2_lindley(n: u64, seed: u64) -> Run {
    let zig = Zig::new();
    let gaps = key(seed, "source/gap");
    let hop: [u64; SUBS] = std::array::from_fn(|k| key(seed, &format!("bus/hop/{k}")));
    let work: [u64; SUBS] = std::array::from_fn(|k| key(seed, &format!("sub{k}/service")));
    let mut flying: [Vec<(u64, u64, u64)>; SUBS] = Default::default(); // descending by arrival
    let mut idle = [0u64; SUBS];
    let (mut now, mut lag_sum, mut jobs) = (0u64, 0u64, 0u64);
    for id in 0..=n {
        now = if id < n { now + zig.ns(gaps, id, W2_GAP) } else { u64::MAX };
        for k in 0..SUBS {
            let f = &mut flying[k];
            while let Some(&(at, commit, job)) = f.last() {
                if at > now {
                    break;
                }
                f.pop();
                idle[k] = idle[k].max(at) + zig.ns(work[k], job, W2_WORK);
                lag_sum += idle[k] - commit;
                jobs += 1;
            }
            if id < n {
                let at = now + zig.ns(hop[k], id, W2_HOP);
                let mut i = f.len();
                f.push((at, now, id));
                while i > 0 && f[i - 1].0 <= at {
                    f[i] = f[i - 1];
                    i -= 1;
                }
                f[i] = (at, now, id);
            }
        }
    }
    Run {
        jobs,
        events: 11 * n,
        end: idle.into_iter().max().unwrap_or(0),
        lag_sum,
        ..Run::default()
    }
}
