//! Quantities from and to text.

use std::fmt;
use std::str::FromStr;

use super::scan::{Scan, UNITS};
use super::{ParseError, Probability, SimDuration, SimTime};

impl FromStr for SimDuration {
    type Err = ParseError;

    /// Reads `"5ms"`, `"1.5s"`, `"7d"`: digits, an optional decimal fraction, one of ns us ms s m h
    /// d.
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
    /// The shortest text that reads back: `"1.5s"`, `"250us"`, `"90m"`. Whole numbers of days,
    /// hours and minutes, decimals of the others; never less than 1 of a unit; the longer unit
    /// where two texts are equally long.
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
        if self.is_done() {
            return Err(
                ParseError::new(self.rest_at(), "a probability is missing").help("write \"2%\"")
            );
        }
        let number = self.number()?;
        if !self.eat("%") {
            let n = number.text;
            let percent = number.scaled(2);
            let help = if percent <= 100.0 {
                format!("write \"{}%\", or \"{n}%\" if that is meant", decimal(percent, 0))
            } else if percent <= 10_000.0 {
                format!("write \"{n}%\"")
            } else {
                "write \"0%\" to \"100%\"".to_owned()
            };
            return Err(ParseError::new(number.at, format!("`{n}` has no percent sign")).help(help));
        }
        let at = number.at.start..number.at.end + 1;
        Probability::new(number.scaled(-2))
            .ok_or_else(|| ParseError::new(at, "a probability is at most 100%"))
    }
}

