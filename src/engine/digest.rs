//! Hash of a history: one wide multiply per event, so that it can always be on.

/// Hash of one component's history, the sequence of (time, kind, event id, attempt). It holds no
/// index, slot or insertion counter, so it says what happened and not how it was stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest(u64);

/// Odd constant without structure (fraction of the square root of 3).
const SALT: u64 = 0xbb67_ae85_84ca_a73b;

impl Digest {
    /// Appends an event to the history.
    #[inline]
    pub fn step(&mut self, time: u64, kind: u8, id: u64, attempt: u32) {
        let what = (u64::from(kind) << 56 | u64::from(attempt)).wrapping_add(SALT);
        let wide = u128::from(self.0 ^ time.rotate_left(32) ^ SALT)
            * u128::from(id.wrapping_mul(2).wrapping_add(1) ^ what.rotate_left(1));
        self.0 = (wide as u64 ^ (wide >> 64) as u64).wrapping_add(id ^ what);
    }

    /// The hash so far; 0 for an empty history.
    pub fn value(self) -> u64 {
        self.0
    }

    /// The hash of several histories in the order given.
    pub fn combine(values: impl IntoIterator<Item = u64>) -> u64 {
        let mut all = Self::default();
        for (at, value) in values.into_iter().enumerate() {
            all.step(value, 0, at as u64, 0);
        }
        all.0
    }
}
