//! How a participant is connected: by a WebRTC session, or by plain RTP.

use super::ice::Ice;
use super::plain::{Plain, refusal};
use super::sctp::Sctp;
use super::srtp::{Profile, SrtpSender};
use super::{Change, Transport};
use crate::api::{DropCause, MediaKind, TransportState};
use crate::wire::{Outbox, Path};
use colloquy_codecs::rtp::RtpHeader;
use colloquy_codecs::seq::ExtSeq;
use std::time::Instant;

/// One or the other.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are sessions, each in a participant's memory of its own")]
pub(crate) enum Connection {
    /// ICE, DTLS and SRTP over one path.
    Session(Transport),
    /// RTP to a fixed address.
    Plain(Box<Plain>),
}

impl Connection {
    /// The session, if it is one.
    pub(crate) fn session(&self) -> Option<&Transport> {
        match self {
            Self::Session(session) => Some(session),
            Self::Plain(_) => None,
        }
    }

    /// As [`session`](Self::session).
    pub(crate) fn session_mut(&mut self) -> Option<&mut Transport> {
        match self {
            Self::Session(session) => Some(session),
            Self::Plain(_) => None,
        }
    }

    /// The plain transport, if it is one.
    pub(crate) fn plain(&self) -> Option<&Plain> {
        match self {
            Self::Session(_) => None,
            Self::Plain(plain) => Some(plain),
        }
    }

    /// As [`plain`](Self::plain).
    #[inline]
    pub(crate) fn plain_mut(&mut self) -> Option<&mut Plain> {
        match self {
            Self::Session(_) => None,
            Self::Plain(plain) => Some(plain),
        }
    }

    pub(crate) fn ice_mut(&mut self) -> Option<&mut Ice> {
        self.session_mut().map(|session| &mut session.ice)
    }

    /// The association of the data channels.
    pub(crate) fn sctp(&self) -> Option<&Sctp> {
        self.session()?.sctp.as_ref()
    }

    /// As [`sctp`](Self::sctp).
    pub(crate) fn sctp_mut(&mut self) -> Option<&mut Sctp> {
        self.session_mut()?.sctp.as_mut()
    }

    pub(crate) fn state(&self) -> TransportState {
        match self {
            Self::Session(session) => session.state(),
            Self::Plain(plain) => plain.state(),
        }
    }

    pub(crate) fn profile(&self) -> Option<Profile> {
        match self {
            Self::Session(session) => session.profile(),
            Self::Plain(plain) => plain.profile(),
        }
    }

    /// The path that all kinds of media share; `None` where each has its own, and while there is none.
    pub(crate) fn path(&self) -> Option<Path> {
        self.session()?.path()
    }

    /// Whether the client was heard of a moment ago on this path, which is his.
    pub(crate) fn is_in_use(&self, now: Instant, path: &Path) -> bool {
        match self {
            Self::Session(session) => session.is_in_use(now, path),
            // His ports are his alone.
            Self::Plain(_) => true,
        }
    }

    /// Where media of a kind goes, and the keys to seal it with; `None` until both are there, and while he does not consent.
    #[inline]
    pub(crate) fn egress(&mut self, kind: MediaKind) -> Option<(Path, &mut SrtpSender)> {
        match self {
            Self::Session(session) => session.egress(),
            Self::Plain(plain) => plain.egress(kind),
        }
    }

    /// The same of reports about a kind.
    pub(crate) fn rtcp_egress(&mut self, kind: MediaKind) -> Option<(Path, &mut SrtpSender)> {
        match self {
            Self::Session(session) => session.egress(),
            Self::Plain(plain) => plain.rtcp_egress(kind),
        }
    }

    /// Opens an RTP packet in place. Gives its extended sequence number and where its plaintext ends.
    #[inline]
    pub(crate) fn open_rtp(
        &mut self,
        now: Instant,
        path: &Path,
        bytes: &mut [u8],
        header: &RtpHeader,
    ) -> Result<(ExtSeq, usize), DropCause> {
        match self {
            Self::Session(session) => {
                let receiver = session.receiver.as_mut().ok_or(DropCause::BeforeKeys)?;
                receiver.open_rtp(bytes, header).map_err(refusal)
            }
            Self::Plain(plain) => plain.open_rtp(now, path, bytes, header),
        }
    }

    /// Opens a compound RTCP packet in place. Gives where its plaintext ends.
    pub(crate) fn open_rtcp(&mut self, now: Instant, path: &Path, bytes: &mut [u8]) -> Result<usize, DropCause> {
        match self {
            Self::Session(session) => {
                session.receiver.as_mut().ok_or(DropCause::BeforeKeys)?.open_rtcp(bytes).map_err(refusal)
            }
            Self::Plain(plain) => plain.open_rtcp(now, path, bytes),
        }
    }

    /// The paths that checks were sent on since this was asked last.
    pub(crate) fn take_asked(&mut self) -> Vec<Path> {
        self.session_mut().map(Transport::take_asked).unwrap_or_default()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Change> {
        match self {
            Self::Session(session) => session.handle_timeout(now),
            Self::Plain(plain) => plain.handle_timeout(now),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub(crate) fn next_deadline(&mut self, now: Instant) -> Option<Instant> {
        match self {
            Self::Session(session) => session.next_deadline(now),
            Self::Plain(plain) => plain.next_deadline(),
        }
    }

    /// Sends what is due and gives what changed. Call it after every `handle_*`.
    pub(crate) fn drain(&mut self, now: Instant, flow: u32, out: &mut Outbox) -> Vec<Change> {
        match self {
            Self::Session(session) => session.drain(now, flow, out),
            Self::Plain(plain) => plain.drain().into_iter().collect(),
        }
    }

    /// Sends what is due of the data channels.
    pub(crate) fn drain_sctp(&mut self, now: Instant, flow: u32, out: &mut Outbox) -> Vec<Change> {
        self.session_mut().map(|session| session.drain_sctp(now, flow, out)).unwrap_or_default()
    }

    /// Tells the other end that it is over: DTLS does, or RTCP.
    pub(crate) fn close(&mut self, flow: u32, out: &mut Outbox) {
        match self {
            Self::Session(session) => session.close(flow, out),
            Self::Plain(plain) => plain.close(flow, out),
        }
    }
}
