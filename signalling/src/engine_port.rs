//! The way to the media engine: commands go out, answers come back in time or not at all.

use crate::config::IceServer;
use crate::egress::{EgressAsk, EgressError, EgressId, EgressOrder, EgressPlace};
use crate::error::{ErrorCode, Refusal};
use colloquy_media_core::api::{
    Command, JoinError, NegotiateError, PeerId, PlainAnswer, PlainAsk, PlainError, Reply, Snapshot, SnapshotAsk,
    SnapshotError, SubscribeError, TrackError, WorkerTotals,
};
use colloquy_media_core::sound::{Sound, SoundAsk, SoundError, SoundReply};
use colloquy_media_core::turn::TurnCounters;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long an answer of the engine is waited for. It needs microseconds to some milliseconds; after this the worker hangs or is
/// overrun, and the client gets `server.busy`.
pub const ENGINE_TIMEOUT: Duration = Duration::from_secs(5);

/// The media engine, as the signalling sees it.
pub trait EnginePort: Send + Sync {
    /// Hands a command to the worker that has the room. Must not block: a full queue is answered through the command's reply
    /// (`Busy`). Commands of one room are carried out in the order of the calls.
    fn submit(&self, command: Command);

    /// The counts of every worker, as they stand.
    fn worker_stats(&self) -> Vec<WorkerTotals>;

    /// Makes a still picture of somebody's video, or gives the last one that was made. Must not block. Whether whoever asks may have it
    /// has been decided before.
    fn snapshot(&self, _ask: SnapshotAsk, reply: Reply<Result<Snapshot, SnapshotError>>) {
        reply.send(Err(SnapshotError::Disabled));
    }

    /// Makes a sound ready to be played, or gives it as it was made before. Must not block.
    fn sound(&self, ask: SoundAsk, reply: SoundReply) {
        reply.send(Err(match ask {
            SoundAsk::File(_) => SoundError::NoFiles,
            SoundAsk::Text(_) => SoundError::NoSpeech,
        }));
    }

    /// Connects a participant by plain RTP, at ports of the engine's choice. Must not block.
    fn plain(&self, _peer: PeerId, _ask: PlainAsk, reply: Reply<Result<PlainAnswer, PlainError>>) {
        reply.send(Err(PlainError::Disabled));
    }

    /// Connects a program of this machine, which the server runs itself, by plain RTP on loopback. Must not block.
    fn plain_here(&self, _peer: PeerId, _ask: PlainAsk, reply: Reply<Result<PlainAnswer, PlainError>>) {
        reply.send(Err(PlainError::Disabled));
    }

    /// Has the programs that streams of rooms leave by do something. Must not block.
    fn egress(&self, order: EgressOrder) {
        order.refuse();
    }

    /// TURN servers that belong to the engine, with credentials made for `user` now. What he uses is counted by that name.
    fn ice_servers(&self, _user: &str) -> Vec<IceServer> {
        Vec::new()
    }

    /// The counts of its TURN server, where it has one.
    fn turn_counters(&self) -> Option<TurnCounters> {
        None
    }
}

/// The engine with a way to wait for answers.
#[derive(Clone)]
pub(crate) struct Engine(Arc<dyn EnginePort>);

/// An answer that is on its way.
pub(crate) struct Pending<T>(oneshot::Receiver<T>);

impl Engine {
    pub(crate) fn new(port: Arc<dyn EnginePort>) -> Self {
        Self(port)
    }

    pub(crate) fn submit(&self, command: Command) {
        self.0.submit(command);
    }

    pub(crate) fn worker_stats(&self) -> Vec<WorkerTotals> {
        self.0.worker_stats()
    }

    pub(crate) fn ice_servers(&self, user: &str) -> Vec<IceServer> {
        self.0.ice_servers(user)
    }

    pub(crate) fn turn_counters(&self) -> Option<TurnCounters> {
        self.0.turn_counters()
    }

    /// Asks for a still picture.
    pub(crate) fn snapshot(&self, ask: SnapshotAsk) -> Pending<Result<Snapshot, SnapshotError>> {
        let (reply, pending) = reply();
        self.0.snapshot(ask, reply);
        pending
    }

    /// Asks for a sound.
    pub(crate) fn sound(&self, ask: SoundAsk) -> Pending<Result<Arc<Sound>, SoundError>> {
        let (reply, pending) = reply();
        self.0.sound(ask, reply);
        pending
    }

