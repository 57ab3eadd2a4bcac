//! Observations become statistics: what one replication measured.
//!
//! Judges nothing, repeats nothing, draws nothing.

mod level;
mod measure;
mod record;
mod recorder;
mod run;
mod standard;

pub use measure::{Measure, RunRecord, Shape, Tally};
pub use run::{Cancelled, Control, bin_width, simulate};
