//! The keys of failures.

use Grammar as G;
use Place as P;

use super::list::{key, later};
use super::{Grammar, Key, Place};

/// What breaks, when, and for how long.
pub(super) const FAILURE: &[Key] = &[
    key(&[P::Failure], "crash", G::Target, "", "instances stop and lose what they had in memory"),
    key(&[P::Failure], "slow", G::Target, "10x", "work and writes take this many times as long"),
    key(
        &[P::Failure],
        "unclean",
        G::Target,
        "",
        "a node of a log stops, and a copy that is not in step may lead",
    ),
    key(
        &[P::Failure],
        "stop",
        G::Target,
        "",
        "instances take no new work, finish theirs, leave, and come back after `for` and `start`",
    ),
    key(&[P::Failure], "restart", G::Target, "", "instances stop and start, a quarter at a time"),
    key(&[P::Failure], "pause", G::Target, "", "no progress, while clocks and connections go on"),
    key(
        &[P::Failure],
        "replay",
        G::Target,
        "",
        "the groups of a service start again at an instant",
    ),
    key(&[P::Failure], "redrive", G::Target, "", "dead letters of a service return to its queues"),
    key(
        &[P::Failure],
        "set",
        G::Other("values by path, such as { \"service.email.workers\" = 4 }"),
        "",
        "values of the scenario change, and change back after `for`",
    ),
    key(
        &[P::Failure],
        "partition",
        G::Other("a list of two ends of links, as in [\"shop\", \"bus\"]"),
        "",
        "nothing arrives between two groups",
    ),
    key(
        &[P::Failure],
        "loss",
        G::Target,
        "1%",
        "this share of the messages of a link gets lost, and is sent again later",
    ),
    key(&[P::Failure], "datagram", G::Truth, "false", "whether what `loss` loses stays lost"),
    key(
        &[P::Failure],
        "duplicate",
        G::Target,
        "1% ~100ms",
        "this share of the messages of a link arrives twice, so much later",
    ),
    key(
        &[P::Failure],
        "reorder",
        G::Target,
        "1% ~50ms",
        "this share of the messages of a link is held back for so long, and others pass",
    ),
    key(&[P::Failure], "delay", G::Target, "100ms", "messages of a link take so much longer"),
    key(
        &[P::Failure],
        "throttle",
        G::Target,
        "",
        "bandwidth of a link, or of each shard of a broker",
    ),
    key(&[P::Failure], "zone", G::Target, "", "all of a zone crashes and cannot be reached"),
    key(
        &[P::Failure],
        "spike",
        G::Target,
        "5x",
        "clients ask, or sources emit, this many times as often",
    ),
    key(&[P::Failure], "hot", G::Target, "50%", "this share of new events is about one individual"),
    key(&[P::Failure], "herd", G::Target, "", "clients all ask at once, or spread over a while"),
    key(&[P::Failure], "leak", G::Target, "1%/m", "work takes longer and longer until a restart"),
    key(&[P::Failure], "brownout", G::Target, "20% 5x", "a dependency fails often and is slow"),
    key(
        &[P::Failure],
        "poison",
        G::Target,
        "0.1%",
        "this share of events always fails in a handler",
    ),
    key(&[P::Failure], "kills", G::Truth, "false", "whether `poison` ends the instance instead"),
    key(
        &[P::Failure],
        "schema",
        G::Target,
        "",
        "an event gets another form, on which these services fail until it ends",
    ),
    key(&[P::Failure], "drop_consumer", G::Target, "", "the subscriptions of a service are gone"),
    key(&[P::Failure], "disk_full", G::Target, "", "what a broker or a store has to write waits"),
    key(&[P::Failure], "bug", G::Target, "", "what a handler applies is wrong"),
    key(
        &[P::Failure],
        "fix",
        G::Duration,
        "",
        "when a `bug` ends, a log is read again from this instant on",
    ),
    key(&[P::Failure], "expire", G::Target, "", "a broker keeps nothing for longer than this"),
    key(&[P::Failure], "skew", G::Target, "5m", "what instances publish has a wrong date"),
    key(&[P::Failure], "at", G::Duration, "", "when it strikes, once"),
    key(&[P::Failure], "every", G::Duration, "", "it strikes at each multiple of this"),
    key(&[P::Failure], "mtbf", G::Duration, "", "mean time until it strikes by itself"),
    key(&[P::Failure], "mttr", G::Duration, "", "mean time that it lasts, with `mtbf`"),
    key(
        &[P::Failure],
        "when",
        G::Other("a condition such as \"billing.backlog > 10000\""),
        "",
        "it strikes whenever this holds",
    ),
    key(&[P::Failure], "cooldown", G::Duration, "60s", "pause after each strike, with `when`"),
    key(&[P::Failure], "chance", G::Share, "", "how likely it strikes with each message taken up"),
    key(&[P::Failure], "after", G::Name("another failure"), "", "it strikes when that one ends"),
    key(
        &[P::Failure],
        "for",
        G::Duration,
        "",
        "how long it lasts; no time (`every`), 2s (a pause) or for ever by default",
    ),
    key(&[P::Failure], "name", G::Text, "", "what it is called; verb and target by default"),
    key(&[P::Failure], "off", G::Truth, "false", "whether it is left out"),
];

/// What is planned.
pub(super) const FAILURE_LATER: &[Key] =
    &[later(&[P::Failure], "lag_replica", "a replica falls behind")];
