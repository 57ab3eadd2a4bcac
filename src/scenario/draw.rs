//! Diagnostics as text in the look of rustc: message, place, source line with a caret, help.
//!
//! It knows neither TOML nor scenarios. Only an excerpt of a source is ever drawn, so that long
//! lines and large files cost nothing.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::diagnostic::{Diagnostic, Severity};
use super::tree::{FileId, Sources, Span, floor};

/// Characters of a source line that are drawn at most.
const MAX_WIDTH: usize = 120;
/// Characters that are kept in front of a place in a longer line.
const MAX_LEAD: usize = 40;
/// Lines between two places that are still drawn as one excerpt; the ones between are folded.
const MAX_LINES: usize = 200;
/// Wide enough that the renderer never cuts: we have cut already.
const NO_CUT: usize = 1000;

/// All `diagnostics` as text that ends with a count such as `2 errors, 1 warning`; empty if there
/// are none.
///
/// Errors come first, then warnings; each kind in the order of the files and of their lines. What
/// is equal in code, place and message is told once. `color` adds ANSI escapes.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, color: bool) -> String {
    let told = in_order(diagnostics);
    if told.is_empty() {
        return String::new();
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(NO_CUT);
    let mut out = String::new();
    for diagnostic in &told {
        out += &draw(diagnostic, sources, &renderer);
        out += "\n\n";
    }
    out += &count(&told);
    out.push('\n');
    out
}

/// Errors first, then in the order of the text, without repetitions: variants share most of their
/// lines, so that one mistake is often found several times.
fn in_order(diagnostics: &[Diagnostic]) -> Vec<&Diagnostic> {
    let place = |d: &Diagnostic| d.span.map(|s| (s.file, s.start, s.end));
    let mut told: Vec<&Diagnostic> = diagnostics.iter().collect();
    told.sort_by_key(|d| (d.severity == Severity::Warning, place(d)));
    let mut distinct: Vec<&Diagnostic> = Vec::with_capacity(told.len());
    for diagnostic in told {
        let same = |d: &&&Diagnostic| d.code == diagnostic.code && d.message == diagnostic.message;
        let here = distinct.iter().rev().take_while(|d| place(d) == place(diagnostic));
        if !here.into_iter().any(|d| same(&d)) {
            distinct.push(diagnostic);
        }
    }
    distinct
}

fn count(told: &[&Diagnostic]) -> String {
    let errors = told.iter().filter(|d| d.severity == Severity::Error).count();
    let number = |n: usize, what: &str| match n {
        0 => None,
        1 => Some(format!("1 {what}")),
        n => Some(format!("{n} {what}s")),
    };
    let parts = [number(errors, "error"), number(told.len() - errors, "warning")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn draw(diagnostic: &Diagnostic, sources: &Sources, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group =
        Group::with_title(level.primary_title(clean(&diagnostic.message)).id(diagnostic.code));
    let mut cut = Vec::new();
    for excerpt in excerpts(diagnostic, sources) {
        let name = clean(&excerpt.name);
        if excerpt.shown_column != excerpt.column {
            let place = |column: usize| format!("{name}:{}:{column}\n", excerpt.line);
            cut.push((place(excerpt.shown_column), place(excerpt.column)));
        }
        group = group.element(
            Snippet::source(excerpt.text)
                .path(name)
                .line_start(excerpt.first_line)
                .annotations(excerpt.marks.into_iter().map(Mark::annotation)),
        );
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(clean(help)));
    }
    let mut drawn = renderer.render(&[group]);
    // The renderer counts columns in the excerpt; where its start was cut off they are corrected.
    for (shown, true_place) in cut {
        drawn = drawn.replacen(&shown, &true_place, 1);
    }
    drawn
}

/// A piece of source with its marks.
struct Excerpt {
    name: String,
    /// Where its first mark stands, from 1.
    line: usize,
    /// Counted in characters, from 1.
    column: usize,
    /// The same in `text`.
    shown_column: usize,
    first_line: usize,
    text: String,
    marks: Vec<Mark>,
}

struct Mark {
    at: Range<usize>,
    label: String,
    primary: bool,
}

impl Mark {
    fn annotation<'a>(self) -> Annotation<'a> {
        let kind = if self.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
        let annotation = kind.span(self.at);
        if self.label.is_empty() { annotation } else { annotation.label(self.label) }
    }
}

/// The excerpts of a diagnostic: one for its place and for what stands near it, and one for each
/// other place.
fn excerpts(diagnostic: &Diagnostic, sources: &Sources) -> Vec<Excerpt> {
    let Some(primary) = diagnostic.span else { return Vec::new() };
    let mut places = vec![Place::new(sources, primary, &diagnostic.label, true)];
    for (span, why) in &diagnostic.related {
        places.push(Place::new(sources, *span, why, false));
    }
    let mut excerpts = Vec::new();
    while !places.is_empty() {
        let first = places.remove(0);
        let (near, far) = places.into_iter().partition(|p: &Place| first.shares_excerpt(p));
        places = far;
        excerpts.push(first.excerpt(&near, sources));
    }
    excerpts
}

/// A span with its line.
struct Place<'a> {
    span: Span,
    /// Without the end of the line.
    line: Range<usize>,
    number: usize,
    label: &'a str,
    primary: bool,
}

