//! What may happen to a participant, and what it may want.

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    /// The operator of the feeder.
    Operator,
    /// The agent of the microgrid at this seat, its number among all of them.
    Agent(usize),
}

/// Something that happens to a participant.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// It starts, for the first time or from a checkpoint.
    Start,
    /// A message arrived.
    Message {
        /// Whose it is, as the transport vouches.
        from: Party,
        /// The message.
        bytes: &'a [u8],
    },
    /// Time has passed.
    Tick,
}

/// Something that a participant wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send a message.
    Send {
        /// To whom.
        to: Party,
        /// Kind, for audits.
        kind: &'static str,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Keep a checkpoint now, before what follows is done: messages before the one that led to it will not be asked for again.
    Checkpoint,
    /// Look into the durable streams for what was sent to it since its checkpoint.
    CatchUp,
    /// A message was refused.
    Refused {
        /// Whose.
        from: Party,
        /// Why.
        reason: String,
    },
    /// Something that whoever looks after the run should know.
    Warning {
        /// What.
        text: String,
    },
    /// A participant went missing or came back.
    Presence {
        /// Who.
        who: Party,
        /// Here again.
        here: bool,
    },
    /// The run is over.
    Finished,
}
