//! Paired comparison of two variants by replication.
//!
//! Both sides of a pair saw the same random numbers, so their difference is known far better than
//! either side: the interval is that of the differences, not of the two means. Knows nothing of
//! what a metric means, nor whether lower is better.

use super::interval::{half_width, interval, mean};
use super::merge::{Samples, all_known};
use crate::results::{Comparison, Verdict};
use std::collections::BTreeMap;

/// Compares every metric that both variants have, in the order of `a`.
pub(super) fn compare(a: (&str, &[Samples]), b: (&str, &[Samples])) -> Vec<Comparison> {
    let by_path: BTreeMap<&str, &Samples> = b.1.iter().map(|s| (s.path.as_str(), s)).collect();
    a.1.iter()
        .filter_map(|ours| by_path.get(ours.path.as_str()).map(|theirs| (ours, *theirs)))
        .map(|(ours, theirs)| {
            let found = difference(&ours.values, &theirs.values, a.0, b.0);
            Comparison {
                a: a.0.to_owned(),
                b: b.0.to_owned(),
                metric: ours.path.clone(),
                unit: ours.unit.to_owned(),
                diff: found.diff,
                ci95: found.ci95,
                relative: found.relative,
                relative_ci95: found.relative_ci95,
                verdict: found.verdict,
                note: found.note,
            }
        })
        .collect()
}

/// What can be said of one metric.
struct Difference {
    diff: Option<f64>,
    ci95: Option<[f64; 2]>,
    relative: Option<f64>,
    relative_ci95: Option<[f64; 2]>,
    verdict: Verdict,
    note: Option<String>,
}

fn difference(
    a: &[Result<f64, String>],
    b: &[Result<f64, String>],
    a_name: &str,
    b_name: &str,
) -> Difference {
    let unknown = |note: String| Difference {
        diff: None,
        ci95: None,
        relative: None,
        relative_ci95: None,
        verdict: Verdict::Undetected,
        note: Some(note),
    };
    let a = match all_known(a) {
        Ok(values) => values,
        Err(why) => return unknown(format!("no value in {a_name}: {why}")),
    };
    let b = match all_known(b) {
        Ok(values) => values,
        Err(why) => return unknown(format!("no value in {b_name}: {why}")),
    };
    let differences: Vec<f64> = b.iter().zip(&a).map(|(b, a)| b - a).collect();
    let ci95 = interval(&differences);
    let equal = differences.iter().all(|&d| d == 0.0);
    let (relative, relative_ci95) = relative(&a, &b);
    Difference {
        diff: Some(mean(&differences)),
        ci95,
        relative,
        relative_ci95,
        verdict: verdict(equal, ci95),
        note: (!equal && ci95.is_none())
            .then(|| "one replication gives no interval; try --seeds 10".to_owned()),
    }
}

fn verdict(equal: bool, ci95: Option<[f64; 2]>) -> Verdict {
    match ci95 {
        _ if equal => Verdict::Equal,
        Some([_, high]) if high < 0.0 => Verdict::Lower,
        Some([low, _]) if low > 0.0 => Verdict::Higher,
        _ => Verdict::Undetected,
    }
}

