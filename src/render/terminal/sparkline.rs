//! Lag over time in a line of block characters, with its scale, and a line below that marks when
//! something was broken.

use super::sparkline_subscribers;
use crate::render::view::View;
use crate::render::wording::{count, seconds};
use crate::results::{FailureWindow, Series};

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Columns of the line at most.
const MOST: usize = 60;

/// All sparklines: by subscriber, in it by variant. All cover the same time.
pub(super) fn lines(views: &[View<'_>], width: usize) -> Vec<String> {
    let (subscribers, more) = sparkline_subscribers(views);
    let end = views
        .iter()
        .flat_map(|v| subscribers.iter().filter_map(|s| v.series(s, &["lag.p99"])))
        .map(|s| s.values.len() as f64 * s.bin_s)
        .fold(0.0, f64::max);
    if end.is_nan() || end <= 0.0 {
        return Vec::new();
    }
    let names = subscribers.iter().map(|s| s.chars().count()).max().unwrap_or(0);
    let several = views.len() > 1;
    let variants = if several {
        views.iter().map(|v| v.name.chars().count()).max().unwrap_or(0) + 2
    } else {
        0
    };
    let lead = names + variants + 4;
    let columns = MOST.min(width.saturating_sub(lead + 18)).max(10);
    let mut out = Vec::new();
    for name in &subscribers {
        for view in views {
            let Some(series) = view.series(name, &["lag.p99"]) else { continue };
            let variant = if several { view.name } else { "" };
            let (line, most) = draw(series, end, columns);
            let variants = variants.saturating_sub(2);
            let gap = if several { "  " } else { "" };
            out.push(format!(
                "  {name:names$}{gap}{variant:variants$}  {line}  0 to {}",
                seconds(most)
            ));
        }
    }
    let margin = " ".repeat(lead);
    for (who, windows) in broken(views) {
        out.push(format!("{margin}{}  {}", marks(windows, end, columns), failures(windows, &who)));
    }
    let (from, to) = ("0 s", seconds(end));
    let space = columns.saturating_sub(from.len() + to.chars().count());
    out.push(format!("{}{from}{}{to}", " ".repeat(lead), " ".repeat(space)));
    if more > 0 {
        out.push(format!("  {} more subscribers are less far behind", count(more as u64)));
    }
    out
}

/// The line over 0..`end` and its largest value. A column shows the largest of its values, a blank
/// where it has none.
fn draw(series: &Series, end: f64, columns: usize) -> (String, f64) {
    let mut columns: Vec<Option<f64>> = vec![None; columns];
    let n = columns.len();
    for (k, value) in series.values.iter().enumerate() {
        let Some(v) = value.filter(|v| v.is_finite()) else { continue };
        // A bin wider than a column fills all the columns that it covers.
        let from = (k as f64 * series.bin_s / end * n as f64) as usize;
        let to = ((k + 1) as f64 * series.bin_s / end * n as f64).ceil() as usize;
        for column in columns.iter_mut().take(to.max(from + 1).min(n)).skip(from) {
            *column = Some(column.map_or(v, |c| c.max(v)));
        }
    }
    let most = columns.iter().flatten().copied().fold(0.0, f64::max);
    let level = |v: f64| -> char {
        if most <= 0.0 {
            return LEVELS[0];
        }
        let level = (v.max(0.0) / most * LEVELS.len() as f64).ceil() as usize;
        LEVELS[level.clamp(1, LEVELS.len()) - 1]
    };
    (columns.into_iter().map(|c| c.map_or(' ', level)).collect(), most)
}

/// Failure windows, and of which variants they are: of all, if that needs no word.
fn broken<'a>(views: &[View<'a>]) -> Vec<(String, &'a [FailureWindow])> {
    let mut found: Vec<(Vec<&str>, &[FailureWindow])> = Vec::new();
    for view in views.iter().filter(|v| !v.result.failures.is_empty()) {
        let windows = view.result.failures.as_slice();
        match found.iter_mut().find(|(_, known)| same(known, windows)) {
            Some((names, _)) => names.push(view.name),
            None => found.push((vec![view.name], windows)),
        }
    }
    let who = |names: &[&str]| {
        if names.len() == views.len() { String::new() } else { names.join(", ") }
    };
    found.into_iter().map(|(names, windows)| (who(&names), windows)).collect()
}

/// Whether the same was broken at the same times, whatever it cost.
fn same(a: &[FailureWindow], b: &[FailureWindow]) -> bool {
    let alike = |(a, b): (&FailureWindow, &FailureWindow)| {
        (&a.name, a.from, a.to) == (&b.name, b.from, b.to)
    };
    a.len() == b.len() && a.iter().zip(b).all(alike)
}

/// A mark in each column during which something was broken.
fn marks(failures: &[FailureWindow], end: f64, columns: usize) -> String {
    let column = |t: f64| t / end * columns as f64;
    (0..columns)
        .map(|c| {
            let broken = failures.iter().any(|w| {
                let (from, to) = (column(w.from).floor(), w.to.map_or(f64::INFINITY, column));
                c as f64 >= from && (c as f64) < to.max(from + 1.0)
            });
            if broken { '^' } else { ' ' }
        })
        .collect()
}

/// What the marks stand for.
fn failures(failures: &[FailureWindow], who: &str) -> String {
    let mut names: Vec<&str> = failures.iter().map(|w| w.name.as_str()).collect();
    names.dedup();
    let told = names.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    let more = if names.len() > 3 { ", ..." } else { "" };
    let who = if who.is_empty() { String::new() } else { format!("{who}: ") };
    format!("{who}{told}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[Option<f64>]) -> Series {
        Series { unit: "s".to_owned(), bin_s: 1.0, values: values.to_vec() }
    }

    #[test]
    fn a_column_shows_its_largest_value_and_blanks_where_there_is_none() {
        let s = series(&[Some(0.0), Some(4.0), None, None, Some(8.0), Some(1.0)]);
        assert_eq!(draw(&s, 6.0, 3), ("▄ █".to_owned(), 8.0));
    }

    #[test]
    fn bins_wider_than_columns_leave_no_holes() {
        let s = series(&[Some(1.0), Some(2.0)]);
        assert_eq!(draw(&s, 2.0, 6).0, "▄▄▄███");
    }

    #[test]
    fn all_zero_is_a_flat_line() {
        assert_eq!(draw(&series(&[Some(0.0), Some(0.0)]), 2.0, 2), ("▁▁".to_owned(), 0.0));
    }

    #[test]
    fn windows_mark_at_least_one_column_and_permanent_ones_the_rest() {
        let window = |from, to| FailureWindow { name: "x".to_owned(), from, to, costs: Vec::new() };
        assert_eq!(marks(&[window(2.0, Some(4.0))], 10.0, 10), "  ^^      ");
        assert_eq!(marks(&[window(5.2, Some(5.3))], 10.0, 10), "     ^    ");
        assert_eq!(marks(&[window(8.0, None)], 10.0, 10), "        ^^");
    }
}
