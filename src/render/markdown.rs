//! The report as Markdown for a pull request: answer, expectations, tables, comparison.

use crate::render::failures;
use crate::render::findings::{self, Answer};
use crate::render::study;
use crate::render::tables::{self, Table};
use crate::render::verdict;
use crate::render::view::View;
use crate::render::wording::{Reading, plain};
use crate::results::Results;

/// The whole report as Markdown that ends with a newline.
pub fn markdown(results: &Results) -> String {
    let mut out = format!("## {}\n", text(findings::title(results)));
    if !results.scenario.question.is_empty() {
        paragraph(&mut out, &text(&results.scenario.question));
    }
    out.push('\n');
    for answer in findings::answers(results) {
        bullet(&mut out, &answered(&answer));
    }
    let studies = study::tables(results);
    if studies.is_empty() {
        report(&mut out, results);
    }
    for study in &studies {
        heading(&mut out, &text(&study.caption));
        table(&mut out, study);
    }
    paragraph(
        &mut out,
        &format!(
            "{}, seed {}, replications {}, scenario `{}`",
            text(&results.program),
            results.seed,
            results.seeds,
            results.scenario.hash.replace('`', "'")
        ),
    );
    out
}

/// What the variants did, after the answer.
fn report(out: &mut String, results: &Results) {
    heading(out, &format!("Expectations: {}", text(&findings::verdict(results))));
    table(out, &tables::expectations(results));
    if let Some(matrix) = tables::matrix(results) {
        heading(out, &text(&matrix.caption));
        table(out, &matrix);
    }
    comparison(out, results);
    for view in View::all(results) {
        heading(out, &format!("{}: {}", text(view.name), text(&tables::phases(&view))));
        for failure in failures::windows(&view, 4) {
            paragraph(out, &format!("Broken: {}", text(&failure)));
        }
        for recovery in failures::recoveries(&view, 6) {
            paragraph(out, &format!("Recovered: {}", text(&recovery)));
        }
        let parts = [
            tables::services,
            tables::client_table,
            tables::brokers,
            tables::groups,
            tables::ledger,
        ];
        for part in parts {
            table(out, &part(&view));
        }
    }
    let meanings = findings::meanings(results);
    if !meanings.is_empty() {
        heading(out, "What it means");
        for m in meanings {
            bullet(out, &answered(&m));
        }
    }
    if !results.scenario.lesson.is_empty() {
        heading(out, "Lesson");
        paragraph(out, &text(&results.scenario.lesson));
    }
    let advice = findings::advice(results);
    if !advice.is_empty() {
        heading(out, "Advice");
        for (code, advice) in advice {
            bullet(out, &format!("{}: {}", text(&code), text(&advice)));
        }
    }
    paragraph(
        out,
        &format!("Try next: `{}`", plain(&findings::next_step(results)).replace('`', "'")),
    );
}

fn answered(answer: &Answer) -> String {
    match &answer.variant {
        Some(variant) => format!("**{}**: {}", text(variant), text(&answer.text)),
        None => text(&answer.text),
    }
}

fn comparison(out: &mut String, results: &Results) {
    let Some(side_by_side) = tables::side_by_side(results) else { return };
    heading(out, "Comparison");
    for sentence in verdict::pairs(results).iter().flat_map(|p| &p.sentences) {
        bullet(out, &text(sentence));
    }
    if let Some(caveat) = verdict::caveat(results) {
        paragraph(out, caveat);
    }
    table(out, &side_by_side);
}

fn heading(out: &mut String, line: &str) {
    out.push_str("\n### ");
    out.push_str(line);
    out.push_str("\n\n");
}

fn paragraph(out: &mut String, line: &str) {
    out.push('\n');
    out.push_str(line);
    out.push('\n');
}

fn bullet(out: &mut String, line: &str) {
    out.push_str("- ");
    out.push_str(line);
    out.push('\n');
}

/// Text on one line that Markdown leaves as it is.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' | '\u{a0}' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '|' | '*' | '_' | '`' | '[' | ']' | '#' => out.extend(['\\', c]),
            other => out.push(other),
        }
    }
    out
}

fn table(out: &mut String, table: &Table) {
    if table.rows.is_empty() {
        return;
    }
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    out.push('\n');
    out.push_str(&line(table.head.iter().map(|h| text(h)).collect()));
    let rule = |column| if table.is_words(column) { "---" } else { "---:" };
    out.push_str(&line((0..table.head.len()).map(|c| rule(c).to_owned()).collect()));
    for row in &table.rows {
        out.push_str(&line(row.iter().map(Reading::line).map(|cell| text(&cell)).collect()));
    }
    if let Some(note) = &table.note {
        paragraph(out, &text(note));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing;

    #[test]
    fn tables_are_tables_and_names_cannot_break_them() {
        let mut results = testing::overload();
        results.scenario.title = "a | b\n# c".to_owned();
        let text = markdown(&results);
        assert!(text.starts_with("## a \\| b \\# c\n"), "{text}");
        let head = text.find("| service | workers |").expect("a table of services");
        let rest = &text[head..];
        let columns = |line: &str| line.matches(" | ").count();
        let rows: Vec<usize> =
            rest.lines().take_while(|l| l.starts_with('|')).map(columns).collect();
        assert_eq!(rows, [9, 9, 9, 9]);
    }

    #[test]
    fn bounds_survive() {
        assert!(markdown(&testing::crash()).contains("| &gt; 99.9% |"));
    }
}
