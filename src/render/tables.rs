//! The tables of a report as plain cells. Terminal, Markdown and page draw the same ones.
//!
//! Knows which numbers belong side by side; not what a border looks like.

use crate::render::findings::{segments, total};
use crate::render::matrix::Matrix;
use crate::render::view::{View, clients, worst_first};
use crate::render::wording::{Reading, Style, count, percent};
use crate::render::{verdict, view};
use crate::results::{Ledger, Partitions, Results};

/// Code of the advice that a broker's speed rests on single measurements or assumptions.
const WEAK_NUMBERS: &str = "A006";

/// Rows that a table of services has at most.
pub(crate) const MOST_ROWS: usize = 40;

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Table {
    /// What it shows.
    pub(crate) caption: String,
    /// Head of each column, in up to two lines. The first column names the row and is set left,
    /// numbers are set right.
    pub(crate) head: Vec<String>,
    /// Columns of words, which are set left.
    pub(crate) words: Vec<usize>,
    /// Rows of as many cells as there are heads.
    pub(crate) rows: Vec<Vec<Reading>>,
    /// What is left out or must be known to read it.
    pub(crate) note: Option<String>,
}

impl Table {
    pub(crate) fn new(caption: impl Into<String>, head: &[&str]) -> Self {
        Self {
            caption: caption.into(),
            head: head.iter().map(|h| (*h).to_owned()).collect(),
            words: vec![0],
            ..Self::default()
        }
    }

    /// Whether a column is set left.
    pub(crate) fn is_words(&self, column: usize) -> bool {
        self.words.contains(&column)
    }
}

/// Every service that does something, with its load and its lag.
pub(crate) fn services(view: &View<'_>) -> Table {
    let mut table = Table::new(
        "Services",
        &[
            "service",
            "workers",
            "busy",
            "work\ndone",
            "lag\np50",
            "lag\np99",
            "lag\nmax",
            "wait\nmean",
            "backlog\nmean",
            "backlog\nmax",
        ],
    );
    let all: Vec<_> = view.result.topology.services.iter().filter(|s| View::works(s)).collect();
    let shown: Vec<_> = if all.len() > MOST_ROWS {
        let worst = worst_first(std::slice::from_ref(view));
        table.note = Some(format!(
            "{} more services are in results.json; these are the ones furthest behind",
            count((all.len() - MOST_ROWS) as u64)
        ));
        let mut keep = view::in_order(view, &worst, MOST_ROWS);
        keep.extend(all.iter().filter(|s| s.on.is_empty()).map(|s| s.name.clone()));
        keep.truncate(MOST_ROWS);
        all.into_iter().filter(|s| keep.contains(&s.name)).collect()
    } else {
        all
    };
    for service in shown {
        let name = &service.name;
        let mut row = vec![
            Reading::plain(name),
            Reading::plain(format!("{} x {}", count(service.instances.into()), service.workers)),
        ];
        let stats = [
            "rho.mean",
            "throughput",
            "lag.p50",
            "lag.p99",
            "lag.max",
            "wait.mean",
            "backlog.mean",
            "backlog.max",
        ];
        row.extend(stats.map(|stat| view.reading(&format!("{name}.{stat}"))));
        table.rows.push(row);
    }
    table
}

/// Every client, with what it asked and got.
pub(crate) fn client_table(view: &View<'_>) -> Table {
    let mut table = Table::new(
        "Clients",
        &[
            "client",
            "calls",
            "load",
            "availability",
            "latency\np50",
            "latency\np99",
            "latency\nmax",
        ],
    );
    table.words = vec![0, 1, 2];
    for client in &view.result.topology.clients {
        let name = &client.name;
        let mut row =
            vec![Reading::plain(name), Reading::plain(&client.calls), Reading::plain(&client.load)];
        let stats = ["availability", "latency.p50", "latency.p99", "latency.max"];
        row.extend(stats.map(|stat| view.reading(&format!("{name}.{stat}"))));
        table.rows.push(row);
    }
    table
}

