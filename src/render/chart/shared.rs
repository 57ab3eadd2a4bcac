//! What several figures need: pieces of a series, shaded times, axes over time, values of all
//! variants in a title.

use super::axis::Axis;
use super::figure::{Curve, Panel, Shade};
use crate::render::view::{View, worst_first};
use crate::render::wording::{count, list, time_unit};
use crate::results::Series;

/// Plots of a figure at most.
pub(super) const MOST: usize = 6;

/// Variants that a title tells of at most.
const TOLD: usize = 3;

/// Points of a curve at most: with more, noise from bin to bin hides the curve.
pub(super) const POINTS: usize = 200;

/// How several bins become one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    /// The mean of those that have a value.
    Mean,
    /// The largest, so that no peak vanishes.
    Max,
}

/// Bins that become one point.
fn joined(series: &Series) -> usize {
    series.values.len().div_ceil(POINTS).max(1)
}

/// Middle of each point's time and its value, or nothing where all of its bins are empty.
fn joined_points(series: &Series, join: Join) -> impl Iterator<Item = Option<(f64, f64)>> {
    let each = joined(series);
    series.values.chunks(each).enumerate().map(move |(k, bins)| {
        let values = || bins.iter().copied().filter_map(finite);
        let n = values().count();
        let value = match join {
            Join::Mean => values().sum::<f64>() / n as f64,
            Join::Max => values().fold(0.0, f64::max),
        };
        let middle = (k * each) as f64 + bins.len() as f64 / 2.0;
        (n > 0).then_some((middle * series.bin_s, value))
    })
}

/// The points of a series in pieces without holes.
pub(super) fn pieces(series: &Series, join: Join) -> Vec<Vec<(f64, f64)>> {
    without_holes(joined_points(series, join))
}

/// The band between two series over the same bins, where both have a value.
pub(super) fn band(low: &Series, high: &Series) -> Vec<Vec<(f64, f64, f64)>> {
    if low.bin_s != high.bin_s || joined(low) != joined(high) {
        return Vec::new();
    }
    let lower = joined_points(low, Join::Mean);
    let upper = joined_points(high, Join::Max);
    without_holes(lower.zip(upper).map(|(low, high)| Some((low?.0, low?.1, high?.1))))
}

fn finite(v: Option<f64>) -> Option<f64> {
    v.filter(|v| v.is_finite())
}

fn without_holes<T>(items: impl Iterator<Item = Option<T>>) -> Vec<Vec<T>> {
    let mut pieces = vec![Vec::new()];
    for item in items {
        match (item, pieces.last_mut()) {
            (Some(item), Some(piece)) => piece.push(item),
            _ => pieces.push(Vec::new()),
        }
    }
    pieces.retain(|p| !p.is_empty());
    pieces
}

