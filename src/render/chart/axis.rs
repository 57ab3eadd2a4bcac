//! Axes whose mapping and ticks are computed here, by portable arithmetic: the ready-made ones call
//! the platform's logarithms, so their charts would not be byte-equal everywhere.

use crate::render::wording::{plain, seconds, short};
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use std::ops::Range;

/// A linear or logarithmic axis with its ticks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    /// Positions and labels.
    ticks: Vec<(f64, String)>,
    log: bool,
}

/// Ten to the power of `e`, exact as decimals are.
fn ten_to(e: i32) -> f64 {
    format!("1e{e}").parse().unwrap_or(1.0)
}

/// Decimal exponent of a positive number.
fn decade(v: f64) -> i32 {
    format!("{v:e}").split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0)
}

/// The smallest of 1, 2, 5 times a power of ten that is not below `v`.
fn nice(v: f64) -> f64 {
    let unit = ten_to(decade(v));
    [1.0, 2.0, 5.0].into_iter().map(|m| m * unit).find(|n| *n >= v).unwrap_or(10.0 * unit)
}

impl Axis {
    /// From 0 to `high` or a round number above it, with up to `ticks` steps. Labels show multiples
    /// of `1 / factor`.
    pub(super) fn linear(high: f64, ticks: u32, factor: f64) -> Self {
        let high = if high.is_finite() && high * factor > 1e-30 { high } else { 1.0 / factor };
        let step = nice(high * factor / f64::from(ticks));
        let steps = (high * factor / step).ceil().max(1.0);
        let ticks = (0..=steps as u32)
            .map(|k| (f64::from(k) * step / factor, short(f64::from(k) * step)))
            .collect();
        Self { low: 0.0, high: steps * step / factor, ticks, log: false }
    }

    /// From 0 to exactly `high`, with ticks at round numbers.
    pub(super) fn linear_exact(high: f64, ticks: u32, factor: f64) -> Self {
        let mut axis = Self::linear(high, ticks, factor);
        if high.is_finite() && high * factor > 1e-30 {
            axis.high = high;
            axis.ticks.retain(|(at, _)| *at <= high * (1.0 + 1e-9));
        }
        axis
    }

    /// From exactly `low` to exactly `high`, with ticks at round numbers.
    pub(super) fn linear_between(low: f64, high: f64, ticks: u32, factor: f64) -> Self {
        let span = (high - low) * factor;
        if !(low.is_finite() && span.is_finite() && span > 1e-30) {
            return Self::linear_exact(high, ticks, factor);
        }
        let step = nice(span / f64::from(ticks));
        let first = (low * factor / step - 1e-9).ceil();
        let ticks = (0..=ticks)
            .map(|k| (first + f64::from(k)) * step)
            .take_while(|at| *at <= high * factor * (1.0 + 1e-9))
            .map(|at| (at / factor, short(at)))
            .collect();
        Self { low, high, ticks, log: false }
    }

    /// A place of width 1 for each name, in their order; labels in the middle of at most `most` of
    /// them.
    pub(super) fn places(names: &[String], most: usize) -> Self {
        let every = names.len().div_ceil(most.max(1)).max(1);
        let named = names.iter().enumerate().step_by(every);
        let ticks = named.map(|(k, name)| (k as f64 + 0.5, name.clone())).collect();
        Self { low: 0.0, high: names.len().max(1) as f64, ticks, log: false }
    }

    /// A share from nothing to all.
    pub(super) fn share() -> Self {
        let ticks = [0.0, 0.25, 0.5, 0.75, 1.0];
        let ticks = ticks.map(|t| (t, format!("{:.0} %", t * 100.0))).to_vec();
        Self { low: 0.0, high: 1.0, ticks, log: false }
    }

    /// Seconds on a logarithmic axis of whole decades around `low..high`. What is not positive lies
    /// at its left end.
    pub(super) fn log_seconds(low: f64, high: f64) -> Self {
        let low = if low.is_finite() && low > 1e-12 { low } else { 1e-9 };
        let first = decade(low);
        let last = decade(high.max(low)) + 1;
        // At most about eight labels, however many decades there are.
        let step = (last - first).div_euclid(8) + 1;
        let ticks = (first..=last)
            .filter(|e| (e - first) % step == 0)
            .map(|e| (ten_to(e), tick_seconds(ten_to(e))))
            .collect();
        Self { low: ten_to(first), high: ten_to(last), ticks, log: true }
    }

