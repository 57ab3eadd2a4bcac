//! Distributions from and to text: `8ms`, `~8ms`, `5ms..12ms`, `8ms p99 40ms`, `12ms + 4ms p99
//! 90ms`, `normal 8ms 2ms`, `pareto 5ms 1.5`, `mix 95% 5ms, 5% 200ms`, `file lat.csv`.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use super::Variate;
use super::shapes::{Empirical, LogNormal, Normal, Pareto};
use super::variate::{Mix, Trace, nearest};
use crate::units::{DurationText, ParseError, Scan, SimDuration, decimal, duration_text};

/// Gets the durations that a file holds, or says why not.
pub(super) type Loader<'a> = dyn FnMut(&str) -> Result<Vec<SimDuration>, String> + 'a;

const FORMS: &str = "write \"8ms\", \"~8ms\", \"5ms..12ms\", \"8ms p99 40ms\", \
    \"12ms + 4ms p99 90ms\", \"normal 8ms 2ms\", \"pareto 5ms 1.5\", \"mix 95% 5ms, 5% 200ms\" \
    or \"file lat.csv\"";

/// Shares of a mix may miss 100 % by this, so that thirds can be written down.
const SHARES_MISS: f64 = 1e-6;

impl Variate {
    /// Reads a distribution; `load` gets the durations of the file that `file` names.
    ///
    /// # Errors
    /// If the text is no distribution, if its numbers make none, or if `load` refuses.
    pub fn parse(
        text: &str,
        load: &mut dyn FnMut(&str) -> Result<Vec<SimDuration>, String>,
    ) -> Result<Self, ParseError> {
        let mut scan = Scan::new(text);
        if scan.is_done() {
            return Err(ParseError::new(0..text.len(), "a duration is missing").help(FORMS));
        }
        let variate = variate(&mut scan, load)?;
        scan.end()?;
        Ok(variate)
    }
}

/// Where no file can be read.
pub(super) fn no_files(_: &str) -> Result<Vec<SimDuration>, String> {
    Err("no file can be read here".to_owned())
}

impl FromStr for Variate {
    type Err = ParseError;

    /// Like [`Variate::parse`], where files cannot be read.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text, &mut no_files)
    }
}

/// Takes one distribution and the spaces after it.
pub(super) fn variate(scan: &mut Scan, load: &mut Loader) -> Result<Variate, ParseError> {
    if scan.eat("~") {
        return Ok(Variate::Exponential { mean_ns: scan.duration()?.ns()? });
    }
    let at = scan.word_at();
    match scan.peek_word() {
        "normal" => normal(scan),
        "pareto" => pareto(scan),
        "mix" => mix(scan, load),
        "file" => {
            let (path, values) = file(scan, "file", load)?;
            Ok(Variate::Empirical(Arc::new(sorted(path, &values))))
        }
        "trace" => {
            let (path, values) = file(scan, "trace", load)?;
            let sorted = sorted(path, &values);
            Ok(Variate::Trace(Arc::new(Trace { values: values.into(), sorted })))
        }
        word if word.starts_with(char::is_alphabetic) => {
            Err(ParseError::new(at, format!("`{word}` is not a distribution")).help(FORMS))
        }
        _ => plain(scan),
    }
}

/// What begins with a duration.
fn plain(scan: &mut Scan) -> Result<Variate, ParseError> {
    let first = scan.duration()?;
    if scan.eat("..") {
        return uniform(&first, &scan.duration()?);
    }
    if scan.eat("+") {
        let median = scan.duration()?;
        if !scan.eat_word("p99") {
            return Err(ParseError::new(scan.word_at(), "the p99 is missing")
                .help("write \"12ms + 4ms p99 90ms\""));
        }
        return log_normal(first.ns()?, &median, &scan.duration()?);
    }
    if scan.eat_word("p99") {
        return log_normal(0.0, &first, &scan.duration()?);
    }
    let ns = first.ns()?;
    Ok(Variate::Constant { ns, whole: first.exact().unwrap_or_else(|_| nearest(ns)) })
}

fn uniform(low: &DurationText, high: &DurationText) -> Result<Variate, ParseError> {
    let (low_ns, high_ns) = (low.ns()?, high.ns()?);
    if low_ns > high_ns {
        return Err(ParseError::new(
            low.at.start..high.at.end,
            "the lower end is above the upper end",
        ));
    }
    Ok(Variate::Uniform { low_ns, high_ns })
}

