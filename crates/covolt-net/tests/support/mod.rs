//! A fleet for tests: its keys, its configuration, the real server, and links to it.

#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use covolt_net::{
    Authority, FleetName, Holder, Link, LinkSettings, NetError, Participant, ServerProcess, ServerSettings,
    StreamSettings, TlsFiles, free_loopback_port, server_config,
};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Long enough for anything that should come.
pub const SOON: Duration = Duration::from_secs(10);
/// Long enough to believe that nothing comes.
pub const NEVER: Duration = Duration::from_millis(300);

/// A fleet with its server.
pub struct Fleet {
    pub dir: TempDir,
    pub name: FleetName,
    pub agents: Vec<String>,
    pub address: SocketAddr,
    pub stream: StreamSettings,
    pub authority: Option<Authority>,
    pub server: Option<ServerProcess>,
}

/// True where the tests cannot run; says so.
pub fn is_missing() -> bool {
    let missing = !ServerProcess::is_installed();
    if missing {
        println!("skipped: nats-server is not installed");
    }
    missing
}

impl Fleet {
    /// With keys, and everybody proves who they are.
    pub fn with_keys(agents: &[&str]) -> Fleet {
        let mut fleet = Fleet::new(agents);
        let authority = Authority::create(&fleet.keys(), &fleet.name, 30).unwrap();
        for agent in agents {
            authority
                .issue(&Holder::Participant(Participant::Agent((*agent).to_owned())), 20, &fleet.keys(), false)
                .unwrap();
        }
        authority.issue(&Holder::Participant(Participant::Operator), 20, &fleet.keys(), false).unwrap();
        authority.issue(&server_holder(), 20, &fleet.keys(), false).unwrap();
        fleet.authority = Some(authority);
        fleet.first_start();
        fleet
    }

    /// Without keys, on loopback.
    pub fn without_keys(agents: &[&str], stream: StreamSettings) -> Fleet {
        let mut fleet = Fleet::new(agents);
        fleet.stream = stream;
        fleet.first_start();
        fleet
    }

    fn new(agents: &[&str]) -> Fleet {
        Fleet {
            dir: TempDir::new().unwrap(),
            name: FleetName::new("test-fleet").unwrap(),
            agents: agents.iter().map(|&agent| agent.to_owned()).collect(),
            address: free_loopback_port().unwrap(),
            stream: StreamSettings { max_bytes: 16 << 20, ..StreamSettings::default() },
            authority: None,
            server: None,
        }
    }

    pub fn keys(&self) -> PathBuf {
        self.dir.path().join("keys")
    }

    pub fn server_settings(&self) -> ServerSettings {
        ServerSettings {
            listen: self.address.to_string(),
            store_dir: self.dir.path().join("store"),
            tls: self.authority.as_ref().map(|_| self.files("server-hub")),
            log_file: Some(self.dir.path().join("server.log")),
            stream: Some(self.stream.clone()),
            ..ServerSettings::default()
        }
    }

    pub fn start(&mut self) {
        let text = server_config(&self.server_settings(), &self.name, &self.agents).unwrap();
        self.start_with(&text);
    }

    pub fn start_with(&mut self, text: &str) {
        self.server = None;
        let config = self.dir.path().join("nats-server.conf");
        std::fs::write(&config, text).unwrap();
        self.server = Some(ServerProcess::start(&config, self.address, SOON).unwrap());
    }

    /// The first start: somebody else may have taken the port meanwhile.
    fn first_start(&mut self) {
        for _ in 0..5 {
            let text = server_config(&self.server_settings(), &self.name, &self.agents).unwrap();
            let config = self.dir.path().join("nats-server.conf");
            std::fs::write(&config, text).unwrap();
            self.server = ServerProcess::start(&config, self.address, SOON).ok();
            if self.server.is_some() {
                return;
            }
            self.address = free_loopback_port().unwrap();
        }
        panic!("the server does not start:\n{}", self.log());
    }

    pub fn stop(&mut self) {
        self.server = None;
    }

    pub fn files(&self, stem: &str) -> TlsFiles {
        TlsFiles {
            authority: self.keys().join("authority.crt"),
            certificate: self.keys().join(format!("{stem}.crt")),
            key: self.keys().join(format!("{stem}.key")),
        }
    }

