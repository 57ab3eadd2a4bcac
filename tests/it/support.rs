//! What several tests need: the binary, the library, the scenarios of the repository. Knows nothing
//! of what is tested.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tidelag::results::Results;

/// The package's directory.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The binary, ready to be given arguments. It runs in the package's directory, without colours.
pub(crate) fn tidelag() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidelag"));
    command.current_dir(root()).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// Exit status of a finished process; a signal is none.
pub(crate) fn status(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

/// Standard error as text.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Results of `run FILE` and further arguments; its exit status is 0 or 1.
pub(crate) fn results(file: &Path, more: &[&str]) -> Results {
    let mut command = tidelag();
    command.arg("run").arg(file).args(["--format", "json", "--quiet"]).args(more);
    let output = command.output().expect("the binary starts");
    let status = status(&output);
    assert!(status == 0 || status == 1, "exit status {status}:\n{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("results.json on stdout")
}

/// Results of a scenario given as text.
pub(crate) fn simulate(text: &str, more: &[&str]) -> Results {
    let dir = tempfile::tempdir().expect("a directory");
    let file = write(dir.path(), "scenario.toml", text);
    results(&file, more)
}

/// Value of a metric of the variant `base`.
pub(crate) fn value(results: &Results, metric: &str) -> f64 {
    let base = results.variants.get("base").expect("a variant `base`");
    let found = base.metrics.get(metric).unwrap_or_else(|| panic!("no metric {metric}"));
    found.value.unwrap_or_else(|| panic!("{metric} has no value: {:?}", found.note))
}

/// Writes `text` to `dir/name`.
pub(crate) fn write(dir: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).expect("a writable directory");
    path
}

/// Files of `dir` that end in `.ending`, sorted, by their name without it.
pub(crate) fn files(dir: &str, ending: &str) -> BTreeMap<String, PathBuf> {
    let Ok(entries) = std::fs::read_dir(root().join(dir)) else { return BTreeMap::new() };
    let paths = entries.map(|e| e.expect("a directory entry").path());
    let named = paths.filter(|p| p.extension().is_some_and(|e| e == ending));
    named.map(|p| (p.file_stem().expect("a name").to_string_lossy().into_owned(), p)).collect()
}

/// Whether `UPDATE=1` asks to rewrite what is pinned.
pub(crate) fn update() -> bool {
    std::env::var_os("UPDATE").is_some_and(|v| v == "1")
}

/// Numbers that look random and are the same on every run and machine.
pub(crate) struct Dice(u64);

impl Dice {
    /// A sequence of its own for each seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A whole number below `n`, which is at least 1.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    /// One of `items`.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}