impl<'a> Place<'a> {
    fn new(sources: &Sources, span: Span, label: &'a str, primary: bool) -> Self {
        let text = sources.text(span.file);
        let start = floor(text, span.start as usize);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |length| start + length);
        let line_end = line_end - usize::from(text[line_start..line_end].ends_with('\r'));
        let number = text[..line_start].bytes().filter(|b| *b == b'\n').count() + 1;
        Self { span, line: line_start..line_end.max(start), number, label, primary }
    }

    fn shares_excerpt(&self, other: &Self) -> bool {
        let short = |p: &Self| p.line.len() <= MAX_WIDTH;
        self.span.file == other.span.file
            && short(self)
            && short(other)
            && self.number.abs_diff(other.number) <= MAX_LINES
            && self.line.start.abs_diff(other.line.start) <= MAX_LINES * MAX_WIDTH
    }

    /// The bytes to mark: what lies within the line.
    fn marked(&self, text: &str) -> Range<usize> {
        let start = floor(text, self.span.start as usize);
        let end = floor(text, self.span.end as usize).min(self.line.end).max(start);
        start..end
    }

    fn excerpt(&self, near: &[Self], sources: &Sources) -> Excerpt {
        let text = sources.text(self.span.file);
        let at = self.marked(text);
        let all = || std::iter::once(self).chain(near);
        let mut from = all().map(|p| p.line.start).min().unwrap_or(self.line.start);
        let mut to = all().map(|p| p.line.end).max().unwrap_or(self.line.end);
        let mut painter = Painter::default();
        let cut = near.is_empty() && self.line.len() > MAX_WIDTH;
        if cut {
            let lead = text[from..at.start].char_indices().rev().nth(MAX_LEAD - 1);
            let window = lead.map_or(from, |(offset, _)| from + offset);
            painter.ellipsis(window > from);
            from = window;
            let rest = text[from..to].char_indices().nth(MAX_WIDTH);
            to = rest.map_or(to, |(offset, _)| from + offset);
        }
        let mut places: Vec<&Self> = all().collect();
        places.sort_by_key(|p| p.span.start);
        let marks: Vec<Range<usize>> = places.iter().map(|p| p.marked(text)).collect();
        let marked = painter.paint(text, from..to, &marks);
        painter.ellipsis(cut && to < self.line.end);
        let primary = places.iter().position(|p| p.span == self.span).unwrap_or(0);
        let column = text[self.line.start..at.start].chars().count() + 1;
        let shown_column =
            if cut { painter.out[..marked[primary].start].chars().count() + 1 } else { column };
        let marks = places.iter().zip(marked).map(|(place, at)| Mark {
            at,
            label: clean(place.label),
            primary: place.primary,
        });
        Excerpt {
            name: name(sources, self.span.file),
            line: self.number,
            column,
            shown_column,
            first_line: all().map(|p| p.number).min().unwrap_or(self.number),
            marks: marks.collect(),
            text: painter.out,
        }
    }
}

