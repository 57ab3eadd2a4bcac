//! Failures of links: `"a->b"`, what is wrong with it, and how much.

use super::decode_failure::target;
use super::draft::{EndDraft, EndPart, LinkDraft, Part};
use super::keys::Grammar;
use super::reader::{Fields, Reader, Ref};
use super::{Diagnostic, Entry, Node, Span, Value};
use crate::model::{LinkEffect, Verb};
use crate::random::Variate;
use crate::units::{ParseError, Probability};
use std::ops::Range;

/// Verbs that strike links.
const LINK_VERBS: [&str; 6] = ["partition", "loss", "duplicate", "reorder", "delay", "throttle"];

/// What a failure of a link says.
pub(super) struct Linked {
    pub(super) verb: Verb,
    /// The target as the file writes it.
    pub(super) text: String,
    /// The first name of it.
    pub(super) owner: Ref,
    pub(super) part: Part,
    pub(super) link: Option<LinkDraft>,
    /// Further names: a handler, or services.
    pub(super) names: Vec<Ref>,
}

/// Whether a verb strikes links.
pub(super) fn is_link(verb: &Entry) -> bool {
    LINK_VERBS.contains(&verb.key.as_str())
}

/// The failure of a link, or of the bandwidth of a broker.
pub(super) fn link(reader: &mut Reader, fields: &Fields, entry: &Entry) -> Option<Linked> {
    if entry.key == "partition" {
        return partition(reader, entry);
    }
    let (whole, value) = target(reader, entry)?;
    if entry.key == "throttle" {
        return throttle(reader, entry, &whole, value);
    }
    let datagram = reader.truth(fields, "datagram");
    let (from, to) = ends(reader, entry, &whole)?;
    let (_, usual) = fields.listed(&entry.key);
    let effect = effect(reader, entry, value, usual, datagram)?;
    Some(linked(whole.text, from, to, effect))
}

fn linked(text: String, from: EndDraft, to: EndDraft, effect: LinkEffect) -> Linked {
    let owner = from.name.clone();
    let link = Some(LinkDraft { from, to, effect });
    Linked { verb: Verb::Link, text, owner, part: Part::All, link, names: Vec::new() }
}

/// `partition = ["a", "b"]`
fn partition(reader: &mut Reader, entry: &Entry) -> Option<Linked> {
    let both = match &entry.node.value {
        Value::Array(nodes) => match nodes.as_slice() {
            [
                Node { value: Value::String(a), span: at },
                Node { value: Value::String(b), span },
            ] => Some([(a, *at), (b, *span)]),
            _ => None,
        },
        _ => None,
    };
    let Some([(a, at), (b, span)]) = both else {
        let message = "a partition lies between two groups";
        let help =
            "write partition = [\"a\", \"b\"]; what falls into more parts is several failures";
        reader.note(Diagnostic::error("E103", entry.node.span, message).help(help));
        return None;
    };
    let from = end(reader, &Ref { text: a.clone(), span: at }, 0..a.len());
    let to = end(reader, &Ref { text: b.clone(), span }, 0..b.len());
    Some(linked(format!("{a}, {b}"), from?, to?, LinkEffect::Partition))
}

/// `throttle = { "a->b" = "1MB/s" }` or `throttle = { bus = "1MB/s" }`
fn throttle(
    reader: &mut Reader,
    entry: &Entry,
    whole: &Ref,
    value: Option<&Node>,
) -> Option<Linked> {
    let Some(value) = value else {
        let message = "`throttle` needs a bandwidth";
        let help = format!("write throttle = {{ \"{}\" = \"1MB/s\" }}", whole.text);
        reader.note(Diagnostic::error("E118", entry.node.span, message).help(help));
        return None;
    };
    let rate = reader.bandwidth_at(value)?;
    if whole.text.contains("->") {
        let (from, to) = ends(reader, entry, whole)?;
        return Some(linked(whole.text.clone(), from, to, LinkEffect::Throttle(rate)));
    }
    let EndDraft { name, part: EndPart::Whole } = end(reader, whole, 0..whole.text.len())? else {
        let message = format!("`{}` has no shards that could serve less", whole.text);
        let help = "name a broker or a link: throttle = { \"shop->bus\" = \"1MB/s\" }";
        reader.note(Diagnostic::error("E118", whole.span, message).help(help));
        return None;
    };
    let (verb, text) = (Verb::Throttle(rate), whole.text.clone());
    Some(Linked { verb, text, owner: name, part: Part::Shards, link: None, names: Vec::new() })
}

