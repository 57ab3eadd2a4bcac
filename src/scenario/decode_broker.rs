//! `[broker.X]`: which engine, and its numbers.
//!
//! It knows nothing of presets but their names: what they bring along lies below the table already.

use super::decode::{idle, name_of, named};
use super::draft::{BrokerDraft, IdleKey, Needs};
use super::keys::{Grammar, PRESETS, Place};
use super::near::did_you_mean;
use super::presets::{engine, origin};
use super::reader::{Fields, Reader};
use super::{Diagnostic, Entry, Span, Value};
use crate::model::{
    AckMode, Acks, Broker, EngineSpec, FanOutSpec, LogSpec, Overflow, ProducerSpec, PullSpec,
    PushSpec, QuorumSpec, Rebalance, Reset,
};

/// All brokers in the order of the file; the ideal bus if it has none.
pub(super) fn brokers(reader: &mut Reader, root: &Fields) -> Vec<BrokerDraft> {
    let mut brokers = Vec::new();
    for entry in named(reader, root, "broker") {
        brokers.extend(broker(reader, entry));
    }
    if brokers.is_empty() {
        let absent = Reader::absent(root.head, Place::Ideal);
        let deliver = reader.variate(&absent, "deliver");
        brokers.push(BrokerDraft {
            name: None,
            engine: Place::Ideal,
            broker: Broker::ideal("bus", deliver),
            alternate: None,
            dlq: false,
            exactly_once: None,
            idle: Vec::new(),
        });
    }
    brokers
}

fn broker(reader: &mut Reader, entry: &Entry) -> Option<BrokerDraft> {
    let (preset, engine) = preset(reader, entry)?;
    let fields = reader.fields(&entry.node, engine)?;
    let deliver = reader.variate(&fields, "deliver");
    let mut broker = Broker::ideal(&entry.key, deliver);
    let mut alternate = None;
    let mut idle_keys = Vec::new();
    let mut exactly_once = None;
    if engine != Place::Ideal {
        preset.clone_into(&mut broker.preset);
        broker.publish = reader.variate(&fields, "publish");
        broker.per_shard = reader.capacity(&fields, "per_shard");
        broker.per_node = reader.capacity(&fields, "per_node");
        broker.quota = reader.capacity(&fields, "quota");
        alternate = reader.reference(&fields, "alternate");
        broker.reconnect = reader.backoff(&fields, "reconnect");
    }
    if matches!(engine, Place::Log | Place::Pull | Place::FanOut) {
        broker.nodes = reader.whole(&fields, "nodes") as u32;
    }
    if matches!(engine, Place::Log | Place::Push | Place::Pull) {
        broker.mandatory = reader.truth(&fields, "mandatory");
        broker.producer = producer(reader, &fields, engine);
    }
    match engine {
        Place::Log => {
            broker.ack = reader.ack(&fields, "commit");
            broker.engine = EngineSpec::Log(log(reader, &fields, broker.nodes));
            exactly_once = transactions(reader, &fields, &broker.producer);
            idle_keys
                .extend(exactly_once.and_then(|_| idle(&fields, "exactly_once", Needs::Transform)));
        }
        Place::Push => {
            let spec = push(reader, &fields, &mut idle_keys);
            broker.nodes = spec.quorum.as_ref().map_or(1, |q| q.replicas);
            broker.engine = EngineSpec::Push(spec);
        }
        Place::Pull => {
            let spec = pull(reader, &fields);
            idle_keys.extend(polled(&fields, &spec));
            broker.engine = EngineSpec::Pull(spec);
        }
        Place::FanOut => {
            // Nothing is confirmed, and nothing acknowledged.
            broker.ack = AckMode::Before;
            broker.engine = EngineSpec::FanOut(FanOutSpec {
                buffer: reader.size(&fields, "subscriber_buffer"),
                soft_buffer: reader.size_or_none(&fields, "soft_buffer"),
                soft_time: reader.duration(&fields, "soft_time"),
            });
        }
        _ => {}
    }
    let dlq = match &broker.engine {
        EngineSpec::Push(spec) => spec.dead_letters,
        EngineSpec::Pull(spec) => spec.dlq_after.is_some(),
        _ => false,
    };
    // What the preset says by itself is no slip of the pen.
    idle_keys.retain(|idle| origin(reader.sources, idle.key.span).is_none());
    let name = Some(name_of(entry));
    Some(BrokerDraft { name, engine, broker, alternate, dlq, exactly_once, idle: idle_keys })
}

