//! What an OpenDSS script cannot say.

use thiserror::Error;

/// One thing that cannot be exported.
#[derive(Debug, Clone, PartialEq, Error)]
#[allow(missing_docs)] // the message of each variant explains its fields
pub enum ExportFault {
    #[error("{found} values of {quantity} demand for {expected} ports")]
    WrongLength { quantity: &'static str, found: usize, expected: usize },
    #[error("port '{port}': the {quantity} demand is {value}")]
    NotFinite { quantity: &'static str, port: String, value: f64 },
    #[error("bus '{bus}' has a node of number 0, which is ground in OpenDSS")]
    NodeZero { bus: String },
    #[error("{owner}: {quantity} is not symmetric, and OpenDSS has no such element")]
    NotSymmetric { owner: String, quantity: &'static str },
    #[error("port '{port}' lies between two buses, and a load of OpenDSS has one")]
    PortBetweenBuses { port: String },
    #[error(
        "{owner}: the resistance of a neutral is {value} ohm, and OpenDSS takes a negative one for an open neutral"
    )]
    NegativeNeutral { owner: String, value: f64 },
    #[error("{owner}: no impedance is left behind the voltage of the source")]
    SourceImpedance { owner: String },
}
