//! What a failure leaves alone, for every verb in an architecture where the swarm draws it: the run
//! without it if it is off, and everything before it strikes.

use super::rest::struck_once;
use super::world::architecture;
use super::{ALL, support};
use tidelag::results::{Results, VariantResult};
use tidelag::scenario::keys::VERBS;

/// Up to the end of this second nothing strikes: what happens at the end of a bin belongs to it.
const STRIKES: f64 = 2.0;

/// The scenario without its failures, with them switched off, and with all of them after 2 s.
fn variants(text: &str) -> [String; 3] {
    let healthy = text.find("[[failure]]").map_or(text, |at| &text[..at]).to_owned();
    let off = text.replace("[[failure]]\n", "[[failure]]\noff = true\n");
    let late = |line: &str| {
        let line = if line.starts_with("at = ") { "at = \"2005ms\"" } else { line };
        format!("{line}\n")
    };
    [healthy, off, struck_once(text).lines().map(late).collect()]
}

fn base(results: &Results) -> &VariantResult {
    results.variants.get("base").expect("a variant `base`")
}

/// Whether the failures of a scenario do anything. What they should leave alone is compared.
fn strikes(text: &str) -> bool {
    let [healthy, off, late] = variants(text).map(|text| support::simulate(&text, &[]));
    let [healthy, off, late] = [&healthy, &off, &late].map(base);
    assert!(healthy == off, "failures are off and there:\n{text}");
    let mut compared = 0;
    for (path, series) in healthy.series.iter() {
        let Some(other) = late.series.get(path) else { continue };
        let bins = (STRIKES / series.bin_s) as usize;
        assert!(bins > 10 && series.bin_s.to_bits() == other.bin_s.to_bits(), "{path}");
        assert_eq!(series.values[..bins], other.values[..bins], "{path}:\n{text}");
        compared += bins;
    }
    assert!(compared > 100, "{compared} bins:\n{text}");
    healthy.digest != late.digest
}

#[test]
fn no_verb_changes_what_comes_before_it_or_is_there_when_it_is_off() {
    for verb in VERBS {
        let mut drawn = (1..=ALL).map(architecture).filter(|drawn| drawn.seen.contains(verb));
        assert!(drawn.any(|drawn| strikes(&drawn.text)), "`{verb}` never does anything");
    }
}
