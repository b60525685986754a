//! Plain RTP: a transport without ICE and DTLS, which is up as soon as it is known where to send. Where a datagram comes from is learnt once,
//! from the first that is valid, and never again: RTP moves no path.

use super::Change;
use super::srtp::{self, BadKeys, OpenError, Profile, SrtpReceiver, SrtpSender};
use crate::api::{DropCause, MediaKind, PlainAsk, PlainEnd, PlainLeg, PlainLegStats, PlainPlace, TransportState};
use crate::turn::PeerPolicy;
use crate::wire::{Outbox, Path};
use colloquy_codecs::rtcp;
use colloquy_codecs::rtp::RtpHeader;
use colloquy_codecs::seq::ExtSeq;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The transport of one participant by plain RTP.
#[derive(Debug)]
pub(crate) struct Plain {
    legs: Vec<Leg>,
    policy: Arc<PeerPolicy>,
    /// He is let go after so much silence.
    silence: Option<Duration>,
    /// When something valid came last.
    heard_at: Instant,
    state: TransportState,
    /// A source that was learnt and is not known to the engine yet.
    learnt: Option<Path>,
}

/// One RTP session of it.
#[derive(Debug)]
struct Leg {
    kind: MediaKind,
    rtp: End,
    /// `None` where it shares the port of RTP.
    rtcp: Option<End>,
    /// What the first packet must be of; `None` where he sends none.
    expected: Option<Expected>,
    receives: bool,
    /// What we send under, media and reports.
    ssrc: u32,
    /// A key frame is due this often, and was last at this time.
    key_frames: Option<(Duration, Instant)>,
    sender: SrtpSender,
    receiver: SrtpReceiver,
    profile: Option<Profile>,
    strangers: u64,
}

#[derive(Debug, Clone, Copy)]
struct Expected {
    payload_type: u8,
    ssrc: Option<u32>,
}

/// One port of ours, and the other end.
#[derive(Debug)]
struct End {
    ours: PlainEnd,
    /// Where we send.
    destination: Option<SocketAddr>,
    /// Where his datagrams come from.
    source: Option<SocketAddr>,
    /// Datagrams must come from this host; `None` takes any.
    host: Option<IpAddr>,
}

impl End {
    fn new(ours: PlainEnd, destination: Option<SocketAddr>) -> Self {
        Self { ours, destination, source: None, host: destination.map(|to| to.ip().to_canonical()) }
    }

    fn path(&self, remote: SocketAddr) -> Path {
        Path { local: self.ours.local, remote, tcp: false }
    }

    /// Learns where his datagrams come from. Gives whether it was not known.
    fn learn(&mut self, remote: SocketAddr) -> bool {
        let is_new = self.source.is_none();
        if is_new {
            self.source = Some(remote);
            self.destination.get_or_insert(remote);
        }
        is_new
    }
}

impl Plain {
    /// A transport for what was asked, at these ends of ours.
    ///
    /// # Errors
    /// When keys do not fit their profile.
    pub(crate) fn new(ask: &PlainAsk, place: &PlainPlace, now: Instant) -> Result<Self, BadKeys> {
        let legs = ask.legs.iter().zip(&place.ends).map(|(leg, ends)| {
            let (sender, receiver) = contexts(leg)?;
            Ok(Leg {
                kind: leg.kind(),
                rtp: End::new(ends.rtp, leg.address.map(|to| to.rtp)),
                rtcp: ends.rtcp.map(|ours| End::new(ours, leg.address.map(|to| to.rtcp))),
                expected: leg.sends.then_some(Expected { payload_type: leg.payload_type, ssrc: leg.ssrc }),
                receives: leg.receives.is_some(),
                ssrc: 1,
                key_frames: leg.key_frames.filter(|_| leg.receives.is_some()).map(|every| (every, now)),
                sender,
                receiver,
                profile: leg.srtp.as_ref().map(|keys| keys.profile),
                strangers: 0,
            })
        });
        Ok(Self {
            legs: legs.collect::<Result<_, BadKeys>>()?,
            policy: Arc::clone(&place.policy),
            silence: ask.silence.filter(|_| ask.legs.iter().any(|leg| leg.sends)),
            heard_at: now,
            state: TransportState::Connecting,
            learnt: None,
        })
    }

    pub(crate) fn state(&self) -> TransportState {
        self.state
    }

    pub(crate) fn profile(&self) -> Option<Profile> {
        self.legs.iter().find_map(|leg| leg.profile)
    }

