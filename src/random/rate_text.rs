//! Rates from and to text: `100/s`, `every 10ms`, `every ~10ms`, steps `0s 100/s` and `10m 500/s`,
//! `cycle 120/s ~500ms, 30/s ~1s`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::Variate;
use super::rate::{Frequency, Individuals, Instants, Per, Rate, State, Step};
use super::variate_text::{Loader, file, no_files, variate};
use crate::units::{ParseError, Scan, SimDuration, SimTime, decimal, duration_text};

const FORMS: &str = "write \"100/s\", \"6/m\", \"every 10ms\", \"every ~10ms\", \
    [\"0s 100/s\", \"10m 500/s\"] or \"cycle 120/s ~500ms, 30/s ~1s\"";

/// Time has whole nanoseconds, so more arrivals per second would fall on one instant.
const MOST_PER_S: f64 = 1e9;

impl Rate {
    /// Reads a rate; `load` gets the durations of the file that a distribution may name.
    ///
    /// # Errors
    /// If the text is no rate, or one that never ends within an instant.
    pub fn parse(
        text: &str,
        load: &mut dyn FnMut(&str) -> Result<Vec<SimDuration>, String>,
    ) -> Result<Self, ParseError> {
        let mut scan = Scan::new(text);
        let rate = match scan.peek_word() {
            "" => {
                return Err(ParseError::new(0..text.len(), "a rate is missing").help(FORMS));
            }
            "every" => every(&mut scan, load)?,
            "cycle" => cycle(&mut scan, load)?,
            "trace" => trace(&mut scan, load)?,
            _ => Self::Poisson(frequency(&mut scan)?),
        };
        let rate = if scan.peek_word() == "per" { per(&mut scan, &rate)? } else { rate };
        scan.end()?;
        Ok(rate)
    }

    /// Reads the steps of a rate, each an instant and the rate from then on: `"0s 100/s"`, `"10m
    /// 500/s"`.
    ///
    /// # Errors
    /// The index of the element that is wrong, and what is wrong with it; 0 if there is none.
    pub fn parse_steps(texts: &[&str]) -> Result<Self, (usize, ParseError)> {
        if texts.is_empty() {
            return Err((0, ParseError::new(0..0, "a step is missing").help(FORMS)));
        }
        let mut steps: Vec<Step> = Vec::with_capacity(texts.len());
        for (i, text) in texts.iter().enumerate() {
            steps.push(step(text, steps.last()).map_err(|error| (i, error))?);
        }
        Ok(Self::Steps(steps.into()))
    }
}

fn step(text: &str, before: Option<&Step>) -> Result<Step, ParseError> {
    let mut scan = Scan::new(text);
    if scan.peek_word().contains('/') {
        return Err(ParseError::new(scan.word_at(), "the instant of the step is missing")
            .help(format!("write \"0s {}\"", scan.peek_word())));
    }
    let start = scan.duration()?;
    let from = SimTime::ZERO + start.exact()?;
    if before.is_some_and(|before| before.from >= from) {
        return Err(ParseError::new(start.at, "a step must begin after the one before it"));
    }
    let rate = frequency(&mut scan)?;
    scan.end()?;
    Ok(Step { from, rate })
}

