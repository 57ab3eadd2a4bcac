//! The parser's complaints in the words of a scenario: what TOML forbids, the other place that
//! matters, and how to write it instead.

use std::fmt::Write as _;
use std::ops::Range;

use super::diagnostic::Diagnostic;
use super::read::{span, whole};
use super::scan::{Kind, Statement};
use super::tree::FileId;

/// The diagnostic of the parser's `error` in `text`, whose lines write `statements`.
pub(crate) fn explain_syntax(
    file: FileId,
    text: &str,
    error: &toml::de::Error,
    statements: &[Statement],
) -> Diagnostic {
    let at = whole(text, error.span().unwrap_or(0..0));
    let message = error.message();
    let clash = Clash::find(statements, &at);
    if message == "duplicate key" {
        duplicate(file, text, at, clash.as_ref())
    } else if let Some(kind) = message
        .strip_prefix("cannot extend value of type ")
        .and_then(|rest| rest.strip_suffix(" with a dotted key"))
    {
        extension(file, text, at, kind, clash.as_ref())
    } else if message.contains("recurs") {
        Diagnostic::error("E005", span(file, at), "nested too deeply")
            .help("a scenario needs no more than six levels: look for a bracket left open")
    } else if message.starts_with("string values must be quoted") {
        unquoted(file, text, at)
    } else {
        let what = message.split(", expected").next().unwrap_or(message);
        let mut diagnostic =
            Diagnostic::error("E001", span(file, at.clone()), format!("not TOML: {what}"));
        if let Some((_, expected)) = message.split_once(", expected ")
            && expected != "nothing"
        {
            diagnostic.label = format!("expected {}", expected.replace(", ", " or "));
        }
        diagnostic.help = hint(message, text, &at).map(str::to_owned);
        diagnostic
    }
}

/// A key that TOML refuses, and what wrote the same key before.
struct Clash {
    path: Vec<String>,
    kind: Kind,
    earlier: Option<Earlier>,
}

/// What wrote a key first.
struct Earlier {
    kind: Kind,
    /// The key was a part of a longer dotted key.
    dotted: bool,
    at: Range<usize>,
}

impl Clash {
    /// The clash at the key `at`; none if it stands inside of brackets.
    fn find(statements: &[Statement], at: &Range<usize>) -> Option<Self> {
        let has = |s: &Statement| s.keys.iter().position(|(_, place)| place.start == at.start);
        let (index, parts) =
            statements.iter().enumerate().find_map(|(i, s)| Some((i, has(s)? + 1)))?;
        let before = &statements[..index];
        let statement = &statements[index];
        let names = |s: &Statement| s.keys.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
        let head = before.iter().rfind(|s| s.kind != Kind::Pair);
        let mut path: Vec<String> = Vec::new();
        if statement.kind == Kind::Pair {
            path.extend(head.into_iter().flat_map(names));
        }
        path.extend(names(statement).into_iter().take(parts));
        let earlier = first_writing(before, &path);
        Some(Self { path, kind: statement.kind, earlier })
    }

    fn name(&self) -> String {
        dotted(&self.path)
    }
}

/// Where `path` is first written by `statements`, within the last entry of a list it is part of.
fn first_writing(statements: &[Statement], path: &[String]) -> Option<Earlier> {
    let mut found: Option<Earlier> = None;
    let mut head: Vec<&str> = Vec::new();
    for statement in statements {
        let keys: Vec<&str> = statement.keys.iter().map(|(key, _)| key.as_str()).collect();
        let full: Vec<&str> = if statement.kind == Kind::Pair {
            head.iter().chain(&keys).copied().collect()
        } else {
            head.clone_from(&keys);
            keys
        };
        let starts_path = full.len() < path.len() && full.iter().zip(path).all(|(a, b)| a == b);
        if statement.kind == Kind::ListHead && starts_path {
            found = None;
        }
        let inside = full.len() >= path.len() && path.iter().zip(&full).all(|(a, b)| a == b);
        let dotted = full.len() > path.len();
        // A longer head makes a table, too, but one that may still get its own head.
        if found.is_some() || !inside || (dotted && statement.kind != Kind::Pair) {
            continue;
        }
        let offset = full.len() - statement.keys.len();
        if let Some(part) = path.len().checked_sub(offset + 1) {
            let at = statement.keys[part].1.clone();
            found = Some(Earlier { kind: statement.kind, dotted, at });
        }
    }
    found
}

fn duplicate(file: FileId, text: &str, at: Range<usize>, clash: Option<&Clash>) -> Diagnostic {
    let here = span(file, at.clone());
    let Some((clash, earlier)) = clash.and_then(|c| Some((c, c.earlier.as_ref()?))) else {
        let key = &text[at];
        return Diagnostic::error("E006", here, format!("`{key}` is written twice"))
            .label("again here")
            .help("keep one of the two");
    };
    let name = clash.name();
    let diagnostic = match (clash.kind, earlier.kind) {
        (Kind::Pair, Kind::Pair) => {
            Diagnostic::error("E006", here, format!("`{name}` is written twice"))
                .label("again here")
                .help("keep one of the two lines")
        }
        (Kind::Head, Kind::Head) => {
            Diagnostic::error("E006", here, format!("the table `[{name}]` is written twice"))
                .label("again here")
                .help("TOML allows a head only once: move these lines under the first one")
        }
        (Kind::Head | Kind::ListHead, Kind::Pair) if earlier.dotted => {
            let message = format!("`[{name}]` comes after a dotted key wrote this table");
            Diagnostic::error("E007", here, message).label("the head comes too late").help(format!(
                "TOML lets a table be written by its head or by dotted keys, not by both: \
                 move the dotted line under `[{name}]`"
            ))
        }
        (Kind::Pair, _) => {
            let message = format!("a dotted key adds to `[{name}]`, which has its own head");
            Diagnostic::error("E007", here, message).label("already has a head").help(format!(
                "TOML lets a table be written by its head or by dotted keys, not by both: \
                 move this line under `[{name}]`"
            ))
        }
        (_, Kind::Pair) => {
            let message = format!("`[{name}]` adds to a value that is complete");
            Diagnostic::error("E008", here, message)
                .label("cannot be extended")
                .help(format!("write all of it in one place: in the braces or under `[{name}]`"))
        }
        _ => {
            let message = format!("`{name}` is written both as `[{name}]` and as `[[{name}]]`");
            Diagnostic::error("E006", here, message).label("not the same brackets").help(
                "single brackets head a table, double brackets one entry of a list, \
                 as in [[failure]]",
            )
        }
    };
    diagnostic.related(span(file, earlier.at.clone()), "first written here")
}