/// A curve of the series of each variant that has one; with a second series above it as a band.
pub(super) fn curves(
    views: &[View<'_>],
    name: &str,
    line: &[&str],
    upper: Option<&str>,
) -> Vec<Curve> {
    let mut curves = Vec::new();
    for (variant, view) in views.iter().enumerate() {
        let Some(series) = view.series(name, line) else { continue };
        let upper = upper.and_then(|suffix| view.series(name, &[suffix]));
        let band = upper.map_or(Vec::new(), |upper| band(series, upper));
        curves.push(Curve { variant, pieces: pieces(series, Join::Mean), band });
    }
    curves
}

/// The largest value that any of the curves reaches.
pub(super) fn highest(curves: &[Curve]) -> f64 {
    let lines = curves.iter().flat_map(|c| c.pieces.iter().flatten().map(|p| p.1));
    let bands = curves.iter().flat_map(|c| c.band.iter().flatten().map(|p| p.2));
    lines.chain(bands).fold(0.0, f64::max)
}

/// The horizontal axis of all plots over time, from 0 to the end of the longest curve, and its
/// name.
pub(super) struct TimeAxis {
    /// The axis.
    pub(super) axis: Axis,
    /// Quantity and unit.
    pub(super) name: String,
}

impl TimeAxis {
    /// Long enough for the series named `suffixes` of all components `names`.
    pub(super) fn new(views: &[View<'_>], names: &[String], suffixes: &[&str]) -> Self {
        let mut end = 0.0;
        for view in views {
            for series in names.iter().filter_map(|name| view.series(name, suffixes)) {
                // Empty bins at the end are not drawn.
                let used = series.values.iter().rposition(Option::is_some).map_or(0, |k| k + 1);
                end = f64::max(end, used as f64 * series.bin_s);
            }
            let (_, measured) = view.measured();
            if measured.is_finite() && !names.is_empty() {
                end = f64::max(end, measured);
            }
        }
        let (factor, unit) = time_unit(end);
        let name = format!("simulated time ({unit})");
        Self { axis: Axis::linear_exact(end, 8, factor), name }
    }
}

/// A plot of durations over time.
pub(super) fn duration_panel(
    title: String,
    time: &TimeAxis,
    what: &str,
    curves: Vec<Curve>,
) -> Panel {
    let high = highest(&curves);
    let (factor, unit) = time_unit(high);
    Panel {
        title,
        y_name: format!("{what} ({unit})"),
        x: time.axis.clone(),
        y: Axis::linear(high, 4, factor),
        curves,
        bars: Vec::new(),
        guides: Vec::new(),
        shades: Vec::new(),
    }
}

/// Times to shade in a plot over time: what was broken, and where the traffic ended if the plot
/// goes on after it.
pub(super) fn shades(views: &[View<'_>], time: &TimeAxis) -> Vec<Shade> {
    let end = time.axis.high();
    let mut windows: Vec<(&str, f64, f64, &str)> = Vec::new();
    for view in views {
        for window in &view.result.failures {
            let (from, to) = (window.from, window.to.unwrap_or(end).min(end));
            if from < end && from <= to {
                windows.push((&window.name, from, to, view.name));
            }
        }
    }
    // The same window in several variants is shaded once. The sort is stable, so variants keep
    // their order.
    windows.sort_by(|a, b| a.0.cmp(b.0).then(a.1.total_cmp(&b.1)).then(a.2.total_cmp(&b.2)));
    let same = windows.chunk_by(|a, b| (a.0, a.1, a.2) == (b.0, b.1, b.2));
    let shades = same
        .map(|same| {
            let (name, from, to, variant) = same[0];
            let label = match same.len() {
                n if n >= views.len() => name.to_owned(),
                1 => format!("{name} ({variant})"),
                n => format!("{name} ({n} variants)"),
            };
            Shade { from, to, label }
        })
        .collect();
    let mut shades = merged(shades, end / 400.0);
    let traffic = views.iter().map(|v| v.measured().1).fold(0.0, f64::max);
    if traffic > 0.0 && traffic < end * 0.98 {
        let label = "traffic ends".to_owned();
        shades.push(Shade { from: traffic, to: traffic, label });
    }
    shades
}

/// The shades from left to right, those of one name that are less than `gap` apart made one: what
/// is narrower cannot be seen, and a failure may strike thousands of times.
fn merged(mut shades: Vec<Shade>, gap: f64) -> Vec<Shade> {
    shades.sort_by(|a, b| a.label.cmp(&b.label).then(a.from.total_cmp(&b.from)));
    let mut kept: Vec<Shade> = Vec::new();
    for shade in shades {
        match kept.last_mut() {
            Some(last) if last.label == shade.label && shade.from - last.to < gap => {
                last.to = last.to.max(shade.to);
            }
            _ => kept.push(shade),
        }
    }
    kept.sort_by(|a, b| a.from.total_cmp(&b.from));
    kept
}

/// Subscribers to plot, worst first, and what to say of the others.
pub(super) fn subscribers(views: &[View<'_>], has: &dyn Fn(&str) -> bool) -> (Vec<String>, String) {
    let all: Vec<String> = worst_first(views).into_iter().filter(|name| has(name)).collect();
    let mut shown = all.clone();
    shown.truncate(MOST);
    (shown, left_out(all.len(), "subscribers", "furthest behind"))
}

/// " The 6 furthest behind of 100 subscribers.", or nothing if all are shown.
pub(super) fn left_out(all: usize, what: &str, which: &str) -> String {
    if all > MOST {
        format!(" The {MOST} {which} of {} {what}.", count(all as u64))
    } else {
        String::new()
    }
}

/// "118 s (base), 119 ms (fixed)"; without the name of the variant if there is only one.
pub(super) fn told(views: &[View<'_>], f: &dyn Fn(&View<'_>) -> Option<String>) -> Option<String> {
    if let [one] = views {
        return f(one);
    }
    let all: Vec<String> = views
        .iter()
        .filter_map(|view| Some(format!("{} ({})", f(view)?, view.name)))
        .take(TOLD)
        .collect();
    (!all.is_empty()).then(|| list(&all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_cut_lines_and_bands() {
        let series = |values: &[Option<f64>]| Series {
            unit: "s".to_owned(),
            bin_s: 2.0,
            values: values.to_vec(),
        };
        let low = series(&[Some(1.0), None, Some(3.0), Some(4.0)]);
        assert_eq!(pieces(&low, Join::Mean), [vec![(1.0, 1.0)], vec![(5.0, 3.0), (7.0, 4.0)]]);
        let high = series(&[Some(2.0), Some(2.0), None, Some(5.0)]);
        assert_eq!(band(&low, &high), [[(1.0, 1.0, 2.0)], [(7.0, 4.0, 5.0)]]);
        let other = Series { bin_s: 1.0, ..high };
        assert!(band(&low, &other).is_empty());
    }

    #[test]
    fn shades_too_close_to_tell_apart_become_one() {
        let shade = |from, to, label: &str| Shade { from, to, label: label.to_owned() };
        let all = vec![shade(5.0, 6.0, "b"), shade(1.0, 2.0, "a"), shade(2.05, 3.0, "a")];
        assert_eq!(merged(all.clone(), 0.1), [shade(1.0, 3.0, "a"), shade(5.0, 6.0, "b")]);
        assert_eq!(merged(all, 0.01).len(), 3);
    }

    #[test]
    fn many_bins_become_few_points_without_losing_a_peak() {
        let mut values = vec![Some(1.0); 600];
        values[100] = Some(7.0);
        values[200] = None;
        values[300..303].fill(None);
        let series = Series { unit: "s".to_owned(), bin_s: 0.5, values };
        let mean = pieces(&series, Join::Mean);
        assert_eq!(mean.iter().map(Vec::len).collect::<Vec<_>>(), [100, 99]);
        assert_eq!(mean[0][33], (50.25, 3.0));
        assert_eq!(mean[0][66], (99.75, 1.0));
        assert_eq!(pieces(&series, Join::Max)[0][33].1, 7.0);
    }
}
