//! What can go wrong with a policy: wrong shapes, non-finite numbers, and files that do not fit.

use thiserror::Error;

/// Every failure of this crate; each names the quantity, what was found and what was expected.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A slice has the wrong number of entries.
    #[error("{what} has {found} entries, expected {expected}")]
    Length {
        /// The offending argument.
        what: &'static str,
        /// Entries found.
        found: usize,
        /// Entries expected.
        expected: usize,
    },
    /// A batch exceeds the size its workspace was made for.
    #[error("batch of {batch} samples, but the workspace holds at most {capacity}")]
    Batch {
        /// Samples asked for.
        batch: usize,
        /// Samples the workspace holds.
        capacity: usize,
    },
    /// A workspace made for another network.
    #[error("workspace was made for layer sizes {found:?}, the network has {expected:?}")]
    Workspace {
        /// Layer sizes of the workspace.
        found: Vec<usize>,
        /// Layer sizes of the network.
        expected: Vec<usize>,
    },
    /// A backward or tangent pass was asked for before a forward pass of the same network.
    #[error("{what} needs a forward pass first")]
    NoForward {
        /// The pass that was asked for.
        what: &'static str,
    },
    /// Layer sizes that make no network.
    #[error("layer sizes {sizes:?} make no network: {reason}")]
    Sizes {
        /// The layer sizes.
        sizes: Vec<usize>,
        /// What is wrong with them.
        reason: &'static str,
    },
    /// A number that must be finite is not.
    #[error("{what}[{index}] = {value} is not a finite number")]
    NotFinite {
        /// The offending argument.
        what: String,
        /// Position in it.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A number that must be positive is not.
    #[error("{what}[{index}] = {value} must be positive")]
    NotPositive {
        /// The offending argument.
        what: &'static str,
        /// Position in it.
        index: usize,
        /// The value.
        value: f64,
    },
    /// The bounds of log sigma are not in order around the starting value.
    #[error("log sigma must satisfy -30 <= lower < initial < upper <= 30, found {lower} / {initial} / {upper}")]
    LogSigmaBounds {
        /// Lower bound.
        lower: f64,
        /// Starting value.
        initial: f64,
        /// Upper bound.
        upper: f64,
    },
    /// The Gram matrix of an output step has no Cholesky factor even with its damping.
    #[error("Gram matrix J J^T is not positive definite at row {row} (pivot {pivot:e}, damping {damping:e})")]
    Gram {
        /// Row of the failing pivot.
        row: usize,
        /// Value of the pivot.
        pivot: f64,
        /// Absolute damping that had been added to the diagonal.
        damping: f64,
    },
    /// Bytes that are no policy file (truncated, garbage, or another kind of safetensors file).
    #[error("not a policy file: {reason}")]
    Malformed {
        /// What the reader stumbled over.
        reason: String,
    },
    /// A policy file of another format version.
    #[error("policy file has format version {found}, this program reads version {expected}")]
    Version {
        /// Version in the file.
        found: u32,
        /// Version this program reads.
        expected: u32,
    },
    /// A policy trained on another case.
    #[error("policy was trained on case {found}, this case is {expected}")]
    Fingerprint {
        /// Fingerprint in the file.
        found: String,
        /// Fingerprint of the case at hand.
        expected: String,
    },
    /// A policy of another microgrid.
    #[error("policy belongs to microgrid '{found}', expected '{expected}'")]
    Microgrid {
        /// Name in the file.
        found: String,
        /// Name asked for.
        expected: String,
    },
    /// State or action layout differs from the case's.
    #[error(
        "{layout} layout differs at position {position}: file has {found}, case has {expected} ({found_len} against {expected_len} entries)"
    )]
    Layout {
        /// "state" or "action".
        layout: &'static str,
        /// First position that differs.
        position: usize,
        /// Name in the file there (or "nothing").
        found: String,
        /// Name in the case there (or "nothing").
        expected: String,
        /// Entries in the file.
        found_len: usize,
        /// Entries in the case.
        expected_len: usize,
    },
    /// A tensor is missing from the file or has another shape or element type.
    #[error("tensor '{name}': found {found}, expected {expected}")]
    Tensor {
        /// Name of the tensor.
        name: String,
        /// What the file has.
        found: String,
        /// What the header calls for.
        expected: String,
    },
}

pub(crate) fn check_len(what: &'static str, found: usize, expected: usize) -> Result<(), PolicyError> {
    if found == expected { Ok(()) } else { Err(PolicyError::Length { what, found, expected }) }
}

pub(crate) fn check_finite(what: &str, values: &[f64]) -> Result<(), PolicyError> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(index) => Err(PolicyError::NotFinite {
            what: what.to_owned(),
            index,
            value: values.get(index).copied().unwrap_or(f64::NAN),
        }),
    }
}

pub(crate) fn check_positive(what: &'static str, values: &[f64]) -> Result<(), PolicyError> {
    match values.iter().position(|v| !(v.is_finite() && *v > 0.0)) {
        None => Ok(()),
        Some(index) => {
            Err(PolicyError::NotPositive { what, index, value: values.get(index).copied().unwrap_or(f64::NAN) })
        }
    }
}
