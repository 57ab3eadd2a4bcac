//! Results go where they were asked to go: into a directory, onto stdout.

use super::args::{Format, Output};
use super::status::Failure;
use super::{output, report_dir};
use crate::render::{self, TerminalOptions};
use crate::results::Results;

/// What a text report shows first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    /// The variants one by one.
    Variants,
    /// How they differ.
    Comparison,
}

/// Saves and prints results. The last line of a text report says where the page is.
///
/// # Errors
/// If they cannot be written.
pub(super) fn present(results: &Results, lead: Lead, to: &Output) -> Result<(), Failure> {
    if let Some(dir) = &to.out {
        report_dir::write(dir, &report_dir::files(results))?;
    }
    match to.format {
        None if to.tone.quiet => {}
        Some(Format::Text) | None => output::print(&terminal(results, lead, to))?,
        Some(Format::Json) => output::print(&render::json(results))?,
        Some(Format::Csv) => output::print(&render::metrics_csv(results))?,
        Some(Format::Markdown) => output::print(&render::markdown(results))?,
    }
    if let Some(dir) = to.out.as_ref().filter(|_| !to.tone.quiet) {
        output::say(&format!("report: {}", dir.join("report.html").display()));
    }
    Ok(())
}

fn terminal(results: &Results, lead: Lead, to: &Output) -> String {
    let color = output::stdout_color(to.tone);
    let options = TerminalOptions { color, ..TerminalOptions::default() };
    match lead {
        Lead::Variants => render::terminal(results, &options),
        Lead::Comparison => render::terminal_comparison(results, &options),
    }
}
