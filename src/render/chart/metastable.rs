//! What is done after a failure, against its length or the load: where the points fall, there is no
//! return.

use super::Kind;
use super::axis::Axis;
use super::figure::{Curve, Figure, Panel};
use super::palette;
use crate::render::metastable::{answer, value};
use crate::render::view::View;
use crate::render::wording::seconds;
use crate::results::{Metastability, Trial};

pub(super) const KIND: Kind = Kind {
    file_name: "no-return.svg",
    variants: palette::MOST,
    how_to_read: "Each point is a pair of runs: what is done per second when a system that returns \
                  has returned, as a share of what is done without the failure. Where the points \
                  fall, the system stays down though the cause is gone.",
    figure,
};

fn figure(views: &[View<'_>]) -> Option<Figure> {
    let found: Vec<(usize, &str, &Metastability)> = views
        .iter()
        .enumerate()
        .filter_map(|(at, v)| Some((at, v.name, v.result.metastability.as_ref()?)))
        .collect();
    let (_, _, first) = found.first()?;
    let every = found.iter().flat_map(|(_, _, f)| &f.replications).flat_map(|s| &s.trials);
    let high = every.map(|trial| trial.value).fold(0.0, f64::max);
    let panel = |(at, name, found): &(usize, &str, &Metastability)| {
        let mut panel = Panel::new(
            (*name).to_owned(),
            "done (%)".to_owned(),
            Axis::linear(high, 8, 1.0),
            Axis::share(),
        );
        panel.curves = vec![Curve { variant: *at, pieces: points(found), band: Vec::new() }];
        panel
    };
    let told = found.iter().find(|(_, _, f)| f.threshold.is_some());
    let title = match told {
        Some((_, name, found)) => format!(
            "{name}: no return from \"{}\" from {} on",
            found.failure,
            value(found, found.threshold.unwrap_or_default())
        ),
        None => format!("The system {}", answer(first)),
    };
    let x_name = if first.over == "for" {
        format!("length of \"{}\" (s)", first.failure)
    } else {
        "load, as a multiple of that of the file".to_owned()
    };
    Some(Figure {
        title,
        subtitle: format!("Goodput {} after the end of the failure.", seconds(first.within_s)),
        x_name,
        panels: found.iter().map(panel).collect(),
        ..Figure::default()
    })
}

/// Every trial as a piece of its own: there is nothing to be seen between two.
fn points(found: &Metastability) -> Vec<Vec<(f64, f64)>> {
    let share = |t: &Trial| (t.reference > 0.0).then(|| (t.goodput / t.reference).min(1.0));
    let trials = found.replications.iter().flat_map(|search| &search.trials);
    trials.filter_map(|trial| Some(vec![(trial.value, share(trial)?)])).collect()
}
