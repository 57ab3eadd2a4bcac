//! Failures of links, of zones and of everything else in every overlap end in the healthy state.

use super::*;
use crate::model::failure::tests::overlap::{assert_recovery, busy, logs, pulls, pushes};
use proptest::prelude::*;

/// What strikes, as a number, between which two ends, from when, for how long.
type Strike = (u32, usize, u64, u64);

/// Ends between which something travels in that architecture: the source calls nobody and
/// publishes, the second service does everything.
fn ends() -> Vec<(End, End)> {
    let [from, to, back] = [0, 1, 2].map(|s| End::Service(ServiceId(s)));
    let (web, bus) = (End::Client(ClientId(0)), End::Broker(BrokerId(1)));
    let nodes = [0, 1, 2].map(|n| End::Node(BrokerId(1), n));
    let zones = [0, 1, 2].map(|z| End::Zone(ZoneId(z)));
    vec![
        (web, to),
        (to, web),
        (to, back),
        (back, to),
        (from, bus),
        (bus, from),
        (bus, to),
        (to, bus),
        (End::Instance(ServiceId(1), 0), bus),
        (nodes[0], End::Instance(ServiceId(1), 1)),
        (nodes[0], nodes[1]),
        (nodes[2], bus),
        (zones[0], zones[1]),
        (zones[2], zones[2]),
    ]
}

fn struck(strikes: &[Strike], per: u64, (datagrams, log): (bool, bool)) -> Vec<Failure> {
    let ends = ends();
    let failure = |(at, &(what, between, begins, lasts)): (usize, &Strike)| {
        let (from, to) = ends[between % ends.len()];
        let after = |text: &str| text.parse().expect("a distribution");
        let effect = match what {
            0 => LinkEffect::Partition,
            1 => LinkEffect::Loss { share: share(0.4), datagram: false },
            2 => LinkEffect::Loss { share: share(0.4), datagram: datagrams },
            3 => LinkEffect::Duplicate { share: share(0.5), after: after("~10ms") },
            4 => LinkEffect::Reorder { share: share(0.5), hold: after("~10ms") },
            5 => LinkEffect::Delay(after("~10ms")),
            _ => LinkEffect::Throttle(500_000.0),
        };
        let (begins, lasts) = (begins / per, lasts / per);
        let mut f = link(from, to, effect, begins, lasts);
        if what == 7 {
            (f.verb, f.target) = (Verb::Crash, Target::Zone(ZoneId((between % 3) as u32)));
        } else if what == 8 {
            let service = ServiceId(1);
            let verbs = [Verb::Crash, Verb::Stop, Verb::Pause, Verb::Restart];
            f.verb = verbs[between % 4];
            f.target = Target::Instances { service, instances: vec![0, (between % 2 + 1) as u32] };
        } else if what == 9 {
            (f.verb, f.target) = (Verb::Throttle(200_000.0), Target::Shards(BrokerId(1)));
        } else if what == 10 {
            let node = (between % 3) as u32;
            (f.verb, f.target) = (Verb::Crash, Target::Node { broker: BrokerId(1), node });
        }
        if what == 11 && log {
            let partition = (between % 2) as u32;
            f.verb = Verb::Crash;
            f.target = Target::Partition { broker: BrokerId(1), partition };
        }
        f.name = format!("failure {at}");
        f
    };
    strikes.iter().enumerate().map(failure).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_failures_of_links_end_in_the_healthy_state_with_any_broker(
        strikes in prop::collection::vec((0u32..=11, 0usize..60, 0u64..60_000, 0u64..40_000), 1..6),
        kind in 0u32..4,
        connected in any::<bool>(),
        answers in any::<bool>(),
        seconds in any::<bool>(),
    ) {
        recovers_from(&strikes, kind, (connected, answers, seconds));
    }
}

/// Lets failures strike with a broker of some kind, which has to recover.
fn recovers_from(strikes: &[Strike], kind: u32, (connected, answers, seconds): (bool, bool, bool)) {
    let (ms, per) = if seconds { (1_000, 1) } else { (1, 1_000) };
    let t = |n: u64| SimDuration::from_ms(n * ms);
    let mut b = busy(ms);
    let zone = |name: &str| Zone { name: name.into(), region: String::new() };
    b.zones = ["a", "b", "c"].map(zone).into();
    let bus = &mut b.brokers[1];
    bus.nodes = 3;
    bus.reconnect = Backoff::Fixed { base: t(3) };
    bus.publish = Variate::constant(t(1));
    bus.producer.backoff = Backoff::Fixed { base: t(2) };
    if answers {
        bus.producer.acks = Acks::All;
        bus.producer.request_timeout = t(20);
        bus.producer.idempotent = connected;
    }
    bus.engine = match (kind, pushes(ms, connected)) {
        (0, EngineSpec::Push(spec)) => {
            let replication = Variate::constant(t(1));
            let quorum = Some(QuorumSpec { replicas: 3, replication, failover: t(9) });
            let ack_timeout = Some(t(100));
            let quorum = quorum.filter(|_| answers);
            EngineSpec::Push(PushSpec { quorum, ack_timeout, ..spec })
        }
        (1, _) => pulls(ms, connected),
        (2, _) => {
            let EngineSpec::Log(spec) = logs(ms, connected) else { unreachable!("a log") };
            let (replicas, min_isr) = (3, if answers { 2 } else { 1 });
            EngineSpec::Log(LogSpec { replicas, min_isr, ..spec })
        }
        _ => bus.engine.clone(),
    };
    if kind == 3 {
        let soft_time = SimDuration::ZERO;
        let spec = FanOutSpec { buffer: 9_000, soft_buffer: None, soft_time };
        bus.engine = EngineSpec::FanOut(spec);
    }
    // A connection that stays keeps what a datagram has lost.
    b.failures = struck(strikes, per, (kind != 1 || !connected, kind == 2));
    assert_recovery(&b, SimDuration::from_secs(1_000));
}

#[test]
fn a_queue_that_two_nodes_apart_have_leads_again() {
    // The third node is down while the other two do not reach each other.
    let strikes = [(10, 20, 12_000, 34_000), (0, 26, 0, 13_000)];
    recovers_from(&strikes, 0, (false, true, false));
}