/// Takes `100/s` and the spaces after it.
fn frequency(scan: &mut Scan) -> Result<Frequency, ParseError> {
    let word = scan.peek_word();
    let at = scan.word_at();
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        let message = match word {
            "" => "a rate is missing".to_owned(),
            _ => format!("`{word}` is not a rate"),
        };
        return Err(ParseError::new(at, message).help(FORMS));
    }
    let number = scan.number()?;
    if !scan.eat("/") {
        let unit = &word[number.text.len()..];
        if unit.is_empty() {
            return Err(ParseError::new(at, format!("`{word}` has no unit"))
                .help(format!("write \"{word}/s\" or \"{word}/m\"")));
        }
        let help = match word.parse::<SimDuration>() {
            Ok(interval) => format!("write \"every {interval}\" or \"100/s\""),
            Err(_) => FORMS.to_owned(),
        };
        return Err(ParseError::new(at, format!("`{word}` is not a rate")).help(help));
    }
    let name = scan.peek_word();
    if name.is_empty() {
        return Err(
            ParseError::new(scan.word_at(), "the unit is missing").help("a rate is per s, m or h")
        );
    }
    let at = number.at.start..scan.word_at().end;
    let Some(per) = Per::ALL.into_iter().find(|per| per.name() == name) else {
        return Err(ParseError::new(scan.word_at(), format!("unknown unit `{name}`"))
            .help("a rate is per s, m or h"));
    };
    scan.eat(name);
    let rate = Frequency { count: number.scaled(0), per };
    if rate.per_s() > MOST_PER_S {
        return Err(ParseError::new(at, "more than one per nanosecond"));
    }
    Ok(rate)
}

fn every(scan: &mut Scan, load: &mut Loader) -> Result<Rate, ParseError> {
    let word = scan.word_at();
    scan.eat_word("every");
    if scan.is_done() {
        return Err(ParseError::new(word, "the interval is missing").help("write \"every 10ms\""));
    }
    let start = scan.at();
    let gap = variate(scan, load)?;
    if gap.mean_ns() < 1.0 {
        return Err(ParseError::new(start..scan.at(), "the interval must be at least 1ns"));
    }
    Ok(match gap {
        Variate::Constant { ns, .. } => Rate::Periodic { interval_ns: ns },
        gap => Rate::Gaps(gap),
    })
}

/// The instants of a file, which must ascend.
fn trace(scan: &mut Scan, load: &mut Loader) -> Result<Rate, ParseError> {
    let start = scan.at();
    let (path, since_start) = file(scan, "trace", load)?;
    let at: Box<[SimTime]> = since_start.into_iter().map(|since| SimTime::ZERO + since).collect();
    if let Some(i) = at.windows(2).position(|pair| pair[0] > pair[1]) {
        let message = format!("instant {} of the file is before the one above it", i + 2);
        return Err(ParseError::new(start..scan.at(), message)
            .help("instants stand in order, each counted from the start of the run"));
    }
    Ok(Rate::Trace(Arc::new(Instants { at, path })))
}

/// Takes `per driver` behind a fixed interval.
fn per(scan: &mut Scan, rate: &Rate) -> Result<Rate, ParseError> {
    let at = scan.rest_at();
    scan.eat_word("per");
    let of = scan.peek_word();
    let help = "write \"every 4s per driver\"";
    if of.is_empty() {
        return Err(ParseError::new(at, "the entity is missing").help(help));
    }
    scan.eat(of);
    let Rate::Periodic { interval_ns } = rate else {
        return Err(
            ParseError::new(at, "only a fixed interval can hold for each individual").help(help)
        );
    };
    Ok(Rate::Each(Individuals { interval_ns: *interval_ns, of: of.into(), count: 1 }))
}

fn cycle(scan: &mut Scan, load: &mut Loader) -> Result<Rate, ParseError> {
    scan.eat_word("cycle");
    let start = scan.at();
    let mut states = Vec::new();
    loop {
        let rate = frequency(scan)?;
        let begin = scan.at();
        if scan.is_done() {
            return Err(ParseError::new(scan.rest_at(), "the length of the state is missing")
                .help("write \"cycle 120/s ~500ms, 30/s ~1s\""));
        }
        let lasts = variate(scan, load)?;
        if lasts.mean_ns().is_infinite() {
            return Err(ParseError::new(begin..scan.at(), "a state of infinite mean length"));
        }
        states.push(State { rate, lasts });
        if !scan.eat(",") {
            break;
        }
    }
    if states.iter().all(|state| state.rate.per_s() == 0.0 || state.lasts.is_zero()) {
        return Err(ParseError::new(start..scan.at(), "a cycle without arrivals"));
    }
    Ok(Rate::Cycle(states.into()))
}

impl FromStr for Rate {
    type Err = ParseError;

