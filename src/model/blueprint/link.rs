//! Links between components, and what may be wrong with them.

use super::{BrokerId, ClientId, ServiceId, ZoneId};
use crate::random::Variate;
use crate::units::Probability;

/// One end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All instances of a service, and what empties its outbox.
    Service(ServiceId),
    /// One instance of a service.
    Instance(ServiceId, u32),
    /// A client.
    Client(ClientId),
    /// All nodes of a broker.
    Broker(BrokerId),
    /// One node of a broker.
    Node(BrokerId, u32),
    /// Everything that is placed in a zone.
    Zone(ZoneId),
}

/// Messages from one end to the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Where they come from.
    pub from: End,
    /// Where they go.
    pub to: End,
    /// What is wrong with them.
    pub effect: LinkEffect,
}

/// What may be wrong with a link.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkEffect {
    /// Nothing arrives, in either direction.
    Partition,
    /// This share gets lost: and is sent again, unless messages are datagrams.
    Loss {
        /// Of all messages.
        share: Probability,
        /// Whether lost is lost.
        datagram: bool,
    },
    /// This share arrives a second time, so much later.
    Duplicate {
        /// Of all messages.
        share: Probability,
        /// From the first arrival to the second.
        after: Variate,
    },
    /// This share is held back, so that others pass.
    Reorder {
        /// Of all messages.
        share: Probability,
        /// For so long.
        hold: Variate,
    },
    /// Messages are late by this.
    Delay(Variate),
    /// Bytes per second.
    Throttle(f64),
}
