//! Small worlds with one broker whose every answer is written down in the test.

use crate::model::broker::{Accept, Ctx, Engine as BrokerEngine, Outcome, Publication};
use crate::model::testing::*;
use std::collections::{BTreeSet, VecDeque};

/// What the broker of a test says to one publication.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Yes,
    NotNow,
    Refused,
    /// After so many ms it says whether it has it; it stores it in any case.
    Later(u64, bool),
}

/// A broker that gives everything to the first instance at once.
#[derive(Debug, Default)]
struct Scripted {
    /// Of the first publications; `Yes` to all others.
    answers: VecDeque<Answer>,
    /// Answers that it owes.
    owed: Vec<(u32, bool)>,
    /// Without a node from and until, ms.
    outage: Option<(u64, u64)>,
    down: bool,
    idempotent: bool,
    known: BTreeSet<(u32, u64)>,
}

impl Scripted {
    fn saying(answers: &[Answer]) -> Self {
        Self { answers: answers.iter().copied().collect(), ..Self::default() }
    }

    fn take<O: Observer>(&mut self, ctx: &mut Ctx<O>, p: &Publication) {
        let fresh = self.known.insert((p.producer, p.sequence));
        if self.idempotent && !fresh {
            assert!(p.again);
            return;
        }
        for subscription in ctx.wanted_by(p.fact) {
            if ctx.wants(p.fact, subscription) {
                let service = ctx.subscriptions[subscription as usize].service;
                let instance = ctx.services[service as usize].instances.start;
                ctx.store(p.fact, subscription);
                ctx.deliver(p.fact, subscription, instance, 0, 0);
            }
        }
    }
}

const DOWN: u32 = u32::MAX;
const UP: u32 = u32::MAX - 1;

impl<O: Observer> BrokerEngine<O> for Scripted {
    fn start(&mut self, ctx: &mut Ctx<O>) {
        if let Some((from, until)) = self.outage {
            ctx.timer(SimDuration::from_ms(from), DOWN);
            ctx.timer(SimDuration::from_ms(until), UP);
        }
    }

    fn node_of(&self, _: u32) -> Option<u32> {
        (!self.down).then_some(0)
    }

    fn accept(&mut self, ctx: &mut Ctx<O>, p: &Publication) -> Accept {
        match self.answers.pop_front().unwrap_or(Answer::Yes) {
            Answer::Yes => {
                self.take(ctx, p);
                Accept::After(SimDuration::ZERO)
            }
            Answer::NotNow => Accept::NotNow,
            Answer::Refused => Accept::Refused(Fate::Rejected),
            Answer::Later(ms, ok) => {
                self.take(ctx, p);
                self.owed.push((p.record, ok));
                ctx.timer(SimDuration::from_ms(ms), self.owed.len() as u32 - 1);
                Accept::Later
            }
        }
    }

    fn timer(&mut self, ctx: &mut Ctx<O>, token: u32) {
        match token {
            DOWN => self.down = true,
            UP => self.down = false,
            at => {
                let (record, ok) = self.owed[at as usize];
                ctx.reply(record, ok);
            }
        }
    }

    fn done(&mut self, ctx: &mut Ctx<O>, slot: u32, _: Outcome) {
        let d = *ctx.deliveries.get(slot);
        ctx.unstore(d.fact, d.subscription, Fate::Exhausted);
    }

    fn at_rest(&self) -> bool {
        true
    }
}

const BUS: BrokerId = BrokerId(1);

/// A broker that is neither ideal nor limited: 1 ms to publish, at once to deliver.
fn broker() -> Broker {
    let pause: Backoff = "3ms fixed".parse().expect("valid");
    let mut b = Broker::ideal("bus2", fixed(0));
    b.engine = EngineSpec::FanOut(FanOutSpec {
        buffer: u64::MAX,
        soft_buffer: None,
        soft_time: SimDuration::ZERO,
    });
    b.publish = fixed(1);
    b.reconnect = pause.clone();
    b.producer = ProducerSpec {
        acks: Acks::Leader,
        idempotent: false,
        batch: 0,
        linger: SimDuration::ZERO,
        buffer: u64::MAX,
        max_block: SimDuration::from_ms(8),
        request_timeout: SimDuration::from_secs(30),
        delivery_timeout: SimDuration::from_secs(120),
        backoff: pause,
    };
    b
}

