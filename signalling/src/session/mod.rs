//! Sessions: what outlives a socket, and what a socket is.

pub(crate) mod bucket;
pub(crate) mod connection;
pub(crate) mod outbox;
pub(crate) mod rates;
pub(crate) mod secret;

pub(crate) use bucket::TokenBucket;
pub(crate) use connection::{Connection, Flow};
pub(crate) use outbox::{Outbox, Weight};
pub(crate) use rates::{Rates, household};
pub(crate) use secret::Secret;

/// One WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SocketId(pub(crate) u64);

/// Why a socket is closed (`docs/src/api/websocket.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseCode {
    Defect,
    Stopping,
    NotTheProtocol,
    ResumedElsewhere,
    Silent,
    TooManyFrames,
    NotReading,
}

impl CloseCode {
    pub(crate) fn number(self) -> u16 {
        match self {
            Self::Defect => 1011,
            Self::Stopping => 1012,
            Self::NotTheProtocol => 4000,
            Self::ResumedElsewhere => 4001,
            Self::Silent => 4002,
            Self::TooManyFrames => 4003,
            Self::NotReading => 4004,
        }
    }

    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Defect => "a defect of the server",
            Self::Stopping => "the server stops",
            Self::NotTheProtocol => "not the protocol",
            Self::ResumedElsewhere => "the session was resumed on another socket",
            Self::Silent => "no hello, or no pong",
            Self::TooManyFrames => "too many frames",
            Self::NotReading => "the client does not read",
        }
    }
}
