//! Random numbers.
/// x
#[derive(Clone, Debug, PartialEq)]
pub struct Variate;
/// x
#[derive(Clone, Debug, PartialEq)]
pub struct Backoff;
/// x
#[derive(Clone, Debug, PartialEq)]
pub struct Burst;
/// x
#[derive(Clone, Debug, PartialEq)]
pub struct Rate;
