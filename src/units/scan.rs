//! Reads a string from left to right, remembering where each part stood.
//!
//! It knows numbers, words and durations, not what a whole string means.

use std::ops::Range;

use super::{ParseError, SimDuration};

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    /// As it is written.
    pub(crate) name: &'static str,
    /// Its length in nanoseconds.
    pub(crate) ns: u64,
}

/// Units of time, longest first.
pub(crate) const UNITS: [Unit; 7] = [
    Unit { name: "d", ns: 86_400_000_000_000 },
    Unit { name: "h", ns: 3_600_000_000_000 },
    Unit { name: "m", ns: 60_000_000_000 },
    Unit { name: "s", ns: 1_000_000_000 },
    Unit { name: "ms", ns: 1_000_000 },
    Unit { name: "us", ns: 1_000 },
    Unit { name: "ns", ns: 1 },
];

/// A position in a string.
#[derive(Clone, Debug)]
pub(crate) struct Scan<'a> {
    text: &'a str,
    at: usize,
}

/// Digits with an optional decimal fraction, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Number<'a> {
    /// For instance `1.5`.
    pub(crate) text: &'a str,
    /// Its bytes in the string.
    pub(crate) at: Range<usize>,
}

/// A number with a unit of time, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DurationText<'a> {
    number: Number<'a>,
    unit: Unit,
    /// Bytes of number and unit in the string.
    pub(crate) at: Range<usize>,
}

impl<'a> Scan<'a> {
    /// At the first character of `text` that is no space.
    pub(crate) fn new(text: &'a str) -> Self {
        let mut scan = Self { text, at: 0 };
        scan.skip_spaces();
        scan
    }

    /// Where the scan is, in bytes.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// What is left, without spaces at its end.
    pub(crate) fn rest(&self) -> &'a str {
        self.text[self.at..].trim_end()
    }

    /// Bytes of what is left; the last character if nothing is left, so that an error has something
    /// to point at.
    pub(crate) fn rest_at(&self) -> Range<usize> {
        let rest = self.rest();
        if rest.is_empty() {
            let end = self.text.trim_end().len();
            let last = self.text[..end].char_indices().next_back().map_or(0, |(at, _)| at);
            return last..end;
        }
        self.at..self.at + rest.len()
    }

    /// Whether nothing is left.
    pub(crate) fn is_done(&self) -> bool {
        self.rest().is_empty()
    }

    /// Goes on to what follows spaces; whether there were any.
    pub(crate) fn skip_spaces(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let spaces = rest.len() - rest.trim_start().len();
        self.at += spaces;
        spaces > 0
    }

    /// Takes `literal` and the spaces after it, if it comes next.
    pub(crate) fn eat(&mut self, literal: &str) -> bool {
        let found = self.text[self.at..].starts_with(literal);
        if found {
            self.at += literal.len();
            self.skip_spaces();
        }
        found
    }

    /// The same for a word, which must end there.
    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        self.peek_word() == word && self.eat(word)
    }

    /// What comes next up to a space or comma; it may be empty.
    pub(crate) fn peek_word(&self) -> &'a str {
        let rest = self.rest();
        rest.find([' ', '\t', ',']).map_or(rest, |end| &rest[..end])
    }

    /// Bytes of [`Scan::peek_word`]; of what precedes if that is empty.
    pub(crate) fn word_at(&self) -> Range<usize> {
        let word = self.peek_word();
        if word.is_empty() { self.rest_at() } else { self.at..self.at + word.len() }
    }

    /// An error unless nothing is left.
    pub(crate) fn end(&self) -> Result<(), ParseError> {
        if self.is_done() {
            return Ok(());
        }
        Err(ParseError::new(self.rest_at(), format!("`{}` is too much here", self.rest())))
    }

    /// Takes digits with an optional decimal fraction, but no space.
    pub(crate) fn number(&mut self) -> Result<Number<'a>, ParseError> {
        let rest = &self.text[self.at..];
        let digits = |from: usize| {
            let tail = &rest[from..];
            tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_digit()).len()
        };
        let whole = digits(0);
        if whole == 0 {
            return Err(self.no_number());
        }
        let fraction = if rest[whole..].starts_with('.') { digits(whole + 1) } else { 0 };
        let len = if fraction == 0 { whole } else { whole + 1 + fraction };
        let number = Number { text: &rest[..len], at: self.at..self.at + len };
        self.at += len;
        Ok(number)
    }

    fn no_number(&self) -> ParseError {
        let word = self.peek_word();
        if word.is_empty() {
            return ParseError::new(self.rest_at(), "a number is missing");
        }
        let error = ParseError::new(self.word_at(), format!("`{word}` is not a number"));
        match word.as_bytes()[0] {
            b'-' => error.help("it cannot be negative"),
            b'.' => error.help(format!("write \"0{word}\"")),
            _ => error,
        }
    }

    /// Takes a duration and the spaces after it.
    pub(crate) fn duration(&mut self) -> Result<DurationText<'a>, ParseError> {
        if self.is_done() {
            return Err(ParseError::new(self.rest_at(), "a duration is missing"));
        }
        let number = self.number()?;
        let unit = self.unit(&number)?;
        let at = number.at.start..self.at;
        self.skip_spaces();
        Ok(DurationText { number, unit, at })
    }

    fn unit(&mut self, number: &Number<'a>) -> Result<Unit, ParseError> {
        let letters = |text: &'a str| {
            text.len() - text.trim_start_matches(|c: char| c.is_alphabetic() || c == '_').len()
        };
        let rest = self.rest();
        let mut from = self.at;
        let mut name = &rest[..letters(rest)];
        if name.is_empty() {
            // "2 parsecs" means a unit, "8 p99 40ms" does not.
            let word = rest.trim_start();
            name = &word[..letters(word)];
            from += rest.len() - word.len();
            let ends = word[name.len()..].chars().next().is_none_or(|c| c == ' ' || c == ',');
            if name.is_empty() || !ends {
                let n = number.text;
                return Err(ParseError::new(number.at.clone(), format!("`{n}` has no unit"))
                    .help(format!("write \"{n}ms\" or \"{n}s\"")));
            }
            if UNITS.iter().any(|unit| unit.name == name) {
                return Err(ParseError::new(self.at..from + name.len(), "a space before the unit")
                    .help(format!("write \"{}{name}\"", number.text)));
            }
        }
        if let Some(unit) = UNITS.iter().find(|unit| unit.name == name) {
            self.at = from + name.len();
            return Ok(*unit);
        }
        let error = ParseError::new(from..from + name.len(), format!("unknown unit `{name}`"));
        Err(error.help(match meant(name) {
            Some(unit) => format!("did you mean `{unit}`?"),
            None => "use one of ns, us, ms, s, m, h, d".to_owned(),
        }))
    }
}

