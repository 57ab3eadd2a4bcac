//! Measured durations from a text: what `"file lat.csv"` draws from.
//!
//! It knows nothing of files.

use crate::units::SimDuration;

/// Longest duration in seconds; some 300 years.
const MOST_S: f64 = 9e9;

/// The first column of each line: a duration with its unit, or a number of seconds. A first line
/// that is neither is a heading; empty lines and lines with `#` are passed over.
///
/// # Errors
/// Why there are none, with the line.
pub(super) fn durations(bytes: &[u8]) -> Result<Vec<SimDuration>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let mut durations = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let word = line.split([',', ';', '\t']).next().unwrap_or("").trim();
        if word.is_empty() || word.starts_with('#') {
            continue;
        }
        match duration(word) {
            Some(duration) => durations.push(duration),
            None if i == 0 => {}
            None => return Err(format!("line {} of it: `{word}` is no duration", i + 1)),
        }
    }
    if durations.is_empty() { Err("it holds no durations".to_owned()) } else { Ok(durations) }
}

fn duration(word: &str) -> Option<SimDuration> {
    if let Ok(duration) = word.parse::<SimDuration>() {
        return Some(duration);
    }
    let seconds: f64 = word.parse().ok()?;
    (0.0..MOST_S).contains(&seconds).then(|| SimDuration::from_ns((seconds * 1e9).round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_seconds_headings_and_columns_are_read() {
        let text = b"latency_s,what\n10ms,a\n# later\n\n0.02;b\n1e-3\n";
        let ms: Vec<u64> = durations(text).unwrap().iter().map(|d| d.ns() / 1_000_000).collect();
        assert_eq!(ms, [10, 20, 1]);
    }

    #[test]
    fn what_is_no_duration_is_told_with_its_line() {
        assert_eq!(durations(b"1\nx\n"), Err("line 2 of it: `x` is no duration".to_owned()));
        assert_eq!(durations(b"1\n-1\n"), Err("line 2 of it: `-1` is no duration".to_owned()));
        assert_eq!(durations(b"head\n"), Err("it holds no durations".to_owned()));
        assert_eq!(durations(b"\xff"), Err("it is not UTF-8 text".to_owned()));
    }
}