/// One state of the ledger: its name in a heading, its total, and its reasons where it has any.
type State = (&'static str, fn(&Ledger) -> u64, fn(&Ledger) -> String);

/// "12 (crash)", or "12 (crash 10, other 2)".
fn by_reason(reasons: &crate::results::Ordered<u64>) -> String {
    let parts: Vec<(&str, u64)> =
        reasons.iter().filter(|(_, n)| **n > 0).map(|(reason, n)| (reason, *n)).collect();
    match parts.as_slice() {
        [] => "0".to_owned(),
        [(reason, n)] => format!("{} ({reason})", count(*n)),
        many => {
            let each: Vec<String> =
                many.iter().map(|(r, n)| format!("{r} {}", count(*n))).collect();
            format!("{} ({})", count(total(reasons)), each.join(", "))
        }
    }
}

const STATES: [State; 20] = [
    ("committed", |l| l.committed, |l| count(l.committed)),
    ("applied", |l| l.applied, |l| count(l.applied)),
    ("pending", |l| l.pending, |l| count(l.pending)),
    ("stored", |l| l.stored, |l| count(l.stored)),
    ("leased", |l| l.leased, |l| count(l.leased)),
    ("superseded", |l| l.superseded, |l| count(l.superseded)),
    ("rejected", |l| l.rejected, |l| count(l.rejected)),
    ("dropped", |l| total(&l.dropped), |l| by_reason(&l.dropped)),
    ("dead-lettered", |l| l.dead_lettered, |l| count(l.dead_lettered)),
    ("expired", |l| l.expired, |l| count(l.expired)),
    ("lost", |l| total(&l.lost), |l| by_reason(&l.lost)),
    ("applied twice", |l| l.double_applied, |l| count(l.double_applied)),
    ("redelivered", |l| l.redelivered, |l| count(l.redelivered)),
    ("out of\norder", |l| l.out_of_order, |l| count(l.out_of_order)),
    ("resurrected", |l| l.resurrected, |l| count(l.resurrected)),
    ("phantom", |l| l.phantom, |l| count(l.phantom)),
    ("filtered", |l| l.filtered, |l| count(l.filtered)),
    ("backfill", |l| l.backfill, |l| count(l.backfill)),
    ("entities\nwrong", |l| l.wrong_entities, |l| count(l.wrong_entities)),
    ("entities\nharmed", |l| l.harmed, |l| count(l.harmed)),
];

/// What became of every event at every subscriber. States and counts without any are left out, but
/// never committed, applied and lost.
pub(crate) fn ledger(view: &View<'_>) -> Table {
    let all = &view.result.ledger;
    let always = ["committed", "applied", "lost"];
    let states: Vec<&State> = STATES
        .iter()
        .filter(|(name, value, _)| always.contains(name) || all.iter().any(|(_, l)| value(l) > 0))
        .collect();
    let mut head = vec!["subscriber"];
    head.extend(states.iter().map(|s| s.0));
    let mut table = Table::new("Ledger: what became of every event", &head);
    for (name, ledger) in all.iter().take(MOST_ROWS) {
        let mut row = vec![Reading::plain(name)];
        row.extend(states.iter().map(|(_, _, text)| Reading::plain(text(ledger))));
        table.rows.push(row);
    }
    if all.len() > MOST_ROWS {
        let more = count((all.len() - MOST_ROWS) as u64);
        table.note = Some(format!("{more} more subscribers are in results.json"));
    }
    table
}

/// Every broker where something may wait; none if there is only an ideal bus.
pub(crate) fn brokers(view: &View<'_>) -> Table {
    let mut table =
        Table::new("Brokers", &["broker", "preset", "backlog\nmean", "backlog\nmax", "what it is"]);
    table.words = vec![0, 1, 4];
    for broker in view.result.topology.brokers.iter().filter(|b| b.stores).take(MOST_ROWS) {
        let name = &broker.name;
        table.rows.push(vec![
            Reading::plain(name),
            Reading::plain(&broker.preset),
            view.reading(&format!("{name}.backlog.mean")),
            view.reading(&format!("{name}.backlog.max")),
            Reading::plain(&broker.engine),
        ]);
    }
    let weak = view.result.advice.iter().any(|a| a.code == WEAK_NUMBERS);
    table.note = weak.then(|| {
        format!("Some of these numbers are of grade C or D: see {WEAK_NUMBERS} under advice.")
    });
    table
}

/// Every service that consumes from a log: how far its groups are behind, and what their commits
/// say.
pub(crate) fn groups(view: &View<'_>) -> Table {
    let mut table = Table::new(
        "Consumer groups of logs",
        &[
            "group of",
            "partitions",
            "not committed\nmean",
            "not committed\nmax",
            "oldest\nmax",
            "not fetched\nmax",
            "in trouble",
            "in the end",
        ],
    );
    let partitions = &view.result.partitions;
    for service in view.result.topology.services.iter().map(|s| &s.name) {
        let topics: Vec<&Partitions> =
            partitions.iter().filter(|p| p.service == *service).collect();
        if topics.is_empty() || table.rows.len() == MOST_ROWS {
            continue;
        }
        let count: u64 = topics.iter().map(|t| u64::from(t.count)).sum();
        let severity = |t: &&&Partitions| STATUSES.iter().position(|s| *s == t.status);
        let worst = topics.iter().max_by_key(severity).map_or("", |t| t.status.as_str());
        let mut row = vec![Reading::plain(service), Reading::plain(self::count(count))];
        let stats = [
            "consumer_lag.mean",
            "consumer_lag.max",
            "consumer_lag_s.max",
            "fetch_lag.max",
            "lagging",
        ];
        row.extend(stats.map(|stat| view.reading(&format!("{service}.{stat}"))));
        row.push(Reading::plain(worst));
        table.rows.push(row);
    }
    table
}

/// What Burrow calls a group, the worst last.
const STATUSES: [&str; 5] = ["OK", "WARN", "STALL", "REWIND", "STOP"];

/// The delivery matrix, if the variants are combinations of choices.
pub(crate) fn matrix(results: &Results) -> Option<Table> {
    let views = View::all(results);
    let matrix = Matrix::of(&views)?;
    let choices: Vec<String> = matrix.choices.iter().map(|c| c.join("/")).collect();
    let mut head = vec!["subscriber"];
    head.extend(choices.iter().map(String::as_str));
    head.extend(matrix.columns.iter().map(|c| c.name));
    let mut table = Table::new("Delivery matrix: all replications together", &head);
    table.words = (0..=choices.len()).collect();
    for service in &matrix.services {
        for (cell, at) in &matrix.cells {
            let Some(ledger) = views[*at].result.ledger.get(service) else { continue };
            let mut row = vec![Reading::plain(service)];
            row.extend(matrix.words(cell).into_iter().map(Reading::plain));
            row.extend(matrix.columns.iter().map(|c| Reading::plain(count((c.of)(ledger)))));
            table.rows.push(row);
        }
    }
    Some(table)
}

/// Where the mean lag of the worst subscribers comes from.
pub(crate) fn lag_sources(view: &View<'_>, most: usize) -> Vec<(String, Vec<(&'static str, f64)>)> {
    worst_first(std::slice::from_ref(view))
        .into_iter()
        .take(most)
        .map(|name| {
            let parts = segments(view, &name);
            (name, parts)
        })
        .filter(|(_, parts)| !parts.is_empty())
        .collect()
}

