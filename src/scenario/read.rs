//! TOML text becomes a [`Table`] that knows where everything stands; mistakes become diagnostics.
//!
//! It knows TOML, and nothing of what a scenario may contain. The parser of the `toml` crate does
//! the reading and finds several mistakes in one pass; here its tree is put back into the order of
//! the file, and its messages are completed with a code, the other place and the way out.

use std::num::{IntErrorKind, ParseIntError};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::Diagnostic;
use super::scan::{MAX_DEPTH, outline};
use super::syntax::explain_syntax;
use super::tree::{Entry, FileId, Node, Sources, Span, Table, Value, floor};

/// Largest text that is read, in bytes.
pub(crate) const MAX_BYTES: usize = 64 << 20;
/// From this size on only the first syntax error is told: such a file was hardly typed by hand.
const MANY_ERRORS_UP_TO: usize = 256 << 10;
/// Syntax errors told for one file; the next ones are mostly echoes.
const MAX_ERRORS: usize = 20;

/// Reads `bytes` as UTF-8 and then as [`read_text`] does.
pub(crate) fn read_bytes(
    sources: &mut Sources,
    name: &str,
    bytes: Vec<u8>,
    errors: &mut Vec<Diagnostic>,
) -> Table {
    match String::from_utf8(bytes) {
        Ok(text) => read_text(sources, name, &text, errors),
        Err(broken) => {
            let start = broken.utf8_error().valid_up_to();
            let byte = broken.as_bytes()[start];
            // Up to the bad byte the places in the repaired text are those of the file.
            let text = String::from_utf8_lossy(broken.as_bytes()).into_owned();
            let file = sources.add(name, text);
            let end = start + '\u{fffd}'.len_utf8();
            let message = format!("`{name}` is not UTF-8 text");
            errors.push(
                Diagnostic::error("E002", span(file, start..end), message)
                    .label(format!("byte 0x{byte:02x} does not belong here"))
                    .help("save the file as UTF-8 (every editor can)"),
            );
            Table::default()
        }
    }
}

/// Reads `text`, adds it to `sources` under `name`, and adds a diagnostic to `errors` for each
/// syntax error. The table holds what could be understood.
pub(crate) fn read_text(
    sources: &mut Sources,
    name: &str,
    text: &str,
    errors: &mut Vec<Diagnostic>,
) -> Table {
    if text.len() > MAX_BYTES {
        let file = sources.add(name, "");
        let message = format!("`{name}` is larger than {} MiB", MAX_BYTES >> 20);
        errors.push(Diagnostic::error("E004", span(file, 0..0), message));
        return Table::default();
    }
    let file = sources.add(name, text);
    let outline = outline(text);
    if let Some(at) = outline.too_deep {
        let message = format!("nested more than {MAX_DEPTH} deep");
        errors.push(
            Diagnostic::error("E005", span(file, at), message)
                .label("one level too many")
                .help("a scenario needs no more than six levels: look for a bracket left open"),
        );
        return Table::default();
    }
    if let Some(at) = outline.too_slow {
        let message = "too many multi-line strings for a text of this size";
        errors.push(
            Diagnostic::error("E004", span(file, at), message)
                .help("write strings in single quotes, each on one line"),
        );
        return Table::default();
    }
    let mut mistakes = Vec::new();
    let mended = broken_lines_mended(text, &mut mistakes);
    let tree = parse(mended.as_deref().unwrap_or(text), &mut mistakes);
    if mistakes.is_empty() && tree.is_empty() {
        errors.push(empty_file(file, name));
    }
    let table = Converter { file, text, errors }.table(&tree).0;
    one_per_line(text, &mut mistakes);
    let more = mistakes.len().saturating_sub(MAX_ERRORS);
    for mistake in mistakes.iter().take(MAX_ERRORS) {
        errors.push(explain_syntax(file, text, mistake, &outline.statements));
    }
    if more > 0 {
        let at = whole(text, mistakes[MAX_ERRORS].span().unwrap_or(0..0));
        let message = format!("and {more} more syntax errors from here on");
        errors.push(Diagnostic::error("E001", span(file, at), message));
    }
    table
}

/// Keeps the parser's first complaint about each line, in the order of lines: the others are
/// mostly echoes of it.
fn one_per_line(text: &str, mistakes: &mut Vec<toml::de::Error>) {
    let starts: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
    let line = |e: &toml::de::Error| {
        let start = e.span().map_or(0, |span| span.start);
        starts.partition_point(|&s| s <= start)
    };
    mistakes.sort_by_key(line);
    mistakes.dedup_by_key(|e| line(e));
}