fn name(sources: &Sources, file: FileId) -> String {
    sources.name(file).to_owned()
}

/// Copies a piece of a text without control characters, and remembers where marks come to lie.
#[derive(Default)]
struct Painter {
    out: String,
}

impl Painter {
    fn ellipsis(&mut self, needed: bool) {
        if needed {
            self.out.push('\u{2026}');
        }
    }

    fn paint(
        &mut self,
        text: &str,
        piece: Range<usize>,
        marks: &[Range<usize>],
    ) -> Vec<Range<usize>> {
        let mut edges: Vec<(usize, usize)> = Vec::with_capacity(2 * marks.len());
        let piece_text = &text[piece.clone()];
        let mut wanted: Vec<usize> = marks.iter().flat_map(|m| [m.start, m.end]).collect();
        wanted.sort_unstable();
        let mut wanted = wanted.into_iter().map(|at| at.clamp(piece.start, piece.end)).peekable();
        for (offset, c) in piece_text.char_indices() {
            while let Some(at) = wanted.next_if(|at| *at <= piece.start + offset) {
                edges.push((at, self.out.len()));
            }
            self.out.push(if c == '\n' || c == '\t' { c } else { visible(c) });
        }
        edges.extend(wanted.map(|at| (at, self.out.len())));
        let find = |at: usize| {
            let at = at.clamp(piece.start, piece.end);
            edges.iter().find(|(from, _)| *from == at).map_or(0, |(_, to)| *to)
        };
        marks.iter().map(|m| find(m.start)..find(m.end)).collect()
    }
}

/// The message without characters that could steer a terminal.
fn clean(message: &str) -> String {
    message.chars().map(|c| if c == '\n' { c } else { visible(c) }).collect()
}

