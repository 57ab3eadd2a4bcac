//! The coupling matrix: whose objectives break with whom.

use super::Kind;
use super::figure::Figure;
use super::grid::{Grid, Mark, Number};
use crate::render::coupling::{cell, columns, rows};
use crate::render::view::View;
use crate::render::wording::{list, percent, seconds};
use crate::results::{Coupling, Effect};

pub(super) const KIND: Kind = Kind {
    file_name: "coupling.svg",
    variants: usize::MAX,
    how_to_read: "Each row is a service that is broken, each column a client or service of which \
                  something is expected. Shaded orange: the objectives of the column break with \
                  the row, by so much lag added or availability lost. Light blue: what a service \
                  does to itself, which does not count.",
    figure,
};

/// Columns that fit side by side.
const MOST_COLUMNS: usize = 8;
/// Rows that fit on a page.
const MOST_ROWS: usize = 24;

fn figure(views: &[View<'_>]) -> Option<Figure> {
    let found: Vec<(&str, &Coupling)> =
        views.iter().filter_map(|v| Some((v.name, v.result.coupling.as_ref()?))).collect();
    let (_, first) = found.first()?;
    let many = found.len() > 1;
    let loose = |(name, found): &(&str, &Coupling)| {
        let share = found.loose.map_or("none stated".to_owned(), percent);
        if many { format!("{share} in {name}") } else { share }
    };
    let told: Vec<String> = found.iter().map(loose).collect();
    let cut = found
        .iter()
        .any(|(_, f)| f.objectives.len() > MOST_COLUMNS || f.services.len() > MOST_ROWS);
    let cut = if cut { " Only those that break most often." } else { "" };
    Some(Figure {
        title: format!("Loose coupling: {}", list(&told)),
        subtitle: format!(
            "Objectives that break with a {} at {} for {}.{cut}",
            first.verb,
            seconds(first.at_s),
            seconds(first.for_s)
        ),
        grids: found.iter().map(|(name, found)| grid(name, found)).collect(),
        ..Figure::default()
    })
}

fn grid(variant: &str, found: &Coupling) -> Grid {
    let columns = columns(found, MOST_COLUMNS);
    let names: Vec<&str> = found.objectives.iter().map(|(name, _)| name).collect();
    let row = |row: &crate::results::Radius| {
        let effects = columns.iter().filter_map(|at| row.effects.get(*at));
        let cells = effects.map(|effect| vec![number(effect, effect.to == row.name)]).collect();
        (row.name.clone(), cells)
    };
    Grid {
        title: format!("{variant}: {} of a row, objectives of a column", found.verb),
        columns: columns.iter().map(|at| names[*at].to_owned()).collect(),
        rows: rows(found, MOST_ROWS).into_iter().map(row).collect(),
    }
}

fn number(effect: &Effect, itself: bool) -> Number {
    let mark = effect.breaks().then_some(if itself { Mark::Harmless } else { Mark::Loss });
    Number { name: "", text: cell(effect, itself), mark }
}