/// The text with harmless lines in place of those that make the parser misread what follows; none
/// if there are no such lines. Their mistakes go to `mistakes`.
fn broken_lines_mended(text: &str, mistakes: &mut Vec<toml::de::Error>) -> Option<String> {
    if text.len() > MANY_ERRORS_UP_TO {
        return None;
    }
    let (_, found) = DeTable::parse_recoverable(text);
    // At a line without a value the parser stops; lines below a broken head join the table above.
    let no_value = |e: &toml::de::Error| e.message().starts_with("key with no value");
    let no_head = |e: &toml::de::Error| {
        e.message().starts_with("unclosed table") || e.message().starts_with("unclosed array table")
    };
    let mut mended = None;
    for error in found.iter().filter(|e| no_value(e) || no_head(e)) {
        let at = floor(text, error.span().map_or(0, |span| span.start));
        let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[at..].find('\n').map_or(text.len(), |length| at + length);
        let width = end - start;
        let own_head = format!("[{start:_>inner$}]", inner = width.saturating_sub(2));
        let instead =
            if no_head(error) && own_head.len() == width { own_head } else { " ".repeat(width) };
        mended.get_or_insert_with(|| text.to_owned()).replace_range(start..end, &instead);
    }
    mistakes.extend(found.into_iter().filter(|e| no_value(e) || no_head(e)));
    mended
}

fn parse<'a>(text: &'a str, mistakes: &mut Vec<toml::de::Error>) -> DeTable<'a> {
    if text.len() <= MANY_ERRORS_UP_TO {
        let (tree, found) = DeTable::parse_recoverable(text);
        mistakes.extend(found);
        return tree.into_inner();
    }
    DeTable::parse(text).map_or_else(
        |first| {
            mistakes.push(first);
            DeTable::new()
        },
        Spanned::into_inner,
    )
}

fn empty_file(file: FileId, name: &str) -> Diagnostic {
    Diagnostic::error("E003", span(file, 0..0), format!("`{name}` is empty"))
        .label("nothing but blank lines and comments")
        .help(
            "the smallest scenario has a service that emits and one that listens:\n\
             [service.shop]\n\
             emits.OrderPlaced = \"100/s\"\n\
             [service.email]\n\
             on.OrderPlaced = \"8ms\"",
        )
}

/// The place `at` in `file`.
pub(crate) fn span(file: FileId, at: Range<usize>) -> Span {
    Span { file, start: at.start as u32, end: at.end as u32 }
}

/// The place `at`, made to lie on whole characters of `text`: the parser's places need not, where
/// it recovers from a mistake.
pub(crate) fn whole(text: &str, at: Range<usize>) -> Range<usize> {
    let start = floor(text, at.start);
    start..floor(text, at.end).max(start)
}

/// Turns the parser's tree, which is sorted by key, into ours, which is in the order of the file.
struct Converter<'a> {
    file: FileId,
    text: &'a str,
    errors: &'a mut Vec<Diagnostic>,
}

