//! `tidelag plan`.

use super::args::{Over as What, Plan};
use super::job::{self, Job, Study};
use super::present::Lead;
use super::status::{Failure, Status};
use super::{load, run};
use crate::experiment::{MetastableOptions, Over};
use crate::units::SimDuration;

/// Finds the smallest failure, or load, from which there is no return. Its answer is no
/// expectation, so whatever it is, the command has done what it should.
pub(super) fn plan(args: &Plan) -> Result<Status, Failure> {
    if !args.vary.is_empty() || !args.until.is_empty() || args.max.is_some() || !args.metastable {
        return Err(Failure::wrong(
            "plan --metastable is what there is so far, with --failure NAME, --over for|load, \
             --within TIME and --up-to VALUE; --vary, --until and --max come in a later version",
        ));
    }
    let scenario = load::load(&args.file, &args.selection, args.output.tone)?;
    let over = match args.over {
        What::For => Over::For,
        What::Load => Over::Load,
    };
    let up_to = args.up_to.as_deref().map(|text| up_to(text, over)).transpose()?;
    let options =
        MetastableOptions { failure: args.failure.clone(), over, within: args.within, up_to };
    options.check(&scenario).map_err(Failure::wrong)?;
    let mut replay = run::replay("plan", [load::text(&args.file)?.to_owned()], &args.selection);
    replay.extend(["--metastable", "--over", over.word()].map(str::to_owned));
    replay.extend(["--within".to_owned(), args.within.to_string()]);
    for (flag, text) in [("--failure", &args.failure), ("--up-to", &args.up_to)] {
        replay.extend(text.iter().flat_map(|text| [flag.to_owned(), text.clone()]));
    }
    let job = Job {
        scenario,
        work: &args.work,
        output: &args.output,
        replay,
        one_file: true,
        study: Study::Metastability(options),
        lead: Lead::Variants,
    };
    Ok(job::conclude(&job::carry_out(&job)?, false))
}

/// `5m` of a length, `4x` or `4` of a load.
fn up_to(text: &str, over: Over) -> Result<f64, Failure> {
    let value = match over {
        Over::For => text.parse::<SimDuration>().ok().map(SimDuration::as_secs),
        Over::Load => text.strip_suffix('x').unwrap_or(text).parse::<f64>().ok(),
    };
    value.filter(|value| value.is_finite() && *value > 0.0).ok_or_else(|| {
        let form = match over {
            Over::For => "a duration above 0, for instance 5m",
            Over::Load => "a factor above 0, for instance 4x",
        };
        Failure::wrong(format!("--up-to {text}: write {form}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_length_or_a_factor() {
        assert_eq!(up_to("90s", Over::For), Ok(90.0));
        assert_eq!(up_to("4x", Over::Load), Ok(4.0));
        assert_eq!(up_to("1.5", Over::Load), Ok(1.5));
        for (wrong, over) in [("4x", Over::For), ("0s", Over::For), ("5m", Over::Load)] {
            let failure = up_to(wrong, over).expect_err(wrong);
            assert_eq!(failure.status, Status::Wrong);
        }
    }
}
