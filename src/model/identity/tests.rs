//! Small worlds on a broker that hands everything out at once and again after a crash: nothing but
//! what services remember stands between an event and its duplicates.

use super::super::broker::{Accept, Ctx, Departure, Engine as Dispatch, Outcome, Publication};
use super::super::testing::*;

/// A broker without order or limit, whose consumers are the first instances of their services.
#[derive(Debug, Default)]
struct Desk {
    /// What is not acknowledged.
    open: Vec<(u32, u32)>,
    /// Groups whose service is down.
    down: Vec<u32>,
    /// Whether a copy is done with as soon as it is handed out.
    ack_before: bool,
}

impl Desk {
    fn give<O: Observer>(&mut self, ctx: &mut Ctx<O>, fact: u32, subscription: u32) {
        let table = &ctx.subscriptions[subscription as usize];
        let (service, group) = (table.service, table.group);
        if self.down.contains(&group) {
            return;
        }
        let instance = ctx.services[service as usize].instances.start;
        ctx.deliver(fact, subscription, instance, 0, 0);
        if self.ack_before {
            self.close(ctx, fact, subscription);
        }
    }

    fn close<O: Observer>(&mut self, ctx: &mut Ctx<O>, fact: u32, subscription: u32) {
        if let Some(at) = self.open.iter().position(|o| *o == (fact, subscription)) {
            self.open.remove(at);
            ctx.unstore(fact, subscription, Fate::Exhausted);
        }
    }
}

impl<O: Observer> Dispatch<O> for Desk {
    fn accept(&mut self, ctx: &mut Ctx<O>, p: &Publication) -> Accept {
        for subscription in ctx.wanted_by(p.fact) {
            if ctx.wants(p.fact, subscription) {
                ctx.store(p.fact, subscription);
                self.open.push((p.fact, subscription));
                self.give(ctx, p.fact, subscription);
            }
        }
        Accept::After(SimDuration::ZERO)
    }

    fn done(&mut self, ctx: &mut Ctx<O>, slot: u32, outcome: Outcome) {
        let d = *ctx.deliveries.get(slot);
        match outcome {
            Outcome::Requeue { .. } => self.give(ctx, d.fact, d.subscription),
            _ => self.close(ctx, d.fact, d.subscription),
        }
    }

    fn joined(&mut self, ctx: &mut Ctx<O>, group: u32, _: u32) {
        self.down.retain(|g| *g != group);
        let of = |(_, s): &(u32, u32)| ctx.subscriptions[*s as usize].group == group;
        let again: Vec<(u32, u32)> = self.open.iter().copied().filter(of).collect();
        for (fact, s) in again {
            self.give(ctx, fact, s);
        }
    }

    fn left(&mut self, _: &mut Ctx<O>, group: u32, _: u32, _: Departure) {
        self.down.push(group);
    }

    fn at_rest(&self) -> bool {
        self.open.is_empty()
    }
}

/// Services on a desk, for so many ms, with so many event types.
fn at_desk(ms: u64, events: usize, services: Vec<Service>) -> Blueprint {
    let mut b = blueprint(ms, events, services);
    let fan_out = FanOutSpec { buffer: 0, soft_buffer: None, soft_time: SimDuration::ZERO };
    b.brokers =
        vec![Broker { engine: EngineSpec::FanOut(fan_out), ..Broker::ideal("desk", fixed(1)) }];
    b
}

