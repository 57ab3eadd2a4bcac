//! Writes docs/validation.md, every model with exactly known results simulated anew, and
//! docs/ground-truth.md, what real brokers did beside what the simulation says.
//!
//! `cargo run --release --example validation`. Exit status 1 if a number is out of tolerance.

#![expect(clippy::disallowed_methods, reason = "it writes a document")]

#[path = "../tests/validation/cases.rs"]
mod cases;
#[path = "../tests/published/rows.rs"]
mod rows;
#[path = "../tests/ground-truth/runs.rs"]
mod runs;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use tidelag::results::Results;

const HEAD: &str = "\
# Validation

Written by `cargo run --release --example validation`; do not edit. Every model has a result that \
theory knows exactly; [tests/validation](../tests/validation/README.md) says where the models come \
from, what the tolerances are made of and which of them are ours. `cargo test --release` holds \
each line against a fresh run.

| case | metric | simulated | exact | deviation | tolerance |
|---|---|---|---|---|---|
";

/// Results of one scenario, by the release binary beside this example.
fn simulate(binary: &Path, id: &str, scenario: &str) -> Results {
    let dir = std::env::temp_dir().join(format!("tidelag-validation-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory for the scenario");
    let file = dir.join(format!("{id}.toml"));
    std::fs::write(&file, scenario).expect("a writable directory");
    let results = simulated(binary, &file);
    std::fs::remove_dir_all(&dir).expect("our own directory");
    results
}

const PUBLISHED: &str = "
## Published results

What others have simulated and published, as scenarios of \
[tests/published](../tests/published/README.md). A bound is what the publication says, give or \
take what its own chance or rounding leaves open; SI units unless it names one.

| scenario, variant | metric | simulated | bound |
|---|---|---|---|
";

const TRUTH: &str = "\
# Ground truth

Written by `cargo run --release --example validation`; do not edit. Real brokers on one machine, \
beside scenarios that are calibrated on runs at 15 events per second and fed the arrivals and \
service times of each run ([tests/ground-truth](../tests/ground-truth/README.md)). How long a \
broker takes to start, and the pauses between a client's attempts to connect, are inputs too.

| run | measured | simulated | error | goal | |
|---|---|---|---|---|---|
";

const MISSES: &str = "
## What the model lacks

The overheads of a client and its broker fall with load, because nothing has gone to sleep, and \
rise when several processes want a core at once; the scenarios know them as constants from an \
idle machine. A service of 2 ms notices that three workers wake for one event on two cores. \
Commits and confirmations have a tail of up to 50 ms (fsync) that the outbox scenario does not \
have.

Time to drain shows that most, because only the difference between capacity and arrivals works a \
backlog off: one percent of a worker's time is two and a half of the drain. Per event, beside \
the work it was asked for, the NATS worker of the stall took 0.21 ms (scenario: 0.34), that of \
Redis 0.44 ms until its acknowledgement (0.52), the killed one of RabbitMQ 0.33 ms (0.31). Hence \
NATS drains 4 % too late after its restart and 7 % after the stall, which also raises the mean; \
Redis 5 % too late; the killed one 4 % too early.

Which deliveries fail is drawn anew in the scenario of redeliveries, and its 20 replications are \
averaged. Lost acknowledgements keep about eleven of twenty places in the window, and how often \
all are taken is a matter of luck: the replications have means from 15 to 45 ms and p99 from 66 \
to 614. What was measured, 16 and 88 ms, is at the lucky end. A small program that fails the \
very first deliveries that failed in the run gets 16 to 21 ms. Redis workers claim what is old \
enough once a second and all at once; the scenario spreads it, which its p90 would show.
";

/// Results of a scenario file.
fn simulated(binary: &Path, file: &Path) -> Results {
    let mut command = Command::new(binary);
    command.arg("run").arg(file).args(["--format", "json", "--quiet"]);
    let output = command.output().unwrap_or_else(|e| panic!("{}: {e}", binary.display()));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
        panic!("{}: {e}\n{}", file.display(), String::from_utf8_lossy(&output.stderr));
    })
}

/// Writes docs/ground-truth.md.
fn ground_truth(root: &Path, binary: &Path) {
    let mut page = TRUTH.to_owned();
    let (mut all, mut met) = (0, 0);
    for file in runs::files() {
        let results = simulated(binary, &root.join(format!("tests/ground-truth/{file}.toml")));
        for (_, variant, run, service) in runs::RUNS.iter().filter(|r| r.0 == file) {
            let found = results.variants.get(variant).expect("the variant");
            for line in runs::lines(run, service, found) {
                let _ = writeln!(page, "{}", line.row());
                all += 1;
                met += usize::from(line.holds());
            }
        }
    }
    let _ = writeln!(page, "\n{met} of {all} goals are met.");
    page.push_str(MISSES);
    std::fs::write(root.join("docs/ground-truth.md"), page).expect("docs/ground-truth.md");
}

/// Adds the table of published results. How many bounds do not hold.
fn published(root: &Path, binary: &Path, page: &mut String) -> usize {
    page.push_str(PUBLISHED);
    let mut faults = 0;
    for (file, _) in rows::FILES {
        let results = simulated(binary, &root.join(format!("tests/published/{file}.toml")));
        for (row, holds) in rows::rows(file, &results) {
            let _ = writeln!(page, "{row}");
            faults += usize::from(!holds);
        }
    }
    page.push_str("\nSources:\n\n");
    for (file, source) in rows::FILES {
        let _ = writeln!(page, "- {file}: {source}");
    }
    faults
}

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = std::env::current_exe().expect("the path of this program");
    let profile = example.parent().and_then(Path::parent).expect("target/PROFILE/examples");
    let binary = profile.join(format!("tidelag{}", std::env::consts::EXE_SUFFIX));
    ground_truth(root, &binary);
    let mut page = HEAD.to_owned();
    let (mut checks, mut faults) = (0, 0);
    let all = cases::all();
    for case in &all {
        let (scenario, _) = case.shortened(1.0);
        let results = simulate(&binary, &case.id, &scenario);
        let base = results.variants.get("base").expect("a variant `base`");
        for check in &case.checks {
            let metric = base.metrics.get(&check.metric).expect("a metric of the catalogue");
            let found = metric.value.unwrap_or(f64::NAN);
            checks += 1;
            let difference = (found - check.value).abs();
            faults += usize::from(difference.is_nan() || difference > check.tol);
            let _ = writeln!(page, "{}", cases::row(case, check, found));
        }
    }
    let cases = all.len();
    let _ = writeln!(page, "\n{cases} models, {checks} numbers, {faults} out of tolerance.");
    faults += published(root, &binary, &mut page);
    std::fs::write(root.join("docs/validation.md"), page).expect("docs/validation.md");
    ExitCode::from(u8::from(faults > 0))
}