fn extension(
    file: FileId,
    text: &str,
    at: Range<usize>,
    kind: &str,
    clash: Option<&Clash>,
) -> Diagnostic {
    let key = &text[at.clone()];
    let name = clash.map_or_else(|| key.to_owned(), Clash::name);
    let message = match kind {
        "inline table" => format!("`{name}` is an inline table, and those are complete"),
        "string" => format!("`{name}` is a string already, and no table"),
        "array" => format!("`{name}` is a list already, and no table"),
        kind => format!("`{name}` is of type {kind} already, and no table"),
    };
    let help = match (kind, clash) {
        ("string" | "array", Some(clash)) => match short_for(&clash.path) {
            Some(long) => format!(
                "`{name} = …` is short for `{name}.{long} = …`: write the long form when there is \
                 more to say"
            ),
            None => "write either the value or the table".to_owned(),
        },
        ("inline table", _) => format!(
            "TOML forbids adding to `{{ … }}` from outside: put the key inside the braces, or \
             write each key on its own line, as in `{name}.key = …`"
        ),
        _ => "write either the value or the table".to_owned(),
    };
    let diagnostic =
        Diagnostic::error("E008", span(file, at), message).label("cannot be extended").help(help);
    match clash.and_then(|c| c.earlier.as_ref()) {
        Some(earlier) => diagnostic.related(span(file, earlier.at.clone()), "written here"),
        None => diagnostic,
    }
}

/// The key that a bare string at `path` is short for.
fn short_for(path: &[String]) -> Option<&'static str> {
    match path.iter().rev().nth(1)?.as_str() {
        "on" | "api" => Some("takes"),
        "emits" => Some("rate"),
        _ => None,
    }
}

fn unquoted(file: FileId, text: &str, at: Range<usize>) -> Diagnostic {
    let word = text[at.clone()].trim();
    let here = span(file, at);
    if word.is_empty() {
        return Diagnostic::error("E010", here, "a value is missing")
            .label("expected a value")
            .help("write a string in quotes, a number, true or false, a list or a table");
    }
    let diagnostic = Diagnostic::error("E010", here, "text without quotes");
    let curly = ['\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}'];
    if word.starts_with(curly) {
        let bare = word.trim_matches(curly);
        return diagnostic
            .label("these are typographic quotes")
            .help(format!("write \"{bare}\" with straight quotes"));
    }
    let short = if word.len() <= 60 && !word.contains(['"', '\\', '\n']) { word } else { "…" };
    diagnostic
        .label("needs quotes")
        .help(format!("everything but plain numbers, true and false stands in quotes: \"{short}\""))
}

/// How to mend a fault that the parser describes by `message`.
fn hint(message: &str, text: &str, at: &Range<usize>) -> Option<&'static str> {
    let line_start = text[..at.start].rfind('\n').map_or(0, |newline| newline + 1);
    let so_far = &text[line_start..at.start];
    let help = if message.starts_with("invalid basic string, expected `\"`") {
        "close the string with \" on the same line"
    } else if message.starts_with("invalid literal string, expected `'`") {
        "close the string with ' on the same line"
    } else if message.starts_with("missing escaped value") {
        "a backslash starts an escape such as \\n; write \\\\ for the character itself"
    } else if message.starts_with("unclosed array table") {
        "write the head in double brackets, as in [[failure]]"
    } else if message.starts_with("unclosed table") {
        "write the head in brackets, its parts joined by dots, as in [service.shop]"
    } else if message.starts_with("unclosed array") {
        "close the list with ]"
    } else if message.starts_with("unclosed inline table") {
        "close the table with }"
    } else if message.starts_with("key with no value") && so_far.contains(':') {
        "TOML writes `key = value`, with an equals sign and no colon"
    } else if message.starts_with("key with no value") {
        "write `key = value`"
    } else if message.starts_with("unquoted keys cannot be empty") {
        "a key is missing here; an empty one is written \"\""
    } else if message.starts_with("invalid unquoted key") {
        "keys of other characters than letters, digits, - and _ stand in quotes"
    } else if message.starts_with("unexpected leading zero") {
        "write the number without the leading zero"
    } else if message.starts_with("invalid mantissa") {
        "write a digit on each side of the point, as in 0.5"
    } else if message.starts_with("invalid boolean") {
        "write true or false, or a string in quotes"
    } else if message.starts_with("extra assignment") || message.starts_with("missing comma") {
        "put a comma between the entries"
    } else {
        return None;
    };
    Some(help)
}

/// The path as it is written, with quotes where a part needs them.
pub(crate) fn dotted(path: &[String]) -> String {
    let parts: Vec<String> = path.iter().map(|part| quoted_key(part)).collect();
    parts.join(".")
}

/// A key as it is written, in quotes where it needs them.
pub(crate) fn quoted_key(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { quoted(key) }
}

/// The text in quotes, all on one line.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
