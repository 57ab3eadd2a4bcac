//! The report for a terminal: question and answer in the first lines, then the expectations, then
//! the numbers.
//!
//! Does not probe the terminal: width and colour are told to it.

mod grid;
mod paint;
mod sparkline;

use crate::render::failures;
use crate::render::findings::{self, Answer};
use crate::render::study;
use crate::render::tables::{self, Table};
use crate::render::verdict;
use crate::render::view::{View, worst_first};
use crate::render::wording::{count, plain, plural};
use crate::results::Results;
use paint::{Paint, wrap};

/// How the report looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalOptions {
    /// Whether to use ANSI colours. Nothing is said by colour alone.
    pub color: bool,
    /// Columns to fill, at least 40.
    pub width: usize,
}

impl Default for TerminalOptions {
    /// No colour, 100 columns.
    fn default() -> Self {
        Self { color: false, width: 100 }
    }
}

/// Variants whose tables are printed in full.
const FULL: usize = 6;

/// The whole report as text that ends with a newline.
pub fn terminal(results: &Results, options: &TerminalOptions) -> String {
    report(results, options, false)
}

/// As [`terminal`], with the comparison of the variants before their tables.
pub fn terminal_comparison(results: &Results, options: &TerminalOptions) -> String {
    report(results, options, true)
}

fn report(results: &Results, options: &TerminalOptions, comparison_first: bool) -> String {
    let mut page = Page {
        out: String::new(),
        paint: Paint { color: options.color },
        width: options.width.max(40),
    };
    let views = View::all(results);
    page.opening(results);
    let studies = study::tables(results);
    if !studies.is_empty() {
        page.study(results, &studies);
        return page.out;
    }
    page.expectations(results);
    if let Some(matrix) = tables::matrix(results) {
        page.head(&matrix.caption);
        page.table(&matrix);
    }
    if comparison_first {
        page.comparison(results);
    }
    for view in views.iter().take(FULL) {
        page.variant(view, views.len() > 1);
    }
    if views.len() > FULL {
        page.text(
            "",
            &format!("{} are in results.json.", plural(views.len() - FULL, "more variant")),
        );
    }
    let sparklines = sparkline::lines(&views, page.width);
    if !sparklines.is_empty() {
        page.head("Lag over time, p99 of each interval");
        for line in sparklines {
            page.line(&line);
        }
    }
    if !comparison_first {
        page.comparison(results);
    }
    page.closing(results);
    page.out
}

/// The report as far as it is written.
struct Page {
    out: String,
    paint: Paint,
    width: usize,
}

impl Page {
    fn line(&mut self, text: &str) {
        self.out.push_str(&plain(text.trim_end()));
        self.out.push('\n');
    }

    /// A blank line and a heading.
    fn head(&mut self, text: &str) {
        let painted = self.paint.bold(text);
        self.line("");
        self.line(&painted);
    }

    /// A paragraph behind a label; lines after the first are indented below its start.
    fn text(&mut self, label: &str, text: &str) {
        let indent = label.chars().count();
        for (i, line) in wrap(text, self.width.saturating_sub(indent)).iter().enumerate() {
            let lead = if i == 0 { label.to_owned() } else { " ".repeat(indent) };
            self.line(&format!("{lead}{line}"));
        }
    }

    /// A line per variant, behind its name.
    fn answers(&mut self, answers: &[Answer]) {
        if let [Answer { variant: None, text }] = answers {
            return self.text("  ", text);
        }
        let longest = answers.iter().map(|a| a.name().chars().count()).max().unwrap_or(0);
        for answer in answers {
            let label = format!("  {:longest$}  ", answer.name());
            self.text(&label, &answer.text);
        }
    }

    fn opening(&mut self, results: &Results) {
        let title = self.paint.bold(findings::title(results));
        self.line(&title);
        if !results.scenario.question.is_empty() {
            self.text("", &results.scenario.question);
        }
        self.line("");
        self.answers(&findings::answers(results));
    }

