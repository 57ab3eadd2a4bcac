//! What this room asks of the simulation.

use crate::model::{Blueprint, PhasePlan};
use crate::probe::{self, Cancelled, Control, RunRecord};

/// How one replication is simulated: blueprint, root seed, replication index.
pub(super) type Simulate<'a> =
    dyn Fn(&Blueprint, u64, u64, Control<'_>) -> Result<RunRecord, Cancelled> + Sync + 'a;

/// Width of a bin of every series in seconds.
pub(super) fn bin_s(plan: PhasePlan) -> f64 {
    probe::bin_width(plan.warmup + plan.duration).as_secs()
}
