//! Numbers and metric names in words for people: three significant digits, units that fit, no
//! guessing of zeros.
//!
//! Everything here is decimal formatting by the standard library, which is exact and the same on
//! every platform. Knows nothing of variants or of where a text goes.

/// Separator of thousands: a narrow space that no line breaks at.
const THIN: char = '\u{202f}';

/// Space between a number and its unit, which no line breaks at. Where lines are not broken by
/// others, [`plain`] makes it an ordinary one.
const TIED: char = '\u{a0}';

/// `text` with ordinary spaces between numbers and units.
pub(crate) fn plain(text: &str) -> String {
    text.replace(TIED, " ")
}

/// A value and how precisely it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The value with its unit, or "-".
    pub(crate) text: String,
    /// Half-width of its 95 % interval, without "±".
    pub(crate) half: Option<String>,
}

impl Reading {
    /// A reading without an interval.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), half: None }
    }

    /// On one line: "12.3 ms ± 0.4 ms".
    pub(crate) fn line(&self) -> String {
        match &self.half {
            Some(half) => format!("{} ±{TIED}{half}", self.text),
            None => self.text.clone(),
        }
    }
}

/// Mantissa rounded to `digits` significant digits, and the decimal exponent.
fn exponent(v: f64, digits: usize) -> i32 {
    let text = format!("{:.*e}", digits - 1, v.abs());
    text.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0)
}

/// `v` to three significant digits; from 1000 on rounded to a whole number, in groups of three
/// digits.
pub(crate) fn significant(v: f64) -> String {
    if v == 0.0 {
        return "0".to_owned();
    }
    if !v.is_finite() {
        return "?".to_owned();
    }
    match exponent(v, 3) {
        ..=-5 | 16.. => format!("{v:.2e}"),
        3.. => grouped(&format!("{v:.0}")),
        e => format!("{v:.*}", (2 - e).max(0) as usize),
    }
}

/// `v` with as few digits as say the same: ticks and bounds ("0.5", "20", "1 500").
pub(crate) fn short(v: f64) -> String {
    let text = significant(v);
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Decimal digits in groups of three.
fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let mut out = String::from(sign);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(THIN);
        }
        out.push(c);
    }
    out
}

/// A count in groups of three digits.
pub(crate) fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// "1 variant", "3 variants".
pub(crate) fn plural(n: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(n as u64), if n == 1 { "" } else { "s" })
}

/// Factor to and name of the unit in which `v` seconds read best.
pub(crate) fn time_unit(v: f64) -> (f64, &'static str) {
    // Judged after rounding, so that 0.99996 s is "1.00 s" and never "1 000 ms".
    let rounded: f64 = format!("{:.2e}", v.abs()).parse().unwrap_or(v);
    match rounded {
        0.0 => (1.0, "s"),
        r if r < 1e-6 => (1e9, "ns"),
        r if r < 1e-3 => (1e6, "µs"),
        r if r < 1.0 => (1e3, "ms"),
        r if r < 1000.0 => (1.0, "s"),
        r if r < 7200.0 => (1.0 / 60.0, "min"),
        r if r < 172_800.0 => (1.0 / 3600.0, "h"),
        _ => (1.0 / 86_400.0, "d"),
    }
}

/// A duration in seconds, for people: "12.3 ms", "39.8 s", "16.7 min".
pub(crate) fn seconds(v: f64) -> String {
    let (factor, unit) = time_unit(v);
    format!("{}{TIED}{unit}", significant(v * factor))
}

/// A share of 1 in percent. What is not all never reads "100 %", what is not nothing never "0 %".
pub(crate) fn percent(v: f64) -> String {
    let p = v * 100.0;
    if p == 0.0 || p == 100.0 {
        return format!("{p:.0}{TIED}%");
    }
    for decimals in 1..=5 {
        let text = format!("{p:.decimals$}");
        let shown: f64 = text.parse().unwrap_or(p);
        if shown != 0.0 && shown != 100.0 {
            return format!("{text}{TIED}%");
        }
    }
    if p < 1.0 { format!("<{TIED}0.00001{TIED}%") } else { format!(">{TIED}99.9999{TIED}%") }
}

/// How the numbers of a metric read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A duration.
    Time,
    /// A share of 1.
    Share,
    /// Something per second.
    Rate,
    /// Bytes.
    Bytes,
    /// A pure number.
    Number,
}

