//! The keys of what guards calls.
//!
//! It knows nothing of how values are read.

use super::list::{MANY, key};
use super::{Grammar as G, Key, Place, Place as P};

const CALLERS: &[Place] = &[P::On, P::Api, P::Client];

/// Keys of those who call.
pub(super) const CALLING: &[Key] = &[
    key(
        CALLERS,
        "deadline",
        G::Truth,
        "false",
        "whether requests tell until when they may start, and are dropped afterwards",
    ),
    key(
        CALLERS,
        "cancel",
        G::Truth,
        "false",
        "whether a request that still waits is withdrawn when nobody needs its answer any more",
    ),
    key(
        CALLERS,
        "hedge",
        G::DurationOrNone,
        "none",
        "when a second copy follows a request that is not answered, to another instance",
    ),
    key(
        CALLERS,
        "pool",
        G::WholeOrNone(1, MANY),
        "none",
        "calls at a time from an instance to a service; more wait",
    ),
    key(
        CALLERS,
        "health",
        G::Truth,
        "false",
        "whether instances are left out that are down or gave five errors on end",
    ),
    key(
        CALLERS,
        "breaker",
        G::TextOr("true", P::Breaker),
        "",
        "circuit breaker: after many failures calls are refused for a while",
    ),
    key(
        CALLERS,
        "bulkhead",
        G::WholeOrNone(1, MANY),
        "none",
        "calls at a time from an instance to a service; more are refused",
    ),
    key(
        CALLERS,
        "throttle",
        G::TextOr("true", P::Throttle),
        "",
        "refusal by the caller itself of a share of its calls when many are in vain",
    ),
    key(
        &[P::On, P::Api],
        "blocking",
        G::Truth,
        "true",
        "whether a worker waits for the answers of its calls",
    ),
    key(
        &[P::On, P::Client],
        "rate_limit",
        G::Other("limits by operation, such as { \"psp.send\" = \"100/s burst 20\" }"),
        "",
        "how often an instance calls each operation; more waits",
    ),
    key(
        &[P::Api],
        "rate_limit",
        G::Other("a limit such as \"100/s burst 20\", or limits of the operations that it calls"),
        "",
        "how many requests it lets in; or how often an instance calls each operation",
    ),
];

/// The tables of the guards, and `budget` of `retry`.
pub(super) const TABLES: &[Key] = &[
    key(
        &[P::Retry],
        "budget",
        G::TextOr("true, a share such as \"10%\"", P::Budget),
        "",
        "limit of all retries: tokens, or a share of the requests of the last 10 s",
    ),
    key(&[P::Budget], "deposit", G::Number, "0.1", "tokens that a success adds"),
    key(&[P::Budget], "cost", G::Number, "1", "tokens that a retry takes"),
    key(&[P::Budget], "size", G::Number, "100", "tokens at the start and at most"),
    key(
        &[P::Breaker],
        "consecutive",
        G::WholeOrNone(1, MANY),
        "none",
        "failures on end that open it, instead of shares of the last calls",
    ),
    key(&[P::Breaker], "window", G::Whole(1, 1_000_000), "100", "how many calls it looks back"),
    key(&[P::Breaker], "calls", G::Whole(1, 1_000_000), "100", "calls before it may open"),
    key(&[P::Breaker], "failures", G::Share, "50%", "share of failures that opens it"),
    key(&[P::Breaker], "slow", G::Duration, "60s", "what takes longer is slow"),
    key(&[P::Breaker], "slow_calls", G::Share, "100%", "share of slow calls that opens it"),
    key(&[P::Breaker], "open", G::Duration, "60s", "for how long it refuses all calls"),
    key(&[P::Breaker], "probes", G::Whole(1, MANY), "10", "calls that decide whether it closes"),
    key(&[P::Throttle], "k", G::Number, "2", "calls that it lets through per successful one"),
    key(&[P::Throttle], "window", G::Duration, "2m", "how far it looks back"),
    key(
        &[P::Backlog],
        "patience",
        G::Distribution,
        "",
        "how long the waiting stay; for ever by default",
    ),
    key(&[P::Backlog], "target", G::Duration, "5ms", "wait that `codel` thinks short"),
    key(&[P::Backlog], "interval", G::Duration, "100ms", "for how long it may be longer"),
];
