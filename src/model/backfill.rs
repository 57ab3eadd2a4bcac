//! What is older than the run, for the subscriptions that ask for it.
//!
//! Such a fact is one of the book like any other, but that nobody publishes it: at the start its
//! copies are where live ones would have come to long ago. It is owed to nobody else.

use super::broker::{Publication, Ticket};
use super::observation::Observer;
use super::tables::{Fact, NONE};
use super::{Sched, World};
use crate::units::SimTime;

impl<O: Observer> World<O> {
    /// Gives all subscriptions the history that they ask for.
    pub(crate) fn backfill(&mut self, s: &mut Sched) {
        for event in 0..self.events.len() as u32 {
            for n in 0..self.events[event as usize].history {
                if let Some(fact) = self.old_fact(s.now(), event, n) {
                    self.hand_out(s, fact);
                }
            }
        }
    }

    /// The `n`th fact of an event type from before the run, if anybody wants it.
    fn old_fact(&mut self, now: SimTime, event: u32, n: u64) -> Option<u32> {
        let id = self.events[event as usize].history_id.wrapping_add(n);
        let mut wants = Vec::new();
        for subscription in self.book.heard[event as usize].clone() {
            if !self.subscriptions[subscription as usize].backfill {
                continue;
            }
            if self.passes(event, subscription, id) {
                wants.push(subscription);
            } else {
                self.observer.filtered(subscription);
            }
        }
        if wants.is_empty() {
            return None;
        }
        let (key, trace) = self.traces_back(event, id);
        let fact = self.book.facts.reserve(&Fact::BLANK);
        *self.book.facts.get_mut(fact) =
            Fact { id, key, event, ordinal: n, backfill: true, ..Fact::BLANK };
        self.book.allot(fact);
        for subscription in wants {
            self.book.open(&mut self.observer, fact, subscription);
        }
        self.follows(now, fact, trace);
        Some(fact)
    }

    /// The brokers of those who want an old fact have it.
    fn hand_out(&mut self, s: &mut Sched, fact: u32) {
        // A full queue may throw it out before the next broker has it.
        self.book.keep(fact);
        let Fact { id, key, event, ordinal, .. } = *self.book.facts.get(fact);
        let size = self.events[event as usize].size;
        for at in 0..self.events[event as usize].via.len() {
            let broker = self.events[event as usize].via[at];
            if self.engine_is_ideal(broker) {
                self.carry(s, fact, broker);
                continue;
            }
            let wanted = self.book.heard[event as usize].clone().any(|subscription| {
                let table = &self.subscriptions[subscription as usize];
                table.broker == broker && self.book.wants(fact, subscription)
            });
            if !wanted {
                continue;
            }
            let (engine, mut ctx) = self.at_broker(s, broker);
            let destination = engine.destination(event, id, key);
            engine.remember(
                &mut ctx,
                &Publication {
                    record: NONE,
                    fact,
                    destination,
                    size,
                    producer: NONE,
                    sequence: ordinal,
                    attempt: 0,
                    again: false,
                    ticket: Ticket::NONE,
                    skew: 0,
                },
            );
            self.replies(s);
        }
        self.book.let_go(fact);
    }
}

#[cfg(test)]
mod tests {
    use super::super::broker::script::count;
    use super::super::testing::*;
    use crate::scenario::testing::scenario;

    /// A source of nine facts, and two services that hear them; the first asks for more.
    fn world(preset: &str, more: &str, history: u64) -> Blueprint {
        let text = format!(
            "duration = \"1s\"\nwarmup = \"0s\"\n[broker.bus]\npreset = \"{preset}\"\n\
             deliver = \"1ms\"\n[service.shop]\nemits.E = \"every 100ms\"\n\
             [service.new]\non.E = {{ takes = \"2ms\", from = \"earliest\" }}\n\
             [service.old]\non.E = \"2ms\"\n[event.E]\nhistory = {history}\n{more}\n"
        );
        scenario(&text).variants.remove(0).blueprint
    }

    /// The lines of the service that asks for nothing.
    fn of_the_old(log: &str) -> Vec<&str> {
        let is = |l: &&str| l.contains(" s2 ") || l.contains("applied 1") || l.starts_with("1 is ");
        log.lines().filter(is).collect()
    }

