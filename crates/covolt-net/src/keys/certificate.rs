//! What stands in a certificate: who, in which fleet, from when to when.

use crate::NetError;
use crate::keys::key_file;
use crate::subjects::unescape;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::prelude::{FromDer, X509Certificate};

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// The file.
    pub file: PathBuf,
    /// `authority`, `operator`, `agent` or `server`; empty where the certificate is none of ours.
    pub role: String,
    /// Name of the holder.
    pub name: String,
    /// Name of the fleet.
    pub fleet: String,
    /// Start of its time.
    pub not_before: SystemTime,
    /// End of its time.
    pub not_after: SystemTime,
    /// Serial number, hexadecimal.
    pub serial: String,
    /// SHA-256 of the public key (SubjectPublicKeyInfo), hexadecimal, as the server's setting `pinned_certs` takes it.
    pub fingerprint: String,
    /// Host names and addresses it holds for.
    pub hosts: Vec<String>,
}

impl KeyInfo {
    /// An error naming the certificate where `now` is outside its time.
    pub fn check_time(&self, now: SystemTime) -> Result<(), NetError> {
        if self.not_before <= now && now <= self.not_after {
            return Ok(());
        }
        Err(NetError::OutOfDate {
            file: self.file.clone(),
            holder: format!("{} {:?}", self.role, self.name),
            not_before: utc(self.not_before),
            not_after: utc(self.not_after),
        })
    }
}

/// All certificates of a folder, by file name.
pub fn show(dir: &Path) -> Result<Vec<KeyInfo>, NetError> {
    let entries = std::fs::read_dir(dir).map_err(|e| NetError::file(dir, e))?;
    let mut files = Vec::new();
    for entry in entries {
        let file = entry.map_err(|e| NetError::file(dir, e))?.path();
        if file.extension().is_some_and(|e| e == "crt") {
            files.push(file);
        }
    }
    files.sort();
    files.iter().map(|file| read(file)).collect()
}

/// The first certificate of the file.
pub(crate) fn read(file: &Path) -> Result<KeyInfo, NetError> {
    let fault = |reason: String| NetError::file(file, format!("no certificate: {reason}"));
    let pem = key_file::read(file)?;
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|e| fault(e.to_string()))?;
    let (_, certificate) = X509Certificate::from_der(&der).map_err(|e| fault(e.to_string()))?;
    let subject = certificate.subject();
    let token = first(subject.iter_common_name());
    let time = |time: x509_parser::time::ASN1Time| {
        UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or(0))
    };
    Ok(KeyInfo {
        file: file.to_path_buf(),
        role: first(subject.iter_organizational_unit()),
        name: unescape(&token).unwrap_or(token),
        fleet: first(subject.iter_organization()),
        not_before: time(certificate.validity().not_before),
        not_after: time(certificate.validity().not_after),
        serial: hexadecimal(certificate.raw_serial()),
        fingerprint: hexadecimal(&sha256(certificate.public_key().raw)),
        hosts: hosts(&certificate),
    })
}

fn first<'a>(mut values: impl Iterator<Item = &'a x509_parser::x509::AttributeTypeAndValue<'a>>) -> String {
    values.next().and_then(|value| value.as_str().ok()).unwrap_or_default().to_owned()
}

fn hosts(certificate: &X509Certificate<'_>) -> Vec<String> {
    use x509_parser::extensions::GeneralName;
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    let host = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|b| std::net::Ipv4Addr::from(b).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|b| std::net::Ipv6Addr::from(b).to_string()),
            _ => None,
        },
        _ => None,
    };
    names.iter().filter_map(host).collect()
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).to_vec()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A time as `2026-11-05T21:08:50Z`.
pub fn utc(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // The calendar repeats every 400 years of 146 097 days; years begin in March, so that a leap day comes last.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// What [`KeyInfo::fingerprint`] is for this key pair.
pub(crate) fn fingerprint_of_key(key: &rcgen::KeyPair) -> String {
    use rcgen::PublicKeyData;
    hexadecimal(&sha256(&key.subject_public_key_info()))
}
