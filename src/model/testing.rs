//! Small worlds for tests: builders of blueprints, and an observer that writes down what it hears.

pub(crate) use super::*;
pub(crate) use crate::engine::{Engine, Limits, Stop};
pub(crate) use crate::random::{Backoff, Burst, Rate, Streams, Variate};
pub(crate) use crate::units::{Probability, SimDuration, SimTime};

/// Writes down what it hears, with times in ms, and how much waits in each lane of a broker.
#[derive(Debug, Default)]
pub(crate) struct Log(pub(crate) Vec<String>, pub(crate) Vec<u64>);

impl Log {
    fn say(&mut self, now: SimTime, what: impl std::fmt::Display) {
        self.0.push(format!("{} {what}", now.ns() as f64 / 1e6));
    }
}

impl Observer for Log {
    fn emitted(&mut self, service: u32, now: SimTime, _: u64) {
        self.say(now, format!("s{service} emits"));
    }
    fn not_emitted(&mut self, service: u32) {
        self.0.push(format!("s{service} is down and emits nothing"));
    }
    fn committed(&mut self, _: u32, _: SimTime) {}
    fn fact(&mut self, _: u32, _: SimTime) {}
    fn arrived(&mut self, _: u32, _: SimTime, _: u64, _: u32, _: SimTime) {}
    fn queued(&mut self, service: u32, now: SimTime) {
        self.say(now, format!("s{service} queues"));
    }
    fn unqueued(&mut self, _: u32, _: SimTime) {}
    fn started(&mut self, service: u32, now: SimTime, _: Option<u32>, _: bool) {
        self.say(now, format!("s{service} starts"));
    }
    fn rides(&mut self, _: u32, _: SimTime, _: bool) {}
    fn released(&mut self, _: u32, _: SimTime) {}
    fn interrupted(&mut self, _: u32) {}
    fn failed(&mut self, _: u32) {}
    fn left(&mut self, service: u32, now: SimTime, _: u64, attempt: u32, v: &Visit) {
        let (wait, work) = (v.wait as f64 / 1e6, v.service as f64 / 1e6);
        let good = if v.good { "" } else { ", in vain" };
        self.say(now, format!("s{service} done: wait {wait}, work {work}, draw {attempt}{good}"));
    }
    fn cut_off(&mut self, service: u32, now: SimTime, _: u64, _: u32, _: SimTime) {
        self.say(now, format!("s{service} cuts off"));
    }
    fn applied(&mut self, subscription: u32, now: SimTime, commit: SimTime, s: &Segments, _: bool) {
        let ms = |ns: u64| ns as f64 / 1e6;
        assert_eq!(s.total(), now.since(commit).ns());
        let parts = [s.publish, s.deliver, s.wait, s.retry, s.service, s.commit].map(ms);
        let before = match (ms(s.outbox), ms(s.batch)) {
            (0.0, 0.0) => String::new(),
            (outbox, batch) => format!(", outbox {outbox}, batch {batch}"),
        };
        self.say(now, format!("applied {subscription}: {parts:?}{before}"));
    }
    fn applied_version(&mut self, subscription: u32, now: SimTime, commit: SimTime, s: &Segments) {
        self.applied(subscription, now, commit, s, true);
    }
    fn visible(&mut self, subscription: u32, now: SimTime, commit: SimTime) {
        let lag = now.since(commit).ns() as f64 / 1e6;
        self.say(now, format!("visible {subscription} after {lag}"));
    }
    fn behind(&mut self, subscription: u32, now: SimTime, up: bool, _: bool) {
        let state = if up { "is behind" } else { "has caught up" };
        self.say(now, format!("{subscription} {state}"));
    }
    fn out_of_order(&mut self, subscription: u32) {
        self.0.push(format!("{subscription} gets an older version"));
    }
    fn harmed(&mut self, subscription: u32, entity: bool) {
        let first = if entity { " first" } else { "" };
        self.0.push(format!("{subscription} is harmed{first}"));
    }
    fn recognised(&mut self, service: u32) {
        self.0.push(format!("s{service} has done that already"));
    }
    fn opened(&mut self, _: u32, _: SimTime) {}
    fn backfilled(&mut self, subscription: u32) {
        self.0.push(format!("{subscription} is given an old one"));
    }
    fn moved(&mut self, subscription: u32, from: Fate, to: Fate) {
        if !to.is_open() && to != Fate::Applied {
            self.0.push(format!("{subscription} was {from:?} and is {to:?}"));
        }
    }
    fn delivered(&mut self, _: u32, _: bool) {}
    fn filtered(&mut self, subscription: u32) {
        self.0.push(format!("{subscription} does not want it"));
    }
    fn unroutable(&mut self, event: u32) {
        self.0.push(format!("nobody wants {event}"));
    }
    fn stored(&mut self, lane: u32, _: SimTime, up: bool) {
        let lane = lane as usize;
        if lane >= self.1.len() {
            self.1.resize(lane + 1, 0);
        }
        self.1[lane] = self.1[lane].checked_add_signed(if up { 1 } else { -1 }).expect("it waits");
    }
    fn resurrected(&mut self, subscription: u32) {
        self.0.push(format!("{subscription} is resurrected"));
    }
    fn applied_again(&mut self, subscription: u32) {
        self.0.push(format!("applied {subscription} again"));
    }
    fn exhausted(&mut self, subscription: u32) {
        self.0.push(format!("{subscription} gives up"));
    }
    fn phantom(&mut self, event: u32) {
        self.0.push(format!("{event} is a phantom"));
    }
    fn lost(&mut self, subscription: u32, _: SimTime) {
        self.0.push(format!("{subscription} never hears of it"));
    }
    fn converged(&mut self, _: u32, now: SimTime, _: SimTime) {
        self.say(now, "converged".to_owned());
    }
    fn requested(&mut self, client: u32, now: SimTime, _: u64) {
        self.say(now, format!("c{client} asks"));
    }
    fn answered(&mut self, client: u32, now: SimTime, _: u64, intended: SimTime, ok: bool) {
        let took = now.since(intended).ns() as f64 / 1e6;
        let outcome = if ok { "is answered" } else { "fails" };
        self.say(now, format!("c{client} {outcome} after {took}"));
    }
    fn guarded(&mut self, asker: Asker, service: u32, now: SimTime, what: Guarded) {
        let asker = match asker {
            Asker::Client(client) => format!("c{client}"),
            Asker::Service(service) => format!("s{service}"),
        };
        self.say(now, format!("{asker} to s{service}: {what:?}"));
    }
}

