//! Where two simulations of one replication part ways, should they ever: the first event in which
//! their histories differ. Knows nothing of how it is told.

use crate::model::Blueprint;
use crate::probe::{Cancelled, Entry, Part, Replay};
use crate::scenario::{Scenario, Variant};
use std::sync::atomic::{AtomicBool, Ordering};

/// The first event in which two histories of one replication differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The replication, counted from 0.
    pub replication: u64,
    /// The client or service in whose history it is.
    pub component: String,
    /// Its place in that history, counted from 0.
    pub index: u64,
    /// The event in each of the two histories; None where it is over already.
    pub events: [Option<Entry>; 2],
}

/// Simulates the replications of a variant twice, side by side, up to the first event that differs.
/// None if all are equal.
///
/// # Errors
/// If it is cancelled before.
pub fn first_difference(
    scenario: &Scenario,
    variant: &Variant,
    cancelled: &AtomicBool,
) -> Result<Option<Difference>, Cancelled> {
    let blueprint = &variant.blueprint;
    for replication in 0..scenario.seeds {
        let replay = || {
            let parts = Replay::new(blueprint, scenario.seed, replication);
            parts.take_while(|_| !cancelled.load(Ordering::Relaxed))
        };
        let found = part_ways(replay(), replay());
        if cancelled.load(Ordering::Relaxed) {
            return Err(Cancelled);
        }
        if let Some((at, index, events)) = found {
            let component = name(blueprint, at);
            return Ok(Some(Difference { replication, component, index, events }));
        }
    }
    Ok(None)
}

/// What a component of a [`Part`] is called.
fn name(blueprint: &Blueprint, component: usize) -> String {
    let clients = blueprint.clients.iter().map(|c| &c.name);
    let mut all = clients.chain(blueprint.services.iter().map(|s| &s.name));
    all.nth(component).cloned().unwrap_or_default()
}

/// A component, a place in its history, and the event of either history there.
type Place = (usize, u64, [Option<Entry>; 2]);

/// The earliest event that differs, part by part; of several at one instant, that of the first
/// component.
fn part_ways(
    mut one: impl Iterator<Item = Part>,
    mut other: impl Iterator<Item = Part>,
) -> Option<Place> {
    // Events of each component before this part.
    let mut before: Vec<u64> = Vec::new();
    loop {
        let (a, b) = match (one.next(), other.next()) {
            (None, None) => return None,
            (a, b) => (a.unwrap_or_default(), b.unwrap_or_default()),
        };
        before.resize(a.len().max(b.len()), 0);
        let differing = before.iter().enumerate().filter_map(|(at, before)| {
            let (index, events) = in_component(history(&a, at), history(&b, at))?;
            Some((at, before + index as u64, events))
        });
        let first = differing.min_by_key(|place| place.2.iter().flatten().map(|e| e.at).min());
        if let Some((at, index, [a, b])) = first {
            // What is not in this part may be in a later one.
            let a = a.or_else(|| one.find_map(|part| history(&part, at).first().copied()));
            let b = b.or_else(|| other.find_map(|part| history(&part, at).first().copied()));
            return Some((at, index, [a, b]));
        }
        for (sum, history) in before.iter_mut().zip(&a) {
            *sum += history.len() as u64;
        }
    }
}

/// One component's history in a part; nothing if the run was over before.
fn history(part: &Part, component: usize) -> &[Entry] {
    part.get(component).map_or(&[], Vec::as_slice)
}

/// The first place where the histories of one component differ, and the events there.
fn in_component(one: &[Entry], other: &[Entry]) -> Option<(usize, [Option<Entry>; 2])> {
    let at = (0..one.len().max(other.len())).find(|&at| one.get(at) != other.get(at))?;
    Some((at, [one.get(at).copied(), other.get(at).copied()]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::testing::scenario;
    use crate::units::SimTime;

    const FILE: &str = "duration = \"5s\"\nseeds = 2\n\
        client.web = { calls = \"shop.place\", rate = \"50/s\" }\n\
        service.shop.api.place = { takes = \"~8ms\", emits = \"Placed\" }\n\
        service.email.on.Placed = \"~15ms\"\n\
        [variant.slow]\n[[variant.slow.failure]]\nslow = { email = \"2x\" }\nat = \"3s\"\n";

    fn entry(ms: u64, id: u64) -> Entry {
        Entry { at: SimTime::from_ns(ms * 1_000_000), kind: 2, id, attempt: 0 }
    }

    /// Histories of two components in two parts.
    fn by_hand() -> Vec<Part> {
        vec![
            vec![vec![entry(1, 7), entry(4, 8)], vec![entry(2, 7)]],
            vec![vec![entry(11, 9)], vec![entry(12, 8), entry(13, 9)]],
        ]
    }

    fn ways(one: &[Part], other: &[Part]) -> Option<Place> {
        part_ways(one.iter().cloned(), other.iter().cloned())
    }

    #[test]
    fn equal_histories_do_not_part() {
        assert_eq!(ways(&by_hand(), &by_hand()), None);
        assert_eq!(ways(&[], &[]), None);
    }

    #[test]
    fn the_earliest_event_that_differs_is_found_with_its_place() {
        let one = by_hand();
        let mut other = by_hand();
        other[1][0][0].id = 5;
        let found = (0, 2, [Some(entry(11, 9)), Some(entry(11, 5))]);
        assert_eq!(ways(&one, &other), Some(found));
        // A component that comes later in the file differs earlier in time.
        other[1][1][0] = entry(10, 8);
        let found = (1, 1, [Some(entry(12, 8)), Some(entry(10, 8))]);
        assert_eq!(ways(&one, &other), Some(found));
        assert_eq!(ways(&other, &one), Some((1, 1, [Some(entry(10, 8)), Some(entry(12, 8))])));
        // An attempt counts too, and an earlier part before a later one.
        other[0][0][1].attempt = 1;
        assert_eq!(ways(&one, &other).map(|place| (place.0, place.1)), Some((0, 1)));
    }

    #[test]
    fn a_history_that_goes_on_differs_from_one_that_is_over() {
        let one = by_hand();
        let mut other = by_hand();
        other[1][1].pop();
        assert_eq!(ways(&one, &other), Some((1, 2, [Some(entry(13, 9)), None])));
        assert_eq!(ways(&one[..1], &one), Some((0, 2, [None, Some(entry(11, 9))])));
        // Late is not never.
        let mut late = by_hand();
        late[0][0].pop();
        assert_eq!(ways(&one, &late), Some((0, 1, [Some(entry(4, 8)), Some(entry(11, 9))])));
    }

    #[test]
    fn two_simulations_are_equal_and_two_architectures_part_where_they_differ() {
        let scenario = scenario(FILE);
        let [base, slow] = [0, 1].map(|at| &scenario.variants[at]);
        let go_on = AtomicBool::new(false);
        assert_eq!(first_difference(&scenario, base, &go_on), Ok(None));
        let stop = AtomicBool::new(true);
        assert_eq!(first_difference(&scenario, base, &stop), Err(Cancelled));
        let replay = |variant: &Variant| Replay::new(&variant.blueprint, 1, 0).collect::<Vec<_>>();
        let (at, index, events) = ways(&replay(base), &replay(slow)).expect("a difference");
        assert_eq!(name(&base.blueprint, at), "email");
        assert!(index > 100, "{index}");
        let times: Vec<f64> = events.iter().flatten().map(|e| e.at.as_secs()).collect();
        assert!(times.len() == 2 && times.iter().all(|t| (3.0..3.5).contains(t)), "{times:?}");
    }
}
