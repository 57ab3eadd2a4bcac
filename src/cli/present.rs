//! Results go where they were asked to go: into a directory, onto stdout.

use super::args::{Format, Output};
use super::status::Failure;
use super::{output, report_dir};
use crate::render::{self, TerminalOptions};
use crate::results::Results;

/// Saves and prints results. The last line of a text report says where the page is.
///
/// # Errors
/// If they cannot be written.
pub(super) fn present(results: &Results, to: &Output) -> Result<(), Failure> {
    if let Some(dir) = &to.out {
        report_dir::write(dir, &report_dir::files(results))?;
    }
    match to.format {
        None if to.tone.quiet => {}
        format => output::print(&text(results, format.unwrap_or(Format::Text), to))?,
    }
    if let Some(dir) = to.out.as_ref().filter(|_| !to.tone.quiet) {
        output::say(&format!("report: {}", dir.join("report.html").display()));
    }
    Ok(())
}

fn text(results: &Results, format: Format, to: &Output) -> String {
    match format {
        Format::Text => {
            let color = output::stdout_color(to.tone);
            render::terminal(results, &TerminalOptions { color, ..TerminalOptions::default() })
        }
        Format::Json => render::json(results),
        Format::Csv => render::metrics_csv(results),
        Format::Markdown => render::markdown(results),
    }
}
