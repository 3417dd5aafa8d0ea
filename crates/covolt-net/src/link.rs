//! The link of one participant: connect, send, receive, catch up.

use crate::NetError;
use crate::arrivals::Arrivals;
use crate::connection;
use crate::inbox::{Inbound, Inbox};
use crate::kept::{self, Kept, Since};
use crate::message_id::{MOST_PARTS, MessageId};
use crate::outbox::{Outbox, Outgoing};
use crate::parts::cut;
use crate::server_address::addresses;
use crate::settings::LinkSettings;
use crate::status::{Counters, Event, Status, add};
use crate::streams::{self, StreamOf};
use crate::subjects::{Direction, Participant};
use crate::tls_files;
use async_nats::Client;
use async_nats::connection::State;
use bytes::Bytes;
use futures_util::StreamExt;
use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// What the headers of a message take of the server's largest payload, bytes.
const HEADER_ROOM: usize = 512;
/// After the server has answered, a refusal that it sent before is at hand within this time.
const REFUSAL_WAIT: Duration = Duration::from_millis(20);
/// Most connections of one link.
const MOST_CONNECTIONS: usize = 8;

/// The link of one participant to the others, by way of the server. All calls may come from any thread.
#[derive(Debug)]
pub struct Link {
    settings: LinkSettings,
    partners: HashSet<Participant>,
    clients: Vec<Client>,
    outboxes: Vec<Arc<Outbox>>,
    inbox: Arc<Inbox>,
    counters: Arc<Counters>,
    epoch: u64,
    number: AtomicU64,
    /// Taken out when the link is closed.
    runtime: Option<Runtime>,
}

impl Link {
    /// Connects; the operator also makes the streams or brings them up to date. From then on lost connections are made
    /// again without being asked.
    pub fn connect(settings: &LinkSettings) -> Result<Link, NetError> {
        let addresses = addresses(&settings.server, settings.tls.is_some())?;
        if !(1..=MOST_CONNECTIONS).contains(&settings.connections) {
            let reason = format!("{} is not 1 to {MOST_CONNECTIONS}", settings.connections);
            return Err(NetError::Setting { setting: "connections", reason });
        }
        tls_files::set_provider();
        if let Some(files) = &settings.tls {
            tls_files::check(files, &settings.fleet, &settings.who)?;
        }
        let (senders, subject) = senders(settings)?;
        let partners = senders.iter().map(|(_, participant)| participant.clone()).collect();
        let arrivals = Arc::new(Arrivals::new(senders, settings.copies_window, settings.message_limit));
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("covolt-net").enable_all().build();
        let runtime =
            runtime.map_err(|e| NetError::Connect { host: settings.server.clone(), reason: e.to_string() })?;
        let (inbox, counters) = (Arc::new(Inbox::new(settings.receive_buffer)), Arc::new(Counters::default()));
        let mut link = Link {
            settings: settings.clone(),
            partners,
            clients: Vec::new(),
            outboxes: Vec::new(),
            inbox,
            counters,
            epoch: rand::random(),
            number: AtomicU64::new(0),
            runtime: Some(runtime),
        };
        for connection in 0..settings.connections {
            let (settings, counters) = (settings.clone(), link.counters.clone());
            let (addresses, subject) = (addresses.clone(), subject.clone());
            let (inbox, arrivals, outbox) =
                (link.inbox.clone(), arrivals.clone(), Arc::new(Outbox::new(settings.send_buffer)));
            link.outboxes.push(outbox.clone());
            let client = link.run("connecting", settings.connect_timeout * 2, async move {
                let client = connection::open(&settings, &addresses, connection, &counters).await?;
                listen(&client, &settings, subject, arrivals, inbox, &counters).await?;
                tokio::spawn(send_all(client.clone(), outbox, counters));
                Ok(client)
            })?;
            link.clients.push(client);
        }
        link.make_streams()?;
        Ok(link)
    }

    fn make_streams(&self) -> Result<(), NetError> {
        match (&self.settings.who, &self.settings.stream, self.clients.first()) {
            (Participant::Operator, Some(kept), Some(client)) => {
                let (client, settings, kept) = (client.clone(), self.settings.clone(), kept.clone());
                self.run("making the streams", self.patience(), async move {
                    streams::ensure(client, &settings, &kept).await
                })
            }
            _ => Ok(()),
        }
    }

