//! Pauses before retries.

use std::fmt;
use std::str::FromStr;

use super::variate::nearest;
use super::variate_text::no_files;
use super::{Draw, StreamKey, Variate};
use crate::units::{ParseError, Scan, SimDuration};

/// How long to wait before the n-th retry, n counted from 0.
///
/// Kinds after M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
#[derive(Clone, Debug, PartialEq)]
pub enum Backoff {
    /// Always the base.
    Fixed {
        /// The pause.
        base: SimDuration,
    },
    /// min(cap, base x 2^n).
    Exp {
        /// The first pause.
        base: SimDuration,
        /// The longest pause; none: it doubles for ever.
        cap: Option<SimDuration>,
    },
    /// Uniform between 0 and min(cap, base x 2^n).
    FullJitter {
        /// Upper end of the first pause.
        base: SimDuration,
        /// The longest pause; none: it doubles for ever.
        cap: Option<SimDuration>,
    },
    /// Half of min(cap, base x 2^n), and up to as much again.
    EqualJitter {
        /// Upper end of the first pause.
        base: SimDuration,
        /// The longest pause; none: it doubles for ever.
        cap: Option<SimDuration>,
    },
    /// min(cap, base x 2^n), made up to a fifth longer or shorter.
    ExpJitter {
        /// The first pause.
        base: SimDuration,
        /// The longest pause but for the jitter; none: it doubles for ever.
        cap: Option<SimDuration>,
    },
    /// Uniform between the base and three times the pause before, at most the cap.
    Decorrelated {
        /// The shortest pause.
        base: SimDuration,
        /// The longest pause; none: there is none.
        cap: Option<SimDuration>,
    },
    /// The same distribution before every retry.
    Drawn(Variate),
}

const FORMS: &str = "write \"100ms..20s full-jitter\", \"1s fixed\" or \"~2s\"";

/// Kinds as they are written.
const KINDS: [&str; 6] =
    ["fixed", "exp", "full-jitter", "equal-jitter", "exp-jitter", "decorrelated"];

/// Share by which `exp-jitter` is longer or shorter at most: that of Kafka's clients.
const SPREAD: f64 = 0.2;

/// Earlier pauses that a decorrelated one remembers; what is older hardly matters.
const REMEMBERED: u32 = 64;

impl Default for Backoff {
    /// `100ms..20s full-jitter`.
    fn default() -> Self {
        let (base, cap) = (SimDuration::from_ms(100), SimDuration::from_secs(20));
        Self::FullJitter { base, cap: Some(cap) }
    }
}

/// min(cap, base x 2^n).
#[inline]
fn ceiling(base: SimDuration, cap: Option<SimDuration>, n: u32) -> SimDuration {
    let factor = 1_u64.checked_shl(n).unwrap_or(u64::MAX);
    SimDuration::from_ns(base.ns().saturating_mul(factor)).min(cap.unwrap_or(SimDuration::MAX))
}

impl Backoff {
    /// The pause before retry `n` (0 is the first), drawn for an attempt of event `id`.
    #[inline]
    pub fn sample(&self, key: StreamKey, id: u64, attempt: u32, n: u32) -> SimDuration {
        match self {
            Self::Fixed { base } => *base,
            Self::Exp { base, cap } => ceiling(*base, *cap, n),
            Self::FullJitter { base, cap } => {
                let longest = ceiling(*base, *cap, n).ns() as f64;
                nearest(Draw::new(key, id, attempt).unit() * longest)
            }
            Self::EqualJitter { base, cap } => {
                let longest = ceiling(*base, *cap, n).ns() as f64;
                nearest((0.5 + 0.5 * Draw::new(key, id, attempt).unit()) * longest)
            }
            Self::ExpJitter { base, cap } => {
                let middle = ceiling(*base, *cap, n).ns() as f64;
                let factor = 1.0 - SPREAD + 2.0 * SPREAD * Draw::new(key, id, attempt).unit();
                nearest(factor * middle)
            }
            Self::Decorrelated { base, cap } => decorrelated(*base, *cap, n, |back| {
                Draw::new(key, id, attempt.wrapping_sub(back)).unit()
            }),
            Self::Drawn(variate) => variate.sample(key, id, attempt),
        }
    }