    /// Settings of one who takes part.
    pub fn settings(&self, who: Participant) -> LinkSettings {
        let mut settings = LinkSettings::new(self.name.clone(), who);
        let stem = Holder::Participant(settings.who.clone()).file_stem().unwrap();
        let scheme = if self.authority.is_some() { "tls" } else { "nats" };
        settings.server = format!("{scheme}://{}", self.address);
        settings.tls = self.authority.as_ref().map(|_| self.files(&stem));
        settings.stream = Some(self.stream.clone());
        if settings.who == Participant::Operator {
            settings.agents = self.agents.clone();
        }
        settings
    }

    pub fn operator(&self) -> Link {
        Link::connect(&self.settings(Participant::Operator)).unwrap()
    }

    pub fn agent(&self, name: &str) -> Link {
        Link::connect(&self.settings(agent(name))).unwrap()
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("server.log")).unwrap_or_default()
    }

    /// Fails unless the server logs a line with all of these words.
    pub fn assert_logged(&self, words: &[&str]) {
        let logged = || self.log().lines().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(eventually(logged), "no line with {words:?} in the log:\n{}", self.log());
    }

    /// A connection of one's own making with these files, and what the server says to it.
    pub fn raw(&self, files: Option<&TlsFiles>, user: Option<&str>) -> Result<Raw, NetError> {
        Raw::connect(self.address, files, user)
    }
}

pub fn server_holder() -> Holder {
    Holder::Server { name: "hub".to_owned(), hosts: vec!["127.0.0.1".to_owned(), "localhost".to_owned()] }
}

pub fn agent(name: &str) -> Participant {
    Participant::Agent(name.to_owned())
}

/// User of an agent on a server without keys.
pub fn raw_user(fleet: &Fleet, name: &str) -> String {
    agent(name).server_user(&fleet.name).unwrap()
}

/// Waits until it is so, for a while.
pub fn eventually(mut is_so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + SOON;
    while Instant::now() < end {
        if is_so() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    is_so()
}

/// A client without the rules of a link.
pub struct Raw {
    pub runtime: tokio::runtime::Runtime,
    pub client: async_nats::Client,
    pub said: std::sync::Arc<std::sync::Mutex<Vec<String>>>,
}

impl Raw {
    fn connect(address: SocketAddr, files: Option<&TlsFiles>, user: Option<&str>) -> Result<Raw, NetError> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let said = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let heard = said.clone();
        let mut options =
            async_nats::ConnectOptions::new().custom_inbox_prefix("_INBOX.raw").event_callback(move |event| {
                heard.lock().unwrap().push(event.to_string());
                async {}
            });
        if let Some(files) = files {
            options = options
                .require_tls(true)
                .add_root_certificates(files.authority.clone())
                .add_client_certificate(files.certificate.clone(), files.key.clone());
        }
        if let Some(user) = user {
            options = options.user_and_password(user.to_owned(), String::new());
        }
        let connected = runtime.block_on(options.connect(address.to_string()));
        match connected {
            Ok(client) => Ok(Raw { runtime, client, said }),
            Err(e) => {
                let (host, mut reason) = (address.to_string(), e.to_string());
                let mut cause = std::error::Error::source(&e);
                while let Some(next) = cause {
                    reason.push_str(&format!(": {next}"));
                    cause = next.source();
                }
                Err(NetError::Connect { host, reason })
            }
        }
    }

    pub fn publish(&self, subject: &str, headers: &[(&str, &str)], bytes: &[u8]) {
        let mut map = async_nats::HeaderMap::new();
        headers.iter().for_each(|(name, value)| map.append(*name, *value));
        let bytes = bytes::Bytes::copy_from_slice(bytes);
        self.runtime.block_on(async {
            match map.is_empty() {
                true => self.client.publish(subject.to_owned(), bytes).await.unwrap(),
                false => self.client.publish_with_headers(subject.to_owned(), map, bytes).await.unwrap(),
            }
            self.client.flush().await.unwrap();
        });
    }

    pub fn subscribe(&self, subject: &str) -> async_nats::Subscriber {
        self.runtime.block_on(async {
            let subscriber = self.client.subscribe(subject.to_owned()).await.unwrap();
            self.client.flush().await.unwrap();
            subscriber
        })
    }

    /// True if the server says something with all of these words.
    pub fn was_told(&self, words: &[&str]) -> bool {
        eventually(|| self.said.lock().unwrap().iter().any(|text| words.iter().all(|word| text.contains(word))))
    }
}
