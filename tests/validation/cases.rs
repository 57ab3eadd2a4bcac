//! The models with exactly known results: `cases.toml`, `brokers.toml` and `failures.toml` as
//! types, shared by the test and by the command that writes docs/validation.md. Knows nothing of
//! how they are simulated.

use serde::Deserialize;

/// All cases in the order of the files.
pub(crate) fn all() -> Vec<Case> {
    let texts =
        [include_str!("cases.toml"), include_str!("brokers.toml"), include_str!("failures.toml")];
    let read = |text: &str| {
        let file: File = toml::from_str(text).expect("the cases are well formed");
        assert_eq!(file.schema, 1);
        file.case
    };
    texts.into_iter().flat_map(read).collect()
}

#[derive(Deserialize)]
struct File {
    schema: u32,
    case: Vec<Case>,
}

/// One model.
#[derive(Deserialize)]
pub(crate) struct Case {
    /// Name; the test's name too.
    pub(crate) id: String,
    /// `steady`, `static`, `terminating` or `deterministic`.
    regime: String,
    /// The scenario file.
    scenario: String,
    /// What is known of it.
    #[serde(rename = "check")]
    pub(crate) checks: Vec<Check>,
}

/// One number that is known exactly.
#[derive(Deserialize)]
pub(crate) struct Check {
    /// Path of the metric.
    pub(crate) metric: String,
    /// Exact value, in SI units.
    pub(crate) value: f64,
    /// Largest accepted absolute difference.
    pub(crate) tol: f64,
}

impl Case {
    /// The scenario, shortened by `k` if that only costs precision, and the factor by which the
    /// tolerances grow: the error of a mean falls with the square root of the samples. Models with
    /// a stated window are never shortened.
    pub(crate) fn shortened(&self, k: f64) -> (String, f64) {
        let long_run = matches!(self.regime.as_str(), "steady" | "static");
        if k == 1.0 || !long_run {
            return (self.scenario.clone(), 1.0);
        }
        let lines = self.scenario.lines().map(|line| shorten(line, k) + "\n");
        (lines.collect(), k.sqrt())
    }
}

/// `duration = "43000s"` and `warmup` divided by `k`, other lines as they are.
fn shorten(line: &str, k: f64) -> String {
    let key = line.split('=').next().unwrap_or_default().trim();
    let seconds = line.split('"').nth(1).and_then(|v| v.strip_suffix('s')?.parse::<f64>().ok());
    match seconds {
        Some(s) if key == "duration" || key == "warmup" => format!("{key} = \"{}s\"", s / k),
        _ => line.to_owned(),
    }
}

/// One row of docs/validation.md.
pub(crate) fn row(case: &Case, check: &Check, found: f64) -> String {
    let percent = |x: f64| {
        if check.value == 0.0 {
            "-".to_owned()
        } else {
            format!("{:+.2} %", 100.0 * x / check.value)
        }
    };
    let tolerance = percent(check.tol).replace('+', "");
    let tolerance = if check.value == 0.0 { format!("{}", check.tol) } else { tolerance };
    format!(
        "| {} | `{}` | {:.6} | {:.6} | {} | {} |",
        case.id,
        check.metric,
        found,
        check.value,
        percent(found - check.value),
        tolerance
    )
}
