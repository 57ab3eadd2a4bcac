//! What the numbers say, in sentences: the answer per variant, what is overloaded, where the lag
//! comes from, what to try next. Terminal, page, Markdown and chart titles all quote these.
//!
//! Knows only what the results hold: where they do not say why, neither does this.

use crate::render::study;
use crate::render::view::{View, clients, worst_first};
use crate::render::wording::{count, list, percent, plural, seconds, significant};
use crate::results::catalogue::SEGMENTS;
use crate::results::{FailureWindow, Ledger, Ordered, Results, Series, ServiceInfo, VariantResult};

/// Subscribers that an answer names at most.
const NAMED: usize = 3;
/// Code of the advice that events feed themselves.
const ENDLESS: &str = "A004";

/// One line of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The variant that it is about; `None` if there is only one.
    pub(crate) variant: Option<String>,
    /// What happened there.
    pub(crate) text: String,
}

/// Seconds by which the lag of `service` grows in each second of the measured phase, if it grows
/// steadily and no failure explains it.
///
/// Least squares over the bins of the median (else the p99) by the instant of observation. It
/// counts as growth from 5 ms per second on, and only if the line explains nine tenths of the
/// variance.
pub(crate) fn growth(view: &View<'_>, service: &str) -> Option<f64> {
    let (from, to) = view.measured();
    let broken = |w: &FailureWindow| w.from < to && w.to.unwrap_or(to) > from;
    if view.result.failures.iter().any(broken) {
        return None;
    }
    let series = view.series(service, &["lag.p50", "lag.p99"])?;
    let points: Vec<(f64, f64)> = points(series).filter(|(t, _)| *t > from && *t < to).collect();
    if points.len() < 5 {
        return None;
    }
    let n = points.len() as f64;
    let mean_t = points.iter().map(|p| p.0).sum::<f64>() / n;
    let mean_y = points.iter().map(|p| p.1).sum::<f64>() / n;
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        points.iter().map(|(t, y)| f(t - mean_t, y - mean_y)).sum()
    };
    let (tt, ty, yy) = (sum(&|t, _| t * t), sum(&|t, y| t * y), sum(&|_, y| y * y));
    let slope = ty / tt;
    let explained = ty * ty / (tt * yy);
    (slope > 0.005 && explained > 0.9).then_some(slope)
}

/// Middle of each bin that has a value, and the value.
pub(crate) fn points(series: &Series) -> impl Iterator<Item = (f64, f64)> {
    series.values.iter().enumerate().filter_map(|(k, v)| {
        v.filter(|v| v.is_finite()).map(|v| ((k as f64 + 0.5) * series.bin_s, v))
    })
}

/// Busy workers that the events sent to a subscriber keep busy, if it does nothing else: committed
/// per second times mean service time (the utilisation law).
pub(crate) fn workers_needed(results: &Results, view: &View<'_>, service: &str) -> Option<f64> {
    let info = view.subscribers().find(|s| s.name == service).filter(|s| s.api.is_empty())?;
    let (_, end) = view.measured();
    let committed = view.result.ledger.get(&info.name)?.committed as f64;
    let each = view.value(&format!("{service}.service.mean"))?;
    let needed = committed / results.seeds.max(1) as f64 / end * each;
    (end > 0.0 && needed.is_finite()).then_some(needed)
}

/// Workers of a service over all instances.
pub(crate) fn workers(info: &ServiceInfo) -> u64 {
    u64::from(info.instances) * u64::from(info.workers)
}

/// Mean seconds of each segment of a subscriber's lag that takes any time, in the order in which a
/// delivery passes them.
pub(crate) fn segments(view: &View<'_>, service: &str) -> Vec<(&'static str, f64)> {
    SEGMENTS
        .iter()
        .filter_map(|name| {
            let mean = view.value(&format!("{service}.segment.{name}.mean"))?;
            (mean > 0.0).then_some((*name, mean))
        })
        .collect()
}

