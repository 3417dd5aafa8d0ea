//! Policy files: safetensors with a readable header, one agent each, to and from bytes (files are the caller's).
//!
//! The header is one JSON object under the metadata key `covolt-policy`; every number that enters a
//! result is a little-endian f64 tensor, so a policy comes back bit for bit:
//!
//! | tensor | shape |
//! |---|---|
//! | `feature_mean`, `feature_std` | F |
//! | `action_scale` | D |
//! | `log_sigma` | 3: lower, initial, upper |
//! | `mean.l.weight`, `covariance.l.weight` | inputs x outputs of layer l |
//! | `mean.l.bias`, `covariance.l.bias` | outputs of layer l |
//!
//! Loading refuses, each with its own error that says what was found and expected: bytes that are no policy file,
//! another format version, case, microgrid or layout, tensors missing or of another shape, numbers that are not finite.

use std::borrow::Cow;
use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};

use crate::covariance::{CovarianceKind, LogSigma};
use crate::error::{PolicyError, check_finite};
use crate::mlp::{Activation, Mlp};
use crate::policy::{Action, Feature, GaussianPolicy, PolicySpec};

/// Version of the file format this program writes and reads.
pub const FORMAT_VERSION: u32 = 2;

const HEADER_KEY: &str = "covolt-policy";

/// What the writer of a policy says about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Fingerprint of the case it was trained on.
    pub case_fingerprint: String,
    /// Microgrid it belongs to, as the user wrote it.
    pub microgrid: String,
    /// Seed of the training run.
    pub seed: u64,
    /// Trainer and its settings, in words.
    pub trainer: String,
}

/// Header of a policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyHeader {
    /// Format version, see [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Where the policy comes from.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// Feature names in order.
    pub state_layout: Vec<String>,
    /// Action names in order.
    pub action_layout: Vec<String>,
    /// Layer sizes of the mean network.
    pub mean_sizes: Vec<usize>,
    /// Layer sizes of the covariance network.
    pub covariance_sizes: Vec<usize>,
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// Form of the covariance factor.
    pub covariance: CovarianceKind,
}

/// What the reader needs the policy to fit.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Fingerprint of the case at hand.
    pub case_fingerprint: &'a str,
    /// Microgrid asked for.
    pub microgrid: &'a str,
    /// Feature names in order.
    pub state_layout: &'a [String],
    /// Action names in order.
    pub action_layout: &'a [String],
}