/// Its history. Nothing is remembered in the end but populations.
fn run(b: &Blueprint) -> String {
    let ack_before = b.brokers[0].ack == AckMode::Before;
    let mut world = World::new(b, &Streams::new(1, 0), Log::default());
    if !matches!(b.brokers[0].engine, EngineSpec::Ideal) {
        world.engines[0] = Box::new(Desk { ack_before, ..Desk::default() });
    }
    let limits = Limits { events: 100_000, events_per_instant: 1_000 };
    let mut engine = Engine::new(world, limits, World::start);
    engine.run_until::<false>(b.phases.traffic_end());
    let stop = engine.run_until::<true>(SimTime::MAX);
    // Copies of what is resolved may still be under way.
    engine.run_until::<false>(SimTime::MAX);
    let world = engine.into_model();
    let open = (world.book.unresolved(), world.calls.len(), world.running);
    assert_eq!(stop, Stop::Rest, "{open:?} {:?}", world.engines);
    let identity = &world.book.identity;
    assert_eq!((world.book.facts.len(), identity.families.len()), (0, (0, 0)));
    let populations = b.entities.iter().filter_map(|e| e.population.as_ref());
    assert!(identity.individuals.len() as u64 <= populations.map(|p| p.count).sum());
    world.observer.0.join("\n")
}

fn count(history: &str, what: &str) -> usize {
    history.lines().filter(|line| line.contains(what)).count()
}

fn remembering(dedup: Dedup, order: OrderGuard, service: Service) -> Service {
    let gap_timeout = SimDuration::from_ms(100);
    Service { memory: Memory { dedup, order, gap_timeout, ..Memory::NONE }, ..service }
}

fn emit(event: u32) -> Step {
    Step::Emit(Emit::All(vec![Emission { event: EventTypeId(event), count: 1 }]))
}

const WRITE: Step = Step::Write(EntityId(0));

#[test]
fn what_a_crash_does_depends_on_the_acknowledgement_and_on_memory() {
    // The write ends at 13, with an inbox at 14; the work after it at 17 or 18.
    let (before, after) = (12, 15);
    // Crash, acknowledgement before the work, inbox: applied, applied again, lost, recognised.
    let table = [
        (before, true, false, [0, 0, 1, 0]),
        (after, true, false, [1, 0, 0, 0]),
        (before, false, false, [1, 0, 0, 0]),
        (after, false, false, [1, 1, 0, 0]),
        (before, false, true, [1, 0, 0, 0]),
        (after, false, true, [1, 0, 0, 1]),
    ];
    for (at, ack_before, inbox, expected) in table {
        let dedup = if inbox { Dedup::Inbox } else { Dedup::None };
        let s = service("s", vec![handler(on(0), vec![WRITE, work(4)])]);
        let services = vec![source(10), remembering(dedup, OrderGuard::None, s)];
        let mut b = at_desk(15, 1, services);
        if ack_before {
            b.brokers[0].ack = AckMode::Before;
        }
        b.failures = vec![crash(1, at, 2)];
        let h = run(&b);
        let seen = ["applied 0: ", "applied 0 again", "is LostCrash", "has done that already"];
        assert_eq!(seen.map(|what| count(&h, what)), expected, "{at} {ack_before} {inbox}\n{h}");
    }
}