/// What a segment stands for.
pub(crate) fn segment_meaning(name: &str) -> &'static str {
    match name {
        "outbox" => "waiting in the outbox",
        "batch" => "waiting for a batch to fill",
        "publish" => "publishing",
        "broker" => "waiting in the broker",
        "deliver" => "delivery",
        "wait" => "waiting for a free worker",
        "retry" => "failed attempts and the pauses after them",
        "service" => "the work itself",
        "commit" => "the commit in the subscriber's store",
        _ => "something else",
    }
}

/// The largest segment and its share of the sum.
fn largest_segment(view: &View<'_>, service: &str) -> Option<(&'static str, f64)> {
    let segments = segments(view, service);
    let total: f64 = segments.iter().map(|s| s.1).sum();
    let (name, mean) = segments.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (total > 0.0).then(|| (name, mean / total))
}

impl Answer {
    pub(crate) fn new(results: &Results, view: &View<'_>, text: String) -> Self {
        let variant = (results.variants.len() > 1).then(|| view.name.to_owned());
        Self { variant, text }
    }

    /// The name of the variant, empty if there is only one.
    pub(crate) fn name(&self) -> &str {
        self.variant.as_deref().unwrap_or("")
    }
}

/// One line per variant: how its clients fare, how far behind its subscribers are, and what was
/// lost.
pub(crate) fn answers(results: &Results) -> Vec<Answer> {
    if let Some(found) = study::answers(results) {
        return found;
    }
    let views = View::all(results);
    let mut worst = worst_first(&views);
    // Whom the scenario expects something of, the question is about.
    worst.sort_by_key(|name| !is_expected(results, name));
    views.iter().map(|view| Answer::new(results, view, answer(view, &worst))).collect()
}

/// Whether any expectation is about the service.
fn is_expected(results: &Results, service: &str) -> bool {
    let about = |metric: &str| {
        let scope = metric.rsplit_once('@').map_or(metric, |(_, scope)| scope);
        scope.strip_prefix(service).is_some_and(|rest| rest.starts_with('.'))
    };
    results.variants.iter().any(|(_, v)| v.expect.iter().any(|e| about(&e.metric)))
}

fn answer(view: &View<'_>, worst: &[String]) -> String {
    let mut clauses: Vec<String> =
        clients(std::slice::from_ref(view)).iter().take(2).map(|c| client(view, c)).collect();
    let here: Vec<&String> =
        worst.iter().filter(|name| view.subscribers().any(|s| s.name == **name)).collect();
    clauses.extend(here.iter().take(NAMED).map(|name| subscriber(view, name)));
    if here.len() > NAMED {
        let others = here.len() - NAMED;
        let are = if others == 1 { "is" } else { "are" };
        clauses.push(format!("{} {are} less far behind", plural(others, "other")));
    }
    clauses.extend(losses(view));
    if !view.result.phases.converged {
        clauses.push("not at rest when the drain ended".to_owned());
    }
    if clauses.is_empty() { "nothing was measured".to_owned() } else { clauses.join("; ") }
}

/// What became of one client's requests.
fn client(view: &View<'_>, name: &str) -> String {
    let served = match view.value(&format!("{name}.availability")) {
        Some(share) => format!("{} of {name}'s requests succeed", percent(share)),
        None => format!("availability of {name} is unknown"),
    };
    match view.value(&format!("{name}.latency.p99")) {
        Some(p99) => format!("{served}, 99 % of them within {}", seconds(p99)),
        None => served,
    }
}

/// How far behind one subscriber is.
pub(crate) fn subscriber(view: &View<'_>, name: &str) -> String {
    let value = |stat: &str| view.value(&format!("{name}.lag.{stat}"));
    if let Some(slope) = growth(view, name) {
        let most = value("max").map_or(String::new(), |m| format!(" (up to {})", seconds(m)));
        return format!("{name} falls {} s further behind every second{most}", significant(slope));
    }
    let metric = view.metric(&format!("{name}.lag.p99"));
    let never = metric.and_then(|m| m.censored).unwrap_or(0);
    // Largest and mean are of what arrived; what never did is told beside them.
    let whole = match (value("p99"), value("max")) {
        (Some(p99), Some(max)) => {
            let (p99, max) = (seconds(p99), seconds(max));
            format!("{name} shows 99 % of its events within {p99}, the slowest after {max}")
        }
        (Some(p99), None) => format!("{name} shows 99 % of its events within {}", seconds(p99)),
        (None, Some(max)) => {
            format!("{name} shows the slowest of its events after {}", seconds(max))
        }
        (None, None) => match (value("mean"), metric.and_then(|m| m.note.as_ref())) {
            (Some(mean), _) => format!("{name} shows an event after {} on average", seconds(mean)),
            (None, Some(note)) => format!("the lag of {name} is unknown: {note}"),
            (None, None) => format!("the lag of {name} is unknown"),
        },
    };
    if never > 0 { format!("{whole} ({} never arrived)", count(never)) } else { whole }
}

