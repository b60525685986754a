//! WHIP and WHEP sessions: to start, to change, to end one.

use super::house::{Admission, Link};
use super::media::{peer_id, track_id};
use super::{Signalling, now};
use crate::authn::{Caller, Door};
use crate::authz::Action;
use crate::config::IceServer;
use crate::error::{ErrorCode, Refusal};
use crate::identity::Proof;
use crate::names::{DisplayName, RoomName};
use crate::session::Secret;
use crate::wire::LeaveReason;
use colloquy_media_core::api::{
    AudioMode, CanvasLayout, Command, Fragment, MediaKind, Offer, PeerId, Subscriptions, TrackId,
};
use colloquy_media_core::audience::Stance;

/// A session that was started.
pub(crate) struct Started {
    pub(crate) secret: Secret,
    pub(crate) sdp: String,
    pub(crate) ice_ufrag: String,
    pub(crate) ice_servers: Vec<IceServer>,
}

/// What a fragment brought about.
pub(crate) enum Patched {
    /// The candidates were taken.
    Taken,
    /// ICE restarted.
    Restarted { sdpfrag: String, ice_ufrag: String },
}

/// What a WHEP viewer asks for.
pub(crate) struct WatchTarget {
    pub(crate) room: RoomName,
    pub(crate) participant: Option<String>,
    pub(crate) track: Option<String>,
    /// How the sound is to come; nothing was said of it.
    pub(crate) audio: Option<AudioMode>,
    /// How pictures are to come.
    pub(crate) pictures: Pictures,
    /// A signed claim of who watches.
    pub(crate) claim: Option<String>,
}

/// How a viewer wants pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pictures {
    /// As the server finds best: nothing was said of them.
    Usual,
    /// Each in a place of its own.
    Forward,
    /// All on one canvas, laid out as one that every room has, or that was arranged for it; and who comes first.
    Canvas { layout: Option<String>, pin: Option<String> },
}

/// The canvas of a viewer who does not say how pictures are to come. With one place for all that there is he would miss some, and gets all
/// in one; whoever has more places gets pictures as they are, with no encoding between.
fn usual_canvas(watchable: &[(TrackId, MediaKind)], sdp: &str) -> Option<CanvasLayout> {
    let pictures = watchable.iter().filter(|(_, kind)| *kind == MediaKind::Video).count();
    (pictures > 1 && places(sdp, "video") == 1).then(CanvasLayout::default)
}

/// Where somebody publishes.
pub(crate) struct PublishTarget {
    pub(crate) room: RoomName,
    /// Still pictures of it may be made.
    pub(crate) snapshots: bool,
    /// A signed claim of who publishes.
    pub(crate) claim: Option<String>,
}

/// What a session is to be.
struct Wish {
    offer: Offer,
    mode: AudioMode,
    /// Who comes first on his canvas.
    pin: Option<PeerId>,
    snapshots: bool,
    /// A signed claim of who makes the offer.
    claim: Option<String>,
}

/// Which ICE session a fragment is for (RFC 9725 section 4.3.1).
pub(crate) enum IfMatch {
    /// Whichever there is: an ICE restart.
    Any,
    /// One of these.
    Tags(Vec<String>),
}

/// How somebody hears who does not say: whoever has a place for each voice gets them as they are, with no encoding between; who has fewer
/// would miss some, and gets them all in one.
fn usual_audio(watchable: &[(TrackId, MediaKind)], sdp: &str) -> AudioMode {
    let voices = watchable.iter().filter(|(_, kind)| *kind == MediaKind::Audio).count();
    if (1..voices).contains(&places(sdp, "audio")) { AudioMode::Mix } else { AudioMode::Forward }
}

/// The media sections of a kind in an offer.
fn places(sdp: &str, kind: &str) -> usize {
    let media = sdp.lines().filter_map(|line| line.strip_prefix("m="));
    media.filter(|media| media.split(' ').next() == Some(kind)).count()
}

impl Signalling {
    /// WHIP: publishes what an offer sends.
    pub(crate) async fn publish(
        &self,
        caller: &Caller,
        target: &PublishTarget,
        sdp: String,
    ) -> Result<Started, Refusal> {
        let offer = Offer { sdp, sources: Vec::new(), subscriptions: Subscriptions::ByMid(Vec::new()) };
        let wish = Wish {
            offer,
            mode: AudioMode::Forward,
            pin: None,
            snapshots: target.snapshots,
            claim: target.claim.clone(),
        };
        self.start(caller, &target.room, Door::Whip, wish).await
    }

    /// WHEP: sends what is to be watched into the places of an offer.
    pub(crate) async fn watch(&self, caller: &Caller, target: &WatchTarget, sdp: String) -> Result<Started, Refusal> {
        caller.enter(&target.room, Door::Whep)?;
        let of: Option<PeerId> = target.participant.as_deref().map(peer_id).transpose()?;
        let only: Option<TrackId> = target.track.as_deref().map(track_id).transpose()?;
        let watchable = self.read(|house| house.watchable(&target.room, of, only))?;
        let mode = target.audio.unwrap_or_else(|| usual_audio(&watchable, &sdp));
        // Of a room: who watches one participant has chosen whom he sees.
        let (canvas, pin) = match &target.pictures {
            _ if of.is_some() => (None, None),
            Pictures::Usual => (usual_canvas(&watchable, &sdp), None),
            Pictures::Forward => (None, None),
            Pictures::Canvas { layout, pin } => {
                let layout = layout.as_deref().map(|name| self.layout_in(&target.room, name)).transpose()?;
                let pin = pin.as_deref().map(|pin| self.pinned_from_outside(&target.room, pin)).transpose()?;
                (Some(layout.unwrap_or_default()), pin)
            }
        };
        let mut tracks: Vec<TrackId> = watchable.into_iter().map(|(track, _)| track).collect();
        if let Some(layout) = canvas {
            tracks.insert(0, layout.track());
        }
        if mode != AudioMode::Forward {
            tracks.insert(0, TrackId::MIX);
        }
        let offer = Offer { sdp, sources: Vec::new(), subscriptions: Subscriptions::InOrder(tracks) };
        let wish = Wish { offer, mode, pin, snapshots: true, claim: target.claim.clone() };
        self.start(caller, &target.room, Door::Whep, wish).await
    }

