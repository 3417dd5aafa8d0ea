//! Policies of all microgrids as files of a run folder: `policies/NUMBER-NAME.safetensors`, one per microgrid.

use crate::exit::CliError;
use crate::run_folder;
use covolt_case::Case;
use covolt_dispatch::PolicyFleet;
use covolt_fleet::state::feature_names;
use covolt_fleet::{Microgrid, StateKind};
use covolt_policy::{Expected, GaussianPolicy, Provenance, load_agent, read_header, save_agent};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Folder of the policies inside a run folder.
pub const POLICIES: &str = "policies";

/// Policies read from a folder.
pub struct LoadedPolicies {
    /// One per microgrid.
    pub policies: Vec<GaussianPolicy>,
    /// Which state they were made for.
    pub state: StateKind,
    /// Trainer and the first digits of the SHA-256 of all files.
    pub version: String,
}

impl LoadedPolicies {
    /// The policies as proposers.
    pub fn into_fleet(self, case: &Case) -> Result<PolicyFleet, CliError> {
        Ok(PolicyFleet::try_new(&case.fleet, case.settings.steps, self.state, self.policies, self.version)?)
    }
}

/// Name of a microgrid's policy file.
fn file_name(number: usize, microgrid: &str) -> String {
    let plain: String = microgrid
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' })
        .take(60)
        .collect();
    format!("{}-{plain}.safetensors", number + 1)
}

/// Writes the policies below a run folder; returns the files.
pub fn save(
    case: &Case,
    policies: &[GaussianPolicy],
    trainer: &str,
    seed: u64,
    run: &Path,
) -> Result<Vec<PathBuf>, CliError> {
    let microgrids = case.fleet.microgrids.iter().zip(policies).enumerate();
    let save = |(number, (mg, policy)): (usize, (&Microgrid, &GaussianPolicy))| {
        let (microgrid, case_fingerprint) = (&mg.name, &case.fingerprint);
        save_one(policy, &PolicyOf { number, microgrid, case_fingerprint, trainer, seed }, run)
    };
    microgrids.map(save).collect()
}

/// Whose policy it is.
pub struct PolicyOf<'a> {
    /// Number of the microgrid among all, from 0.
    pub number: usize,
    /// Its name.
    pub microgrid: &'a str,
    /// The whole case.
    pub case_fingerprint: &'a str,
    /// Trainer.
    pub trainer: &'a str,
    /// Seed of the training.
    pub seed: u64,
}

/// Writes the policy of one microgrid below a run folder, as a whole or not at all; returns the file.
pub fn save_one(policy: &GaussianPolicy, of: &PolicyOf<'_>, run: &Path) -> Result<PathBuf, CliError> {
    let dir = run.join(POLICIES);
    std::fs::create_dir_all(&dir)
        .map_err(|e| CliError::bad_input(format!("cannot make folder {}: {e}", dir.display())))?;
    let provenance = Provenance {
        case_fingerprint: of.case_fingerprint.to_owned(),
        microgrid: of.microgrid.to_owned(),
        seed: of.seed,
        trainer: of.trainer.to_owned(),
    };
    let path = dir.join(file_name(of.number, of.microgrid));
    run_folder::replace(&path, &save_agent(policy, &provenance)?)?;
    Ok(path)
}

/// Reads the policies of a run folder (or of its folder `policies`); refuses those made for another case.
pub fn load(case: &Case, run: &Path) -> Result<LoadedPolicies, CliError> {
    let inner = run.join(POLICIES);
    let dir = if inner.is_dir() { inner } else { run.to_path_buf() };
    let mut policies = Vec::new();
    let (mut state, mut trainer, mut hash) = (None, String::new(), Sha256::new());
    for (n, mg) in case.fleet.microgrids.iter().enumerate() {
        let own = read_one(&dir, n, mg, case.settings.steps, &case.fingerprint)?;
        if *state.get_or_insert(own.state) != own.state {
            let path = dir.join(file_name(n, &mg.name));
            let text = format!("{}: is made for another state than the policies before it", path.display());
            return Err(CliError::bad_input(text));
        }
        hash.update(&own.bytes);
        trainer = own.trainer;
        policies.push(own.policy);
    }
    let digits: String = hash.finalize().iter().take(6).map(|b| format!("{b:02x}")).collect();
    Ok(LoadedPolicies { policies, state: state.unwrap_or_default(), version: format!("{trainer} {digits}") })
}

/// A policy as it was read.
struct ReadPolicy {
    policy: GaussianPolicy,
    state: StateKind,
    trainer: String,
    bytes: Vec<u8>,
}

/// Reads the policy of microgrid `n` of the whole case with this fingerprint.
fn read_one(dir: &Path, n: usize, mg: &Microgrid, steps: usize, fingerprint: &str) -> Result<ReadPolicy, CliError> {
    let path = dir.join(file_name(n, &mg.name));
    let refused = |e: String| CliError::bad_input(format!("{}: {e}", path.display()));
    let bytes =
        std::fs::read(&path).map_err(|e| refused(format!("cannot read the policy of microgrid {} ({e})", mg.name)))?;
    let header = read_header(&bytes).map_err(|e| refused(e.to_string()))?;
    let layout = mg.layout(steps);
    let kinds = [StateKind::Local, StateKind::Paper];
    let kind = kinds.into_iter().find(|&k| feature_names(k, mg, &layout) == header.state_layout);
    // Where no state fits, the usual one makes the refusal name what differs.
    let state = kind.unwrap_or_default();
    let (names, actions) = (feature_names(state, mg, &layout), layout.names());
    let expected =
        Expected { case_fingerprint: fingerprint, microgrid: &mg.name, state_layout: &names, action_layout: &actions };
    let (policy, header) = load_agent(&bytes, &expected).map_err(|e| refused(e.to_string()))?;
    Ok(ReadPolicy { policy, state, trainer: header.provenance.trainer, bytes })
}

/// The policy of an agent's part as a proposer: seat `n` of the whole case with this fingerprint.
pub fn load_of_part(part: &Case, n: usize, fingerprint: &str, run: &Path) -> Result<PolicyFleet, CliError> {
    let inner = run.join(POLICIES);
    let dir = if inner.is_dir() { inner } else { run.to_path_buf() };
    let Some(mg) = part.fleet.microgrids.first() else { return Err(CliError::bad_input("the part has no microgrid")) };
    let steps = part.settings.steps;
    let own = read_one(&dir, n, mg, steps, fingerprint)?;
    let digits: String = Sha256::digest(&own.bytes).iter().take(6).map(|b| format!("{b:02x}")).collect();
    let version = format!("{} {digits}", own.trainer);
    Ok(PolicyFleet::try_new(&part.fleet, steps, own.state, vec![own.policy], version)?)
}