struct Block {
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Block {
    fn new(shape: &[usize], values: &[f64]) -> Self {
        Block { shape: shape.to_vec(), bytes: values.iter().flat_map(|v| v.to_le_bytes()).collect() }
    }
}

impl View for Block {
    fn dtype(&self) -> Dtype {
        Dtype::F64
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

fn malformed(reason: impl std::fmt::Display) -> PolicyError {
    PolicyError::Malformed { reason: reason.to_string() }
}

/// The bytes of a policy file; the same policy and provenance give the same bytes.
pub fn save_agent(policy: &GaussianPolicy, provenance: &Provenance) -> Result<Vec<u8>, PolicyError> {
    let spec = policy.spec();
    let header = PolicyHeader {
        format_version: FORMAT_VERSION,
        provenance: provenance.clone(),
        state_layout: spec.features.iter().map(|f| f.name.clone()).collect(),
        action_layout: spec.actions.iter().map(|a| a.name.clone()).collect(),
        mean_sizes: spec.mean_sizes(),
        covariance_sizes: spec.covariance_sizes(),
        activation: spec.activation,
        covariance: spec.covariance,
    };
    let json = serde_json::to_string(&header).map_err(malformed)?;
    let centre: Vec<f64> = spec.features.iter().map(|f| f.mean).collect();
    let spread: Vec<f64> = spec.features.iter().map(|f| f.std).collect();
    let log_sigma = [spec.log_sigma.lower, spec.log_sigma.initial, spec.log_sigma.upper];
    let mut tensors = vec![
        ("feature_mean".to_owned(), Block::new(&[centre.len()], &centre)),
        ("feature_std".to_owned(), Block::new(&[spread.len()], &spread)),
        ("action_scale".to_owned(), Block::new(&[policy.actions()], policy.scale())),
        ("log_sigma".to_owned(), Block::new(&[3], &log_sigma)),
    ];
    for (prefix, net) in [("mean", policy.mean_net()), ("covariance", policy.covariance_net())] {
        check_finite(&format!("{prefix} parameters"), net.parameters())?;
        for (l, layer) in net.layers().iter().enumerate() {
            let (w, b) = layer.split(net.parameters());
            tensors.push((format!("{prefix}.{l}.weight"), Block::new(&[layer.inputs, layer.outputs], w)));
            tensors.push((format!("{prefix}.{l}.bias"), Block::new(&[layer.outputs], b)));
        }
    }
    // One key only: several would be written in the random order of the hash map.
    let metadata = HashMap::from([(HEADER_KEY.to_owned(), json)]);
    safetensors::serialize(tensors, Some(metadata)).map_err(malformed)
}

/// Header of a policy file, whatever case it belongs to; refuses other formats and versions only.
pub fn read_header(bytes: &[u8]) -> Result<PolicyHeader, PolicyError> {
    #[derive(Deserialize)]
    struct Version {
        format_version: u32,
    }
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(malformed)?;
    let json = metadata
        .metadata()
        .as_ref()
        .and_then(|m| m.get(HEADER_KEY))
        .ok_or_else(|| malformed(format_args!("no '{HEADER_KEY}' header")))?;
    let Version { format_version } = serde_json::from_str(json).map_err(malformed)?;
    if format_version != FORMAT_VERSION {
        return Err(PolicyError::Version { found: format_version, expected: FORMAT_VERSION });
    }
    serde_json::from_str(json).map_err(malformed)
}

fn check_layout(layout: &'static str, found: &[String], expected: &[String]) -> Result<(), PolicyError> {
    if found == expected {
        return Ok(());
    }
    let position = found.iter().zip(expected).position(|(f, e)| f != e).unwrap_or(found.len().min(expected.len()));
    let name = |names: &[String]| match names.get(position) {
        Some(name) => format!("'{name}'"),
        None => "nothing".to_owned(),
    };
    Err(PolicyError::Layout {
        layout,
        position,
        found: name(found),
        expected: name(expected),
        found_len: found.len(),
        expected_len: expected.len(),
    })
}

fn read_tensor(file: &SafeTensors<'_>, name: &str, shape: &[usize], into: &mut Vec<f64>) -> Result<(), PolicyError> {
    let expected = || format!("F64 {shape:?}");
    let tensor = file.tensor(name).map_err(|_| PolicyError::Tensor {
        name: name.to_owned(),
        found: "nothing".to_owned(),
        expected: expected(),
    })?;
    if tensor.dtype() != Dtype::F64 || tensor.shape() != shape {
        return Err(PolicyError::Tensor {
            name: name.to_owned(),
            found: format!("{:?} {:?}", tensor.dtype(), tensor.shape()),
            expected: expected(),
        });
    }
    let from = into.len();
    let (words, _) = tensor.data().as_chunks::<8>();
    into.extend(words.iter().map(|word| f64::from_le_bytes(*word)));
    check_finite(name, &into[from..])
}

fn read_vector(file: &SafeTensors<'_>, name: &str, len: usize) -> Result<Vec<f64>, PolicyError> {
    let mut values = Vec::new();
    read_tensor(file, name, &[len], &mut values)?;
    Ok(values)
}

fn read_network(
    file: &SafeTensors<'_>,
    prefix: &str,
    sizes: &[usize],
    activation: Activation,
) -> Result<Mlp, PolicyError> {
    let mut theta = Vec::new();
    for (l, pair) in sizes.windows(2).enumerate() {
        read_tensor(file, &format!("{prefix}.{l}.weight"), pair, &mut theta)?;
        read_tensor(file, &format!("{prefix}.{l}.bias"), &pair[1..], &mut theta)?;
    }
    Mlp::from_parameters(sizes, activation, theta)
}

fn hidden(sizes: &[usize]) -> Vec<usize> {
    sizes.get(1..sizes.len().saturating_sub(1)).unwrap_or_default().to_vec()
}

/// A policy and its header from the bytes of a file, refused unless it fits `expected`.
pub fn load_agent(bytes: &[u8], expected: &Expected<'_>) -> Result<(GaussianPolicy, PolicyHeader), PolicyError> {
    let header = read_header(bytes)?;
    let provenance = &header.provenance;
    if provenance.case_fingerprint != expected.case_fingerprint {
        return Err(PolicyError::Fingerprint {
            found: provenance.case_fingerprint.clone(),
            expected: expected.case_fingerprint.to_owned(),
        });
    }
    if provenance.microgrid != expected.microgrid {
        return Err(PolicyError::Microgrid {
            found: provenance.microgrid.clone(),
            expected: expected.microgrid.to_owned(),
        });
    }
    check_layout("state", &header.state_layout, expected.state_layout)?;
    check_layout("action", &header.action_layout, expected.action_layout)?;
    let policy = read_policy(bytes, &header)?;
    Ok((policy, header))
}

/// The policy of a file without asking for what case it was made (for looking at files).
pub fn load_any(bytes: &[u8]) -> Result<(GaussianPolicy, PolicyHeader), PolicyError> {
    let header = read_header(bytes)?;
    let policy = read_policy(bytes, &header)?;
    Ok((policy, header))
}

fn read_policy(bytes: &[u8], header: &PolicyHeader) -> Result<GaussianPolicy, PolicyError> {
    let file = SafeTensors::deserialize(bytes).map_err(malformed)?;
    let (f, d) = (header.state_layout.len(), header.action_layout.len());
    let centre = read_vector(&file, "feature_mean", f)?;
    let spread = read_vector(&file, "feature_std", f)?;
    let scale = read_vector(&file, "action_scale", d)?;
    let log_sigma = match read_vector(&file, "log_sigma", 3)?[..] {
        [lower, initial, upper] => LogSigma { lower, initial, upper },
        _ => LogSigma::default(),
    };
    let features = header.state_layout.iter().zip(centre.iter().zip(&spread));
    let actions = header.action_layout.iter().zip(&scale);
    let spec = PolicySpec {
        features: features.map(|(name, (mean, std))| Feature { name: name.clone(), mean: *mean, std: *std }).collect(),
        actions: actions.map(|(name, scale)| Action { name: name.clone(), scale: *scale }).collect(),
        mean_hidden: hidden(&header.mean_sizes),
        covariance_hidden: hidden(&header.covariance_sizes),
        activation: header.activation,
        covariance: header.covariance,
        log_sigma,
    };
    for (name, found, expected) in [
        ("mean_sizes", &header.mean_sizes, spec.mean_sizes()),
        ("covariance_sizes", &header.covariance_sizes, spec.covariance_sizes()),
    ] {
        if *found != expected {
            return Err(malformed(format_args!("{name} {found:?} do not fit the layouts, which give {expected:?}")));
        }
    }
    let mean = read_network(&file, "mean", &header.mean_sizes, header.activation)?;
    let covariance = read_network(&file, "covariance", &header.covariance_sizes, header.activation)?;
    GaussianPolicy::from_networks(spec, mean, covariance)
}
