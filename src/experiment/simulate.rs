//! The one place where a replication is simulated.

use crate::model::Blueprint;
use crate::probe::{Cancelled, Control, RunRecord};

/// How one replication is simulated: blueprint, root seed, replication index.
pub(super) type Simulate<'a> =
    dyn Fn(&Blueprint, u64, u64, Control<'_>) -> Result<RunRecord, Cancelled> + Sync + 'a;
