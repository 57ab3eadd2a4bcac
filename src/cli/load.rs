//! From a path on the command line to a scenario, with what is to be said on the way.

use super::args::{Selection, Tone};
use super::disk::Disk;
use super::output;
use super::status::{Failure, Status};
use crate::scenario::{self, Failed, LoadOptions, Scenario};
use std::path::Path;

/// Loads a scenario. Remarks go to stderr unless quiet.
///
/// # Errors
/// If it is wrong; everything that is wrong with it has then been said.
pub(super) fn load(path: &Path, selection: &Selection, tone: Tone) -> Result<Scenario, Failure> {
    let options = options(selection);
    let loaded = Scenario::load(&Disk, text(path)?, &options).map_err(|f| wrong(&f, tone))?;
    if !loaded.warnings.is_empty() && !tone.quiet {
        let color = output::stderr_color(tone);
        output::say(&scenario::render(&loaded.warnings, &loaded.sources, color));
    }
    Ok(loaded.scenario)
}

/// What the command line changes in a scenario.
pub(super) fn options(selection: &Selection) -> LoadOptions {
    LoadOptions {
        set: selection.set.clone(),
        seed: selection.seed,
        seeds: selection.seeds,
        variants: selection.variant.clone(),
    }
}

/// Says what is wrong with a scenario.
pub(super) fn wrong(failed: &Failed, tone: Tone) -> Failure {
    let color = output::stderr_color(tone);
    output::say(&scenario::render(&failed.diagnostics, &failed.sources, color));
    Failure { status: Status::Wrong, message: String::new() }
}

/// A path as text.
pub(super) fn text(path: &Path) -> Result<&str, Failure> {
    path.to_str().ok_or_else(|| Failure::wrong(format!("the path {} is not UTF-8", path.display())))
}
