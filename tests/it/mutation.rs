//! Damaged scenarios: whatever is done to a good file, the answer is an exit status of the contract
//! and never a panic. The damage is drawn from a fixed seed, so a failure happens again.

use crate::support::{self, Dice, files, status, stderr, write};
use std::path::Path;

/// Times that each scenario is damaged.
const TIMES: usize = 200;
/// Faults that are shown in full.
const SHOWN: usize = 3;
/// Fine, expectation failed, wrong scenario, could not finish.
const ACCEPTED: [i32; 4] = [0, 1, 2, 3];
/// Values and names that a slip of the hand might leave in a file.
const PIECES: &[&str] = &[
    "0",
    "-1",
    "1e400",
    "99999999999999999999",
    "nan",
    "\"\"",
    "\"0s\"",
    "\"-5ms\"",
    "\"~\"",
    "\"5 parsecs\"",
    "\"101%\"",
    "\"every 0s\"",
    "\"1000000000h\"",
    "\"0/s\"",
    "\"1e30/s\"",
    "\"~0ms\"",
    "\"5ms..1ms\"",
    "[]",
    "{}",
    "true",
    "[[\"a\"]]",
    "\"shop\"",
    "\"base\"",
    "service",
    "on",
    "emits",
    "expect",
    "variant",
    "failure",
    "workers",
    "extends",
    "[service.shop]",
    "[[failure]]",
    "crash = \"shop\"",
    "remove = [\"service\"]",
    "é",
];

/// `text` with one small change.
fn damage(text: &str, dice: &mut Dice) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let (a, b) = (dice.below(lines.len()), dice.below(lines.len()));
    match dice.below(8) {
        0 => drop(lines.remove(a)),
        1 => lines.insert(b, lines[a].clone()),
        2 => lines.swap(a, b),
        3 => lines[a] = change_byte(&lines[a], dice),
        4 => lines[a] = change_number(&lines[a], dice),
        5 => lines[a] = change_word(&lines[a], dice),
        6 => lines[a] = change_value(&lines[a], dice),
        _ => lines.insert(a, (*dice.pick(PIECES)).to_owned()),
    }
    lines.join("\n") + "\n"
}

fn change_byte(line: &str, dice: &mut Dice) -> String {
    let mut chars: Vec<char> = line.chars().collect();
    if chars.is_empty() {
        return "\u{0}".to_owned();
    }
    let at = dice.below(chars.len());
    chars[at] = *dice.pick(&['"', '=', '.', '[', '}', '#', '9', 'x', ' ', '\'', '~', '\u{7}', '%']);
    chars.into_iter().collect()
}

/// Replaces a run of characters of one kind by `with`.
fn replace_run(line: &str, dice: &mut Dice, kind: fn(char) -> bool, with: &[&str]) -> String {
    let starts: Vec<usize> = line
        .char_indices()
        .filter(|&(i, c)| kind(c) && !line[..i].chars().next_back().is_some_and(kind))
        .map(|(i, _)| i)
        .collect();
    if starts.is_empty() {
        return line.to_owned();
    }
    let start = *dice.pick(&starts);
    let end = line[start..].find(|c| !kind(c)).map_or(line.len(), |n| start + n);
    format!("{}{}{}", &line[..start], dice.pick(with), &line[end..])
}

fn change_number(line: &str, dice: &mut Dice) -> String {
    let with =
        ["0", "1", "7", "1000", "4294967296", "18446744073709551616", "0.0001", "-3", "1_000"];
    replace_run(line, dice, |c| c.is_ascii_digit(), &with)
}

/// A key, a name or a unit.
fn change_word(line: &str, dice: &mut Dice) -> String {
    let with =
        ["ms", "h", "ns", "m", "worker", "takes", "calls", "emits", "billing", "email", "p99", "x"];
    replace_run(line, dice, |c| c.is_ascii_alphabetic(), &with)
}

fn change_value(line: &str, dice: &mut Dice) -> String {
    match line.split_once('=') {
        Some((key, _)) => format!("{key}= {}", dice.pick(PIECES)),
        None => line.to_owned(),
    }
}

/// Runs a damaged scenario for two seconds of its time; tells what is wrong with the answer.
fn answer(file: &Path) -> Option<String> {
    // A run that is refused or cut short is as good as one that ends: the limits keep this short.
    let sets =
        [r#"duration="2s""#, r#"warmup="0s""#, r#"drain="2s""#, "seeds=1", "max_events=20000"];
    let mut command = support::tidelag();
    command.arg("run").arg(file).args(["--threads", "1", "--format", "json", "--quiet"]);
    for set in sets {
        command.args(["--set", set]);
    }
    let output = command.output().expect("the binary starts");
    let (status, text) = (status(&output), stderr(&output));
    if ACCEPTED.contains(&status) && !text.contains("panicked") {
        return None;
    }
    Some(format!("exit status {status}\n{text}"))
}

#[test]
fn a_damaged_scenario_never_panics() {
    let dir = tempfile::tempdir().expect("a directory");
    let scenarios = files("scenarios", "toml");
    assert!(!scenarios.is_empty());
    let mut faults = Vec::new();
    for (name, path) in scenarios {
        let text = std::fs::read_to_string(&path).expect("a scenario of the repository");
        let mut dice =
            Dice::new(name.bytes().fold(0, |h: u64, b| h.wrapping_mul(31) ^ u64::from(b)));
        for time in 0..TIMES {
            let mut damaged = damage(&text, &mut dice);
            if dice.below(4) == 0 {
                damaged = damage(&damaged, &mut dice);
            }
            let file = write(dir.path(), "damaged.toml", &damaged);
            if let Some(fault) = answer(&file) {
                faults.push(format!("{name}, damage {time}: {fault}\n--- the file ---\n{damaged}"));
            }
        }
    }
    let some = faults.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n\n");
    assert!(faults.is_empty(), "{} faults, the first of them:\n{some}", faults.len());
}
