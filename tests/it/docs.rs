//! The documentation is run and checked: commands of the README end as it says, links lead
//! somewhere, and tables that list what the code has are complete.

use crate::support::{self, root, status, stderr, tidelag, write};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tidelag::results::catalogue::{FAMILIES, SEGMENTS};

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// (language, text) of the fenced blocks of a page.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(language), None) => open = Some((language.to_owned(), String::new())),
            (Some(_), Some(block)) => found.push(block),
            (None, Some((language, text))) => open = Some((language, text + line + "\n")),
            (None, None) => {}
        }
    }
    found
}

/// Words of a command line, quotes understood.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.chars() {
        match (c, quote) {
            (c, Some(q)) if c == q => quote = None,
            ('\'' | '"', None) => quote = Some(c),
            (' ', None) => words.push(String::new()),
            (c, _) => words.last_mut().expect("never empty").push(c),
        }
    }
    words.retain(|w| !w.is_empty());
    words
}

/// Arguments of the program in a line of a shell block, and the exit status that a comment names.
fn command(line: &str) -> Option<(Vec<String>, i32)> {
    let (line, comment) = line.split_once(" #").unwrap_or((line, ""));
    let expected = comment.split("exit status ").nth(1).and_then(|s| s.trim().parse().ok());
    let words = words(line.trim().trim_start_matches("$ "));
    let starts =
        |with: &[&str]| words.iter().zip(with).filter(|(a, b)| a == b).count() == with.len();
    let skip = if starts(&["cargo", "run", "--release", "--"]) {
        4
    } else if starts(&["tidelag"]) {
        1
    } else {
        return None;
    };
    Some((words[skip..].to_vec(), expected.unwrap_or(0)))
}

#[test]
fn the_commands_of_the_readme_do_what_it_says() {
    let dir = tempfile::tempdir().expect("a directory");
    let scenarios = dir.path().join("scenarios");
    std::fs::create_dir(&scenarios).expect("a directory");
    for (name, path) in support::files("scenarios", "toml") {
        std::fs::copy(path, scenarios.join(format!("{name}.toml"))).expect("a copy");
    }
    let mut commands = 0;
    for (language, text) in blocks(&read("README.md")) {
        if language == "toml" {
            let name = text.lines().next().and_then(|l| l.strip_prefix("# ")).unwrap_or("?");
            assert!(name.contains(".toml"), "a toml block starts with `# NAME.toml`:\n{text}");
            write(dir.path(), name, &text);
        }
        for (arguments, expected) in text.lines().filter(|_| language == "sh").filter_map(command) {
            let mut command = tidelag();
            let output = command.current_dir(dir.path()).args(&arguments).output().expect("starts");
            assert_eq!(status(&output), expected, "{arguments:?}\n{}", stderr(&output));
            commands += 1;
        }
    }
    assert!(commands >= 4, "only {commands} commands");
}

/// Pages of the repository.
fn pages() -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("README.md"), PathBuf::from("CHANGELOG.md")];
    let mut open = vec![root().join("docs"), root().join("tests/validation")];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                found.push(path.strip_prefix(root()).expect("below the root").to_path_buf());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn links_lead_somewhere() {
    let mut faults = String::new();
    for page in pages() {
        let text = read(&page.to_string_lossy());
        for (at, _) in text.match_indices("](") {
            let link = text[at + 2..].split([')', '#', ' ']).next().unwrap_or_default();
            if link.is_empty() || link.contains("://") {
                continue;
            }
            let target = root().join(page.parent().unwrap_or(Path::new(""))).join(link);
            if !target.exists() {
                let _ = writeln!(faults, "{}: {link}", page.display());
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[test]
fn every_dependency_has_its_reason_and_no_other_is_listed() {
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).expect("Cargo.toml");
    let keys = |table: &str| manifest[table].as_table().expect("a table").keys().cloned();
    let used: BTreeSet<String> = keys("dependencies").chain(keys("dev-dependencies")).collect();
    let page = read("docs/dependencies.md");
    let rows = page.lines().filter_map(|l| l.strip_prefix("| `")?.split('`').next());
    let listed: BTreeSet<String> = rows.map(str::to_owned).collect();
    assert_eq!(used, listed);
}

#[test]
fn every_metric_is_explained() {
    let page = read("docs/model/metrics.md");
    let missing: Vec<&str> = FAMILIES
        .iter()
        .map(|f| f.name)
        .chain(SEGMENTS)
        .filter(|name| !page.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "docs/model/metrics.md lacks {missing:?}");
}

#[test]
fn decisions_are_short_numbered_and_listed() {
    let index = read("docs/decisions/README.md");
    let decisions = support::files("docs/decisions", "md");
    for (i, (name, path)) in decisions.iter().filter(|(n, _)| *n != "README").enumerate() {
        let text = std::fs::read_to_string(path).expect("a page");
        assert!(text.lines().count() <= 40, "{name} is too long");
        assert!(name.starts_with(&format!("{:04}-", i + 1)), "{name} is out of order");
        assert!(index.contains(&format!("({name}.md)")), "{name} is not listed");
    }
}

#[test]
fn blocks_and_commands_are_understood() {
    let page = "a\n```sh\ntidelag run a.toml --set 'x=\"1 s\"'   # exit status 1\nls\n```\n";
    let found = blocks(page);
    assert_eq!(found[0].0, "sh");
    let lines: Vec<_> = found[0].1.lines().filter_map(command).collect();
    let words = ["run", "a.toml", "--set", "x=\"1 s\""].map(str::to_owned).to_vec();
    assert_eq!(lines, [(words, 1)]);
}
