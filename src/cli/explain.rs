//! `tidelag explain`.

use super::args::Explain;
use super::disk::Disk;
use super::load;
use super::output;
use super::status::{Failure, Status};
use crate::scenario;
use std::path::Path;

/// Explains a code, a scenario file or a metric, whichever the subject is.
pub(super) fn explain(args: &Explain) -> Result<Status, Failure> {
    let subject = args.subject.as_str();
    if let Some(text) = scenario::explain_code(&subject.to_uppercase()) {
        return print(&text);
    }
    if Path::new(subject).exists() || names_a_file(subject) {
        let options = load::options(&args.selection);
        let text = scenario::explain_file(&Disk, subject, &options)
            .map_err(|failed| load::wrong(&failed, args.tone))?;
        return print(&text);
    }
    match scenario::explain_metric(subject) {
        Some(text) => print(&text),
        None => Err(Failure::wrong(format!(
            "there is no file, code or metric called {subject}; try a scenario file, a code such \
             as E014 or a metric such as email.lag.p99"
        ))),
    }
}

fn print(text: &str) -> Result<Status, Failure> {
    output::print(&format!("{}\n", text.trim_end_matches('\n')))?;
    Ok(Status::Fine)
}

/// Whether somebody who types this means a file, even if it is not there.
fn names_a_file(subject: &str) -> bool {
    let toml = Path::new(subject).extension().is_some_and(|e| e.eq_ignore_ascii_case("toml"));
    toml || subject.contains(['/', '\\'])
}
