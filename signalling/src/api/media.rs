//! To negotiate, and to choose what is received.

use super::Signalling;
use crate::authz::{Action, Role, allowed};
use crate::error::{ErrorCode, Refusal};
use crate::identity::Proof;
use crate::wire::made_here;
use colloquy_media_core::api::{
    Answer, AudioMode, CanvasLayout, Command, Downlink, Offer, PeerId, Preference, RoomId, Source, Subscriptions,
    TrackId,
};

/// An offer, as it was written.
pub(crate) struct OfferAsk {
    pub(crate) sdp: String,
    pub(crate) sources: Vec<(String, Source)>,
    /// `mid` and track.
    pub(crate) subscriptions: Vec<(String, String)>,
    /// A signed claim of who made it.
    pub(crate) claim: Option<String>,
    /// What must be in the claim.
    pub(crate) nonce: String,
}

impl Signalling {
    /// Has the engine answer an offer.
    pub(crate) async fn offer(&self, room: RoomId, peer: PeerId, role: Role, ask: OfferAsk) -> Result<Answer, Refusal> {
        permit(role, Action::Negotiate)?;
        if !ask.subscriptions.is_empty() {
            permit(role, Action::Subscribe)?;
        }
        let mut subscriptions = Vec::with_capacity(ask.subscriptions.len());
        for (mid, track) in ask.subscriptions {
            subscriptions.push((mid, self.track_in(room, &track)?));
        }
        let proof = Proof { sdp: &ask.sdp, claim: ask.claim.as_deref(), nonce: Some(&ask.nonce) };
        let identity = self.identify_media(Some(peer), &proof)?;
        let offer = Offer { sdp: ask.sdp, sources: ask.sources, subscriptions: Subscriptions::ByMid(subscriptions) };
        let answer = self.negotiate(peer, offer).await?;
        self.with(|house, fx| house.identified(peer, identity, fx));
        Ok(answer)
    }

    pub(super) async fn negotiate(&self, peer: PeerId, offer: Offer) -> Result<Answer, Refusal> {
        let answer = self.engine.ask(|reply| Command::Offer { peer, offer, reply }).await??;
        self.with(|house, _| house.negotiated(peer, &answer.published));
        Ok(answer)
    }

    /// Hands a trickled candidate to the engine.
    pub(crate) fn candidate(&self, peer: PeerId, role: Role, candidate: String) -> Result<(), Refusal> {
        permit(role, Action::Negotiate)?;
        self.engine.submit(Command::AddCandidate { peer, candidate });
        Ok(())
    }

    /// Points a receiving place at a track, or at none; at a canvas with who comes first on it.
    pub(crate) async fn subscribe(
        &self,
        (room, peer, role): (RoomId, PeerId, Role),
        mid: String,
        track: Option<&str>,
        pin: Option<&str>,
    ) -> Result<(), Refusal> {
        permit(role, Action::Subscribe)?;
        let track = track.map(|track| self.track_in(room, track)).transpose()?;
        let canvas = track.and_then(CanvasLayout::of);
        if pin.is_some() && canvas.is_none_or(|layout| layout == CanvasLayout::Grid) {
            return Err(Refusal::malformed("pin is for a canvas on which somebody comes first.")
                .remedy("Name the track speaker, presentation, picture_in_picture or layout:NAME, or leave pin out."));
        }
        let first = pin.map(|pin| self.pinned(room, peer, pin)).transpose()?;
        if canvas.is_some() {
            self.engine.submit(Command::Pin { peer, first });
        }
        self.engine.ask(|reply| Command::Subscribe { peer, mid, track, reply }).await??;
        Ok(())
    }

    /// Says how a receiving place is looked at.
    pub(crate) async fn prefer(
        &self,
        peer: PeerId,
        role: Role,
        mid: String,
        preference: Preference,
    ) -> Result<(), Refusal> {
        permit(role, Action::Subscribe)?;
        self.engine.ask(|reply| Command::Prefer { peer, mid, preference, reply }).await??;
        Ok(())
    }

    /// Says how a participant wants to hear others.
    pub(crate) async fn audio(&self, peer: PeerId, role: Role, mode: AudioMode) -> Result<(), Refusal> {
        permit(role, Action::Subscribe)?;
        self.engine.ask(|reply| Command::SetAudio { peer, mode, reply }).await??;
        Ok(())
    }

    /// Says what a participant wants to receive in all.
    pub(crate) async fn downlink(&self, peer: PeerId, role: Role, downlink: Downlink) -> Result<(), Refusal> {
        permit(role, Action::Subscribe)?;
        self.engine.ask(|reply| Command::SetDownlink { peer, downlink, reply }).await??;
        Ok(())
    }
}

/// Reads a track's id; what is none names no track.
pub(crate) fn track_id(text: &str) -> Result<TrackId, Refusal> {
    made_here(text)
        .map_or_else(|| text.parse(), Ok)
        .map_err(|_| Refusal::new(ErrorCode::TrackUnknown, "There is no track with this id."))
}

/// Reads a participant's id; what is none names nobody.
pub(crate) fn peer_id(text: &str) -> Result<PeerId, Refusal> {
    text.parse().map_err(|_| Refusal::new(ErrorCode::ParticipantUnknown, "There is no participant with this id."))
}

pub(super) fn permit(role: Role, action: Action) -> Result<(), Refusal> {
    if allowed(role, action) {
        return Ok(());
    }
    Err(Refusal::new(ErrorCode::AuthForbidden, "Your role in this room does not permit this."))
}
