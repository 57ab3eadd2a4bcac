//! tidelag: a deterministic simulator of event-driven architectures.
pub mod cli;
pub mod engine;
pub mod experiment;
pub mod model;
pub mod probe;
pub mod random;
pub mod render;
pub mod results;
pub mod scenario;
pub mod theory;
pub mod units;
