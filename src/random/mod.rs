//! Random numbers, durations and instants, each a pure function of (seed, replication, stream name,
//! event id, attempt).
//!
//! Depends on `units` only; it does not know who draws, or when.

mod arrivals;
mod backoff;
mod burst;
mod chance;
mod exponential;
mod normal;
mod ranking;
mod rate;
mod rate_text;
mod scale;
mod shapes;
mod squares;
mod streams;
#[cfg(test)]
mod testing;
mod variate;
mod variate_text;
mod ziggurat_table;

pub use arrivals::Arrivals;
pub use backoff::Backoff;
pub use burst::Burst;
pub use chance::Chance;
pub use ranking::Ranking;
pub use rate::{Individuals, Rate};
pub use squares::{Draw, StreamKey};
pub use streams::{Streams, derive_id, hash_name};
pub use variate::Variate;
