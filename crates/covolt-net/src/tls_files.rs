//! Checks the keys before anything is sent, so that a fault is named by its file and not by a handshake that failed.

use crate::NetError;
use crate::keys::{certificate, key_file};
use crate::settings::TlsFiles;
use crate::subjects::{FleetName, Participant};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::SystemTime;

/// Sets the cryptography of the process, which the client library asks for; that somebody else has set one is fine, too.
pub(crate) fn set_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The files fit together, are within their time, and belong to this participant of this fleet.
pub(crate) fn check(files: &TlsFiles, fleet: &FleetName, who: &Participant) -> Result<(), NetError> {
    let provider = rustls::crypto::ring::default_provider();
    let now = SystemTime::now();
    certificate::read(&files.authority)?.check_time(now)?;
    let own = certificate::read(&files.certificate)?;
    let user = format!("CN={},OU={},O={}", crate::subjects::escape("name", &own.name)?, own.role, own.fleet);
    let wanted = who.server_user(fleet)?;
    if user != wanted {
        return Err(NetError::NotTheHolder { file: files.certificate.clone(), found: user, wanted });
    }
    own.check_time(now)?;
    let mut roots = RootCertStore::empty();
    let authority = certificates(&files.authority)?;
    authority.into_iter().try_for_each(|one| roots.add(one)).map_err(|e| NetError::file(&files.authority, e))?;
    let key = PrivateKeyDer::from_pem_slice(key_file::read_private(&files.key)?.as_bytes());
    let key = key.map_err(|e| NetError::file(&files.key, format!("no private key: {e:?}")))?;
    let fault = |e: rustls::Error| NetError::file(&files.key, format!("with {}: {e}", files.certificate.display()));
    let versions = ClientConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions();
    let builder = versions.map_err(fault)?.with_root_certificates(roots);
    builder.with_client_auth_cert(certificates(&files.certificate)?, key).map(drop).map_err(fault)
}

fn certificates(file: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, NetError> {
    let text = key_file::read(file)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let all = all.map_err(|e| NetError::file(file, format!("no certificate: {e:?}")))?;
    if all.is_empty() { Err(NetError::file(file, "no certificate in it")) } else { Ok(all) }
}
