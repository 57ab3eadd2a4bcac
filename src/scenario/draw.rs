//! Diagnostics as text, the way rustc draws them.

use super::diagnostic::{Diagnostic, Severity};
use super::tree::{Sources, Span};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// A source line longer than this is not shown, only named.
const LONGEST_LINE: usize = 400;
/// Lines of a span that are shown.
const MOST_LINES: usize = 4;

/// Draws `diagnostics`, errors first, and counts them.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    let mut counts = Vec::new();
    for (severity, noun) in [(Severity::Error, "error"), (Severity::Warning, "warning")] {
        let mut of: Vec<_> = diagnostics.iter().filter(|d| d.severity == severity).collect();
        of.sort_by_key(|d| d.span.map(|s| (s.file, s.start)));
        for diagnostic in &of {
            text.push_str(&renderer.render(&groups(diagnostic, sources)));
            text.push_str("\n\n");
        }
        if !of.is_empty() {
            counts.push(format!("{} {noun}{}", of.len(), if of.len() == 1 { "" } else { "s" }));
        }
    }
    text.push_str(&counts.join(", "));
    text.push('\n');
    text
}

fn groups<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> [Group<'a>; 1] {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group =
        Group::with_title(level.primary_title(diagnostic.message.as_str()).id(diagnostic.code));
    let places = diagnostic
        .span
        .iter()
        .map(|s| (*s, diagnostic.label.as_str(), true))
        .chain(diagnostic.related.iter().map(|(s, why)| (*s, why.as_str(), false)));
    for (span, label, primary) in places {
        group = place(group, sources, span, label, primary);
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    [group]
}

/// Adds one place: its lines with a caret, or its line and column where the lines are too long to show.
fn place<'a>(
    group: Group<'a>,
    sources: &'a Sources,
    span: Span,
    label: &'a str,
    primary: bool,
) -> Group<'a> {
    let (text, name) = (sources.text(span.file), sources.name(span.file));
    let start = (span.start as usize).min(text.len());
    let end = (span.end as usize).clamp(start, text.len());
    let from = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line = text[..from].matches('\n').count() + 1;
    let shown = text[from..].split_inclusive('\n').take(MOST_LINES).map(str::len);
    let mut to = from;
    for length in shown {
        to += length;
        if to >= end {
            break;
        }
    }
    let excerpt = &text[from..to];
    if excerpt.lines().any(|l| l.len() > LONGEST_LINE) {
        let column = text[from..start].chars().count() + 1;
        return group.element(Origin::path(name).line(line).char_column(column));
    }
    let kind = if primary { AnnotationKind::Primary } else { AnnotationKind::Context };
    let annotation = kind.span(start - from..end.min(to) - from);
    let annotation = if label.is_empty() { annotation } else { annotation.label(label) };
    group.element(
        Snippet::source(excerpt).line_start(line).path(name).fold(true).annotation(annotation),
    )
}