    async fn start(&self, caller: &Caller, room: &RoomName, door: Door, wish: Wish) -> Result<Started, Refusal> {
        let began = now();
        let result = self.start_inner(caller, room, door, wish).await;
        self.metrics.joined(now().saturating_duration_since(began), result.as_ref().err().map(|refusal| refusal.code));
        result
    }

    async fn start_inner(
        &self,
        caller: &Caller,
        room: &RoomName,
        door: Door,
        Wish { offer, mode, pin, snapshots, claim }: Wish,
    ) -> Result<Started, Refusal> {
        let role = caller.enter(room, door)?;
        // One request: nobody could be told a nonce. Whoever sends somebody else's claim again has not his key.
        let proof = Proof { sdp: &offer.sdp, claim: claim.as_deref(), nonce: None };
        let identity = self.identify_media(None, &proof)?;
        let secret = Secret::random();
        let stands_for = if door == Door::Whip { "Broadcast" } else { "Viewer" };
        let place = self
            .admit(Admission {
                room: room.clone(),
                name: caller.name.clone().map_or_else(|| DisplayName::parse(stands_for), Ok)?,
                subject: caller.subject.clone(),
                role,
                permissions: caller.permissions(door),
                stance: Stance::default(),
                expires_unix_s: caller.expires_unix_s,
                link: Link::Http { resource: secret.clone(), ice_ufrag: String::new() },
                opens_room: door == Door::Whip,
                first_moderates: false,
                snapshots,
            })
            .await?;
        let peer = place.peer;
        if mode != AudioMode::Forward {
            // A server that mixes nothing sends him what is forwarded.
            let _ = self.engine.ask(|reply| Command::SetAudio { peer, mode, reply }).await?;
        }
        if pin.is_some() {
            self.engine.submit(Command::Pin { peer, first: pin });
        }
        let answer = self.negotiate(peer, offer).await?;
        let there = self.with(|house, fx| {
            house.renamed_ice(peer, &answer.ice_ufrag);
            house.identified(peer, identity, fx);
            house.finish_join(peer, fx).is_some()
        });
        if !there {
            return Err(Refusal::new(ErrorCode::RoomUnknown, "The room was closed at this moment."));
        }
        place.taken();
        tracing::info!(%room, participant = %peer, ?door, "joined");
        let ice_servers = self.ice_servers(caller.subject.as_deref().unwrap_or(&peer.to_string()));
        Ok(Started { secret, sdp: answer.sdp, ice_ufrag: answer.ice_ufrag, ice_servers })
    }

    /// Trickles candidates, or restarts ICE.
    pub(crate) async fn patch(
        &self,
        caller: &Caller,
        secret: &str,
        on: IfMatch,
        sdpfrag: String,
    ) -> Result<Patched, Refusal> {
        let (peer, current) = self.held(caller, secret)?;
        if let IfMatch::Tags(tags) = on
            && !tags.contains(&current)
        {
            return Err(Refusal::new(ErrorCode::RequestStale, "The ETag names an ICE session that is over."));
        }
        match self.engine.ask(|reply| Command::Fragment { peer, sdpfrag, reply }).await?? {
            Fragment::Taken => Ok(Patched::Taken),
            Fragment::Restarted { sdpfrag, ice_ufrag } => {
                self.with(|house, _| house.renamed_ice(peer, &ice_ufrag));
                Ok(Patched::Restarted { sdpfrag, ice_ufrag })
            }
        }
    }

    /// Ends a session.
    pub(crate) fn end(&self, caller: &Caller, secret: &str) -> Result<(), Refusal> {
        let (peer, _) = self.held(caller, secret)?;
        self.with(|house, fx| house.remove(peer, LeaveReason::Left, fx));
        tracing::info!(participant = %peer, "left");
        Ok(())
    }

    /// The session at an address, if it is the caller's: same subject, or a moderator. Where there are no tokens, knowing the address
    /// is enough.
    fn held(&self, caller: &Caller, secret: &str) -> Result<(PeerId, String), Refusal> {
        self.read(|house| {
            let participant = house.resource(&Secret::given(secret))?;
            if participant.subject != caller.subject {
                let room = house.room(participant.room).map(|room| room.name.clone());
                caller.authorise(Action::Kick, room.as_ref())?;
            }
            match &participant.link {
                Link::Http { ice_ufrag, .. } => Ok((participant.id, ice_ufrag.clone())),
                Link::Socket { .. } | Link::Lost { .. } | Link::Rtp { .. } | Link::Stream { .. } => {
                    Err(Refusal::new(ErrorCode::RequestNotFound, "There is no such session."))
                }
            }
        })
    }
}
