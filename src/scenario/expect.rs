//! `[expect]`: metric paths and the bounds that they are held against.

use std::collections::BTreeMap;

use super::metric_paths::{LATER, with_units};
use super::near::{did_you_mean, nearest};
use super::reader::{Reader, Ref};
use super::{Bound, Diagnostic, Entry, Expect, Node, Table, Value};
use crate::model::Blueprint;
use crate::units::{ParseError, SimDuration};

/// Reads `[expect]`. `variants` are the names that a relative bound may refer to.
pub(super) fn expectations(
    reader: &mut Reader,
    table: &Table,
    blueprint: &Blueprint,
    variants: &[&str],
) -> Vec<Expect> {
    let mut lines = Vec::new();
    flatten(table, &mut String::new(), &mut lines);
    if lines.is_empty() {
        return Vec::new();
    }
    let paths = with_units(blueprint);
    let units: BTreeMap<&str, &'static str> =
        paths.iter().map(|(path, unit)| (path.as_str(), *unit)).collect();
    let mut expectations = Vec::new();
    for (metric, entry) in lines {
        let Some(unit) = units.get(metric.as_str()) else {
            let path = Ref { text: metric, span: entry.key_span };
            let diagnostic = unknown(&path, units.keys().copied(), blueprint);
            reader.note(diagnostic);
            continue;
        };
        if let Some((text, bound)) = bound(reader, &entry.node, unit, variants) {
            expectations.push(Expect { metric, text, bound });
        }
    }
    expectations
}

/// Joins nested keys with dots.
fn flatten<'t>(table: &'t Table, prefix: &mut String, lines: &mut Vec<(String, &'t Entry)>) {
    let length = prefix.len();
    for entry in &table.entries {
        if length > 0 {
            prefix.push('.');
        }
        prefix.push_str(&entry.key);
        match &entry.node.value {
            Value::Table(inner) => flatten(inner, prefix, lines),
            _ => lines.push((prefix.clone(), entry)),
        }
        prefix.truncate(length);
    }
}

fn unknown<'a>(
    path: &Ref,
    all: impl Iterator<Item = &'a str> + Clone,
    blueprint: &Blueprint,
) -> Diagnostic {
    let text = path.text.as_str();
    let mut parts = text.rsplit('.');
    let (last, before) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    if (LATER.contains(&last) || LATER.contains(&before) || text.starts_with("cost."))
        && nearest(text, all.clone()).is_none()
        || LATER.contains(&last)
    {
        let message = format!("metric `{text}` is not supported yet");
        return Diagnostic::error("E102", path.span, message)
            .help("`tidelag explain METRIC` tells which metrics there are");
    }
    let message = format!("there is no metric `{text}`");
    let diagnostic = Diagnostic::error("E119", path.span, message);
    let inner = format!("{text}.");
    if all.clone().any(|p| p.starts_with(&inner)) {
        let statistics: Vec<&str> =
            all.filter_map(|p| p.strip_prefix(inner.as_str())).take(12).collect();
        return diagnostic.help(format!("say which: {text}.{}", statistics.join(", .")));
    }
    let owner = text.split('.').next().unwrap_or("");
    let of_owner = |p: &&str| p.strip_prefix(owner).is_some_and(|rest| rest.starts_with('.'));
    if let Some(help) = did_you_mean(text, all.clone()) {
        return diagnostic.help(help);
    }
    let mut own: Vec<&str> = all
        .filter(of_owner)
        .map(|p| p[owner.len() + 1..].split('.').next().unwrap_or(""))
        .collect();
    own.dedup();
    diagnostic.help(if !own.is_empty() {
        format!("metrics of `{owner}` are {}", own.join(", "))
    } else if blueprint.services.iter().any(|s| s.name == owner) {
        format!("service `{owner}` has neither `on` nor `api`, so no metrics")
    } else {
        format!(
            "nothing is called `{owner}`; a path begins with a service, a client, an event or \
             `ledger`"
        )
    })
}

fn bound(
    reader: &mut Reader,
    node: &Node,
    unit: &str,
    variants: &[&str],
) -> Option<(String, Bound)> {
    let number = match &node.value {
        Value::Integer(n) => n.to_string(),
        Value::Float(x) => x.to_string(),
        Value::String(text) => {
            return match parse(text, unit, variants) {
                Ok(bound) => Some((text.clone(), bound)),
                Err(error) => {
                    let place = reader.sources.inside(node.span, &error.error.at);
                    let mut diagnostic = Diagnostic::error(error.code, place, error.error.message);
                    diagnostic.help = error.error.help;
                    reader.note(diagnostic);
                    None
                }
            };
        }
        _ => {
            let message = "expected a bound such as \"< 2s\", \"80%..86%\" or \"= 0\"";
            reader.note(Diagnostic::error("E103", node.span, message));
            return None;
        }
    };
    match quantity(&number, unit) {
        Ok(value) => Some((format!("= {number}"), Bound::Equals(value))),
        Err(error) => {
            let mut diagnostic = Diagnostic::error("E120", node.span, error.message);
            diagnostic.help = error.help;
            reader.note(diagnostic);
            None
        }
    }
}

