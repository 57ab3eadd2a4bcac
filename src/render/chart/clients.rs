//! What clients notice over time: the share of their requests that succeed, and how long an answer
//! takes.

use super::Kind;
use super::axis::Axis;
use super::figure::{Figure, Panel};
use super::palette;
use super::shared::{TimeAxis, curves, duration_panel, shades, told};
use crate::render::view::{View, clients};
use crate::render::wording::{count, percent, seconds};

pub(super) const KIND: Kind = Kind {
    file_name: "clients.svg",
    variants: palette::MOST,
    how_to_read: "Above, the share of the requests ended at that moment that succeeded; below, how \
                  long a successful answer takes, median as a line and up to the p99 as a band. \
                  A gap means that no request succeeded.",
    figure,
};

const AVAILABILITY: [&str; 1] = ["availability"];
const LATENCY: [&str; 2] = ["latency.p50", "latency.p99"];

/// Clients shown at most; each has two plots.
const MOST: usize = 3;

fn figure(views: &[View<'_>]) -> Option<Figure> {
    let has = |name: &String| {
        views
            .iter()
            .any(|v| v.series(name, &AVAILABILITY).is_some() || v.series(name, &LATENCY).is_some())
    };
    let mut names = clients(views);
    names.retain(has);
    let all = names.len();
    names.truncate(MOST);
    let time = TimeAxis::new(views, &names, &["availability", "latency.p50", "latency.p99"]);
    let shades = shades(views, &time);
    let mut panels = Vec::new();
    for name in &names {
        let share = curves(views, name, &AVAILABILITY, None);
        if !share.is_empty() {
            panels.push(Panel {
                title: format!("{name}: availability"),
                y_name: "successful (%)".to_owned(),
                x: time.axis.clone(),
                y: Axis::share(),
                curves: share,
                bars: Vec::new(),
                guides: Vec::new(),
                shades: shades.clone(),
            });
        }
        let latency = curves(views, name, &LATENCY, Some("latency.p99"));
        if !latency.is_empty() {
            let title = format!("{name}: latency of successful requests");
            let mut panel = duration_panel(title, &time, "latency", latency);
            panel.shades.clone_from(&shades);
            panels.push(panel);
        }
    }
    let others = if all > MOST {
        format!(" The first {MOST} of {} clients.", count(all as u64))
    } else {
        String::new()
    };
    Some(Figure {
        title: title(views, names.first()?),
        subtitle: format!(
            "Requests by the moment of their outcome: availability and latency.{others}"
        ),
        x_name: time.name,
        panels,
        ..Figure::default()
    })
}

fn title(views: &[View<'_>], name: &str) -> String {
    let share = |view: &View<'_>| view.value(&format!("{name}.availability")).map(percent);
    let p99 = |view: &View<'_>| view.value(&format!("{name}.latency.p99")).map(seconds);
    match (told(views, &share), told(views, &p99)) {
        (Some(text), _) => format!("{name}: requests that succeed: {text}"),
        (None, Some(text)) => format!("{name}: p99 latency {text}"),
        (None, None) => format!("What {name} notices over time"),
    }
}