/// The unit that other names stand for.
fn meant(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    Some(match lower.as_str() {
        "nanosecond" | "nanoseconds" | "nanos" | "nsec" => "ns",
        "µs" | "μs" | "microsecond" | "microseconds" | "micros" | "usec" => "us",
        "millisecond" | "milliseconds" | "millis" | "msec" | "msecs" => "ms",
        "second" | "seconds" | "sec" | "secs" => "s",
        "minute" | "minutes" | "min" | "mins" => "m",
        "hour" | "hours" | "hr" | "hrs" => "h",
        "day" | "days" => "d",
        // `M` may be a month or a million: no guess.
        lower if lower != "m" => UNITS.iter().find(|unit| unit.name == lower)?.name,
        _ => return None,
    })
}

impl Number<'_> {
    /// The number times 10^`power`, correctly rounded.
    pub(crate) fn scaled(&self, power: i32) -> f64 {
        // Digits, point and exponent always parse; too large a number becomes infinite.
        format!("{}e{power}", self.text).parse().unwrap_or(f64::INFINITY)
    }

    /// The number times `unit`, if that is whole and not beyond `u64`.
    fn whole(&self, unit: u64) -> Option<u128> {
        let (whole, fraction) = self.text.split_once('.').unwrap_or((self.text, ""));
        let fraction = fraction.trim_end_matches('0');
        let scale = 10_u128.checked_pow(fraction.len() as u32)?;
        let digits: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
        let part = digits.checked_mul(u128::from(unit))?;
        let whole: u128 = whole.parse().ok()?;
        (part % scale == 0).then_some(whole.checked_mul(u128::from(unit))? + part / scale)
    }
}

impl DurationText<'_> {
    /// In whole nanoseconds, exactly.
    ///
    /// # Errors
    /// If it is not whole, or longer than `u64` nanoseconds (584 years).
    pub(crate) fn exact(&self) -> Result<SimDuration, ParseError> {
        self.ns()?;
        match self.number.whole(self.unit.ns) {
            Some(ns) => {
                u64::try_from(ns).map(SimDuration::from_ns).map_err(|_| self.error(TOO_LONG))
            }
            None => Err(self.error("finer than a nanosecond")),
        }
    }

    /// In nanoseconds, to the nearest `f64`.
    ///
    /// # Errors
    /// If it is longer than `u64` nanoseconds (584 years).
    pub(crate) fn ns(&self) -> Result<f64, ParseError> {
        let ns = match self.number.whole(self.unit.ns) {
            Some(ns) => ns as f64,
            None => match self.unit.name {
                "s" => self.number.scaled(9),
                "ms" => self.number.scaled(6),
                "us" => self.number.scaled(3),
                _ => self.number.scaled(0) * self.unit.ns as f64,
            },
        };
        if ns > u64::MAX as f64 { Err(self.error(TOO_LONG)) } else { Ok(ns) }
    }

    fn error(&self, message: &str) -> ParseError {
        ParseError::new(self.at.clone(), message)
    }
}

const TOO_LONG: &str = "longer than 584 years, the longest time there is";