/// Service 0 has `sources` and `handlers`; service 1 hears event `heard` through the broker.
fn world(ms: u64, from: Service, heard: u32, broker: Broker) -> Blueprint {
    let mut hears = handler(on(heard), vec![work(0)]);
    hears.consume = Consume::plain(BUS);
    let mut b = blueprint(ms, heard as usize + 1, vec![from, service("sink", vec![hears])]);
    b.brokers.push(broker);
    b
}

/// Service 0 emits event 0 every `ms` in this mode.
fn emits(ms: u64, mode: PublishMode) -> Service {
    let mut s = source(ms);
    s.sources[0].publish = Publish { to: BUS, mode };
    s
}

fn at_rate(text: &str, mode: PublishMode) -> Service {
    let mut s = emits(1, mode);
    s.sources[0].rate = Rate::parse(text, &mut |_| Err(String::new())).expect("valid");
    s
}

/// What happens, line by line.
fn lines(b: &Blueprint, engine: Scripted) -> Vec<String> {
    let mut world = World::new(b, &Streams::new(1, 0), Log::default());
    world.engines[1] = Box::new(engine);
    let limits = Limits { events: 10_000_000, events_per_instant: 10_000 };
    let mut engine = Engine::new(world, limits, World::start);
    engine.run_until::<false>(b.phases.traffic_end());
    assert_eq!(engine.run_until::<true>(SimTime::MAX), Stop::Rest);
    // What nobody waits for any more arrives too, and then nothing is left.
    engine.run_until::<false>(b.phases.traffic_end() + SimDuration::from_secs(1000));
    let world = engine.into_model();
    assert_eq!((world.book.facts.len(), world.records.len()), (0, 0));
    world.observer.0
}

fn story(b: &Blueprint, engine: Scripted) -> String {
    lines(b, engine).join("\n")
}

fn count(lines: &[String], what: &str) -> usize {
    lines.iter().filter(|l| l.contains(what)).count()
}

/// The numbers after `word` in lines that have it.
fn numbers(lines: &[String], word: &str) -> Vec<f64> {
    let after = |l: &String| l.split_once(word).map(|(_, rest)| rest.to_owned());
    let number = |rest: String| rest.split([',', ' ']).next().and_then(|n| n.parse().ok());
    lines.iter().filter_map(after).filter_map(number).collect()
}

fn mean(all: &[f64]) -> f64 {
    all.iter().sum::<f64>() / all.len() as f64
}

