//! Which events a subscription hears: filters over attributes that are drawn for each event.

use super::World;
use super::blueprint::{AttributeSpec, Comparison, Filter, Values};
use super::observation::Observer;
use crate::random::{Draw, StreamKey};

/// An attribute of an event type: its value is a pure function of the event's identity, so that
/// every filter sees the same one.
#[derive(Debug)]
pub(crate) struct AttributeTable {
    key: StreamKey,
    values: Drawn,
}

#[derive(Debug)]
enum Drawn {
    /// Between two numbers.
    Number(f64, f64),
    /// One of several words, by the cumulated shares of all but the last.
    Word(Vec<f64>),
}

impl AttributeTable {
    pub(crate) fn new(key: StreamKey, spec: &AttributeSpec) -> Self {
        let values = match &spec.values {
            Values::Number(from, to) => Drawn::Number(*from, *to),
            Values::Word(words) => {
                let mut below = 0.0;
                let but_last = &words[..words.len().saturating_sub(1)];
                let ends = but_last.iter().map(|(share, _)| {
                    below += share.get();
                    below
                });
                Drawn::Word(ends.collect())
            }
        };
        Self { key, values }
    }

    /// The value for event `id`: a number, or the index of a word.
    #[inline]
    fn value(&self, id: u64) -> f64 {
        let u = Draw::new(self.key, id, 0).unit();
        match &self.values {
            Drawn::Number(from, to) => from + u * (to - from),
            Drawn::Word(ends) => ends.partition_point(|end| *end <= u) as f64,
        }
    }
}

/// Whether event `id` with these attributes passes.
fn passes(filter: &Filter, attributes: &[AttributeTable], id: u64) -> bool {
    let value = |attribute: &u32| attributes[*attribute as usize].value(id);
    match filter {
        Filter::All => true,
        Filter::Compare(attribute, comparison, with) => {
            compare(value(attribute), *comparison, *with)
        }
        Filter::OneOf(attribute, words) => {
            let word = value(attribute);
            words.iter().any(|w| f64::from(*w) == word)
        }
        Filter::And(a, b) => passes(a, attributes, id) && passes(b, attributes, id),
        Filter::Or(a, b) => passes(a, attributes, id) || passes(b, attributes, id),
        Filter::Not(a) => !passes(a, attributes, id),
    }
}

fn compare(value: f64, comparison: Comparison, with: f64) -> bool {
    match comparison {
        Comparison::Less => value < with,
        Comparison::AtMost => value <= with,
        Comparison::Equal => value == with,
        Comparison::Differs => value != with,
        Comparison::AtLeast => value >= with,
        Comparison::More => value > with,
    }
}

