//! Losses and duplicates over time: how many there have been so far, by service and kind.

use super::Kind;
use super::axis::Axis;
use super::figure::{Curve, Figure, Panel};
use super::palette;
use super::shared::{MOST, POINTS, TimeAxis, highest, shades};
use crate::render::view::{View, worst_first};
use crate::render::wording::{list, plural, significant};
use crate::results::Series;

pub(super) const KIND: Kind = Kind {
    file_name: "losses-and-duplicates.svg",
    variants: palette::MOST,
    how_to_read: "The line is how many there have been since the start. A step is an incident, a \
                  slope is a leak, a flat line is peace; it falls where dead letters go back to \
                  their queue. Each panel has a scale of its own.",
    figure,
};

/// What is drawn, as it is called in paths and by people.
const SERIES: [(&str, &str); 5] = [
    ("ledger.lost", "lost"),
    ("ledger.dropped", "given up"),
    ("ledger.dead_lettered", "dead-lettered"),
    ("ledger.redelivered", "redelivered"),
    ("ledger.double_applied", "applied twice"),
];

/// Kinds that the title tells of at most.
const TOLD: usize = 2;

fn figure(views: &[View<'_>]) -> Option<Figure> {
    let suffixes = SERIES.map(|s| s.0);
    let mut names = worst_first(views);
    names.retain(|name| views.iter().any(|v| v.series(name, &suffixes).is_some()));
    let worst = names.first()?.clone();
    let time = TimeAxis::new(views, &names, &suffixes);
    let shades = shades(views, &time);
    let mut panels = Vec::new();
    for (name, (suffix, word)) in names.iter().flat_map(|n| SERIES.map(|s| (n, s))) {
        let curves = curves(views, name, suffix);
        let high = highest(&curves);
        if high > 0.0 {
            let (title, y_name) = (format!("{name}: {word}"), "so far (1)".to_owned());
            let plot = Panel::new(title, y_name, time.axis.clone(), Axis::linear(high, 4, 1.0));
            panels.push(Panel { curves, shades: shades.clone(), ..plot });
        }
    }
    let all = panels.len();
    panels.truncate(MOST);
    let left = all - panels.len();
    let more = if left > 0 {
        format!(" {} more in series.csv.", plural(left, "kind"))
    } else {
        String::new()
    };
    Some(Figure {
        title: title(views, &worst),
        subtitle: format!("Losses and duplicates since the start, mean of the replications.{more}"),
        x_name: time.name,
        panels,
        ..Figure::default()
    })
}

/// "email: up to 86 lost (before) and 410 applied twice (after)": the most of any variant, losses
/// and double effects before what matters less.
fn title(views: &[View<'_>], name: &str) -> String {
    let most = |(suffix, word): (&str, &str)| {
        let values = views.iter().map(|v| (v.value(&format!("{name}.{suffix}")), v.name));
        let (n, variant) = values
            .filter_map(|(n, variant)| Some((n.filter(|n| *n > 0.0)?, variant)))
            .reduce(|a, b| if b.0 > a.0 { b } else { a })?;
        let n = significant(n.round());
        Some(if views.len() > 1 {
            format!("{n} {word} ({variant})")
        } else {
            format!("{n} {word}")
        })
    };
    let [lost, dropped, dead, again, twice] = SERIES;
    let some: Vec<String> =
        [lost, twice, dropped, dead, again].into_iter().filter_map(most).collect();
    match some.as_slice() {
        [] => format!("{name}: nothing lost, nothing twice"),
        some => format!("{name}: {}", list(&some[..some.len().min(TOLD)])),
    }
}

/// A curve of each variant that has the series.
fn curves(views: &[View<'_>], name: &str, suffix: &str) -> Vec<Curve> {
    let series = |(variant, view): (usize, &View<'_>)| {
        let pieces = vec![so_far(view.series(name, &[suffix])?)];
        Some(Curve { variant, pieces, band: Vec::new() })
    };
    views.iter().enumerate().filter_map(series).collect()
}

/// The sum of a series up to the end of each bin, or of several bins where there are many.
fn so_far(series: &Series) -> Vec<(f64, f64)> {
    let each = series.values.len().div_ceil(POINTS).max(1);
    let mut points = vec![(0.0, 0.0)];
    let (mut sum, mut bins) = (0.0_f64, 0.0);
    for chunk in series.values.chunks(each) {
        let new: f64 = chunk.iter().flatten().filter(|v| v.is_finite()).sum();
        sum = (sum + new).clamp(-f64::MAX, f64::MAX);
        bins += chunk.len() as f64;
        points.push((bins * series.bin_s, sum));
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_in_each_bin_adds_up() {
        let values = vec![Some(1.0), None, Some(3.0), Some(-2.0)];
        let series = Series { unit: "1".to_owned(), bin_s: 2.0, values };
        let expected = [(0.0, 0.0), (2.0, 1.0), (4.0, 1.0), (6.0, 4.0), (8.0, 2.0)];
        assert_eq!(so_far(&series), expected);
        let many = Series { values: vec![Some(1.0); 500], ..series };
        let points = so_far(&many);
        assert!(points.len() <= POINTS + 1, "{}", points.len());
        assert_eq!(points.last(), Some(&(1000.0, 500.0)));
    }
}
