//! From the tally of one run to its statistics. Knows one run at a time.

use crate::probe::Tally;

/// Nanoseconds in a second.
const NS: f64 = 1e9;

/// Fewest samples that must lie above a quantile for it to be stated.
const SAMPLES_ABOVE: u64 = 10;

/// A number, or the reason why there is none.
pub(super) type Known = Result<f64, String>;

/// The statistic `name` of a tally, one of those that [`Kind::statistics`] lists, in seconds
/// (`count`: a number).
///
/// [`Kind::statistics`]: crate::results::catalogue::Kind::statistics
pub(super) fn statistic(tally: &Tally, name: &str) -> Known {
    match name {
        "count" => Ok(tally.count as f64),
        "mean" => completed(tally).map(|n| tally.sum as f64 / n as f64 / NS),
        "max" => completed(tally).map(|_| tally.max as f64 / NS),
        "sd" => standard_deviation(tally),
        _ => permille(name)
            .ok_or_else(|| format!("there is no statistic {name}"))
            .and_then(|q| quantile(tally, name, q)),
    }
}

/// `p90` is 900, `p999` is 999.
fn permille(name: &str) -> Option<u64> {
    let digits = name.strip_prefix('p')?;
    let number: u64 = digits.parse().ok()?;
    match digits.len() {
        2 => Some(number * 10),
        3 => Some(number),
        _ => None,
    }
}

/// Number of completed samples, if there is one.
fn completed(tally: &Tally) -> Result<u64, String> {
    match (tally.count, tally.censored) {
        (0, 0) => Err("no sample".to_owned()),
        (0, 1) => Err("the only sample never ended".to_owned()),
        (0, censored) => Err(format!("none of the {censored} samples ended")),
        (count, _) => Ok(count),
    }
}

/// Standard deviation of the completed samples (divisor n - 1).
///
/// With sum = q n + r the sum of squared deviations is squares - q² n - 2 q r - r²/n: all but the
/// last term are whole numbers that fit 128 bits, so nothing cancels however small the spread is
/// against the mean.
fn standard_deviation(tally: &Tally) -> Known {
    let count = completed(tally)?;
    if count < 2 {
        return Err("one sample has no spread".to_owned());
    }
    let n = u128::from(count);
    let (quotient, rest) = (tally.sum / n, tally.sum % n);
    let whole = tally.squares - quotient * quotient * n - 2 * quotient * rest;
    let deviations = whole as f64 - (rest * rest) as f64 / n as f64;
    Ok((deviations.max(0.0) / (n - 1) as f64).sqrt() / NS)
}

/// The quantile at `permille`: nearest rank, middle of the bucket, never above the exact maximum.
fn quantile(tally: &Tally, name: &str, permille: u64) -> Known {
    let completed = completed(tally)?;
    let samples = completed + tally.censored;
    if samples * (1000 - permille) < SAMPLES_ABOVE * 1000 {
        let needed = (SAMPLES_ABOVE * 1000).div_ceil(1000 - permille);
        return Err(format!(
            "{name} needs {needed} samples in every replication, one has {samples}"
        ));
    }
    let rank = (samples * permille).div_ceil(1000).max(1);
    if rank > completed {
        return Err(format!(
            "{name} lies among the {} of {samples} samples that never ended",
            tally.censored
        ));
    }
    let mut seen = 0;
    for bucket in tally.histogram.iter_recorded() {
        seen += bucket.count_at_value();
        if seen >= rank {
            return Ok(middle(tally, bucket.value_iterated_to()) / NS);
        }
    }
    Ok(tally.max as f64 / NS)
}

/// Middle of the bucket of `value` in ns, never above the exact maximum.
fn middle(tally: &Tally, value: u64) -> f64 {
    let low = tally.histogram.lowest_equivalent(value);
    let high = tally.histogram.highest_equivalent(value);
    (low as f64 + (high - low) as f64 / 2.0).min(tally.max as f64)
}

/// The non-empty buckets of a tally, ascending: middle in ns and samples.
pub(super) fn buckets(tally: &Tally) -> Vec<(f64, u64)> {
    tally
        .histogram
        .iter_recorded()
        .map(|bucket| (middle(tally, bucket.value_iterated_to()), bucket.count_at_value()))
        .collect()
}

