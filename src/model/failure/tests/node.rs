//! Nodes of brokers, and what groups are told.

use super::*;

#[test]
fn a_node_is_up_when_no_cause_lasts() {
    let mut b = tapped(5, 10, 1);
    let node = |verb: Verb, node: u32, at_ms: u64, for_ms: u64| Failure {
        target: Target::Node { broker: BrokerId(1), node },
        ..failure(verb, 0, at_ms, for_ms)
    };
    b.failures = vec![
        node(Verb::Crash, 1, 10, 20),
        node(Verb::Unclean, 1, 20, 20),
        node(Verb::Unclean, 0, 25, 1),
    ];
    insta::assert_snapshot!(story(&b), @r"
    0 tap: i1 joins 0
    10 tap: node 1 is down, unclean: false
    25 tap: node 0 is down, unclean: true
    26 tap: node 0 is up
    40 tap: node 1 is up
    ");
}

#[test]
fn groups_are_replayed_and_redriven() {
    let mut b = tapped(5, 10, 1);
    let mut other = b.services[1].handlers[0].clone();
    other.trigger = on(1);
    b.events.push(EventType::new("E1"));
    b.services[1].handlers.push(other);
    b.failures = vec![failure(Verb::Replay(at(3)), 1, 10, 0), failure(Verb::Redrive, 1, 20, 0)];
    insta::assert_snapshot!(story(&b), @r"
    0 tap: i1 joins 0
    0 tap: i1 joins 1
    10 tap: replay 0 from 3
    10 tap: replay 1 from 3
    20 tap: redrive 0
    20 tap: redrive 1
    ");
}