    /// Asks for ports for plain RTP.
    pub(crate) fn plain(&self, peer: PeerId, ask: PlainAsk) -> Pending<Result<PlainAnswer, PlainError>> {
        let (reply, pending) = reply();
        self.0.plain(peer, ask, reply);
        pending
    }

    /// Asks for ports for a program of this machine.
    pub(crate) fn plain_here(&self, peer: PeerId, ask: PlainAsk) -> Pending<Result<PlainAnswer, PlainError>> {
        let (reply, pending) = reply();
        self.0.plain_here(peer, ask, reply);
        pending
    }

    /// Has something done to a stream.
    pub(crate) fn egress(&self, order: EgressOrder) {
        self.0.egress(order);
    }

    /// Asks whether a stream can be.
    pub(crate) fn prepare_egress(&self, id: EgressId, ask: EgressAsk) -> Pending<Result<EgressPlace, EgressError>> {
        let (reply, pending) = reply();
        self.0.egress(EgressOrder::Prepare { id, ask, reply });
        pending
    }

    /// Submits the command that `make` builds around the reply, and waits for the answer.
    pub(crate) async fn ask<T: Send + 'static>(&self, make: impl FnOnce(Reply<T>) -> Command) -> Result<T, Refusal> {
        let (reply, pending) = reply();
        self.submit(make(reply));
        pending.answer(ENGINE_TIMEOUT).await
    }
}

/// A reply and the place where its answer arrives.
pub(crate) fn reply<T: Send + 'static>() -> (Reply<T>, Pending<T>) {
    let (sender, receiver) = oneshot::channel();
    // Whoever asked may be gone: then nobody needs the answer.
    (Reply::new(move |value| drop(sender.send(value))), Pending(receiver))
}

impl<T> Pending<T> {
    /// Waits for the answer; a dropped or late one is `server.busy`.
    pub(crate) async fn answer(self, timeout: Duration) -> Result<T, Refusal> {
        match tokio::time::timeout(timeout, self.0).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(busy("The media engine dropped the request.")),
            Err(_) => Err(busy("The media engine did not answer in time.")),
        }
    }
}

fn busy(message: &str) -> Refusal {
    Refusal::new(ErrorCode::ServerBusy, message)
}

impl From<JoinError> for Refusal {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::RoomFull => {
                Self::new(ErrorCode::RoomFull, "The room has as many participants as the media engine takes.")
            }
            JoinError::AlreadyJoined => Self::new(ErrorCode::ServerDefect, "A participant's id was used twice."),
            JoinError::Busy => busy("The media engine takes no more work now."),
        }
    }
}

impl From<NegotiateError> for Refusal {
    fn from(error: NegotiateError) -> Self {
        match error {
            NegotiateError::NoSuchPeer => gone(),
            NegotiateError::BadOffer(reason) => Self::new(ErrorCode::SdpRejected, reason),
            NegotiateError::MayNotPublish => Self::new(ErrorCode::AuthForbidden, "You may not publish in this room.")
                .remedy("Offer recvonly, or ask for an access token that grants publishing."),
            NegotiateError::MayNotSubscribe => Self::new(ErrorCode::AuthForbidden, "You may not receive in this room.")
                .remedy("Offer sendonly, or ask for an access token that grants subscribing."),
            NegotiateError::TooMany(reason) => Self::new(ErrorCode::LimitExceeded, reason),
            NegotiateError::NoSession => {
                Self::unexpected("There is no media session yet.").remedy("Send an offer first.")
            }
            NegotiateError::Busy => busy("The media engine takes no more work now."),
        }
    }
}

impl From<SubscribeError> for Refusal {
    fn from(error: SubscribeError) -> Self {
        match error {
            SubscribeError::NoSuchPeer => gone(),
            SubscribeError::NoSuchMid => Self::unexpected("You have no receiving place with this mid.")
                .remedy("Add a recvonly transceiver and offer it first."),
            SubscribeError::NoSuchTrack => Self::new(ErrorCode::TrackUnknown, "There is no such track in this room."),
            SubscribeError::WrongKind => Self::new(
                ErrorCode::TrackKind,
                "The track is audio and the place is for video, or the other way round.",
            ),
            SubscribeError::NoMixer => {
                Self::unexpected("This server does not mix this, or mixes as much as it can at this moment.")
                    .remedy("Take what is forwarded.")
            }
            SubscribeError::Refused => Self::new(ErrorCode::AuthForbidden, "You may not receive this track."),
            SubscribeError::Busy => busy("The media engine takes no more work now."),
        }
    }
}