/// Whether anything was lost or done twice; silent if nothing broke and nothing is missing.
fn losses(view: &View<'_>) -> Option<String> {
    let ledger = &view.result.ledger;
    let sum =
        |f: fn(&Ledger) -> u64| ledger.iter().fold(0_u64, |sum, (_, l)| sum.saturating_add(f(l)));
    let missing = [
        (sum(|l| total(&l.lost)), "lost"),
        (sum(|l| total(&l.dropped)), "given up"),
        (sum(|l| l.rejected), "rejected"),
        (sum(|l| l.expired), "expired"),
        (sum(|l| l.dead_lettered), "dead-lettered"),
    ];
    let twice = (sum(|l| l.double_applied), "applied twice");
    let found: Vec<(u64, &str)> =
        missing.into_iter().chain([twice]).filter(|(n, _)| *n > 0).collect();
    let told = |(k, (n, what)): (usize, &(u64, &str))| {
        if k == 0 { format!("{} {what}", deliveries(*n)) } else { format!("{} {what}", count(*n)) }
    };
    let text = list(&found.iter().enumerate().map(told).collect::<Vec<_>>());
    let complete = missing.iter().all(|(n, _)| *n == 0);
    match (complete, found.is_empty()) {
        (true, true) if ledger.is_empty() || view.result.failures.is_empty() => None,
        (true, true) => Some("no event lost".to_owned()),
        (true, false) if !view.result.failures.is_empty() => Some(format!("no event lost, {text}")),
        _ => Some(text),
    }
}

/// Sum over all reasons.
pub(crate) fn total(reasons: &Ordered<u64>) -> u64 {
    reasons.iter().fold(0, |sum, (_, n)| sum.saturating_add(*n))
}

fn deliveries(n: u64) -> String {
    format!("{} {}", count(n), if n == 1 { "delivery" } else { "deliveries" })
}

/// What the numbers mean: at most one sentence per variant, about its worst subscriber.
pub(crate) fn meanings(results: &Results) -> Vec<Answer> {
    let views = View::all(results);
    views
        .iter()
        .filter_map(|view| {
            let worst = worst_first(std::slice::from_ref(view));
            let text = meaning(results, view, worst.first()?)?;
            Some(Answer::new(results, view, text))
        })
        .collect()
}

fn meaning(results: &Results, view: &View<'_>, name: &str) -> Option<String> {
    let info = view.subscribers().find(|s| s.name == name)?;
    let has = workers(info);
    if growth(view, name).is_some() || already_late(results, view, info) {
        let cause = workers_needed(results, view, name)
            .filter(|needed| *needed > has as f64 * 0.98)
            .map(|needed| {
                let needed = significant(needed);
                format!(
                    ": the events it hears keep {needed} workers busy and it has {}",
                    count(has)
                )
            })
            .unwrap_or_default();
        return Some(format!(
            "{name} is overloaded{cause}. Its lag grows for as long as the traffic lasts."
        ));
    }
    if let Some(text) = after_failure(view, name) {
        return Some(text);
    }
    let (segment, share) = largest_segment(view, name)?;
    let busy = view.value(&format!("{name}.rho.mean")).map_or(String::new(), |rho| {
        format!("; its workers are busy {} of the time", percent(rho))
    });
    Some(format!("{} of the lag of {name} is {}{busy}.", percent(share), segment_meaning(segment)))
}