impl Style {
    /// The style of metric `path` with SI unit `unit`.
    pub(crate) fn of(path: &str, unit: &str) -> Self {
        let share =
            [".availability", ".fulfilled", ".lagging"].iter().any(|share| path.ends_with(share))
                || path.contains(".rho.");
        match unit {
            "s" => Self::Time,
            "1/s" => Self::Rate,
            "B" => Self::Bytes,
            _ if share => Self::Share,
            _ => Self::Number,
        }
    }

    /// `v` for people.
    pub(crate) fn write(self, v: f64) -> String {
        match self {
            Self::Time => seconds(v),
            Self::Share => percent(v),
            Self::Rate => format!("{}/s", significant(v)),
            Self::Bytes => bytes(v),
            Self::Number => number(v),
        }
    }

    /// `v` for people, with the half-width of its interval in the same unit.
    pub(crate) fn read(self, v: f64, ci95: Option<[f64; 2]>) -> Reading {
        let half = ci95.map(|[low, high]| (high - low) / 2.0).filter(|h| h.is_finite());
        let half = half.map(|h| match self {
            Self::Time => {
                let (factor, unit) = time_unit(v);
                format!("{}{TIED}{unit}", like(h * factor, v * factor))
            }
            Self::Share => format!("{}{TIED}%", like(h * 100.0, v * 100.0)),
            Self::Rate => format!("{}/s", like(h, v)),
            Self::Bytes | Self::Number => like(h, v),
        });
        Reading { text: self.write(v), half }
    }
}

/// `half` with the decimals that `value` has, or one significant digit if that would read as zero.
fn like(half: f64, value: f64) -> String {
    if half == 0.0 {
        return "0".to_owned();
    }
    let decimals = (2 - exponent(value, 3)).clamp(0, 6) as usize;
    let text = format!("{half:.decimals$}");
    if text.parse() == Ok(0.0) { format!("{half:.0e}") } else { text }
}

/// Whole numbers in full, others to three digits.
fn number(v: f64) -> String {
    if v == v.trunc() && v.abs() < 1e15 { grouped(&format!("{v:.0}")) } else { significant(v) }
}

/// Bytes in units of 1024.
fn bytes(v: f64) -> String {
    let units = [(1024.0 * 1024.0 * 1024.0, "GB"), (1024.0 * 1024.0, "MB"), (1024.0, "KB")];
    let (factor, unit) = units.into_iter().find(|(f, _)| v.abs() >= *f).unwrap_or((1.0, "B"));
    format!("{}{TIED}{unit}", short(v / factor))
}

/// A statistic in words, to stand before the name of a quantity.
fn statistic(name: &str) -> Option<&'static str> {
    Some(match name {
        "mean" => "mean",
        "sd" => "standard deviation of",
        "p50" => "median",
        "p90" => "p90",
        "p95" => "p95",
        "p99" => "p99",
        "p999" => "p99.9",
        "max" => "largest",
        "count" => "number of samples of",
        _ => return None,
    })
}

/// A quantity in words.
fn quantity(name: &str) -> &str {
    match name {
        "e2e" => "end-to-end latency",
        "wait" => "wait",
        "service" => "service time",
        "sojourn" => "time in the service",
        "inflight" => "work in flight",
        "rho" => "utilisation",
        "consumer_lag" => "messages not committed",
        "fetch_lag" => "messages not fetched",
        "consumer_lag_s" => "age of the oldest message not committed",
        "lagging" => "share of time in trouble",
        other => other,
    }
}

/// What the ledger counts, in words.
fn ledger_count(name: &str) -> String {
    match name {
        "redelivered" => "redeliveries".to_owned(),
        "double_applied" => "double effects".to_owned(),
        "phantom" | "unroutable" => format!("{name} events"),
        "backfill" => "backfilled deliveries".to_owned(),
        "out_of_order" => "deliveries out of order".to_owned(),
        "wrong_entities" => "wrong entities".to_owned(),
        "harmed" => "harmed entities".to_owned(),
        "not_emitted" => "arrivals not emitted".to_owned(),
        state => format!("{} deliveries", state.replace('_', "-")),
    }
}

/// Whether a metric is a count of the ledger.
pub(crate) fn is_ledger(path: &str) -> bool {
    path.starts_with("ledger.") || path.contains(".ledger.")
}

