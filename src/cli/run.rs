//! `tidelag run`.

use super::args::{Run, Selection};
use super::job::{self, Job, Study};
use super::load;
use super::present::Lead;
use super::status::{Failure, Status};

/// Simulates a file and every variant in it, prints the report, exits by the expectations.
pub(super) fn run(args: &Run) -> Result<Status, Failure> {
    let scenario = load::load(&args.file, &args.selection, args.output.tone)?;
    let file = load::text(&args.file)?.to_owned();
    let job = Job {
        scenario,
        work: &args.work,
        output: &args.output,
        replay: replay("run", [file], &args.selection),
        one_file: true,
        study: Study::Runs,
        lead: Lead::Variants,
    };
    let outcome = job::carry_out(&job)?;
    Ok(job::conclude(&outcome, job::expectation_failed(&outcome.results)))
}

/// The words of a command line that simulates these files with the same changes.
pub(super) fn replay(
    command: &str,
    files: impl IntoIterator<Item = String>,
    selection: &Selection,
) -> Vec<String> {
    let mut words = vec!["tidelag".to_owned(), command.to_owned()];
    words.extend(files);
    for set in &selection.set {
        words.extend(["--set".to_owned(), set.clone()]);
    }
    words
}
