//! `results.json`: written and read back.
//!
//! The one place where results become JSON or come from it.

mod layout;

use crate::results::{Results, SCHEMA};
use layout::Layout;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Serializer;

/// Why a file is not a results file that this program can draw.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not JSON at all.
    #[error("this is not JSON: {0}")]
    Syntax(String),
    /// JSON, but not results.
    #[error("this is JSON but no results.json of tidelag: {0}")]
    Foreign(String),
    /// Results of another version of the format.
    #[error(
        "this results.json has schema {found}; this program reads schema {SCHEMA}{}",
        hint(*.found)
    )]
    Schema {
        /// The version that the file states.
        found: u64,
    },
}

/// What to do about another schema.
fn hint(found: u64) -> &'static str {
    if found > u64::from(SCHEMA) {
        " (the file is newer: use a newer tidelag)"
    } else {
        " (no such schema was ever written)"
    }
}

/// `results` as JSON, a line per field, with a newline at the end. Floats are the shortest decimals
/// that read back as the same number; what cannot be known is `null`.
///
/// # Panics
/// If a number is NaN or infinite: that is a mistake of the program, and JSON could only
/// say `null`, which means something else.
pub fn json(results: &Results) -> String {
    assert_finite(results);
    let mut bytes = Vec::new();
    results
        .serialize(&mut Serializer::with_formatter(&mut bytes, Layout::default()))
        .expect("results hold only strings, numbers, lists and maps with string keys");
    let mut text = String::from_utf8(bytes).expect("JSON is text");
    text.push('\n');
    text
}

/// Reads what [`json`] wrote. Fields that this version does not know are ignored.
///
/// # Errors
/// If the text is no JSON, not of this kind, or of another schema.
pub fn parse_json(text: &str) -> Result<Results, ReadError> {
    #[derive(Deserialize)]
    struct Head {
        schema: u64,
    }
    let syntax: Result<IgnoredAny, _> = serde_json::from_str(text);
    syntax.map_err(|e| ReadError::Syntax(e.to_string()))?;
    let foreign = |e: serde_json::Error| ReadError::Foreign(e.to_string());
    // The schema is judged before the rest: that may well look wrong in a newer file.
    let head: Head = serde_json::from_str(text).map_err(foreign)?;
    if head.schema != u64::from(SCHEMA) {
        return Err(ReadError::Schema { found: head.schema });
    }
    serde_json::from_str(text).map_err(foreign)
}

/// Walks over every float of the results.
fn assert_finite(results: &Results) {
    let check = |v: f64, what: &str, path: &str| {
        assert!(v.is_finite(), "{what} {path} is {v}, which JSON cannot hold");
    };
    let pair = |ci: Option<[f64; 2]>, path: &str| {
        ci.into_iter().flatten().for_each(|v| check(v, "the interval of", path));
    };
    for (_, variant) in results.variants.iter() {
        let phases = &variant.phases;
        for v in [phases.warmup_s, phases.measured_s, phases.drained_s] {
            check(v, "a length in", "phases");
        }
        for (path, metric) in variant.metrics.iter() {
            metric.value.into_iter().for_each(|v| check(v, "metric", path));
            pair(metric.ci95, path);
        }
        for (path, series) in variant.series.iter() {
            check(series.bin_s, "the bin of", path);
            series.values.iter().flatten().for_each(|v| check(*v, "series", path));
        }
        for (path, histogram) in variant.histograms.iter() {
            histogram.values.iter().for_each(|v| check(*v, "histogram", path));
        }
        for e in &variant.expect {
            e.value.into_iter().for_each(|v| check(v, "the expectation on", &e.metric));
        }
        for w in &variant.failures {
            check(w.from, "the start of", &w.name);
            w.to.into_iter().for_each(|v| check(v, "the end of", &w.name));
        }
        for r in &variant.recoveries {
            let times = [Some(r.threshold), r.cause_end, r.recovered];
            times.into_iter().flatten().for_each(|v| check(v, "the recovery of", &r.name));
        }
    }
    for c in &results.comparisons {
        let numbers = c.diff.into_iter().chain(c.relative);
        numbers.for_each(|v| check(v, "the difference in", &c.metric));
        pair(c.ci95, &c.metric);
        pair(c.relative_ci95, &c.metric);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing;

    #[test]
    fn what_is_written_reads_back_equal() {
        for results in [testing::overload(), testing::crash(), testing::empty()] {
            let text = json(&results);
            assert!(text.ends_with("}\n"));
            assert!(parse_json(&text) == Ok(results), "another number came back");
        }
    }

    #[test]
    fn a_newer_schema_a_foreign_file_and_no_json_are_told_apart() {
        let message = |text: &str| parse_json(text).map(|_| ()).expect_err("wrong").to_string();
        assert_eq!(
            message("{\"schema\": 2, \"everything\": \"else\"}"),
            "this results.json has schema 2; this program reads schema 1 (the file is newer: use \
             a newer tidelag)"
        );
        assert!(message("{\"schema\": 0}").contains("no such schema"));
        assert!(message("{\"name\": \"package\"}").starts_with("this is JSON but no results.json"));
        assert!(message("[1, 2]").starts_with("this is JSON but no results.json"));
        assert!(message("{\"schema\": 1}").starts_with("this is JSON but no results.json"));
        assert!(message("title = 'x'").starts_with("this is not JSON"));
        assert!(message("").starts_with("this is not JSON"));
    }

    #[test]
    fn unknown_fields_are_ignored() {
        let text = json(&testing::overload()).replacen('{', "{\n  \"later\": [1, {}],", 1);
        assert!(parse_json(&text) == Ok(testing::overload()));
    }

    #[test]
    #[should_panic(expected = "metric email.lag.p99 is NaN")]
    fn nan_is_never_written() {
        let mut results = testing::overload();
        let base = results.variants.get_mut("base").expect("a variant");
        base.metrics.get_mut("email.lag.p99").expect("a metric").value = Some(f64::NAN);
        json(&results);
    }
}
