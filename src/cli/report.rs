//! `tidelag report`.

use super::args::Report;
use super::present::{self, Lead};
use super::report_dir;
use super::status::{Failure, Status};
use crate::render;
use std::io::ErrorKind;

/// Draws again, from saved results alone. Expectations were judged when the results were made and
/// do not decide here.
pub(super) fn report(args: &Report) -> Result<Status, Failure> {
    let name = args.file.display();
    let bytes = std::fs::read(&args.file).map_err(|error| {
        let message = format!("cannot read {name}: {error}");
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::IsADirectory => Failure::wrong(message),
            _ => Failure::unfinished(message),
        }
    })?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::wrong(format!("{name} is not UTF-8, so it is no results.json")))?;
    let results =
        render::parse_json(&text).map_err(|error| Failure::wrong(format!("{name}: {error}")))?;
    if let Some(dir) = &args.output.out {
        report_dir::inspect(dir, args.output.force)?;
    }
    present::present(&results, Lead::Variants, &args.output)?;
    Ok(Status::Fine)
}