    /// Where the axis starts.
    pub(super) fn low(&self) -> f64 {
        self.low
    }

    /// Where the axis ends.
    pub(super) fn high(&self) -> f64 {
        self.high
    }

    /// Position of `v` as a share of the axis, 0..=1.
    fn share_of(&self, v: f64) -> f64 {
        let v = if v.is_finite() { v.clamp(self.low, self.high) } else { self.low };
        if self.log {
            let (low, high) = (libm::log10(self.low), libm::log10(self.high));
            (libm::log10(v) - low) / (high - low)
        } else {
            (v - self.low) / (self.high - self.low)
        }
    }
}

/// A power of ten in seconds, without the digits of a measured value: "10 ms", "100 s".
fn tick_seconds(v: f64) -> String {
    if v >= 1.0 {
        format!("{} s", short(v))
    } else {
        plain(&seconds(v)).replace(".00", "").replace(".0", "")
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        limit.0 + (f64::from(limit.1 - limit.0) * self.share_of(*value)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks.iter().map(|t| t.0).collect()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        self.ticks.iter().find(|t| t.0 == *value).map_or(String::new(), |t| t.1.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|t| t.1.as_str()).collect()
    }

    #[test]
    fn a_piece_of_an_axis_has_round_ticks_within_it() {
        let axis = Axis::linear_between(101.5, 258.0, 8, 1.0);
        let labels: Vec<&str> = axis.ticks.iter().map(|t| t.1.as_str()).collect();
        assert_eq!(labels, ["120", "140", "160", "180", "200", "220", "240"]);
        assert_eq!((axis.low(), axis.high()), (101.5, 258.0));
    }

    #[test]
    fn linear_axes_have_round_ticks() {
        assert_eq!(labels(&Axis::linear(39.8, 5, 1.0)), ["0", "10", "20", "30", "40"]);
        assert_eq!(labels(&Axis::linear(0.0123, 4, 1e3)), ["0", "5", "10", "15"]);
        assert_eq!(labels(&Axis::linear(0.0, 4, 1.0)).len(), 3);
        assert_eq!(labels(&Axis::linear_exact(61.0, 6, 1.0)), ["0", "20", "40", "60"]);
        assert_eq!(Axis::linear_exact(61.0, 6, 1.0).high(), 61.0);
        assert_eq!(labels(&Axis::linear(5e-324, 4, 1.0)).len(), 3);
    }

    #[test]
    fn logarithmic_axes_cover_whole_decades_and_stay_readable() {
        let axis = Axis::log_seconds(0.0012, 3.0);
        assert_eq!(labels(&axis), ["1 ms", "10 ms", "100 ms", "1 s", "10 s"]);
        assert_eq!(axis.map(&0.001, (0, 4000)), 0);
        assert_eq!(axis.map(&0.1, (0, 4000)), 2000);
        assert_eq!(axis.map(&0.0, (0, 4000)), 0);
        assert_eq!(axis.map(&f64::INFINITY, (0, 4000)), 0);
        let wide = Axis::log_seconds(1e-9, 1e6);
        assert!(wide.ticks.len() <= 9, "{:?}", labels(&wide));
        assert_eq!(labels(&Axis::log_seconds(0.0, 0.0)), ["1 ns", "10 ns"]);
    }

    #[test]
    fn places_are_equally_wide_and_not_all_named_if_there_are_many() {
        let names: Vec<String> = (0..40).map(|k| k.to_string()).collect();
        let axis = Axis::places(&names, 16);
        assert_eq!(labels(&axis)[..3], ["0", "3", "6"]);
        assert_eq!((labels(&axis).len(), axis.map(&0.5, (0, 4000))), (14, 50));
        assert_eq!(Axis::places(&[], 16).high(), 1.0);
    }

    #[test]
    fn the_vertical_axis_runs_upwards() {
        assert_eq!(Axis::share().map(&1.0, (100, 0)), 0);
        assert_eq!(Axis::share().map(&0.25, (100, 0)), 75);
    }
}