    /// Sends and forgets. While disconnected, messages are buffered (setting `send_buffer`), and when that is full the oldest
    /// are dropped and counted in [`Status::dropped_unsent`]. Waits at most `send_patience`.
    pub fn send(&self, to: &Participant, bytes: &[u8]) -> Result<(), NetError> {
        let subject = self.subject_to(to)?;
        let limit = self.settings.message_limit;
        let too_large = || NetError::TooLarge { to: to.to_string(), bytes: bytes.len(), limit };
        if bytes.len() > limit {
            return Err(too_large());
        }
        let parts = cut(&Bytes::copy_from_slice(bytes), self.part_size());
        let count = u32::try_from(parts.len()).ok().filter(|&n| n <= MOST_PARTS).ok_or_else(too_large)?;
        let number = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        let identified = (0..).zip(parts).map(|(part, bytes)| {
            let id = MessageId { epoch: self.epoch, number, part, parts: count }.text(&subject);
            Outgoing { subject: subject.clone(), id, number, bytes }
        });
        let parts: Vec<Outgoing> = identified.collect();
        // One connection with room is enough: a stalled one must not hold up the others.
        let wait = self.connected() > 0 && !self.outboxes.iter().any(|outbox| outbox.has_room(&parts));
        let mut patience = if wait { self.settings.send_patience } else { Duration::ZERO };
        for outbox in &self.outboxes {
            let dropped = outbox.push(&parts, std::mem::take(&mut patience));
            self.counters.dropped_unsent.fetch_add(dropped, Ordering::Relaxed);
        }
        add(&self.counters.sent);
        Ok(())
    }

    /// The next message, waited for at most `timeout`.
    pub fn receive(&self, timeout: Duration) -> Option<Inbound> {
        self.inbox.next(timeout)
    }

    /// What the durable streams hold of what `from` sent to this participant, in order.
    pub fn kept(&self, from: &Participant, since: Since) -> Result<Vec<Kept>, NetError> {
        if self.settings.stream.is_none() {
            return Err(NetError::StreamsOff);
        }
        self.check_partner(from)?;
        let (direction, token) = match from {
            Participant::Operator => (Direction::Down, self.settings.who.token()?),
            Participant::Agent(_) => (Direction::Up, from.token()?),
        };
        let of = StreamOf {
            stream: direction.stream(&self.settings.fleet, &token),
            subject: direction.subject(&self.settings.fleet, &token),
        };
        let Some(client) = self.clients.first().cloned() else { return Ok(Vec::new()) };
        let settings = self.settings.clone();
        self.run("reading the stream", Duration::MAX, async move { kept::read(client, settings, of, since).await })
    }

    /// The operator empties all streams of the fleet, for a fresh run.
    pub fn forget(&self) -> Result<(), NetError> {
        if self.settings.stream.is_none() {
            return Err(NetError::StreamsOff);
        }
        match (&self.settings.who, self.clients.first().cloned()) {
            (Participant::Operator, Some(client)) => {
                let settings = self.settings.clone();
                self.run(
                    "emptying the streams",
                    self.patience(),
                    async move { streams::purge(client, &settings).await },
                )
            }
            _ => Err(NetError::NotAPartner {
                from: self.settings.who.to_string(),
                to: "the streams of the fleet".to_owned(),
            }),
        }
    }

    /// Counters so far.
    pub fn status(&self) -> Status {
        self.counters.status(self.connected(), self.settings.connections)
    }

    fn connected(&self) -> usize {
        self.clients.iter().filter(|client| client.connection_state() == State::Connected).count()
    }

    /// What happened since last asked, the latest 256 at most.
    pub fn events(&self) -> Vec<Event> {
        self.counters.take_events()
    }