    /// Our ports.
    pub(crate) fn locals(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.legs.iter().flat_map(|leg| [Some(&leg.rtp), leg.rtcp.as_ref()]).flatten().map(|end| end.ours.local)
    }

    /// Where media of a kind goes, and what to seal it with.
    #[inline]
    pub(crate) fn egress(&mut self, kind: MediaKind) -> Option<(Path, &mut SrtpSender)> {
        let leg = self.legs.iter_mut().find(|leg| leg.kind == kind)?;
        Some((leg.rtp.path(leg.rtp.destination?), &mut leg.sender))
    }

    /// Where reports of a kind go, and what to seal them with.
    pub(crate) fn rtcp_egress(&mut self, kind: MediaKind) -> Option<(Path, &mut SrtpSender)> {
        let leg = self.legs.iter_mut().find(|leg| leg.kind == kind)?;
        let end = leg.rtcp.as_ref().unwrap_or(&leg.rtp);
        Some((end.path(end.destination?), &mut leg.sender))
    }

    /// Opens an RTP packet. The first that is valid tells where its sender is.
    #[inline]
    pub(crate) fn open_rtp(
        &mut self,
        now: Instant,
        path: &Path,
        bytes: &mut [u8],
        header: &RtpHeader,
    ) -> Result<(ExtSeq, usize), DropCause> {
        let leg = self.legs.iter_mut().find(|leg| leg.rtp.ours.local == path.local);
        let leg = leg.ok_or(DropCause::UnknownAddress)?;
        let opened = leg.receiver.open_rtp(bytes, header).map_err(refusal)?;
        if leg.rtp.learn(path.remote) {
            self.learnt = Some(*path);
        }
        self.heard_at = now;
        Ok(opened)
    }

    /// Opens a compound RTCP packet.
    pub(crate) fn open_rtcp(&mut self, now: Instant, path: &Path, bytes: &mut [u8]) -> Result<usize, DropCause> {
        let leg = self.legs.iter_mut().find(|leg| leg.is_at(path.local)).ok_or(DropCause::UnknownAddress)?;
        let end = leg.receiver.open_rtcp(bytes).map_err(refusal)?;
        let reports = bytes.get(..end).unwrap_or_default();
        if !rtcp::packets(reports).all(|packet| packet.is_ok()) {
            return Err(DropCause::Malformed);
        }
        let ours =
            if leg.rtp.ours.local == path.local { &mut leg.rtp } else { leg.rtcp.as_mut().unwrap_or(&mut leg.rtp) };
        if ours.learn(path.remote) {
            self.learnt = Some(*path);
        }
        self.heard_at = now;
        Ok(end)
    }

    /// Whether a datagram from where nothing is known to come from may be looked into: once one was valid, no other host or port is
    /// listened to (comedia, RFC 4145's name for it; a path that RTP could move is a call that a stranger could take).
    pub(crate) fn admits(&mut self, path: &Path, bytes: &[u8], is_rtcp: bool) -> Result<(), DropCause> {
        let leg = self.legs.iter_mut().find(|leg| leg.is_at(path.local)).ok_or(DropCause::UnknownAddress)?;
        let admitted = leg.admits(&self.policy, path, bytes, is_rtcp);
        leg.strangers += u64::from(admitted.is_err());
        admitted
    }

    /// A source that was learnt since this was asked last.
    pub(crate) fn take_learnt(&mut self) -> Option<Path> {
        self.learnt.take()
    }

    /// Whether the publisher of a kind began anew under his old SSRC.
    #[inline]
    pub(crate) fn take_restarted(&mut self, local: SocketAddr) -> bool {
        self.legs.iter_mut().find(|leg| leg.rtp.ours.local == local).is_some_and(|leg| leg.receiver.take_restarted())
    }

    /// What changed.
    pub(crate) fn drain(&mut self) -> Option<Change> {
        // Whoever only sends is there when he does.
        let is_up = |leg: &Leg| leg.rtp.source.is_some() || (leg.receives && leg.rtp.destination.is_some());
        let is_connected = self.legs.iter().any(is_up);
        let state = if is_connected { TransportState::Connected } else { TransportState::Connecting };
        (std::mem::replace(&mut self.state, state) != state).then_some(Change::State(state))
    }

