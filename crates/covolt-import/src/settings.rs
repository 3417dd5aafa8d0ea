//! What a reader of foreign files may do, and how much of them it takes.

use std::path::PathBuf;

/// Limits and choices of an import. The limits are there for files from strangers: a real feeder stays far below them.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportSettings {
    /// True: anything that was left out or assumed is an error. Default: false.
    pub strict: bool,
    /// Folder that every included file must lie in. Default: the folder of the first file.
    pub root: Option<PathBuf>,
    /// True: included files may lie anywhere. Default: false.
    pub allow_outside: bool,
    /// Most files that include each other at once. Default: 32.
    pub max_depth: usize,
    /// Most bytes of all files together. Default: 256 MiB.
    pub max_bytes: u64,
    /// Most elements (and library entries) together. Default: 2 million.
    pub max_elements: usize,
    /// Most conductors of one terminal; the work on an element grows with the third power. Default: 24.
    pub max_conductors: usize,
    /// Power base of the network, MVA. Default: 1.
    pub base_mva: f64,
}

impl Default for ImportSettings {
    fn default() -> Self {
        ImportSettings {
            strict: false,
            root: None,
            allow_outside: false,
            max_depth: 32,
            max_bytes: 256 << 20,
            max_elements: 2_000_000,
            max_conductors: 24,
            base_mva: 1.0,
        }
    }
}
