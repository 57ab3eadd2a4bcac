//! Distribution of the consistency lag of each subscriber as a cumulative share on a logarithmic
//! axis.

use super::Kind;
use super::axis::Axis;
use super::figure::{Curve, Figure, Guide, Panel};
use super::palette;
use super::shared::{subscribers, told};
use crate::render::view::View;
use crate::render::wording::seconds;
use crate::results::Histogram;

pub(super) const KIND: Kind = Kind {
    file_name: "lag-distribution.svg",
    variants: palette::MOST,
    how_to_read: "At each lag the curve shows the share of facts that arrived within it; where it \
                  crosses a dotted line lies the median or the p99. Further left is better. A \
                  curve that ends below 100 % belongs to facts that never arrived.",
    figure,
};

/// The samples of a subscriber's lag, if there are any.
fn histogram<'a>(view: &View<'a>, name: &str) -> Option<&'a Histogram> {
    let path = format!("{name}.lag");
    view.result.histograms.get(&path).filter(|h| h.counts.iter().any(|n| *n > 0))
}

fn figure(views: &[View<'_>]) -> Option<Figure> {
    let has = |name: &str| views.iter().any(|v| histogram(v, name).is_some());
    let (names, others) = subscribers(views, &has);
    let values: Vec<f64> = names
        .iter()
        .flat_map(|name| views.iter().filter_map(|v| histogram(v, name)))
        .flat_map(|h| h.values.iter().copied())
        .filter(|v| v.is_finite())
        .collect();
    let low = values.iter().copied().filter(|v| *v > 0.0).fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(0.0, f64::max);
    let x = Axis::log_seconds(low, high);
    let panels = names
        .iter()
        .map(|name| Panel {
            title: panel_title(views, name),
            y_name: "share of facts".to_owned(),
            x: x.clone(),
            y: Axis::share(),
            curves: views
                .iter()
                .enumerate()
                .filter_map(|(variant, view)| Some(curve(variant, histogram(view, name)?, &x)))
                .collect(),
            bars: Vec::new(),
            guides: vec![Guide { at: 0.5, label: "p50" }, Guide { at: 0.99, label: "p99" }],
            shades: Vec::new(),
        })
        .collect();
    Some(Figure {
        title: title(views, names.first()?),
        subtitle: format!("Share of facts that a subscriber shows within a given lag.{others}"),
        x_name: "consistency lag (logarithmic)".to_owned(),
        panels,
        ..Figure::default()
    })
}

/// Steps: the share rises at each value.
fn curve(variant: usize, histogram: &Histogram, x: &Axis) -> Curve {
    let mut line = vec![(x.low(), 0.0)];
    let mut share = 0.0;
    for (value, up_to) in histogram.cumulative() {
        line.extend([(value, share), (value, up_to)]);
        share = up_to;
    }
    line.push((x.high(), share));
    Curve { variant, pieces: vec![line], band: Vec::new() }
}

fn p99(view: &View<'_>, name: &str) -> Option<String> {
    view.value(&format!("{name}.lag.p99")).map(seconds)
}

fn panel_title(views: &[View<'_>], name: &str) -> String {
    match told(views, &|view| p99(view, name)) {
        Some(text) => format!("{name}: p99 {text}"),
        None => name.to_owned(),
    }
}

fn title(views: &[View<'_>], name: &str) -> String {
    match told(views, &|view| p99(view, name)) {
        Some(text) => format!("99 of 100 facts reach {name} within {text}"),
        None => format!("How late facts reach {name}"),
    }
}
