//! The durable streams: one per agent and direction, made, brought up to date and emptied by the operator.

use crate::NetError;
use crate::error::chain;
use crate::settings::{LinkSettings, Storage, StreamSettings};
use crate::subjects::{Direction, Participant};
use async_nats::Client;
use async_nats::jetstream::context::{Context, ContextBuilder};
use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::time::Duration;

/// Requests on the way at the same time.
const AT_ONCE: usize = 16;

/// A stream and the one subject it keeps.
#[derive(Debug, Clone)]
pub(crate) struct StreamOf {
    pub stream: String,
    pub subject: String,
}

/// All streams of the fleet.
pub(crate) fn all(settings: &LinkSettings) -> Result<Vec<StreamOf>, NetError> {
    let mut streams = Vec::new();
    for agent in &settings.agents {
        let token = Participant::Agent(agent.clone()).token()?;
        for direction in [Direction::Down, Direction::Up] {
            streams.push(StreamOf {
                stream: direction.stream(&settings.fleet, &token),
                subject: direction.subject(&settings.fleet, &token),
            });
        }
    }
    Ok(streams)
}

/// Makes the streams that are missing and gives the others these settings.
pub(crate) async fn ensure(client: Client, settings: &LinkSettings, kept: &StreamSettings) -> Result<(), NetError> {
    let context = context(client, settings);
    let context = &context;
    let made = all(settings)?.into_iter().map(|of| async move {
        let config = config(&of, kept);
        let made = context.create_or_update_stream(config).await;
        made.map(drop).map_err(|error| failure(settings, &of.stream, &error))
    });
    stream::iter(made.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).try_collect().await
}

/// Removes everything kept.
pub(crate) async fn purge(client: Client, settings: &LinkSettings) -> Result<(), NetError> {
    let context = context(client, settings);
    let context = &context;
    let emptied = all(settings)?.into_iter().map(|of| async move {
        let failed = |error: &(dyn std::error::Error + 'static)| failure(settings, &of.stream, error);
        let stream = context.get_stream_no_info(&of.stream).await.map_err(|e| failed(&e))?;
        stream.purge().await.map(drop).map_err(|e| failed(&e))
    });
    stream::iter(emptied.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).try_collect().await
}

fn context(client: Client, settings: &LinkSettings) -> Context {
    ContextBuilder::new().timeout(settings.request_timeout).build(client)
}

fn config(of: &StreamOf, kept: &StreamSettings) -> Config {
    Config {
        name: of.stream.clone(),
        subjects: vec![of.subject.clone()],
        storage: match kept.storage {
            Storage::File => StorageType::File,
            Storage::Memory => StorageType::Memory,
        },
        max_age: kept.max_age,
        max_bytes: i64::try_from(kept.max_bytes).unwrap_or(i64::MAX),
        max_messages: -1,
        max_messages_per_subject: i64::try_from(kept.max_messages_per_subject).unwrap_or(i64::MAX),
        max_consumers: -1,
        max_message_size: -1,
        discard: DiscardPolicy::Old,
        duplicate_window: match kept.max_age {
            Duration::ZERO => kept.duplicate_window,
            max_age => kept.duplicate_window.min(max_age),
        },
        num_replicas: kept.replicas,
        // Nobody waits for an acknowledgement, and a sender could have it delivered under another's subject.
        no_ack: true,
        allow_direct: true,
        ..Config::default()
    }
}

fn failure(settings: &LinkSettings, stream: &str, error: &(dyn std::error::Error + 'static)) -> NetError {
    let reason = chain(error);
    let lower = reason.to_lowercase();
    if ["no responders", "jetstream unavailable", "jetstream not enabled"].iter().any(|words| lower.contains(words)) {
        return NetError::NoJetStream { host: settings.server.clone() };
    }
    if lower.contains("timed out") {
        let what = format!("{}: stream {stream}", settings.server);
        return NetError::NoAnswer { what, seconds: settings.request_timeout.as_secs() };
    }
    NetError::Stream { stream: stream.to_owned(), reason }
}
