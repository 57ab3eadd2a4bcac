//! When something was broken, and what was counted meanwhile.
//!
//! Strikes of one failure that overlap or touch are one window. Only so many windows are kept; when
//! the last cause ended is known all the same.

use crate::units::SimTime;

/// Windows that are kept.
pub(crate) const MOST: usize = 1_000;

/// Answers so far, by client: all, and those that were good.
pub(crate) type Answers = Vec<(u64, u64)>;

/// A time during which a failure had a cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Index of the failure.
    pub(crate) failure: u32,
    pub(crate) from: SimTime,
    /// `None` while it lasts.
    pub(crate) to: Option<SimTime>,
    /// Answers when it began, and when it ended.
    pub(crate) answers: [Answers; 2],
}

/// One failure.
#[derive(Clone, Copy, Debug, Default)]
struct Cause {
    /// Strikes that last.
    active: u32,
    /// Its last window, if that is kept.
    window: Option<usize>,
}

/// All windows in the order in which they began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Windows {
    causes: Vec<Cause>,
    pub(crate) kept: Vec<Window>,
    /// Windows in all.
    pub(crate) all: u64,
    /// When the last cause ended that did.
    pub(crate) ended: Option<SimTime>,
}

impl Windows {
    /// For so many failures.
    pub(crate) fn new(failures: usize) -> Self {
        Self { causes: vec![Cause::default(); failures], ..Self::default() }
    }

    /// A failure strikes.
    pub(crate) fn begins(&mut self, failure: u32, now: SimTime, answers: impl Fn() -> Answers) {
        let cause = &mut self.causes[failure as usize];
        cause.active += 1;
        if cause.active > 1 {
            return;
        }
        if let Some(window) = cause.window.and_then(|at| self.kept.get_mut(at))
            && window.to == Some(now)
        {
            window.to = None;
            return;
        }
        self.all += 1;
        cause.window = (self.kept.len() < MOST).then_some(self.kept.len());
        if cause.window.is_some() {
            let answers = [answers(), Answers::new()];
            self.kept.push(Window { failure, from: now, to: None, answers });
        }
    }

    /// A cause of a failure is removed.
    pub(crate) fn ends(&mut self, failure: u32, now: SimTime, answers: impl Fn() -> Answers) {
        let cause = &mut self.causes[failure as usize];
        cause.active -= 1;
        if cause.active > 0 {
            return;
        }
        self.ended = Some(now);
        if let Some(window) = cause.window.and_then(|at| self.kept.get_mut(at)) {
            window.to = Some(now);
            window.answers[1] = answers();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> SimTime {
        SimTime::from_ns(s * 1_000_000_000)
    }

    #[test]
    fn strikes_that_overlap_or_touch_are_one_window() {
        let mut w = Windows::new(2);
        let none = Answers::new;
        w.begins(0, at(10), none);
        w.begins(1, at(12), none);
        w.begins(0, at(15), none);
        w.ends(0, at(20), none);
        w.ends(0, at(25), none);
        w.begins(0, at(25), none);
        w.ends(0, at(30), none);
        w.begins(0, at(40), none);
        w.ends(0, at(40), none);
        let found: Vec<_> = w.kept.iter().map(|w| (w.failure, w.from, w.to)).collect();
        let expected = [(0, at(10), Some(at(30))), (1, at(12), None), (0, at(40), Some(at(40)))];
        assert_eq!(found, expected);
        assert_eq!((w.all, w.ended), (3, Some(at(40))));
    }

    #[test]
    fn the_answers_of_a_window_are_those_at_its_ends_and_only_so_many_are_kept() {
        let mut w = Windows::new(1);
        for k in 0..MOST as u64 + 5 {
            w.begins(0, at(10 * k), || vec![(k, k)]);
            w.ends(0, at(10 * k + 1), || vec![(k + 7, k)]);
        }
        assert_eq!((w.kept.len(), w.all), (MOST, MOST as u64 + 5));
        assert_eq!(w.kept[3].answers, [vec![(3, 3)], vec![(10, 3)]]);
        assert_eq!(w.ended, Some(at(10 * (MOST as u64 + 4) + 1)));
    }
}