/// What a statistic is called in a sentence.
pub(super) fn label(statistic: &str) -> &'static str {
    match statistic {
        "mean" => "mean",
        "sd" => "standard deviation",
        "p50" => "median",
        "p90" => "90th percentile",
        "p95" => "95th percentile",
        "p99" => "99th percentile",
        "p999" => "99.9th percentile",
        "max" => "largest",
        _ => "number of samples",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    /// A tally of these samples in ns.
    pub(in crate::experiment) fn tally(samples: &[u64], censored: u64) -> Tally {
        let mut tally = Tally {
            histogram: Histogram::new(2).expect("two digits are allowed"),
            count: 0,
            sum: 0,
            squares: 0,
            max: 0,
            censored,
        };
        for &ns in samples {
            tally.histogram.record(ns).expect("it resizes");
            tally.count += 1;
            tally.sum += u128::from(ns);
            tally.squares += u128::from(ns) * u128::from(ns);
            tally.max = tally.max.max(ns);
        }
        tally
    }

    fn check(samples: &[u64], censored: u64, name: &str, expected: Result<f64, &str>) {
        let found = statistic(&tally(samples, censored), name);
        assert_eq!(found, expected.map_err(str::to_owned), "{name} of {samples:?}");
    }

    #[test]
    fn mean_and_max_are_of_the_completed() {
        check(&[1_000_000_000, 3_000_000_000], 5, "mean", Ok(2.0));
        check(&[1_000_000_000, 3_000_000_000], 5, "max", Ok(3.0));
        check(&[1_000_000_000, 3_000_000_000], 5, "count", Ok(2.0));
    }

    #[test]
    fn nothing_is_never_zero() {
        check(&[], 0, "mean", Err("no sample"));
        check(&[], 1, "max", Err("the only sample never ended"));
        check(&[], 4, "p50", Err("none of the 4 samples ended"));
        check(&[], 4, "count", Ok(0.0));
        check(&[7], 0, "sd", Err("one sample has no spread"));
    }

    #[test]
    fn a_quantile_needs_ten_samples_above_it() {
        check(&[5; 19], 0, "p50", Err("p50 needs 20 samples in every replication, one has 19"));
        check(&[5; 20], 0, "p50", Ok(5e-9));
        check(&[5; 99], 0, "p90", Err("p90 needs 100 samples in every replication, one has 99"));
        check(&[5; 100], 0, "p90", Ok(5e-9));
        check(&[5; 200], 0, "p95", Ok(5e-9));
        check(&[5; 999], 0, "p99", Err("p99 needs 1000 samples in every replication, one has 999"));
        check(&[5; 1000], 0, "p99", Ok(5e-9));
        check(&vec![5; 10_000], 0, "p999", Ok(5e-9));
    }

    #[test]
    fn a_quantile_is_the_nearest_rank() {
        let samples: Vec<u64> = (1..=100).collect();
        check(&samples, 0, "p50", Ok(50e-9));
        check(&samples, 0, "p90", Ok(90e-9));
    }

    #[test]
    fn censored_samples_rank_above_all_others() {
        let samples: Vec<u64> = (1..=90).collect();
        check(&samples, 10, "p50", Ok(50e-9));
        check(&samples, 10, "p90", Ok(90e-9));
        check(&samples, 11, "p90", Err("p90 lies among the 11 of 101 samples that never ended"));
    }

    #[test]
    fn a_quantile_of_equal_samples_never_exceeds_the_maximum() {
        let found = statistic(&tally(&[8_000_000; 30], 0), "p50").expect("it is known");
        assert!(found <= 0.008 && found > 0.008 * 0.992, "{found}");
    }

    #[test]
    fn spread_survives_a_large_mean() {
        let day = 86_400_000_000_000;
        check(&[day, day + 1, day + 2], 0, "sd", Ok(1e-9));
        check(&vec![day; 1_000], 0, "sd", Ok(0.0));
    }

    proptest! {
        #[test]
        fn statistics_agree_with_the_sorted_samples(
            samples in prop::collection::vec(1_u64..10_000_000_000, 20..300),
        ) {
            let tally = tally(&samples, 0);
            let n = samples.len() as f64;
            let mean = samples.iter().map(|&s| s as f64).sum::<f64>() / n;
            let squares: f64 = samples.iter().map(|&s| (s as f64 - mean) * (s as f64 - mean)).sum();
            let sd = (squares / (n - 1.0)).sqrt();
            let near = |a: f64, b: f64, part: f64| (a - b).abs() <= part * b.abs() + 1e-15;
            prop_assert!(near(statistic(&tally, "mean").unwrap(), mean / 1e9, 1e-12));
            prop_assert!(near(statistic(&tally, "sd").unwrap(), sd / 1e9, 1e-9));
            let mut sorted = samples.clone();
            sorted.sort_unstable();
            let median = sorted[samples.len().div_ceil(2) - 1] as f64 / 1e9;
            prop_assert!(near(statistic(&tally, "p50").unwrap(), median, 0.005));
        }
    }
}
