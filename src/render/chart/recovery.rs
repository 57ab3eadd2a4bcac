//! How those who felt a failure got over it: the slowest percent over time, from shortly before the
//! first failure until everybody has recovered.

use super::Kind;
use super::axis::Axis;
use super::figure::{Curve, Figure, Guide, Panel, Shade};
use super::palette;
use super::shared::{MOST, TimeAxis, curves, duration_panel, highest, left_out, shades, told};
use crate::render::view::View;
use crate::render::wording::{seconds, time_unit};
use crate::results::Recovery;

pub(super) const KIND: Kind = Kind {
    file_name: "recovery.svg",
    variants: palette::MOST,
    how_to_read: "The line is the p99 of the lag, of a client the p99 of its latency; the dashed \
                  line is twice what was usual before the first failure, and a second at least. \
                  A mark shows from when on the line stays below it for 10 s: that is the time to \
                  recover. A gap means that nothing was shown or answered.",
    figure,
};

const SERIES: [&str; 2] = ["lag.p99", "latency.p99"];
/// What is shown before and after, as a share of what lies between.
const AROUND: f64 = 0.15;
/// What is shown after the end of a cause at least, in s.
const AFTER_S: f64 = 10.0;

fn figure(views: &[View<'_>]) -> Option<Figure> {
    let names = worst(views);
    let first = names.first()?;
    let time = time_axis(views, &names);
    let (low, high) = (time.axis.low(), time.axis.high());
    let mut broken: Vec<Shade> =
        shades(views, &time).into_iter().filter(|s| s.to >= low && s.from <= high).collect();
    for shade in &mut broken {
        shade.from = shade.from.max(low);
    }
    let panels: Vec<Panel> =
        names.iter().take(MOST).filter_map(|name| panel(views, name, &time, &broken)).collect();
    Some(Figure {
        title: title(views, first),
        subtitle: format!(
            "The slowest percent of lag or latency around the failures.{}",
            left_out(names.len(), "clients and subscribers", "slowest to recover")
        ),
        x_name: time.name,
        panels,
        ..Figure::default()
    })
}

fn panel(views: &[View<'_>], name: &str, time: &TimeAxis, broken: &[Shade]) -> Option<Panel> {
    let mut lines = curves(views, name, &SERIES, None);
    for line in &mut lines {
        clip(line, time.axis.low(), time.axis.high());
    }
    let recoveries: Vec<(&View<'_>, &Recovery)> =
        views.iter().filter_map(|v| Some((v, of(v, name)?))).collect();
    let threshold = recoveries.first()?.1.threshold;
    let client = views.iter().any(|v| v.result.topology.clients.iter().any(|c| c.name == name));
    let what = if client { "latency" } else { "lag" };
    let (factor, _) = time_unit(highest(&lines).max(threshold));
    let y = Axis::linear(highest(&lines).max(threshold), 4, factor);
    let mut panel = duration_panel(format!("{name}: p99 {what}"), time, what, lines);
    let (_, unit) = time_unit(highest(&panel.curves).max(threshold));
    panel.y_name = format!("{what} ({unit})");
    panel.y = y;
    panel.guides = vec![Guide { at: threshold, label: "limit" }];
    panel.shades = broken.to_vec();
    for (view, recovery) in recoveries {
        if let (Some(end), Some(at)) = (recovery.cause_end, recovery.recovered)
            && at > end
        {
            let variant = if views.len() > 1 { format!(" ({})", view.name) } else { String::new() };
            let label = format!("recovered after {}{variant}", seconds(at - end));
            panel.shades.push(Shade { from: at, to: at, label });
        }
    }
    panel.shades.sort_by(|a, b| a.from.total_cmp(&b.from));
    Some(panel)
}

/// Keeps what lies within an interval of time.
fn clip(curve: &mut Curve, low: f64, high: f64) {
    curve.pieces.iter_mut().for_each(|piece| piece.retain(|p| p.0 >= low && p.0 <= high));
    curve.pieces.retain(|piece| !piece.is_empty());
}

fn of<'a>(view: &View<'a>, name: &str) -> Option<&'a Recovery> {
    view.result.recoveries.iter().find(|r| r.name == name)
}

/// How long it took; never is longest.
fn took(recovery: &Recovery) -> f64 {
    match (recovery.cause_end, recovery.recovered) {
        (Some(end), Some(at)) => at - end,
        _ => f64::INFINITY,
    }
}

/// Who felt it and has a line to be drawn, the slowest to recover in any variant first.
fn worst(views: &[View<'_>]) -> Vec<String> {
    let mut found: Vec<(&str, f64)> = Vec::new();
    for recovery in views.iter().flat_map(|v| &v.result.recoveries) {
        match found.iter_mut().find(|f| f.0 == recovery.name) {
            Some(known) => known.1 = known.1.max(took(recovery)),
            None => found.push((&recovery.name, took(recovery))),
        }
    }
    found.retain(|(name, _)| views.iter().any(|v| v.series(name, &SERIES).is_some()));
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.into_iter().map(|(name, _)| name.to_owned()).collect()
}

fn time_axis(views: &[View<'_>], names: &[String]) -> TimeAxis {
    let whole = TimeAxis::new(views, names, &SERIES);
    let end = whole.axis.high();
    let windows = views.iter().flat_map(|v| &v.result.failures);
    let first = windows.map(|w| w.from).fold(end, f64::min);
    let last = views
        .iter()
        .flat_map(|v| &v.result.recoveries)
        .map(|r| match (r.cause_end, r.recovered) {
            (Some(cause), Some(at)) => at.max(cause + AFTER_S),
            _ => end,
        })
        .fold(first, f64::max)
        .min(end);
    let around = (last - first) * AROUND;
    let (low, high) = ((first - around).max(0.0), (last + around).min(end));
    let (factor, _) = time_unit(end);
    TimeAxis { axis: Axis::linear_between(low, high, 8, factor), name: whole.name }
}

fn title(views: &[View<'_>], name: &str) -> String {
    let state = |view: &View<'_>| {
        let recovery = of(view, name)?;
        Some(match (recovery.cause_end, recovery.recovered) {
            (Some(end), Some(at)) if at > end => {
                format!("as usual {} after the failure", seconds(at - end))
            }
            (Some(_), Some(_)) => "as usual as soon as the failure is over".to_owned(),
            (Some(_), None) => "does not recover".to_owned(),
            (None, _) => "broken to the end".to_owned(),
        })
    };
    told(views, &state).map_or(format!("How {name} recovers"), |text| format!("{name}: {text}"))
}