/// The preset of a broker and its engine; what stands beside an unknown one is not looked at.
fn preset<'t>(reader: &mut Reader, entry: &'t Entry) -> Option<(&'t str, Place)> {
    let Value::Table(table) = &entry.node.value else {
        reader.fields(&entry.node, Place::Ideal);
        return None;
    };
    let Some(preset) = table.get("preset") else { return Some((PRESETS[0], Place::Ideal)) };
    let word = reader.string(&preset.node, &Grammar::Choice(PRESETS))?;
    let Some(engine) = engine(word) else {
        let help = did_you_mean(word, PRESETS.iter().copied())
            .unwrap_or_else(|| format!("the presets are {}", PRESETS.join(", ")));
        let message = format!("unknown preset `{word}`");
        reader.note(Diagnostic::error("E122", preset.node.span, message).help(help));
        return None;
    };
    Some((word, engine))
}

fn producer(reader: &mut Reader, fields: &Fields, engine: Place) -> ProducerSpec {
    let acks = reader.acks(fields, "acks");
    let mut spec = ProducerSpec {
        acks,
        batch: reader.size(fields, "batch"),
        linger: reader.duration(fields, "linger"),
        buffer: reader.size(fields, "buffer"),
        max_block: reader.duration(fields, "max_block"),
        delivery_timeout: reader.duration(fields, "delivery_timeout"),
        ..ProducerSpec::plain()
    };
    // What a queue that is polled has taken, it confirms.
    if engine == Place::Pull {
        return spec;
    }
    let wanted = reader.truth(fields, "idempotent");
    if let (true, Some(acks_at), Some(wanted_at)) =
        (wanted && acks != Acks::All, fields.get("acks"), fields.get("idempotent"))
        && origin(reader.sources, wanted_at.node.span).is_none()
    {
        let message = "`idempotent` needs acks = \"all\"";
        let diagnostic = Diagnostic::error("E133", wanted_at.node.span, message)
            .related(acks_at.node.span, "confirmed by fewer copies")
            .help("only a confirmation by all copies tells which publish was repeated");
        reader.note(diagnostic);
    }
    spec.idempotent = wanted && acks == Acks::All;
    spec.request_timeout = reader.duration(fields, "request_timeout");
    spec.backoff = reader.backoff(fields, "backoff");
    spec
}

fn log(reader: &mut Reader, fields: &Fields, nodes: u32) -> LogSpec {
    let replicas = reader.whole(fields, "replicas") as u32;
    let min_isr = reader.whole(fields, "min_isr") as u32;
    at_most(reader, fields, ("replicas", replicas), ("nodes", nodes));
    at_most(reader, fields, ("min_isr", min_isr), ("replicas", replicas));
    LogSpec {
        partitions: reader.whole(fields, "partitions") as u32,
        replicas,
        min_isr,
        replication: reader.variate(fields, "replication"),
        unclean: reader.truth(fields, "unclean"),
        replica_lag: reader.duration(fields, "replica_lag"),
        detection: reader.duration(fields, "detection"),
        election: reader.duration(fields, "election"),
        retention: reader.duration_or_none(fields, "retention"),
        retain: reader.size_or_none(fields, "retain"),
        compaction: reader.truth(fields, "compaction"),
        reset: if reader.choice(fields, "reset") == 0 { Reset::Latest } else { Reset::Earliest },
        rebalance: match reader.choice(fields, "rebalance") {
            0 => Rebalance::Eager,
            1 => Rebalance::Cooperative,
            _ => Rebalance::Server,
        },
        session_timeout: reader.duration(fields, "session_timeout"),
        max_poll_interval: reader.duration(fields, "max_poll_interval"),
        heartbeat: reader.duration(fields, "heartbeat"),
        max_poll_records: reader.whole(fields, "max_poll_records") as u32,
        long_poll: reader.duration(fields, "long_poll"),
    }
}

/// Where a log asks for transactions, which need publishers that are recognised.
fn transactions(reader: &mut Reader, fields: &Fields, producer: &ProducerSpec) -> Option<Span> {
    let wanted = reader.truth(fields, "exactly_once");
    let at = fields.get("exactly_once").filter(|_| wanted)?.node.span;
    if !producer.idempotent {
        let key = if producer.acks == Acks::All { "idempotent" } else { "acks" };
        let message = "`exactly_once` needs acks = \"all\" and idempotent = true";
        let mut diagnostic = Diagnostic::error("E133", at, message);
        if let Some(entry) = fields.get(key) {
            diagnostic =
                diagnostic.related(entry.node.span, "a repeated publish is not recognised");
        }
        reader.note(diagnostic.help("leave both as the preset has them"));
    }
    Some(at)
}

