//! The authority of a fleet: made once, kept away from the participants, used to issue their keys.

use crate::NetError;
use crate::keys::certificate::{self, KeyInfo, utc};
use crate::keys::{Holder, Issued, key_file};
use crate::settings::TlsFiles;
use crate::subjects::FleetName;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Usual time of an authority, days.
pub const AUTHORITY_DAYS: u32 = 3650;
/// Usual time of issued keys, days.
pub const ISSUED_DAYS: u32 = 397;
/// Longest time, days.
const MOST_DAYS: u32 = 36_500;
/// Certificates hold from a little before they were made, since clocks differ.
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(600);
/// Files of the authority.
const CERTIFICATE: &str = "authority.crt";
const KEY: &str = "authority.key";

/// An authority whose private key is at hand.
#[derive(Debug)]
pub struct Authority {
    dir: PathBuf,
    fleet: FleetName,
    info: KeyInfo,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes an authority for this fleet in the folder `dir`, for `days` from now on. It replaces nothing: whoever wants
    /// another one takes another folder.
    pub fn create(dir: &Path, fleet: &FleetName, days: u32) -> Result<Authority, NetError> {
        let (from, until) = span(days)?;
        let (certificate_file, key_file) = (dir.join(CERTIFICATE), dir.join(KEY));
        key_file::create_folder(dir)?;
        key_file::refuse_existing(&[&certificate_file, &key_file])?;
        let fault = |e: rcgen::Error| NetError::file(&certificate_file, e);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(fault)?;
        let mut params = authority_params(fleet);
        (params.not_before, params.not_after) = (from.into(), until.into());
        params.serial_number = Some(serial());
        let made = params.self_signed(&key).map_err(fault)?;
        key_file::write(&key_file, &key.serialize_pem(), true)?;
        key_file::write(&certificate_file, &made.pem(), false)?;
        Authority::open(dir)
    }

    /// Opens the authority of the folder.
    pub fn open(dir: &Path) -> Result<Authority, NetError> {
        let info = certificate::read(&dir.join(CERTIFICATE))?;
        if info.role != "authority" {
            return Err(NetError::NotTheHolder {
                file: info.file,
                found: format!("{} {:?}", info.role, info.name),
                wanted: "an authority".to_owned(),
            });
        }
        let fleet = FleetName::new(&info.fleet)?;
        let key_file = dir.join(KEY);
        let key = KeyPair::from_pem(&key_file::read_private(&key_file)?).map_err(|e| NetError::file(&key_file, e))?;
        if certificate::fingerprint_of_key(&key) != info.fingerprint {
            return Err(NetError::file(&key_file, format!("not the key of {}", info.file.display())));
        }
        let issuer = Issuer::new(authority_params(&fleet), key);
        Ok(Authority { dir: dir.to_path_buf(), fleet, info, issuer })
    }

    /// The fleet.
    pub fn fleet(&self) -> &FleetName {
        &self.fleet
    }

    /// Its own certificate.
    pub fn info(&self) -> &KeyInfo {
        &self.info
    }

    /// Issues keys for `days` from now on into the folder `out`: `NAME.crt`, `NAME.key` and `authority.crt`. Existing ones
    /// are replaced only with `replace`.
    pub fn issue(&self, holder: &Holder, days: u32, out: &Path, replace: bool) -> Result<Issued, NetError> {
        self.info.check_time(SystemTime::now())?;
        let (from, until) = span(days)?;
        self.issue_between(holder, from.max(self.info.not_before), until, out, replace)
    }

    /// The same for any time within that of the authority.
    pub fn issue_between(
        &self,
        holder: &Holder,
        from: SystemTime,
        until: SystemTime,
        out: &Path,
        replace: bool,
    ) -> Result<Issued, NetError> {
        if until > self.info.not_after {
            let reason = format!("{holder} would outlive the authority, which ends {}", utc(self.info.not_after));
            return Err(NetError::Setting { setting: "days", reason });
        }
        if from >= until {
            let reason = format!("{holder}: {} is not before {}", utc(from), utc(until));
            return Err(NetError::Setting { setting: "days", reason });
        }
        let stem = holder.file_stem()?;
        let files = TlsFiles {
            authority: out.join(CERTIFICATE),
            certificate: out.join(format!("{stem}.crt")),
            key: out.join(format!("{stem}.key")),
        };
        let mut params = holder_params(holder, &self.fleet)?;
        (params.not_before, params.not_after) = (from.into(), until.into());
        let fault = |e: rcgen::Error| NetError::file(&files.certificate, e);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(fault)?;
        let made = params.signed_by(&key, &self.issuer).map_err(fault)?;
        key_file::create_folder(out)?;
        if !replace {
            key_file::refuse_existing(&[&files.certificate, &files.key])?;
        }
        self.hand_out(&files.authority, replace)?;
        key_file::write(&files.key, &key.serialize_pem(), true)?;
        key_file::write(&files.certificate, &made.pem(), false)?;
        let info = certificate::read(&files.certificate)?;
        Ok(Issued { files, info })
    }

    /// Puts the certificate of the authority beside issued keys.
    fn hand_out(&self, file: &Path, replace: bool) -> Result<(), NetError> {
        let own = key_file::read(&self.dir.join(CERTIFICATE))?;
        match key_file::read(file) {
            Ok(other) if other == own => Ok(()),
            Ok(_) if !replace => Err(NetError::Exists { file: file.to_path_buf() }),
            _ => key_file::write(file, &own, false),
        }
    }
}

fn span(days: u32) -> Result<(SystemTime, SystemTime), NetError> {
    if !(1..=MOST_DAYS).contains(&days) {
        let reason = format!("{days} is not 1 to {MOST_DAYS}");
        return Err(NetError::Setting { setting: "days", reason });
    }
    let now = SystemTime::now();
    Ok((now - CLOCK_DIFFERENCE, now + Duration::from_secs(86_400 * u64::from(days))))
}

/// 16 random bytes, positive.
fn serial() -> SerialNumber {
    let mut bytes: [u8; 16] = rand::random();
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes)
}

fn named(common_name: &str, role: &str, fleet: &FleetName) -> CertificateParams {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, fleet.as_str());
    name.push(DnType::OrganizationalUnitName, role);
    name.push(DnType::CommonName, common_name);
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params
}

fn authority_params(fleet: &FleetName) -> CertificateParams {
    let mut params = named("authority", "authority", fleet);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn holder_params(holder: &Holder, fleet: &FleetName) -> Result<CertificateParams, NetError> {
    let mut params = named(&holder.token()?, holder.role(), fleet);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    params.serial_number = Some(serial());
    params.extended_key_usages = match holder {
        Holder::Participant(_) => vec![ExtendedKeyUsagePurpose::ClientAuth],
        Holder::Server { hosts, .. } => {
            if hosts.is_empty() {
                let reason = format!("{holder} needs the names or addresses under which it is reached");
                return Err(NetError::Setting { setting: "hosts", reason });
            }
            params.subject_alt_names = hosts.iter().map(|host| alternative_name(host)).collect::<Result<_, _>>()?;
            vec![ExtendedKeyUsagePurpose::ServerAuth]
        }
    };
    Ok(params)
}

fn alternative_name(host: &str) -> Result<SanType, NetError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let fault = || NetError::Name {
        what: "host",
        name: host.to_owned(),
        reason: "neither a host name nor an address".to_owned(),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '*');
    if host.is_empty() || !host.chars().all(fits) {
        return Err(fault());
    }
    Ok(SanType::DnsName(host.try_into().map_err(|_| fault())?))
}