/// Every expectation with the value beside its bound.
pub(crate) fn expectations(results: &Results) -> Table {
    let mut table = Table::new(
        "Measured value beside its bound",
        &["", "variant", "metric", "measured", "bound", ""],
    );
    table.words = vec![0, 1, 2, 4, 5];
    for (name, variant) in results.variants.iter() {
        for e in &variant.expect {
            let value =
                e.value.map_or("no value".to_owned(), |v| Style::of(&e.metric, &e.unit).write(v));
            let note = e.note.as_ref().map_or(String::new(), |n| format!("({n})"));
            table.rows.push(
                [
                    if e.holds { "✓ holds" } else { "✗ fails" },
                    name,
                    &e.metric,
                    &value,
                    &e.bound,
                    &note,
                ]
                .map(Reading::plain)
                .into(),
            );
        }
    }
    table
}

/// The metrics that a side-by-side table shows, in its order.
fn key_metrics(results: &Results, views: &[View<'_>]) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    let mut add = |path: String| {
        if !paths.contains(&path) && views.iter().any(|v| v.metric(&path).is_some()) {
            paths.push(path);
        }
    };
    for client in clients(views).iter().take(4) {
        for stat in ["availability", "latency.p50", "latency.p99"] {
            add(format!("{client}.{stat}"));
        }
    }
    for service in worst_first(views).iter().take(4) {
        for stat in ["lag.p50", "lag.p99", "lag.max", "rho.mean", "backlog.max"] {
            add(format!("{service}.{stat}"));
        }
    }
    add("ledger.lost".to_owned());
    for name in ["dropped", "dead_lettered", "phantom", "redelivered", "double_applied"] {
        let path = format!("ledger.{name}");
        if views.iter().any(|v| v.value(&path).is_some_and(|n| n > 0.0)) {
            add(path);
        }
    }
    for expectation in results.variants.iter().flat_map(|(_, v)| &v.expect) {
        add(expectation.metric.clone());
    }
    paths
}

