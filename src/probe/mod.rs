//! Observations become statistics.

mod measure;

pub use measure::{Measure, RunRecord, Shape, Tally};