/// What a metric path is called in a sentence: `email.lag.p99` is "p99 lag of email".
pub(crate) fn metric_name(path: &str) -> String {
    if let Some(name) = path.strip_prefix("ledger.") {
        return ledger_count(name);
    }
    let mut parts: Vec<&str> = path.split('.').collect();
    let stat = parts.last().copied().and_then(statistic);
    if stat.is_some() && parts.len() > 2 {
        parts.pop();
    }
    let (scope, what) = match parts.as_slice() {
        [scope @ .., "ledger", name] if !scope.is_empty() => (scope.join("."), ledger_count(name)),
        [scope @ .., "segment", name] if !scope.is_empty() => {
            (scope.join("."), format!("time in segment {name}"))
        }
        [scope @ .., name] if !scope.is_empty() => (scope.join("."), quantity(name).to_owned()),
        _ => return path.to_owned(),
    };
    let scope = match scope.split_once('@') {
        Some((event, service)) => format!("{event} at {service}"),
        None => scope,
    };
    match stat.filter(|_| path.split('.').count() > 2) {
        Some(stat) => format!("{stat} {what} of {scope}"),
        None => format!("{what} of {scope}"),
    }
}

/// "a", "a and b", "a, b and c".
pub(crate) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_in_the_unit_that_fits() {
        let cases = [
            (0.0, "0 s"),
            (1.5e-9, "1.50 ns"),
            (2.5e-5, "25.0 µs"),
            (0.0123, "12.3 ms"),
            (0.999_96, "1.00 s"),
            (39.84, "39.8 s"),
            (999.6, "16.7 min"),
            (7200.0, "2.00 h"),
            (1e6, "11.6 d"),
            (-0.25, "-250 ms"),
        ];
        for (v, expected) in cases {
            assert_eq!(plain(&seconds(v)), expected, "{v}");
        }
    }

    #[test]
    fn numbers_have_three_digits_and_thin_groups() {
        let cases = [
            (100.04, "100"),
            (99.96, "100"),
            (9.996, "10.0"),
            (1234.4, "1\u{202f}234"),
            (0.001_234, "0.00123"),
            (1e-9, "1.00e-9"),
            (1e17, "1.00e17"),
        ];
        for (v, expected) in cases {
            assert_eq!(significant(v), expected, "{v}");
        }
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(count(0), "0");
        assert_eq!(grouped("-1234"), "-1\u{202f}234");
        assert_eq!((short(0.5), short(20.0)), ("0.5".to_owned(), "20".to_owned()));
    }

    #[test]
    fn a_share_is_never_rounded_to_all_or_nothing() {
        let cases = [
            (1.0, "100 %"),
            (0.0, "0 %"),
            (0.821, "82.1 %"),
            (0.9998, "99.98 %"),
            (0.999_999, "99.9999 %"),
            (0.999_999_999, "> 99.9999 %"),
            (1e-12, "< 0.00001 %"),
        ];
        for (v, expected) in cases {
            assert_eq!(plain(&percent(v)), expected, "{v}");
        }
    }

    #[test]
    fn a_half_width_has_the_unit_and_the_decimals_of_its_value() {
        let time = Style::Time.read(0.0123, Some([0.0119, 0.0127]));
        assert_eq!(time.line(), "12.3\u{a0}ms ±\u{a0}0.4\u{a0}ms");
        assert_eq!(plain(&Style::Rate.read(100.0, Some([99.0, 101.0])).line()), "100/s ± 1/s");
        assert_eq!(plain(&Style::Share.read(0.5, Some([0.49, 0.51])).line()), "50.0 % ± 1.0 %");
        assert_eq!(plain(&Style::Time.read(1.0, Some([1.0, 1.0])).line()), "1.00 s ± 0 s");
        assert_eq!(plain(&Style::Time.read(1.0, Some([0.9999, 1.0001])).line()), "1.00 s ± 1e-4 s");
        assert_eq!(plain(&Style::Number.read(3.0, None).line()), "3");
    }

    #[test]
    fn paths_read_as_names() {
        let cases = [
            ("email.lag.p99", "p99 lag of email"),
            ("OrderPlaced@email.lag.max", "largest lag of OrderPlaced at email"),
            ("web.availability", "availability of web"),
            ("ledger.lost", "lost deliveries"),
            ("email.ledger.dead_lettered", "dead-lettered deliveries of email"),
            ("ledger.double_applied", "double effects"),
            ("email.ledger.out_of_order", "deliveries out of order of email"),
            ("email.segment.wait.mean", "mean time in segment wait of email"),
            ("email.rho.mean", "mean utilisation of email"),
            ("strange", "strange"),
        ];
        for (path, expected) in cases {
            assert_eq!(metric_name(path), expected);
        }
    }

    #[test]
    fn bytes_and_lists() {
        assert_eq!(plain(&bytes(1536.0)), "1.5 KB");
        assert_eq!(plain(&bytes(12.0)), "12 B");
        assert_eq!(list(&["a".into(), "b".into(), "c".into()]), "a, b and c");
        assert_eq!(plural(1, "seed"), "1 seed");
    }
}
