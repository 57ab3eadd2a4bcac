//! Quantities with their units: instants and durations in whole nanoseconds, probabilities, and the
//! error of a string that should have been one.
//!
//! Depends on nothing else of the crate.

mod parse_error;
mod probability;
mod scan;
mod text;
mod time;

pub use parse_error::ParseError;
pub use probability::Probability;
pub(crate) use scan::{DurationText, Scan};
pub(crate) use text::{decimal, duration_text};
pub use time::{SimDuration, SimTime};
