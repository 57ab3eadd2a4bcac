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
    /// The same distribution before every retry.
    Drawn(Variate),
}

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
            Self::Drawn(variate) => variate.sample(key, id, attempt),
        }
    }

    /// Mean pause before retry `n` in nanoseconds.
    pub fn mean_ns(&self, n: u32) -> f64 {
        match self {
            Self::Fixed { base } => base.ns() as f64,
            Self::Exp { base, cap } => ceiling(*base, *cap, n).ns() as f64,
            Self::FullJitter { base, cap } => 0.5 * ceiling(*base, *cap, n).ns() as f64,
            Self::Drawn(variate) => variate.mean_ns(),
        }
    }

    /// Reads base, cap and kind (`"100ms..20s full-jitter"`, `"1s fixed"`, `"100ms..20s exp"`) or a distribution
    /// (`"~2s"`). A base and a cap without a kind are `full-jitter`; a single duration is that pause.
    ///
    /// # Errors
    /// If the text is neither; `equal-jitter` and `decorrelated` are not supported yet.
    pub fn parse(
        text: &str,
        load: &mut dyn FnMut(&str) -> Result<Vec<SimDuration>, String>,
    ) -> Result<Self, ParseError> {
        let mut scan = Scan::new(text);
        if !scan.rest().starts_with(|c: char| c.is_ascii_digit()) {
            return Variate::parse(text, load).map(Self::Drawn);
        }
        let start = scan.at();
        let base = scan.duration()?;
        let cap = if scan.eat("..") { Some(scan.duration()?) } else { None };
        let ends = start..cap.as_ref().map_or(base.at.end, |cap| cap.at.end);
        if cap.is_none() && (scan.is_done() || ["p99", "+"].contains(&scan.peek_word())) {
            return Variate::parse(text, load).map(Self::Drawn);
        }
        let base = base.exact()?;
        let cap = cap.map(|cap| cap.exact()).transpose()?;
        if cap.is_some_and(|cap| cap < base) {
            return Err(ParseError::new(ends, "the longest pause is below the first"));
        }
        let backoff = match scan.peek_word() {
            "" | "full-jitter" => Self::FullJitter { base, cap },
            "exp" => Self::Exp { base, cap },
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

fn unknown_kind(kind: &str, scan: &Scan) -> ParseError {
    if ["equal-jitter", "decorrelated"].contains(&kind) {
        return ParseError::new(scan.word_at(), format!("`{kind}` is not supported yet"))
            .help("use full-jitter");
    }
    ParseError::new(scan.word_at(), format!("`{kind}` is not a kind of back-off"))
        .help("use one of fixed, exp, full-jitter")
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
            Self::Drawn(variate) => return write!(f, "{variate}"),
        };
        write!(f, "{base}")?;
        if let Some(cap) = cap {
            write!(f, "..{cap}")?;
        }
        write!(f, " {kind}")
    }
}
