//! A scenario as one canonical text, whose hash names what is simulated.

use super::tree::{Node, Table, Value};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Keys that say something about the scenario but change nothing in what is simulated.
const WORDS: [&str; 4] = ["title", "question", "lesson", "expect"];

/// SHA-256, in hexadecimal, of all variants' merged tables with their keys sorted; file names, formatting, shorthand
/// and the keys of [`WORDS`] do not count.
pub(super) fn hash(tables: &[(String, Table)]) -> String {
    let mut text = String::new();
    for (name, table) in tables {
        let _ = writeln!(text, "variant {name:?}");
        write_table(&mut text, table, true);
        text.push('\n');
    }
    let mut hex = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn write_table(text: &mut String, table: &Table, root: bool) {
    let mut entries: Vec<_> = table.entries.iter().collect();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    text.push('{');
    for entry in entries {
        if !(root && WORDS.contains(&entry.key.as_str())) {
            let _ = write!(text, "{:?}=", entry.key);
            write_value(text, &entry.node);
            text.push(',');
        }
    }
    text.push('}');
}

fn write_value(text: &mut String, node: &Node) {
    let _ = match &node.value {
        Value::String(s) => write!(text, "{s:?}"),
        Value::Integer(i) => write!(text, "{i}"),
        Value::Float(f) => write!(text, "{f:?}"),
        Value::Boolean(b) => write!(text, "{b}"),
        Value::Datetime(d) => write!(text, "{d}"),
        Value::Array(nodes) => {
            text.push('[');
            for node in nodes {
                write_value(text, node);
                text.push(',');
            }
            text.push(']');
            Ok(())
        }
        Value::Table(table) => {
            write_table(text, table, false);
            Ok(())
        }
    };
}
