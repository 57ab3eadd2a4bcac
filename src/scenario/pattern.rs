//! Subscriptions to many events by one pattern, as brokers write them.
//!
//! It knows names only as texts with dots.

/// How a broker writes patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wildcards {
    /// `*` is one word, `#` any number of words, none included.
    Amqp,
    /// `*` is one word, `>` at the end one or more words.
    Nats,
}

/// Whether a name could be meant as a pattern of any kind.
pub(super) fn is_pattern(name: &str) -> bool {
    name.split('.').any(|word| ["*", "#", ">"].contains(&word))
}

impl Wildcards {
    /// Whether the pattern covers the name.
    pub(super) fn matches(self, pattern: &str, name: &str) -> bool {
        let pattern: Vec<&str> = pattern.split('.').collect();
        let name: Vec<&str> = name.split('.').collect();
        self.covers(&pattern, &name)
    }

    fn covers(self, pattern: &[&str], name: &[&str]) -> bool {
        match (self, pattern, name) {
            (_, [], _) => name.is_empty(),
            (Self::Amqp, ["#", rest @ ..], _) => {
                (0..=name.len()).any(|skipped| self.covers(rest, &name[skipped..]))
            }
            (Self::Nats, [">"], _) => !name.is_empty(),
            (_, _, []) => false,
            (_, [word, rest @ ..], [first, others @ ..]) => {
                (*word == "*" || word == first) && self.covers(rest, others)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Wildcards::{Amqp, Nats};
    use super::*;

    #[test]
    fn patterns_cover_what_their_brokers_say() {
        for (wildcards, pattern, name, covered) in [
            (Amqp, "order.*", "order.placed", true),
            (Amqp, "order.*", "order", false),
            (Amqp, "order.*", "order.placed.eu", false),
            (Amqp, "order.#", "order", true),
            (Amqp, "order.#", "order.placed.eu", true),
            (Amqp, "#.eu", "order.placed.eu", true),
            (Amqp, "#.eu", "eu", true),
            (Amqp, "#", "anything", true),
            (Amqp, "*.placed", "order.placed", true),
            (Amqp, "order.#.eu", "order.us", false),
            (Nats, "order.*", "order.placed", true),
            (Nats, "order.>", "order.placed.eu", true),
            (Nats, "order.>", "order", false),
            (Nats, ">", "order", true),
            (Nats, "*.>", "order", false),
            (Nats, "order.#", "order.placed", false),
            (Amqp, "order.>", "order.placed", false),
        ] {
            assert_eq!(wildcards.matches(pattern, name), covered, "{pattern} {name}");
        }
        assert!(is_pattern("order.*") && is_pattern("#") && !is_pattern("order.placed"));
    }
}
