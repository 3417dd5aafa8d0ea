//! The stock `nats-server` as a child process: started, waited for, ended with its owner.

use crate::NetError;
use std::fs::File;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The program, looked for on the PATH.
const PROGRAM: &str = "nats-server";
/// Wait between looks at the process.
const POLL: Duration = Duration::from_millis(10);
/// Time it gets to end in an orderly way.
const GRACE: Duration = Duration::from_secs(3);
/// How much of its last words an error holds, bytes.
const LAST_WORDS: usize = 600;

/// A running `nats-server`; dropping ends it.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    address: SocketAddr,
}

impl ServerProcess {
    /// True where the program can be started.
    pub fn is_installed() -> bool {
        let asked = Command::new(PROGRAM).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    }

    /// Starts it with this configuration, which must listen on `address`, and waits until it does. What it writes to
    /// standard error goes into a file beside the configuration, with the ending `.stderr`. It is ended when this value is
    /// dropped; if its owner is killed, it goes on.
    pub fn start(config: &Path, address: SocketAddr, timeout: Duration) -> Result<ServerProcess, NetError> {
        let ended = |reason: String| NetError::ServerEnded { config: config.to_path_buf(), reason };
        // Otherwise the greeting of another server would pass for that of this one.
        if TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok() {
            return Err(ended(format!("somebody listens on {address} already")));
        }
        let said = config.with_extension("stderr");
        let stderr = File::create(&said).map_err(|e| NetError::file(&said, e))?;
        let mut command = Command::new(PROGRAM);
        command.arg("--config").arg(config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        // Ctrl-C at a terminal reaches a whole group; whoever started the server says when it ends.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command
            .spawn()
            .map_err(|e| NetError::NoServerProgram { program: PROGRAM.to_owned(), reason: e.to_string() })?;
        let mut server = ServerProcess { child, address };
        let end = Instant::now() + timeout;
        loop {
            if let Ok(Some(status)) = server.child.try_wait() {
                return Err(ended(format!("it ended ({status}): {}", last_words(&said))));
            }
            if greets(address) {
                return Ok(server);
            }
            if Instant::now() >= end {
                return Err(ended(format!("it does not listen on {address} after {} s", timeout.as_secs())));
            }
            sleep(POLL);
        }
    }

    /// Number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it in an orderly way.
    pub fn stop(self) {}
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // The program sends signals to its own kind, so that this crate needs no system calls.
        let asked = Command::new(PROGRAM)
            .arg("--signal")
            .arg(format!("quit={}", self.child.id()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let end = Instant::now() + if asked.is_ok_and(|s| s.success()) { GRACE } else { Duration::ZERO };
        while Instant::now() < end {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(POLL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// True where a NATS server answers: it speaks first.
fn greets(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) else { return false };
    let mut greeting = [0; 5];
    let read = stream.set_read_timeout(Some(Duration::from_secs(1))).and_then(|()| stream.read_exact(&mut greeting));
    read.is_ok() && &greeting == b"INFO "
}

fn last_words(file: &PathBuf) -> String {
    let text = std::fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text[text.len().saturating_sub(LAST_WORDS)..]).into_owned();
    text.trim().to_owned()
}

/// A loopback address whose port was free a moment ago.
pub fn free_loopback_port() -> Result<SocketAddr, NetError> {
    let fault = |e: std::io::Error| NetError::Address { address: "127.0.0.1:0".to_owned(), reason: e.to_string() };
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).map_err(fault)
}
