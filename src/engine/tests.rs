//! The loop and the event list on toy models.

use super::*;
use proptest::prelude::*;

/// An event that only knows its rank and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Toy(u8, u32);

impl Event for Toy {
    fn rank(self) -> u8 {
        self.0
    }
}

/// Two balls that bounce at their own period until the fourth bounce of the second.
#[derive(Default)]
struct Balls {
    log: Vec<(u64, u32)>,
}

impl Model for Balls {
    type Event = Toy;
    fn handle(&mut self, event: Toy, schedule: &mut Schedule<Toy>) {
        self.log.push((schedule.now().ns(), event.1));
        schedule.after(SimDuration::from_ns(if event.1 == 0 { 4 } else { 6 }), event);
    }
    fn at_rest(&self) -> bool {
        self.log.iter().filter(|(_, ball)| *ball == 1).count() == 4
    }
}

fn balls(limits: Limits) -> Engine<Balls> {
    Engine::new(Balls::default(), limits, |_, s| {
        s.at(SimTime::ZERO, Toy(1, 0));
        s.at(SimTime::ZERO, Toy(0, 1));
    })
}

const NO_LIMIT: Limits = Limits { events: u64::MAX, events_per_instant: u64::MAX };

#[test]
fn events_come_by_time_then_rank() {
    let mut engine = balls(NO_LIMIT);
    assert_eq!(engine.run_until::<false>(SimTime::from_ns(12)), Stop::Time);
    let expected = [(0, 1), (0, 0), (4, 0), (6, 1), (8, 0), (12, 1), (12, 0)];
    assert_eq!(engine.model().log, expected);
    assert_eq!(engine.events(), 7);
}

#[test]
fn a_run_stops_at_rest_or_at_a_limit() {
    assert_eq!(balls(NO_LIMIT).run_until::<true>(SimTime::MAX), Stop::Rest);
    let events = Limits { events: 3, ..NO_LIMIT };
    let mut engine = balls(events);
    assert_eq!(engine.run_until::<false>(SimTime::MAX), Stop::Events);
    assert_eq!(engine.events(), 3);
    let instant = Limits { events_per_instant: 1, ..NO_LIMIT };
    assert_eq!(balls(instant).run_until::<false>(SimTime::MAX), Stop::Instant);
}

#[test]
fn a_lower_rank_scheduled_at_the_current_instant_runs_next() {
    let mut list = EventList::new();
    list.insert(SimTime::from_ns(5), Toy(2, 1));
    list.insert(SimTime::from_ns(5), Toy(2, 2));
    list.insert(SimTime::from_ns(5), Toy(4, 3));
    assert_eq!(list.pop_until(SimTime::MAX).map(|e| e.1), Some(Toy(2, 1)));
    list.insert(SimTime::from_ns(5), Toy(1, 4));
    list.insert(SimTime::from_ns(5), Toy(2, 5));
    let rest: Vec<u32> =
        std::iter::from_fn(|| list.pop_until(SimTime::MAX).map(|e| e.1.1)).collect();
    assert_eq!(rest, [4, 2, 5, 3]);
}

#[test]
fn a_pile_of_one_instant_keeps_its_order_and_costs_no_square() {
    let mut list = EventList::new();
    let n = 200_000;
    for i in 0..n {
        list.insert(SimTime::from_ns(1_000), Toy((i % 3) as u8, i));
    }
    let mut last = (0, 0);
    for i in 0..n {
        let (_, e) = list.pop_until(SimTime::MAX).expect("as many as were inserted");
        assert!(i == 0 || (e.0, e.1) > last, "{e:?} after {last:?}");
        last = (e.0, e.1);
    }
    assert!(list.is_empty());
}

#[test]
fn digests_differ_in_every_part_of_an_event_and_in_the_order() {
    let of = |events: &[(u64, u8, u64, u32)]| {
        let mut digest = Digest::default();
        for e in events {
            digest.step(e.0, e.1, e.2, e.3);
        }
        digest.value()
    };
    let all = [
        of(&[(1, 2, 3, 4)]),
        of(&[(2, 2, 3, 4)]),
        of(&[(1, 3, 3, 4)]),
        of(&[(1, 2, 4, 4)]),
        of(&[(1, 2, 3, 5)]),
        of(&[(1, 2, 3, 4), (1, 2, 3, 4)]),
        of(&[(1, 2, 3, 4), (2, 2, 3, 4)]),
        of(&[(2, 2, 3, 4), (1, 2, 3, 4)]),
    ];
    for (i, a) in all.iter().enumerate() {
        assert!(all.iter().skip(i + 1).all(|b| a != b));
    }
    assert_ne!(Digest::combine([1, 2]), Digest::combine([2, 1]));
}

proptest! {
    /// Any mixture of insertions and pops comes out as a stable sort by (time, rank) would have it.
    #[test]
    fn order_is_that_of_a_stable_sort(
        steps in prop::collection::vec((0u64..200, 0u8..6, 0u8..4, 0u32..44), 1..600),
    ) {
        let mut list = EventList::new();
        let mut model: Vec<(u64, u8, u32)> = Vec::new();
        let mut now = 0;
        let (mut got, mut want) = (Vec::new(), Vec::new());
        let mut pop = |list: &mut EventList<Toy>, model: &mut Vec<(u64, u8, u32)>, now: &mut u64| {
            let next = model.iter().copied().enumerate().min_by_key(|(_, e)| (e.0, e.1, e.2));
            if let Some((at, e)) = next {
                model.remove(at);
                *now = e.0;
                want.push((e.0, e.2));
            }
            if let Some((time, e)) = list.pop_until(SimTime::MAX) {
                got.push((time.ns(), e.1));
            }
        };
        for (i, (delay, rank, pops, scale)) in steps.into_iter().enumerate() {
            let time = now + (delay << scale);
            list.insert(SimTime::from_ns(time), Toy(rank, i as u32));
            model.push((time, rank, i as u32));
            if pops == 0 {
                pop(&mut list, &mut model, &mut now);
            }
        }
        while !model.is_empty() || !list.is_empty() {
            pop(&mut list, &mut model, &mut now);
        }
        prop_assert_eq!(got, want);
    }
}
