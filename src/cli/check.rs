//! `tidelag check`.

use super::args::Check;
use super::status::{Failure, Status};
use super::{load, output};
use crate::results::Advice;
use crate::scenario::{self, Scenario, Utilisation, Variant};
use std::fmt::Write;
use std::path::Path;

/// Parses, resolves and advises every file. One wrong file does not hide the others.
pub(super) fn check(args: &Check) -> Result<Status, Failure> {
    let mut status = Status::Fine;
    let several = args.files.len() > 1;
    for file in &args.files {
        match load::load(file, &args.selection, args.tone) {
            Ok(scenario) if args.tone.quiet => drop(scenario),
            Ok(scenario) => output::print(&findings(&scenario, several.then_some(file)))?,
            Err(failure) => {
                output::error(&failure.message);
                status = Status::Wrong;
            }
        }
    }
    Ok(status)
}

/// Utilisation and advice of each variant, then one line that it is fine.
fn findings(scenario: &Scenario, file: Option<&std::path::PathBuf>) -> String {
    let mut text = String::new();
    for variant in &scenario.variants {
        let used = scenario::utilisations(&variant.blueprint);
        if !used.is_empty() || !variant.advice.is_empty() {
            text.push_str(&variant.name);
            text.push('\n');
        }
        text.push_str(&utilisation(&used));
        for advice in &variant.advice {
            text.push_str(&remark(advice));
        }
    }
    text.push_str(&fine(&scenario.variants, file.map(AsRef::as_ref)));
    text
}

/// One line per service with handlers.
fn utilisation(used: &[Utilisation]) -> String {
    let longest = used.iter().map(|u| u.service.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for u in used {
        let busy = if u.rho.is_finite() { format!("{:.1} %", u.rho * 100.0) } else { "∞".into() };
        let _to_a_string = writeln!(
            text,
            "  {:longest$}  utilisation {busy:>8}: {} on {}, {:.4} s each",
            u.service,
            per_second(u.rate_per_s),
            count(u.workers as usize, u.key.trim_end_matches('s')),
            u.takes_s,
        );
    }
    text
}

fn per_second(rate: f64) -> String {
    if rate.is_finite() { format!("{rate:.1}/s") } else { "ever more".to_owned() }
}

fn remark(advice: &Advice) -> String {
    let next = advice.try_next.as_ref().map(|next| format!(" (try {next})")).unwrap_or_default();
    format!("  {}: {}{next}\n", advice.code, advice.text)
}

/// What the base consists of; the file is named only where there are several.
fn fine(variants: &[Variant], file: Option<&Path>) -> String {
    let Some(base) = variants.first() else { return String::new() };
    let blueprint = &base.blueprint;
    let mut parts = vec![count(blueprint.services.len(), "service")];
    for (number, noun) in [
        (blueprint.clients.len(), "client"),
        (blueprint.events.len(), "event type"),
        (blueprint.failures.len(), "failure"),
    ] {
        if number > 0 {
            parts.push(count(number, noun));
        }
    }
    parts.push(count(variants.len(), "variant"));
    let of = file.map(|file| format!(" in {}", file.display())).unwrap_or_default();
    format!("ok: {}{of}\n", parts.join(", "))
}

/// `1 service`, `2 services`.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