    #[test]
    fn who_asks_for_it_gets_what_is_older_than_the_run() {
        let keyed = "key = \"user\"\n[entity.user]\ncount = 3";
        for preset in ["ideal", "kafka", "rabbitmq-classic", "rabbitmq-quorum", "redis-streams"] {
            for more in ["", keyed] {
                let log = history(&world(preset, more, 24));
                let counts = [
                    "0 is given an old one",
                    "1 is given an old one",
                    "s1 done",
                    "s2 done",
                    "applied 0",
                    "applied 1",
                    "converged",
                ];
                let seen = counts.map(|what| count(&log, what));
                assert_eq!(seen, [24, 0, 33, 9, 9, 9, 9], "{preset} {more}\n{log}");
                let visible = ["visible 0", "visible 1"].map(|what| count(&log, what));
                assert_eq!(visible, if more.is_empty() { [0, 0] } else { [9, 9] }, "{log}");
                assert_eq!(count(&log, "0 is behind"), count(&log, "0 has caught up"), "{log}");
                let first = log.lines().find(|l| l.ends_with("s1 starts")).expect("it works");
                let at: f64 = first.split(' ').next().and_then(|t| t.parse().ok()).expect("a time");
                assert!(at < 100.0, "{preset}: {first}");
                // Nobody else notices.
                let without = history(&world(preset, more, 0));
                assert_eq!(of_the_old(&log), of_the_old(&without), "{preset} {more}");
            }
        }
    }

    #[test]
    fn old_copies_of_an_ideal_bus_come_at_once_and_are_worked_off_in_turn() {
        let log = history(&world("ideal", "", 3));
        let new: Vec<&str> = log.lines().filter(|l| l.contains(" s1 done")).take(4).collect();
        insta::assert_snapshot!(new.join("\n"), @r"
        3 s1 done: wait 0, work 2, draw 0
        5 s1 done: wait 2, work 2, draw 0
        7 s1 done: wait 4, work 2, draw 0
        103 s1 done: wait 0, work 2, draw 0
        ");
    }

    #[test]
    fn on_a_log_old_entries_lie_below_the_live_ones_in_the_partition_of_their_key() {
        let b = world("kafka", "key = \"user\"\n[entity.user]\ncount = 1", 24);
        let mut engine = Engine::new(
            World::new(&b, &Streams::new(1, 0), Log::default()),
            Limits { events: 10_000, events_per_instant: 1_000 },
            World::start,
        );
        let lag = |w: &World<Log>, at: u64| -> Vec<Vec<u64>> {
            let now = SimTime::from_ns(at * 1_000_000);
            let of = |service: u32| {
                let all = lanes(&b).into_iter().enumerate().filter(|(_, l)| l.service == service);
                let lag = all.map(|(lane, _)| w.consumer_lag(now, lane as u32).expect("a log"));
                lag.map(|lag| lag.messages).collect()
            };
            vec![of(1), of(2)]
        };
        engine.run_until::<false>(SimTime::ZERO);
        let [new, old] = &lag(engine.model_mut(), 0)[..] else { panic!("two groups") };
        let place = new.iter().position(|&n| n == 24).expect("all in one partition");
        assert_eq!((new.iter().sum::<u64>(), old.iter().sum::<u64>()), (24, 0));
        // The first live one comes to the same partition, and nobody has committed it yet.
        engine.run_until::<false>(SimTime::ZERO + SimDuration::from_ms(190));
        let [_, old] = &lag(engine.model_mut(), 190)[..] else { panic!("two groups") };
        assert_eq!((old[place], old.iter().sum::<u64>()), (1, 1));
    }

    #[test]
    fn history_that_nobody_is_given_changes_nothing() {
        for preset in ["ideal", "kafka", "sqs"] {
            let run = |n: u64| {
                let mut b = world(preset, "", n);
                b.services[1].handlers[0].consume.backfill = false;
                history(&b)
            };
            assert_eq!(run(0), run(24), "{preset}");
        }
        // What a broker does not keep is gone.
        assert_eq!(history(&world("nats-core", "", 0)), history(&world("nats-core", "", 24)));
    }

    #[test]
    fn a_filter_holds_for_old_facts_too() {
        let mut b = world("rabbitmq-classic", "attrs = { amount = \"0..10\" }", 400);
        let text = "duration = \"1s\"\n[service.a]\nemits.E = \"1/s\"\n[event.E]\n\
                    attrs = { amount = \"0..10\" }\n\
                    [service.b]\non.E = { takes = \"1ms\", filter = \"amount > 5\" }";
        let filtered = scenario(text).variants.remove(0).blueprint;
        b.services[1].handlers[0].consume.filters =
            filtered.services[1].handlers[0].consume.filters.clone();
        let log = history(&b);
        let given = count(&log, "0 is given an old one");
        // Half of 400, five standard deviations of 10.
        assert!((150..=250).contains(&given), "{given}");
        // With the nine live ones, each is done or refused.
        assert_eq!(count(&log, "0 does not want it") + count(&log, "s1 done"), 409);
    }
}
