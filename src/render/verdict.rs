//! Comparisons in sentences: which metric is how much lower or higher, how sure that is, or that no
//! difference was detected.
//!
//! Says only what the comparison says: with one seed there is no interval, and a sentence then
//! claims none.

use crate::render::view::View;
use crate::render::wording::{Style, is_ledger, list, metric_name, percent, significant};
use crate::results::{Comparison, Results, Verdict};

/// Sentences that a pair of variants gets at most.
const MOST: usize = 8;

/// What may go wrong with deliveries beside loss; told of only if it did.
const TROUBLE: [&str; 8] = [
    "ledger.dropped",
    "ledger.rejected",
    "ledger.expired",
    "ledger.dead_lettered",
    "ledger.phantom",
    "ledger.double_applied",
    "ledger.redelivered",
    "ledger.out_of_order",
];

/// What was found about one pair of variants.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pair {
    /// The variant that is measured against.
    pub(crate) a: String,
    /// The variant that differs.
    pub(crate) b: String,
    /// One sentence per metric that matters.
    pub(crate) sentences: Vec<String>,
    /// Comparisons that are not told of here.
    pub(crate) untold: usize,
}

/// All pairs in the order of the comparisons.
pub(crate) fn pairs(results: &Results) -> Vec<Pair> {
    let views = View::all(results);
    let mut pairs: Vec<Pair> = Vec::new();
    for c in &results.comparisons {
        if !pairs.iter().any(|p| p.a == c.a && p.b == c.b) {
            pairs.push(Pair { a: c.a.clone(), b: c.b.clone(), ..Pair::default() });
        }
    }
    for pair in &mut pairs {
        let all: Vec<&Comparison> =
            results.comparisons.iter().filter(|c| c.a == pair.a && c.b == pair.b).collect();
        let told = matter(&views, &all);
        pair.untold = all.len() - told.len();
        pair.sentences = sentences(results, &told);
    }
    pairs
}

