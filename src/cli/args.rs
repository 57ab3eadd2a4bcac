//! The command line: what may be typed, and its help.

use crate::units::SimDuration;
use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Simulate an event-driven architecture before you build it: how far behind the truth is each
/// service, and what happens when something breaks?
#[derive(Debug, Parser)]
#[command(name = "tidelag", version, max_term_width = 100, after_help = EXIT_STATUSES)]
pub(super) struct CommandLine {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Ends the help of every command that simulates.
const EXIT_STATUSES: &str = "\
Exit status: 0 fine; 1 an expectation failed; 2 wrong scenario or usage; 3 could not finish;
70 a bug of tidelag; 130 interrupted.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Simulate a scenario and every variant in it, print the report, exit by the expectations
    #[command(after_help = EXIT_STATUSES)]
    Run(Run),
    /// Parse, resolve and advise; simulate nothing
    Check(Check),
    /// Compare all variants, and all files, under common random numbers
    #[command(after_help = EXIT_STATUSES)]
    Compare(Compare),
    /// Break each service in turn, in paired runs: whose objectives break?
    #[command(after_help = EXIT_STATUSES)]
    Coupling(Coupling),
    /// Find the smallest failure, or load, from which there is no return
    #[command(after_help = EXIT_STATUSES)]
    Plan(Plan),
    /// Explain a scenario (all values in force), a code such as E014, or a metric such as
    /// email.lag.p99
    Explain(Explain),
    /// Draw a report again from saved results alone
    Report(Report),
    /// List the presets of brokers, or print one: a file to copy and change, with the grade and the
    /// source of each value
    Presets(Presets),
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// The scenario, a TOML file
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) selection: Selection,
    #[command(flatten)]
    pub(super) work: Work,
    #[command(flatten)]
    pub(super) output: Output,
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub(super) struct Compare {
    /// The scenarios; of several, each becomes a variant named after its file
    #[arg(required = true)]
    pub(super) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) selection: Selection,
    #[command(flatten)]
    pub(super) work: Work,
    #[command(flatten)]
    pub(super) output: Output,
    /// Exit with 1 if a metric compares like this with the first variant, for instance
    /// 'email.lag.p99 higher' (lower, higher, equal, undetected; repeatable)
    #[arg(long, value_name = "METRIC VERDICT")]
    pub(super) fail_if: Vec<String>,
}

/// Arguments of `coupling`.
#[derive(Debug, Args)]
pub(super) struct Coupling {
    /// The scenario, a TOML file
    pub(super) file: PathBuf,
    /// What happens to each service
    #[arg(long, value_enum, default_value_t = Verb::Crash, value_name = "VERB")]
    pub(super) verb: Verb,
    /// When, from the start of the run (default: when a third of the measured phase is over)
    #[arg(long, value_name = "TIME")]
    pub(super) at: Option<SimDuration>,
    /// For how long (default: a tenth of the measured phase, at most 60s)
    #[arg(long = "for", value_name = "TIME")]
    pub(super) lasts: Option<SimDuration>,
    #[command(flatten)]
    pub(super) selection: Selection,
    #[command(flatten)]
    pub(super) work: Work,
    #[command(flatten)]
    pub(super) output: Output,
}

/// What `coupling` does to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Verb {
    /// All instances stop and lose what they had in memory
    Crash,
    /// Work takes ten times as long
    Slow,
    /// No progress; clocks and connections go on
    Pause,
    /// Instances finish their work, leave, and come back
    Stop,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub(super) struct Plan {
    /// The scenario, a TOML file
    pub(super) file: PathBuf,
    /// Does the system return when a failure is over, and from which length or load on not?
    #[arg(long)]
    pub(super) metastable: bool,
    /// The failure that is waited for (default: the only one of the file)
    #[arg(long, value_name = "NAME")]
    pub(super) failure: Option<String>,
    /// What is varied: the length of the failure, or the rates of all clients and sources
    #[arg(long, value_enum, default_value_t = Over::For, value_name = "WHAT")]
    pub(super) over: Over,
    /// How long after the end of the failure a system that returns may take
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub(super) within: SimDuration,
    /// Try nothing beyond this length, or factor on the load: 5m, 4x (default: ten times as much
    /// as the file says)
    #[arg(long, value_name = "VALUE")]
    pub(super) up_to: Option<String>,
    /// Of a later version.
    #[arg(long, hide = true, value_name = "PATH=RANGE")]
    pub(super) vary: Vec<String>,
    /// Of a later version.
    #[arg(long, hide = true, value_name = "BOUND")]
    pub(super) until: Vec<String>,
    /// Of a later version.
    #[arg(long, hide = true, value_name = "PATH")]
    pub(super) max: Option<String>,
    #[command(flatten)]
    pub(super) selection: Selection,
    #[command(flatten)]
    pub(super) work: Work,
    #[command(flatten)]
    pub(super) output: Output,
}