/// All variants side by side, with the difference to the first one; `None` with one variant.
pub(crate) fn side_by_side(results: &Results) -> Option<Table> {
    let views = View::all(results);
    let (base, others) = views.split_first()?;
    if others.is_empty() {
        return None;
    }
    let versus = format!("vs {}", base.name);
    let mut head = vec!["metric", base.name];
    for view in others {
        head.extend([view.name, versus.as_str()]);
    }
    let mut table = Table::new("Side by side", &head);
    for path in key_metrics(results, &views) {
        let mut row = vec![Reading::plain(&path), base.reading(&path)];
        for view in others {
            row.push(view.reading(&path));
            let found = results
                .comparisons
                .iter()
                .find(|c| c.a == base.name && c.b == view.name && c.metric == path);
            row.push(Reading::plain(found.map_or("-".to_owned(), verdict::cell)));
        }
        table.rows.push(row);
    }
    Some(table)
}

/// How the phases went, in one line.
pub(crate) fn phases(view: &View<'_>) -> String {
    let p = &view.result.phases;
    let time = |t: f64| crate::render::wording::seconds(t);
    let warmup =
        if p.warmup_s > 0.0 { format!("{} warm-up, ", time(p.warmup_s)) } else { String::new() };
    let rest = if p.converged { "at rest after" } else { "NOT at rest after" };
    format!("{warmup}{} measured, {rest} {} of drain", time(p.measured_s), time(p.drained_s))
}

/// Share of `part` in the sum, in percent.
pub(crate) fn share(part: f64, sum: f64) -> String {
    percent(if sum > 0.0 { part / sum } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing;
    use crate::results::Ordered;

    fn text(table: &Table) -> String {
        let mut out = table.head.join("|");
        for row in &table.rows {
            out.push('\n');
            out.push_str(&row.iter().map(Reading::line).collect::<Vec<_>>().join("|"));
        }
        out
    }

    #[test]
    fn the_ledger_shows_states_that_hold_something_and_the_reasons() {
        let mut results = testing::crash();
        let variant = results.variants.get_mut("events").expect("a variant");
        let ledger = variant.ledger.get_mut("email").expect("a ledger");
        ledger.dropped =
            [("exhausted".to_owned(), 3), ("shed".to_owned(), 4)].into_iter().collect();
        let views = View::all(&results);
        assert_eq!(
            text(&self::ledger(&views[1])),
            "subscriber|committed|applied|dropped|lost\n\
             email|72\u{202f}096|72\u{202f}084|7 (exhausted 3, shed 4)|12 (crash)"
        );
    }

    #[test]
    fn services_that_only_emit_have_no_row_and_services_that_only_answer_have_no_lag() {
        let results = testing::overload();
        let table = services(&View::all(&results)[0]);
        assert_eq!(table.rows.len(), 2);
        let results = testing::crash();
        let table = services(&View::all(&results)[0]);
        assert_eq!(table.rows[0][4], Reading::plain("-"));
    }

    #[test]
    fn of_many_services_the_worst_are_shown() {
        let mut results = testing::overload();
        let v = results.variants.get_mut("base").expect("a variant");
        let email = v.topology.services[2].clone();
        for k in 0..100 {
            let name = format!("s{k}");
            v.topology.services.push(crate::results::ServiceInfo { name, ..email.clone() });
        }
        let table = services(&View::all(&results)[0]);
        assert_eq!(table.rows.len(), MOST_ROWS);
        assert!(table.rows.iter().any(|r| r[0].text == "email"));
        assert!(
            table.note.as_deref().is_some_and(|n| n.starts_with("62 more")),
            "{:?}",
            table.note
        );
    }

    #[test]
    fn side_by_side_needs_two_variants_and_tells_the_difference() {
        let mut results = testing::overload();
        let table = side_by_side(&results).expect("two variants");
        assert_eq!(table.head, ["metric", "base", "fixed", "vs base"]);
        let row = table.rows.iter().find(|r| r[0].text == "email.lag.p99").expect("a row");
        assert_eq!(row[3].text, "-99.9\u{a0}%");
        results.variants = Ordered::default();
        assert_eq!(side_by_side(&results), None);
    }
}