/// `number` times 10^`power` in digits, without exponent, such that reading and dividing gives
/// `number` again.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The wrong part of the text in brackets, the message and the help.
    fn fault<T: FromStr<Err = ParseError>>(text: &str) -> String {
        let Err(error) = text.parse::<T>() else { return "no error".to_owned() };
        let (before, rest) = text.split_at(error.at.start);
        let (wrong, after) = rest.split_at(error.at.len());
        let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
        format!("{before}[{wrong}]{after}: {}{help}", error.message)
    }

    #[test]
    fn durations_are_read_exactly() {
        let ns = |text: &str| text.parse::<SimDuration>().unwrap().ns();
        assert_eq!(ns("5ms"), 5_000_000);
        assert_eq!(ns("1.5s"), 1_500_000_000);
        assert_eq!(ns("250us"), 250_000);
        assert_eq!(ns("2m"), 120_000_000_000);
        assert_eq!(ns("1h"), 3_600_000_000_000);
        assert_eq!(ns("7d"), 604_800_000_000_000);
        assert_eq!(ns("0s"), 0);
        assert_eq!(ns(" 0.1m "), 6_000_000_000);
        assert_eq!(ns("0.000000001s"), 1);
        assert_eq!(ns("1.10000000000000000000000000000000000000000000s"), 1_100_000_000);
        assert_eq!(ns("18446744073709551615ns"), u64::MAX);
        assert_eq!(ns("18446744073.709551615s"), u64::MAX);
        assert_eq!("90s".parse(), Ok(SimTime::from_ns(90_000_000_000)));
    }

    #[test]
    fn a_wrong_duration_is_pointed_at() {
        let wrong = [
            "",
            "5",
            "1.5",
            "2 parsecs",
            "5 ms",
            "5 msec",
            "5MS",
            "7µs",
            "3 fortnights",
            "ms",
            "-5ms",
            ".5s",
            "5ms later",
            "5ms2",
            "5.ms",
            "0.5ns",
            "1.0000000001s",
            "18446744073709551616ns",
            "999999999999999999999999999999999999999999d",
            "213504d",
            "1e3s",
            "5M",
        ];
        let faults: Vec<String> = wrong.iter().map(|text| fault::<SimDuration>(text)).collect();
        insta::assert_snapshot!(faults.join("\n"), @r#"
        []: a duration is missing; write "5ms" or "5s"
        [5]: `5` has no unit; write "5ms" or "5s"
        [1.5]: `1.5` has no unit; write "1.5ms" or "1.5s"
        2 [parsecs]: unknown unit `parsecs`; use one of ns, us, ms, s, m, h, d
        5[ ms]: a space before the unit; write "5ms"
        5 [msec]: unknown unit `msec`; did you mean `ms`?
        5[MS]: unknown unit `MS`; did you mean `ms`?
        7[µs]: unknown unit `µs`; did you mean `us`?
        3 [fortnights]: unknown unit `fortnights`; use one of ns, us, ms, s, m, h, d
        [ms]: `ms` is not a number
        [-5ms]: `-5ms` is not a number; it cannot be negative
        [.5s]: `.5s` is not a number; write "0.5s"
        5ms [later]: `later` is too much here
        5ms[2]: `2` is too much here
        [5].ms: `5` has no unit; write "5ms" or "5s"
        [0.5ns]: finer than a nanosecond
        [1.0000000001s]: finer than a nanosecond
        [18446744073709551616ns]: longer than 584 years, the longest time there is
        [999999999999999999999999999999999999999999d]: longer than 584 years, the longest time there is
        [213504d]: longer than 584 years, the longest time there is
        1[e]3s: unknown unit `e`; use one of ns, us, ms, s, m, h, d
        5[M]: unknown unit `M`; use one of ns, us, ms, s, m, h, d
        "#);
    }

    #[test]
    fn a_wrong_probability_is_pointed_at() {
        let wrong =
            ["", "0.02", "2", "101%", "100.0000001%", "-1%", "half", "2% or so", "2 %", "200"];
        let faults: Vec<String> = wrong.iter().map(|text| fault::<Probability>(text)).collect();
        insta::assert_snapshot!(faults.join("\n"), @r#"
        []: a probability is missing; write "2%"
        [0.02]: `0.02` has no percent sign; write "2%", or "0.02%" if that is meant
        [2]: `2` has no percent sign; write "2%"
        [101%]: a probability is at most 100%
        [100.0000001%]: a probability is at most 100%
        [-1%]: `-1%` is not a number; it cannot be negative
        [half]: `half` is not a number
        2% [or so]: `or so` is too much here
        [2] %: `2` has no percent sign; write "2%"
        [200]: `200` has no percent sign; write "0%" to "100%"
        "#);
    }

    #[test]
    fn durations_are_printed_short() {
        let texts = [
            "0s",
            "1ns",
            "999ns",
            "1.5us",
            "250us",
            "100ms",
            "1.5s",
            "1.001s",
            "90s",
            "1m",
            "90m",
            "36h",
            "7d",
            "1h",
            "61m",
            "10m",
            "18446744073.709551615s",
        ];
        for text in texts {
            assert_eq!(text.parse::<SimDuration>().unwrap().to_string(), text);
        }
        assert_eq!(SimDuration::from_secs(60).to_string(), "1m");
        assert_eq!(SimDuration::from_ms(1500).to_string(), "1.5s");
        assert_eq!(
            format!("{:>6}|{:<6}|", SimDuration::from_ms(5), SimTime::ZERO),
            "   5ms|0s    |"
        );
    }

    #[test]
    fn probabilities_are_read_and_printed() {
        for (text, p) in
            [("2%", 0.02), ("0.1%", 0.001), ("0%", 0.0), ("100%", 1.0), ("99.999%", 0.99999)]
        {
            let probability: Probability = text.parse().unwrap();
            assert_eq!(probability.get(), p);
            assert_eq!(probability.to_string(), text);
        }
        assert_eq!(Probability::new(1e-9).unwrap().to_string(), "0.0000001%");
        assert_eq!(Probability::new(1.0 / 3.0).unwrap().to_string(), "33.33333333333333%");
    }

    #[test]
    fn durations_that_are_not_whole_are_printed_with_their_fraction() {
        assert_eq!(duration_text(3_333_333.33), "3.33333333ms");
        assert_eq!(duration_text(0.25), "0.25ns");
        assert_eq!(duration_text(120e9), "2m");
        assert_eq!(duration_text(1e300), format!("1{}s", "0".repeat(291)));
    }

    proptest! {
        #[test]
        fn every_duration_reads_back(ns: u64) {
            let duration = SimDuration::from_ns(ns);
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }

        #[test]
        fn every_round_duration_reads_back(n in 0_u64..10_000, unit in 0_usize..7) {
            let duration = SimDuration::from_ns(n * UNITS[unit].ns);
            let text = duration.to_string();
            prop_assert_eq!(text.parse(), Ok(duration));
            let as_given = format!("{n}{}", UNITS[unit].name);
            prop_assert!(text.len() <= as_given.len(), "{} for {}", text, as_given);
        }

        #[test]
        fn every_probability_reads_back(p in 0.0..=1.0_f64) {
            let probability = Probability::new(p).unwrap();
            prop_assert_eq!(probability.to_string().parse(), Ok(probability));
        }

        #[test]
        fn every_length_reads_back(ns in 0.0..1e19_f64) {
            let text = duration_text(ns);
            prop_assert_eq!(Scan::new(&text).duration().unwrap().ns(), Ok(ns), "{}", text);
        }

        #[test]
        fn no_text_is_too_strange(text in "[ -~µ]{0,12}") {
            for error in [text.parse::<SimDuration>().err(), text.parse::<Probability>().err()] {
                let Some(error) = error else { continue };
                prop_assert!(text.get(error.at.clone()).is_some(), "{:?} of {:?}", error, text);
            }
        }
    }
}
