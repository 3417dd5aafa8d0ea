//! Policy files: exact round trip, one refusal per misfit, no panic on any bytes.
#![allow(clippy::unwrap_used)]

mod common;

use common::{policy, uniform};
use covolt_policy::{
    CovarianceKind, Expected, GaussianPolicy, PolicyError, Provenance, load_agent, load_any, read_header, save_agent,
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn provenance() -> Provenance {
    Provenance {
        case_fingerprint: "c0ffee".to_owned(),
        microgrid: "MG 3".to_owned(),
        seed: 7,
        trainer: "trust region, 40 updates".to_owned(),
    }
}

fn saved(kind: CovarianceKind) -> (GaussianPolicy, Vec<u8>) {
    let mut rng = ChaCha8Rng::seed_from_u64(77);
    let p = policy(3, 2, &[4, 5], kind, &mut rng);
    let bytes = save_agent(&p, &provenance()).unwrap();
    (p, bytes)
}

fn layouts(p: &GaussianPolicy) -> (Vec<String>, Vec<String>) {
    let spec = p.spec();
    (spec.features.iter().map(|f| f.name.clone()).collect(), spec.actions.iter().map(|a| a.name.clone()).collect())
}

#[test]
fn law_round_trip_is_exact() {
    for kind in [CovarianceKind::Diagonal, CovarianceKind::Full] {
        let (p, bytes) = saved(kind);
        let (state, action) = layouts(&p);
        let expected =
            Expected { case_fingerprint: "c0ffee", microgrid: "MG 3", state_layout: &state, action_layout: &action };
        let (loaded, header) = load_agent(&bytes, &expected).unwrap();
        assert_eq!(loaded, p);
        assert_eq!(header.provenance, provenance());
        assert_eq!(header.mean_sizes, [3, 4, 5, 2]);
        assert_eq!(save_agent(&loaded, &provenance()).unwrap(), bytes, "same policy, same bytes");
    }
}

#[test]
fn law_each_misfit_has_its_own_refusal() {
    let (p, bytes) = saved(CovarianceKind::Diagonal);
    let (state, action) = layouts(&p);
    let fits = Expected { case_fingerprint: "c0ffee", microgrid: "MG 3", state_layout: &state, action_layout: &action };
    let refusal = |expected: &Expected<'_>| load_agent(&bytes, expected).unwrap_err();
    let e = refusal(&Expected { case_fingerprint: "beef", ..fits });
    assert_eq!(e.to_string(), "policy was trained on case c0ffee, this case is beef");
    let e = refusal(&Expected { microgrid: "MG 1", ..fits });
    assert_eq!(e.to_string(), "policy belongs to microgrid 'MG 3', expected 'MG 1'");
    let mut swapped = state.clone();
    swapped.swap(1, 2);
    let e = refusal(&Expected { state_layout: &swapped, ..fits });
    assert!(matches!(&e, PolicyError::Layout { layout: "state", position: 1, .. }), "{e}");
    let e = refusal(&Expected { action_layout: &action[..1], ..fits });
    assert!(
        matches!(&e, PolicyError::Layout { layout: "action", position: 1, found_len: 2, expected_len: 1, .. }),
        "{e}"
    );
}

/// Replaces text of equal length inside the header.
fn patched(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|w| w == from.as_bytes()).unwrap();
    let mut patched = bytes.to_vec();
    patched[at..at + to.len()].copy_from_slice(to.as_bytes());
    patched
}

#[test]
fn law_other_versions_and_broken_contents_are_refused() {
    let (_, bytes) = saved(CovarianceKind::Diagonal);
    let e = load_any(&patched(&bytes, r#"format_version\":2"#, r#"format_version\":9"#));
    assert_eq!(e.unwrap_err(), PolicyError::Version { found: 9, expected: 2 });
    let e = load_any(&patched(&bytes, "mean.1.bias", "mean.9.bias")).unwrap_err();
    assert!(matches!(&e, PolicyError::Tensor { name, .. } if name == "mean.1.bias"), "{e}");
    let e = load_any(&patched(&bytes, r#"mean_sizes\":[3,4,5,2]"#, r#"mean_sizes\":[3,5,4,2]"#));
    assert!(matches!(e, Err(PolicyError::Tensor { .. })));
    let e = load_any(&patched(&bytes, r#"mean_sizes\":[3,4,5,2]"#, r#"mean_sizes\":[3,4,5,7]"#));
    assert!(matches!(e, Err(PolicyError::Malformed { .. })));
    let e = load_any(&patched(&bytes, r#""covolt-policy""#, r#""someone-else!""#));
    assert!(matches!(e, Err(PolicyError::Malformed { .. })));
    // The last tensor of the file is a weight matrix.
    let mut nan = bytes.clone();
    let at = nan.len() - 8;
    nan[at..].copy_from_slice(&f64::NAN.to_le_bytes());
    assert!(matches!(load_any(&nan), Err(PolicyError::NotFinite { .. })));
}

#[test]
fn law_nan_parameters_are_not_saved() {
    let mut rng = ChaCha8Rng::seed_from_u64(77);
    let mut p = policy(3, 2, &[4], CovarianceKind::Diagonal, &mut rng);
    p.mean_net_mut().parameters_mut()[5] = f64::INFINITY;
    let e = save_agent(&p, &provenance());
    assert!(matches!(e, Err(PolicyError::NotFinite { index: 5, .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn law_truncated_files_are_refused(cut in 0usize..4000) {
        let (_, bytes) = saved(CovarianceKind::Full);
        let cut = cut % bytes.len();
        prop_assert!(load_any(&bytes[..cut]).is_err());
    }

    #[test]
    fn law_garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(load_any(&bytes).is_err());
        prop_assert!(read_header(&bytes).is_err());
    }

    /// A file with flipped bytes is refused or gives a policy that still evaluates to numbers.
    #[test]
    fn law_flipped_bytes_never_panic(flips in proptest::collection::vec((any::<u32>(), any::<u8>()), 1..6)) {
        let (_, mut bytes) = saved(CovarianceKind::Full);
        let n = bytes.len();
        for (at, value) in flips {
            bytes[at as usize % n] ^= value;
        }
        if let Ok((p, _)) = load_any(&bytes) {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let mut ws = p.workspace(1);
            let features = uniform(&mut rng, p.features());
            prop_assert!(p.evaluate(&features, &vec![0.0; p.actions()], 1, &mut ws).is_ok());
        }
    }
}
