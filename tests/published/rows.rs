//! Published results as bounds of scenario files: shared by the test and by the command that writes
//! docs/validation.md. Knows nothing of how they are simulated.

use tidelag::results::Results;

/// Scenario files and where their numbers were published.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("asyncflow-single", "AsyncFlow 0.1, example of a single server"),
    ("asyncflow-balanced", "AsyncFlow 0.1, example of two servers behind a balancer"),
    (
        "backoff-contention",
        "AWS Architecture Blog, Exponential Backoff And Jitter, and its simulator",
    ),
    (
        "asyncflow-outages",
        "AsyncFlow 0.1, example of two servers with injected events (mean: arithmetic)",
    ),
    ("asyncflow-spike", "AsyncFlow 0.1, example of a heavily used server with an injected event"),
    (
        "retry-budget",
        "M. Brooker, Fixing retries with token buckets and circuit breakers (formula)",
    ),
];

/// Rows of docs/validation.md for one file, and whether each bound holds.
pub(crate) fn rows(file: &str, results: &Results) -> Vec<(String, bool)> {
    let mut rows = Vec::new();
    for (variant, found) in results.variants.iter() {
        for line in &found.expect {
            let value = line.value.map_or("-".to_owned(), |v| format!("{v:.6}"));
            let (metric, bound) = (&line.metric, &line.bound);
            let row = format!("| {file}, {variant} | `{metric}` | {value} | {bound} |");
            rows.push((row, line.holds));
        }
    }
    rows
}
