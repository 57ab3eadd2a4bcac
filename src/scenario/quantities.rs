//! Sizes, limits and words with numbers: what a file states besides durations, rates and shares.
//!
//! It knows no keys.

use super::keys::Grammar;
use super::reader::{Fields, Reader};
use super::{Diagnostic, Node, Value};
use crate::model::{AckMode, Acks, Capacity, Popularity};
use crate::units::{ParseError, Probability, Scan, SimDuration};

/// Units of size, longest name first.
const SIZES: [(&str, u64); 4] = [("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10), ("B", 1)];
/// What stands for "without limit".
const NONE: &str = "none";
/// How often offsets are stored if the file does not say.
const COMMIT: SimDuration = SimDuration::from_secs(5);

/// `2KB`
fn size(text: &str) -> Result<u64, ParseError> {
    let mut scan = Scan::new(text);
    let bytes = bytes(&mut scan)?;
    scan.end()?;
    if bytes >= u64::MAX as f64 {
        return Err(ParseError::new(0..text.len(), "too large a size"));
    }
    Ok((bytes + 0.5) as u64)
}

/// Takes a number of bytes with its unit.
fn bytes(scan: &mut Scan) -> Result<f64, ParseError> {
    const HELP: &str = "write \"512B\", \"2KB\", \"20MB\" or \"1GB\"";
    if scan.is_done() {
        return Err(ParseError::new(scan.rest_at(), "a size is missing").help(HELP));
    }
    let number = scan.number()?;
    for (name, factor) in SIZES {
        if scan.eat(name) {
            return Ok(number.scaled(0) * factor as f64);
        }
    }
    let n = number.text;
    Err(ParseError::new(number.at, format!("`{n}` has no unit of size"))
        .help(format!("write \"{n}KB\" or \"{n}B\"")))
}

/// `40000/s` or `20MB/s`, laid over the limits so far.
fn limit(text: &str, so_far: Capacity) -> Result<Capacity, ParseError> {
    const HELP: &str = "write \"40000/s\", \"20MB/s\" or a list of both";
    let mut scan = Scan::new(text);
    let whole = 0..text.len();
    let plain = text.trim().trim_end_matches("/s").ends_with(|c: char| c.is_ascii_digit());
    let mut limits = so_far;
    let (value, old) = if plain {
        (scan.number()?.scaled(0), &mut limits.messages_per_s)
    } else {
        (bytes(&mut scan)?, &mut limits.bytes_per_s)
    };
    if !scan.eat("/s") {
        return Err(ParseError::new(whole, "a limit is so many, or so much, per second").help(HELP));
    }
    scan.end()?;
    if value == 0.0 {
        return Err(ParseError::new(whole, "a limit of 0 lets nothing through")
            .help("write \"none\" for no limit"));
    }
    if *old != 0.0 {
        return Err(ParseError::new(whole, "the same kind of limit twice").help(HELP));
    }
    *old = value;
    Ok(limits)
}

/// `after`, `before`, `interval 5s`
fn ack(text: &str) -> Result<AckMode, ParseError> {
    let mut scan = Scan::new(text);
    let word = scan.peek_word();
    let at = scan.word_at();
    scan.eat(word);
    let mode = match word {
        "before" => AckMode::Before,
        "after" => AckMode::After,
        "interval" if scan.is_done() => AckMode::Interval(COMMIT),
        "interval" => {
            let every = scan.duration()?;
            let interval = every.exact()?;
            if interval == SimDuration::ZERO {
                return Err(ParseError::new(every.at, "an interval must be longer than 0"));
            }
            AckMode::Interval(interval)
        }
        _ => {
            return Err(ParseError::new(at, "when to acknowledge?")
                .help("use \"after\", \"before\" or \"interval 5s\""));
        }
    };
    scan.end()?;
    Ok(mode)
}

/// `uniform`, `zipf 0.99`, `hot 1% 50%`
fn popularity(text: &str) -> Result<Popularity, ParseError> {
    let mut scan = Scan::new(text);
    let (word, at) = (scan.peek_word(), scan.word_at());
    scan.eat(word);
    let popularity = match word {
        "uniform" => Popularity::Uniform,
        "zipf" => {
            let number = scan.number()?;
            scan.skip_spaces();
            let exponent = number.scaled(0);
            if !(0.0..=20.0).contains(&exponent) {
                return Err(ParseError::new(number.at, "the exponent lies between 0 and 20"));
            }
            Popularity::Zipf(exponent)
        }
        "hot" => {
            let from = scan.at();
            let (individuals, draws) = (scan.probability()?, scan.probability()?);
            if individuals == Probability::ZERO {
                return Err(ParseError::new(from..scan.at(), "nobody would be hot"));
            }
            Popularity::Hot { individuals, draws }
        }
        _ => {
            return Err(ParseError::new(at, "unknown popularity")
                .help("use \"uniform\", \"zipf 0.99\" or \"hot 1% 50%\""));
        }
    };
    scan.end()?;
    Ok(popularity)
}

/// What `parse` reads, or `none`.
fn or_none<T>(
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, ParseError>,
) -> Result<Option<T>, ParseError> {
    if text.trim() == NONE { Ok(None) } else { parse(text).map(Some) }
}

/// A default of the list of keys; a test reads every one of them.
fn listed<T>(text: &str, read: Result<T, ParseError>) -> T {
    read.unwrap_or_else(|error| panic!("the default {text:?}: {error}"))
}

impl Reader<'_> {
    /// The string of `name` read by `parse`, or its default read by it.
    fn text_value<T>(
        &mut self,
        fields: &Fields,
        name: &str,
        parse: impl Fn(&str) -> Result<T, ParseError>,
    ) -> T {
        let (grammar, default) = fields.listed(name);
        let given = fields
            .get(name)
            .and_then(|entry| self.parsed(&entry.node, &grammar, |_, text| parse(text)));
        given.unwrap_or_else(|| listed(default, parse(default)))
    }

    /// The size of `name`, or its default.
    pub(super) fn size(&mut self, fields: &Fields, name: &str) -> u64 {
        self.text_value(fields, name, size)
    }

    /// The size of `name`, if there is a limit.
    pub(super) fn size_or_none(&mut self, fields: &Fields, name: &str) -> Option<u64> {
        self.text_value(fields, name, |text| or_none(text, size))
    }

    /// The duration of `name`, if there is a limit.
    pub(super) fn duration_or_none(&mut self, fields: &Fields, name: &str) -> Option<SimDuration> {
        self.text_value(fields, name, |text| or_none(text, str::parse))
    }

    /// The popularity of `name`, or its default.
    pub(super) fn popularity(&mut self, fields: &Fields, name: &str) -> Popularity {
        self.text_value(fields, name, popularity)
    }

    /// When to acknowledge, or the default.
    pub(super) fn ack(&mut self, fields: &Fields, name: &str) -> AckMode {
        self.text_value(fields, name, ack)
    }

    /// When to acknowledge, if the file says so.
    pub(super) fn ack_given(&mut self, fields: &Fields, name: &str) -> Option<AckMode> {
        let node = &fields.get(name)?.node;
        self.parsed(node, &Grammar::Ack, |_, text| ack(text))
    }

    /// The whole number of `name`, if there is a limit.
    pub(super) fn whole_or_none(&mut self, fields: &Fields, name: &str) -> Option<u64> {
        let (grammar, default) = fields.listed(name);
        let Grammar::WholeOrNone(min, max) = grammar else { return None };
        match fields.get(name).map(|entry| &entry.node) {
            None => default.replace('_', "").parse().ok(),
            Some(Node { value: Value::String(text), .. }) if text == NONE => None,
            Some(node @ Node { value: Value::Integer(_), .. }) => {
                self.whole_at(node, name, min, max)
            }
            Some(node) => {
                self.wrong_kind(node, &grammar);
                None
            }
        }
    }

    /// The limit of `name`: a string, a list of strings, or none.
    pub(super) fn capacity(&mut self, fields: &Fields, name: &str) -> Capacity {
        let mut limits = Capacity::default();
        for node in Self::list(fields, name) {
            let read = self.parsed(node, &Grammar::Capacity, |_, text| {
                or_none(text, |text| limit(text, limits))
            });
            limits = read.flatten().unwrap_or(limits);
        }
        limits
    }

    /// A bandwidth, in bytes per second.
    pub(super) fn bandwidth_at(&mut self, node: &Node) -> Option<f64> {
        self.parsed(node, &Grammar::Capacity, |_, text| {
            let limits = limit(text, Capacity::default())?;
            if limits.messages_per_s > 0.0 {
                let error = ParseError::new(0..text.len(), "a bandwidth is so much per second");
                return Err(error.help("write \"1MB/s\""));
            }
            Ok(limits.bytes_per_s)
        })
    }

    /// When a publish counts as done.
    pub(super) fn acks(&mut self, fields: &Fields, name: &str) -> Acks {
        match fields.get(name).map(|entry| &entry.node) {
            None => Acks::All,
            Some(Node { value: Value::String(word), .. }) if word == "all" => Acks::All,
            Some(Node { value: Value::Integer(0), .. }) => Acks::None,
            Some(Node { value: Value::Integer(1), .. }) => Acks::Leader,
            Some(node) => {
                let message = "`acks` is 0, 1 or \"all\"";
                self.note(Diagnostic::error("E107", node.span, message));
                Acks::All
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_limits_are_read() {
        let sizes = ["512B", "1KB", "1.5KB", "20MB", "1GB"].map(|text| size(text).unwrap());
        assert_eq!(sizes, [512, 1024, 1536, 20 << 20, 1 << 30]);
        let none = Capacity::default();
        let both = limit("20MB/s", limit("40000/s", none).unwrap()).unwrap();
        assert_eq!((both.messages_per_s, both.bytes_per_s), (4e4, f64::from(20 << 20)));
        let message = |text: &str| limit(text, both).unwrap_err().message;
        assert_eq!(message("5/s"), "the same kind of limit twice");
        assert_eq!(message("0/s"), "a limit of 0 lets nothing through");
        assert_eq!(message("5MB"), "a limit is so many, or so much, per second");
        assert_eq!(message("5"), "a limit is so many, or so much, per second");
        assert_eq!(size("2").unwrap_err().help.unwrap(), "write \"2KB\" or \"2B\"");
        assert_eq!(or_none("none", size).unwrap(), None);
    }

    #[test]
    fn the_defaults_of_the_list_of_keys_are_read() {
        let all = super::super::keys::KEYS.iter().flat_map(|group| group.iter());
        for key in all.filter(|key| !key.default.is_empty()) {
            let fine = match key.grammar {
                Grammar::Size => size(key.default).is_ok(),
                Grammar::SizeOrNone => or_none(key.default, size).is_ok(),
                Grammar::Capacity => key.default == NONE,
                Grammar::Ack => ack(key.default).is_ok(),
                _ => true,
            };
            assert!(fine, "{} = {}", key.name, key.default);
        }
    }

    #[test]
    fn words_with_numbers_are_read() {
        assert_eq!(ack("after").unwrap(), AckMode::After);
        assert_eq!(ack("interval").unwrap(), AckMode::Interval(SimDuration::from_secs(5)));
        assert_eq!(ack("interval 1s").unwrap(), AckMode::Interval(SimDuration::from_secs(1)));
        assert!(ack("interval 0s").is_err() && ack("later").is_err() && ack("").is_err());
        assert_eq!(popularity("uniform").unwrap(), Popularity::Uniform);
        assert_eq!(popularity("zipf 0.99").unwrap(), Popularity::Zipf(0.99));
        let hot = popularity("hot 1% 50%").unwrap();
        let share = |p| Probability::new(p).unwrap();
        assert_eq!(hot, Popularity::Hot { individuals: share(0.01), draws: share(0.5) });
        assert!(popularity("hot 0% 50%").is_err() && popularity("cold").is_err());
    }
}
