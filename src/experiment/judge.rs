//! Holds what was found against what was expected.

use crate::results::{Expectation, Metric, Ordered, VariantResult};
use crate::scenario::{Bound, Expect};

/// Judges the lines of one variant, in order. `variants` are all that were simulated, for relative
/// bounds.
pub(super) fn judge(
    lines: &[Expect],
    own: &Ordered<Metric>,
    variants: &Ordered<VariantResult>,
) -> Vec<Expectation> {
    lines.iter().map(|line| judge_line(line, own, variants)).collect()
}

fn judge_line(
    line: &Expect,
    own: &Ordered<Metric>,
    variants: &Ordered<VariantResult>,
) -> Expectation {
    let unit = own.get(&line.metric).map(|metric| metric.unit.clone()).unwrap_or_default();
    let value = value_of(own, &line.metric);
    let outcome = value.clone().and_then(|value| holds(value, line, variants));
    Expectation {
        metric: line.metric.clone(),
        bound: line.text.clone(),
        value: value.ok(),
        unit,
        holds: outcome == Ok(true),
        note: outcome.err(),
    }
}

/// A metric's value, or why there is none.
fn value_of(metrics: &Ordered<Metric>, path: &str) -> Result<f64, String> {
    let metric = metrics.get(path).ok_or_else(|| format!("there is no metric {path}"))?;
    metric.value.ok_or_else(|| metric.note.clone().unwrap_or_else(|| "no value".to_owned()))
}

/// Whether a value keeps a bound that stands by itself; none of one that is relative.
pub(super) fn keeps(value: f64, bound: &Bound) -> Option<bool> {
    Some(match bound {
        Bound::Less(bound) => value < *bound,
        Bound::AtMost(bound) => value <= *bound,
        Bound::Equals(bound) => value == *bound,
        Bound::AtLeast(bound) => value >= *bound,
        Bound::Greater(bound) => value > *bound,
        Bound::Range(low, high) => (*low..=*high).contains(&value),
        Bound::Relative { .. } => return None,
    })
}

fn holds(value: f64, line: &Expect, variants: &Ordered<VariantResult>) -> Result<bool, String> {
    let Bound::Relative { operator, factor, variant } = &line.bound else {
        return Ok(keeps(value, &line.bound) == Some(true));
    };
    let other =
        variants.get(variant).ok_or_else(|| format!("variant {variant} was not simulated"))?;
    let other = value_of(&other.metrics, &line.metric)
        .map_err(|why| format!("no value in {variant}: {why}"))?;
    let bound = factor * other;
    Ok(match operator.as_str() {
        "<" => value < bound,
        "<=" => value <= bound,
        "=" => value == bound,
        ">=" => value >= bound,
        ">" => value > bound,
        _ => return Err(format!("unknown operator {operator}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(value: Option<f64>) -> Ordered<Metric> {
        let note = value.is_none().then(|| "no sample".to_owned());
        let metric = Metric { unit: "s".to_owned(), value, note, ..Metric::default() };
        Ordered::from_iter([("email.lag.p99".to_owned(), metric)])
    }

    fn judged(value: Option<f64>, bound: Bound) -> Expectation {
        let base = VariantResult { metrics: metrics(Some(2.0)), ..VariantResult::default() };
        let variants = Ordered::from_iter([("base".to_owned(), base)]);
        let metric = "email.lag.p99".to_owned();
        let line = Expect { metric, text: "as written".to_owned(), bound };
        judge(&[line], &metrics(value), &variants).remove(0)
    }

    fn relative(operator: &str, variant: &str) -> Bound {
        Bound::Relative { operator: operator.to_owned(), factor: 0.5, variant: variant.to_owned() }
    }

    #[test]
    fn each_bound_includes_what_it_says() {
        let holds = |value, bound| judged(Some(value), bound).holds;
        assert!(holds(1.9, Bound::Less(2.0)) && !holds(2.0, Bound::Less(2.0)));
        assert!(holds(2.0, Bound::AtMost(2.0)) && !holds(2.1, Bound::AtMost(2.0)));
        assert!(holds(2.0, Bound::Equals(2.0)) && !holds(2.1, Bound::Equals(2.0)));
        assert!(holds(2.0, Bound::AtLeast(2.0)) && !holds(1.9, Bound::AtLeast(2.0)));
        assert!(holds(2.1, Bound::Greater(2.0)) && !holds(2.0, Bound::Greater(2.0)));
        assert!(holds(1.0, Bound::Range(1.0, 2.0)) && holds(2.0, Bound::Range(1.0, 2.0)));
        assert!(!holds(0.9, Bound::Range(1.0, 2.0)) && !holds(2.1, Bound::Range(1.0, 2.0)));
    }

    #[test]
    fn a_relative_bound_is_a_multiple_of_another_variant() {
        let holds = |value, operator| judged(Some(value), relative(operator, "base")).holds;
        assert!(holds(0.9, "<") && !holds(1.0, "<"));
        assert!(holds(1.0, "<=") && holds(1.0, "=") && holds(1.0, ">="));
        assert!(holds(1.1, ">") && !holds(1.0, ">"));
    }

    #[test]
    fn an_unknown_value_fails_and_says_why() {
        let found = judged(None, Bound::Less(2.0));
        assert_eq!((found.holds, found.value), (false, None));
        assert_eq!(found.note.as_deref(), Some("no sample"));
        let found = judged(Some(1.0), relative("<", "gone"));
        assert!(!found.holds);
        assert_eq!(found.note.as_deref(), Some("variant gone was not simulated"));
    }
}