fn log_normal(
    shift: f64,
    median: &DurationText,
    p99: &DurationText,
) -> Result<Variate, ParseError> {
    let (median_ns, p99_ns) = (median.ns()?, p99.ns()?);
    if median_ns == 0.0 {
        return Err(ParseError::new(median.at.clone(), "the median must be above 0"));
    }
    if p99_ns < median_ns {
        return Err(ParseError::new(p99.at.clone(), "the p99 is below the median"));
    }
    Ok(Variate::LogNormal(LogNormal::new(shift, median_ns, p99_ns)))
}

fn normal(scan: &mut Scan) -> Result<Variate, ParseError> {
    scan.eat_word("normal");
    let mean = scan.duration()?.ns()?;
    let sd = scan.duration()?.ns()?;
    Ok(Variate::Normal(Normal::new(mean, sd)))
}

fn pareto(scan: &mut Scan) -> Result<Variate, ParseError> {
    scan.eat_word("pareto");
    let scale = scan.duration()?;
    if scale.ns()? == 0.0 {
        return Err(ParseError::new(scale.at, "the smallest value must be above 0"));
    }
    let number = scan.number()?;
    scan.skip_spaces();
    let shape = number.scaled(0);
    if shape == 0.0 || shape.is_infinite() {
        return Err(ParseError::new(number.at, "the shape must be a number above 0"));
    }
    Ok(Variate::Pareto(Pareto { scale: scale.ns()?, shape }))
}

fn mix(scan: &mut Scan, load: &mut Loader) -> Result<Variate, ParseError> {
    scan.eat_word("mix");
    let start = scan.at();
    let mut parts = Vec::new();
    loop {
        let share = scan.probability()?;
        if scan.peek_word() == "mix" {
            return Err(ParseError::new(scan.word_at(), "a mix within a mix")
                .help("write one mix with all parts"));
        }
        if scan.peek_word() == "trace" {
            return Err(ParseError::new(scan.word_at(), "a trace within a mix has no order")
                .help("write \"file ...\" to draw from the same values"));
        }
        parts.push((share.get(), variate(scan, load)?));
        if !scan.eat(",") {
            break;
        }
    }
    let total: f64 = parts.iter().map(|(share, _)| share).sum();
    if (total - 1.0).abs() > SHARES_MISS {
        let message = format!("the shares add up to {}%, not 100%", tidy_percent(total));
        return Err(ParseError::new(start..scan.at(), message));
    }
    Ok(Variate::Mix(Mix::new(parts)))
}

/// A sum of shares in percent without the dust of floating point.
fn tidy_percent(share: f64) -> String {
    decimal((share * 1e10).round() / 1e10, 2)
}

/// Takes `file lat.csv` or `trace lat.csv`: the name of the file, and what it holds.
pub(super) fn file(
    scan: &mut Scan,
    verb: &str,
    load: &mut Loader,
) -> Result<(String, Vec<SimDuration>), ParseError> {
    let word = scan.word_at();
    scan.eat_word(verb);
    let rest = scan.rest();
    let path = rest.split(',').next().unwrap_or_default().trim_end();
    let at = scan.at()..scan.at() + path.len();
    if path.is_empty() {
        return Err(ParseError::new(word, "the name of the file is missing")
            .help(format!("write \"{verb} lat.csv\"")));
    }
    scan.eat(path);
    let values = load(path).map_err(|reason| ParseError::new(at.clone(), reason))?;
    check_count(values.len(), &at)?;
    Ok((path.to_owned(), values))
}

fn sorted(path: String, values: &[SimDuration]) -> Empirical {
    Empirical::new(path, values.iter().map(|value| value.ns()).collect())
}

fn check_count(count: usize, at: &Range<usize>) -> Result<(), ParseError> {
    if count == 0 {
        return Err(ParseError::new(at.clone(), "the file holds no durations"));
    }
    if u32::try_from(count).is_err() {
        return Err(ParseError::new(at.clone(), "the file holds more than 4294967295 durations"));
    }
    Ok(())
}

