//! Work completed per second over time, by service.

use super::Kind;
use super::axis::Axis;
use super::figure::{Figure, Panel};
use super::palette;
use super::shared::{MOST, TimeAxis, curves, highest, left_out, shades, told};
use crate::render::view::{View, worst_first};
use crate::render::wording::significant;

pub(super) const KIND: Kind = Kind {
    file_name: "throughput.svg",
    variants: palette::MOST,
    how_to_read: "The line is how much work a service completes per second, retries included. A \
                  flat line below what arrives is a service at its limit.",
    figure,
};

const SERIES: [&str; 1] = ["throughput"];

/// Services with such a series: subscribers first, the furthest behind leading, then the others in
/// the order of the file. At most six, and how many there are in all.
fn services(views: &[View<'_>], suffixes: &[&str]) -> (Vec<String>, usize) {
    let mut names = worst_first(views);
    let heard: std::collections::BTreeSet<String> = names.iter().cloned().collect();
    let mut seen = heard;
    for service in views.iter().flat_map(|v| &v.result.topology.services) {
        if seen.insert(service.name.clone()) {
            names.push(service.name.clone());
        }
    }
    names.retain(|name| views.iter().any(|v| v.series(name, suffixes).is_some()));
    let all = names.len();
    names.truncate(MOST);
    (names, all)
}

/// A panel for each of the services that [`services`] names.
pub(super) struct ByService {
    pub(super) names: Vec<String>,
    /// How many services there are in all.
    pub(super) all: usize,
    pub(super) x_name: String,
    pub(super) panels: Vec<Panel>,
}

/// One quantity of the services over time.
pub(super) fn by_service(views: &[View<'_>], series: &[&str], y_name: &str) -> ByService {
    let (names, all) = services(views, series);
    let time = TimeAxis::new(views, &names, series);
    let shades = shades(views, &time);
    let panels = names
        .iter()
        .map(|name| {
            let curves = curves(views, name, series, None);
            Panel {
                title: name.clone(),
                y_name: y_name.to_owned(),
                x: time.axis.clone(),
                y: Axis::linear(highest(&curves), 4, 1.0),
                curves,
                bars: Vec::new(),
                guides: Vec::new(),
                shades: shades.clone(),
            }
        })
        .collect();
    ByService { names, all, x_name: time.name, panels }
}

fn figure(views: &[View<'_>]) -> Option<Figure> {
    let ByService { names, all, x_name, panels } = by_service(views, &SERIES, "completed (1/s)");
    let name = names.first()?;
    let rate = |view: &View<'_>| {
        view.value(&format!("{name}.throughput")).map(|v| format!("{}/s", significant(v)))
    };
    Some(Figure {
        title: told(views, &rate)
            .map_or(format!("Throughput of {name}"), |text| format!("{name} completes {text}")),
        subtitle: format!(
            "Work completed per second over time.{}",
            left_out(all, "services", "furthest behind")
        ),
        x_name,
        panels,
        ..Figure::default()
    })
}