#[test]
fn nobody_waits_for_an_asynchronous_publish_and_the_worker_for_a_synchronous_one() {
    let shop = |mode| {
        let emit = Step::Emit(Emit::All(vec![Emission { event: EventTypeId(1), count: 1 }]));
        let mut relay = handler(on(0), vec![work(2), emit]);
        relay.publish = Publish { to: BUS, mode };
        let mut s = source(10);
        s.handlers = vec![relay];
        world(15, s, 1, broker())
    };
    insta::assert_snapshot!(story(&shop(PublishMode::Async), Scripted::default()), @r"
    10 s0 emits
    11 s0 starts
    13 s0 done: wait 0, work 2, draw 0
    13 applied 0: [0.0, 1.0, 0.0, 0.0, 2.0, 0.0]
    13 converged
    14 s1 starts
    14 s1 done: wait 0, work 0, draw 0
    14 applied 1: [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    14 converged
    ");
    insta::assert_snapshot!(story(&shop(PublishMode::Sync), Scripted::default()), @r"
    10 s0 emits
    11 s0 starts
    14 s1 starts
    14 s1 done: wait 0, work 0, draw 0
    14 applied 1: [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    14 converged
    15 s0 done: wait 0, work 4, draw 0
    15 applied 0: [0.0, 1.0, 0.0, 0.0, 4.0, 0.0]
    15 converged
    ");
    let refused = || Scripted::saying(&[Answer::Refused]);
    insta::assert_snapshot!(story(&shop(PublishMode::Sync), refused()), @r"
    10 s0 emits
    11 s0 starts
    1 was Pending and is Rejected
    15 s0 done: wait 0, work 4, draw 0, in vain
    0 was Leased and is Exhausted
    ");
    insta::assert_snapshot!(story(&shop(PublishMode::Async), refused()), @r"
    10 s0 emits
    11 s0 starts
    13 s0 done: wait 0, work 2, draw 0
    13 applied 0: [0.0, 1.0, 0.0, 0.0, 2.0, 0.0]
    13 converged
    1 was Pending and is Rejected
    ");
}

#[test]
fn a_batch_leaves_when_it_is_full_or_has_waited() {
    let mut b = world(39, emits(10, PublishMode::Async), 0, broker());
    let p = &mut b.brokers[1].producer;
    (p.batch, p.linger) = (2048, SimDuration::from_ms(15));
    insta::assert_snapshot!(story(&b, Scripted::default()), @r"
    10 s0 emits
    20 s0 emits
    21 s1 starts
    21 s1 done: wait 0, work 0, draw 0
    21 applied 0: [1.0, 0.0, 0.0, 0.0, 0.0, 0.0], outbox 0, batch 10
    21 converged
    21 s1 starts
    21 s1 done: wait 0, work 0, draw 0
    21 applied 0: [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    21 converged
    30 s0 emits
    46 s1 starts
    46 s1 done: wait 0, work 0, draw 0
    46 applied 0: [1.0, 0.0, 0.0, 0.0, 0.0, 0.0], outbox 0, batch 15
    46 converged
    ");
}

#[test]
fn the_wait_in_a_batch_is_that_of_renewal_reward() {
    let (rate, linger, full) = (2.0_f64, 5.0_f64, 8_u32);
    let mut b = world(10_000_000, at_rate("2/s", PublishMode::Async), 0, broker());
    let p = &mut b.brokers[1].producer;
    (p.batch, p.linger) = (u64::from(full) * 1024, SimDuration::from_secs(5));
    let found = lines(&b, Scripted::default());
    // A batch of n + 1 messages so far sees the n-th arrival after its first in a Poisson stream.
    let poisson = |k: u32| {
        let mean = rate * linger;
        (1..=k).fold(libm::exp(-mean), |p, i| p * mean / f64::from(i))
    };
    let (mut waited, mut size) = (0.0, 1.0);
    for n in 0..full - 1 {
        let beyond = 1.0 - (0..=n).map(poisson).sum::<f64>();
        waited += f64::from(n + 1) * beyond / rate;
        size += beyond;
    }
    let expected = 1000.0 * waited / size;
    // 20 000 messages in 2 600 batches, whose means have a standard deviation of about 0.5 s.
    let waited: f64 = numbers(&found, "batch ").iter().sum();
    let found = waited / count(&found, "applied 0:") as f64;
    assert!((found - expected).abs() < 4.0 * 500.0 / libm::sqrt(2600.0), "{found} {expected}");
}

#[test]
fn a_polled_outbox_adds_a_uniform_wait() {
    let poll = SimDuration::from_secs(1);
    let from = at_rate("2/s", PublishMode::OutboxPoll(poll));
    let mut b = world(5_000_000, from, 0, broker());
    b.services[0].write = fixed(0);
    b.network.same_zone = fixed(0);
    b.brokers[1].publish = fixed(0);
    let waits = numbers(&lines(&b, Scripted::default()), "outbox ");
    let n = waits.len() as f64;
    assert!(n > 9_500.0);
    let half = mean(&waits);
    assert!((half - 500.0).abs() < 4.0 * 289.0 / libm::sqrt(n), "{half}");
    let late = waits.iter().filter(|w| **w > 900.0).count() as f64 / n;
    assert!((late - 0.1).abs() < 4.0 * libm::sqrt(0.1 * 0.9 / n), "{late}");
    assert!(waits.iter().all(|w| *w <= 1000.0));
}

#[test]
fn a_relay_asks_again_so_long_after_the_end_of_its_round() {
    // Rounds at 10 with the row of 7, confirmed at 12, marked at 14, and so at 24 and at 38.
    let from = emits(7, PublishMode::OutboxPoll(SimDuration::from_ms(10)));
    let b = world(36, from, 0, broker());
    insta::assert_snapshot!(story(&b, Scripted::default()), @r"
    7 s0 emits
    11 s1 starts
    11 s1 done: wait 0, work 0, draw 0
    11 applied 0: [1.0, 0.0, 0.0, 0.0, 0.0, 0.0], outbox 3, batch 0
    11 converged
    14 s0 emits
    21 s0 emits
    25 s1 starts
    25 s1 done: wait 0, work 0, draw 0
    25 applied 0: [1.0, 0.0, 0.0, 0.0, 0.0, 0.0], outbox 10, batch 0
    25 converged
    25 s1 starts
    25 s1 done: wait 0, work 0, draw 0
    25 applied 0: [1.0, 0.0, 0.0, 0.0, 0.0, 0.0], outbox 3, batch 0
    25 converged
    28 s0 emits
    35 s0 emits
    39 s1 starts
    39 s1 done: wait 0, work 0, draw 0
    39 applied 0: [1.0, 0.0, 0.0, 0.0, 0.0, 0.0], outbox 10, batch 0
    39 converged
    39 s1 starts
    39 s1 done: wait 0, work 0, draw 0
    39 applied 0: [1.0, 0.0, 0.0, 0.0, 0.0, 0.0], outbox 3, batch 0
    39 converged
    ");
}

#[test]
fn a_relay_with_a_full_round_asks_again_at_once() {
    let mut from = emits(10, PublishMode::OutboxPoll(SimDuration::from_ms(50)));
    from.sources[0].burst = "230".parse().expect("valid");
    let b = world(15, from, 0, broker());
    let waits = numbers(&lines(&b, Scripted::default()), "outbox ");
    // Each round takes 1 ms there, 1 ms back and 2 ms to mark.
    let expected = [(100, 40.0), (100, 44.0), (30, 48.0)];
    let expected = expected.into_iter().flat_map(|(n, at)| vec![at; n]).collect::<Vec<_>>();
    assert_eq!(waits, expected);
}

#[test]
fn the_log_of_a_database_is_read_in_the_order_of_its_commits() {
    let b = world(1_000_000, at_rate("10/s", PublishMode::OutboxCdc), 0, broker());
    let mut waits = numbers(&lines(&b, Scripted::default()), "outbox ");
    waits.sort_by(f64::total_cmp);
    let n = waits.len();
    // The order lifts the median a little above the 60 ms of one row by itself; a standard error
    // of the median of 10 000 is below 0.4 ms.
    let median = waits[n / 2];
    assert!(n > 9_500 && median > 58.5 && median < 68.0, "{median}");
}

/// Where the handler of the crash table publishes.
#[derive(Clone, Copy, Debug)]
enum Place {
    AfterCommit,
    BeforeCommit,
}

#[test]
fn a_crash_between_commit_and_publish_loses_or_invents_unless_there_is_an_outbox() {
    use Place::{AfterCommit, BeforeCommit};
    let poll = PublishMode::OutboxPoll(SimDuration::from_ms(50));
    // The request is in work from 11 on. After the commit at 13 come 4 ms of work and the emit at
    // 17; before it the emit at 11 and the same work. Facts applied, lost, phantoms.
    let table = [
        (PublishMode::Async, AfterCommit, 12, (0, 0, 0)),
        (PublishMode::Async, AfterCommit, 15, (0, 1, 0)),
        (PublishMode::Async, AfterCommit, 18, (1, 0, 0)),
        (PublishMode::Sync, AfterCommit, 15, (0, 1, 0)),
        (PublishMode::Sync, AfterCommit, 18, (1, 0, 0)),
        (PublishMode::Fire, AfterCommit, 15, (0, 1, 0)),
        (PublishMode::Async, BeforeCommit, 13, (1, 0, 1)),
        (PublishMode::Sync, BeforeCommit, 12, (1, 0, 1)),
        (PublishMode::Async, BeforeCommit, 25, (1, 0, 0)),
        (poll, AfterCommit, 12, (0, 0, 0)),
        (poll, AfterCommit, 15, (1, 0, 0)),
        (poll, AfterCommit, 18, (1, 0, 0)),
        (poll, BeforeCommit, 13, (0, 0, 0)),
        (poll, BeforeCommit, 25, (1, 0, 0)),
        (PublishMode::OutboxCdc, AfterCommit, 12, (0, 0, 0)),
        (PublishMode::OutboxCdc, AfterCommit, 15, (1, 0, 0)),
        (PublishMode::OutboxCdc, BeforeCommit, 13, (0, 0, 0)),
    ];
    for (mode, place, crash_at, expected) in table {
        let emit = Step::Emit(Emit::All(vec![Emission { event: EventTypeId(0), count: 1 }]));
        let write = Step::Write(EntityId(0));
        let steps = match place {
            AfterCommit => vec![write, work(4), emit],
            BeforeCommit => vec![emit, work(4), write],
        };
        let mut place_order = handler(Trigger::Api("place".to_owned()), steps);
        place_order.publish = Publish { to: BUS, mode };
        let mut b = world(15, service("shop", vec![place_order]), 0, broker());
        b.clients = vec![client(Operation { service: ServiceId(0), handler: 0 }, 10, 500, 1)];
        b.failures = vec![crash(0, crash_at, 10)];
        let lines = lines(&b, Scripted::default());
        let found =
            (count(&lines, "applied 0:"), count(&lines, "never hears"), count(&lines, "phantom"));
        assert_eq!(found, expected, "{mode:?} {place:?} {crash_at}: {lines:#?}");
    }
}

#[test]
fn a_crash_takes_what_is_buffered_and_what_waits_for_another_attempt() {
    // A batch of 10 and 20 that would leave at 60, and the event of 30 that was refused at 31.
    let mut b = world(35, emits(10, PublishMode::Async), 0, broker());
    b.failures = vec![crash(0, 32, 50)];
    let p = &mut b.brokers[1].producer;
    (p.batch, p.linger) = (1 << 20, SimDuration::from_ms(50));
    let lost = lines(&b, Scripted::default());
    assert_eq!(count(&lost, "was Pending and is LostCrash"), 3);
    b.brokers[1].producer.batch = 0;
    b.brokers[1].producer.backoff = "10ms fixed".parse().expect("valid");
    for idempotent in [false, true] {
        b.brokers[1].producer.idempotent = idempotent;
        let answers = [Answer::Yes, Answer::Yes, Answer::NotNow];
        let lost = lines(&b, Scripted::saying(&answers));
        assert_eq!(count(&lost, "was Pending and is LostCrash"), 1, "{lost:#?}");
        assert_eq!(count(&lost, "applied 0:"), 2);
    }
    // What is on its way arrives.
    b.brokers[1].publish = fixed(5);
    let arrives = lines(&b, Scripted::default());
    assert_eq!(count(&arrives, "applied 0:"), 3);
}

#[test]
fn a_publish_that_fails_is_repeated_until_its_time_is_over() {
    for (fails, idempotent, applied) in [(0, false, 1), (2, false, 1), (3, false, 0), (3, true, 0)]
    {
        let mut b = world(15, emits(10, PublishMode::Async), 0, broker());
        b.brokers[1].producer.idempotent = idempotent;
        b.brokers[1].producer.delivery_timeout = SimDuration::from_ms(12);
        // Attempts arrive at 11 and then every 1 + 1 + 3 ms; the third is at 21, its time over at
        // 22.
        let found = lines(&b, Scripted::saying(&vec![Answer::NotNow; fails]));
        assert_eq!(count(&found, "applied 0:"), applied, "{fails}: {found:#?}");
        assert_eq!(count(&found, "is Rejected"), 1 - applied);
        let fire = Scripted::saying(&vec![Answer::NotNow; fails]);
        b.services[0].sources[0].publish.mode = PublishMode::Fire;
        let found = lines(&b, fire);
        assert_eq!(count(&found, "is LostPublish"), usize::from(fails > 0));
    }
}

#[test]
fn a_lost_answer_makes_a_duplicate_unless_the_client_is_idempotent() {
    for answer in [Answer::Later(4, false), Answer::Later(200, true)] {
        for idempotent in [false, true] {
            let mut b = world(15, emits(10, PublishMode::Async), 0, broker());
            b.brokers[1].producer.idempotent = idempotent;
            b.brokers[1].producer.request_timeout = SimDuration::from_ms(30);
            let engine = Scripted { idempotent, ..Scripted::saying(&[answer]) };
            let found = lines(&b, engine);
            assert_eq!(count(&found, "applied 0:"), 1);
            assert_eq!(count(&found, "again"), usize::from(!idempotent), "{answer:?}");
        }
    }
}

#[test]
fn what_is_repeated_is_overtaken_unless_the_client_is_idempotent() {
    for idempotent in [false, true] {
        let mut b = world(25, emits(10, PublishMode::Async), 0, broker());
        b.brokers[1].producer.idempotent = idempotent;
        b.brokers[1].producer.backoff = "15ms fixed".parse().expect("valid");
        let found = lines(&b, Scripted::saying(&[Answer::NotNow]));
        // Lags: the first is refused at 11, comes again at 27 and arrives at 28; the second, of 20,
        // passes it at 21, or goes with it.
        let applied: Vec<&str> =
            found.iter().filter_map(|l| l.split_once(" applied 0:")).map(|(at, _)| at).collect();
        let expected = if idempotent { ["28", "28"] } else { ["21", "28"] };
        assert_eq!(applied, expected);
    }
}

#[test]
fn a_client_without_a_node_sends_everything_in_its_order_once_it_is_back() {
    let mut b = world(55, emits(10, PublishMode::Async), 0, broker());
    b.brokers[1].reconnect = "20ms fixed".parse().expect("valid");
    let engine = || Scripted { outage: Some((15, 40)), ..Scripted::default() };
    // Refused at 21, known at 22, tried at 42 with those of 30 and 40.
    let found = lines(&b, engine());
    let applied: Vec<&str> =
        found.iter().filter_map(|l| l.split_once(" applied 0:")).map(|(at, _)| at).collect();
    assert_eq!(applied, ["11", "43", "43", "43", "51"], "{found:#?}");
    b.services[0].sources[0].publish.mode = PublishMode::Fire;
    assert_eq!(count(&lines(&b, engine()), "is LostPublish"), 2);
}

#[test]
fn a_full_buffer_blocks_and_fails_in_the_end() {
    for (answered_after, applied, rejected) in [(14, 3, 0), (40, 1, 2)] {
        let mut b = world(35, emits(10, PublishMode::Async), 0, broker());
        b.brokers[1].producer.buffer = 1024;
        // The first is answered at 11 + x: the second goes on at 25, or has given up at 28.
        let found = lines(&b, Scripted::saying(&[Answer::Later(answered_after, true)]));
        assert_eq!(count(&found, "applied 0:"), applied, "{found:#?}");
        assert_eq!(count(&found, "is Rejected"), rejected);
    }
}

#[test]
fn a_worker_waits_for_room_in_the_buffer() {
    let emit = Step::Emit(Emit::All(vec![Emission { event: EventTypeId(1), count: 2 }]));
    let mut relay = handler(on(0), vec![emit]);
    relay.publish = Publish { to: BUS, mode: PublishMode::Async };
    let mut s = source(10);
    s.handlers = vec![relay];
    let mut b = world(15, s, 1, broker());
    b.brokers[1].producer.buffer = 1024;
    for (answered_after, told) in
        [(4, "s0 done: wait 0, work 5, draw 0"), (40, "0 was Leased and is Exhausted")]
    {
        let found = lines(&b, Scripted::saying(&[Answer::Later(answered_after, true)]));
        assert_eq!(count(&found, told), 1, "{found:#?}");
    }
}

#[test]
fn a_quota_spreads_what_a_client_sends() {
    let mut b = world(15, emits(10, PublishMode::Async), 0, broker());
    b.services[0].sources[0].burst = "3".parse().expect("valid");
    b.brokers[1].quota = Capacity { messages_per_s: 100.0, bytes_per_s: 0.0 };
    let found = lines(&b, Scripted::default());
    let applied: Vec<&str> =
        found.iter().filter_map(|l| l.split_once(" applied 0:")).map(|(at, _)| at).collect();
    assert_eq!(applied, ["11", "21", "31"]);
    // A crash takes what has not left.
    b.failures = vec![crash(0, 25, 10)];
    assert_eq!(count(&lines(&b, Scripted::default()), "is LostCrash"), 1);
}

#[test]
fn a_batch_is_served_as_one() {
    let mut b = world(15, emits(10, PublishMode::Async), 0, broker());
    b.services[0].sources[0].burst = "3".parse().expect("valid");
    b.brokers[1].per_shard = Capacity { messages_per_s: 1000.0, bytes_per_s: 0.0 };
    for (batch, expected) in [(0, ["12", "13", "14"]), (3072, ["14", "14", "14"])] {
        (b.brokers[1].producer.batch, b.brokers[1].producer.linger) =
            (batch, SimDuration::from_ms(100));
        let found = lines(&b, Scripted::default());
        let applied: Vec<&str> =
            found.iter().filter_map(|l| l.split_once(" applied 0:")).map(|(at, _)| at).collect();
        assert_eq!(applied, expected);
    }
    // A shard that takes longer than a client waits is given the same again, and serves both.
    b.brokers[1].producer.batch = 0;
    b.brokers[1].producer.request_timeout = SimDuration::from_ns(3_500_000);
    assert_eq!(count(&lines(&b, Scripted::default()), "again"), 1);
}

#[test]
fn a_polling_relay_that_dies_before_it_marks_publishes_its_round_again() {
    // Rows of 3, 6 and 9; published at 10, confirmed at 12, marked at 14.
    let poll = PublishMode::OutboxPoll(SimDuration::from_ms(10));
    let mut b = world(12, emits(3, poll), 0, broker());
    for (at, again) in [(9, 0), (13, 3), (15, 0)] {
        b.failures = vec![crash(0, at, 10)];
        let found = lines(&b, Scripted::default());
        let emitted = count(&found, "emits") - count(&found, "down and");
        assert_eq!(count(&found, "applied 0:"), emitted, "{at}: {found:#?}");
        assert_eq!(count(&found, "again"), again, "{at}: {found:#?}");
    }
}

#[test]
fn a_relay_that_tails_the_log_goes_back_to_what_it_wrote_down() {
    let mut b = world(130_000, emits(1000, PublishMode::OutboxCdc), 0, broker());
    b.failures = vec![Failure { target: Target::Relay(ServiceId(0)), ..crash(0, 100_500, 2000) }];
    let found = lines(&b, Scripted::default());
    assert_eq!(count(&found, "applied 0:"), 129);
    // Its position of 60 s is behind row 59; rows 60 to 100 had been published.
    assert_eq!(count(&found, "again"), 41);
}

#[test]
fn a_fact_may_be_older_than_its_arrival() {
    for mode in [PublishMode::Async, PublishMode::Sync] {
        let mut b = world(25, emits(10, mode), 0, broker());
        b.services[0].sources[0].late = Some(fixed(15));
        // The first is as old as the run.
        let found = lines(&b, Scripted::default());
        assert_eq!(count(&found, "applied 0: [11.0, 0.0,"), 1, "{found:#?}");
        assert_eq!(count(&found, "applied 0: [16.0, 0.0,"), 1, "{found:#?}");
    }
}