    /// Largest payload the server takes, bytes; larger messages are cut into parts.
    pub fn max_payload(&self) -> usize {
        self.clients.iter().map(Client::max_payload).min().unwrap_or(0)
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &LinkSettings {
        &self.settings
    }

    fn part_size(&self) -> usize {
        self.max_payload().saturating_sub(HEADER_ROOM).max(HEADER_ROOM)
    }

    /// Time for a request per stream, several at once.
    fn patience(&self) -> Duration {
        self.settings.request_timeout.saturating_mul(2 + self.settings.agents.len() as u32 / 4)
    }

    fn check_partner(&self, other: &Participant) -> Result<(), NetError> {
        match self.partners.contains(other) {
            true => Ok(()),
            false => Err(NetError::NotAPartner { from: self.settings.who.to_string(), to: other.to_string() }),
        }
    }

    fn subject_to(&self, to: &Participant) -> Result<String, NetError> {
        self.check_partner(to)?;
        match to {
            Participant::Operator => Ok(Direction::Up.subject(&self.settings.fleet, &self.settings.who.token()?)),
            Participant::Agent(_) => Ok(Direction::Down.subject(&self.settings.fleet, &to.token()?)),
        }
    }

    /// Runs on the threads of the link and waits. Unlike `block_on` this works wherever it is called from.
    fn run<T: Send + 'static>(
        &self,
        what: &str,
        limit: Duration,
        work: impl Future<Output = Result<T, NetError>> + Send + 'static,
    ) -> Result<T, NetError> {
        let no_answer =
            || NetError::NoAnswer { what: format!("{}: {what}", self.settings.server), seconds: limit.as_secs() };
        let Some(runtime) = &self.runtime else { return Err(no_answer()) };
        let (done, result) = sync_channel(1);
        let task = runtime.spawn(async move { done.send(work.await).unwrap_or_default() });
        // A wait without an end would overflow the clock.
        let result = result.recv_timeout(limit.min(Duration::from_secs(3600 * 24)));
        task.abort();
        result.unwrap_or_else(|_| Err(no_answer()))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let end = std::time::Instant::now() + self.settings.close_timeout;
        let left = || end.saturating_duration_since(std::time::Instant::now());
        if self.connected() > 0 {
            self.outboxes.iter().for_each(|outbox| outbox.wait_until_empty(left()));
            let clients = self.clients.clone();
            let _ = self.run("closing", left(), async move {
                for client in clients {
                    let _ = client.flush().await;
                }
                Ok(())
            });
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Who may send to this participant and under which subject, and the subject to subscribe to.
fn senders(settings: &LinkSettings) -> Result<(Vec<(String, Participant)>, String), NetError> {
    let fleet = &settings.fleet;
    match &settings.who {
        Participant::Operator => {
            let mut senders = Vec::new();
            for agent in &settings.agents {
                let agent = Participant::Agent(agent.clone());
                senders.push((Direction::Up.subject(fleet, &agent.token()?), agent));
            }
            Ok((senders, Direction::Up.subject(fleet, "*")))
        }
        agent => {
            let subject = Direction::Down.subject(fleet, &agent.token()?);
            Ok((vec![(subject.clone(), Participant::Operator)], subject))
        }
    }
}

/// Subscribes, and takes in what comes from then on.
async fn listen(
    client: &Client,
    settings: &LinkSettings,
    subject: String,
    arrivals: Arc<Arrivals>,
    inbox: Arc<Inbox>,
    counters: &Arc<Counters>,
) -> Result<(), NetError> {
    let host = || settings.server.clone();
    let connect = |e: &dyn std::fmt::Display| NetError::Connect { host: host(), reason: e.to_string() };
    let mut messages = client.subscribe(subject).await.map_err(|e| connect(&e))?;
    // Nobody listens there, which the server says at once, after anything it has to say about the subscription.
    let _ = client.request(settings.who.hello_subject(&settings.fleet)?, Bytes::new()).await;
    tokio::time::sleep(REFUSAL_WAIT).await;
    if let Some(reason) = counters.refusal() {
        return Err(NetError::Refused { host: host(), participant: settings.who.to_string(), reason });
    }
    let counters = counters.clone();
    tokio::spawn(async move {
        while let Some(message) = messages.next().await {
            arrivals.take(message, &inbox, &counters);
        }
    });
    Ok(())
}

/// Sends what the outbox holds, for as long as the link lives.
async fn send_all(client: Client, outbox: Arc<Outbox>, counters: Arc<Counters>) {
    loop {
        let part = outbox.next().await;
        let mut headers = async_nats::HeaderMap::new();
        headers.insert(crate::message_id::HEADER, part.id.as_str());
        if client.publish_with_headers(part.subject, headers, part.bytes).await.is_err() {
            add(&counters.dropped_unsent);
        }
    }
}
