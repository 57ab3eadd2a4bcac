//! What has become of an obligation: one event that one subscription has to apply.

/// The state of an obligation, with the reason where there are several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Fate {
    /// Not at the broker yet: in an outbox or buffer, on its way, or between two attempts.
    #[default]
    Pending,
    /// The broker has it, or the backlog of an ideal bus.
    Stored,
    /// Given to a consumer that has not acknowledged it.
    Leased,
    /// Applied.
    Applied,
    /// An older version than what was applied: not needed any more.
    Superseded,
    /// The publish was refused for good.
    Rejected,
    /// Thrown out of a full queue.
    Overflow,
    /// Refused by a full backlog.
    Shed,
    /// Given up after the last attempt.
    Exhausted,
    /// In a dead-letter queue.
    DeadLettered,
    /// Too old before anybody had it.
    Expired,
    /// Its only copy was in the memory of an instance that crashed.
    LostCrash,
    /// Nobody was connected.
    LostNotConnected,
    /// The buffer of its subscriber was full.
    LostBuffer,
    /// Confirmed, and gone with a node.
    LostAcked,
    /// Gone with a node before it was confirmed, and not published again.
    LostNode,
    /// Never handed over by the router, for all its attempts.
    LostFanout,
    /// Nobody waited for the answer that it did not arrive.
    LostPublish,
    /// Part of a transaction that was aborted, and not emitted again.
    LostAborted,
    /// On its way, where nobody sent it again.
    LostNetwork,
}

impl Fate {
    /// Number of fates.
    pub const COUNT: usize = Self::ALL.len();

    /// All fates, by number.
    pub const ALL: [Self; 20] = [
        Self::Pending,
        Self::Stored,
        Self::Leased,
        Self::Applied,
        Self::Superseded,
        Self::Rejected,
        Self::Overflow,
        Self::Shed,
        Self::Exhausted,
        Self::DeadLettered,
        Self::Expired,
        Self::LostCrash,
        Self::LostNotConnected,
        Self::LostBuffer,
        Self::LostAcked,
        Self::LostNode,
        Self::LostFanout,
        Self::LostPublish,
        Self::LostAborted,
        Self::LostNetwork,
    ];

    /// The state of the ledger, and the reason if that state has several.
    pub const fn words(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Pending => ("pending", None),
            Self::Stored => ("stored", None),
            Self::Leased => ("leased", None),
            Self::Applied => ("applied", None),
            Self::Superseded => ("superseded", None),
            Self::Rejected => ("rejected", None),
            Self::Overflow => ("dropped", Some("overflow")),
            Self::Shed => ("dropped", Some("shed")),
            Self::Exhausted => ("dropped", Some("exhausted")),
            Self::DeadLettered => ("dead_lettered", None),
            Self::Expired => ("expired", None),
            Self::LostCrash => ("lost", Some("crash")),
            Self::LostNotConnected => ("lost", Some("not_connected")),
            Self::LostBuffer => ("lost", Some("buffer_overflow")),
            Self::LostAcked => ("lost", Some("acked")),
            Self::LostNode => ("lost", Some("node")),
            Self::LostFanout => ("lost", Some("fanout")),
            Self::LostPublish => ("lost", Some("publish")),
            Self::LostAborted => ("lost", Some("aborted")),
            Self::LostNetwork => ("lost", Some("network")),
        }
    }

    /// Whether it ended by accident: nobody decided to give it up.
    pub const fn is_loss(self) -> bool {
        matches!(
            self,
            Self::LostCrash
                | Self::LostNotConnected
                | Self::LostBuffer
                | Self::LostAcked
                | Self::LostNode
                | Self::LostFanout
                | Self::LostPublish
                | Self::LostAborted
                | Self::LostNetwork
        )
    }

    /// Whether something may still come of it.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Stored | Self::Leased)
    }
}
