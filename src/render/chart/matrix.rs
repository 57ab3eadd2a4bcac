//! The delivery matrix: what each combination of choices loses and repeats.

use super::Kind;
use super::figure::Figure;
use super::grid::{Grid, Mark, Number};
use crate::render::matrix::{Column, Harm, Matrix};
use crate::render::view::View;
use crate::render::wording::{count, list};
use crate::results::Ledger;

pub(super) const KIND: Kind = Kind {
    file_name: "delivery-matrix.svg",
    variants: usize::MAX,
    how_to_read: "Each cell is one combination of choices, by rows and columns. What is lost is \
                  shaded orange, what is done twice blue; a redelivery, light blue, does no harm \
                  where the service recognises it.",
    figure,
};

fn figure(views: &[View<'_>]) -> Option<Figure> {
    let matrix = Matrix::of(views)?;
    let worst = matrix.services.first()?;
    Some(Figure {
        title: title(&matrix, views, worst),
        subtitle: "Obligations and copies of the whole run, all replications together.".to_owned(),
        grids: matrix.services.iter().map(|service| grid(&matrix, views, service)).collect(),
        ..Figure::default()
    })
}

/// The last choice makes the columns, all others together the rows.
fn grid(matrix: &Matrix<'_>, views: &[View<'_>], service: &str) -> Grid {
    let mut grid = Grid {
        title: service.to_owned(),
        columns: matrix.choices.last().into_iter().flatten().map(|c| (*c).to_owned()).collect(),
        rows: Vec::new(),
    };
    for (cell, at) in &matrix.cells {
        let mut words = matrix.words(cell);
        words.pop();
        let row = words.join(", ");
        if grid.rows.last().is_none_or(|(name, _)| *name != row) {
            grid.rows.push((row, Vec::new()));
        }
        let ledger = views[*at].result.ledger.get(service).cloned().unwrap_or_default();
        if let Some((_, cells)) = grid.rows.last_mut() {
            cells.push(numbers(matrix, &ledger));
        }
    }
    grid
}

fn numbers(matrix: &Matrix<'_>, ledger: &Ledger) -> Vec<Number> {
    let number = |column: &&Column| {
        let n = (column.of)(ledger);
        let mark = match column.harm {
            Harm::Missing => Mark::Loss,
            Harm::Wrong => Mark::Repetition,
            Harm::None => Mark::Harmless,
        };
        Number { name: column.name, text: count(n), mark: (n > 0).then_some(mark) }
    };
    matrix.columns.iter().map(number).collect()
}

/// Which combinations bring every event to a service once in effect.
fn title(matrix: &Matrix<'_>, views: &[View<'_>], service: &str) -> String {
    let clean =
        |at: usize| views[at].result.ledger.get(service).is_some_and(|l| matrix.is_clean(l));
    let found: Vec<String> = matrix
        .cells
        .iter()
        .filter(|(_, at)| clean(*at))
        .map(|(cell, _)| matrix.words(cell).join(" + "))
        .collect();
    let all = matrix.cells.len();
    let once = format!("every event to {service} exactly once in effect");
    match found.len() {
        0 => format!("None of {all} combinations brings {once}"),
        1 => format!("Only {} brings {once}", found[0]),
        2 => format!("Only {} bring {once}", list(&found)),
        n if n == all => format!("All {all} combinations bring {once}"),
        n => format!("{n} of {all} combinations bring {once}"),
    }
}
