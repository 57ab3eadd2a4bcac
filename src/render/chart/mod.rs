//! Charts as SVG: text stays text, equal results give equal bytes on every platform.
//!
//! One file per figure, listed in [`FIGURES`]. A figure says what it shows as data; [`figure`]
//! draws it.

mod axis;
mod backlog;
mod clients;
mod coupling;
mod figure;
mod goodput;
mod grid;
mod incidents;
mod lag_distribution;
mod lag_over_time;
mod matrix;
mod metastable;
mod palette;
mod partitions;
mod recovery;
mod shared;
mod throughput;

use crate::render::view::View;
use crate::results::Results;
use figure::Figure;
use std::fmt::Write;

/// A drawn chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// Name for a file of its own, for instance "lag-over-time.svg".
    pub file_name: String,
    /// What was found, in one line.
    pub title: String,
    /// What is to be seen, for those who do not see it.
    pub alt: String,
    /// One sentence on how to read it.
    pub how_to_read: String,
    /// The drawing.
    pub svg: String,
}

/// A kind of figure.
struct Kind {
    /// Name of its file.
    file_name: &'static str,
    /// Variants that it can tell apart; the first ones are drawn.
    variants: usize,
    /// One sentence on how to read it.
    how_to_read: &'static str,
    /// What it shows of these variants; `None` if they have no such numbers.
    figure: fn(&[View<'_>]) -> Option<Figure>,
}

/// Every kind of figure, in the order of a report.
const FIGURES: [Kind; 12] = [
    coupling::KIND,
    metastable::KIND,
    matrix::KIND,
    lag_over_time::KIND,
    recovery::KIND,
    lag_distribution::KIND,
    clients::KIND,
    incidents::KIND,
    backlog::KIND,
    partitions::KIND,
    throughput::KIND,
    goodput::KIND,
];

/// Every chart for which the results hold numbers.
pub fn charts(results: &Results) -> Vec<Chart> {
    let every = View::all(results);
    let all = every.len();
    FIGURES
        .iter()
        .filter_map(|kind| {
            let views = &every[..all.min(kind.variants)];
            let mut figure = (kind.figure)(views)?;
            figure.legend = views.iter().map(|v| v.name.to_owned()).collect();
            if all > views.len() {
                let first = views.len();
                let _ = write!(figure.subtitle, " The first {first} of {all} variants.");
            }
            let svg = figure.draw()?;
            Some(Chart {
                file_name: kind.file_name.to_owned(),
                alt: alt(&figure, all),
                title: figure.title,
                how_to_read: kind.how_to_read.to_owned(),
                svg,
            })
        })
        .collect()
}

/// What is to be seen, in words.
fn alt(figure: &Figure, variants: usize) -> String {
    let plots = figure.panels.iter().map(|p| p.title.as_str());
    let panels: Vec<&str> = plots.chain(figure.grids.iter().map(|g| g.title.as_str())).collect();
    let variants = if variants > 1 {
        format!(" Variants: {}.", figure.legend.join(", "))
    } else {
        String::new()
    };
    format!("{}. {} Panels: {}.{variants}", figure.title, figure.subtitle, panels.join("; "))
}
