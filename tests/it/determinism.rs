//! Equal bytes whatever the machine does, and nothing that disturbs what it does not touch.

use crate::journal::split;
use crate::support::{self, results, simulate, tidelag, write};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use tidelag::results::{Results, VariantResult};
use tidelag::units::SimTime;

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

/// All fields of all metrics and distributions of `of` whose path begins with `prefix`, as text
/// that is equal only if every bit is.
fn numbers(of: &VariantResult, prefix: &str) -> Vec<String> {
    let metrics = of.metrics.iter().filter(|(path, _)| path.starts_with(prefix));
    let histograms = of.histograms.iter().filter(|(path, _)| path.starts_with(prefix));
    let metrics = metrics.map(|(path, m)| format!("{path}: {m:?}"));
    metrics.chain(histograms.map(|(path, h)| format!("{path}: {h:?}"))).collect()
}

/// As [`numbers`], with the series.
fn everything(of: &VariantResult, prefix: &str) -> Vec<String> {
    let series = of.series.iter().filter(|(path, _)| path.starts_with(prefix));
    let mut all = numbers(of, prefix);
    all.extend(series.map(|(path, s)| format!("{path}: {s:?}")));
    all
}

/// Two lists of lines are equal; if not, only the first line that differs is told.
fn assert_same(a: &[String], b: &[String], what: &str) {
    let first = a.iter().zip(b).find(|(a, b)| a != b);
    assert!(first.is_none(), "{what}: {first:.300?}");
    assert_eq!(a.len(), b.len(), "{what}");
}

/// The shop serves requests too, so that there is something to measure of it, and more than one
/// replication gives intervals.
const PLUS_ONE: &str = r#"
duration = "20s"
seeds    = 3
client.web = { calls = "shop.place", rate = "90/s", timeout = "50ms" }
[service.shop]
workers   = 2
api.place = { takes = "~8ms", writes = "order", emits = "OrderPlaced" }
[service.billing]
on.OrderPlaced = { takes = "~8ms", fails = "2%" }
[service.email]
workers = 4
on.OrderPlaced = "2ms..50ms"
[variant.analytics]
service.analytics.on.OrderPlaced = "2ms"
"#;

#[test]
fn one_more_subscriber_disturbs_nobody() {
    let course = results(Path::new("scenarios/03-plus-one.toml"), &[]);
    for (results, serves) in [(&course, false), (&simulate(PLUS_ONE, &[]), true)] {
        let (base, more) = (variant(results, "base"), variant(results, "analytics"));
        for name in base.digests.iter().map(|(name, _)| name) {
            assert_eq!(base.digests.get(name), more.digests.get(name), "digest of {name}");
            assert_eq!(base.ledger.get(name), more.ledger.get(name), "ledger of {name}");
        }
        for name in ["web", "shop", "billing", "email", "OrderPlaced@billing", "OrderPlaced@email"]
        {
            let prefix = format!("{name}.");
            let before = everything(base, &prefix);
            // The shop of the course only emits, and has no client: nothing is measured of them.
            let measured = serves || !["web", "shop"].contains(&name);
            assert_eq!(before.len() > 9, measured, "{name}: {}", before.len());
            assert_same(&before, &everything(more, &prefix), name);
        }
        assert!(["shop", "billing", "email"].iter().all(|name| base.digests.get(name).is_some()));
        assert!(more.digests.get("analytics").is_some());
        assert_ne!(base.digest, more.digest);
    }
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
fn a_failure_changes_no_series_before_it() {
    let failures = [
        // What happens at the very end of a bin belongs to it.
        "crash = \"email\"\nat = \"12010ms\"\nfor = \"1s\"",
        "slow = { email = \"5x\" }\nat = \"12010ms\"",
    ];
    let healthy = simulate(STRIKE, &[]);
    for failure in failures {
        let broken = simulate(&format!("{STRIKE}[[failure]]\n{failure}\n"), &[]);
        let (a, b) = (variant(&healthy, "base"), variant(&broken, "base"));
        assert_ne!(a.digests.get("email"), b.digests.get("email"), "{failure} did nothing");
        for (path, _) in a.series.iter() {
            assert_eq!(before(a, path, 12.0), before(b, path, 12.0), "{failure}: {path}");
        }
        // Stock shares nothing with email but the drain, which takes longer.
        assert_eq!(a.digests.get("stock"), b.digests.get("stock"), "{failure}");
        // How long it takes to recover is asked only where something failed.
        let of_stock = |v| {
            let all = numbers(v, "stock.").into_iter();
            all.filter(|n| !n.starts_with("stock.ttr")).collect::<Vec<_>>()
        };
        assert_same(&of_stock(a), &of_stock(b), failure);
        for (path, _) in a.series.iter().filter(|(path, _)| path.starts_with("stock.")) {
            assert_eq!(before(a, path, 20.0), before(b, path, 20.0), "{failure}: {path}");
        }
    }
}

/// Not only what is published, but each single thing that happens, with its time and identity.
#[test]
fn a_failure_changes_nothing_before_it() {
    // Before the failures that the file has already.
    let at = SimTime::from_ns(3_500_000_000);
    for replication in 0..2 {
        let (before, after) = split(MIXED, replication, at);
        assert!(before.len() > 5_000 && after.len() > 5_000, "{} {}", before.len(), after.len());
        for failure in [
            "crash = \"email\"\nfor = \"1s\"",
            "crash = \"shop\"\nfor = \"200ms\"",
            "slow = { email = \"5x\" }",
            "slow = { billing = \"2x\" }\nfor = \"2s\"",
        ] {
            let broken = format!("{MIXED}[[failure]]\nat = \"3500ms\"\n{failure}\n");
            let (same, other) = split(&broken, replication, at);
            assert_same(&before, &same, failure);
            assert!(after != other, "{failure} did nothing");
        }
    }
}

#[test]
fn a_failure_that_is_off_leaves_no_trace() {
    let healthy = simulate(STRIKE, &[]);
    for failure in ["crash = \"email\"\nfor = \"1s\"", "slow = { email = \"5x\" }"] {
        let off = format!("[[failure]]\nat = \"12s\"\n{failure}\n");
        let on = simulate(&format!("{STRIKE}{off}"), &[]);
        let off = simulate(&format!("{STRIKE}{off}off = true\n"), &[]);
        let [a, b, c] = [&healthy, &off, &on].map(|results| variant(results, "base"));
        assert_same(&everything(a, ""), &everything(b, ""), failure);
        // Ledger, digests and phases too: all there is.
        assert!(format!("{a:?}") == format!("{b:?}"), "{failure}");
        assert!(everything(a, "") != everything(c, ""), "{failure} would do nothing");
    }
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