/// Notes a number that is larger than another one of the table can bear.
fn at_most(reader: &mut Reader, fields: &Fields, low: (&str, u32), high: (&str, u32)) {
    let own = |name: &str| fields.get(name).map(|entry| entry.node.span);
    let written = |name: &str| own(name).filter(|span| origin(reader.sources, *span).is_none());
    let Some(place) = written(low.0).or(written(high.0)) else { return };
    if low.1 > high.1 {
        let message = format!("`{}` is {} and `{}` only {}", low.0, low.1, high.0, high.1);
        let help = format!("write {} = {} or more, or {} = {}", high.0, low.1, low.0, high.1);
        reader.note(Diagnostic::error("E106", place, message).help(help));
    }
}

fn push(reader: &mut Reader, fields: &Fields, idle_keys: &mut Vec<IdleKey>) -> PushSpec {
    let replicas = reader.whole(fields, "replicas") as u32;
    let (replication, failover) =
        (reader.variate(fields, "replication"), reader.duration(fields, "failover"));
    let quorum =
        reader.truth(fields, "quorum").then_some(QuorumSpec { replicas, replication, failover });
    if quorum.is_none() {
        for key in ["replicas", "replication", "failover"] {
            idle_keys.extend(idle(fields, key, Needs::Quorum));
        }
    }
    let max_length = reader.whole_or_none(fields, "max_length");
    if max_length.is_none() {
        idle_keys.extend(idle(fields, "overflow", Needs::MaxLength));
    }
    let (dead_letters, after) = dlq(reader, fields);
    let limit = reader.whole_or_none(fields, "delivery_limit").map(|limit| limit as u32);
    PushSpec {
        prefetch: reader.whole(fields, "prefetch") as u32,
        priorities: reader.whole(fields, "priority") as u8,
        ttl: reader.duration_or_none(fields, "ttl"),
        max_length,
        overflow: match reader.choice(fields, "overflow") {
            0 => Overflow::DropHead,
            1 => Overflow::RejectPublish,
            2 => Overflow::RejectPublishDlx,
            _ => Overflow::Block,
        },
        quorum,
        fsync: reader.variate(fields, "fsync"),
        delivery_limit: after.or(limit),
        ack_timeout: reader.duration_or_none(fields, "ack_timeout"),
        heartbeat: reader.duration(fields, "heartbeat"),
        dead_letters,
    }
}

/// Whether there is a dead-letter queue, and after how many deliveries a message goes there.
fn dlq(reader: &mut Reader, fields: &Fields) -> (bool, Option<u32>) {
    let Some(fields) = fields.get("dlq").and_then(|e| reader.fields(&e.node, Place::Dlq)) else {
        return (false, None);
    };
    (true, reader.whole_or_none(&fields, "after").map(|after| after as u32))
}

fn pull(reader: &mut Reader, fields: &Fields) -> PullSpec {
    PullSpec {
        visibility: reader.duration_or_none(fields, "visibility"),
        heartbeat: reader.truth(fields, "heartbeat"),
        long_poll: reader.duration_or_none(fields, "long_poll"),
        poll: super::decode_handler::positive(reader, fields, "poll"),
        empty_poll: reader.share(fields, "empty_poll"),
        batch: reader.whole(fields, "receive") as u32,
        prefetch: reader.whole(fields, "prefetch") as u32,
        max_in_flight: reader.whole_or_none(fields, "in_flight").unwrap_or(u64::MAX),
        dlq_after: dlq(reader, fields).1,
        fifo: reader.truth(fields, "fifo"),
        dedup: reader.duration_or_none(fields, "dedup"),
        duplicates: reader.share(fields, "duplicates"),
        retention: reader.duration_or_none(fields, "retention"),
        reclaim: reader.duration_or_none(fields, "reclaim"),
        nack_delay: reader.duration(fields, "nack_delay"),
        max_length: reader.whole_or_none(fields, "max_length"),
        replication: reader.variate(fields, "replication"),
        failover: reader.duration(fields, "failover"),
        unsynced: reader.duration(fields, "unsynced"),
    }
}

/// Keys of a polled queue that something else makes idle.
fn polled(fields: &Fields, spec: &PullSpec) -> Vec<IdleKey> {
    let mut idle_keys = Vec::new();
    if spec.long_poll.is_some() {
        idle_keys.extend(idle(fields, "poll", Needs::ShortPolls));
        idle_keys.extend(idle(fields, "empty_poll", Needs::ShortPolls));
    }
    if spec.visibility.is_none() {
        idle_keys.extend(idle(fields, "heartbeat", Needs::Visibility));
    }
    idle_keys
}