impl From<TrackError> for Refusal {
    fn from(error: TrackError) -> Self {
        match error {
            TrackError::NoSuchPeer | TrackError::NoSuchTrack => {
                Self::new(ErrorCode::TrackUnknown, "The track is gone.")
            }
            TrackError::Busy => busy("The media engine takes no more work now."),
        }
    }
}

impl From<SnapshotError> for Refusal {
    fn from(error: SnapshotError) -> Self {
        let (code, message) = match error {
            SnapshotError::NoSuchPeer => (ErrorCode::ParticipantUnknown, "The participant has just left."),
            SnapshotError::Off => (ErrorCode::SnapshotOff, "The participant shows nothing of this source now."),
            SnapshotError::NoPicture => {
                (ErrorCode::SnapshotNone, "No whole picture has come yet that may be shown; one has been asked for.")
            }
            SnapshotError::Unreadable => {
                (ErrorCode::SnapshotUnreadable, "The participant's pictures came, but this server cannot decode them.")
            }
            SnapshotError::Disabled => (ErrorCode::SnapshotDisabled, "This server makes no snapshots."),
            SnapshotError::Busy => return busy("As many snapshots are being made as may wait."),
        };
        Self::new(code, message)
    }
}

impl From<PlainError> for Refusal {
    fn from(error: PlainError) -> Self {
        match error {
            PlainError::Disabled => Self::new(ErrorCode::RtpDisabled, "This server takes no plain RTP."),
            PlainError::NoPort => {
                Self::new(ErrorCode::RtpNoPort, "Every port for plain RTP is taken, or as many participants as may be.")
            }
            PlainError::Denied(ip) => {
                Self::new(ErrorCode::RtpDenied, format!("This server may not send to {ip}, or not to this port."))
            }
            PlainError::Unusable(why) => Self::new(ErrorCode::RtpRejected, format!("It cannot be: {why}.")),
            PlainError::Refused => Self::new(ErrorCode::AuthForbidden, "The participant may not do that."),
            PlainError::NoSuchPeer => gone(),
            PlainError::Busy => busy("The media engine takes no more work now."),
        }
    }
}

impl From<EgressError> for Refusal {
    fn from(error: EgressError) -> Self {
        match error {
            EgressError::Disabled => Self::new(ErrorCode::EgressDisabled, "This server streams no rooms."),
            EgressError::Rejected(why, remedy) => Self::new(ErrorCode::EgressRejected, why).remedy(remedy),
            EgressError::Denied(why, remedy) => Self::new(ErrorCode::EgressDenied, why).remedy(remedy),
            EgressError::Unavailable(why, remedy) => Self::new(ErrorCode::EgressUnavailable, why).remedy(remedy),
            EgressError::TooMany(most) => {
                Self::new(ErrorCode::EgressTooMany, format!("{most} streams leave this server, as many as may."))
            }
        }
    }
}

impl From<SoundError> for Refusal {
    fn from(error: SoundError) -> Self {
        match error {
            SoundError::NoFiles => Self::new(ErrorCode::SoundDisabled, "This server plays no sound files.")
                .remedy("Its operator can name a directory of them: announcements.directory."),
            SoundError::NoSpeech => Self::new(ErrorCode::SoundDisabled, "This server says no texts.").remedy(
                "Name a file, or have the operator configure a program that speaks: announcements.speech_command.",
            ),
            SoundError::NoSuchFile => Self::new(ErrorCode::SoundUnknown, "There is no sound file of this name."),
            SoundError::Unusable(why) => Self::new(ErrorCode::SoundUnusable, format!("It cannot be played: {why}.")),
            SoundError::SpeechFailed(how) => {
                Self::new(ErrorCode::SoundSpeechFailed, format!("The program that speaks failed: {how}."))
            }
            SoundError::Busy => busy("As many sounds are being made as may wait."),
        }
    }
}

/// The engine ended the session by itself; the event that says so is on its way.
fn gone() -> Refusal {
    Refusal::new(ErrorCode::ParticipantUnknown, "Your session has just ended.").remedy("Join the room again.")
}