/// Whether a subscriber has too few workers and was over a second late before anything broke: then
/// no failure is to blame.
fn already_late(results: &Results, view: &View<'_>, info: &ServiceInfo) -> bool {
    let first = view.result.failures.iter().map(|w| w.from).fold(f64::INFINITY, f64::min);
    let late = view
        .series(&info.name, &["lag.p99"])
        .is_some_and(|series| points(series).any(|(t, lag)| t < first && lag > 1.0));
    late && first.is_finite()
        && workers_needed(results, view, &info.name).is_some_and(|n| n > workers(info) as f64)
}

/// How the lag of a subscriber peaked after the first failure that ended, and when it was small
/// again: at most twice the largest p99 before it, and at least 1 s.
fn after_failure(view: &View<'_>, name: &str) -> Option<String> {
    let series = view.series(name, &["lag.p99"])?;
    let window = view.result.failures.iter().find(|w| w.to.is_some())?;
    let to = window.to?;
    let recovery = view.result.recoveries.iter().find(|r| r.name == name);
    let before = points(series).filter(|p| p.0 < window.from).map(|p| p.1).fold(0.0, f64::max);
    let calm = recovery.map_or((2.0 * before).max(1.0), |r| r.threshold);
    let after: Vec<_> = points(series).filter(|p| p.0 >= window.from).collect();
    let peak = after.iter().map(|p| p.1).fold(0.0, f64::max);
    if peak <= calm {
        return Some(format!(
            "{name} hardly notices \"{}\": its p99 lag stays at or below {}.",
            window.name,
            seconds(peak)
        ));
    }
    let last_high = after.iter().filter(|p| p.1 > calm).map(|p| p.0).fold(0.0, f64::max);
    let back = (last_high + series.bin_s / 2.0 - to).max(0.0);
    let end = after.last().map_or(0.0, |p| p.0);
    // What was measured is about the last failure.
    let measured = recovery.filter(|r| r.cause_end == Some(to));
    let back = match measured.map(|r| r.cause_end.zip(r.recovered)) {
        Some(measured) => measured.map(|(end, at)| at - end),
        None => (last_high < end).then_some(back),
    };
    let tail = match back {
        None => format!("and was not below {} again by the end", seconds(calm)),
        Some(back) => {
            format!("and is below {} again {} after its end", seconds(calm), seconds(back))
        }
    };
    Some(format!(
        "{name} falls up to {} behind because of \"{}\" {tail}.",
        seconds(peak),
        window.name
    ))
}

/// One thing to try next: what the first advice proposes, else what the numbers suggest. A run that
/// feeds itself comes before all: no number of it means much.
pub(crate) fn next_step(results: &Results) -> String {
    let endless =
        |v: &VariantResult| !v.phases.converged && v.advice.iter().any(|a| a.code == ENDLESS);
    if results.variants.iter().any(|(_, v)| endless(v)) {
        return format!("tidelag explain {ENDLESS}");
    }
    let advised = results
        .variants
        .iter()
        .flat_map(|(_, v)| &v.advice)
        .find_map(|a| a.try_next.as_ref().map(|t| format!("{t} ({})", a.code)));
    if let Some(advised) = advised {
        return advised;
    }
    let views = View::all(results);
    let overloaded = views.iter().find_map(|view| {
        let info = view.subscribers().find(|s| growth(view, &s.name).is_some())?;
        Some((view, info))
    });
    if let Some((view, info)) = overloaded {
        let needed = workers_needed(results, view, &info.name).unwrap_or(0.0);
        let more = (needed.ceil() as u64 + 1).max(workers(info) + 1);
        let each = more.div_ceil(u64::from(info.instances.max(1)));
        return format!("--set service.{}.workers={each}", info.name);
    }
    if let Some(longer) = views.iter().find_map(restless) {
        return longer;
    }
    if results.seeds < 2 { "--seeds 10".to_owned() } else { "--seed 2".to_owned() }
}

