//! Those who are connected by plain RTP.

use super::{House, Link, Participant};
use crate::error::Refusal;
use crate::wire::RtpView;
use colloquy_media_core::api::{PeerId, RoomId};

impl House {
    /// Notes how somebody is connected.
    pub(crate) fn connected_rtp(&mut self, peer: PeerId, as_he_is: &RtpView) {
        if let Some(Link::Rtp { view }) = self.participants.get_mut(&peer).map(|p| &mut p.link) {
            *view = Some(Box::new(as_he_is.clone()));
        }
    }

    /// How somebody is connected, if he is by plain RTP.
    pub(crate) fn rtp_view(&self, peer: PeerId) -> Option<RtpView> {
        self.participants.get(&peer)?.rtp_view()
    }

    /// All of a room, in the order they came.
    pub(crate) fn rtp_views(&self, room: RoomId) -> Result<Vec<RtpView>, Refusal> {
        let members = self.rooms.get(&room).map(|room| room.members.as_slice()).unwrap_or_default();
        let present = members.iter().filter_map(|peer| self.participants.get(peer)).filter(|p| p.present);
        Ok(present.filter_map(Participant::rtp_view).collect())
    }
}

impl Participant {
    fn rtp_view(&self) -> Option<RtpView> {
        let Link::Rtp { view: Some(view) } = &self.link else { return None };
        Some(RtpView { state: self.state(), ..RtpView::clone(view) })
    }
}
