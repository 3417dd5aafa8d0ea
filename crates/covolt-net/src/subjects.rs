//! Names: fleet, operator and agents as users write them, and as subjects, streams and users of the server.
//!
//! | on the server | operator to agent | agent to operator |
//! |---|---|---|
//! | subject | `covolt.FLEET.down.TOKEN` | `covolt.FLEET.up.TOKEN` |
//! | stream | `covolt_FLEET_down_TOKEN` | `covolt_FLEET_up_TOKEN` |
//!
//! TOKEN is the agent's name with every byte other than `a-z`, `0-9` and `-` written as `_` and two hexadecimal digits. So two
//! names never share a token. A stream name is unambiguous too: `_down_` cannot stand in a token, since `do` is no number.

use crate::NetError;
use std::fmt;

/// Longest name of a fleet, characters.
const LONGEST: usize = 64;
/// Longest token, characters. A stream name, which holds both, may have 255 on the server.
const LONGEST_TOKEN: usize = 150;

/// Name of a fleet: lower-case letters, digits, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FleetName(String);

impl FleetName {
    /// The name as it is, or what is wrong with it.
    pub fn new(name: &str) -> Result<FleetName, NetError> {
        let fault = |reason: &str| NetError::Name { what: "fleet", name: name.to_owned(), reason: reason.to_owned() };
        if name.is_empty() || name.len() > LONGEST {
            return Err(fault(&format!("1 to {LONGEST} characters are needed")));
        }
        match name.chars().all(is_fleet_character) {
            true => Ok(FleetName(name.to_owned())),
            false => Err(fault("only a-z, 0-9, - and _ may be used")),
        }
    }

    /// The name of a case made fit: letters lower-case, everything else that may not be used as `-`. Two cases can get the
    /// same name.
    pub fn from_case_name(name: &str) -> FleetName {
        let fit = |c: char| Some(c.to_ascii_lowercase()).filter(|&c| is_fleet_character(c)).unwrap_or('-');
        let fitted: String = name.chars().take(LONGEST).map(fit).collect();
        FleetName(if fitted.is_empty() { "-".to_owned() } else { fitted })
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FleetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_fleet_character(c: char) -> bool {
    matches!(c, 'a'..='z' | '0'..='9' | '-' | '_')
}

/// Who takes part.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Participant {
    /// The one operator of the feeder.
    Operator,
    /// An agent, by the name the user gave it.
    Agent(String),
}

impl Participant {
    /// The name as one token of a subject; different names have different tokens.
    pub fn token(&self) -> Result<String, NetError> {
        match self {
            Participant::Operator => Ok("operator".to_owned()),
            Participant::Agent(name) => escape("agent", name),
        }
    }

    /// The agent that has this token.
    pub fn agent_of_token(token: &str) -> Option<Participant> {
        unescape(token).map(Participant::Agent)
    }

    /// `operator` or `agent`, as it stands in the certificate.
    pub fn role(&self) -> &'static str {
        match self {
            Participant::Operator => "operator",
            Participant::Agent(_) => "agent",
        }
    }

    /// The participant's user on the server: the subject of its certificate as the server writes it.
    pub fn server_user(&self, fleet: &FleetName) -> Result<String, NetError> {
        Ok(format!("CN={},OU={},O={fleet}", self.token()?, self.role()))
    }

    /// Where this participant, and nobody else, may ask the server whether it is there.
    pub(crate) fn hello_subject(&self, fleet: &FleetName) -> Result<String, NetError> {
        Ok(format!("covolt.{fleet}.hello.{}.{}", self.role(), self.token()?))
    }

    /// Start of the subjects under which the server answers this participant's requests.
    pub(crate) fn inbox_prefix(&self, fleet: &FleetName) -> Result<String, NetError> {
        Ok(format!("_INBOX.covolt.{fleet}.{}.{}", self.role(), self.token()?))
    }
}

impl fmt::Display for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Participant::Operator => f.write_str("the operator"),
            Participant::Agent(name) => write!(f, "agent {name:?}"),
        }
    }
}

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Direction {
    /// Operator to agent.
    Down,
    /// Agent to operator.
    Up,
}

impl Direction {
    /// As it stands in subjects.
    pub fn word(self) -> &'static str {
        match self {
            Direction::Down => "down",
            Direction::Up => "up",
        }
    }

    /// Subject of the agent with this token.
    pub fn subject(self, fleet: &FleetName, token: &str) -> String {
        format!("covolt.{fleet}.{}.{token}", self.word())
    }

    /// Stream that keeps the messages of that subject.
    pub fn stream(self, fleet: &FleetName, token: &str) -> String {
        format!("covolt_{fleet}_{}_{token}", self.word())
    }
}

/// A name as a token: `a-z`, `0-9` and `-` as they are, every other byte as `_xx`.
pub(crate) fn escape(what: &'static str, name: &str) -> Result<String, NetError> {
    let fault = |reason: String| NetError::Name { what, name: name.to_owned(), reason };
    let mut token = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' => token.push(char::from(byte)),
            _ => token.push_str(&format!("_{byte:02x}")),
        }
        if token.len() > LONGEST_TOKEN {
            return Err(fault(format!(
                "longer than {LONGEST_TOKEN} characters, with those other than a-z, 0-9, - counted as 3"
            )));
        }
    }
    if token.is_empty() { Err(fault("it is empty".to_owned())) } else { Ok(token) }
}

/// The name behind a token; `None` for what [`escape`] never writes.
pub(crate) fn unescape(token: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = token.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let (byte, after) = match first {
            b'_' => {
                let digits = std::str::from_utf8(after.get(..2)?).ok()?;
                (u8::from_str_radix(digits, 16).ok()?, after.get(2..)?)
            }
            other => (other, after),
        };
        bytes.push(byte);
        rest = after;
    }
    let name = String::from_utf8(bytes).ok()?;
    (escape("name", &name).as_deref() == Ok(token)).then_some(name)
}
