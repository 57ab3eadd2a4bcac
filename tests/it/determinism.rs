//! Equal bytes whatever the machine does, and nothing that disturbs what it does not touch.

use crate::support::{self, results, simulate, tidelag, write};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use tidelag::results::{Results, VariantResult};

/// Three variants, calls and events, a crash and a slow-down: a little of everything.
const MIXED: &str = r#"
title    = "A little of everything"
duration = "8s"
warmup   = "2s"
seeds    = 4
zones    = ["a", "b"]

[client.web]
calls   = "shop.place"
rate    = "100/s"
timeout = "200ms"
retry   = { attempts = 2, backoff = "10ms..100ms full-jitter" }

[service.shop]
instances = 2
workers   = 20
api.place = { takes = "2ms p99 9ms", calls = "billing.charge", writes = "order", emits = "Placed" }

[service.billing]
instances  = 3
workers    = 4
balance    = "two-choices"
api.charge = { takes = "~20ms", fails = "1%" }

[service.email]
workers   = 4
on.Placed = { takes = "~25ms", fails = "2%", backoff = "20ms..1s full-jitter" }

[service.stock]
workers   = 2
on.Placed = "5ms..12ms"

[[failure]]
crash = "email"
at    = "4s"
for   = "500ms"

[[failure]]
slow = { billing = "3x" }
at   = "6s"
for  = "1s"

[variant.more]
service.email.workers = 8

[variant.busy]
client.web.rate = "150/s"
"#;

/// Every file under `dir` by its path.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(dir).expect("below it").to_string_lossy().into_owned();
            found.insert(name, std::fs::read(&path).expect("a readable file"));
        }
    }
    found
}

/// Everything that a run of [`MIXED`] writes, called `name` in a directory of its own.
fn outputs(name: &str, threads: &str) -> BTreeMap<String, Vec<u8>> {
    let dir = tempfile::tempdir().expect("a directory");
    let file = write(dir.path(), name, MIXED);
    let out = dir.path().join("out");
    let mut command = tidelag();
    command.arg("run").arg(&file).args(["--threads", threads, "--quiet"]).arg("--out").arg(&out);
    command.current_dir(dir.path());
    let output = command.output().expect("the binary starts");
    assert_eq!(support::status(&output), 0, "{}", support::stderr(&output));
    let mut all = contents(&out);
    all.insert("stdout".to_owned(), output.stdout);
    all
}

/// Paths in the report on the terminal may differ, files may not.
fn assert_equal(a: &BTreeMap<String, Vec<u8>>, b: &BTreeMap<String, Vec<u8>>) {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in a.iter().filter(|(name, _)| *name != "stdout") {
        assert!(*bytes == b[name], "{name} differs");
    }
}

#[test]
fn threads_folder_and_file_name_change_no_byte() {
    let one = outputs("a.toml", "1");
    for wanted in ["results.json", "report.html", "series.csv", "lag.csv"] {
        assert!(one.contains_key(wanted), "{wanted} is missing: {:?}", one.keys());
    }
    assert!(one.keys().any(|name| name.starts_with("charts")), "no chart: {:?}", one.keys());
    assert_equal(&one, &outputs("a.toml", "2"));
    assert_equal(&one, &outputs("another name.toml", "2"));
}

/// Debug and release build give the same bytes: both are held against the same pinned digests.
#[test]
fn the_build_changes_no_byte() {
    use sha2::{Digest, Sha256};
    let all = outputs("a.toml", "2");
    let mut found = String::new();
    for (name, bytes) in all.iter().filter(|(name, _)| *name != "stdout") {
        let _ = write!(found, "{name:?} = \"");
        for byte in Sha256::digest(bytes) {
            let _ = write!(found, "{byte:02x}");
        }
        found.push_str("\"\n");
    }
    let pinned = support::root().join("tests/golden/outputs.toml");
    if support::update() {
        std::fs::create_dir_all(pinned.parent().expect("a parent")).expect("a directory");
        let head = "# SHA-256 of every file of one run; a debug and a release build must agree.\n";
        std::fs::write(&pinned, format!("{head}{found}")).expect("a writable file");
    }
    let expected = std::fs::read_to_string(&pinned).unwrap_or_default();
    let expected: String = expected.lines().skip(1).map(|l| l.to_owned() + "\n").collect();
    assert_eq!(expected, found);
}

