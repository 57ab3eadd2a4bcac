//! Tables become a draft: the file itself, its services and clients. Handlers and failures have
//! files of their own.
//!
//! It looks up no names.

use super::decode_autoscale::size;
use super::decode_broker::brokers;
use super::decode_failure::failures;
use super::decode_guard::{backlog, guards};
use super::decode_handler::{handlers, positive, publish, refuse_zero, retry};
use super::decode_parts::{entities, events};
use super::draft::{ClientDraft, Draft, IdleKey, LoadDraft, Needs, PublishDraft, ServiceDraft};
use super::draft::{SourceDraft, ZoneDraft};
use super::keys::{Grammar, Place};
use super::reader::{Fields, Reader, Ref, Worded};
use super::{Diagnostic, Entry, Node, Span, Table, Value};
use crate::model::{Balance, Dedup, Memory, Network, OrderGuard, PhasePlan, PublishMode, Zone};
use crate::random::{Burst, Rate};

/// Reads the whole of one variant. `head` is where a mistake of the file as a whole is shown.
pub(super) fn scenario<'t>(reader: &mut Reader, table: &'t Table, head: Span) -> Draft<'t> {
    let root = reader.fields_of(table, head, Place::Root);
    reader.whole(&root, "schema");
    let (services, clients) = (services(reader, &root), clients(reader, &root));
    Draft {
        title: reader.text(&root, "title"),
        question: reader.text(&root, "question"),
        lesson: reader.text(&root, "lesson"),
        seed: reader.whole(&root, "seed"),
        seeds: reader.whole(&root, "seeds"),
        max_events: reader.whole(&root, "max_events"),
        phases: phases(reader, &root),
        zones: zones(reader, &root),
        network: network(reader, &root),
        brokers: brokers(reader, &root),
        services,
        clients,
        failures: failures(reader, &root),
        events: events(reader, &root),
        entities: entities(reader, &root),
        expect: root.get("expect").map(|e| (&e.node.value, e.node.span)),
    }
}

/// The tables of `name` by their names.
pub(super) fn named<'t>(reader: &mut Reader, fields: &Fields<'t>, name: &str) -> &'t [Entry] {
    match fields.get(name) {
        None => &[],
        Some(Entry { node: Node { value: Value::Table(table), .. }, .. }) => &table.entries,
        Some(entry) => {
            reader.wrong_kind(&entry.node, &Grammar::Other("a table of tables by name"));
            &[]
        }
    }
}

/// The key of an entry as a name.
pub(super) fn name_of(entry: &Entry) -> Ref {
    Ref { text: entry.key.clone(), span: entry.key_span }
}

/// Notes `key` as one that matters only under a condition.
pub(super) fn idle(fields: &Fields, key: &str, needs: Needs) -> Option<IdleKey> {
    fields.get(key).map(|entry| IdleKey { key: name_of(entry), needs })
}

fn phases(reader: &mut Reader, root: &Fields) -> PhasePlan {
    let plan = PhasePlan {
        warmup: reader.duration(root, "warmup"),
        duration: reader.duration(root, "duration"),
        drain: reader.duration(root, "drain"),
    };
    let traffic = plan.warmup.ns().checked_add(plan.duration.ns());
    let place = ["duration", "warmup", "drain"].iter().find_map(|key| root.get(key));
    let Some(entry) = place else { return plan };
    if traffic.and_then(|t| t.checked_add(plan.drain.ns())).is_none() {
        let message = "`warmup`, `duration` and `drain` together are longer than 584 years";
        reader.note(Diagnostic::error("E126", entry.node.span, message).help("shorten them"));
    } else if plan.duration.ns() == 0 {
        let message = "`duration` must be longer than 0";
        reader.note(Diagnostic::error("E106", entry.node.span, message));
    }
    plan
}

fn zones(reader: &mut Reader, root: &Fields) -> Vec<ZoneDraft> {
    let mut zones: Vec<ZoneDraft> = Vec::new();
    for written in reader.references(root, "zones") {
        let (region, name) = written.text.split_once('/').unwrap_or(("", &written.text));
        if name.is_empty() || name.contains('/') {
            let message = format!("`{}` is not the name of a zone", written.text);
            let help = "write \"a\" or, with its region, \"eu/a\"";
            reader.note(Diagnostic::error("E115", written.span, message).help(help));
            continue;
        }
        if let Some(first) = zones.iter().find(|z| z.written.text == written.text) {
            let message = format!("zone `{}` is listed twice", written.text);
            let diagnostic = Diagnostic::error("E113", written.span, message)
                .related(first.written.span, "first here");
            reader.note(diagnostic);
            continue;
        }
        let zone = Zone { name: name.to_owned(), region: region.to_owned() };
        zones.push(ZoneDraft { zone, written });
    }
    if let Some(entry) = root.get("zones")
        && matches!(&entry.node.value, Value::Array(nodes) if nodes.is_empty())
    {
        let message = "`zones` must name at least one zone";
        reader.note(Diagnostic::error("E106", entry.node.span, message));
    }
    zones
}

