//! The swarm: architectures with any broker, any way to publish, to consume and to guard calls, and
//! anything that may break, drawn from a number.
//!
//! The program itself checks conservation, segments and Little's law at the end of every run and
//! ends with status 70 if one is broken; what it publishes is judged here once more, and every run
//! has to come to rest, or to have one of the reasons in `rest`. A number that fails is said, with
//! its scenario. `SWARM=10000 cargo test --release swarm` runs as many as it says, and
//! `SWARM_FROM=77 SWARM=77` that one alone.

mod before;
mod failures;
mod found;
mod guards;
mod rest;
mod world;

use crate::support;
use rest::{Restless, struck_once};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use tidelag::results::{Ledger, Results};
use tidelag::scenario::keys::{TRIGGERS, VERBS};
use world::architecture;

/// Among so many numbers everything is drawn.
const ALL: u64 = 600;

/// The last number of the everyday test.
const FEW: u64 = if cfg!(debug_assertions) { 60 } else { ALL };

/// Of so many one is run again, on two threads instead of one.
const AGAIN: u64 = 8;

fn accounted(ledger: &Ledger) -> u64 {
    let reasons = ledger.dropped.iter().chain(ledger.lost.iter()).map(|(_, n)| *n).sum::<u64>();
    let open = ledger.pending + ledger.stored + ledger.leased;
    let judged = ledger.applied + ledger.superseded + ledger.rejected;
    open + judged + ledger.dead_lettered + ledger.expired + reasons
}

/// What is wrong with the results, if anything.
fn fault(results: &Results) -> Option<String> {
    let base = results.variants.get("base")?;
    for (service, ledger) in base.ledger.iter() {
        if accounted(ledger) != ledger.committed {
            return Some(format!("{service} does not balance: {ledger:?}"));
        }
        let open = ledger.pending + ledger.stored + ledger.leased;
        if base.phases.converged && open > 0 {
            return Some(format!("{service} at rest with live obligations: {ledger:?}"));
        }
    }
    None
}

fn at_rest(results: &Results) -> bool {
    results.variants.get("base").is_some_and(|base| base.phases.converged)
}

/// What `run` prints for a scenario on so many threads.
fn printed(file: &Path, more: &[&str]) -> Result<Vec<u8>, String> {
    let mut command = support::tidelag();
    command.arg("run").arg(file).args(["--format", "json", "--quiet"]).args(more);
    let output = command.output().expect("the binary starts");
    match support::status(&output) {
        0 | 1 => Ok(output.stdout),
        status => Err(format!("status {status}\n{}", support::stderr(&output))),
    }
}

/// Runs the architecture of a number. What is wrong with it, if anything.
fn judge(seed: u64, dir: &Path) -> Result<(), String> {
    let drawn = architecture(seed);
    let file = support::write(dir, &format!("{seed}.toml"), &drawn.text);
    let again = seed.is_multiple_of(AGAIN);
    let seeds = if again { "2" } else { "1" };
    let one = printed(&file, &["--seeds", seeds, "--threads", "1"])?;
    if again && one != printed(&file, &["--seeds", seeds, "--threads", "2"])? {
        return Err("two threads give other bytes than one".to_owned());
    }
    let results: Results = serde_json::from_slice(&one).expect("results.json");
    fault(&results).map_or(Ok(()), Err)?;
    if at_rest(&results) || drawn.restless.iter().any(|why| *why != Restless::ComesBack) {
        return Ok(());
    }
    if drawn.restless.is_empty() {
        return Err("it is not at rest, and nothing that was drawn is a reason".to_owned());
    }
    let once = support::write(dir, &format!("{seed}-once.toml"), struck_once(&drawn.text));
    let one = printed(&once, &["--threads", "1"])?;
    if at_rest(&serde_json::from_slice(&one).expect("results.json")) {
        return Ok(());
    }
    Err("it is not at rest, nor if every failure strikes only once".to_owned())
}

/// A number of the environment.
fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|n| n.parse().ok())
}

#[test]
fn swarm() {
    let last = given("SWARM").unwrap_or(FEW);
    let next = AtomicU64::new(given("SWARM_FROM").unwrap_or(1));
    let dir = tempfile::tempdir().expect("a directory");
    let work = || {
        let mut wrong = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > last {
                return wrong;
            }
            if let Err(fault) = judge(seed, dir.path()) {
                wrong.push((seed, fault));
            }
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let mut wrong: Vec<(u64, String)> = thread::scope(|scope| {
        let all: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        all.into_iter().flat_map(|one| one.join().expect("a number of the swarm")).collect()
    });
    wrong.sort();
    let say = |(seed, fault): &(u64, String)| format!("swarm number {seed}: {fault}");
    let said: Vec<String> = wrong.iter().map(say).collect();
    if let Some((seed, _)) = wrong.first() {
        let text = architecture(*seed).text;
        panic!("{}\n{} numbers fail. Number {seed}:\n{text}", said.join("\n"), wrong.len());
    }
}

#[test]
fn the_swarm_draws_every_verb_and_every_trigger() {
    let seen: BTreeSet<&str> = (1..=ALL).flat_map(|seed| architecture(seed).seen).collect();
    for word in VERBS.iter().chain(TRIGGERS) {
        assert!(seen.contains(word), "the swarm never draws `{word}`");
    }
}
