//! Closed forms of queueing theory and statistics as pure functions: what a simulation must agree
//! with.
//!
//! Rates are per unit of time and times in the same unit, whatever it is. Depends on nothing but
//! `libm`.

mod consistency;
mod queues;
mod student;

pub use consistency::{mean_age_mm1, stale_reads_constant_lag, stale_reads_exponential_lag};
pub use queues::{
    DM1, MMc, erlang_b, erlang_c, little_number, max_exponential_mean, max_exponential_quantile,
    md1_mean_wait, mg1_mean_wait,
};
pub use student::student_t_975;
