//! Nodes that stop and return.

use super::*;

/// Written by a majority in 5 ms: 3 ms on the leader, 5 ms on each of two followers.
fn quorum() -> PushSpec {
    let quorum = QuorumSpec { replicas: 3, replication: fixed(2), failover: ms(18) };
    PushSpec { quorum: Some(quorum), fsync: fixed(3), ..spec() }
}

/// A client whose request publishes an event with confirmation at 12 ms.
fn confirmed(spec: PushSpec) -> Blueprint {
    let order = Emission { event: EventTypeId(0), count: 1 };
    let mut buy = handler(Trigger::Api("buy".to_owned()), vec![Step::Emit(Emit::All(vec![order]))]);
    buy.publish = Publish { to: BrokerId(1), mode: PublishMode::Sync };
    let mut b = world(11, spec, service("s", vec![consumer(10)]));
    b.services[0] = service("shop", vec![buy]);
    b.clients = vec![client(Operation { service: ServiceId(0), handler: 0 }, 10, 1_000, 1)];
    b
}

#[test]
fn a_confirmation_comes_when_the_event_is_on_enough_disks() {
    // Asked at 10, at the broker at 12, back at the client 2 ms after the confirmation.
    let classic = |fsync| PushSpec { fsync: fixed(fsync), ..spec() };
    for (spec, answered, applied) in [
        (classic(0), "14 c0 is answered after 4", "23 applied 0"),
        // A single node shows what it has at once.
        (classic(4), "18 c0 is answered after 8", "23 applied 0"),
        (quorum(), "19 c0 is answered after 9", "28 applied 0"),
    ] {
        assert_eq!(ends(&confirmed(spec)), [answered, applied]);
    }
    // One of three is enough to be without: both others count.
    let ends = ends_of(&confirmed(quorum()), &[(1, DOWN[2])]);
    assert_eq!(ends, ["19 c0 is answered after 9", "28 applied 0"]);
    let mut fast = quorum();
    fast.quorum = Some(QuorumSpec { replicas: 3, replication: fixed(0), failover: ms(18) });
    assert_eq!(super::ends(&confirmed(fast))[0], "17 c0 is answered after 7");
}

#[test]
fn the_queue_of_a_single_node_waits_for_it() {
    // In work from 3 to 13, the node away from 5 to 30. The consumer notices at once and tries at
    // 15, 25 and 35; what it had in work is applied, its ack is void, and it gets it again.
    let b = world(2, spec(), service("s", vec![consumer(10)]));
    let script = [(5, DOWN[0]), (30, UP[0])];
    assert_eq!(ends_of(&b, &script), ["13 applied 0", "applied 0 again"]);
    assert_eq!(has(&played_until(&b, &script, 35), 1), 0);
    assert_eq!(has(&played_until(&b, &script, 36), 1), 1);
    // Nodes without a copy do not matter.
    assert_eq!(ends_of(&b, &[(5, DOWN[1])]), ["13 applied 0"]);
}

#[test]
fn what_is_on_its_way_when_the_node_stops_never_arrives() {
    let mut b = world(2, spec(), service("s", vec![consumer(10)]));
    b.brokers[1].deliver = fixed(6);
    // Given out at 2 and at 35, to arrive at 8 and at 41.
    assert_eq!(ends_of(&b, &[(5, DOWN[0]), (30, UP[0])]), ["51 applied 0"]);
}

#[test]
fn publishers_try_again_while_no_node_serves() {
    // Publishes at the broker at 12 and, 1 ms back, 10 ms to connect again and 1 ms later, at 24.
    let script = [(5, DOWN[0]), (20, UP[0])];
    assert_eq!(
        ends_of(&confirmed(spec()), &script),
        ["26 c0 is answered after 16", "36 applied 0"]
    );
}

#[test]
fn what_was_not_written_is_lost_and_published_again() {
    // At the broker at 12, to be confirmed at 20, but the node is away from 18 to 19: again at 30.
    // The consumer, back at 28, had applied the first copy and acknowledged it at 15 already.
    let mut b = confirmed(PushSpec { fsync: fixed(8), ..spec() });
    b.services[1].handlers[0].steps = vec![work(1)];
    let script = [(18, DOWN[0]), (19, UP[0])];
    assert_eq!(
        ends_of(&b, &script),
        ["14 applied 0", "applied 0 again", "40 c0 is answered after 30"]
    );
    // With copies nobody has seen it before it is safe, so it comes once.
    let mut b = confirmed(quorum());
    b.services[1].handlers[0].steps = vec![work(1)];
    // Away from 16 on; published again at 28 and 40, for another node leads from 34 on.
    assert_eq!(ends_of(&b, &[(16, DOWN[0])]), ["47 applied 0", "47 c0 is answered after 37"]);
}

#[test]
fn another_node_takes_the_lead() {
    // There at 7, in work from 8 to 18. The leader stops at 10, the next leads from 28 on; the
    // consumer tries at 20 and 30, and works again from 31.
    let b = world(2, quorum(), service("s", vec![consumer(10)]));
    let ends = |script: &[(u64, Act)]| ends_of(&b, script);
    assert_eq!(ends(&[(10, DOWN[0])]), ["18 applied 0", "applied 0 again"]);
    assert_eq!(has(&played_until(&b, &[(10, DOWN[0])], 30), 1), 0);
    assert_eq!(has(&played_until(&b, &[(10, DOWN[0])], 31), 1), 1);
    // A follower may stop; two are too many, and it takes an election after one is back.
    assert_eq!(ends(&[(10, DOWN[1])]), ["18 applied 0"]);
    let script = [(10, DOWN[1]), (11, DOWN[2]), (40, UP[2])];
    assert_eq!(ends(&script), ["18 applied 0", "applied 0 again"]);
    // It tries at 21, 31, 41, 51 and 61; somebody leads from 58 on.
    assert_eq!(
        (has(&played_until(&b, &script, 61), 1), has(&played_until(&b, &script, 62), 1)),
        (0, 1)
    );
    // An election is void if the majority is lost meanwhile.
    let script = [(10, DOWN[0]), (20, DOWN[1]), (40, UP[0])];
    assert_eq!(
        (has(&played_until(&b, &script, 60), 1), has(&played_until(&b, &script, 61), 1)),
        (0, 1)
    );
}
