//! The rules of docs/ARCHITECTURE.md, checked over the sources as text: who may use whom, no cycle,
//! sizes, heads, nothing that prints where it must not. Knows nothing of what the code does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;
const COLUMNS: usize = 100;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files under `dir` whose name ends in one of `endings`, sorted, as paths from the package's root.
fn files(dir: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(dir)];
    while let Some(dir) = open.pop() {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        for path in entries.map(|e| e.expect("a directory entry").path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" {
                open.push(path);
            } else if endings.iter().any(|e| name.ends_with(e)) {
                found.push(path.strip_prefix(root()).expect("below the root").to_path_buf());
            }
        }
    }
    found.sort();
    found
}

/// The text of a file; one of the wrong scenarios is no text, and is read as far as it goes.
fn read(path: &Path) -> String {
    let bytes = fs::read(root().join(path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

// ---- Rust as text

/// `text` with comments, strings and characters blanked out, line by line as long as before.
fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let end = skip(&chars, i);
        if end == i {
            out.push(chars[i]);
            i += 1;
        } else {
            out.extend(chars[i..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            i = end;
        }
    }
    out
}

/// End of the comment, string or character literal that starts at `i`; `i` if none does.
fn skip(c: &[char], i: usize) -> usize {
    let at = |k: usize| c.get(k).copied().unwrap_or('\0');
    let before = if i == 0 { ' ' } else { c[i - 1] };
    let word = |c: char| c.is_alphanumeric() || c == '_';
    match (at(i), at(i + 1)) {
        ('/', '/') => (i..c.len()).find(|&k| c[k] == '\n').unwrap_or(c.len()),
        ('/', '*') => block_comment(c, i),
        ('r', '"' | '#') if !word(before) || before == 'b' => raw_string(c, i).unwrap_or(i),
        ('"', _) => quoted(c, i, '"'),
        // A lifetime has no closing quote one or two characters on.
        ('\'', '\\') => quoted(c, i, '\''),
        ('\'', _) if at(i + 2) == '\'' => i + 3,
        _ => i,
    }
}

fn block_comment(c: &[char], start: usize) -> usize {
    let (mut depth, mut i) = (0, start);
    while i < c.len() {
        match (c[i], c.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    c.len()
}

fn quoted(c: &[char], start: usize, quote: char) -> usize {
    let mut i = start + 1;
    while i < c.len() && c[i] != quote {
        i += if c[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(c.len())
}

fn raw_string(c: &[char], start: usize) -> Option<usize> {
    let hashes = c[start + 1..].iter().take_while(|&&x| x == '#').count();
    let open = start + 1 + hashes;
    if c.get(open) != Some(&'"') {
        return None;
    }
    let closes = |i: usize| c[i] == '"' && c[i + 1..].iter().take(hashes).all(|&x| x == '#');
    (open + 1..c.len()).find(|&i| closes(i)).map(|i| (i + 1 + hashes).min(c.len()))
}

/// Byte after the brace that closes the one at `open`.
fn close(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (i, b) in code.bytes().enumerate().skip(open) {
        match b {
            b'{' => depth += 1,
            b'}' if depth == 1 => return i + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// Bytes of the items under `#[cfg(test)]`.
fn tests_of(code: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = code[from..].find("#[cfg(test)]").map(|i| from + i) {
        let brace = code[start..].find('{').map(|i| start + i);
        let semicolon = code[start..].find(';').map(|i| start + i + 1);
        let end = match (brace, semicolon) {
            (Some(b), Some(s)) if s < b => s,
            (Some(b), _) => close(code, b),
            (None, s) => s.unwrap_or(code.len()),
        };
        found.push(start..end);
        from = end;
    }
    found
}

/// `code` without the items under `#[cfg(test)]`; their lines stay, empty.
fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    for range in tests_of(code).into_iter().rev() {
        let blank: String = out[range.clone()].matches('\n').collect();
        out.replace_range(range, &blank);
    }
    out
}

/// Whether all of a file is under `#[cfg(test)]`, as its name says.
fn is_test(path: &Path) -> bool {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    name == "tests" || name.ends_with("_tests") || name == "testing"
}

fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// Items of the group `{a::b, c::{d, e}}` at the start of `text`, split at its own commas.
fn group(text: &str) -> Vec<String> {
    let inner = &text[1..close(text, 0) - 1];
    let (mut depth, mut items) = (0, vec![String::new()]);
    for c in inner.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(String::new());
                continue;
            }
            _ => {}
        }
        items.last_mut().expect("never empty").push(c);
    }
    items.retain(|i| !i.trim().is_empty());
    items.iter().map(|i| i.trim().to_owned()).collect()
}

/// Every path below the crate's root that `code` names, with its line: `crate::a::{b, c}` gives
/// `a::b` and `a::c`. Only the first two names matter and are kept.
fn crate_paths(code: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back().unwrap_or(' ');
        if before.is_alphanumeric() || before == '_' || before == '$' {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let tops = if rest.starts_with('{') { group(rest) } else { vec![rest.to_owned()] };
        for top in tops {
            let room = identifier(&top).to_owned();
            let line = line_of(code, at);
            match top[room.len()..].strip_prefix("::") {
                Some(tail) if tail.starts_with('{') => {
                    let items = group(tail);
                    found
                        .extend(items.iter().map(|i| (format!("{room}::{}", identifier(i)), line)));
                }
                Some(tail) => found.push((format!("{room}::{}", identifier(tail)), line)),
                None => found.push((if room.is_empty() { "*".into() } else { room }, line)),
            }
        }
    }
    found
}

/// (name, first line, number of lines) of every function with a body.
fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let before = code[..at].chars().next_back().unwrap_or(' ');
        let name = identifier(&code[at + 3..]);
        if before.is_alphanumeric() || before == '_' || name.is_empty() {
            continue;
        }
        let Some(end) = code[at..].find(['{', ';']).map(|i| at + i) else { continue };
        if code[end..].starts_with('{') {
            let lines = code[at..close(code, end)].matches('\n').count() + 1;
            found.push((name.to_owned(), line_of(code, at), lines));
        }
    }
    found
}

/// The room of a source file, or nothing for `lib.rs` and `main.rs`.
fn room(path: &Path) -> Option<String> {
    let mut parts = path.strip_prefix("src").ok()?.components();
    let first = parts.next()?.as_os_str().to_string_lossy().into_owned();
    match first.strip_suffix(".rs") {
        Some("lib" | "main") => None,
        Some(file) => Some(file.to_owned()),
        None => Some(first),
    }
}

// ---- the table

/// What the table says of one room.
#[derive(Default)]
struct Rule {
    may_use: BTreeSet<String>,
    forbidden: BTreeSet<String>,
}

fn table() -> BTreeMap<String, Rule> {
    let page = read(Path::new("docs/ARCHITECTURE.md"));
    let rows = page.lines().skip_while(|l| !l.starts_with("| room | may use |")).skip(2);
    let mut rules = BTreeMap::new();
    for row in rows.take_while(|l| l.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 3, "docs/ARCHITECTURE.md: a row needs three cells: {row}");
        let may_use = cells[1].split(',').map(|c| c.trim().to_owned()).filter(|c| c != "-");
        let forbidden = cells[2].split('`').skip(1).step_by(2).map(str::to_owned);
        let rule = Rule { may_use: may_use.collect(), forbidden: forbidden.collect() };
        assert!(rules.insert(cells[0].to_owned(), rule).is_none(), "{} is listed twice", cells[0]);
    }
    assert!(!rules.is_empty(), "docs/ARCHITECTURE.md has no table of rooms");
    rules
}

/// A way from some room back to itself, as names.
fn cycle(edges: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn visit(
        at: &str,
        edges: &BTreeMap<String, BTreeSet<String>>,
        path: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> bool {
        if path.iter().any(|p| p == at) {
            path.push(at.to_owned());
            return true;
        }
        if done.contains(at) {
            return false;
        }
        path.push(at.to_owned());
        for next in edges.get(at).into_iter().flatten() {
            if visit(next, edges, path, done) {
                return true;
            }
        }
        done.insert(path.pop().expect("pushed above"));
        false
    }
    let (mut path, mut done) = (Vec::new(), BTreeSet::new());
    edges.keys().any(|at| visit(at, edges, &mut path, &mut done)).then_some(path)
}

// ---- the tests

#[test]
fn rooms_use_only_what_the_table_allows_and_form_no_cycle() {
    let rules = table();
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut faults = String::new();
    for path in files("src", &[".rs"]) {
        let Some(room) = room(&path).filter(|_| !is_test(&path)) else { continue };
        let Some(rule) = rules.get(&room) else {
            let _ = writeln!(faults, "{}: room `{room}` is not in the table", path.display());
            continue;
        };
        let code = without_tests(&code_only(&read(&path)));
        for (used, line) in crate_paths(&code) {
            let target = identifier(&used).to_owned();
            if target == room {
                continue;
            }
            let place = format!("{}:{line}", path.display());
            if !rule.may_use.contains(&target) {
                let _ = writeln!(faults, "{place}: `{room}` may not use `crate::{used}`");
            } else if rule.forbidden.contains(&used) {
                let _ = writeln!(faults, "{place}: `{room}` must never know `crate::{used}`");
            }
            edges.entry(room.clone()).or_default().insert(target);
        }
        let depth = path.components().count() - if path.ends_with("mod.rs") { 2 } else { 1 };
        if let Some(at) = code.find(&"super::".repeat(depth)) {
            let line = line_of(&code, at);
            let _ = writeln!(faults, "{}:{line}: leaves the room by super::", path.display());
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
    if let Some(path) = cycle(&edges) {
        panic!("rooms form a cycle in the code: {}", path.join(" > "));
    }
    let allowed = rules.into_iter().map(|(room, rule)| (room, rule.may_use)).collect();
    if let Some(path) = cycle(&allowed) {
        panic!("the table allows a cycle: {}", path.join(" > "));
    }
}

#[test]
fn files_and_functions_stay_small() {
    let mut faults = String::new();
    for path in files("src", &[".rs"]) {
        if is_test(&path) {
            continue;
        }
        let code = without_tests(&code_only(&read(&path)));
        let lines = code.lines().filter(|l| !l.trim().is_empty()).count();
        if lines > FILE_LINES {
            let _ = writeln!(faults, "{}: {lines} lines of code", path.display());
        }
        for (name, line, lines) in functions(&code) {
            if lines > FUNCTION_LINES {
                let _ = writeln!(faults, "{}:{line}: fn {name}: {lines} lines", path.display());
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[test]
fn lines_are_short_and_every_file_says_what_it_is_for() {
    let mut faults = String::new();
    for path in ["src", "tests", "benches", "examples"].iter().flat_map(|d| files(d, &[".rs"])) {
        let text = read(&path);
        if !text.starts_with("//! ") {
            let _ = writeln!(faults, "{}:1: does not start with `//! `", path.display());
        }
        // What a test expects may be as wide as it is.
        let code = code_only(&text);
        let in_test = |line: usize| {
            tests_of(&code)
                .iter()
                .any(|r| (line_of(&code, r.start)..=line_of(&code, r.end)).contains(&line))
        };
        for (i, line) in text.lines().enumerate() {
            let columns = line.chars().count();
            if columns > COLUMNS && !is_test(&path) && !in_test(i + 1) {
                let _ = writeln!(faults, "{}:{}: {columns} columns", path.display(), i + 1);
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[test]
fn only_the_command_line_prints() {
    let mut faults = String::new();
    for path in files("src", &[".rs"]) {
        if room(&path).as_deref() == Some("cli") || is_test(&path) {
            continue;
        }
        let code = without_tests(&code_only(&read(&path)));
        for word in ["println!", "print!(", "eprintln!", "eprint!(", "dbg!("] {
            for (at, _) in code.match_indices(word) {
                let line = line_of(&code, at);
                let _ = writeln!(faults, "{}:{line}: {word}", path.display());
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

/// What is published must stand on its own: no path of somebody's machine, and no pointer to a text
/// that is not in the repository. Spelt in halves, so that this file may be searched too.
#[test]
fn nothing_points_outside_the_repository() {
    let words: Vec<String> = [
        ("/wo", "rk/"),
        ("/ro", "ot/"),
        ("/ho", "me/"),
        ("../sha", "red"),
        ("work", "tree"),
        ("domain", ".md"),
        ("contract", ".md"),
        ("sub", "agent"),
        ("todo", "!("),
        ("FIX", "ME"),
        ("TO", "DO"),
    ]
    .iter()
    .map(|(a, b)| format!("{a}{b}"))
    .collect();
    let endings = [".rs", ".md", ".toml", ".py", ".txt", ".html", ".css", "run"];
    let dirs = ["src", "tests", "benches", "examples", "docs", "scenarios", "reports", ".ci"];
    let mut all: Vec<PathBuf> = dirs.iter().flat_map(|d| files(d, &endings)).collect();
    all.extend(["README.md", "CHANGELOG.md", "Cargo.toml", "clippy.toml"].map(PathBuf::from));
    let mut faults = String::new();
    for path in all.iter().filter(|p| root().join(p).exists()) {
        for (i, line) in read(path).lines().enumerate() {
            for word in words.iter().filter(|w| line.contains(w.as_str())) {
                let _ = writeln!(faults, "{}:{}: `{word}`", path.display(), i + 1);
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

// ---- the checker itself is checked

#[test]
fn comments_and_strings_are_no_code() {
    let text = "let a = \"crate::x\"; // crate::y\n/* crate::z */ let q = '\"'; use crate::w::V;\n\
                let r = r#\"crate::p \"quoted\" \"#; fn f<'a>(x: &'a str) { crate::s::t(x) }";
    let found: Vec<String> = crate_paths(&code_only(text)).into_iter().map(|(p, _)| p).collect();
    assert_eq!(found, ["w::V", "s::t"]);
}

#[test]
fn groups_are_split() {
    let code = "use crate::{engine::{Engine, Model}, units::SimTime};\nuse crate::random;";
    let found = crate_paths(code);
    let expected =
        [("engine::Engine", 1), ("engine::Model", 1), ("units::SimTime", 1), ("random", 2)];
    assert_eq!(found, expected.map(|(p, l)| (p.to_owned(), l)));
}

#[test]
fn test_modules_do_not_count() {
    let code =
        "use crate::a::A;\n#[cfg(test)]\nmod tests {\n use crate::b::B;\n}\nuse crate::c::C;";
    let found = crate_paths(&without_tests(code));
    assert_eq!(found, [("a::A".to_owned(), 1), ("c::C".to_owned(), 6)]);
}

#[test]
fn functions_are_measured() {
    let code = "fn a() {\n}\ntrait T {\n    fn b(&self);\n}\nfn c() {\n    x();\n}";
    assert_eq!(functions(code), [("a".to_owned(), 1, 2), ("c".to_owned(), 6, 3)]);
}

#[test]
fn cycles_are_found() {
    let edges = |pairs: &[(&str, &str)]| {
        let mut map: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (a, b) in pairs {
            map.entry((*a).to_owned()).or_default().insert((*b).to_owned());
        }
        map
    };
    assert_eq!(cycle(&edges(&[("a", "b"), ("a", "c"), ("b", "c")])), None);
    let found = cycle(&edges(&[("a", "b"), ("b", "c"), ("c", "b")])).expect("b > c > b");
    assert_eq!(found[found.len() - 1], "b");
}
