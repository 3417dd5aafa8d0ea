//! What is wrong with a case: every fault names its file, line or key, and what to do.

use std::fmt;
use thiserror::Error;

/// One fault of a case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Error, serde::Serialize)]
pub struct CaseFault {
    /// File, relative to the case folder.
    pub file: String,
    /// Line, counted from 1; of a table the header is line 1.
    pub line: Option<usize>,
    /// Key of the TOML file, column of a table, or identifier.
    pub key: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for CaseFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, " [{key}]")?;
        }
        write!(f, ": {}", self.what)?;
        if !self.hint.is_empty() {
            write!(f, " -> {}", self.hint)?;
        }
        Ok(())
    }
}

/// Error of writing a case or an export.
#[derive(Debug, Error)]
pub enum CaseError {
    /// A file cannot be written.
    #[error("cannot write {path}: {reason}")]
    Write {
        /// Path of the file.
        path: String,
        /// Reason given by the system.
        reason: String,
    },
    /// The target folder holds files already.
    #[error("{path} is not empty; choose a new folder")]
    NotEmpty {
        /// Path of the folder.
        path: String,
    },
    /// The target format cannot express something.
    #[error("{format} cannot express {what}")]
    NotExpressible {
        /// Name of the format.
        format: &'static str,
        /// What cannot be expressed.
        what: String,
    },
    /// Injections do not fit the network.
    #[error("step {step} has {found} injections, the network has {expected} buses")]
    WrongLength {
        /// Label of the step.
        step: String,
        /// Number of entries found.
        found: usize,
        /// Number of buses.
        expected: usize,
    },
}

/// Where something of a case was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Place {
    pub file: String,
    pub line: Option<usize>,
}

impl Place {
    pub fn new(file: &str, line: Option<usize>) -> Place {
        Place { file: file.to_string(), line }
    }

    pub fn fault(&self, key: &str, what: impl Into<String>, hint: impl Into<String>) -> CaseFault {
        CaseFault {
            file: self.file.clone(),
            line: self.line,
            key: (!key.is_empty()).then(|| key.to_string()),
            what: what.into(),
            hint: hint.into(),
        }
    }
}

/// "did you mean ...?" for a misspelt word, or the list of known words.
pub(crate) fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let lower = word.to_lowercase();
    let best = known.iter().map(|k| (distance(&lower, &k.to_lowercase()), *k)).min();
    match best {
        Some((d, k)) if d <= 1 + word.chars().count() / 4 => format!("did you mean \"{k}\"?"),
        Some(_) if known.len() <= 24 => format!("known here: {}", known.join(", ")),
        Some(_) => format!("{} are known here, none is close", known.len()),
        None => "nothing is allowed here".to_string(),
    }
}

/// Number of insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`; words beyond 60 characters are cut.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(60).collect();
    let b: Vec<char> = b.chars().take(60).collect();
    let width = b.len() + 1;
    let mut d = vec![0usize; (a.len() + 1) * width];
    for (i, row) in d.chunks_mut(width).enumerate() {
        row[0] = i;
    }
    d.iter_mut().take(width).enumerate().for_each(|(j, first)| *first = j);
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replace = d[(i - 1) * width + j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(d[(i - 1) * width + j] + 1).min(d[i * width + j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(d[(i - 2) * width + j - 2] + 1);
            }
            d[i * width + j] = best;
        }
    }
    d[a.len() * width + b.len()]
}
