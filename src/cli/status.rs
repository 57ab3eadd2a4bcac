//! Exit statuses. Scripts rely on them; docs list them.

/// How an invocation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Status {
    /// All is well.
    Fine = 0,
    /// An expectation failed, or what `--fail-if` names came true.
    Failed = 1,
    /// The scenario or the command line is wrong.
    Wrong = 2,
    /// It could not be finished: input, output or a limit.
    Unfinished = 3,
    /// An invariant of the program broke.
    Broken = 70,
    /// Interrupted from the keyboard.
    Interrupted = 130,
}

/// Why an invocation ends early, and with which status. An empty message: everything has been said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) status: Status,
    pub(super) message: String,
}

impl Failure {
    /// A wrong scenario or command line.
    pub(super) fn wrong(message: impl Into<String>) -> Self {
        Self { status: Status::Wrong, message: message.into() }
    }

    /// Something outside the program did not work.
    pub(super) fn unfinished(message: impl Into<String>) -> Self {
        Self { status: Status::Unfinished, message: message.into() }
    }

    /// The program itself is wrong.
    pub(super) fn broken(message: impl Into<String>) -> Self {
        Self { status: Status::Broken, message: message.into() }
    }
}