fn network(reader: &mut Reader, root: &Fields) -> Network {
    let absent = Reader::absent(root.head, Place::Network);
    let entry = root.get("network");
    if let Some(entry) = entry
        && !matches!(entry.node.value, Value::Table(_))
    {
        let same = reader.variate_at(&entry.node);
        let same = same.unwrap_or_else(|| reader.variate(&absent, "same_zone"));
        return Network { same_zone: same.clone(), other_zone: same.clone(), other_region: same };
    }
    let fields = entry.and_then(|e| reader.fields(&e.node, Place::Network)).unwrap_or(absent);
    Network {
        same_zone: reader.variate(&fields, "same_zone"),
        other_zone: reader.variate(&fields, "other_zone"),
        other_region: reader.variate(&fields, "other_region"),
    }
}

fn services(reader: &mut Reader, root: &Fields) -> Vec<ServiceDraft> {
    let mut services = Vec::new();
    for entry in named(reader, root, "service") {
        if let Some(fields) = reader.fields(&entry.node, Place::Service) {
            services.push(service(reader, entry, &fields));
        }
    }
    services
}

fn service(reader: &mut Reader, entry: &Entry, fields: &Fields) -> ServiceDraft {
    let store = fields.get("store").and_then(|e| reader.fields(&e.node, Place::Store));
    let store = store.unwrap_or_else(|| Reader::absent(fields.head, Place::Store));
    let mut handlers_found = handlers(reader, fields, Place::On);
    handlers_found.extend(handlers(reader, fields, Place::Api));
    let balance = match reader.choice(fields, "balance") {
        1 => Balance::Random,
        2 => Balance::LeastLoaded,
        3 => Balance::TwoChoices,
        4 => Balance::ThreeChoices,
        _ => Balance::RoundRobin,
    };
    let (backlog, patience, idle_keys) = backlog(reader, fields);
    let (instances, autoscale) = size(reader, fields);
    ServiceDraft {
        name: name_of(entry),
        instances,
        autoscale,
        workers: reader.whole(fields, "workers") as u32,
        cores: reader.whole_or_none(fields, "cores").map(|n| n as u32),
        zone: reader.reference(fields, "zone"),
        start: reader.duration(fields, "start"),
        balance,
        write: reader.variate(&store, "write"),
        read: reader.variate(&store, "read"),
        connections: reader.whole_or_none(&store, "connections").map(|n| n as u32),
        memory: memory(reader, fields),
        static_id: reader.truth(fields, "static_id"),
        backlog,
        patience,
        sources: sources(reader, fields),
        handlers: handlers_found,
        idle: [
            idle(&store, "write", Needs::Writes),
            idle(&store, "read", Needs::Dedup),
            idle(&store, "connections", Needs::Store),
            idle(fields, "autoscale", Needs::Handlers),
            idle(fields, "balance", Needs::SeveralInstancesAndApi),
            idle(fields, "cores", Needs::FewerCores),
            idle(fields, "dedup", Needs::Handlers),
            idle(fields, "dedup_window", Needs::Dedup),
            idle(fields, "order", Needs::On),
            idle(fields, "gap_timeout", Needs::Buffer),
            idle(fields, "ids", Needs::Emitting),
            idle(fields, "static_id", Needs::Log),
        ]
        .into_iter()
        .flatten()
        .chain(idle_keys)
        .collect(),
    }
}

fn memory(reader: &mut Reader, fields: &Fields) -> Memory {
    Memory {
        dedup: match reader.choice(fields, "dedup") {
            0 => Dedup::None,
            1 => Dedup::Inbox,
            _ => Dedup::Separate,
        },
        window: reader.duration_or_none(fields, "dedup_window"),
        order: match reader.choice(fields, "order") {
            0 => OrderGuard::None,
            1 => OrderGuard::Version,
            _ => OrderGuard::Buffer,
        },
        gap_timeout: reader.duration(fields, "gap_timeout"),
        fresh_ids: reader.choice(fields, "ids") == 1,
    }
}