impl fmt::Display for Variate {
    /// The text that reads back as the same distribution.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant { ns, whole } if whole.ns() as f64 == *ns => write!(f, "{whole}"),
            Self::Constant { ns, .. } => f.write_str(&duration_text(*ns)),
            Self::Exponential { mean_ns } => write!(f, "~{}", duration_text(*mean_ns)),
            Self::Uniform { low_ns, high_ns } => {
                write!(f, "{}..{}", duration_text(*low_ns), duration_text(*high_ns))
            }
            Self::LogNormal(LogNormal { shift, median, p99, .. }) => {
                if *shift > 0.0 {
                    write!(f, "{} + ", duration_text(*shift))?;
                }
                write!(f, "{} p99 {}", duration_text(*median), duration_text(*p99))
            }
            Self::Normal(Normal { mean, sd, .. }) => {
                write!(f, "normal {} {}", duration_text(*mean), duration_text(*sd))
            }
            Self::Pareto(Pareto { scale, shape }) => {
                write!(f, "pareto {} {}", duration_text(*scale), decimal(*shape, 0))
            }
            Self::Mix(mix) => {
                for (i, part) in mix.parts().iter().enumerate() {
                    let before = if i == 0 { "mix" } else { "," };
                    write!(f, "{before} {}% {}", decimal(part.share, 2), part.variate)?;
                }
                Ok(())
            }
            Self::Empirical(sample) => write!(f, "file {}", sample.path),
            Self::Trace(trace) => write!(f, "trace {}", trace.sorted.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::fault;
    use super::*;

    fn parse(text: &str) -> Result<Variate, ParseError> {
        Variate::parse(text, &mut |path| match path {
            "lat.csv" => Ok(vec![SimDuration::from_ms(3), SimDuration::from_ms(1)]),
            "empty.csv" => Ok(Vec::new()),
            path => Err(format!("`{path}` cannot be read")),
        })
    }

    #[test]
    fn the_canonical_text_reads_back() {
        for text in [
            "8ms",
            "~8ms",
            "0s",
            "~3.33333333ms",
            "3.33333333ms",
            "5ms..12ms",
            "0s..26.6666667ms",
            "8ms p99 40ms",
            "12ms + 4ms p99 90ms",
            "normal 8ms 2ms",
            "pareto 5ms 1.5",
            "mix 95% 5ms, 5% 200ms",
            "mix 88.7298334621% ~5.63508327ms, 11.2701665379% ~44.3649167ms",
            "mix 33.3333333% 1ms, 33.3333333% 2ms, 33.3333334% file lat.csv",
            "file lat.csv",
            "18446744073.709551615s",
        ] {
            let variate = parse(text).unwrap();
            assert_eq!(variate.to_string(), text);
            assert_eq!(parse(&variate.to_string()), Ok(variate));
        }
    }

    #[test]
    fn other_spellings_are_understood() {
        for (text, canonical) in [
            ("0.008s", "8ms"),
            (" ~ 8ms ", "~8ms"),
            ("5ms .. 12ms", "5ms..12ms"),
            ("12ms+4ms p99 90ms", "12ms + 4ms p99 90ms"),
            ("mix 95.0%   5ms,5%200ms", "mix 95% 5ms, 5% 200ms"),
            ("0s + 4ms p99 90ms", "4ms p99 90ms"),
            ("60s", "1m"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), canonical);
        }
    }