    fn expectations(&mut self, results: &Results) {
        self.head(&format!("Expectations: {}", findings::verdict(results)));
        let mut table = tables::expectations(results);
        let notes: Vec<String> =
            table.rows.iter_mut().filter_map(Vec::pop).map(|note| note.text).collect();
        table.head.pop();
        let mut row = 0;
        let mut fails = false;
        for line in grid::body(&table, self.width) {
            // On a narrow screen a row may take several lines.
            let marks = ["✓", "✗"].map(|mark| line.trim_start().starts_with(mark));
            if marks.contains(&true) {
                self.note(&notes, row);
                row += 1;
                fails = marks[1];
            }
            let painted = if fails { self.paint.red(&line) } else { self.paint.green(&line) };
            self.line(&painted);
        }
        self.note(&notes, row);
    }

    /// The note of the `row`th row, counted from 1, below it.
    fn note(&mut self, notes: &[String], row: usize) {
        if let Some(note) = row.checked_sub(1).and_then(|k| notes.get(k)).filter(|n| !n.is_empty())
        {
            self.text("           ", note);
        }
    }

    fn table(&mut self, table: &Table) {
        if table.rows.is_empty() {
            return;
        }
        for block in grid::blocks(table, self.width) {
            for line in &block.head {
                let painted = self.paint.dim(line);
                self.line(&painted);
            }
            block.body.iter().for_each(|line| self.line(line));
        }
        if let Some(note) = &table.note {
            self.text("  ", note);
        }
    }

    /// The tables of a study, and no others.
    fn study(&mut self, results: &Results, tables: &[Table]) {
        for table in tables {
            self.head(&table.caption);
            self.table(table);
        }
        self.line("");
        self.text("", &stamp(results));
    }

    fn variant(&mut self, view: &View<'_>, named: bool) {
        let name = if named { format!("{}: ", view.name) } else { String::new() };
        self.head(&format!("{name}{}", tables::phases(view)));
        let broken = failures::windows(view, 4);
        if !broken.is_empty() {
            self.text("  broken: ", &broken.join("; "));
        }
        let recovered = failures::recoveries(view, 6);
        if !recovered.is_empty() {
            self.text("  recovered: ", &recovered.join("; "));
        }
        self.table(&tables::services(view));
        self.table(&tables::client_table(view));
        self.table(&tables::brokers(view));
        self.table(&tables::groups(view));
        self.table(&tables::ledger(view));
    }

    fn comparison(&mut self, results: &Results) {
        let Some(table) = tables::side_by_side(results) else { return };
        self.head("Side by side");
        self.table(&table);
        for pair in verdict::pairs(results) {
            self.head(&format!("{} against {}", pair.b, pair.a));
            for sentence in &pair.sentences {
                self.text("  ", sentence);
            }
            if pair.untold > 0 {
                let metrics = plural(pair.untold, "more compared metric");
                self.text("  ", &format!("({metrics} in results.json)"));
            }
        }
        if let Some(caveat) = verdict::caveat(results) {
            self.text("  ", caveat);
        }
    }

    fn closing(&mut self, results: &Results) {
        let meanings = findings::meanings(results);
        if !meanings.is_empty() {
            self.head("What it means");
            self.answers(&meanings);
        }
        if !results.scenario.lesson.is_empty() {
            self.head("Lesson");
            self.text("  ", &results.scenario.lesson);
        }
        let advice = findings::advice(results);
        if !advice.is_empty() {
            self.head("Advice");
            for (code, text) in advice {
                self.text(&format!("  {code}  "), &text);
            }
        }
        self.head("Try next");
        self.text("  ", &findings::next_step(results));
        self.line("");
        self.text("", &stamp(results));
    }
}

/// What this was made from, in one line.
fn stamp(results: &Results) -> String {
    let events = results.variants.iter().fold(0_u64, |sum, (_, v)| sum.saturating_add(v.events));
    let hash: String = results.scenario.hash.chars().take(12).collect();
    let seeds = plural(usize::try_from(results.seeds).unwrap_or(usize::MAX), "replication");
    format!(
        "{}, seed {}, {seeds}, {} events, scenario {hash}",
        results.program,
        results.seed,
        count(events)
    )
}

/// Subscribers shown as sparklines at most.
const SPARKLINES: usize = 8;

/// The subscribers that get a sparkline, worst first, and how many do not.
fn sparkline_subscribers(views: &[View<'_>]) -> (Vec<String>, usize) {
    let mut worst = worst_first(views);
    let more = worst.len().saturating_sub(SPARKLINES);
    worst.truncate(SPARKLINES);
    (worst, more)
}