fn sources(reader: &mut Reader, service: &Fields) -> Vec<SourceDraft> {
    let mut sources = Vec::new();
    for entry in named(reader, service, "emits") {
        let event = name_of(entry);
        // The event exists even if its rate is wrong, so that its subscribers are not blamed.
        if matches!(entry.node.value, Value::Table(_)) {
            let Some(fields) = reader.fields(&entry.node, Place::Source) else { continue };
            let rate = source_rate(reader, entry, &fields);
            let burst = reader.burst(&fields, "burst");
            let late = fields.get("late").and_then(|e| reader.variate_at(&e.node));
            let (publish, idle) = publish(reader, &fields);
            sources.push(SourceDraft { event, rate, burst, late, publish, idle });
        } else {
            let rate = reader.rate_at(&entry.node);
            let publish = PublishDraft { mode: PublishMode::Async, at: None, to: None };
            let (burst, late, idle) = (Burst::ONE, None, Vec::new());
            sources.push(SourceDraft { event, rate, burst, late, publish, idle });
        }
    }
    sources
}

fn source_rate(reader: &mut Reader, entry: &Entry, fields: &Fields) -> Option<Worded<Rate>> {
    if let Some(rate) = fields.get("rate") {
        return reader.rate_at(&rate.node);
    }
    if fields.all_known() {
        let message = format!("`emits.{}` has no `rate`", entry.key);
        let help = "write rate = \"100/s\"";
        reader.note(Diagnostic::error("E108", entry.key_span, message).help(help));
    }
    None
}

fn clients(reader: &mut Reader, root: &Fields) -> Vec<ClientDraft> {
    let mut clients = Vec::new();
    for entry in named(reader, root, "client") {
        if let Some(fields) = reader.fields(&entry.node, Place::Client) {
            clients.push(client(reader, entry, &fields));
        }
    }
    clients
}

fn client(reader: &mut Reader, entry: &Entry, fields: &Fields) -> ClientDraft {
    let calls = operation(reader, entry, fields);
    let load = load(reader, entry, fields);
    let timeout = positive(reader, fields, "timeout");
    let (retry, idle) = retry(reader, fields);
    let (guards, _) = guards(reader, fields, timeout);
    let zone = reader.reference(fields, "zone");
    let slo = reader.duration_given(fields, "slo");
    refuse_zero(reader, fields, "slo", slo);
    ClientDraft { name: name_of(entry), calls, load, timeout, retry, guards, zone, slo, idle }
}

fn operation(reader: &mut Reader, entry: &Entry, fields: &Fields) -> Option<Ref> {
    let Some(calls) = fields.get("calls") else {
        if !fields.all_known() {
            return None;
        }
        let message = format!("client `{}` calls nothing", entry.key);
        let help = "write calls = \"SERVICE.OPERATION\"";
        reader.note(Diagnostic::error("E108", entry.key_span, message).help(help));
        return None;
    };
    if let Value::Array(nodes) = &calls.node.value
        && nodes.len() != 1
    {
        let message = "a client calls exactly one operation";
        let help = "write one client for each operation";
        reader.note(Diagnostic::error("E103", calls.node.span, message).help(help));
        return None;
    }
    reader.references(fields, "calls").pop()
}

fn load(reader: &mut Reader, entry: &Entry, fields: &Fields) -> Option<LoadDraft> {
    match (fields.get("rate"), fields.get("users")) {
        (Some(rate), Some(users)) => {
            let message = format!("client `{}` has both `rate` and `users`", entry.key);
            let diagnostic = Diagnostic::error("E109", users.key_span, message)
                .related(rate.key_span, "the rate")
                .help("keep `rate` (open loop) or `users` (closed loop)");
            reader.note(diagnostic);
            None
        }
        (None, None) if !fields.all_known() => None,
        (None, None) => {
            let message = format!("client `{}` has neither `rate` nor `users`", entry.key);
            let help = "write rate = \"100/s\" (open loop) or users = 50 (closed loop)";
            reader.note(Diagnostic::error("E108", entry.key_span, message).help(help));
            None
        }
        (Some(rate), None) => {
            if let Some(think) = fields.get("think") {
                let message = "`think` needs `users`";
                let diagnostic = Diagnostic::error("E109", think.key_span, message)
                    .related(rate.key_span, "an open loop, whose requests wait for nobody")
                    .help("remove `think`, or write users = 50 instead of `rate`");
                reader.note(diagnostic);
            }
            reader.rate_at(&rate.node).map(LoadDraft::Open)
        }
        (None, Some(_)) => {
            let users = reader.whole_given(fields, "users");
            let think = reader.variate(fields, "think");
            Some(LoadDraft::Closed { users: users? as u32, think })
        }
    }
}