    #[test]
    fn faults_are_pointed_at() {
        let wrong = [
            "",
            "8",
            "~8",
            "~",
            "2 parsecs",
            "5ms..12",
            "5ms..",
            "12ms..5ms",
            "8 p99 40ms",
            "8ms p99",
            "8ms p99 4ms",
            "0s p99 4ms",
            "8ms p95 40ms",
            "12ms + 4ms",
            "12ms + 4ms 90ms",
            "normal 8ms",
            "normal 8 2ms",
            "normal -8ms 2ms",
            "pareto 5ms",
            "pareto 0s 1.5",
            "pareto 5ms 0",
            "pareto 5ms 1.5ms",
            "mix",
            "mix 95 5ms",
            "mix 95% 5ms",
            "mix 95% 5ms, 6% 200ms",
            "mix 95% 5ms,",
            "mix 50% 5, 50% 6ms",
            "mix 50% mix 50% 1ms, 50% 2ms, 50% 3ms",
            "mix 10% 1ms, 20% 2ms, 30% 3ms",
            "file",
            "file a b.csv",
            "file empty.csv",
            "trace",
            "mix 50% trace lat.csv, 50% 1ms",
            "gamma 8ms 2",
            "8ms later",
            "999999999d",
        ];
        let faults: Vec<String> = wrong.iter().map(|text| fault(text, parse(text))).collect();
        insta::assert_snapshot!(faults.join("\n").replace(FORMS, "FORMS"), @r#"
        []: a duration is missing; FORMS
        [8]: `8` has no unit; write "8ms" or "8s"
        ~[8]: `8` has no unit; write "8ms" or "8s"
        [~]: a duration is missing
        2 [parsecs]: unknown unit `parsecs`; use one of ns, us, ms, s, m, h, d
        5ms..[12]: `12` has no unit; write "12ms" or "12s"
        5ms.[.]: a duration is missing
        [12ms..5ms]: the lower end is above the upper end
        [8] p99 40ms: `8` has no unit; write "8ms" or "8s"
        8ms p9[9]: a duration is missing
        8ms p99 [4ms]: the p99 is below the median
        [0s] p99 4ms: the median must be above 0
        8ms [p95 40ms]: `p95 40ms` is too much here
        12ms + 4m[s]: the p99 is missing; write "12ms + 4ms p99 90ms"
        12ms + 4ms [90ms]: the p99 is missing; write "12ms + 4ms p99 90ms"
        normal 8m[s]: a duration is missing
        normal [8] 2ms: `8` has no unit; write "8ms" or "8s"
        normal [-8ms] 2ms: `-8ms` is not a number; it cannot be negative
        pareto 5m[s]: a number is missing
        pareto [0s] 1.5: the smallest value must be above 0
        pareto 5ms [0]: the shape must be a number above 0
        pareto 5ms 1.5[ms]: `ms` is too much here
        mi[x]: a probability is missing; write "2%"
        mix [95] 5ms: `95` has no percent sign; write "95%"
        mix [95% 5ms]: the shares add up to 95%, not 100%
        mix [95% 5ms, 6% 200ms]: the shares add up to 101%, not 100%
        mix 95% 5ms[,]: a probability is missing; write "2%"
        mix 50% [5], 50% 6ms: `5` has no unit; write "5ms" or "5s"
        mix 50% [mix] 50% 1ms, 50% 2ms, 50% 3ms: a mix within a mix; write one mix with all parts
        mix [10% 1ms, 20% 2ms, 30% 3ms]: the shares add up to 60%, not 100%
        [file]: the name of the file is missing; write "file lat.csv"
        file [a b.csv]: `a b.csv` cannot be read
        file [empty.csv]: the file holds no durations
        [trace]: the name of the file is missing; write "trace lat.csv"
        mix 50% [trace] lat.csv, 50% 1ms: a trace within a mix has no order; write "file ..." to draw from the same values
        [gamma] 8ms 2: `gamma` is not a distribution; FORMS
        8ms [later]: `later` is too much here
        [999999999d]: longer than 584 years, the longest time there is
        "#);
    }

    #[test]
    fn files_are_refused_where_they_cannot_be_read() {
        let error = fault("file lat.csv", "file lat.csv".parse::<Variate>());
        assert_eq!(error, "file [lat.csv]: no file can be read here");
        let error = fault("trace lat.csv", "trace lat.csv".parse::<Variate>());
        assert_eq!(error, "trace [lat.csv]: no file can be read here");
    }

    fn any_simple() -> impl Strategy<Value = Variate> {
        let ns = || 0.0..1e15_f64;
        prop_oneof![
            any::<u64>().prop_map(|ns| Variate::constant(SimDuration::from_ns(ns))),
            ns().prop_map(|ns| Variate::Constant { ns, whole: nearest(ns) }),
            ns().prop_map(|mean_ns| Variate::Exponential { mean_ns }),
            (ns(), ns())
                .prop_map(|(a, b)| Variate::Uniform { low_ns: a.min(b), high_ns: a.max(b) }),
            (ns(), 1.0..1e9_f64, 1.0..100.0_f64).prop_map(
                |(shift, p50, ratio)| Variate::LogNormal(LogNormal::new(shift, p50, p50 * ratio))
            ),
            (ns(), ns()).prop_map(|(mean, sd)| Variate::Normal(Normal::new(mean, sd))),
            (1.0..1e12_f64, 0.01..10.0_f64)
                .prop_map(|(scale, shape)| Variate::Pareto(Pareto { scale, shape })),
        ]
    }

    proptest! {
        #[test]
        fn every_distribution_reads_back(variate in any_simple()) {
            prop_assert_eq!(parse(&variate.to_string()), Ok(variate));
        }

        #[test]
        fn every_mix_reads_back(a in any_simple(), b in any_simple(), share in 0.0..=1.0_f64) {
            let mix = Variate::Mix(Mix::new(vec![(share, a), (1.0 - share, b)]));
            prop_assert_eq!(parse(&mix.to_string()), Ok(mix));
        }

        #[test]
        fn no_text_is_too_strange(text in "(~|mix |normal |pareto |file )?[0-9msp%+., µ~]{0,16}") {
            if let Err(error) = parse(&text) {
                prop_assert!(text.get(error.at.clone()).is_some(), "{:?} of {:?}", error, text);
            }
        }
    }
}
