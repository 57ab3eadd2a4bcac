//! The command line: parses arguments, calls the rooms below, prints, and chooses the exit status.
//!
//! The only room that prints, reads the clock or writes files.

mod args;
mod broken;
mod check;
mod compare;
mod coupling;
mod disk;
mod explain;
mod interrupt;
mod job;
mod load;
mod output;
mod plan;
mod present;
mod presets;
mod progress;
mod report;
mod report_dir;
mod run;
mod status;
mod timings;
mod verify;

use args::{Command, CommandLine};
use clap::Parser;
use status::{Failure, Status};
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// Does what the arguments of this process ask for, and returns its exit status: 0 fine, 1 an
/// expectation failed, 2 wrong scenario or usage, 3 could not finish, 70 a bug of ours, 130
/// interrupted.
pub fn main() -> ExitCode {
    broken::keep_quiet();
    let args: Vec<OsString> = std::env::args_os().collect();
    let outcome = catch_unwind(AssertUnwindSafe(|| dispatch(&args))).unwrap_or_else(|_| {
        let words = args.iter().map(|word| word.to_string_lossy());
        Err(broken::ours(&broken::last(), &broken::command_line(words)))
    });
    let status = outcome.unwrap_or_else(|failure| {
        output::error(&failure.message);
        failure.status
    });
    ExitCode::from(status as u8)
}

fn dispatch(args: &[OsString]) -> Result<Status, Failure> {
    let command_line = match CommandLine::try_parse_from(args) {
        Ok(command_line) => command_line,
        Err(error) => return usage(&error),
    };
    match command_line.command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::check(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Coupling(args) => coupling::coupling(&args),
        Command::Plan(args) => plan::plan(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Report(args) => report::report(&args),
        Command::Presets(args) => presets::presets(&args),
    }
}

/// Help and version were asked for; anything else is a mistake.
fn usage(error: &clap::Error) -> Result<Status, Failure> {
    let text = error.render().to_string();
    if error.use_stderr() {
        output::say(&text);
        return Ok(Status::Wrong);
    }
    output::print(&text)?;
    Ok(Status::Fine)
}
