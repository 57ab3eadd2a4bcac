//! Pieces of the page: answers, tables, and where a lag comes from.

use crate::render::findings::{Answer, segment_meaning};
use crate::render::tables::{Table, share};
use crate::render::wording::seconds;
use maud::{Markup, html};

/// What is said of each variant.
pub(super) fn answers(answers: &[Answer], class: &str) -> Markup {
    html! {
        @match answers {
            [] => {}
            [only @ Answer { variant: None, .. }] => p class=(class) { (only.text) },
            many => dl class=(class) {
                @for answer in many {
                    dt { (answer.name()) }
                    dd { (answer.text) }
                }
            }
        }
    }
}

/// A table; nothing if it has no rows.
pub(super) fn table(table: &Table) -> Markup {
    html! {
        @if !table.rows.is_empty() {
            // A table wider than the screen scrolls by itself, also by keyboard.
            div.scroll tabindex="0" role="region" aria-label=(table.caption) {
                table {
                    caption { (table.caption) }
                    thead { tr { @for (column, head) in table.head.iter().enumerate() {
                        th scope="col" class=[words(table, column)] { (head_text(head)) }
                    } } }
                    tbody { @for row in &table.rows { tr {
                        @for (column, cell) in row.iter().enumerate() {
                            @if column == 0 {
                                th scope="row" class=(row_class(&cell.text)) { (cell.text) }
                            } @else {
                                td class=[words(table, column)] {
                                    (cell.text)
                                    @if let Some(half) = &cell.half {
                                        " " span.half { "± " (half) }
                                    }
                                }
                            }
                        }
                    } } }
                }
            }
            @if let Some(note) = &table.note { p.note { (note) } }
        }
    }
}

fn words(table: &Table, column: usize) -> Option<&'static str> {
    table.is_words(column).then_some("words")
}

/// Heads without a name are those of the verdict and its note.
fn head_text(head: &str) -> &str {
    if head.is_empty() { "\u{a0}" } else { head }
}

fn row_class(first: &str) -> &'static str {
    match first.chars().next() {
        Some('✓') => "words holds",
        Some('✗') => "words fails",
        _ => "words",
    }
}

/// A waterfall per subscriber: each segment starts where the one before it ends.
pub(super) fn lag_sources(sources: &[(String, Vec<(&'static str, f64)>)]) -> Markup {
    html! {
        @if !sources.is_empty() {
            h3 { "Where the lag comes from" }
            @for (name, segments) in sources {
                @let total: f64 = segments.iter().map(|s| s.1).sum();
                p { "Mean of " (name) ": " (seconds(total)) }
                div.fall {
                    @for (i, (segment, mean)) in segments.iter().enumerate() {
                        @let before: f64 = segments[..i].iter().map(|s| s.1).sum();
                        span { (segment_meaning(segment)) }
                        span.track {
                            span.bar style=(place(before, *mean, total)) {}
                        }
                        span.time { (seconds(*mean)) " (" (share(*mean, total)) ")" }
                    }
                }
            }
        }
    }
}

/// Where a bar starts and how long it is, in percent of the whole.
fn place(before: f64, mean: f64, total: f64) -> String {
    let part = |v: f64| if total > 0.0 { (v / total * 100.0).clamp(0.0, 100.0) } else { 0.0 };
    format!("left:{:.2}%;width:{:.2}%", part(before).min(99.5), part(mean))
}
