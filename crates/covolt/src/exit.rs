//! How the program ends: 0 success, 2 bad input, 3 no safe dispatch, no feasible action or not converged.
//!
//! A reader that closes the pipe early (`covolt ... | head`) is no error.

use covolt_dispatch::DispatchError;
use covolt_fleet::FleetFault;
use covolt_grid::GridError;
use covolt_learn::LearnError;
use covolt_optimum::OptimumError;
use covolt_optimum::bound::BoundError;
use thiserror::Error;

/// Bad input: exit code 2.
pub const BAD_INPUT: u8 = 2;
/// No safe dispatch, no feasible action or not converged: exit code 3.
pub const NO_ANSWER: u8 = 3;

/// Why a command ends early.
#[derive(Debug, Error)]
pub enum CliError {
    /// Something given from outside does not fit.
    #[error("{0}")]
    BadInput(String),
    /// The input is fine, and there is no answer: infeasible, no power flow, not converged.
    #[error("{0}")]
    NoAnswer(String),
    /// Everything was said already; only the exit code is left.
    #[error("")]
    Said(u8),
    /// The reader of the output went away.
    #[error("the reader of the output went away")]
    BrokenPipe,
}

impl CliError {
    /// Bad input in the given words.
    pub fn bad_input(text: impl Into<String>) -> CliError {
        CliError::BadInput(text.into())
    }

    /// No answer in the given words.
    pub fn no_answer(text: impl Into<String>) -> CliError {
        CliError::NoAnswer(text.into())
    }

    /// Exit code of the program.
    pub fn exit_code(&self) -> u8 {
        match self {
            CliError::BadInput(_) => BAD_INPUT,
            CliError::NoAnswer(_) => NO_ANSWER,
            CliError::Said(code) => *code,
            CliError::BrokenPipe => 0,
        }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> CliError {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => CliError::BrokenPipe,
            _ => CliError::BadInput(error.to_string()),
        }
    }
}

impl From<serde_json::Error> for CliError {
    fn from(error: serde_json::Error) -> CliError {
        match error.io_error_kind() {
            Some(std::io::ErrorKind::BrokenPipe) => CliError::BrokenPipe,
            _ => CliError::BadInput(error.to_string()),
        }
    }
}

impl From<covolt_report::ReportError> for CliError {
    fn from(error: covolt_report::ReportError) -> CliError {
        CliError::BadInput(error.to_string())
    }
}

impl From<covolt_case::CaseError> for CliError {
    fn from(error: covolt_case::CaseError) -> CliError {
        CliError::BadInput(error.to_string())
    }
}

impl From<covolt_net::NetError> for CliError {
    fn from(error: covolt_net::NetError) -> CliError {
        CliError::BadInput(error.to_string())
    }
}

impl From<covolt_policy::PolicyError> for CliError {
    fn from(error: covolt_policy::PolicyError) -> CliError {
        CliError::BadInput(error.to_string())
    }
}

impl From<GridError> for CliError {
    fn from(error: GridError) -> CliError {
        match error {
            GridError::NoSolution { .. }
            | GridError::ControlsNotSettled { .. }
            | GridError::Singular { .. }
            | GridError::Factorisation { .. } => CliError::NoAnswer(error.to_string()),
            _ => CliError::BadInput(error.to_string()),
        }
    }
}

impl From<covolt_import::ImportError> for CliError {
    fn from(error: covolt_import::ImportError) -> CliError {
        // Which flags there are is known here alone.
        let advice = match &error {
            covolt_import::ImportError::Outside { .. } => {
                "; --root FOLDER names another folder, --allow-outside lifts the limit"
            }
            covolt_import::ImportError::NotStrict(_) => "\nwithout --strict they would be notes",
            _ => "",
        };
        CliError::BadInput(format!("{error}{advice}"))
    }
}

impl From<OptimumError> for CliError {
    fn from(error: OptimumError) -> CliError {
        match error {
            OptimumError::Grid(grid) => grid.into(),
            other => CliError::NoAnswer(other.to_string()),
        }
    }
}

impl From<BoundError> for CliError {
    fn from(error: BoundError) -> CliError {
        match error {
            BoundError::Infeasible { .. } | BoundError::NotConverged { .. } | BoundError::Setup { .. } => {
                CliError::NoAnswer(error.to_string())
            }
            _ => CliError::BadInput(error.to_string()),
        }
    }
}

impl From<DispatchError> for CliError {
    fn from(error: DispatchError) -> CliError {
        match error {
            DispatchError::Grid(grid) => grid.into(),
            DispatchError::Optimum(optimum) => optimum.into(),
            DispatchError::NoPowerFlow { .. } => CliError::NoAnswer(error.to_string()),
            _ => CliError::BadInput(error.to_string()),
        }
    }
}

impl From<LearnError> for CliError {
    fn from(error: LearnError) -> CliError {
        match error {
            LearnError::Grid(grid) => grid.into(),
            LearnError::Consensus(_) => CliError::NoAnswer(error.to_string()),
            _ => CliError::BadInput(error.to_string()),
        }
    }
}

impl From<covolt_parties::PartyError> for CliError {
    fn from(error: covolt_parties::PartyError) -> CliError {
        use covolt_parties::PartyError;
        match error {
            PartyError::Grid(grid) => grid.into(),
            PartyError::Learn(learn) => learn.into(),
            PartyError::Agent { .. } | PartyError::NotSettled { .. } => CliError::NoAnswer(error.to_string()),
            _ => CliError::BadInput(error.to_string()),
        }
    }
}

impl From<covolt_consensus::ConsensusError> for CliError {
    fn from(error: covolt_consensus::ConsensusError) -> CliError {
        CliError::NoAnswer(error.to_string())
    }
}

impl From<Vec<FleetFault>> for CliError {
    fn from(faults: Vec<FleetFault>) -> CliError {
        CliError::BadInput(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }
}
