//! Consistency lag over time: median and p99 of each subscriber.

use super::Kind;
use super::figure::Figure;
use super::palette;
use super::shared::{TimeAxis, curves, duration_panel, shades, subscribers, told};
use crate::render::findings::growth;
use crate::render::view::View;
use crate::render::wording::{seconds, significant};

pub(super) const KIND: Kind = Kind {
    file_name: "lag-over-time.svg",
    variants: palette::MOST,
    how_to_read: "The line is the median lag of the facts that arrived at that moment, the band \
                  above it reaches to the p99. A line that climbs steadily never catches up; note \
                  that each panel has a scale of its own.",
    figure,
};

/// The line if there is a median, else the p99 alone.
const LINE: [&str; 2] = ["lag.p50", "lag.p99"];

fn figure(views: &[View<'_>]) -> Option<Figure> {
    let has = |name: &str| views.iter().any(|v| v.series(name, &LINE).is_some());
    let (names, others) = subscribers(views, &has);
    let time = TimeAxis::new(views, &names, &LINE);
    let shades = shades(views, &time);
    let panels = names
        .iter()
        .map(|name| {
            let curves = curves(views, name, &LINE, Some("lag.p99"));
            let mut panel = duration_panel(name.clone(), &time, "lag", curves);
            panel.shades.clone_from(&shades);
            panel
        })
        .collect();
    Some(Figure {
        title: title(views, names.first()?),
        subtitle: format!("Consistency lag over time: line p50, band p50 to p99.{others}"),
        x_name: time.name,
        panels,
        ..Figure::default()
    })
}

/// What the worst subscriber's lag does.
fn title(views: &[View<'_>], name: &str) -> String {
    let state = |view: &View<'_>| {
        let value = |stat: &str| view.value(&format!("{name}.lag.{stat}")).map(seconds);
        match growth(view, name) {
            Some(slope) => Some(format!("falls {} s behind per second", significant(slope))),
            // A failure shows in the largest lag; it may well be too short for the p99.
            None if !view.result.failures.is_empty() => {
                value("max").map(|max| format!("up to {max} behind"))
            }
            None => value("p99").map(|p99| format!("p99 lag {p99}")),
        }
    };
    match told(views, &state) {
        Some(text) if text.starts_with("falls") => format!("{name} {text}"),
        Some(text) => format!("{name}: {text}"),
        None => format!("Lag of {name} over time"),
    }
}
