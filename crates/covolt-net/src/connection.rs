//! One connection to the server: options, the first attempt, and what a failed one means.

use crate::NetError;
use crate::error::chain;
use crate::settings::LinkSettings;
use crate::status::Counters;
use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, ServerAddr};
use std::error::Error;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Messages the client library holds between our queue and the socket.
const IN_HAND: usize = 16;
/// Messages the client library holds between the socket and our queue.
const AT_THE_DOOR: usize = 65_536;
/// Wait between attempts at the start.
const RETRY: Duration = Duration::from_millis(50);

/// Connects, and tries again until `connect_timeout` where nobody listens yet.
pub(crate) async fn open(
    settings: &LinkSettings,
    addresses: &[ServerAddr],
    connection: usize,
    counters: &Arc<Counters>,
) -> Result<Client, NetError> {
    let end = Instant::now() + settings.connect_timeout;
    loop {
        let options = options(settings, connection, counters)?;
        let error = match options.connect(addresses).await {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        if Instant::now() + RETRY >= end || !nobody_listens(&error) {
            return Err(failure(settings, &error));
        }
        sleep(RETRY).await;
    }
}

fn options(settings: &LinkSettings, connection: usize, counters: &Arc<Counters>) -> Result<ConnectOptions, NetError> {
    let user = settings.who.server_user(&settings.fleet)?;
    let counters = counters.clone();
    let (wait, longest) = (settings.reconnect_wait, settings.reconnect_wait_max);
    let mut options = ConnectOptions::new()
        .name(format!("{user} {connection}"))
        .custom_inbox_prefix(settings.who.inbox_prefix(&settings.fleet)?)
        .connection_timeout(settings.connect_timeout)
        .request_timeout(Some(settings.request_timeout))
        .ping_interval(settings.ping_interval.max(Duration::from_millis(10)))
        .client_capacity(IN_HAND)
        .subscription_capacity(AT_THE_DOOR)
        .reconnect_delay_callback(move |attempt| reconnect_delay(attempt, wait, longest))
        .event_callback(move |event| {
            counters.note(connection, event);
            async {}
        });
    options = match &settings.tls {
        Some(files) => options
            .require_tls(true)
            .add_root_certificates(files.authority.clone())
            .add_client_certificate(files.certificate.clone(), files.key.clone()),
        // Without TLS a name is all the server gets; nor may it send us on to another machine.
        None => options.user_and_password(user, String::new()).ignore_discovered_servers(),
    };
    Ok(options)
}

/// None before the first attempt, then doubling, with a random part so that a fleet does not come back in step.
fn reconnect_delay(attempt: usize, wait: Duration, longest: Duration) -> Duration {
    if attempt <= 1 {
        return Duration::ZERO;
    }
    let doubled = wait.saturating_mul(1_u32 << (attempt - 2).min(16)).min(longest);
    doubled.mul_f64(0.75 + 0.25 * rand::random::<f64>())
}

fn nobody_listens(error: &ConnectError) -> bool {
    causes(error)
        .any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == ErrorKind::ConnectionRefused))
}

/// What a failed attempt means.
fn failure(settings: &LinkSettings, error: &ConnectError) -> NetError {
    let (host, reason) = (settings.server.clone(), chain(error));
    let tls = causes(error).any(|cause| cause.is::<rustls::Error>());
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            NetError::Refused { host, participant: settings.who.to_string(), reason }
        }
        ConnectErrorKind::Tls => NetError::Tls { host, reason },
        _ if tls => NetError::Tls { host, reason },
        _ => NetError::Connect { host, reason },
    }
}

/// The error, what caused it, and what is packed inside an input or output error.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        let packed = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        packed.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
    })
}
