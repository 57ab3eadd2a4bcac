//! Why a run may end without coming to rest. Each reason is seen in the scenario as it is drawn;
//! a run that ends otherwise is a defect.

/// What may keep a run from coming to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Restless {
    /// A failure whose cause is never removed.
    ForGood,
    /// A log whose partition stands still when work has failed for good.
    Halts,
}