    /// Like [`Rate::parse`], where files cannot be read.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text, &mut no_files)
    }
}

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", decimal(self.count, 0), self.per.name())
    }
}

impl fmt::Display for Rate {
    /// The text, for steps the list of texts, that reads back as the same rate.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poisson(frequency) => write!(f, "{frequency}"),
            Self::Periodic { interval_ns } => write!(f, "every {}", duration_text(*interval_ns)),
            Self::Gaps(gap) => write!(f, "every {gap}"),
            Self::Steps(steps) => {
                f.write_str("[")?;
                for (i, step) in steps.iter().enumerate() {
                    let before = if i == 0 { "" } else { ", " };
                    write!(f, "{before}\"{} {}\"", step.from, step.rate)?;
                }
                f.write_str("]")
            }
            Self::Cycle(states) => {
                for (i, state) in states.iter().enumerate() {
                    let before = if i == 0 { "cycle" } else { "," };
                    write!(f, "{before} {} {}", state.rate, state.lasts)?;
                }
                Ok(())
            }
            Self::Trace(trace) => write!(f, "trace {}", trace.path),
            Self::Each(each) => {
                write!(f, "every {} per {}", duration_text(each.interval_ns), each.of)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::fault;
    use super::*;

    #[test]
    fn texts_read_back() {
        for text in [
            "100/s",
            "6/m",
            "1/h",
            "0.02/s",
            "0/s",
            "1000000000/s",
            "every 10ms",
            "every 3.33333333ms",
            "every ~10ms",
            "every 0s..26.6666667ms",
            "every 8ms p99 40ms",
            "cycle 120/s ~500ms, 30/s ~1s",
            "cycle 5/s 1m, 0/s 1m",
            "every 4s per driver",
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(rate.to_string(), text);
            assert_eq!(rate.to_string().parse(), Ok(rate));
        }
        let steps = Rate::parse_steps(&["0s 100/s", "600s 500/s", "20m 0/s"]).unwrap();
        assert_eq!(steps.to_string(), r#"["0s 100/s", "10m 500/s", "20m 0/s"]"#);
    }

    #[test]
    fn faults_are_pointed_at() {
        let wrong = [
            "",
            "100",
            "100/",
            "100/d",
            "100/sec",
            "100 /s",
            "-5/s",
            "5ms",
            "10MB/s",
            "2000000000/s",
            "fast",
            "/s",
            "100/s twice",
            "every",
            "every 10",
            "every 0s",
            "every ~0.1ns",
            "every 4s per",
            "every 4s per driver twice",
            "every ~4s per driver",
            "6/m per driver",
            "every mix 50% 1ms, 40% 2ms",
            "cycle",
            "cycle 120/s",
            "cycle 120/s 5",
            "cycle 0/s 1s",
            "cycle 5/s 0s, 0/s 1s",
            "cycle 1/s 1s,",
            "cycle 1/s pareto 1s 1",
            "trace lat.csv",
            "every file lat.csv",
        ];
        let faults: Vec<String> =
            wrong.iter().map(|text| fault(text, text.parse::<Rate>())).collect();
        let faults = faults.join("\n").replace(FORMS, "FORMS");
        insta::assert_snapshot!(faults, @r#"
        []: a rate is missing; FORMS
        [100]: `100` has no unit; write "100/s" or "100/m"
        100[/]: the unit is missing; a rate is per s, m or h
        100/[d]: unknown unit `d`; a rate is per s, m or h
        100/[sec]: unknown unit `sec`; a rate is per s, m or h
        [100] /s: `100` has no unit; write "100/s" or "100/m"
        [-5/s]: `-5/s` is not a rate; FORMS
        [5ms]: `5ms` is not a rate; write "every 5ms" or "100/s"
        [10MB/s]: `10MB/s` is not a rate; FORMS
        [2000000000/s]: more than one per nanosecond
        [fast]: `fast` is not a rate; FORMS
        [/s]: `/s` is not a rate; FORMS
        100/s [twice]: `twice` is too much here
        [every]: the interval is missing; write "every 10ms"
        every [10]: `10` has no unit; write "10ms" or "10s"
        every [0s]: the interval must be at least 1ns
        every [~0.1ns]: the interval must be at least 1ns
        every 4s [per]: the entity is missing; write "every 4s per driver"
        every 4s per driver [twice]: `twice` is too much here
        every ~4s [per driver]: only a fixed interval can hold for each individual; write "every 4s per driver"
        6/m [per driver]: only a fixed interval can hold for each individual; write "every 4s per driver"
        every mix [50% 1ms, 40% 2ms]: the shares add up to 90%, not 100%
        cycl[e]: a rate is missing; FORMS
        cycle 120/[s]: the length of the state is missing; write "cycle 120/s ~500ms, 30/s ~1s"
        cycle 120/s [5]: `5` has no unit; write "5ms" or "5s"
        cycle [0/s 1s]: a cycle without arrivals
        cycle [5/s 0s, 0/s 1s]: a cycle without arrivals
        cycle 1/s 1s[,]: a rate is missing; FORMS
        cycle 1/s [pareto 1s 1]: a state of infinite mean length
        trace [lat.csv]: no file can be read here
        every file [lat.csv]: no file can be read here
        "#);
    }

    #[test]
    fn instants_are_read_from_a_file_if_they_ascend() {
        let mut load = |path: &str| {
            let ms: &[u64] = if path == "up.csv" { &[1, 5, 5] } else { &[1, 5, 4] };
            Ok(ms.iter().map(|ms| SimDuration::from_ms(*ms)).collect())
        };
        let rate = Rate::parse("trace up.csv", &mut load).unwrap();
        assert_eq!(rate.to_string(), "trace up.csv");
        assert_eq!(rate.peak_per_s(), 600.0);
        assert_eq!(rate.mean_per_s(SimTime::ZERO, SimTime::from_ns(10_000_000)), 300.0);
        let error = Rate::parse("trace down.csv", &mut load).unwrap_err();
        assert_eq!(error.message, "instant 3 of the file is before the one above it");
    }

    #[test]
    fn faults_of_steps_are_pointed_at() {
        let wrong: [&[&str]; 8] = [
            &[],
            &["0s 100/s", "10 500/s"],
            &["0s 100/s", "0s 500/s"],
            &["10s 100/s", "5s 500/s"],
            &["100/s"],
            &["0s"],
            &["0s 100/s", "1m 5ms"],
            &["0s 100/s now"],
        ];
        let faults: Vec<String> = wrong
            .iter()
            .map(|texts| {
                let (i, error) = Rate::parse_steps(texts).unwrap_err();
                format!("{i}: {}", fault::<Rate>(texts.get(i).unwrap_or(&""), Err(error)))
            })
            .collect();
        let faults = faults.join("\n").replace(FORMS, "FORMS");
        insta::assert_snapshot!(faults, @r#"
        0: []: a step is missing; FORMS
        1: [10] 500/s: `10` has no unit; write "10ms" or "10s"
        1: [0s] 500/s: a step must begin after the one before it
        1: [5s] 500/s: a step must begin after the one before it
        0: [100/s]: the instant of the step is missing; write "0s 100/s"
        0: 0[s]: a rate is missing; FORMS
        1: 1m [5ms]: `5ms` is not a rate; write "every 5ms" or "100/s"
        0: 0s 100/s [now]: `now` is too much here
        "#);
    }

    proptest! {
        #[test]
        fn every_frequency_reads_back(count in 0.0..1e9_f64, per in 0_usize..3) {
            let rate = Rate::Poisson(Frequency { count, per: Per::ALL[per] });
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        }

        #[test]
        fn no_text_is_too_strange(text in "(every |cycle )?[0-9msp/%+., µ~]{0,16}") {
            if let Err(error) = text.parse::<Rate>() {
                prop_assert!(text.get(error.at.clone()).is_some(), "{:?} of {:?}", error, text);
            }
        }
    }
}
