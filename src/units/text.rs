//! Quantities from and to text.

use std::fmt;
use std::str::FromStr;

use super::scan::{Scan, UNITS};
use super::{ParseError, Probability, SimDuration, SimTime};

impl FromStr for SimDuration {
    type Err = ParseError;

    /// Reads `"5ms"`, `"1.5s"`, `"7d"`: digits, an optional decimal fraction, one of ns us ms s m h d.
    ///
    /// # Errors
    /// If the text is something else, finer than a nanosecond or longer than `u64` nanoseconds.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut scan = Scan::new(text);
        if scan.is_done() {
            return Err(ParseError::new(0..text.len(), "a duration is missing")
                .help("write \"5ms\" or \"5s\""));
        }
        let duration = scan.duration()?;
        scan.end()?;
        duration.exact()
    }
}

impl fmt::Display for SimDuration {
    /// The shortest text that reads back: `"1.5s"`, `"250us"`, `"90m"`. Whole numbers of days, hours and minutes,
    /// decimals of the others; never less than 1 of a unit; the longer unit where two texts are equally long.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ns() == 0 {
            return f.pad("0s");
        }
        let shortest = UNITS
            .iter()
            .filter(|unit| self.ns() >= unit.ns)
            .filter_map(|unit| {
                let (whole, part) = (self.ns() / unit.ns, self.ns() % unit.ns);
                if part == 0 {
                    return Some(format!("{whole}{}", unit.name));
                }
                let digits = unit.ns.ilog10() as usize;
                let decimals = format!("{part:0digits$}");
                let decimal = 10_u64.pow(unit.ns.ilog10()) == unit.ns;
                decimal.then(|| format!("{whole}.{}{}", decimals.trim_end_matches('0'), unit.name))
            })
            .min_by_key(String::len);
        f.pad(&shortest.unwrap_or_default())
    }
}

impl FromStr for SimTime {
    type Err = ParseError;

    /// Reads the time since the start like a [`SimDuration`].
    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse().map(|since_start: SimDuration| Self::from_ns(since_start.ns()))
    }
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SimDuration::from_ns(self.ns()).fmt(f)
    }
}

impl FromStr for Probability {
    type Err = ParseError;

    /// Reads `"2%"`, `"0.1%"`: 0 to 100 with a percent sign.
    ///
    /// # Errors
    /// If the text is something else or more than 100 %.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut scan = Scan::new(text);
        if scan.is_done() {
            return Err(
                ParseError::new(0..text.len(), "a probability is missing").help("write \"2%\"")
            );
        }
        let probability = scan.probability()?;
        scan.end()?;
        Ok(probability)
    }
}

impl fmt::Display for Probability {
    /// In percent, with as many digits as it takes to read the same back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}%", decimal(self.get(), 2)))
    }
}

impl Scan<'_> {
    /// Takes `2%` and the spaces after it.
    pub(crate) fn probability(&mut self) -> Result<Probability, ParseError> {
        let number = self.number()?;
        if !self.eat("%") {
            let n = number.text;
            let percent = number.scaled(2);
            let help = if percent <= 100.0 {
                format!("write \"{}%\", or \"{n}%\" if that is meant", decimal(percent, 0))
            } else {
                format!("write \"{n}%\"")
            };
            return Err(ParseError::new(number.at, format!("`{n}` has no percent sign")).help(help));
        }
        let at = number.at.start..number.at.end + 1;
        Probability::new(number.scaled(-2))
            .ok_or_else(|| ParseError::new(at, "a probability is at most 100%"))
    }
}

/// `number` times 10^`power` in digits, without exponent, such that reading and dividing gives `number` again.
pub(crate) fn decimal(number: f64, power: i32) -> String {
    let text = format!("{number:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if digits == "0" {
        return digits;
    }
    // Digits before the decimal point.
    let point = exponent.parse::<i32>().unwrap_or(0) + power + 1;
    if point <= 0 {
        return format!("0.{}{digits}", "0".repeat(point.unsigned_abs() as usize));
    }
    let point = point as usize;
    if point >= digits.len() {
        return format!("{digits}{}", "0".repeat(point - digits.len()));
    }
    format!("{}.{}", &digits[..point], &digits[point..])
}

/// A duration of `ns` nanoseconds, not necessarily whole, such that it reads back as the same.
pub(crate) fn duration_text(ns: f64) -> String {
    if ns == libm::trunc(ns) && ns < u64::MAX as f64 {
        return SimDuration::from_ns(ns as u64).to_string();
    }
    let (power, unit) = match ns {
        1e9.. => (-9, "s"),
        1e6.. => (-6, "ms"),
        1e3.. => (-3, "us"),
        _ => (0, "ns"),
    };
    format!("{}{unit}", decimal(ns, power))
}