pub(crate) fn fixed(ms: u64) -> Variate {
    Variate::constant(SimDuration::from_ms(ms))
}

pub(crate) fn work(ms: u64) -> Step {
    Step::Work(fixed(ms))
}

pub(crate) fn handler(trigger: Trigger, steps: Vec<Step>) -> Handler {
    let backoff: Backoff = "1ms fixed".parse().expect("valid");
    let retry = Retry { attempts: 1, backoff, budget: None };
    Handler {
        trigger,
        steps,
        fails: Probability::ZERO,
        attempts: 1,
        backoff: retry.backoff.clone(),
        timeout: SimDuration::from_secs(1),
        retry,
        guards: Guards::default(),
        blocking: true,
        limit: None,
        publish: Publish::plain(BrokerId(0)),
        consume: Consume::plain(BrokerId(0)),
    }
}

pub(crate) fn service(name: &str, handlers: Vec<Handler>) -> Service {
    Service {
        name: name.to_owned(),
        instances: 1,
        autoscale: None,
        workers: 1,
        zone: None,
        start: SimDuration::from_ms(5),
        balance: Balance::RoundRobin,
        write: fixed(2),
        read: fixed(1),
        connections: None,
        memory: Memory::NONE,
        static_id: false,
        backlog: Backlog::default(),
        patience: None,
        cores: None,
        sources: Vec::new(),
        handlers,
    }
}

/// A service that emits event 0 every `ms`.
pub(crate) fn source(ms: u64) -> Service {
    let rate = Rate::parse(&format!("every {ms}ms"), &mut |_| Err(String::new())).expect("valid");
    let source = Source {
        event: EventTypeId(0),
        rate,
        burst: Burst::ONE,
        late: None,
        publish: Publish::plain(BrokerId(0)),
    };
    Service { sources: vec![source], ..service("source", Vec::new()) }
}

pub(crate) fn client(calls: Operation, every_ms: u64, timeout_ms: u64, attempts: u32) -> Client {
    let text = format!("every {every_ms}ms");
    let rate = Rate::parse(&text, &mut |_| Err(String::new())).expect("valid");
    let backoff: Backoff = "3ms fixed".parse().expect("valid");
    Client {
        name: "web".to_owned(),
        calls,
        load: Load::Open(rate),
        timeout: SimDuration::from_ms(timeout_ms),
        retry: Retry { attempts, backoff, budget: None },
        guards: Guards::default(),
        zone: ZoneId(0),
        slo: None,
    }
}

pub(crate) fn blueprint(ms: u64, events: usize, services: Vec<Service>) -> Blueprint {
    Blueprint {
        phases: PhasePlan {
            warmup: SimDuration::ZERO,
            duration: SimDuration::from_ms(ms),
            drain: SimDuration::from_secs(1),
        },
        max_events: 10_000,
        zones: vec![Zone { name: "a".to_owned(), region: String::new() }],
        network: Network { same_zone: fixed(1), other_zone: fixed(2), other_region: fixed(40) },
        entities: vec![Entity::new("order")],
        events: (0..events).map(|e| EventType::new(&format!("E{e}"))).collect(),
        brokers: vec![Broker::ideal("bus", fixed(1))],
        services,
        clients: Vec::new(),
        failures: Vec::new(),
        sets: Vec::new(),
    }
}

