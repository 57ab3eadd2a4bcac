//! `tidelag coupling`.

use super::args::{Coupling, Verb};
use super::job::{self, Job, Study};
use super::present::Lead;
use super::status::{Failure, Status};
use super::{load, run};
use crate::experiment::{Breakage, CouplingOptions};

/// Breaks each service in turn, and shows whose objectives break with it. It measures and judges
/// nothing: broken objectives are no failed expectations.
pub(super) fn coupling(args: &Coupling) -> Result<Status, Failure> {
    let scenario = load::load(&args.file, &args.selection, args.output.tone)?;
    let verb = match args.verb {
        Verb::Crash => Breakage::Crash,
        Verb::Slow => Breakage::Slow,
        Verb::Pause => Breakage::Pause,
        Verb::Stop => Breakage::Stop,
    };
    let options = CouplingOptions { verb, at: args.at, lasts: args.lasts };
    options.check(&scenario).map_err(Failure::wrong)?;
    let mut replay = run::replay("coupling", [load::text(&args.file)?.to_owned()], &args.selection);
    replay.extend(["--verb".to_owned(), verb.word().to_owned()]);
    for (flag, time) in [("--at", args.at), ("--for", args.lasts)] {
        replay.extend(time.iter().flat_map(|time| [flag.to_owned(), time.to_string()]));
    }
    let job = Job {
        scenario,
        work: &args.work,
        output: &args.output,
        replay,
        one_file: true,
        study: Study::Coupling(options),
        lead: Lead::Variants,
    };
    Ok(job::conclude(&job::carry_out(&job)?, false))
}
