//! The running world: what happens at each event.

mod blueprint;

pub use blueprint::*;