/// What may bring a run to an end that did not come to rest: a drain twice as long, or less traffic
/// where a limit ended it before its drain. None where no drain was asked for.
fn restless(view: &View<'_>) -> Option<String> {
    let phases = &view.result.phases;
    if phases.converged {
        return None;
    }
    let quoted = |key: &str, s: f64| format!("--set {key}='\"{}s\"'", s.max(1.0));
    if phases.drained_s > 0.0 {
        return Some(quoted("drain", (2.0 * phases.drained_s).ceil()));
    }
    let ends = view.result.series.iter().map(|(_, s)| (s.bin_s * s.values.len() as f64, s.bin_s));
    let (reached, bin_s) = ends.reduce(|a, b| if b.0 > a.0 { b } else { a })?;
    let cut = reached + bin_s < view.measured().1;
    cut.then(|| quoted("duration", (reached - phases.warmup_s).floor()))
}

/// How the expectations stand, in one line: "all 4 hold", "1 of 4 fails", and which variants have
/// none.
pub(crate) fn verdict(results: &Results) -> String {
    let all: Vec<bool> =
        results.variants.iter().flat_map(|(_, v)| &v.expect).map(|e| e.holds).collect();
    let failed = all.iter().filter(|holds| !**holds).count();
    let judged = match (all.len(), failed) {
        (0, _) => return "none stated, so nothing is judged".to_owned(),
        (1, 0) => "the only one holds".to_owned(),
        (1, _) => "the only one fails".to_owned(),
        (n, 0) => format!("all {n} hold"),
        (n, 1) => format!("1 of {n} fails"),
        (n, failed) => format!("{failed} of {n} fail"),
    };
    let unjudged: Vec<String> = results
        .variants
        .iter()
        .filter(|(_, v)| v.expect.is_empty())
        .map(|(name, _)| name.to_owned())
        .collect();
    match unjudged.len() {
        0 => judged,
        1 => format!("{judged}; {} is unjudged", unjudged[0]),
        _ => format!("{judged}; {} are unjudged", list(&unjudged)),
    }
}

/// The title, or words where the file has none.
pub(crate) fn title(results: &Results) -> &str {
    if results.scenario.title.is_empty() { "Untitled scenario" } else { &results.scenario.title }
}

