//! The hold model of the event list: pop the earliest event, schedule one an exponential step
//! later, with a fixed number of events pending. Knows nothing of services.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use tidelag::engine::{Event, EventList};
use tidelag::units::{SimDuration, SimTime};

/// Steps drawn in advance, so that the draw is not part of what is measured.
const STEPS: usize = 1 << 16;

/// An event of the size that the model's events have.
#[derive(Clone, Copy)]
struct Tick(u64);

impl Event for Tick {
    fn rank(self) -> u8 {
        (self.0 & 3) as u8
    }
}

/// Exponential steps of mean 1 s by inversion, from a splitmix sequence.
fn steps() -> Vec<SimDuration> {
    let mut state = 1_u64;
    let step = |_| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let unit = ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
        SimDuration::from_ns((-libm::log(1.0 - unit) * 1e9) as u64)
    };
    (0..STEPS).map(step).collect()
}

fn hold(c: &mut Criterion) {
    let steps = steps();
    let mut group = c.benchmark_group("hold");
    for pending in [10_u64, 1_000, 100_000, 1_000_000] {
        let mut list = EventList::new();
        for i in 0..pending {
            list.insert(SimTime::ZERO + steps[i as usize % STEPS], Tick(i));
        }
        let mut next = 0;
        group.bench_function(BenchmarkId::from_parameter(pending), |b| {
            b.iter(|| {
                let (now, event) = list.pop_until(SimTime::MAX).expect("never empty");
                list.insert(now + steps[next], event);
                next = (next + 1) % STEPS;
                black_box(now)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, hold);
criterion_main!(benches);
