//! Observations become statistics: what one replication measured.
//!
//! Judges nothing, repeats nothing, draws nothing.

mod borders;
mod groups;
mod guards;
mod history;
mod level;
mod measure;
mod objectives;
mod obligations;
mod parts;
mod record;
mod recorder;
mod recovery;
mod replay;
mod run;
mod sizes;
mod spread;
mod standard;
#[cfg(test)]
mod tests;
mod trouble;
mod waiting;
mod windows;

pub use history::Entry;
pub use measure::{LaneRecord, Measure, RunRecord, Shape, Tally, TroubleRecord};
pub use replay::{Part, Replay};
pub use run::{Cancelled, Control, bin_width, simulate};
