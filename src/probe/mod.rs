//! Observations become statistics: what one replication measured.
//!
//! Judges nothing, repeats nothing, draws nothing.

mod groups;
mod history;
mod level;
mod measure;
mod obligations;
mod record;
mod recorder;
mod replay;
mod run;
mod sizes;
mod spread;
mod standard;
mod waiting;

pub use history::Entry;
pub use measure::{LaneRecord, Measure, RunRecord, Shape, Tally};
pub use replay::{Part, Replay};
pub use run::{Cancelled, Control, bin_width, simulate};
