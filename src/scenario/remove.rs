//! `remove = ["service.email"]`: takes inherited tables, keys, failures and expectations away.

use std::ops::Range;

use super::diagnostic::Diagnostic;
use super::merge::failure_name;
use super::near::did_you_mean;
use super::path::parse_path;
use super::syntax::dotted;
use super::tree::{Entry, Node, Sources, Span, Table, Value};

/// One path of a `remove` list.
#[derive(Clone, Debug)]
pub(crate) struct Removal {
    /// Its parts, at least one.
    pub(crate) parts: Vec<String>,
    /// Where each part stands.
    spans: Vec<Span>,
}

/// The paths of the `remove` entry of a root or a variant; a lone string is a list of one.
pub(crate) fn removals(
    entry: &Entry,
    sources: &Sources,
    errors: &mut Vec<Diagnostic>,
) -> Vec<Removal> {
    let items = match &entry.node.value {
        Value::Array(items) => items.as_slice(),
        _ => std::slice::from_ref(&entry.node),
    };
    let mut removals = Vec::new();
    for item in items {
        let path = match &item.value {
            Value::String(text) => parse_path(text),
            _ => None,
        };
        let Some(parts) = path else {
            errors.push(
                Diagnostic::error("E019", item.span, "`remove` takes a list of dotted paths")
                    .label("is no path")
                    .help("write remove = [\"service.email\", \"service.shop.on.OrderPlaced\"]"),
            );
            continue;
        };
        let place = |at: &Range<usize>| sources.inside(item.span, at);
        removals.push(Removal {
            spans: parts.iter().map(|(_, at)| place(at)).collect(),
            parts: parts.into_iter().map(|(part, _)| part).collect(),
        });
    }
    removals
}

impl Removal {
    /// The error that part `index` of the path names nothing, where `known` would be right.
    pub(crate) fn unknown<'a>(
        &self,
        index: usize,
        known: impl Iterator<Item = &'a str>,
    ) -> Diagnostic {
        let word = &self.parts[index];
        let path = dotted(&self.parts);
        let diagnostic = Diagnostic::error(
            "E018",
            self.spans[index],
            format!("`remove` names `{path}`, which is not there"),
        );
        let known: Vec<&str> = known.collect();
        let within = match index {
            0 => "the scenario".to_owned(),
            _ => format!("`{}`", dotted(&self.parts[..index])),
        };
        let help = did_you_mean(word, known.iter().copied()).unwrap_or_else(|| {
            let some: Vec<String> = known.iter().take(8).map(|key| format!("`{key}`")).collect();
            match some.len() {
                0 => format!("{within} has no keys"),
                _ if known.len() > 8 => format!("{within} has {}, …", some.join(", ")),
                _ => format!("{within} has {}", some.join(", ")),
            }
        });
        diagnostic.label(format!("not in {within}")).help(help)
    }

    /// Takes what the path names out of `root`, or says that it is not there.
    pub(crate) fn apply(&self, root: &mut Table) -> Result<(), Box<Diagnostic>> {
        let first = root.get_mut(&self.parts[0]).map(|entry| &mut entry.node.value);
        match (self.parts[0].as_str(), first) {
            ("failure", Some(Value::Array(items))) if self.parts.len() == 2 => {
                self.remove_failure(items)?;
                if items.is_empty() {
                    root.remove("failure");
                }
                Ok(())
            }
            ("expect", Some(Value::Table(expect))) if self.parts.len() > 1 => {
                self.remove_expectations(expect)
            }
            _ => self.remove_key(root),
        }
    }

    fn remove_key(&self, root: &mut Table) -> Result<(), Box<Diagnostic>> {
        let last = self.parts.len() - 1;
        let mut table = root;
        for (index, part) in self.parts[..last].iter().enumerate() {
            let Some(position) = table.entries.iter().position(|e| e.key == *part) else {
                return Err(self
                    .unknown(index, table.entries.iter().map(|e| e.key.as_str()))
                    .into());
            };
            match &mut table.entries[position].node.value {
                Value::Table(inner) => table = inner,
                _ => return Err(self.unknown(index + 1, std::iter::empty()).into()),
            }
        }
        match table.remove(&self.parts[last]) {
            Some(_) => Ok(()),
            None => Err(self.unknown(last, table.entries.iter().map(|e| e.key.as_str())).into()),
        }
    }

    /// `failure.NAME` takes the entry of that name.
    fn remove_failure(&self, items: &mut Vec<Node>) -> Result<(), Box<Diagnostic>> {
        let named = |n: &Node| failure_name(n) == Some(self.parts[1].as_str());
        if !items.iter().any(named) {
            return Err(self.unknown(1, items.iter().filter_map(failure_name)).into());
        }
        items.retain(|n| !named(n));
        Ok(())
    }

    /// `expect.email` takes every line on `email`, however the keys were written.
    fn remove_expectations(&self, expect: &mut Table) -> Result<(), Box<Diagnostic>> {
        let metric = self.parts[1..].join(".");
        let below = format!("{metric}.");
        let meant = |e: &Entry| e.key == metric || e.key.starts_with(&below);
        if !expect.entries.iter().any(meant) {
            return Err(self.unknown(1, expect.entries.iter().map(|e| e.key.as_str())).into());
        }
        expect.entries.retain(|e| !meant(e));
        Ok(())
    }
}