/// The comparisons worth a sentence: first those of metrics that the scenario expects something of,
/// then lag, latency, availability and loss of everybody, and what else went wrong with deliveries.
fn matter<'c>(views: &[View<'_>], all: &[&'c Comparison]) -> Vec<&'c Comparison> {
    let expected = |c: &Comparison| {
        views
            .iter()
            .filter(|v| v.name == c.a || v.name == c.b)
            .any(|v| v.result.expect.iter().any(|e| e.metric == c.metric))
    };
    let usual = |c: &Comparison| {
        let path = c.metric.as_str();
        let service = path.ends_with(".lag.p99") && !path.contains('@');
        service
            || path.ends_with(".latency.p99")
            || path.ends_with(".availability")
            || path == "ledger.lost"
            || (TROUBLE.contains(&path) && !(c.verdict == Verdict::Equal && c.relative.is_none()))
    };
    let mut told: Vec<&Comparison> = all.iter().copied().filter(|c| expected(c)).collect();
    let rest = all.iter().copied().filter(|c| !expected(c) && usual(c));
    // Among the usual ones, what differs comes before what does not.
    let (differing, same): (Vec<_>, Vec<_>) =
        rest.partition(|c| c.verdict != Verdict::Equal && c.diff.is_some());
    told.extend(differing);
    told.extend(same);
    told.truncate(MOST);
    told
}

/// A sentence for each difference, and one for all metrics without one.
fn sentences(results: &Results, told: &[&Comparison]) -> Vec<String> {
    let mut lines = Vec::new();
    for c in told.iter().filter(|c| c.diff.is_some() && c.verdict != Verdict::Equal) {
        lines.push(sentence(results, c));
    }
    let equal: Vec<String> = told
        .iter()
        .filter(|c| c.diff.is_some() && c.verdict == Verdict::Equal)
        .map(|c| metric_name(&c.metric))
        .collect();
    if let Some(c) = told.first().filter(|_| !equal.is_empty()) {
        lines.push(format!("{}: {} exactly equal to {}", c.b, list(&equal), c.a));
    }
    for c in told.iter().filter(|c| c.diff.is_none()) {
        lines.push(sentence(results, c));
    }
    lines
}

/// One comparison in one sentence.
pub(crate) fn sentence(results: &Results, c: &Comparison) -> String {
    let what = metric_name(&c.metric);
    let Some(diff) = c.diff else {
        let why = c.note.as_deref().unwrap_or("one side has no value");
        return format!("{}: no difference to state for {what}: {why}", c.b);
    };
    match c.verdict {
        Verdict::Equal => format!("{}: {what} exactly equal to {}", c.b, c.a),
        Verdict::Undetected if c.ci95.is_some() => {
            let [low, high] = c.ci95.unwrap_or_default();
            let style = Style::of(&c.metric, &c.unit);
            format!(
                "{}: no detectable difference in {what} (95 % interval of the difference {} to {})",
                c.b,
                difference(style, low),
                difference(style, high)
            )
        }
        _ if is_ledger(&c.metric) => counted(results, c, &what),
        Verdict::Undetected if results.seeds < 2 => {
            format!("{}: {what} {} in this one run", c.b, amount(c, diff))
        }
        Verdict::Undetected => format!("{}: no detectable difference in {what}", c.b),
        Verdict::Lower | Verdict::Higher => {
            format!("{}: {what} {}{}", c.b, amount(c, diff), interval(c))
        }
    }
}

/// Counts are told as they are, not as a share of what may be nothing: "before: 212 lost
/// deliveries, 0 in base, in this one run".
fn counted(results: &Results, c: &Comparison, what: &str) -> String {
    let value = |variant: &str| {
        let metric = results.variants.get(variant).and_then(|v| v.metrics.get(&c.metric));
        metric.and_then(|m| m.value).map_or("?".to_owned(), |v| Style::Number.write(v))
    };
    let how_sure = match c.ci95 {
        Some([low, high]) => format!(
            " a run, 95 % interval of the difference {} to {}",
            Style::Number.write(low),
            Style::Number.write(high)
        ),
        None if results.seeds < 2 => ", in this one run".to_owned(),
        None => " a run".to_owned(),
    };
    format!("{}: {} {what}, {} in {}{how_sure}", c.b, value(&c.b), value(&c.a), c.a)
}

/// "41 % lower than base", "3.4 times that of base", "17.9 points higher than base".
fn amount(c: &Comparison, diff: f64) -> String {
    let direction = if diff < 0.0 { "lower" } else { "higher" };
    let style = Style::of(&c.metric, &c.unit);
    if style == Style::Share {
        return format!("{} points {direction} than {}", significant(diff.abs() * 100.0), c.a);
    }
    match c.relative {
        Some(r) if r >= 2.0 => format!("{} times that of {}", significant(r + 1.0), c.a),
        Some(r) => format!("{} {direction} than {}", percent(r.abs()), c.a),
        None => format!("{} {direction} than {}", style.write(diff.abs()), c.a),
    }
}

/// ", 95 % interval 38 to 44 %" in the terms that [`amount`] uses.
fn interval(c: &Comparison) -> String {
    let style = Style::of(&c.metric, &c.unit);
    let bounds = |[low, high]: [f64; 2], f: &dyn Fn(f64) -> String, unit: &str| {
        // A decrease is told as a positive amount, so its interval is turned round.
        let (near, far) = if high <= 0.0 { (-high, -low) } else { (low, high) };
        format!(", 95 % interval {} to {}{unit}", f(near), f(far))
    };
    let plain = |v: f64| significant(v * 100.0);
    match (style, c.relative, c.relative_ci95, c.ci95) {
        (Style::Share, _, _, Some(ci)) => bounds(ci, &plain, " points"),
        (_, Some(r), Some([low, high]), _) if r >= 2.0 => {
            bounds([low + 1.0, high + 1.0], &significant, " times")
        }
        (_, Some(_), Some(ci), _) => bounds(ci, &plain, " %"),
        (_, None, _, Some(ci)) => bounds(ci, &|v| style.write(v), ""),
        _ => String::new(),
    }
}

/// A difference as an amount; shares differ by percentage points.
fn difference(style: Style, v: f64) -> String {
    match style {
        Style::Share => format!("{} points", significant(v * 100.0)),
        other => other.write(v),
    }
}

/// What to add where there is no interval.
pub(crate) fn caveat(results: &Results) -> Option<&'static str> {
    (results.seeds < 2 && results.variants.len() > 1)
        .then_some("One seed gives no interval: luck may explain a difference. Add --seeds 10.")
}

