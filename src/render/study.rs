//! Reports of studies: results that answer one question by many paired runs have tables of their
//! own instead of those of a run.
//!
//! Knows which studies there are; what they show is in a file for each.

use crate::render::findings::Answer;
use crate::render::tables::Table;
use crate::render::view::View;
use crate::render::{coupling, metastable};
use crate::results::Results;

/// The tables of a study; none if the results are of plain runs.
pub(crate) fn tables(results: &Results) -> Vec<Table> {
    let views = View::all(results);
    let many = views.len() > 1;
    let mut tables = Vec::new();
    for view in &views {
        let name = if many { format!("{}: ", view.name) } else { String::new() };
        if let Some(found) = &view.result.coupling {
            tables.extend(coupling::tables(&name, found));
        }
        if let Some(found) = &view.result.metastability {
            tables.push(metastable::table(&name, found));
        }
    }
    tables.retain(|table| !table.rows.is_empty());
    tables
}

/// What a study found, a line for each variant; nothing of plain runs.
pub(crate) fn answers(results: &Results) -> Option<Vec<Answer>> {
    let answer = |view: &View<'_>| {
        let coupling = view.result.coupling.as_ref().map(coupling::answer);
        let metastable = || view.result.metastability.as_ref().map(metastable::answer);
        Some(Answer::new(results, view, coupling.or_else(metastable)?))
    };
    let answers: Vec<Answer> = View::all(results).iter().filter_map(answer).collect();
    (!answers.is_empty()).then_some(answers)
}

/// The command that finds the same again, without its file.
pub(crate) fn command(results: &Results) -> (&'static str, String) {
    let first = results.variants.iter().next().map(|(_, variant)| variant);
    if let Some(found) = first.and_then(|v| v.coupling.as_ref()) {
        return ("coupling", coupling::flags(found));
    }
    if let Some(found) = first.and_then(|v| v.metastability.as_ref()) {
        return ("plan", metastable::flags(found));
    }
    ("run", String::new())
}