fn visible(c: char) -> char {
    let turns_text = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if c.is_control() || turns_text { '\u{fffd}' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: usize, end: usize) -> Span {
        Span { file: FileId(0), start: start as u32, end: end as u32 }
    }

    fn one(text: &str, diagnostic: Diagnostic) -> String {
        let mut sources = Sources::default();
        sources.add("dir/a.toml", text);
        render(&[diagnostic], &sources, false)
    }

    fn error(at: Range<usize>) -> Diagnostic {
        Diagnostic::error("E999", span(at.start, at.end), "this is wrong")
    }

    #[test]
    fn a_place_its_relative_and_help() {
        let text = "title = \"x\"\n\n[service.shop]\nworkers = 1\n\n\n\n\nworkers = 2\n";
        let diagnostic = error(44..51)
            .label("again here")
            .related(span(28, 35), "first here")
            .help("keep one of them:\nworkers = 1");
        insta::assert_snapshot!(one(text, diagnostic), @r"
        error[E999]: this is wrong
         --> dir/a.toml:9:1
          |
        4 | workers = 1
          | ------- first here
        ...
        9 | workers = 2
          | ^^^^^^^ again here
          |
          = help: keep one of them:
                  workers = 1

        1 error
        ");
    }

    #[test]
    fn a_relative_in_another_file_has_its_own_excerpt() {
        let mut sources = Sources::default();
        sources.add("a.toml", "extends = \"b.toml\"\n");
        let b = sources.add("b.toml", "extends = \"a.toml\"\n");
        let there = Span { file: b, start: 10, end: 18 };
        let diagnostic = error(10..18).related(there, "which leads back");
        insta::assert_snapshot!(render(&[diagnostic], &sources, false), @r#"
        error[E999]: this is wrong
         --> a.toml:1:11
          |
        1 | extends = "b.toml"
          |           ^^^^^^^^
          |
         ::: b.toml:1:11
          |
        1 | extends = "a.toml"
          |           -------- which leads back

        1 error
        "#);
    }

    #[test]
    fn order_count_and_repetitions() {
        let mut sources = Sources::default();
        sources.add("a.toml", "a = 1\nb = 2\n");
        let warning = Diagnostic::warning("W001", span(0, 1), "odd");
        let nowhere = Diagnostic::new("E011", Severity::Error, None, "cannot read `b.toml`");
        let all = [warning, error(6..7), error(0..1), error(6..7), nowhere];
        insta::assert_snapshot!(render(&all, &sources, false), @r"
        error[E011]: cannot read `b.toml`

        error[E999]: this is wrong
         --> a.toml:1:1
          |
        1 | a = 1
          | ^

        error[E999]: this is wrong
         --> a.toml:2:1
          |
        2 | b = 2
          | ^

        warning[W001]: odd
         --> a.toml:1:1
          |
        1 | a = 1
          | ^

        3 errors, 1 warning
        ");
        assert_eq!(render(&[], &sources, false), "");
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let word = "lorem ipsum ".repeat(100_000);
        insta::assert_snapshot!(one(&word, error(600_000..600_005)), @r"
        error[E999]: this is wrong
         --> dir/a.toml:1:600001
          |
        1 | …sum lorem ipsum lorem ipsum lorem ipsum lorem ipsum lorem ipsum lorem ipsum lorem ipsum lorem ipsum lorem ipsum lorem ip…
          |                                          ^^^^^

        1 error
        ");
        insta::assert_snapshot!(one(&word, error(0..1_000_000)), @r"
        error[E999]: this is wrong
         --> dir/a.toml:1:1
          |
        1 | lorem ipsum lorem ipsum lorem ipsum lorem ipsum lorem ipsum lorem ipsum lorem ipsum lorem ipsum lorem ipsum lorem ipsum …
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

        1 error
        ");
        insta::assert_snapshot!(one(&word, error(1_200_000..1_200_000)), @r"
        error[E999]: this is wrong
         --> dir/a.toml:1:1200001
          |
        1 | …sum lorem ipsum lorem ipsum lorem ipsum 
          |                                          ^

        1 error
        ");
    }

    #[test]
    fn odd_places_and_characters_do_no_harm() {
        insta::assert_snapshot!(one("", error(0..0)), @r"
        error[E999]: this is wrong
         --> dir/a.toml:1:1
          |
        1 |
          | ^

        1 error
        ");
        insta::assert_snapshot!(one("a = \"\u{1b}[31m\u{202e}\t\u{e4}\" # x\r\n", error(4..16)), @r#"
        error[E999]: this is wrong
         --> dir/a.toml:1:5
          |
        1 | a = "�[31m�    ä" # x
          |     ^^^^^^^^^^^^

        1 error
        "#);
        insta::assert_snapshot!(one("\u{e4}\u{e4}", error(1..900)), @r"
        error[E999]: this is wrong
         --> dir/a.toml:1:1
          |
        1 | ää
          | ^^

        1 error
        ");
        insta::assert_snapshot!(one("a = '''\nb\n'''", error(4..13)), @r"
        error[E999]: this is wrong
         --> dir/a.toml:1:5
          |
        1 | a = '''
          |     ^^^

        1 error
        ");
    }

    #[test]
    fn places_on_empty_lines_are_drawn_there() {
        insta::assert_snapshot!(one("a = 1\n\n\nb = 1", error(6..6)), @r"
        error[E999]: this is wrong
         --> dir/a.toml:2:1
          |
        2 |
          | ^

        1 error
        ");
        insta::assert_snapshot!(one("a = 1\nb = ", error(10..10)), @r"
        error[E999]: this is wrong
         --> dir/a.toml:2:5
          |
        2 | b = 
          |     ^

        1 error
        ");
        insta::assert_snapshot!(one("a = 1\nb = 1\n", error(12..12)), @r"
        error[E999]: this is wrong
         --> dir/a.toml:3:1
          |
        3 |
          | ^

        1 error
        ");
    }

    #[test]
    fn color_is_asked_for() {
        let mut sources = Sources::default();
        sources.add("a.toml", "a = 1\n");
        let plain = render(&[error(0..1)], &sources, false);
        let styled = render(&[error(0..1)], &sources, true);
        assert!(!plain.contains('\u{1b}'));
        assert!(styled.contains('\u{1b}'));
    }
}
