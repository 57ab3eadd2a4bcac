//! Results as CSV for notebooks and spreadsheets: plain decimals, one number a line, an empty cell
//! where there is none.

use crate::results::Results;
use csv::{Terminator, WriterBuilder};

/// Rows as CSV with line feeds on every platform.
struct Sheet(csv::Writer<Vec<u8>>);

impl Sheet {
    fn new(head: &[&str]) -> Self {
        let mut sheet =
            Self(WriterBuilder::new().terminator(Terminator::Any(b'\n')).from_writer(Vec::new()));
        sheet.row(head);
        sheet
    }

    fn row<S: AsRef<[u8]>>(&mut self, cells: &[S]) {
        self.0.write_record(cells).expect("memory takes every row, and all rows are equally long");
    }

    fn text(self) -> String {
        let bytes = self.0.into_inner().expect("memory takes every row");
        String::from_utf8(bytes).expect("all cells are text")
    }
}

/// The shortest decimal that reads back as the same number, or nothing.
fn float(v: Option<f64>) -> String {
    v.map_or(String::new(), |v| v.to_string())
}

fn integer(v: Option<u64>) -> String {
    v.map_or(String::new(), |v| v.to_string())
}

/// Every metric: `variant,metric,unit,value,ci_low,ci_high,count,censored,note`.
pub fn metrics_csv(results: &Results) -> String {
    let mut sheet = Sheet::new(&[
        "variant", "metric", "unit", "value", "ci_low", "ci_high", "count", "censored", "note",
    ]);
    for (variant, result) in results.variants.iter() {
        for (path, m) in result.metrics.iter() {
            sheet.row(&[
                variant,
                path,
                &m.unit,
                &float(m.value),
                &float(m.ci95.map(|ci| ci[0])),
                &float(m.ci95.map(|ci| ci[1])),
                &integer(m.count),
                &integer(m.censored),
                m.note.as_deref().unwrap_or(""),
            ]);
        }
    }
    sheet.text()
}

/// Every number over time: `variant,metric,unit,t_s,value`, where `t_s` is the start of the bin.
pub fn series_csv(results: &Results) -> String {
    let mut sheet = Sheet::new(&["variant", "metric", "unit", "t_s", "value"]);
    for (variant, result) in results.variants.iter() {
        for (path, s) in result.series.iter() {
            for (k, value) in s.values.iter().enumerate() {
                let start = bin_start(k, s.bin_s);
                sheet.row(&[variant, path, &s.unit, &start, &float(*value)]);
            }
        }
    }
    sheet.text()
}

/// Start of bin `k` in seconds. `k * bin_s` alone would show 0.30000000000000004 for bin 3 of 0.1
/// s: bins are 1, 2 or 5 times a power of ten, so the division by the exact inverse gives the
/// decimal that is meant.
fn bin_start(k: usize, bin_s: f64) -> String {
    let start = k as f64 * bin_s;
    let inverse = 1.0 / bin_s;
    if bin_s < 1.0 && inverse.is_finite() && (inverse - inverse.round()).abs() < 1e-6 {
        return (k as f64 / inverse.round()).to_string();
    }
    start.to_string()
}

/// Every distribution of a consistency lag: `variant,subscriber,event,value_s,cumulative`. `event`
/// is empty for all events of a subscriber together. Samples that never ended count into the whole,
/// so the share may stay below 1.
pub fn lag_csv(results: &Results) -> String {
    let mut sheet = Sheet::new(&["variant", "subscriber", "event", "value_s", "cumulative"]);
    for (variant, result) in results.variants.iter() {
        for (path, histogram) in result.histograms.iter() {
            let Some(scope) = path.strip_suffix(".lag") else { continue };
            let (event, subscriber) = scope.split_once('@').unwrap_or(("", scope));
            for (value, share) in histogram.cumulative() {
                let (value, share) = (value.to_string(), share.to_string());
                sheet.row(&[variant, subscriber, event, &value, &share]);
            }
        }
    }
    sheet.text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing;
    use crate::results::Histogram;

    #[test]
    fn metrics_keep_intervals_counts_and_reasons() {
        let text = metrics_csv(&testing::overload());
        let line = |start: &str| text.lines().find(|l| l.starts_with(start)).unwrap_or("");
        assert_eq!(
            line("fixed,email.lag.p50"),
            "fixed,email.lag.p50,s,0.034,0.03332,0.03468,6000,0,"
        );
        assert_eq!(
            line("base,email.lag.p999"),
            "base,email.lag.p999,s,,,,6000,0,p99.9 needs 10 000 samples"
        );
    }

    #[test]
    fn series_count_their_bins_in_plain_decimals() {
        let text = series_csv(&testing::overload());
        let mut lines = text.lines().filter(|l| l.starts_with("base,email.throughput"));
        assert!(lines.nth(3).is_some_and(|l| l.starts_with("base,email.throughput,1/s,0.3,")));
        let text = series_csv(&testing::crash());
        assert!(text.contains("base,web.latency.p50,s,120,\n"), "an empty bin has no value");
    }

    #[test]
    fn distributions_end_below_one_where_samples_never_ended() {
        let mut results = testing::empty();
        let mut v = crate::results::VariantResult::default();
        let h = Histogram {
            unit: "s".to_owned(),
            values: vec![0.5, 2.0],
            counts: vec![1, 2],
            censored: 1,
        };
        v.histograms.push("A@b.lag", h.clone());
        v.histograms.push("b.wait", h);
        results.variants.push("base", v);
        assert_eq!(
            lag_csv(&results),
            "variant,subscriber,event,value_s,cumulative\nbase,b,A,0.5,0.25\nbase,b,A,2,0.75\n"
        );
    }

    #[test]
    fn awkward_names_are_quoted() {
        let mut results = testing::empty();
        let mut v = crate::results::VariantResult::default();
        v.metrics.push("a,\"b\".throughput", crate::results::Metric::default());
        results.variants.push("base", v);
        assert!(metrics_csv(&results).contains("base,\"a,\"\"b\"\".throughput\",,"));
    }
}
