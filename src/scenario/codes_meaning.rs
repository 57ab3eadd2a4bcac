//! The long story of every code of the meaning layer and of the pre-flight check.

/// Code, title, story.
type Story = (&'static str, &'static str, &'static str);

/// Stories in the order of their codes.
const STORIES: &[Story] = &[
    (
        "E101",
        "unknown key",
        "Every kind of table has a fixed list of keys, and a key outside the list is most often a \
         slip of the pen. It is refused, since a setting that is ignored in silence is worse than \
         none. The help names the nearest key, or all of them.",
    ),
    (
        "E102",
        "not supported yet",
        "The key, preset, verb or metric belongs to the format, but this version cannot simulate \
         it. It is refused instead of ignored, so that a result never rests on something that \
         was left out.",
    ),
    (
        "E103",
        "wrong kind of value",
        "A string, number, list or table stands where another is due. The message says which, \
         with an example.",
    ),
    (
        "E104",
        "a unit is missing",
        "Quantities are strings with a unit, as in \"8ms\", \"100/s\" or \"2%\". A bare number \
         would leave open whether 8 means seconds or milliseconds, so it is refused.",
    ),
    (
        "E105",
        "a text that is no quantity",
        "A duration, distribution, rate, share or pause could not be read. The caret stands below \
         the characters that are wrong.",
    ),
    (
        "E106",
        "out of range",
        "The number is smaller or larger than what makes sense there: there are no services \
         without workers, no attempts below one, no runs of no length.",
    ),
    ("E107", "unknown word", "The key takes one of a few words, and this is none of them."),
    (
        "E108",
        "something is missing",
        "A client needs `calls` and a load (`rate` or `users`), a source a `rate`, and a failure \
         one verb (what happens) and one trigger (when).",
    ),
    (
        "E109",
        "settings that exclude each other",
        "Two keys of one table contradict each other: `rate` and `users`, `do` and the verbs that \
         it replaces, two verbs or two triggers of a failure. Seeds belong to the whole file, \
         because variants are compared under common random numbers.",
    ),
    (
        "E110",
        "nobody emits this event",
        "Events exist by being emitted: by `emits.E = \"100/s\"` of a service or by `emits` or \
         `do` of a handler. A subscription to any other event would wait for ever, and is most \
         often a misspelt name.",
    ),
    (
        "E111",
        "there is no such service",
        "A call or a failure names a service that the scenario does not have, or something that \
         is not a service.",
    ),
    (
        "E112",
        "there is no such operation",
        "The service is there, but it has no `api` of that name.",
    ),
    (
        "E113",
        "one name for two things",
        "Services, clients, brokers and events share one namespace, so that a metric path such as \
         `email.lag.p99` means one thing. Zones are listed once.",
    ),
    (
        "E114",
        "reserved name",
        "`ledger`, `cost` and `base` mean something in metric paths and bounds.",
    ),
    (
        "E115",
        "not a name",
        "Names are made of letters, digits, `_` and `-`, and those of events also of dots. Other \
         characters have a meaning in paths, targets and references.",
    ),
    (
        "E116",
        "not an operation",
        "Calls name a service and one of its operations: \"billing.charge\".",
    ),
    (
        "E117",
        "shares that make no choice",
        "A list of events either has no shares, and then all are emitted, or each has one, and \
         then one draw decides which one is emitted. The shares may add up to 100 % at most.",
    ),
    (
        "E118",
        "not a target",
        "A failure strikes one service: \"email\", one of its instances: \"email[0]\", a share of \
         them: \"30% of email\", the process that empties its outbox: \"email/relay\", a node \
         of a broker: \"bus/broker:0\", or the partition of a number of all its topics: \
         \"bus/partition:0\". Failures of traffic strike a client, a service that emits \
         or an event.",
    ),
    (
        "E119",
        "there is no such metric",
        "An expectation on a metric that does not exist would never fail, or always. Paths begin \
         with a service, client, event or `ledger`, and end with a statistic where there are \
         several: `email.lag.p99`. A service has a lag only if it hears an event.",
    ),
    (
        "E120",
        "not a bound of this metric",
        "A bound is an operator (`<`, `<=`, `=`, `>=`, `>`) with a value, a range `a..b` with both \
         ends included, or a multiple of another variant's value (`< 0.5x base`). The value has \
         the unit of the metric.",
    ),
    (
        "E121",
        "there is no such variant",
        "A relative bound (`< 0.5x base`) or `--variant` names a variant that the file does not \
         have.",
    ),
    ("E122", "unknown preset", "A broker's `preset` names the product that it resembles."),
    (
        "E124",
        "there is no such instance, node or partition",
        "They are counted from 0, so a service of three has 0, 1 and 2.",
    ),
    ("E125", "there is no such zone", "Zones are those of the root key `zones`."),
    ("E126", "too long", "Simulated time is counted in nanoseconds and ends after 584 years."),
    (
        "E127",
        "unknown step",
        "A step of `do` is a duration or distribution of work, or `write ENTITY`, `emit EVENT` or \
         `call SERVICE.OPERATION`.",
    ),
    (
        "E128",
        "nothing happens",
        "A scenario needs a service, and something that starts something: a source \
         (`emits.E = \"100/s\"` of a service) or a client.",
    ),
    (
        "E129",
        "a key that this kind of broker does not have",
        "Each preset is a log, a queue that pushes, a queue that is polled, fan-out or the ideal \
         bus, and each of them has keys of its own: a log has partitions, a polled queue a \
         visibility timeout. A variant that changes the preset drops what it inherits and the new \
         one lacks; what is written beside the preset must fit it.",
    ),
    (
        "E130",
        "there is no such entity",
        "An entity exists by being written or by a table [entity.X]. The `key` of an event, and \
         `per` in a rate, name one.",
    ),
    (
        "E131",
        "a filter that asks for what the event does not have",
        "Filters compare attributes, which are declared with their values: [event.E] attrs = { \
         amount = \"5..500\", country = \"de 60%, us 40%\" }. Of a subscription to several events \
         each must have the attribute.",
    ),
    (
        "E132",
        "there is no such broker",
        "`via` says where an `on` listens, `to` where events go. Without them it is the first \
         broker of the file.",
    ),
    (
        "E133",
        "a setting that the broker cannot follow",
        "Only a log has partitions that halt and offsets that are stored at intervals; only a \
         queue takes a message back; what is never stored can neither be retried beside the queue \
         nor dead-lettered. A publisher is recognised only if all copies confirm. A transaction \
         (`exactly_once`) acknowledges by itself what it covers, and holds only what its handler \
         publishes through a client of its own. Turns \
         (`every 4s per driver`) need events whose key is that entity.",
    ),
    (
        "E134",
        "a pattern where there are none",
        "Brokers that push understand the patterns of AMQP: `*` is one word, `#` any number. NATS \
         has its own: `*` is one word, `>` at the end stands for one or more. All others are \
         subscribed to by name.",
    ),
    (
        "E135",
        "an event that is heard twice",
        "A subscription is a service and an event. Two handlers of one service for the same event \
         would be one subscription with two minds; most often a pattern covers what another `on` \
         names.",
    ),
    (
        "E136",
        "a failure that cannot strike its target",
        "`unclean` strikes a node of a log, `slow`, `stop`, `restart`, `pause`, `leak` and \
         `brownout` strike instances, `spike` a client or source whose rate can be multiplied, \
         `herd` a client, `hot` an event with a key that is drawn, `poison` and `schema` \
         handlers of events, `bug` handlers of events with a key, `replay` a service that hears a \
         log, `redrive` and `drop_consumer` a service, `disk_full` a broker or a service that \
         writes, `expire` a log or a queue, `skew` a service that publishes to one; `crash` \
         strikes instances, nodes, relays and zones.",
    ),
    (
        "E141",
        "a failure that follows nothing",
        "`after` names another failure and strikes whenever a strike of that one ends. There must \
         be one of that name, it must end at some time, and no failure may follow itself.",
    ),
    (
        "E142",
        "a level that cannot be watched",
        "`when` compares the backlog of a service or of a broker that stores, or what a service \
         has in flight, with a whole number: \"billing.backlog > 10000\".",
    ),
    (
        "E145",
        "a value that cannot change",
        "`set` changes values while the scenario runs, by the paths that --set takes. Names, \
         topology, the number of steps, zones, phases and seeds are what a scenario is, and stay.",
    ),
    (
        "W101",
        "nobody hears this event",
        "It is emitted and goes nowhere. Another variant may hear it; then there is no warning.",
    ),
    ("W102", "a table without effect", "Nothing follows from it."),
    ("W103", "nobody calls this operation", "Neither a client nor a handler of any variant does."),
    ("W104", "a service that does nothing", "It has neither `on` nor `api` nor `emits`."),
    (
        "W105",
        "a failure that comes too late",
        "All times count from the start of the warm-up. This failure first strikes when the \
         traffic is over, so it hardly shows.",
    ),
    ("W106", "a key without effect", "What the key changes does not occur here."),
    (
        "W107",
        "keys that were dropped",
        "A variant, a file or --set changes the preset of a broker. Keys that were written for the \
         old product and that the new one does not have are dropped; those that both have stay.",
    ),
    (
        "A001",
        "overload",
        "The utilisation rho of a service is the sum over its handlers of rate x E[takes + writes \
         + waiting in calls], divided by instances x workers. At 1 and above, work arrives faster \
         than it is done, and backlog and lag grow as long as the traffic lasts: by rate x (1 - \
         1/rho) per second. The suggestion brings rho down to 0.8.",
    ),
    (
        "A002",
        "high utilisation",
        "Above 0.9 the mean wait is many times the work (in M/M/1, rho / (1 - rho) times), and it \
         takes a long run to measure it well.",
    ),
    (
        "A003",
        "too short for a percentile",
        "A quantile q is printed only if n (1 - q) >= 10, where n is the number of samples: 1 000 \
         of them for p99, 10 000 for p99.9. With fewer the expectation has no value and fails.",
    ),
    (
        "A004",
        "a cycle of events that feeds itself",
        "A handler emits an event that, over others, comes back to it, and each time round there \
         is at least one for one. The run never comes to rest; it ends with the drain, or at a \
         limit. Take one of the `emits` out of the circle, or give it a share below 100 %, as in \
         \"E 30%\".",
    ),
    (
        "A005",
        "a closed loop hides overload",
        "Users of a closed loop wait for each answer before they think and ask again. When the \
         service is slow they ask less, so its utilisation stays below 1 whatever happens. Real \
         traffic rarely waits: `rate` (open loop) shows what it would do.",
    ),
    (
        "A006",
        "numbers that rest on little",
        "How fast a broker is stands in its preset, each number with a grade: A is read in \
         documentation or source code, B a published measurement with its method, C a single or a \
         vendor's measurement, D an assumption. Results that depend on numbers of grade C or D \
         tell how architectures behave, and not how fast the product is. Measure your own \
         broker and write the numbers beside the preset.",
    ),
];

/// The long story of a code, for instance `E110`.
pub(super) fn explain(code: &str) -> Option<String> {
    let (code, title, story) = STORIES.iter().find(|s| s.0.eq_ignore_ascii_case(code))?;
    Some(format!("{code}: {title}\n\n{story}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes in the sources of the layer.
    fn used() -> std::collections::BTreeSet<String> {
        const FILES: &[&str] = &[
            include_str!("advice.rs"),
            include_str!("attributes.rs"),
            include_str!("check.rs"),
            include_str!("compile.rs"),
            include_str!("compile_consume.rs"),
            include_str!("compile_failure.rs"),
            include_str!("compile_traffic.rs"),
            include_str!("compile_trigger.rs"),
            include_str!("decode.rs"),
            include_str!("decode_autoscale.rs"),
            include_str!("decode_broker.rs"),
            include_str!("decode_failure.rs"),
            include_str!("decode_handler.rs"),
            include_str!("decode_trigger.rs"),
            include_str!("decode_verb.rs"),
            include_str!("expect.rs"),
            include_str!("meaning.rs"),
            include_str!("names.rs"),
            include_str!("presets.rs"),
            include_str!("reader.rs"),
            include_str!("settings.rs"),
        ];
        let quoted = FILES.iter().flat_map(|text| text.split('"'));
        let is_code = |word: &&str| {
            word.len() == 4
                && word.starts_with(['A', 'E', 'W'])
                && word[1..].chars().all(|c| c.is_ascii_digit())
        };
        quoted.filter(is_code).map(str::to_owned).collect()
    }

    #[test]
    fn every_code_has_a_story_and_every_story_a_code() {
        let told: std::collections::BTreeSet<String> =
            STORIES.iter().map(|s| s.0.to_owned()).collect();
        assert_eq!(told.len(), STORIES.len(), "a code is told twice");
        assert_eq!(used(), told);
    }

    #[test]
    fn a_code_is_found_in_any_case() {
        assert!(explain("e110").is_some_and(|s| s.starts_with("E110: nobody emits")));
        assert_eq!(explain("E999"), None);
    }
}