impl<O: Observer> World<O> {
    /// Whether a subscription wants event `id`, which is of a type that it hears.
    #[inline]
    pub(crate) fn passes(&self, event: u32, subscription: u32, id: u64) -> bool {
        let filter = &self.subscriptions[subscription as usize].filter;
        passes(filter, &self.events[event as usize].attributes, id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn p(p: f64) -> Probability {
        Probability::new(p).expect("a probability")
    }

    fn amount() -> AttributeSpec {
        AttributeSpec { name: "amount".to_owned(), values: Values::Number(0.0, 200.0) }
    }

    fn country() -> AttributeSpec {
        let words = [(0.5, "DE"), (0.3, "FR"), (0.2, "IT")];
        let words = words.map(|(share, word)| (p(share), word.to_owned()));
        AttributeSpec { name: "country".to_owned(), values: Values::Word(words.to_vec()) }
    }

    fn attributes() -> Vec<AttributeTable> {
        let streams = Streams::new(1, 0);
        let spec = [amount(), country()];
        spec.map(|a| AttributeTable::new(streams.key(&format!("E/attr:{}", a.name)), &a)).into()
    }

    #[test]
    fn each_filter_lets_its_share_through() {
        let more = || Filter::Compare(0, Comparison::More, 150.0);
        let german = || Filter::OneOf(1, vec![0]);
        let cases = [
            (Filter::All, 1.0),
            (more(), 0.25),
            (Filter::Compare(0, Comparison::AtLeast, 150.0), 0.25),
            (Filter::Compare(0, Comparison::Less, 20.0), 0.1),
            (Filter::Compare(0, Comparison::AtMost, 20.0), 0.1),
            (Filter::Compare(0, Comparison::Equal, 20.0), 0.0),
            (Filter::Compare(0, Comparison::Differs, 20.0), 1.0),
            (german(), 0.5),
            (Filter::OneOf(1, vec![1, 2]), 0.5),
            (Filter::OneOf(1, vec![2]), 0.2),
            (Filter::And(Box::new(more()), Box::new(german())), 0.125),
            (Filter::Or(Box::new(more()), Box::new(german())), 0.625),
            (Filter::Not(Box::new(more())), 0.75),
        ];
        let n = 20_000;
        for (filter, share) in cases {
            let passed = (0..n).filter(|&id| passes(&filter, &attributes(), id)).count() as f64;
            // Four standard deviations.
            let slack = 4.0 * libm::sqrt(share * (1.0 - share) / n as f64);
            assert!((passed / n as f64 - share).abs() <= slack, "{filter:?}: {passed}");
        }
    }

    #[test]
    fn a_filter_and_its_negation_part_the_events_between_two_services() {
        let cheap = Filter::Compare(0, Comparison::Less, 100.0);
        let hears = |filter: Filter| {
            let mut h = handler(on(0), vec![work(1)]);
            h.consume.filters = vec![filter];
            h
        };
        let services = vec![
            source(10),
            service("cheap", vec![hears(cheap.clone())]),
            service("dear", vec![hears(Filter::Not(Box::new(cheap)))]),
        ];
        let mut b = blueprint(1005, 1, services);
        b.events[0].attributes = vec![amount()];
        let log = history(&b);
        let count = |what: &str| log.lines().filter(|l| l.contains(what)).count();
        assert_eq!(count("emits"), 100);
        assert_eq!(count("applied 0:") + count("applied 1:"), 100);
        assert_eq!(count("0 does not want it"), count("applied 1:"));
        assert_eq!(count("1 does not want it"), count("applied 0:"));
        assert!(count("applied 0:").abs_diff(50) <= 20, "four standard deviations");
    }

    /// A source whose events of type 0 nobody wants; type 1 is heard.
    fn unwanted() -> Blueprint {
        let mut picky = handler(on(0), vec![work(1)]);
        picky.consume.filters = vec![Filter::Compare(0, Comparison::Less, 0.0)];
        let alternate = service("rest", vec![handler(on(1), vec![work(1)])]);
        let services = vec![source(10), service("picky", vec![picky]), alternate];
        let mut b = blueprint(15, 2, services);
        b.events[0].attributes = vec![amount()];
        b
    }

    #[test]
    fn what_nobody_wants_is_counted() {
        insta::assert_snapshot!(history(&unwanted()), @r"
        10 s0 emits
        nobody wants 0
        0 does not want it
        ");
    }

    #[test]
    fn what_nobody_wants_is_published_again_as_the_alternate() {
        let mut b = unwanted();
        b.brokers[0].alternate = Some(EventTypeId(1));
        insta::assert_snapshot!(history(&b), @r"
        10 s0 emits
        0 does not want it
        11 s2 starts
        12 s2 done: wait 0, work 1, draw 0
        12 applied 1: [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]
        12 converged
        ");
    }

    /// An operation that emits an event of type 0 and waits for the confirmation.
    fn asked(mandatory: bool) -> String {
        let mut b = unwanted();
        let emit = Emit::All(vec![Emission { event: EventTypeId(0), count: 1 }]);
        let mut api = handler(Trigger::Api("op".to_owned()), vec![work(1), Step::Emit(emit)]);
        api.publish.mode = PublishMode::Sync;
        b.services[0] = service("api", vec![api]);
        b.clients = vec![client(Operation { service: ServiceId(0), handler: 0 }, 10, 100, 1)];
        b.brokers[0].publish = fixed(2);
        b.brokers[0].mandatory = mandatory;
        b.brokers[0].producer.acks = Acks::Leader;
        history(&b)
    }

    #[test]
    fn what_nobody_wants_is_an_error_to_a_waiting_publisher_if_it_is_mandatory() {
        // 1 ms there, 1 ms of work, 2 ms to the broker, 1 ms for its answer if it confirms, 1 ms
        // back.
        assert!(asked(false).contains("16 c0 is answered after 6"), "{}", asked(false));
        assert!(asked(true).contains("c0 fails after"), "{}", asked(true));
        assert!(asked(true).contains("nobody wants 0"));
    }
}
