//! Wrong scenarios: every one is refused with exit status 2, the place of the mistake, and the text
//! that is pinned beside it (`UPDATE=1` rewrites).

use crate::support::{self, files, status, stderr, write};
use std::fmt::Write as _;
use std::path::Path;

/// Whether a line of `text` says `NAME:LINE:COLUMN`.
fn names_a_place(text: &str, name: &str) -> bool {
    let number = |s: &str| s.find(|c: char| !c.is_ascii_digit()).unwrap_or(s.len());
    text.match_indices(&format!("{name}:")).any(|(at, found)| {
        let rest = &text[at + found.len()..];
        let line = number(rest);
        let column = rest[line..].strip_prefix(':').map_or(0, number);
        line > 0 && column > 0
    })
}

/// What is wrong with how `check` answers to `file`, apart from its exact words.
fn faults(file: &Path) -> (String, Vec<String>) {
    let output = support::tidelag().arg("check").arg(file).output().expect("the binary starts");
    let text = stderr(&output);
    let name = file.file_name().expect("a name").to_string_lossy();
    let mut faults = Vec::new();
    if status(&output) != 2 {
        faults.push(format!("exit status {} instead of 2", status(&output)));
    }
    if !names_a_place(&text, &name) {
        faults.push(format!("no {name}:LINE:COLUMN"));
    }
    if !output.stdout.is_empty() {
        faults.push("something on stdout".to_owned());
    }
    if text.contains("panicked") {
        faults.push("a panic".to_owned());
    }
    (text, faults)
}

#[test]
fn every_wrong_scenario_is_refused_at_its_place() {
    let mut all = String::new();
    let wrong = files("tests/diagnostics", "toml");
    for (name, file) in &wrong {
        let relative = file.strip_prefix(support::root()).expect("below the root");
        let (text, mut faults) = faults(relative);
        let pinned = file.with_extension("txt");
        if support::update() {
            std::fs::write(&pinned, &text).expect("a writable snapshot");
        }
        let expected = std::fs::read_to_string(&pinned).unwrap_or_default();
        if expected.replace("\r\n", "\n") != text {
            faults.push(format!("{name}.txt says\n{expected}"));
        }
        if !faults.is_empty() {
            let _ = writeln!(all, "{name}: {}\nfound:\n{text}", faults.join("; "));
        }
    }
    assert!(all.is_empty(), "\n{all}");
    assert!(wrong.len() >= 30, "only {} wrong scenarios", wrong.len());
}

/// Refuses `bytes` as a scenario file called `name`, in a reasonable time and text.
#[track_caller]
fn refused(name: &str, bytes: &[u8]) {
    let dir = tempfile::tempdir().expect("a directory");
    let file = write(dir.path(), name, bytes);
    let (text, faults) = faults(&file);
    let head: String = text.chars().take(2_000).collect();
    assert!(faults.is_empty(), "{name}: {}\n{head}", faults.join("; "));
    assert!(text.len() < 100_000, "{name}: {} bytes of errors", text.len());
}

#[test]
fn ten_megabytes_of_nonsense() {
    let mut dice = support::Dice::new(1);
    let letters = b"abc=[]{}\"'#.,\\ \n0123";
    let bytes: Vec<u8> = (0..10 << 20).map(|_| *dice.pick(letters)).collect();
    refused("nonsense.toml", &bytes);
}

#[test]
fn ten_megabytes_in_one_line() {
    let mut text = "title = ".to_owned();
    text.push_str(&"x".repeat(10 << 20));
    refused("long-line.toml", text.as_bytes());
}

#[test]
fn bytes_that_are_no_text() {
    refused("latin1.toml", b"title = \"caf\xe9\"\n");
    refused("zeros.toml", &[0; 1_000]);
    refused("utf16.toml", b"\xff\xfet\0i\0t\0l\0e\0");
}

#[test]
fn nothing_at_all() {
    refused("empty.toml", b"");
    refused("blank.toml", b"\n\n   \n# only a comment\n");
}

#[test]
fn deep_nesting() {
    for depth in [100, 10_000, 100_000] {
        let lists = format!("x = {}{}\n", "[".repeat(depth), "]".repeat(depth));
        refused("lists.toml", lists.as_bytes());
        let tables = format!("x = {}1{}\n", "{a=".repeat(depth), "}".repeat(depth));
        refused("tables.toml", tables.as_bytes());
        let dotted = format!("x{} = 1\n", ".a".repeat(depth));
        refused("dotted.toml", dotted.as_bytes());
    }
}

#[test]
fn places_are_recognised() {
    assert!(names_a_place("error: --> a/b.toml:12:3 here", "b.toml"));
    assert!(!names_a_place("error: b.toml:12 here", "b.toml"));
    assert!(!names_a_place("error: b.toml: 12:3", "b.toml"));
}