/// The relative difference mean(b) / mean(a) - 1 and its 95 % interval, None where mean(a) is 0.
///
/// The interval is that of a ratio of means by the delta method: with R = mean(b) / mean(a) the
/// residuals b - R a have mean 0, and the standard error of R is that of their mean divided by
/// |mean(a)| (Cochran, Sampling Techniques, section 6.4). It takes into account that a is itself
/// uncertain and that the pairs are correlated.
fn relative(a: &[f64], b: &[f64]) -> (Option<f64>, Option<[f64; 2]>) {
    let base = mean(a);
    if base == 0.0 {
        return (None, None);
    }
    if a == b {
        return (Some(0.0), (a.len() > 1).then_some([0.0, 0.0]));
    }
    let ratio = mean(b) / base;
    let relative = ratio - 1.0;
    let residuals: Vec<f64> = b.iter().zip(a).map(|(b, a)| b - ratio * a).collect();
    let half = half_width(&residuals).map(|half| half / base.abs());
    (Some(relative), half.map(|half| [relative - half, relative + half]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;
    use rand_distr::{Distribution, Normal};

    fn samples(path: &str, values: &[f64]) -> Samples {
        Samples {
            path: path.to_owned(),
            unit: "s",
            values: values.iter().map(|&v| Ok(v)).collect(),
        }
    }

    fn compared(a: &[f64], b: &[f64]) -> Comparison {
        compare(("base", &[samples("m", a)]), ("other", &[samples("m", b)])).remove(0)
    }

    #[test]
    fn the_difference_is_b_minus_a() {
        let found = compared(&[4.0, 5.0, 6.0], &[2.0, 2.5, 3.0]);
        assert_eq!(found.diff, Some(-2.5));
        assert_eq!(found.relative, Some(-0.5));
        // b is exactly half of a in every pair, so the ratio is certain though the difference is
        // not.
        assert_eq!(found.relative_ci95, Some([-0.5, -0.5]));
        assert_eq!(found.verdict, Verdict::Lower);
    }

    #[test]
    fn pairing_detects_what_the_means_would_hide() {
        let a = [1.0, 100.0, 50.0, 20.0];
        let b = a.map(|v| v + 0.5 + v / 1000.0);
        assert_eq!(compared(&a, &b).verdict, Verdict::Higher);
    }

    #[test]
    fn equal_means_equal_in_every_pair() {
        let found = compared(&[1.0, 2.0], &[1.0, 2.0]);
        assert_eq!((found.verdict, found.ci95), (Verdict::Equal, Some([0.0, 0.0])));
        assert_eq!(compared(&[1.0, 2.0], &[2.0, 1.0]).verdict, Verdict::Undetected);
        assert_eq!(compared(&[0.0, 0.0], &[0.0, 0.0]).relative, None);
    }

    #[test]
    fn one_replication_gives_no_interval() {
        let found = compared(&[1.0], &[2.0]);
        assert_eq!((found.diff, found.ci95), (Some(1.0), None));
        assert_eq!(found.verdict, Verdict::Undetected);
        assert!(found.note.expect("there is a reason").contains("--seeds"));
        assert_eq!(compared(&[1.0], &[1.0]).verdict, Verdict::Equal);
    }

    #[test]
    fn an_unknown_side_is_undetected_with_the_reason() {
        let mut b = samples("m", &[1.0, 1.0]);
        b.values[1] = Err("no sample".to_owned());
        let found = compare(("base", &[samples("m", &[1.0, 2.0])]), ("other", &[b])).remove(0);
        assert_eq!((found.diff, found.verdict), (None, Verdict::Undetected));
        assert_eq!(found.note.as_deref(), Some("no value in other: no sample"));
    }

    #[test]
    fn only_common_metrics_are_compared_in_the_order_of_the_first() {
        let a = [samples("x", &[1.0]), samples("y", &[1.0]), samples("z", &[1.0])];
        let b = [samples("z", &[1.0]), samples("x", &[1.0])];
        let found = compare(("a", &a), ("b", &b));
        let paths: Vec<_> = found.iter().map(|c| c.metric.as_str()).collect();
        assert_eq!(paths, ["x", "z"]);
    }

    /// How often `trials` comparisons of ten pairs find no difference, b being higher by `shift`
    /// standard deviations.
    fn undetected(trials: u64, shift: f64) -> usize {
        let normal = Normal::new(0.0, 1.0).expect("valid");
        (0..trials)
            .filter(|&seed| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                let mut draw = |centre: f64| -> Vec<f64> {
                    (0..10).map(|_| centre + normal.sample(&mut rng)).collect()
                };
                let (a, b) = (draw(10.0), draw(10.0 + shift));
                compared(&a, &b).verdict == Verdict::Undetected
            })
            .count()
    }

    #[test]
    fn equal_laws_are_undetected_in_19_of_20_comparisons() {
        let found = undetected(2_000, 0.0);
        // Binomial(2000, 0.95): 1900 with a standard deviation of 9.7.
        assert!((1860..=1940).contains(&found), "{found} of 2000");
        let found = undetected(100, 0.0);
        assert!(found >= 94, "{found} of 100");
    }

    #[test]
    fn a_large_shift_is_detected() {
        assert!(undetected(100, 3.0) < 5);
    }
}
