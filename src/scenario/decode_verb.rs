//! What some verbs of failures take beside their target: how much, how many, how often.

use super::decode_failure::{factor, factor_at, word};
use super::decode_handler::words;
use super::keys::Grammar;
use super::reader::{Fields, Reader};
use super::{Diagnostic, Node, Span, Value};
use crate::model::Verb;
use crate::units::{ParseError, Probability, SimDuration};
use std::ops::Range;

/// How much slower a leak makes work in a second if the file does not say: 1 % in a minute.
const LEAK: f64 = 0.01 / 60.0;

/// A verb that has a value of its own, as it is without.
pub(super) fn valued(key: &str) -> Option<Verb> {
    let share = |p: f64| Probability::new(p).unwrap_or(Probability::ONE);
    Some(match key {
        "spike" => Verb::Spike(5.0),
        "hot" => Verb::Hot(share(0.5)),
        "herd" => Verb::Herd { clients: None, spread: SimDuration::ZERO },
        "leak" => Verb::Leak(LEAK),
        "brownout" => Verb::Brownout { errors: share(0.2), slow: 5.0 },
        _ => return None,
    })
}

/// The same verb with the value at `node`.
pub(super) fn value(reader: &mut Reader, verb: Verb, node: &Node) -> Option<Verb> {
    if matches!(verb, Verb::Spike(_)) {
        return factor_at(reader, node).map(Verb::Spike);
    }
    if let (Verb::Herd { .. }, Value::Integer(_)) = (verb, &node.value) {
        let n = reader.whole_at(node, "herd", 1, u64::from(u32::MAX))?;
        return Some(Verb::Herd { clients: Some(n as u32), spread: SimDuration::ZERO });
    }
    reader.parsed(node, &Grammar::Target, |_, text| match verb {
        Verb::Hot(_) => above_0(0, text).map(Verb::Hot),
        Verb::Herd { .. } => herd(text),
        Verb::Leak(_) => leak(text),
        _ => brownout(text),
    })
}

/// A share above 0, at this place of a text.
pub(super) fn above_0(at: usize, text: &str) -> Result<Probability, ParseError> {
    let p: Probability = text.parse().map_err(|e: ParseError| e.shift(at))?;
    if p.get() == 0.0 {
        return Err(ParseError::new(at..at + text.len(), "a share above 0 is due"));
    }
    Ok(p)
}

/// `full 30s`, `10000`, `10000 full 30s`
fn herd(text: &str) -> Result<Verb, ParseError> {
    let error = |at: Range<usize>, message: &str| {
        ParseError::new(at, message).help("write \"full 30s\", \"10000\" or \"10000 full 30s\"")
    };
    let all = words(text);
    let (count, spread) = match all[..] {
        [count] => (Some(count), None),
        [(_, "full"), spread] => (None, Some(spread)),
        [count, (_, "full"), spread] => (Some(count), Some(spread)),
        _ => return Err(error(0..text.len(), "not a herd")),
    };
    let clients = match count {
        None => None,
        Some((at, word)) => match word.replace('_', "").parse::<u32>() {
            Ok(n) if n > 0 => Some(n),
            _ => return Err(error(at..at + word.len(), "not a number of clients")),
        },
    };
    let spread = match spread {
        None => SimDuration::ZERO,
        Some((at, word)) => word.parse().map_err(|e: ParseError| e.shift(at))?,
    };
    Ok(Verb::Herd { clients, spread })
}

/// `1%/m`
fn leak(text: &str) -> Result<Verb, ParseError> {
    let error = || {
        ParseError::new(0..text.len(), "not a growth").help("write \"1%/m\": 1 % more each minute")
    };
    let (share, per) = text.trim().split_once('/').ok_or_else(error)?;
    let seconds = match per.trim() {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(error()),
    };
    let number = share.trim().strip_suffix('%').ok_or_else(error)?.trim_end();
    let plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    match number.parse::<f64>() {
        Ok(percent) if plain && percent.is_finite() && percent > 0.0 => {
            Ok(Verb::Leak(percent / 100.0 / seconds))
        }
        _ => Err(error()),
    }
}

/// `20% 5x`; of one alone the other means nothing.
fn brownout(text: &str) -> Result<Verb, ParseError> {
    let error = || {
        ParseError::new(0..text.len(), "not a brownout")
            .help("write \"20% 5x\": a share of errors, and how much slower the work is")
    };
    let (mut errors, mut slow) = (None, None);
    for (at, word) in words(text) {
        if word.ends_with('x') {
            let factor = factor(word).map_err(|e| e.shift(at))?;
            if slow.replace(factor).is_some() {
                return Err(error());
            }
        } else if errors.replace(above_0(at, word)?).is_some() {
            return Err(error());
        }
    }
    if errors.is_none() && slow.is_none() {
        return Err(error());
    }
    let errors = errors.unwrap_or(Probability::ZERO);
    Ok(Verb::Brownout { errors, slow: slow.unwrap_or(1.0) })
}

/// Notes what a verb that is over at once has no use for.
pub(super) fn has_no_end(reader: &mut Reader, fields: &Fields, verb: Verb, verb_at: Span) {
    let keys: &[&str] = match verb {
        Verb::Replay(_) | Verb::Redrive | Verb::Herd { .. } => &["for", "mttr"],
        Verb::Restart => &["mttr"],
        _ => &[],
    };
    for key in keys {
        if let Some(entry) = fields.get(key) {
            let word = word(verb);
            let message = format!("`{word}` is over at once, so `{key}` means nothing");
            let diagnostic = Diagnostic::error("E109", entry.key_span, message);
            let diagnostic = diagnostic.related(verb_at, "the verb");
            reader.note(diagnostic.help(format!("remove `{key}`")));
        }
    }
}
