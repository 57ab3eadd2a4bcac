//! A number that changes at instants: its integral over time and its largest value.

use crate::units::SimTime;

/// A level and its exact integral in (units x ns).
///
/// A rise at t adds (now - t) to the integral up to now, a fall takes as much away. So it is the
/// value times now plus a sum of instants, and a change costs an addition.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Level {
    value: u64,
    since: u64,
    /// Instants of falls less those of rises, ns.
    instants: i128,
    max: u64,
}

impl Level {
    #[inline]
    pub(crate) fn rise(&mut self, now: SimTime) {
        self.since = now.ns();
        self.instants -= i128::from(now.ns());
        self.value += 1;
        self.max = self.max.max(self.value);
    }

    #[inline]
    pub(crate) fn fall(&mut self, now: SimTime) {
        self.since = now.ns();
        self.instants += i128::from(now.ns());
        self.value -= 1;
    }

    /// Another value from now on.
    pub(crate) fn set(&mut self, now: SimTime, value: u64) {
        self.since = now.ns();
        let rise = i128::from(value) - i128::from(self.value);
        self.instants -= rise * i128::from(now.ns());
        self.value = value;
        self.max = self.max.max(value);
    }

    /// Brings the integral up to `now`.
    #[inline]
    pub(crate) fn settle(&mut self, now: SimTime) {
        self.since = now.ns();
    }

    /// Up to when the integral is.
    pub(crate) fn settled(&self) -> SimTime {
        SimTime::from_ns(self.since)
    }

    pub(crate) fn value(&self) -> u64 {
        self.value
    }

    /// Integral up to the last change or [`Level::settle`].
    pub(crate) fn area(&self) -> u128 {
        (self.instants + i128::from(self.value) * i128::from(self.since)) as u128
    }

    /// Largest value since the last [`Level::forget_max`].
    pub(crate) fn max(&self) -> u64 {
        self.max
    }

    /// Starts the search for the largest value anew.
    pub(crate) fn forget_max(&mut self) {
        self.max = self.value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_integral_is_exact() {
        let at = SimTime::from_ns;
        let mut level = Level::default();
        level.rise(at(10));
        level.rise(at(15));
        level.fall(at(25));
        assert_eq!(level.area(), 5 + 2 * 10);
        level.settle(at(100));
        assert_eq!(level.area(), 5 + 2 * 10 + 75);
        level.set(at(110), 4);
        level.set(at(120), 3);
        level.settle(at(121));
        assert_eq!(level.area(), 100 + 10 + 40 + 3);
        assert_eq!((level.max(), level.value()), (4, 3));
        level.forget_max();
        assert_eq!(level.max(), 3);
    }
}