/// A short difference for a table: "-41.0 %", "+17.9 points", "x 3.40", "equal", "none seen", "-".
pub(crate) fn cell(c: &Comparison) -> String {
    let Some(diff) = c.diff else { return "-".to_owned() };
    let signed = |text: String| if diff > 0.0 { format!("+{text}") } else { text };
    match c.verdict {
        Verdict::Equal => "equal".to_owned(),
        Verdict::Undetected if c.ci95.is_some() => "none seen".to_owned(),
        _ if Style::of(&c.metric, &c.unit) == Style::Share => {
            signed(format!("{} points", significant(diff * 100.0)))
        }
        _ => match c.relative {
            Some(r) if r >= 2.0 => format!("x {}", significant(r + 1.0)),
            Some(r) => signed(percent(r)),
            None => signed(Style::of(&c.metric, &c.unit).write(diff)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing;
    use crate::render::wording::plain;

    fn comparison(metric: &str, unit: &str) -> Comparison {
        Comparison {
            a: "base".to_owned(),
            b: "events".to_owned(),
            metric: metric.to_owned(),
            unit: unit.to_owned(),
            diff: Some(-0.2),
            ci95: Some([-0.22, -0.19]),
            relative: Some(-0.41),
            relative_ci95: Some([-0.44, -0.38]),
            verdict: Verdict::Lower,
            note: None,
        }
    }

    fn check(c: &Comparison, seeds: u64, expected: &str) {
        let mut results = testing::overload();
        results.seeds = seeds;
        assert_eq!(plain(&sentence(&results, c)), expected);
    }

    #[test]
    fn a_detected_difference_states_its_interval() {
        let c = comparison("email.lag.p99", "s");
        check(
            &c,
            10,
            "events: p99 lag of email 41.0 % lower than base, 95 % interval 38.0 to 44.0 %",
        );
    }

    #[test]
    fn a_multiple_is_told_as_times() {
        let c = Comparison {
            diff: Some(1.0),
            relative: Some(2.4),
            relative_ci95: Some([2.2, 2.6]),
            verdict: Verdict::Higher,
            ..comparison("email.lag.p99", "s")
        };
        check(
            &c,
            10,
            "events: p99 lag of email 3.40 times that of base, 95 % interval 3.20 to 3.60 times",
        );
    }

    #[test]
    fn shares_differ_by_points() {
        let c = Comparison {
            diff: Some(0.179),
            ci95: Some([0.17, 0.188]),
            verdict: Verdict::Higher,
            ..comparison("web.availability", "1")
        };
        check(
            &c,
            10,
            "events: availability of web 17.9 points higher than base, 95 % interval 17.0 to 18.8 \
             points",
        );
    }

    #[test]
    fn without_a_relative_the_amount_has_a_unit() {
        let c = Comparison {
            relative: None,
            relative_ci95: None,
            ..comparison("email.wait.mean", "s")
        };
        check(
            &c,
            10,
            "events: mean wait of email 200 ms lower than base, 95 % interval 190 ms to 220 ms",
        );
    }

    #[test]
    fn losses_and_duplicates_are_told_as_counts() {
        let results = testing::delivery();
        let c = Comparison {
            b: "before-outbox-plain".to_owned(),
            diff: Some(70.0),
            ci95: Some([65.5, 74.5]),
            relative: None,
            relative_ci95: None,
            verdict: Verdict::Higher,
            ..comparison("ledger.lost", "1")
        };
        assert_eq!(
            plain(&sentence(&results, &c)),
            "before-outbox-plain: 70 lost deliveries, 0 in base a run, 95 % interval of the \
             difference 65.5 to 74.5"
        );
        let one = Results { seeds: 1, ..results };
        let c = Comparison { verdict: Verdict::Undetected, ci95: None, ..c };
        assert_eq!(
            sentence(&one, &c),
            "before-outbox-plain: 70 lost deliveries, 0 in base, in this one run"
        );
    }

    #[test]
    fn trouble_with_deliveries_is_told_of_where_there_is_any() {
        let mut results = testing::overload();
        let zero = Comparison {
            b: "fixed".to_owned(),
            diff: Some(0.0),
            relative: None,
            verdict: Verdict::Equal,
            ..comparison("ledger.phantom", "1")
        };
        let twice = Comparison {
            diff: Some(4.0),
            verdict: Verdict::Higher,
            ..Comparison { metric: "ledger.double_applied".to_owned(), ..zero.clone() }
        };
        results.comparisons = vec![zero, twice];
        let pairs = pairs(&results);
        assert_eq!((pairs[0].sentences.len(), pairs[0].untold), (1, 1));
        assert!(pairs[0].sentences[0].contains("double effects"), "{:?}", pairs[0].sentences);
    }

    #[test]
    fn equal_undetected_and_unknown_are_first_class() {
        let base = comparison("email.lag.p99", "s");
        let equal = Comparison { verdict: Verdict::Equal, diff: Some(0.0), ..base.clone() };
        check(&equal, 10, "events: p99 lag of email exactly equal to base");
        let undetected =
            Comparison { verdict: Verdict::Undetected, ci95: Some([-0.3, 0.1]), ..base.clone() };
        check(
            &undetected,
            10,
            "events: no detectable difference in p99 lag of email (95 % interval of the \
             difference -300 ms to 100 ms)",
        );
        let one = Comparison {
            verdict: Verdict::Undetected,
            ci95: None,
            relative_ci95: None,
            ..base.clone()
        };
        check(&one, 1, "events: p99 lag of email 41.0 % lower than base in this one run");
        let unknown = Comparison { diff: None, note: Some("too few".to_owned()), ..base };
        check(&unknown, 10, "events: no difference to state for p99 lag of email: too few");
    }

    #[test]
    fn cells_are_short() {
        let c = comparison("email.lag.p99", "s");
        assert_eq!(plain(&cell(&c)), "-41.0 %");
        assert_eq!(cell(&Comparison { verdict: Verdict::Equal, ..c.clone() }), "equal");
        assert_eq!(cell(&Comparison { verdict: Verdict::Undetected, ..c.clone() }), "none seen");
        assert_eq!(cell(&Comparison { relative: Some(9.0), ..c.clone() }), "x 10.0");
        assert_eq!(cell(&Comparison { diff: None, ..c }), "-");
    }

    #[test]
    fn what_the_scenario_expects_comes_first_and_the_rest_is_counted() {
        let mut results = testing::overload();
        results.comparisons = ["a.lag.p99", "b.wait.mean", "email.lag.p99", "c.lag.p99"]
            .map(|m| Comparison { b: "fixed".to_owned(), ..comparison(m, "s") })
            .to_vec();
        let pairs = pairs(&results);
        assert_eq!(pairs.len(), 1);
        assert!(pairs[0].sentences[0].contains("email"), "{:?}", pairs[0].sentences);
        assert_eq!((pairs[0].sentences.len(), pairs[0].untold), (3, 1));
    }
}