/// What is wrong with a bound.
struct Wrong {
    code: &'static str,
    error: ParseError,
}

impl From<ParseError> for Wrong {
    fn from(error: ParseError) -> Self {
        Self { code: "E120", error }
    }
}

const OPERATORS: [&str; 5] = ["<=", ">=", "<", ">", "="];

fn parse(text: &str, unit: &str, variants: &[&str]) -> Result<Bound, Wrong> {
    let lead = text.len() - text.trim_start().len();
    let body = text.trim();
    let operator = OPERATORS.iter().find(|op| body.starts_with(**op));
    let rest = &body[operator.map_or(0, |op| op.len())..];
    let value = rest.trim_start();
    let at = lead + body.len() - value.len();
    if value.is_empty() {
        return Err(ParseError::new(0..text.len(), "a bound is missing")
            .help("write \"< 2s\", \"80%..86%\" or \"= 0\"")
            .into());
    }
    if let Some((factor, variant)) = relative(value) {
        let Some(operator) = operator else {
            let error = ParseError::new(at..text.len(), "a relative bound needs an operator");
            return Err(error.help(format!("write \"< {value}\"")).into());
        };
        if !variants.contains(&variant) {
            let start = at + value.len() - variant.len();
            let message = format!("there is no variant `{variant}`");
            let mut error = ParseError::new(start..start + variant.len(), message);
            error.help = did_you_mean(variant, variants.iter().copied())
                .or_else(|| Some(format!("the variants are {}", variants.join(", "))));
            return Err(Wrong { code: "E121", error });
        }
        let operator = (*operator).to_owned();
        return Ok(Bound::Relative { operator, factor, variant: variant.to_owned() });
    }
    if let Some((low, high)) = value.split_once("..") {
        if operator.is_some() {
            let error = ParseError::new(lead..at, "a range has no operator");
            return Err(error.help(format!("write \"{value}\"")).into());
        }
        let high_at = at + low.len() + 2;
        let from = quantity(low, unit).map_err(|e| e.shift(at))?;
        let to = quantity(high, unit).map_err(|e| e.shift(high_at))?;
        if from > to {
            let message = "the lower end of the range is above the upper one";
            return Err(ParseError::new(at..at + value.len(), message).into());
        }
        return Ok(Bound::Range(from, to));
    }
    let value = quantity(value, unit).map_err(|e| e.shift(at))?;
    Ok(match operator {
        Some(&"<") => Bound::Less(value),
        Some(&"<=") => Bound::AtMost(value),
        Some(&">") => Bound::Greater(value),
        Some(&">=") => Bound::AtLeast(value),
        _ => Bound::Equals(value),
    })
}

/// `0.5x base`
fn relative(value: &str) -> Option<(f64, &str)> {
    let (factor, variant) = value.split_once(char::is_whitespace)?;
    let factor: f64 = plain(factor.strip_suffix('x')?)?;
    Some((factor, variant.trim()))
}

/// A decimal number without sign or exponent.
fn plain(text: &str) -> Option<f64> {
    let decimal = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    if decimal { text.parse().ok() } else { None }
}

/// A quantity of this unit.
fn quantity(text: &str, unit: &str) -> Result<f64, ParseError> {
    let lead = text.len() - text.trim_start().len();
    let body = text.trim();
    let all = lead..lead + body.len();
    let error = |what: &str, help: String| Err(ParseError::new(all.clone(), what).help(help));
    match (unit, plain(body)) {
        ("s", Some(number)) => {
            error("a duration needs a unit", format!("write \"{number}s\" or \"{number}ms\""))
        }
        ("s", None) => match body.parse::<SimDuration>() {
            Ok(duration) => Ok(duration.as_secs()),
            Err(_) if body.ends_with('%') || body.contains('/') => {
                error("this metric is a duration", "write \"2s\" or \"250ms\"".into())
            }
            Err(error) => Err(error.shift(lead)),
        },
        ("1/s", Some(number)) => error("a rate needs a unit", format!("write \"{number}/s\"")),
        ("1/s", None) => {
            match body.rsplit_once('/').map(|(n, per)| (plain(n.trim()), per.trim())) {
                Some((Some(number), "s")) => Ok(number),
                Some((Some(number), "m")) => Ok(number / 60.0),
                Some((Some(number), "h")) => Ok(number / 3600.0),
                _ => error("this metric is a rate", "write \"100/s\"".into()),
            }
        }
        (_, Some(number)) => Ok(number),
        // "99.9e-2" is nearer to the truth than 99.9 / 100.
        (_, None) => match body.strip_suffix('%').map(str::trim_end) {
            Some(percent) if plain(percent).is_some() => {
                Ok(format!("{percent}e-2").parse().unwrap_or(f64::NAN))
            }
            _ => error("this metric is a plain number", "write \"0.8\", \"80%\" or \"5\"".into()),
        },
    }
}
