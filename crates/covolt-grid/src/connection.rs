//! How a device or load is connected: its bus, and the ports over which its power is spread evenly.
//!
//! In a balanced network there is one port per bus, with the bus's own number. In a multi-phase network a three-phase device has
//! three ports (phase to neutral, or phase to phase), a single-phase one has one.

use crate::multiphase::PortIndex;
use crate::network::BusIndex;

/// Bus and ports of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    bus: BusIndex,
    ports: [PortIndex; MOST_PORTS],
    count: usize,
}

/// A device has one to three phases.
pub const MOST_PORTS: usize = 3;

impl Connection {
    /// At a bus of a balanced network.
    pub fn balanced(bus: BusIndex) -> Connection {
        Connection { bus, ports: [PortIndex(bus.0); MOST_PORTS], count: 1 }
    }

    /// At `ports` of `bus` in a multi-phase network; `None` unless there are one to three.
    pub fn at_ports(bus: BusIndex, ports: &[PortIndex]) -> Option<Connection> {
        let mut own = [*ports.first()?; MOST_PORTS];
        own.get_mut(..ports.len())?.copy_from_slice(ports);
        Some(Connection { bus, ports: own, count: ports.len() })
    }

    /// The bus.
    pub fn bus(&self) -> BusIndex {
        self.bus
    }

    /// The ports.
    pub fn ports(&self) -> &[PortIndex] {
        &self.ports[..self.count]
    }

    /// Share of the power that each port takes.
    pub fn share(&self) -> f64 {
        1.0 / self.count as f64
    }
}

impl From<BusIndex> for Connection {
    fn from(bus: BusIndex) -> Connection {
        Connection::balanced(bus)
    }
}