pub(crate) fn crash(service: u32, at_ms: u64, for_ms: u64) -> Failure {
    Failure {
        name: "crash".to_owned(),
        verb: Verb::Crash,
        target: Target::Instances { service: ServiceId(service), instances: vec![0] },
        trigger: FailureTrigger::At(SimTime::ZERO + SimDuration::from_ms(at_ms)),
        lasts: Some(SimDuration::from_ms(for_ms)),
    }
}

/// The history of a blueprint until it is at rest.
pub(crate) fn history(blueprint: &Blueprint) -> String {
    let world = World::new(blueprint, &Streams::new(1, 0), Log::default());
    let limits = Limits { events: 10_000, events_per_instant: 1_000 };
    let mut engine = Engine::new(world, limits, World::start);
    engine.run_until::<false>(blueprint.phases.traffic_end());
    assert_eq!(engine.run_until::<true>(SimTime::MAX), Stop::Rest);
    engine.into_model().observer.0.join("\n")
}

pub(crate) fn on(event: u32) -> Trigger {
    Trigger::On(vec![EventTypeId(event)])
}

/// A log with one copy of each partition, in which nothing takes time.
pub(crate) fn plain_log(partitions: u32) -> Broker {
    let engine = EngineSpec::Log(LogSpec {
        partitions,
        replicas: 1,
        min_isr: 1,
        replication: fixed(0),
        unclean: false,
        replica_lag: SimDuration::MAX,
        detection: SimDuration::ZERO,
        election: SimDuration::ZERO,
        retention: None,
        retain: None,
        compaction: false,
        reset: Reset::Latest,
        rebalance: Rebalance::Eager,
        session_timeout: SimDuration::MAX,
        max_poll_interval: SimDuration::MAX,
        heartbeat: SimDuration::MAX,
        max_poll_records: 500,
        long_poll: SimDuration::ZERO,
    });
    Broker { engine, ..Broker::ideal("log", fixed(1)) }
}

/// Asserts that what brokers count as waiting is what they have told of.
pub(crate) fn assert_told(w: &World<Log>) {
    let ends = w.groups.iter().skip(1).map(|next| next.lane as usize).chain([usize::MAX]);
    for ((at, group), end) in w.groups.iter().enumerate().zip(ends) {
        let lanes = w.observer.1.iter().take(end).skip(group.lane as usize);
        let waiting = w.engines[group.broker as usize].waiting(&w.book, at as u32);
        assert_eq!(waiting, lanes.sum::<u64>(), "group {at}");
    }
}

/// Asserts that nothing is left of any failure or of any work.
pub(crate) fn assert_healthy(w: &World<Log>) {
    for (at, i) in w.instances.iter().enumerate() {
        let order = w.services[i.service as usize].order;
        let (takes, stops) = if i.absent { (super::tables::Takes::Nothing, 1) } else { (order, 0) };
        assert!(i.up != i.absent && !i.draining && i.takes == takes, "{i:?}");
        let shares = w.cores.get(at).is_some_and(Option::is_some);
        assert!(i.slow == 1.0 || shares && i.slow.is_nan(), "{i:?}");
        assert!(i.crashes + i.pauses + i.busy + i.coming == 0 && i.stops == stops, "{i:?}");
        assert!(i.inbox.is_empty(), "{i:?}");
    }
    for s in &w.services {
        assert_eq!(s.up, s.size);
        assert!(s.backlog.is_empty() && s.held == 0 && s.deaf == 0);
        assert!(s.store.as_ref().is_none_or(super::store::Store::is_idle));
    }
    let left = [w.jobs.len(), w.calls.len(), w.deliveries.len(), w.records.len()];
    assert_eq!((left, w.running), ([0; 4], 0));
    // What may be read again is kept.
    let again = w
        .failures
        .iter()
        .any(|f| matches!(f.verb, super::Verb::Replay(_) | super::Verb::Bug(Some(_))));
    assert!(again || w.book.facts.len() == 0, "{} facts", w.book.facts.len());
    assert!(w.lines.is_empty() && w.away.is_empty());
    assert!(w.cores.iter().flatten().all(|cores| cores.is_idle()), "{:?}", w.cores);
    assert!(w.guarding.is_idle(), "{:?}", w.guarding);
    assert!(w.strikes.iter().all(|n| *n == 0), "{:?}", w.strikes);
    assert!(w.trouble.is_over(), "{:?}", w.trouble);
    assert_told(w);
    assert!(w.observer.1.iter().all(|n| *n == 0), "{:?}", w.observer.1);
    assert!(w.book.identity.hot.is_empty());
    assert!(w.engines.iter().all(|e| e.at_rest()));
}
