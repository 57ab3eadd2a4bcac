//! `tidelag presets`.

use super::args::Presets;
use super::output;
use super::status::{Failure, Status};
use crate::scenario;
use std::fmt::Write as _;

/// Lists the presets, or prints the one asked for as it is built in.
pub(super) fn presets(args: &Presets) -> Result<Status, Failure> {
    let Some(name) = &args.name else {
        output::print(&list())?;
        return Ok(Status::Fine);
    };
    let Some(text) = scenario::preset(name) else {
        let names: Vec<&str> = scenario::presets().map(|(name, _)| name).collect();
        return Err(Failure::wrong(format!(
            "there is no preset {name}; there are {}",
            names.join(", ")
        )));
    };
    output::print(text)?;
    Ok(Status::Fine)
}

fn list() -> String {
    let mut text = String::new();
    let width = scenario::presets().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, words) in scenario::presets() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:width$}  {words}");
    }
    text
}
