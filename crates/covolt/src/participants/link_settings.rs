//! From options to the settings of a link, and of the streams behind it.

use crate::cli::{LinkArgs, StorageChoice, StreamArgs, TimingArgs};
use crate::exit::CliError;
use covolt_net::{FleetName, Holder, LinkSettings, Participant, Storage, StreamSettings, TlsFiles};
use covolt_parties::{OnAbsence, Timing};
use std::path::Path;
use std::time::Duration;

/// Settings of the link of a participant; streams are the operator's to set.
pub fn link_settings(
    args: &LinkArgs,
    case: &str,
    who: Participant,
    agents: Vec<String>,
    streams: StreamSettings,
) -> Result<LinkSettings, CliError> {
    let fleet = match &args.fleet {
        Some(name) => FleetName::new(name)?,
        None => FleetName::from_case_name(case),
    };
    let tls = args.keys.as_ref().map(|dir| keys_of(dir, &who)).transpose()?;
    let ms = Duration::from_millis;
    Ok(LinkSettings {
        server: args.server.clone(),
        agents,
        tls,
        connections: args.connections,
        connect_timeout: ms(args.connect_timeout_ms),
        reconnect_wait_max: ms(args.reconnect_wait_max_ms),
        ping_interval: ms(args.ping_interval_ms),
        request_timeout: ms(args.request_timeout_ms),
        send_buffer: args.send_buffer_mib << 20,
        stream: (!args.no_streams).then_some(streams),
        ..LinkSettings::new(fleet, who)
    })
}

/// Files of the participant in the folder.
fn keys_of(dir: &Path, who: &Participant) -> Result<TlsFiles, CliError> {
    let stem = Holder::Participant(who.clone()).file_stem()?;
    let files = TlsFiles {
        authority: dir.join("authority.crt"),
        certificate: dir.join(format!("{stem}.crt")),
        key: dir.join(format!("{stem}.key")),
    };
    for file in [&files.authority, &files.certificate, &files.key] {
        if !file.is_file() {
            let text = format!("{}: no such file; covolt keys issue makes keys for {who}", file.display());
            return Err(CliError::bad_input(text));
        }
    }
    Ok(files)
}

/// What the server keeps.
pub fn stream_settings(args: &StreamArgs) -> StreamSettings {
    let usual = StreamSettings::default();
    let max_age = Duration::from_secs(args.stream_max_age_h.saturating_mul(3600));
    let duplicate_window = if max_age.is_zero() { usual.duplicate_window } else { usual.duplicate_window.min(max_age) };
    StreamSettings {
        storage: match args.stream_storage {
            StorageChoice::File => Storage::File,
            StorageChoice::Memory => Storage::Memory,
        },
        max_age,
        max_bytes: args.stream_max_mib.saturating_mul(1 << 20),
        max_messages_per_subject: args.stream_max_messages,
        duplicate_window,
        replicas: args.stream_replicas,
    }
}

/// Settings of time.
pub fn timing(args: &TimingArgs, go_on_after_ms: Option<u64>) -> Timing {
    Timing {
        retry_ms: args.retry_ms,
        heartbeat_ms: args.heartbeat_ms,
        checkpoint_rounds: args.checkpoint_rounds,
        on_absence: go_on_after_ms.map_or(OnAbsence::Wait, |after_ms| OnAbsence::GoOn { after_ms }),
    }
}