fn variant<'a>(results: &'a Results, name: &str) -> &'a VariantResult {
    results.variants.get(name).unwrap_or_else(|| panic!("no variant {name}"))
}

/// Metrics of `of` whose path begins with `prefix`, as text that is equal only if every bit is.
fn numbers(of: &VariantResult, prefix: &str) -> Vec<String> {
    let mine = of.metrics.iter().filter(|(path, _)| path.starts_with(prefix));
    mine.map(|(path, m)| format!("{path}: {:?} {:?} {:?}", m.value, m.count, m.censored)).collect()
}

#[test]
fn one_more_subscriber_disturbs_nobody() {
    let results = results(Path::new("scenarios/03-plus-one.toml"), &[]);
    let (base, more) = (variant(&results, "base"), variant(&results, "analytics"));
    for name in ["shop", "billing", "email"] {
        let digest = base.digests.get(name);
        assert!(digest.is_some(), "{name} has no digest");
        assert_eq!(digest, more.digests.get(name), "digest of {name}");
    }
    for prefix in ["billing.", "email.", "OrderPlaced@billing.", "OrderPlaced@email."] {
        let before = numbers(base, prefix);
        assert!(before.len() > 5, "{prefix}: {before:?}");
        assert_eq!(before, numbers(more, prefix));
    }
    assert!(more.digests.get("analytics").is_some());
    assert_ne!(base.digest, more.digest);
}

const STRIKE: &str = r#"
duration = "20s"
[service.shop]
emits.Placed = "200/s"
[service.email]
workers   = 4
on.Placed = "~15ms"
[service.stock]
instances = 2
on.Placed = "~6ms"
"#;

/// Values of a series up to, and without, the bin that holds `until` seconds.
fn before(results: &VariantResult, path: &str, until: f64) -> Vec<Option<f64>> {
    let series = results.series.get(path).unwrap_or_else(|| panic!("no series {path}"));
    let bins = (until / series.bin_s) as usize;
    assert!(bins > 10 && series.values.len() > bins, "{path}: {bins} bins");
    series.values[..bins].to_vec()
}

#[test]
fn a_failure_changes_nothing_before_it() {
    let failures = [
        "crash = \"email\"\nat = \"12s\"\nfor = \"1s\"",
        "slow = { email = \"5x\" }\nat = \"12s\"",
    ];
    let healthy = simulate(STRIKE, &[]);
    for failure in failures {
        let broken = simulate(&format!("{STRIKE}[[failure]]\n{failure}\n"), &[]);
        let (a, b) = (variant(&healthy, "base"), variant(&broken, "base"));
        assert_ne!(a.digests.get("email"), b.digests.get("email"), "{failure} did nothing");
        for (path, _) in a.series.iter() {
            assert_eq!(before(a, path, 12.0), before(b, path, 12.0), "{failure}: {path}");
        }
        // Stock shares nothing with email.
        assert_eq!(a.digests.get("stock"), b.digests.get("stock"), "{failure}");
        assert_eq!(numbers(a, "stock."), numbers(b, "stock."), "{failure}");
    }
}

#[test]
fn a_failure_that_is_off_leaves_no_trace() {
    let off = "[[failure]]\ncrash = \"email\"\nat = \"12s\"\nfor = \"1s\"\noff = true\n";
    let (a, b) = (simulate(STRIKE, &[]), simulate(&format!("{STRIKE}{off}"), &[]));
    assert_eq!(variant(&a, "base").digest, variant(&b, "base").digest);
    assert_eq!(variant(&a, "base").metrics, variant(&b, "base").metrics);
}

#[test]
fn another_seed_gives_another_history() {
    let (one, two) = (simulate(STRIKE, &[]), simulate(STRIKE, &["--seed", "2"]));
    assert_ne!(variant(&one, "base").digest, variant(&two, "base").digest);
}

#[test]
fn probes_and_reports_change_no_history() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = write(dir.path(), "s.toml", STRIKE);
    let out = dir.path().join("out").to_string_lossy().into_owned();
    let (plain, full) = (results(&file, &[]), results(&file, &["--out", &out]));
    assert_eq!(plain, full);
}