    /// When he is let go if nothing comes.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.silence.map(|silence| self.heard_at + silence)
    }

    pub(crate) fn handle_timeout(&self, now: Instant) -> Option<Change> {
        self.next_deadline().is_some_and(|at| at <= now).then_some(Change::Silent)
    }

    /// Sends media and reports of a kind under this SSRC from now on.
    pub(crate) fn set_ssrc(&mut self, kind: MediaKind, ssrc: u32) {
        self.legs.iter_mut().filter(|leg| leg.kind == kind).for_each(|leg| leg.ssrc = ssrc);
    }

    /// What reports of a kind are sent under.
    pub(crate) fn ssrc(&self, kind: MediaKind) -> Option<u32> {
        self.legs.iter().find(|leg| leg.kind == kind).map(|leg| leg.ssrc)
    }

    /// The SSRC that a key frame is to be sent under now, unasked.
    pub(crate) fn key_frame_due(&mut self, now: Instant) -> Option<u32> {
        self.legs.iter_mut().find_map(|leg| {
            let (every, last) = leg.key_frames.as_mut()?;
            let is_due = now.saturating_duration_since(*last) >= *every;
            is_due.then(|| {
                *last = now;
                leg.ssrc
            })
        })
    }

    /// Says goodbye (RFC 3550 section 6.6).
    pub(crate) fn close(&mut self, flow: u32, out: &mut Outbox) {
        let ours: Vec<_> = self.legs.iter().map(|leg| (leg.kind, leg.ssrc)).collect();
        for (kind, ssrc) in ours {
            let Some((path, sender)) = self.rtcp_egress(kind) else { continue };
            out.push(flow, path, |buffer| {
                let start = buffer.len();
                rtcp::write_receiver_report(buffer, ssrc, &[]);
                rtcp::write_bye(buffer, ssrc);
                sender.seal_rtcp(buffer, start).ok()
            });
        }
    }

    /// Figures of each leg.
    pub(crate) fn stats(&self) -> Vec<PlainLegStats> {
        let of = |leg: &Leg| PlainLegStats {
            kind: leg.kind,
            source: leg.rtp.source,
            destination: leg.rtp.destination,
            strangers: leg.strangers,
        };
        self.legs.iter().map(of).collect()
    }
}

impl Leg {
    fn is_at(&self, local: SocketAddr) -> bool {
        self.rtp.ours.local == local || self.rtcp.as_ref().is_some_and(|end| end.ours.local == local)
    }

    fn admits(&self, policy: &PeerPolicy, path: &Path, bytes: &[u8], is_rtcp: bool) -> Result<(), DropCause> {
        let is_rtp_port = self.rtp.ours.local == path.local;
        let end = if is_rtp_port { &self.rtp } else { self.rtcp.as_ref().unwrap_or(&self.rtp) };
        // Reports come from the host that media comes from.
        let host = end.host.or(self.rtp.source.filter(|_| !is_rtp_port).map(|rtp| rtp.ip().to_canonical()));
        let is_his = host.map_or(is_rtp_port, |host| host == path.remote.ip().to_canonical());
        if end.source.is_some() || !is_his || !policy.allows(path.remote.ip()) {
            return Err(DropCause::UnknownAddress);
        }
        match (is_rtp_port, is_rtcp, self.expected) {
            (true, false, Some(expected)) => {
                let header = RtpHeader::parse(bytes).map_err(|_| DropCause::Malformed)?;
                let fits = header.payload_type == expected.payload_type
                    && expected.ssrc.is_none_or(|ssrc| ssrc == header.ssrc);
                if fits { Ok(()) } else { Err(DropCause::UnknownSsrc) }
            }
            // Of one who sends, RTP decides where he is; of one who only listens, his reports.
            (true, true, None) if self.rtcp.is_none() => Ok(()),
            (false, true, _) => Ok(()),
            _ => Err(DropCause::NotOurs),
        }
    }
}

fn contexts(leg: &PlainLeg) -> Result<(SrtpSender, SrtpReceiver), BadKeys> {
    match &leg.srtp {
        Some(keys) => Ok((srtp::sender(keys.profile, &keys.ours)?, srtp::receiver(keys.profile, &keys.theirs)?)),
        None => Ok((SrtpSender::plain(), SrtpReceiver::plain())),
    }
}

/// Why an SRTP or SRTCP packet was not opened, as it is counted.
pub(crate) fn refusal(error: OpenError) -> DropCause {
    match error {
        OpenError::TooShort => DropCause::Malformed,
        OpenError::Replayed => DropCause::Replayed,
        OpenError::Unauthentic => DropCause::Unauthentic,
        OpenError::TooManySsrcs => DropCause::UnknownSsrc,
    }
}
