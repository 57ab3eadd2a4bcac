//! Statistics for the tests of this room.

use super::{StreamKey, Streams};

/// Standard deviations that a correct estimate may be off, once in 150 000 checks.
pub(super) const Z: f64 = 4.5;

/// The key that the tests draw from.
pub(super) fn key() -> StreamKey {
    Streams::new(1, 0).key("test")
}

/// Mean, variance and the standard error of the variance.
pub(super) fn moments(values: &[f64]) -> (f64, f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let central = |power| values.iter().map(|x| libm::pow(x - mean, power)).sum::<f64>() / n;
    let variance = central(2.0);
    (mean, variance, libm::sqrt((central(4.0) - variance * variance) / n))
}

/// Asserts that `values` follow `cdf` by the test of Kolmogorov and Smirnov: the largest distance
/// between the two distribution functions, times the root of n, stays below 2.2 (exceeded once in
/// 8000 such tests).
pub(super) fn assert_follows(name: &str, mut values: Vec<f64>, cdf: impl Fn(f64) -> f64) {
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len() as f64;
    let mut worst = 0.0_f64;
    for group in values.chunk_by(|a, b| a == b) {
        let x = group[0];
        let below = values.partition_point(|&y| y < x) as f64 / n;
        let up_to = below + group.len() as f64 / n;
        // A draw is rounded to a whole nanosecond, so half of one belongs to each side.
        worst = worst.max((below - cdf(x - 0.5)).abs()).max((up_to - cdf(x + 0.5)).abs());
    }
    assert!(worst * libm::sqrt(n) < 2.2, "{name}: distance {worst}");
}

/// The wrong part of a text in brackets, the message and the help.
pub(super) fn fault<T>(text: &str, result: Result<T, crate::units::ParseError>) -> String {
    let Err(error) = result else { return format!("{text}: no error") };
    let (before, rest) = text.split_at(error.at.start);
    let (wrong, after) = rest.split_at(error.at.len());
    let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
    format!("{before}[{wrong}]{after}: {}{help}", error.message)
}
