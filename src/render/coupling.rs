//! Who breaks with whom, in words and tables.

use crate::render::tables::{MOST_ROWS, Table};
use crate::render::wording::{Reading, count, list, percent, seconds, significant};
use crate::results::{Coupling, Effect, Radius};

/// Columns that a matrix has at most: those that break most often.
const MOST_COLUMNS: usize = 12;
/// Pairs that a sentence names at most.
const NAMED: usize = 4;

/// How loose the coupling is, and who takes whom along.
pub(crate) fn answer(found: &Coupling) -> String {
    let pairs = found.services.iter().map(|row| others(row).count()).sum::<usize>();
    let breaks: Vec<(&str, Vec<String>)> = found
        .services
        .iter()
        .map(|row| {
            let taken = others(row).filter(|e| e.breaks()).map(|e| e.to.clone()).collect();
            (row.name.as_str(), taken)
        })
        .filter(|(_, taken): &(&str, Vec<String>)| !taken.is_empty())
        .collect();
    let Some(loose) = found.loose else {
        return "nobody but the services themselves has objectives".to_owned();
    };
    let broken: usize = breaks.iter().map(|(_, taken)| taken.len()).sum();
    let told = breaks.iter().take(NAMED);
    let mut who: Vec<String> =
        told.map(|(from, taken)| format!("{from} takes {} along", list(taken))).collect();
    if breaks.len() > NAMED {
        who.push(format!(
            "{} more services take somebody along",
            count((breaks.len() - NAMED) as u64)
        ));
    }
    let who = if who.is_empty() { String::new() } else { format!(": {}", who.join("; ")) };
    let one = if broken == 1 { "breaks" } else { "break" };
    format!("loose coupling {}; {broken} of {pairs} pairs {one}{who}", percent(loose))
}

/// Effects on others than the service that is broken.
fn others(row: &Radius) -> impl Iterator<Item = &Effect> {
    row.effects.iter().filter(move |effect| effect.to != row.name)
}

/// The matrix, the blast radius of each failure, and the objectives.
pub(crate) fn tables(variant: &str, found: &Coupling) -> [Table; 3] {
    [matrix(variant, found), failures(variant, found), objectives(variant, found)]
}

/// Columns to show, in their order: all, or those that break most often.
pub(crate) fn columns(found: &Coupling, most: usize) -> Vec<usize> {
    let breaks = |at: usize| {
        let effects = found.services.iter().filter_map(|row| row.effects.get(at));
        effects.filter(|effect| effect.breaks()).count()
    };
    let mut columns: Vec<usize> = (0..found.objectives.len()).collect();
    columns.sort_by_key(|at| std::cmp::Reverse(breaks(*at)));
    columns.truncate(most);
    columns.sort_unstable();
    columns
}

/// Rows to show: all, or those that break most.
pub(crate) fn rows(found: &Coupling, most: usize) -> Vec<&Radius> {
    let mut rows: Vec<(usize, &Radius)> = found.services.iter().enumerate().collect();
    rows.sort_by_key(|(_, row)| std::cmp::Reverse(row.broken().count()));
    rows.truncate(most);
    rows.sort_by_key(|(at, _)| *at);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn matrix(variant: &str, found: &Coupling) -> Table {
    let columns = columns(found, MOST_COLUMNS);
    let names: Vec<&str> = found.objectives.iter().map(|(name, _)| name).collect();
    let from = format!("{} of", found.verb);
    let heads = columns.iter().filter_map(|at| names.get(*at).copied());
    let head: Vec<&str> = std::iter::once(from.as_str()).chain(heads).collect();
    let caption = format!(
        "{variant}whose objectives break: {} at {} for {}",
        found.verb,
        seconds(found.at_s),
        seconds(found.for_s)
    );
    let mut table = Table::new(caption, &head);
    for row in rows(found, MOST_ROWS) {
        let mut cells = vec![Reading::plain(&row.name)];
        cells.extend(columns.iter().map(|at| {
            let cell = row.effects.get(*at).map(|effect| cell(effect, effect.to == row.name));
            Reading::plain(cell.unwrap_or_default())
        }));
        table.rows.push(cells);
    }
    let untold = names.len() - columns.len() + found.services.len() - table.rows.len();
    let more = if untold > 0 {
        format!(" {} more rows and columns are in results.json.", count(untold as u64))
    } else {
        String::new()
    };
    table.note = Some(format!(
        "A number is what an objective that breaks lost of its availability, or what was added to \
         its lag or latency. In brackets: what a service does to itself, which does not \
         count.{more}"
    ));
    table
}

/// What became of somebody: "holds", or what it lost.
pub(crate) fn cell(effect: &Effect, itself: bool) -> String {
    let text = if effect.breaks() { size(effect) } else { "holds".to_owned() };
    let sure = effect.broken == 0.0 || effect.broken >= 1.0;
    let text =
        if sure { text } else { format!("{text} ({} of runs break)", percent(effect.broken)) };
    if itself { format!("[{text}]") } else { text }
}

fn size(effect: &Effect) -> String {
    match effect.size() {
        _ if effect.with.is_none() => "never".to_owned(),
        Some(size) if effect.is_availability() => format!("-{}", percent(size)),
        Some(size) if effect.unit == "s" => format!("+{}", seconds(size)),
        Some(size) => format!("{}{}", if size < 0.0 { "" } else { "+" }, significant(size)),
        None => "breaks".to_owned(),
    }
}

fn failures(variant: &str, found: &Coupling) -> Table {
    let caption = format!("{variant}blast radius of each failure, by itself");
    let mut table = Table::new(caption, &["failure", "share", "breaks"]);
    table.words = vec![0, 2];
    for row in found.failures.iter().take(MOST_ROWS) {
        let broken: Vec<String> =
            row.broken().map(|effect| format!("{} {}", effect.to, cell(effect, false))).collect();
        let broken = if broken.is_empty() { "nobody".to_owned() } else { broken.join(", ") };
        table.rows.push(vec![
            Reading::plain(&row.name),
            Reading::plain(percent(row.share)),
            Reading::plain(broken),
        ]);
    }
    if found.failures.len() > MOST_ROWS {
        let more = count((found.failures.len() - MOST_ROWS) as u64);
        table.note = Some(format!("{more} more failures are in results.json"));
    }
    table
}

fn objectives(variant: &str, found: &Coupling) -> Table {
    let mut table = Table::new(format!("{variant}objectives"), &["of", "what is expected"]);
    table.words = vec![0, 1];
    let all = found.objectives.iter();
    let lines: Vec<(&str, &String)> =
        all.flat_map(|(name, lines)| lines.iter().map(move |line| (name, line))).collect();
    for (name, line) in lines.iter().take(MOST_ROWS) {
        table.rows.push(vec![Reading::plain(*name), Reading::plain(*line)]);
    }
    let more = lines.len().saturating_sub(MOST_ROWS);
    if more > 0 {
        table.note = Some(format!("{} more are in results.json", count(more as u64)));
    }
    table
}

/// Arguments of the command that finds this.
pub(crate) fn flags(found: &Coupling) -> String {
    format!(" --verb {} --at {}s --for {}s", found.verb, found.at_s, found.for_s)
}