    /// Mean pause before retry `n` in nanoseconds; of decorrelated ones as if the cap cut means and
    /// not pauses, which is a little more.
    pub fn mean_ns(&self, n: u32) -> f64 {
        match self {
            Self::Fixed { base } => base.ns() as f64,
            Self::Exp { base, cap } | Self::ExpJitter { base, cap } => {
                ceiling(*base, *cap, n).ns() as f64
            }
            Self::FullJitter { base, cap } => 0.5 * ceiling(*base, *cap, n).ns() as f64,
            Self::EqualJitter { base, cap } => 0.75 * ceiling(*base, *cap, n).ns() as f64,
            Self::Decorrelated { base, cap } => decorrelated(*base, *cap, n, |_| 0.5).ns() as f64,
            Self::Drawn(variate) => variate.mean_ns(),
        }
    }

    /// Reads base, cap and kind (`"100ms..20s full-jitter"`, `"1s fixed"`, `"100ms..20s exp"`) or a
    /// distribution (`"~2s"`). A base and a cap without a kind are `full-jitter`; a single duration
    /// is that pause.
    ///
    /// # Errors
    /// If the text is neither.
    pub fn parse(
        text: &str,
        load: &mut dyn FnMut(&str) -> Result<Vec<SimDuration>, String>,
    ) -> Result<Self, ParseError> {
        let mut scan = Scan::new(text);
        if scan.is_done() {
            return Err(ParseError::new(0..text.len(), "a pause is missing").help(FORMS));
        }
        if KINDS.contains(&scan.peek_word()) {
            return Err(ParseError::new(scan.word_at(), "the first pause is missing").help(FORMS));
        }
        if !scan.rest().starts_with(|c: char| c.is_ascii_digit()) {
            return drawn(text, load);
        }
        let start = scan.at();
        let base = scan.duration()?;
        let cap = if scan.eat("..") { Some(scan.duration()?) } else { None };
        let ends = start..cap.as_ref().map_or(base.at.end, |cap| cap.at.end);
        if cap.is_none() && (scan.is_done() || ["p99", "+"].contains(&scan.peek_word())) {
            return drawn(text, load);
        }
        let base = base.exact()?;
        let cap = cap.map(|cap| cap.exact()).transpose()?;
        if cap.is_some_and(|cap| cap < base) {
            return Err(ParseError::new(ends, "the longest pause is below the first"));
        }
        let backoff = match scan.peek_word() {
            "" | "full-jitter" => Self::FullJitter { base, cap },
            "exp" => Self::Exp { base, cap },
            "equal-jitter" => Self::EqualJitter { base, cap },
            "exp-jitter" => Self::ExpJitter { base, cap },
            "decorrelated" => Self::Decorrelated { base, cap },
            "fixed" if cap.is_none() => Self::Fixed { base },
            "fixed" => {
                return Err(ParseError::new(ends, "a fixed pause has one length")
                    .help(format!("write \"{base} fixed\"")));
            }
            kind => return Err(unknown_kind(kind, &scan)),
        };
        let kind = scan.peek_word();
        scan.eat(kind);
        scan.end()?;
        Ok(backoff)
    }
}

/// The pause before retry `n`: a step from the one before, which is a step from the one before it.
/// `unit` gives the draw of the retry so many before this one.
fn decorrelated(
    base: SimDuration,
    cap: Option<SimDuration>,
    n: u32,
    unit: impl Fn(u32) -> f64,
) -> SimDuration {
    let longest = cap.unwrap_or(SimDuration::MAX).ns() as f64;
    let low = base.ns() as f64;
    let mut pause = low;
    for back in (0..=n.min(REMEMBERED)).rev() {
        pause = (low + unit(back) * (3.0 * pause - low)).min(longest);
    }
    nearest(pause)
}

fn drawn(
    text: &str,
    load: &mut dyn FnMut(&str) -> Result<Vec<SimDuration>, String>,
) -> Result<Backoff, ParseError> {
    let variate = Variate::parse(text, load)?;
    if variate.is_trace() {
        return Err(ParseError::new(0..text.len(), "a pause cannot be replayed")
            .help("write \"file ...\" to draw from the same values"));
    }
    Ok(Backoff::Drawn(variate))
}

