//! Offered load and what comes of it, over time: of clients and services for which they differ.

use super::Kind;
use super::axis::Axis;
use super::figure::{Figure, Panel};
use super::palette;
use super::shared::{MOST, TimeAxis, curves, highest, left_out, shades, told};
use crate::render::view::{View, clients};
use crate::render::wording::significant;

pub(super) const KIND: Kind = Kind {
    file_name: "goodput.svg",
    variants: palette::MOST,
    how_to_read: "The line is what is completed in time, each request and fact once; the band \
                  above it reaches to the load that is offered, with all repeated attempts. \
                  A wide band is work in vain. If it stays when a failure is over, the system \
                  keeps itself down.",
    figure,
};

const SERIES: [&str; 1] = ["goodput"];
/// A smaller share of the load in vain is not drawn.
const LEAST: f64 = 0.01;

fn figure(views: &[View<'_>]) -> Option<Figure> {
    let mut names = wasteful(views);
    let all = names.len();
    names.truncate(MOST);
    let first = names.first()?;
    let time = TimeAxis::new(views, &names, &SERIES);
    let shades = shades(views, &time);
    let panels = names.iter().map(|name| {
        let lines = curves(views, name, &SERIES, Some("offered"));
        let y = Axis::linear(highest(&lines), 4, 1.0);
        let plot = Panel::new(name.clone(), "per second (1/s)".to_owned(), time.axis.clone(), y);
        Panel { curves: lines, shades: shades.clone(), ..plot }
    });
    let panels = panels.collect();
    Some(Figure {
        title: title(views, first),
        subtitle: format!(
            "Goodput (line) and offered load (upper edge of the band).{}",
            left_out(all, "clients and services", "with most in vain")
        ),
        x_name: time.name,
        panels,
        ..Figure::default()
    })
}

/// Share of the offered load that is in vain, the largest of all variants.
fn in_vain(views: &[View<'_>], name: &str) -> f64 {
    let share = |view: &View<'_>| {
        let offered = view.value(&format!("{name}.offered"))?;
        let good = view.value(&format!("{name}.goodput"))?;
        (offered > 0.0).then(|| (offered - good) / offered)
    };
    views.iter().filter_map(share).fold(0.0, f64::max)
}

/// Clients and services part of whose load is in vain: clients in the order of the file, then
/// services, those with most in vain first.
fn wasteful(views: &[View<'_>]) -> Vec<String> {
    let clients = clients(views);
    let mut services: Vec<&str> = Vec::new();
    for service in views.iter().flat_map(|v| &v.result.topology.services) {
        if !services.contains(&service.name.as_str()) {
            services.push(&service.name);
        }
    }
    let mut services: Vec<(&str, f64)> =
        services.into_iter().map(|name| (name, in_vain(views, name))).collect();
    services.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut names = clients;
    names.retain(|name| in_vain(views, name) > LEAST);
    names.extend(services.into_iter().filter(|s| s.1 > LEAST).map(|s| s.0.to_owned()));
    names.retain(|name| views.iter().any(|v| v.series(name, &SERIES).is_some()));
    names
}

fn title(views: &[View<'_>], name: &str) -> String {
    let state = |view: &View<'_>| {
        let of = |what: &str| view.value(&format!("{name}.{what}")).map(significant);
        Some(format!("{} of {}/s offered", of("goodput")?, of("offered")?))
    };
    told(views, &state).map_or(format!("Load of {name} and what comes of it"), |text| {
        format!("{name}: goodput {text}")
    })
}