/// What is wrong with a link, and how much; `usual` if the file does not say.
fn effect(
    reader: &mut Reader,
    entry: &Entry,
    value: Option<&Node>,
    usual: &str,
    datagram: bool,
) -> Option<LinkEffect> {
    Some(match entry.key.as_str() {
        "loss" => {
            let share = match value {
                Some(node) => share_at(reader, node)?,
                None => usual.parse().ok()?,
            };
            LinkEffect::Loss { share, datagram }
        }
        "delay" => LinkEffect::Delay(match value {
            Some(node) => reader.variate_at(node)?,
            None => parse_time(usual).ok()?,
        }),
        key => {
            let (share, time) = match value {
                Some(node) => {
                    reader.parsed(node, &Grammar::Share, |_, text| share_and_time(text, usual))?
                }
                None => share_and_time(usual, usual).ok()?,
            };
            if key == "duplicate" {
                LinkEffect::Duplicate { share, after: time }
            } else {
                LinkEffect::Reorder { share, hold: time }
            }
        }
    })
}

/// A share of messages that are lost: some get through.
fn share_at(reader: &mut Reader, node: &Node) -> Option<Probability> {
    let share = reader.parsed(node, &Grammar::Share, |_, text| text.parse::<Probability>())?;
    if share == Probability::ONE {
        let message = "where everything is lost, nothing is connected";
        let help = "write partition = [\"a\", \"b\"]";
        reader.note(Diagnostic::error("E106", node.span, message).help(help));
        return None;
    }
    Some(share)
}

/// `1%`, `1% ~100ms`; the time of `usual` if there is none.
fn share_and_time(text: &str, usual: &str) -> Result<(Probability, Variate), ParseError> {
    let text = text.trim_end();
    let (share, time) = text.split_once(' ').unwrap_or((text, ""));
    let at = text.len() - time.len();
    let share = share.parse::<Probability>()?;
    let time = match (time.is_empty(), usual.split_once(' ')) {
        (true, Some((_, time))) => parse_time(time)?,
        _ => parse_time(time).map_err(|error| error.shift(at))?,
    };
    Ok((share, time))
}

fn parse_time(text: &str) -> Result<Variate, ParseError> {
    Variate::parse(text, &mut |_| Err("a time on a link is not read from a file".to_owned()))
}

/// The two ends of `a->b`.
fn ends(reader: &mut Reader, entry: &Entry, whole: &Ref) -> Option<(EndDraft, EndDraft)> {
    let Some((a, b)) = whole.text.split_once("->") else {
        let message = format!("`{}` is not a link", whole.text);
        let help = format!("write {} = \"a->b\": from a to b, and not back", entry.key);
        reader.note(Diagnostic::error("E118", whole.span, message).help(help));
        return None;
    };
    let second = a.len() + 2;
    let from = end(reader, whole, 0..a.len());
    let to = end(reader, whole, second..second + b.len());
    Some((from?, to?))
}

/// One end, at these bytes of a text: `shop`, `shop[0]`, `web`, `bus`, `bus/broker:1`, `zone:a`.
fn end(reader: &mut Reader, whole: &Ref, at: Range<usize>) -> Option<EndDraft> {
    let text = &whole.text[at.clone()];
    let start = at.start + (text.len() - text.trim_start().len());
    let text = text.trim();
    let quoted = {
        let Span { file, start, end } = whole.span;
        let raw = &reader.sources.text(file)[start as usize..end as usize];
        raw.starts_with('"') || raw.starts_with('\'')
    };
    let sources = reader.sources;
    let place = |at: Range<usize>| {
        if quoted { sources.inside(whole.span, &at) } else { whole.span }
    };
    let name = |from: usize, word: &str| {
        let from = start + from;
        Ref { text: word.to_owned(), span: place(from..from + word.len()) }
    };
    if let Some(zone) = text.strip_prefix("zone:") {
        return Some(EndDraft { name: name(text.len() - zone.len(), zone), part: EndPart::Zone });
    }
    for (open, close) in [("/broker:", ""), ("[", "]")] {
        let Some((owner, rest)) = text.split_once(open) else { continue };
        let Some(index) = rest.strip_suffix(close) else { continue };
        let from = start + owner.len() + open.len();
        let span = place(from..from + index.len());
        let Ok(number) = index.parse::<u64>() else {
            let message = format!("`{index}` is not a number");
            let help = "instances and nodes count from 0: \"shop[0]\", \"bus/broker:0\"";
            reader.note(Diagnostic::error("E118", span, message).help(help));
            return None;
        };
        let node = open == "/broker:";
        let part = if node { EndPart::Node(number, span) } else { EndPart::Instance(number, span) };
        return Some(EndDraft { name: name(0, owner), part });
    }
    if text.is_empty() || text.contains(['/', ':', ' ', '>']) {
        let message = format!("`{text}` is not an end of a link");
        let help =
            "ends are \"shop\", \"shop[0]\", \"web\", \"bus\", \"bus/broker:0\" and \"zone:a\"";
        let span = place(start..start + text.len());
        reader.note(Diagnostic::error("E118", span, message).help(help));
        return None;
    }
    Some(EndDraft { name: name(0, text), part: EndPart::Whole })
}