fn unknown_kind(kind: &str, scan: &Scan) -> ParseError {
    ParseError::new(scan.word_at(), format!("`{kind}` is not a kind of back-off"))
        .help(format!("use one of {}", KINDS.join(", ")))
}

impl FromStr for Backoff {
    type Err = ParseError;

    /// Like [`Backoff::parse`], where files cannot be read.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text, &mut no_files)
    }
}

impl fmt::Display for Backoff {
    /// The text that reads back as the same back-off.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (base, cap, kind) = match self {
            Self::Fixed { base } => (base, &None, "fixed"),
            Self::Exp { base, cap } => (base, cap, "exp"),
            Self::FullJitter { base, cap } => (base, cap, "full-jitter"),
            Self::EqualJitter { base, cap } => (base, cap, "equal-jitter"),
            Self::ExpJitter { base, cap } => (base, cap, "exp-jitter"),
            Self::Decorrelated { base, cap } => (base, cap, "decorrelated"),
            Self::Drawn(variate) => return write!(f, "{variate}"),
        };
        write!(f, "{base}")?;
        if let Some(cap) = cap {
            write!(f, "..{cap}")?;
        }
        write!(f, " {kind}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Z, assert_follows, fault, key, moments};
    use super::*;

    fn pauses(text: &str) -> Vec<String> {
        let backoff: Backoff = text.parse().unwrap();
        [0, 1, 2, 10, 63, 64, 200].map(|n| backoff.sample(key(), 1, n, n).to_string()).to_vec()
    }

    #[test]
    fn pauses_without_jitter_are_known() {
        assert_eq!(pauses("1s fixed"), ["1s"; 7]);
        assert_eq!(pauses("250ms"), ["250ms"; 7]);
        assert_eq!(
            pauses("100ms..20s exp"),
            ["100ms", "200ms", "400ms", "20s", "20s", "20s", "20s"]
        );
        let longest = SimDuration::MAX.to_string();
        assert_eq!(pauses("1s exp")[..4], ["1s", "2s", "4s", "1024s"]);
        assert_eq!(pauses("1s exp")[4..], [longest.as_str(); 3]);
        assert_eq!(pauses("0s exp"), ["0s"; 7]);
    }

    #[test]
    fn full_jitter_is_uniform_below_the_ceiling() {
        let backoff = Backoff::default();
        for (n, ceiling) in [(0, 1e8), (1, 2e8), (7, 1.28e10), (8, 2e10), (100, 2e10)] {
            let pauses: Vec<f64> =
                (0..100_000).map(|id| backoff.sample(key(), id, n, n).ns() as f64).collect();
            let (mean, variance, _) = moments(&pauses);
            assert!((mean - backoff.mean_ns(n)).abs() < Z * libm::sqrt(variance / 1e5), "{n}");
            assert_eq!(backoff.mean_ns(n), 0.5 * ceiling);
            assert_follows("full jitter", pauses, |ns| (ns / ceiling).clamp(0.0, 1.0));
        }
    }

    #[test]
    fn jitter_is_uniform_between_its_ends() {
        for (text, low, mean, high) in
            [("100ms..20s equal-jitter", 0.5, 0.75, 1.0), ("100ms..1s exp-jitter", 0.8, 1.0, 1.2)]
        {
            let backoff: Backoff = text.parse().unwrap();
            for (n, ceiling) in [(0, 1e8), (2, 4e8), (3, 8e8)] {
                let pauses =
                    (0..100_000).map(|id| backoff.sample(key(), id, n, n).ns() as f64).collect();
                assert_eq!(backoff.mean_ns(n), mean * ceiling);
                assert_follows(text, pauses, |ns| {
                    ((ns / ceiling - low) / (high - low)).clamp(0.0, 1.0)
                });
            }
        }
    }

    #[test]
    fn decorrelated_pauses_walk_from_one_to_the_next() {
        let backoff: Backoff = "100ms decorrelated".parse().unwrap();
        let first = (0..100_000).map(|id| backoff.sample(key(), id, 0, 0).ns() as f64).collect();
        assert_follows("first", first, |ns| ((ns / 1e8 - 1.0) / 2.0).clamp(0.0, 1.0));
        // 200, 350, 575 ms: half of the base and of three times the mean before.
        assert_eq!([0, 1, 2].map(|n| backoff.mean_ns(n)), [2e8, 3.5e8, 5.75e8]);
        for n in [1, 2] {
            let pauses: Vec<f64> =
                (0..100_000).map(|id| backoff.sample(key(), id, n, n).ns() as f64).collect();
            let (mean, variance, _) = moments(&pauses);
            assert!((mean - backoff.mean_ns(n)).abs() < Z * libm::sqrt(variance / 1e5), "{n}");
        }
        // Each lies within three times of the one that was waited before it.
        let capped: Backoff = "100ms..2s decorrelated".parse().unwrap();
        for id in 0..1000 {
            let mut before = 1e8_f64;
            for n in 0..40 {
                let pause = capped.sample(key(), id, n, n).ns() as f64;
                assert!((1e8..=(3.0 * before + 1.0).min(2e9)).contains(&pause), "{id} {n}");
                before = pause;
            }
        }
    }

    #[test]
    fn a_distribution_does_not_grow() {
        let (backoff, variate): (Backoff, Variate) =
            ("~2s".parse().unwrap(), "~2s".parse().unwrap());
        assert_eq!(backoff.sample(key(), 3, 4, 9), variate.sample(key(), 3, 4));
        assert_eq!((backoff.mean_ns(0), backoff.mean_ns(9)), (2e9, 2e9));
    }

    #[test]
    fn texts_read_back() {
        for text in [
            "100ms..20s full-jitter",
            "1s fixed",
            "1s exp",
            "100ms..20s exp",
            "1s full-jitter",
            "100ms..20s equal-jitter",
            "100ms..1s exp-jitter",
            "100ms decorrelated",
            "~2s",
            "250ms",
            "8ms p99 40ms",
            "12ms + 4ms p99 90ms",
            "normal 8ms 2ms",
        ] {
            assert_eq!(text.parse::<Backoff>().unwrap().to_string(), text);
        }
        assert_eq!("100ms..20s".parse(), Ok(Backoff::default()));
        assert_eq!("100ms..20s full-jitter".parse(), Ok(Backoff::default()));
    }

    #[test]
    fn faults_are_pointed_at() {
        let wrong = [
            "",
            "5",
            "1s fixd",
            "100ms..20s fixed",
            "20s..100ms exp",
            "1s..",
            "1s..2",
            "1s fixed twice",
            "100ms..20s any-jitter",
            "full-jitter",
            "file lat.csv",
            "0.5ns exp",
        ];
        let faults: Vec<String> =
            wrong.iter().map(|text| fault(text, text.parse::<Backoff>())).collect();
        insta::assert_snapshot!(faults.join("\n"), @r#"
        []: a pause is missing; write "100ms..20s full-jitter", "1s fixed" or "~2s"
        [5]: `5` has no unit; write "5ms" or "5s"
        1s [fixd]: `fixd` is not a kind of back-off; use one of fixed, exp, full-jitter, equal-jitter, exp-jitter, decorrelated
        [100ms..20s] fixed: a fixed pause has one length; write "100ms fixed"
        [20s..100ms] exp: the longest pause is below the first
        1s.[.]: a duration is missing
        1s..[2]: `2` has no unit; write "2ms" or "2s"
        1s fixed [twice]: `twice` is too much here
        100ms..20s [any-jitter]: `any-jitter` is not a kind of back-off; use one of fixed, exp, full-jitter, equal-jitter, exp-jitter, decorrelated
        [full-jitter]: the first pause is missing; write "100ms..20s full-jitter", "1s fixed" or "~2s"
        file [lat.csv]: no file can be read here
        [0.5ns] exp: finer than a nanosecond
        "#);
    }

    #[test]
    fn first_pauses_are_fixed() {
        let pauses: Vec<u64> =
            (0..4).map(|n| Backoff::default().sample(key(), 1, n, n).ns()).collect();
        insta::assert_snapshot!(format!("{pauses:?}"), @"[72035509, 6416966, 144312505, 131091919]");
    }
}
