//! What identifies a message, so that its copies and parts are recognised: `SUBJECT.EPOCH.NUMBER.PART.PARTS`.
//!
//! The identity names its subject, since the server publishes its own answers wherever a request asks for them: an answer
//! that somebody had sent to another's subject may hold a genuine message, but one of another subject, and is dropped.

/// Header that carries it; the server's streams recognise copies by the same one.
pub(crate) const HEADER: &str = "Nats-Msg-Id";
/// Most parts of one message.
pub(crate) const MOST_PARTS: u32 = 1 << 20;

/// Identity of one part of a message, apart from its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageId {
    /// Drawn by the sender when it starts.
    pub epoch: u64,
    /// Counted by the sender from 1.
    pub number: u64,
    /// Which part, from 0.
    pub part: u32,
    /// How many parts, at least 1.
    pub parts: u32,
}

impl MessageId {
    /// Reads the identity of a message on `subject`; `None` if it is none of that subject.
    pub fn parse(subject: &str, text: &str) -> Option<MessageId> {
        let mut fields = text.strip_prefix(subject)?.strip_prefix('.')?.split('.');
        let epoch = u64::from_str_radix(fields.next()?, 16).ok()?;
        let number = fields.next()?.parse().ok()?;
        let part = fields.next()?.parse().ok()?;
        let parts = fields.next()?.parse().ok()?;
        let fits = fields.next().is_none() && part < parts && parts <= MOST_PARTS;
        fits.then_some(MessageId { epoch, number, part, parts })
    }

    /// As the header holds it.
    pub fn text(&self, subject: &str) -> String {
        let MessageId { epoch, number, part, parts } = *self;
        format!("{subject}.{epoch:016x}.{number}.{part}.{parts}")
    }
}