/// What `plan --metastable` varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Over {
    /// The length of the failure
    For,
    /// The rates of all clients and sources
    Load,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The scenarios, TOML files
    #[arg(required = true)]
    pub(super) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) selection: Selection,
    #[command(flatten)]
    pub(super) tone: Tone,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// A scenario file, a code or a metric path
    #[arg(value_name = "FILE|CODE|METRIC")]
    pub(super) subject: String,
    #[command(flatten)]
    pub(super) selection: Selection,
    #[command(flatten)]
    pub(super) tone: Tone,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub(super) struct Report {
    /// A file `results.json` of an earlier run
    #[arg(value_name = "RESULTS.json")]
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) output: Output,
}

/// Arguments of `presets`.
#[derive(Debug, Args)]
pub(super) struct Presets {
    /// The preset to print
    pub(super) name: Option<String>,
}

/// Which part of a scenario is meant, and what is changed in it.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// Only this variant, and those that its bounds are relative to (repeatable; `base` is the
    /// file as it is)
    #[arg(long, value_name = "NAME")]
    pub(super) variant: Vec<String>,
    /// Set a path of the scenario to a TOML value, for instance service.email.workers=4
    /// (repeatable)
    #[arg(long, value_name = "PATH=VALUE")]
    pub(super) set: Vec<String>,
    /// Root seed of all random numbers
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Number of replications
    #[arg(long, value_name = "N", value_parser = at_least_1())]
    pub(super) seeds: Option<u64>,
}

/// Any number but 0.
fn at_least_1() -> RangedU64ValueParser<u64> {
    RangedU64ValueParser::new().range(1..)
}

/// How the work is done. None of it changes the results.
#[derive(Debug, Args)]
pub(super) struct Work {
    /// Replications simulated at once (default: all cores)
    #[arg(long, value_name = "N", value_parser = at_least_1())]
    pub(super) threads: Option<u64>,
    /// Print what it cost as one JSON object on stderr
    #[arg(long)]
    pub(super) timings: bool,
    /// Simulate twice and stop at the first component whose history differs
    #[arg(long)]
    pub(super) verify: bool,
}

/// Where results go.
#[derive(Debug, Args)]
pub(super) struct Output {
    /// Write the report into this directory: results.json, report.html, charts, series.csv, lag.csv
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Write into the directory even if it holds other files
    #[arg(long, requires = "out")]
    pub(super) force: bool,
    /// What to print on stdout (default: text)
    #[arg(long, value_enum)]
    pub(super) format: Option<Format>,
    #[command(flatten)]
    pub(super) tone: Tone,
}

/// How much is said, and how it looks.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Tone {
    /// No progress, no remarks, and no report unless a --format asks for it
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// Colours (`NO_COLOR` is honoured)
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(super) color: Color,
}

/// What a report is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For a terminal
    Text,
    /// The bytes of `results.json`
    Json,
    /// One row per metric
    Csv,
    /// For a pull request
    Markdown,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal
    Auto,
    /// In any case
    Always,
    /// In no case
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn no_replication_and_no_thread_are_usage_errors() {
        for wrong in ["--seeds=0", "--threads=0", "--force", "--format=xml", "--seed=-1"] {
            let parsed = CommandLine::try_parse_from(["tidelag", "run", "a.toml", wrong]);
            assert!(parsed.is_err(), "{wrong}");
        }
    }
}