#[test]
fn a_mark_before_the_effect_loses_the_effect_if_a_crash_comes_between() {
    let s = service("s", vec![handler(on(0), vec![WRITE])]);
    let separate = remembering(Dedup::Separate, OrderGuard::None, s);
    let mut b = at_desk(15, 1, vec![source(10), separate]);
    b.failures = vec![crash(1, 14, 2)];
    insta::assert_snapshot!(run(&b), @r"
    10 s0 emits
    11 s1 starts
    14 s1 cuts off
    22 s1 starts
    s1 has done that already
    24 s1 done: wait 0, work 2, draw 1
    0 was Leased and is LostCrash
    ");
    // After the effect, the mark keeps it from happening twice.
    b.services[1].handlers[0].steps.push(work(4));
    b.failures = vec![crash(1, 16, 2)];
    let h = run(&b);
    let seen = ["applied 0", "is LostCrash", "has done that already"];
    assert_eq!(seen.map(|what| count(&h, what)), [1, 0, 1], "{h}");
}

#[test]
fn a_service_takes_its_mark_back_when_it_fails() {
    let mut h = handler(on(0), vec![work(1), WRITE]);
    h.fails = Probability::ONE;
    h.attempts = 3;
    let separate = remembering(Dedup::Separate, OrderGuard::None, service("s", vec![h]));
    let h = run(&at_desk(15, 1, vec![source(10), separate]));
    assert_eq!((count(&h, "is Exhausted"), count(&h, "already")), (1, 0), "{h}");
}

#[test]
fn a_window_forgets() {
    for (window, again) in [(5, 1), (50, 0)] {
        let s = service("s", vec![handler(on(0), vec![WRITE, work(4)])]);
        let mut s = remembering(Dedup::Inbox, OrderGuard::None, s);
        s.memory.window = Some(SimDuration::from_ms(window));
        let mut b = at_desk(15, 1, vec![source(10), s]);
        b.failures = vec![crash(1, 15, 10)];
        let h = run(&b);
        assert_eq!(count(&h, "applied 0 again"), again, "{window}\n{h}");
    }
}

/// A shop that a client asks twice, as it answers late; it tells billing of each order.
fn impatient(dedup: Dedup, fresh_ids: bool) -> Blueprint {
    let buy = handler(Trigger::Api("buy".to_owned()), vec![WRITE, emit(0), work(10)]);
    let mut shop = remembering(dedup, OrderGuard::None, service("shop", vec![buy]));
    shop.workers = 2;
    shop.memory.fresh_ids = fresh_ids;
    let billing = service("billing", vec![handler(on(0), vec![work(1)])]);
    let mut b = at_desk(15, 1, vec![shop, billing]);
    b.clients = vec![client(Operation { service: ServiceId(0), handler: 0 }, 10, 8, 2)];
    b
}

#[test]
fn a_repeated_request_is_recognised_or_emits_the_same_fact_again_or_another() {
    let seen = |b: &Blueprint| {
        let h = run(b);
        let of = |what: &str| count(&h, what);
        [of("applied 0: "), of("applied 0 again"), of("s0 has done that already")]
    };
    assert_eq!(seen(&impatient(Dedup::None, false)), [1, 1, 0]);
    assert_eq!(seen(&impatient(Dedup::None, true)), [2, 0, 0]);
    assert_eq!(seen(&impatient(Dedup::Inbox, false)), [1, 0, 1]);
    let h = run(&impatient(Dedup::Inbox, false));
    assert_eq!(count(&h, "c0 is answered"), 1, "{h}");
}

#[test]
fn two_copies_at_once_have_one_effect_if_the_mark_is_in_its_transaction() {
    // Both attempts look before either has committed.
    let mut b = impatient(Dedup::Inbox, false);
    b.services[0].write = fixed(20);
    b.phases.duration = SimDuration::from_ms(12);
    let h = run(&b);
    assert_eq!((count(&h, "applied 0"), count(&h, "already")), (1, 1), "{h}");
}

/// On event 0 a relay emits event 1 and works on; it crashes before it acknowledges.
fn relayed(fresh_ids: bool, dedup: Dedup) -> Blueprint {
    let mut relay = service("relay", vec![handler(on(0), vec![emit(1), work(5)])]);
    relay.memory.fresh_ids = fresh_ids;
    let end = service("end", vec![handler(on(1), vec![WRITE])]);
    let end = remembering(dedup, OrderGuard::None, end);
    let mut b = at_desk(15, 2, vec![source(10), relay, end]);
    b.failures = vec![crash(1, 14, 2)];
    b
}

#[test]
fn what_is_processed_again_emits_the_same_again_unless_its_ids_are_fresh() {
    let seen = |b: &Blueprint| {
        let h = run(b);
        ["applied 1: ", "applied 1 again", "s2 has done that already"].map(|what| count(&h, what))
    };
    assert_eq!(seen(&relayed(false, Dedup::None)), [1, 1, 0]);
    assert_eq!(seen(&relayed(false, Dedup::Inbox)), [1, 0, 1]);
    assert_eq!(seen(&relayed(true, Dedup::None)), [2, 0, 0]);
    assert_eq!(seen(&relayed(true, Dedup::Inbox)), [2, 0, 0]);
}

#[test]
fn a_call_made_again_is_part_of_what_made_it() {
    // On event 0 the relay calls the shop, which writes and emits; the relay crashes afterwards.
    let buy = handler(Trigger::Api("buy".to_owned()), vec![WRITE, emit(1)]);
    let call = Step::Call(vec![Operation { service: ServiceId(2), handler: 0 }]);
    for (dedup, expected) in [(Dedup::None, [1, 1, 0]), (Dedup::Inbox, [1, 0, 1])] {
        let relay = service("relay", vec![handler(on(0), vec![call.clone(), work(9)])]);
        let shop = remembering(dedup, OrderGuard::None, service("shop", vec![buy.clone()]));
        let end = service("end", vec![handler(on(1), vec![work(1)])]);
        let mut b = at_desk(15, 2, vec![source(10), relay, shop, end]);
        b.failures = vec![crash(1, 20, 2)];
        let h = run(&b);
        let seen = ["applied 1: ", "applied 1 again", "s2 has done that already"];
        assert_eq!(seen.map(|what| count(&h, what)), expected, "{h}");
    }
}

#[test]
fn what_a_skipped_handler_has_not_published_stays_lost() {
    let relay = service("relay", vec![handler(on(0), vec![WRITE, work(5), emit(1)])]);
    let relay = remembering(Dedup::Inbox, OrderGuard::None, relay);
    let end = service("end", vec![handler(on(1), vec![work(1)])]);
    let mut b = at_desk(15, 2, vec![source(10), relay, end]);
    b.failures = vec![crash(1, 16, 2)];
    let h = run(&b);
    let seen = ["1 never hears of it", "s1 has done that already", "applied 1"];
    assert_eq!(seen.map(|what| count(&h, what)), [1, 1, 0], "{h}");
    // Without a memory the handler runs again, and publishes.
    b.services[1].memory = Memory::NONE;
    let h = run(&b);
    assert_eq!(seen.map(|what| count(&h, what)), [0, 0, 1], "{h}");
}

fn population(count: u64) -> Entity {
    let popularity = Popularity::Uniform;
    Entity { name: "customer".to_owned(), population: Some(Population { count, popularity }) }
}

/// Two events of the only customer, 10 ms apart. A slow-down makes the work on the first, which
/// begins at 11, take 30 ms; that on the second lasts from 21 to 31.
fn overtaking(order: OrderGuard) -> Blueprint {
    let mut s = service("s", vec![handler(on(0), vec![work(10)])]);
    s.workers = 4;
    let mut b = at_desk(25, 1, vec![source(10), remembering(Dedup::None, order, s)]);
    b.entities = vec![population(1)];
    b.events[0].key = Some(EntityId(0));
    b.failures = vec![Failure { verb: Verb::Slow(3.0), ..crash(1, 5, 10) }];
    b
}

#[test]
fn an_older_version_overwrites_a_newer_one() {
    insta::assert_snapshot!(run(&overtaking(OrderGuard::None)), @r"
    10 s0 emits
    10 0 is behind
    11 s1 starts
    20 s0 emits
    21 s1 starts
    31 s1 done: wait 0, work 10, draw 0
    31 applied 0: [0.0, 1.0, 0.0, 0.0, 10.0, 0.0]
    31 visible 0 after 21
    31 visible 0 after 11
    31 0 has caught up
    31 converged
    41 s1 done: wait 0, work 30, draw 0
    41 applied 0: [0.0, 1.0, 0.0, 0.0, 30.0, 0.0]
    41 0 is behind
    0 is harmed first
    41 converged
    ");
}

#[test]
fn a_version_guard_does_not_apply_an_older_version() {
    insta::assert_snapshot!(run(&overtaking(OrderGuard::Version)), @r"
    10 s0 emits
    10 0 is behind
    11 s1 starts
    20 s0 emits
    21 s1 starts
    31 s1 done: wait 0, work 10, draw 0
    31 applied 0: [0.0, 1.0, 0.0, 0.0, 10.0, 0.0]
    31 visible 0 after 21
    31 visible 0 after 11
    31 0 has caught up
    31 converged
    41 s1 done: wait 0, work 30, draw 0
    0 was Leased and is Superseded
    41 converged
    ");
}

#[test]
fn a_buffer_holds_a_version_until_those_before_it_have_come() {
    insta::assert_snapshot!(run(&overtaking(OrderGuard::Buffer)), @r"
    10 s0 emits
    10 0 is behind
    11 s1 starts
    20 s0 emits
    21 s1 starts
    21 s1 done: wait 0, work 0, draw 0, in vain
    41 s1 done: wait 0, work 30, draw 0
    41 applied 0: [0.0, 1.0, 0.0, 0.0, 30.0, 0.0]
    41 visible 0 after 31
    41 converged
    41 s1 starts
    51 s1 done: wait 0, work 10, draw 0
    51 applied 0: [0.0, 0.0, 0.0, 21.0, 10.0, 0.0]
    51 visible 0 after 31
    51 0 has caught up
    51 converged
    ");
}

#[test]
fn a_buffer_waits_no_longer_than_its_timeout() {
    let mut b = overtaking(OrderGuard::Buffer);
    b.services[1].memory.gap_timeout = SimDuration::from_ms(4);
    insta::assert_snapshot!(run(&b), @r"
    10 s0 emits
    10 0 is behind
    11 s1 starts
    20 s0 emits
    21 s1 starts
    21 s1 done: wait 0, work 0, draw 0, in vain
    25 s1 starts
    35 s1 done: wait 0, work 10, draw 0
    35 applied 0: [0.0, 0.0, 0.0, 5.0, 10.0, 0.0]
    35 visible 0 after 25
    35 visible 0 after 15
    35 0 has caught up
    35 converged
    41 s1 done: wait 0, work 30, draw 0
    0 was Leased and is Superseded
    41 converged
    ");
}

/// Shares of neighbours that swap: events of one key every 100 ms, free workers of an exponential
/// service with this mean in ms.
fn swaps(mean: &str) -> f64 {
    let mut s = service("s", vec![handler(on(0), vec![Step::Work(mean.parse().expect("valid"))])]);
    s.workers = 200;
    let mut b = at_desk(500_000, 1, vec![source(100), s]);
    b.entities = vec![population(1)];
    b.events[0].key = Some(EntityId(0));
    let mut done = vec![0.0; 5_001];
    for line in run(&b).lines() {
        if let Some((at, parts)) = line.split_once(" applied 0: [") {
            let lag: f64 =
                parts.trim_end_matches(']').split(", ").flat_map(str::parse::<f64>).sum();
            let at: f64 = at.parse().expect("an instant");
            done[((at - lag) / 100.0 + 0.5) as usize] = at;
        }
    }
    let pairs: Vec<&[f64]> = done[1..].windows(2).filter(|p| p[0] > 0.0 && p[1] > 0.0).collect();
    assert!(pairs.len() > 4_990);
    pairs.iter().filter(|p| p[1] < p[0]).count() as f64 / pairs.len() as f64
}

#[test]
fn neighbours_swap_as_often_as_theory_says() {
    for (mean, s) in [("~100ms", 100.0), ("~50ms", 50.0)] {
        let p = 0.5 * libm::exp(-100.0 / s);
        // Neighbouring pairs share an event; that at most doubles the variance.
        let tolerance = 4.5 * libm::sqrt(2.0 * p * (1.0 - p) / 5_000.0);
        let seen = swaps(mean);
        assert!((seen - p).abs() < tolerance, "{mean}: {seen}, not {p}");
    }
}

#[test]
fn copies_handed_out_in_the_wrong_order_are_counted() {
    // The first is put back for 20 ms, the second comes meanwhile.
    let mut h = handler(on(0), vec![work(1)]);
    (h.fails, h.attempts) = (Probability::new(0.4).expect("valid"), 3);
    (h.backoff, h.consume.retry_in) = ("20ms fixed".parse().expect("valid"), RetryIn::Requeue);
    let mut b = at_desk(25, 1, vec![source(10), service("s", vec![h])]);
    b.entities = vec![population(1)];
    b.events[0].key = Some(EntityId(0));
    insta::assert_snapshot!(run(&b), @r"
    10 s0 emits
    10 0 is behind
    11 s1 starts
    12 s1 done: wait 0, work 1, draw 0, in vain
    20 s0 emits
    21 s1 starts
    22 s1 done: wait 0, work 1, draw 0
    22 applied 0: [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    22 visible 0 after 12
    22 visible 0 after 2
    22 0 has caught up
    22 converged
    0 gets an older version
    33 s1 starts
    34 s1 done: wait 0, work 1, draw 1
    34 applied 0: [0.0, 1.0, 0.0, 22.0, 1.0, 0.0]
    34 0 is behind
    0 is harmed first
    34 converged
    ");
}

#[test]
fn an_owner_counts_versions_and_everything_of_one_root_is_about_one_individual() {
    // Each event of the source makes two services write its customer; both tell the end.
    let teller = |name: &str, event| service(name, vec![handler(on(0), vec![WRITE, emit(event)])]);
    let end = service("end", vec![handler(on(1), vec![work(1)]), handler(on(2), vec![work(1)])]);
    let mut b = at_desk(25, 3, vec![source(10), teller("a", 1), teller("b", 2), end]);
    b.entities = vec![population(1000)];
    let world = World::new(&b, &Streams::new(1, 0), Log::default());
    let mut world = world;
    world.engines[0] = Box::new(Desk::default());
    let limits = Limits { events: 1000, events_per_instant: 100 };
    let mut engine = Engine::new(world, limits, World::start);
    engine.run_until::<false>(SimTime::ZERO + SimDuration::from_ms(24));
    let mut about: Vec<(u64, u32, u32)> = Vec::new();
    let world = engine.model_mut();
    for slot in world.book.facts.slots() {
        let (f, t) = (world.book.facts.get(slot), world.book.identity.facts[slot as usize]);
        if f.event > 0 && f.left > 0 {
            assert_eq!(f.key, t.key);
            about.push((t.key, t.version, f.event));
        }
    }
    // Of the second root, at 23 ms.
    about.sort_unstable_by_key(|a| a.1);
    assert_eq!(about.len(), 2);
    assert!(about[0].0 == about[1].0 && about[0].0 != 0);
    assert_eq!([about[0].1, about[1].1], [1, 2]);
}

#[test]
fn a_drawn_key_keeps_its_order_on_an_ideal_bus() {
    for (individuals, at_once) in [(1, false), (1_000_000, true)] {
        let mut s = service("s", vec![handler(on(0), vec![work(15)])]);
        s.workers = 4;
        let mut b = blueprint(25, 1, vec![source(10), s]);
        b.entities = vec![population(individuals)];
        b.events[0].key = Some(EntityId(0));
        let h = run(&b);
        // The first is worked on from 11 to 26, the second comes at 21.
        assert_eq!(h.contains("21 s1 starts"), at_once, "{individuals}\n{h}");
        assert_eq!(h.contains("26 s1 starts"), !at_once, "{individuals}\n{h}");
        assert_eq!(count(&h, "older version"), 0);
    }
}

#[test]
fn an_order_that_two_services_write_is_followed() {
    // The shop makes an order, billing changes it; both tell the end.
    let buy = handler(Trigger::Api("buy".to_owned()), vec![WRITE, emit(0)]);
    let bill = handler(on(0), vec![WRITE, emit(1)]);
    let end = service("end", vec![handler(on(0), vec![work(1)]), handler(on(1), vec![work(1)])]);
    let services = vec![service("shop", vec![buy]), service("billing", vec![bill]), end];
    let mut b = at_desk(15, 2, services);
    b.clients = vec![client(Operation { service: ServiceId(0), handler: 0 }, 10, 100, 1)];
    insta::assert_snapshot!(run(&b), @r"
    10 c0 asks
    11 s0 starts
    13 0 is behind
    13 1 is behind
    13 s0 done: wait 0, work 2, draw 0
    14 s1 starts
    14 s2 starts
    14 c0 is answered after 4
    15 s2 done: wait 0, work 1, draw 0
    15 applied 1: [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    15 visible 1 after 2
    15 1 has caught up
    16 applied 0: [0.0, 1.0, 0.0, 0.0, 0.0, 2.0]
    16 visible 0 after 3
    16 0 has caught up
    16 converged
    16 2 is behind
    16 s1 done: wait 0, work 2, draw 0
    17 s2 starts
    18 s2 done: wait 0, work 1, draw 0
    18 applied 2: [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    18 visible 2 after 2
    18 2 has caught up
    18 converged
    ");
}

#[test]
fn what_is_lost_harms_and_leaves_behind() {
    let mut b = overtaking(OrderGuard::None);
    b.brokers[0].ack = AckMode::Before;
    b.failures = vec![crash(1, 25, 2)];
    let h = run(&b);
    let seen = ["is LostCrash", "is harmed first", "is harmed", "is behind", "has caught up"];
    // The first is applied at 21; the second is in work at 25, and nothing ever comes after it.
    assert_eq!(seen.map(|what| count(&h, what)), [1, 1, 1, 1, 0], "{h}");
}

/// A shop whose orders a relay passes on to an end, everything drawn from `seed`: memory, failing
/// attempts, crashes, impatient clients.
fn arbitrary(seed: u64) -> Blueprint {
    let mut draw = crate::random::Draw::new(Streams::new(seed, 0).key("arbitrary"), seed, 0);
    let mut of = move |n: u32| draw.below(n);
    let call = Step::Call(vec![Operation { service: ServiceId(2), handler: 0 }]);
    let some = |of: &mut dyn FnMut(u32) -> u32, trigger: Trigger, steps: Vec<Step>| {
        let mut h = handler(trigger, steps);
        (h.fails, h.attempts) = (Probability::new(0.2).expect("valid"), 1 + of(3));
        h.backoff = "7ms fixed".parse().expect("valid");
        h.consume.retry_in = [RetryIn::Inline, RetryIn::Requeue, RetryIn::Delayed][of(3) as usize];
        if of(4) == 0 {
            h.publish.mode = PublishMode::OutboxPoll(SimDuration::from_ms(9));
        }
        if of(3) == 0 && matches!(h.trigger, Trigger::On(_)) {
            let wait = SimDuration::from_ms(u64::from(of(9)));
            h.consume.batch =
                Some(BatchSpec { max: 1 + of(4), wait, each: fixed(1), bisect: of(2) == 0 });
        }
        h
    };
    let jitter = || Step::Work("~6ms".parse().expect("valid"));
    let buy = some(&mut of, Trigger::Api("buy".to_owned()), vec![WRITE, emit(0), jitter()]);
    let pass = some(&mut of, on(0), vec![jitter(), emit(1), WRITE, call, emit(1)]);
    let check = some(&mut of, Trigger::Api("check".to_owned()), vec![jitter(), WRITE, emit(2)]);
    let ends = [0, 1, 2].map(|e| some(&mut of, on(e), vec![jitter()]));
    let mut services = vec![
        service("shop", vec![buy]),
        service("relay", vec![pass]),
        service("checker", vec![check]),
        service("end", ends.to_vec()),
    ];
    for s in &mut services {
        s.workers = 1 + of(3);
        s.connections = [None, Some(1)][of(2) as usize];
        s.memory = Memory {
            dedup: [Dedup::None, Dedup::Inbox, Dedup::Separate][of(3) as usize],
            window: [None, Some(SimDuration::from_ms(20))][of(2) as usize],
            order: [OrderGuard::None, OrderGuard::Version, OrderGuard::Buffer][of(3) as usize],
            gap_timeout: SimDuration::from_ms(u64::from(5 + of(40))),
            fresh_ids: of(4) == 0,
        };
    }
    let mut b = at_desk(300, 3, services);
    if of(4) == 0 {
        b.brokers = blueprint(1, 0, Vec::new()).brokers;
    } else if of(3) == 0 {
        b.brokers[0].ack = AckMode::Before;
    }
    if of(3) > 0 {
        b.entities = vec![population(u64::from(1 + of(3)))];
    }
    b.events[1].key = [None, Some(EntityId(0))][of(2) as usize];
    b.clients = vec![client(Operation { service: ServiceId(0), handler: 0 }, 5, 15, 3)];
    for s in 0..4 {
        let verb = [Verb::Crash, Verb::Crash, Verb::Stop, Verb::Pause][of(4) as usize];
        let failure = crash(s, u64::from(20 + of(250)), u64::from(1 + of(30)));
        b.failures.push(Failure { verb, ..failure });
    }
    b
}

#[test]
fn whatever_happens_a_world_comes_to_rest_and_forgets() {
    let mut seen = [0; 8];
    let what = [
        "again",
        "already",
        "Superseded",
        "LostCrash",
        "never hears",
        "resurrected",
        "older version",
        "is harmed",
    ];
    for seed in 0..300 {
        let h = run(&arbitrary(seed));
        for (n, what) in seen.iter_mut().zip(what) {
            *n += count(&h, what);
        }
    }
    assert!(seen.iter().all(|n| *n > 0), "{what:?}: {seen:?}");
}

#[test]
fn what_is_emitted_for_each_individual_is_about_it() {
    let text = "duration = \"20s\"\nwarmup = \"0s\"\n[broker.bus]\npreset = \"kafka\"\n\
                [entity.driver]\ncount = 3\n[service.car]\nemits.Moved = \"every 4s per driver\"\n\
                [service.map]\non.Moved = \"100s\"\n";
    let b = crate::scenario::testing::scenario(text).variants.remove(0).blueprint;
    let world = World::new(&b, &Streams::new(1, 0), Log::default());
    let limits = Limits { events: 100_000, events_per_instant: 1_000 };
    let mut engine = Engine::new(world, limits, World::start);
    engine.run_until::<false>(b.phases.traffic_end());
    let world = engine.into_model();
    let facts = world.book.facts.slots().map(|slot| {
        let f = world.book.facts.get(slot);
        (f.id, f.key, world.book.identity.facts[slot as usize].version)
    });
    let mut facts: Vec<(u64, u64, u32)> = facts.collect();
    // Nobody is done with any of them.
    facts.sort_unstable();
    assert_eq!(facts.len(), 15);
    for (n, &(_, key, version)) in facts.iter().enumerate() {
        assert_eq!((key, version), (facts[n % 3].1, n as u32 / 3 + 1));
    }
    let mut keys: Vec<u64> = facts[..3].iter().map(|f| f.1).collect();
    keys.sort_unstable();
    let driver = crate::random::hash_name("driver");
    let mut drivers: Vec<u64> = (0..3).map(|i| super::key_of(driver, i)).collect();
    drivers.sort_unstable();
    assert_eq!(keys, drivers);
}