impl Converter<'_> {
    /// The table, and the place of its first mention: a parent may be headed after its children.
    fn table(&mut self, tree: &DeTable<'_>) -> (Table, usize) {
        let mut entries: Vec<(usize, Entry)> = Vec::with_capacity(tree.len());
        for (key, value) in tree {
            let (node, first) = self.node(value);
            let key_span = span(self.file, whole(self.text, key.span()));
            let entry = Entry { key: key.get_ref().to_string(), key_span, node };
            entries.push((first.min(key.span().start), entry));
        }
        entries.sort_by_key(|(first, _)| *first);
        let first = entries.first().map_or(usize::MAX, |(first, _)| *first);
        (Table { entries: entries.into_iter().map(|(_, entry)| entry).collect() }, first)
    }

    fn node(&mut self, value: &Spanned<DeValue<'_>>) -> (Node, usize) {
        let at = whole(self.text, value.span());
        let mut first = at.start;
        let value = match value.get_ref() {
            DeValue::String(s) => Value::String(s.to_string()),
            DeValue::Integer(i) => {
                Value::Integer(self.integer(i64::from_str_radix(i.as_str(), i.radix()), &at))
            }
            DeValue::Float(f) => Value::Float(self.float(f.as_str(), at.clone())),
            DeValue::Boolean(b) => Value::Boolean(*b),
            DeValue::Datetime(_) => Value::Datetime(self.text[at.clone()].to_owned()),
            DeValue::Array(items) => {
                Value::Array(items.iter().map(|item| self.node(item).0).collect())
            }
            DeValue::Table(tree) => {
                let (table, mention) = self.table(tree);
                first = first.min(mention);
                Value::Table(table)
            }
        };
        (Node { value, span: span(self.file, at) }, first)
    }

    /// The number; 0 if it is no number, of which the parser has told, or too large.
    fn integer(&mut self, parsed: Result<i64, ParseIntError>, at: &Range<usize>) -> i64 {
        parsed.unwrap_or_else(|error| {
            if matches!(error.kind(), IntErrorKind::PosOverflow | IntErrorKind::NegOverflow) {
                let help = "whole numbers lie between -2^63 and 2^63 - 1";
                self.out_of_range(at.clone(), help);
            }
            0
        })
    }

    fn float(&mut self, digits: &str, at: Range<usize>) -> f64 {
        let value = digits.parse::<f64>().unwrap_or(0.0);

        if value.is_finite() || digits.contains("inf") || digits.contains("nan") {
            return value;
        }
        self.out_of_range(at, "the largest number is about 1.8e308");
        0.0
    }

    fn out_of_range(&mut self, at: Range<usize>, help: &str) {
        let number = &self.text[at.clone()];
        let message = format!("the number {number} is too large");
        self.errors.push(Diagnostic::error("E009", span(self.file, at), message).help(help));
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// All mistakes of `text`, one line each: code, line:column of the place and of its relatives.
    fn mistakes(text: &str) -> String {
        let mut sources = Sources::default();
        let mut errors = Vec::new();
        read_text(&mut sources, "a.toml", text, &mut errors);
        list(&sources, &errors)
    }

    fn list(sources: &Sources, errors: &[Diagnostic]) -> String {
        let place = |s: Span| {
            let before = &sources.text(s.file)[..s.start as usize];
            let line = before.matches('\n').count() + 1;
            format!("{line}:{}", before.chars().rev().take_while(|c| *c != '\n').count() + 1)
        };
        let mut out = String::new();
        for e in errors {
            let at = e.span.map_or(String::new(), place);
            write!(out, "{} {at} {}", e.code, e.message).unwrap();
            for (span, why) in &e.related {
                write!(out, " [{} {why}]", place(*span)).unwrap();
            }
            out.push('\n');
        }
        out
    }

    fn keys(table: &Table) -> String {
        let mut out = String::new();
        for entry in &table.entries {
            out += &entry.key;
            match &entry.node.value {
                Value::Table(table) => write!(out, "{{{}}}", keys(table)).unwrap(),
                Value::Array(items) => {
                    for item in items {
                        if let Value::Table(table) = &item.value {
                            write!(out, "[{}]", keys(table)).unwrap();
                        }
                    }
                }
                _ => {}
            }
            out += " ";
        }
        out.trim_end().to_owned()
    }

    #[test]
    fn the_order_of_the_file_is_kept() {
        let text = "z.c = 1\nz.a = 2\n[service.y.store]\nread = 1\n[client.x]\n[service.b]\n\
                    on = { q = 1, p = 2 }\n[service.y]\nd = 1\n[[failure]]\nk = 1\nj = 2\n\
                    [service.a]\n[[failure]]\n";
        let mut errors = Vec::new();
        let table = read_text(&mut Sources::default(), "a.toml", text, &mut errors);
        assert!(errors.is_empty(), "{errors:?}");
        insta::assert_snapshot!(
            keys(&table),
            @"z{c a} service{y{store{read} d} b{on{q p}} a{}} client{x{}} failure[k j][]"
        );
    }

    #[test]
    fn each_value_knows_its_place() {
        let text = "s = \"x\"\nn = 0x1_0\nf = 1_0.5\nd = 2024-01-02 03:04:05Z\nb = true\n[t.u]\n";
        let mut errors = Vec::new();
        let mut sources = Sources::default();
        let table = read_text(&mut sources, "a.toml", text, &mut errors);
        let at = |s: Span| &text[s.start as usize..s.end as usize];
        let shown: Vec<String> = table
            .entries
            .iter()
            .map(|e| match &e.node.value {
                Value::Table(t) => format!("{} {}", at(e.key_span), at(t.entries[0].node.span)),
                value => format!("{} {} {value:?}", at(e.key_span), at(e.node.span)),
            })
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        s "x" String("x")
        n 0x1_0 Integer(16)
        f 1_0.5 Float(10.5)
        d 2024-01-02 03:04:05Z Datetime("2024-01-02 03:04:05Z")
        b true Boolean(true)
        t [t.u]
        "#);
    }

    #[test]
    fn every_line_with_a_fault_is_told_once() {
        insta::assert_snapshot!(
            mistakes("a = 8ms\nb: 1\nc = {d=1 e=2}\nf = \"8ms\nh = \ni = 01\nl = 1e999\n\
                      m = 99999999999999999999\nn = \u{201c}8ms\u{201d}\n[j k]\nl = 1e999\n"),
            @r"
            E009 11:5 the number 1e999 is too large
            E009 7:5 the number 1e999 is too large
            E009 8:5 the number 99999999999999999999 is too large
            E010 1:5 text without quotes
            E001 2:4 not TOML: key with no value
            E001 3:11 not TOML: extra assignment between key-value pairs
            E001 4:9 not TOML: invalid basic string
            E010 5:5 a value is missing
            E001 6:5 not TOML: unexpected leading zero
            E010 9:5 text without quotes
            E001 10:3 not TOML: unclosed table
            "
        );
    }

    #[test]
    fn what_toml_forbids_names_both_places() {
        insta::assert_snapshot!(mistakes("[service.shop]\na=1\na=2\n[service.shop]\nb=1"), @r"
        E006 3:1 `service.shop.a` is written twice [2:1 first written here]
        E006 4:10 the table `[service.shop]` is written twice [1:10 first written here]
        ");
        insta::assert_snapshot!(mistakes("service.shop.a=1\n[service.shop]\nb=1"), @"E007 2:10 `[service.shop]` comes after a dotted key wrote this table [1:9 first written here]");
        insta::assert_snapshot!(mistakes("[s.shop]\na=1\n[s]\nshop.b=1"), @"E007 4:1 a dotted key adds to `[s.shop]`, which has its own head [1:4 first written here]");
        insta::assert_snapshot!(mistakes("[s]\non.E=\"8ms\"\non.E.takes=\"2ms\""), @"E008 3:4 `s.on.E` is a string already, and no table [2:4 written here]");
        insta::assert_snapshot!(mistakes("on = {E=\"8ms\"}\non.F.takes=\"2ms\""), @"E008 2:1 `on` is an inline table, and those are complete [1:1 written here]");
        insta::assert_snapshot!(mistakes("on.E={takes=\"8ms\"}\n[on.E]\nx=1"), @"E008 2:5 `[on.E]` adds to a value that is complete [1:4 first written here]");
        insta::assert_snapshot!(mistakes("[[failure]]\nat=1\n[[failure]]\nat=1\nat=2"), @"E006 5:1 `failure.at` is written twice [4:1 first written here]");
        insta::assert_snapshot!(mistakes("[[failure]]\n[failure]"), @"E006 2:2 `failure` is written both as `[failure]` and as `[[failure]]` [1:3 first written here]");
        insta::assert_snapshot!(mistakes("a={b=1,b=2}"), @"E006 1:8 `b` is written twice");
    }

    #[test]
    fn bytes_that_are_not_text_are_pointed_at() {
        let mut sources = Sources::default();
        let mut errors = Vec::new();
        let bytes = b"a = \"\xc3\xa4\"\nb = \"x\xff\xff\"\n".to_vec();
        read_bytes(&mut sources, "a.toml", bytes, &mut errors);
        insta::assert_snapshot!(list(&sources, &errors), @"E002 2:7 `a.toml` is not UTF-8 text");
    }

    #[test]
    fn empty_texts_are_refused() {
        for text in ["", "\n \n", "# only this", "\u{feff}"] {
            assert!(mistakes(text).starts_with("E003 1:1 "), "{text:?}");
        }
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let deep = "[".repeat(1 << 20);
        assert!(mistakes(&format!("a = {deep}")).starts_with("E005 1:21 "));
        assert!(mistakes(&"a.".repeat(1 << 20)).starts_with("E005 1:32 "));
        // Each line is within the limits, and all of them together make the deepest tree.
        let head = vec!["a"; MAX_DEPTH].join(".");
        let dotted = vec!["b"; MAX_DEPTH].join(".");
        let open = format!("{{{dotted}=").repeat(MAX_DEPTH);
        let close = "}".repeat(MAX_DEPTH);
        assert_eq!(mistakes(&format!("[{head}]\n{dotted}={open}1{close}")), "");
    }

    #[test]
    fn nonsense_ends_quickly_with_few_words() {
        for piece in [
            "!",
            "!\n",
            "a\n",
            "= 1\n",
            "[[",
            "\"",
            "a=1\n",
            "{",
            "]",
            "a = b\n",
            "''' ",
            "\"x\" ",
            "\"\n",
            "'\n",
            "\"\"\"a\"\"\" = 1\n",
            "a . ",
            "a=[1,\n",
            "[a]\n",
            "x\"[",
            "\\",
        ] {
            let found = mistakes(&piece.repeat(3_000_000 / piece.len()));
            assert!(found.starts_with('E'), "{piece}: {found}");
            assert_eq!(found.lines().count(), 1, "{piece}: {found}");
        }
        let many = mistakes(&"a = b\n".repeat(100));
        assert_eq!(many.lines().count(), MAX_ERRORS + 1, "{many}");
    }
}