/// All advice as (code, text), each once.
pub(crate) fn advice(results: &Results) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for advice in results.variants.iter().flat_map(|(_, v)| &v.advice) {
        let advice = (advice.code.clone(), advice.text.clone());
        if !found.contains(&advice) {
            found.push(advice);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing;
    use crate::render::wording::plain;
    use crate::results::{Advice, Metric, ServiceInfo};

    fn base(results: &mut Results) -> &mut VariantResult {
        results.variants.get_mut("base").expect("a variant")
    }

    fn only_base(mut results: Results) -> Results {
        let base = base(&mut results).clone();
        results.variants = [("base".to_owned(), base)].into_iter().collect();
        results
    }

    #[test]
    fn of_many_subscribers_three_are_named_and_the_others_counted() {
        // Two of the file's own and some more that lag as much as one of them.
        for (more, said) in [(2, "; 1 other is less far behind"), (3, "; 2 others are less far")] {
            let mut results = only_base(testing::overload());
            let base = base(&mut results);
            let email = base.topology.services[2].clone();
            let p99 = base.metrics.get("email.lag.p99").cloned().expect("a metric");
            for name in (0..more).map(|k| format!("s{k}")) {
                base.metrics.push(format!("{name}.lag.p99"), p99.clone());
                base.topology.services.push(ServiceInfo { name, ..email.clone() });
            }
            let text = plain(&answers(&results)[0].text);
            assert!(text.contains(said), "{text}");
        }
    }

    #[test]
    fn growth_is_a_steady_slope_that_no_failure_explains() {
        let mut results = testing::overload();
        let slope = |r: &Results, name: &str| growth(&View::all(r)[0], name);
        assert!(slope(&results, "email").is_some_and(|s| (s - 0.667).abs() < 0.001));
        assert_eq!(slope(&results, "billing"), None);
        assert_eq!(slope(&results, "nobody"), None);
        base(&mut results).failures = vec![FailureWindow {
            name: "crash email".to_owned(),
            from: 10.0,
            to: Some(20.0),
            ..FailureWindow::default()
        }];
        assert_eq!(slope(&results, "email"), None);
    }

    #[test]
    fn an_overload_names_the_workers_that_are_missing() {
        let meanings = meanings(&testing::overload());
        assert_eq!(
            plain(&meanings[0].text),
            "email is overloaded: the events it hears keep 3.00 workers busy and it has 1. Its lag \
             grows for as long as the traffic lasts."
        );
    }

    #[test]
    fn a_failure_is_not_blamed_for_what_was_late_before_it() {
        let mut results = testing::overload();
        let crash = |from: f64| FailureWindow {
            name: "crash billing".to_owned(),
            from,
            to: Some(from + 5.0),
            ..FailureWindow::default()
        };
        base(&mut results).failures = vec![crash(20.0)];
        let text = plain(&meanings(&results)[0].text);
        assert!(text.starts_with("email is overloaded: the events it hears keep 3.00"), "{text}");
        base(&mut results).failures = vec![crash(0.0)];
        let text = plain(&meanings(&results)[0].text);
        assert!(text.contains("because of \"crash billing\""), "{text}");
    }

    #[test]
    fn the_next_step_is_the_first_advice_else_more_workers_else_more_seeds() {
        let mut results = only_base(testing::overload());
        assert_eq!(next_step(&results), "--set service.email.workers=4 (A001)");
        base(&mut results).advice.clear();
        assert_eq!(next_step(&results), "--set service.email.workers=4");
        base(&mut results).series = Ordered::default();
        assert_eq!(next_step(&results), "--seed 2");
        results.seeds = 1;
        assert_eq!(next_step(&results), "--seeds 10");
    }

    #[test]
    fn a_run_that_never_rests_is_given_an_end_before_more_luck() {
        let mut results = only_base(testing::overload());
        let v = base(&mut results);
        v.advice.clear();
        v.phases.converged = false;
        v.phases.drained_s = 10.2;
        let overloaded = next_step(&results);
        assert_eq!(overloaded, "--set service.email.workers=4");
        let v = base(&mut results);
        v.series = Ordered::default();
        assert_eq!(next_step(&results), "--set drain='\"21s\"'");
        // A drain of no time leaves things open on purpose.
        base(&mut results).phases.drained_s = 0.0;
        assert_eq!(next_step(&results), "--seed 2");
        let half = Series { bin_s: 0.1, values: vec![Some(1.0); 305], ..Series::default() };
        base(&mut results).series.push("email.throughput", half);
        assert_eq!(next_step(&results), "--set duration='\"30s\"'");
        let endless = Advice { code: "A004".to_owned(), text: String::new(), try_next: None };
        let v = base(&mut results);
        v.advice = vec![endless];
        assert_eq!(next_step(&results), "tidelag explain A004");
        base(&mut results).phases.converged = true;
        assert_eq!(next_step(&results), "--seed 2");
    }

    #[test]
    fn what_never_arrived_and_what_is_unknown_is_said() {
        let mut results = testing::overload();
        let unknown = Metric {
            note: Some("nothing was applied".to_owned()),
            censored: Some(7),
            ..Metric::default()
        };
        let v = base(&mut results);
        for stat in ["p99", "max", "mean"] {
            let path = format!("billing.lag.{stat}");
            v.metrics.get_mut(&path).expect("a metric").clone_from(&unknown);
        }
        assert_eq!(
            subscriber(&View::all(&results)[0], "billing"),
            "the lag of billing is unknown: nothing was applied (7 never arrived)"
        );
    }

    #[test]
    fn whom_the_scenario_expects_something_of_is_named_first() {
        let mut results = only_base(testing::overload());
        base(&mut results).expect[0].metric = "OrderPlaced@billing.lag.p99".to_owned();
        let answer = plain(&answers(&results)[0].text);
        assert!(answer.starts_with("billing shows 99 % of its events within 118 ms"), "{answer}");
    }

    #[test]
    fn the_verdict_counts_and_names_the_unjudged() {
        let mut results = testing::overload();
        assert_eq!(verdict(&results), "1 of 2 fails");
        base(&mut results).expect.clear();
        assert_eq!(verdict(&results), "the only one holds; base is unjudged");
        assert_eq!(verdict(&testing::empty()), "none stated, so nothing is judged");
    }
}
