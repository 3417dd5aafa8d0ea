//! Catching up: what the durable stream of one agent and one direction still holds.
//!
//! Messages are read one by one with direct gets, many on the way at once. That needs the permission for one subject only
//! (`$JS.API.DIRECT.GET.STREAM`), leaves nothing behind on the server, and works from version 2.9 on.

use crate::NetError;
use crate::arrivals::{Arrival, Source};
use crate::error::chain;
use crate::settings::LinkSettings;
use crate::streams::StreamOf;
use async_nats::client::RequestErrorKind;
use async_nats::{Client, Message, StatusCode};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Gets on the way at the same time; with the largest answers still far from what makes the server cut off a slow reader.
const AT_ONCE: usize = 16;
/// Wait before a question is asked again that nobody answered, as while the server starts.
const RETRY: Duration = Duration::from_millis(50);

/// A message that the stream holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its place in the stream, counted from 1; of a message in parts that of the part that completed it.
    pub sequence: u64,
    /// What was sent.
    pub bytes: Bytes,
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// With the oldest one that is still there.
    Start,
    /// After this place in the stream.
    After(u64),
    /// With the latest ones, at most so many; of messages in parts each part counts.
    Latest(u64),
}

/// Reads the stream, in its order, copies left out.
pub(crate) async fn read(
    client: Client,
    settings: LinkSettings,
    of: StreamOf,
    since: Since,
) -> Result<Vec<Kept>, NetError> {
    let reader = Reader { client: &client, settings: &settings, of: &of };
    let Some(last) = reader.place(&format!("{{\"last_by_subj\":\"{}\"}}", of.subject)).await? else {
        return Ok(Vec::new());
    };
    let from = match since {
        Since::Start => 1,
        Since::After(sequence) => sequence.saturating_add(1),
        Since::Latest(count) => (last + 1).saturating_sub(count).max(1),
    };
    let first = format!("{{\"seq\":{from},\"next_by_subj\":\"{}\"}}", of.subject);
    let Some(first) = reader.place(&first).await?.filter(|_| from <= last) else { return Ok(Vec::new()) };
    let reader = &reader;
    let gets = (first..=last).map(|sequence| async move {
        let found = reader.get(&format!("{{\"seq\":{sequence}}}")).await?;
        Ok::<_, NetError>(found.map(|message| (sequence, message)))
    });
    let mut found = stream::iter(gets).buffered(AT_ONCE);
    let mut source = Source::new(settings.copies_window, settings.message_limit);
    let mut kept = Vec::new();
    while let Some(next) = found.try_next().await? {
        let Some((sequence, message)) = next else { continue };
        if let Arrival::Message(bytes) = source.take(&of.subject, message.headers.as_ref(), message.payload) {
            kept.push(Kept { sequence, bytes });
        }
    }
    Ok(kept)
}

struct Reader<'a> {
    client: &'a Client,
    settings: &'a LinkSettings,
    of: &'a StreamOf,
}

impl Reader<'_> {
    /// Place of the message that the question asks for.
    async fn place(&self, question: &str) -> Result<Option<u64>, NetError> {
        let Some(message) = self.get(question).await? else { return Ok(None) };
        // The server appends its own headers, so that the last one is the true one whatever was stored.
        let place = message.headers.as_ref().and_then(|h| h.get_last("Nats-Sequence"));
        match place.and_then(|text| text.as_str().parse().ok()) {
            Some(place) => Ok(Some(place)),
            None => Err(self.fault("an answer without a place in the stream".to_owned())),
        }
    }

    /// The message that the question asks for; `None` where there is none.
    async fn get(&self, question: &str) -> Result<Option<Message>, NetError> {
        let end = Instant::now() + self.settings.request_timeout;
        loop {
            let subject = format!("$JS.API.DIRECT.GET.{}", self.of.stream);
            let error = match self.client.request(subject, Bytes::from(question.to_owned())).await {
                Ok(message) => match message.status {
                    Some(StatusCode::NOT_FOUND) => return Ok(None),
                    None | Some(StatusCode::OK) => return Ok(Some(message)),
                    Some(status) => {
                        let text = message.description.unwrap_or_default();
                        return Err(self.fault(format!("the server answers {status} {text}")));
                    }
                },
                Err(error) => error,
            };
            match error.kind() {
                RequestErrorKind::NoResponders if Instant::now() + RETRY < end => sleep(RETRY).await,
                RequestErrorKind::NoResponders => {
                    return Err(self.fault(
                        "nobody answers: the operator has not made it yet, or there is no JetStream".to_owned(),
                    ));
                }
                RequestErrorKind::TimedOut => {
                    let what = format!("{}: stream {}", self.settings.server, self.of.stream);
                    return Err(NetError::NoAnswer { what, seconds: self.settings.request_timeout.as_secs() });
                }
                _ => return Err(self.fault(chain(&error))),
            }
        }
    }

    fn fault(&self, reason: String) -> NetError {
        NetError::Stream { stream: self.of.stream.clone(), reason }
    }
}
