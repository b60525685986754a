//! Who vouches for whom, and when others are told.

use super::{Effects, House};
use crate::identity::Identified;
use crate::session::Weight;
use crate::wire::{IdentityView, ServerEvent};
use colloquy_media_core::api::{PeerId, TransportState};

impl House {
    /// What is known of who somebody is.
    pub(crate) fn identity(&self, peer: PeerId) -> Option<&Identified> {
        self.participants.get(&peer)?.identity.as_ref()
    }

    /// An offer of his was answered, and this is known of who made it.
    pub(crate) fn identified(&mut self, peer: PeerId, identity: Option<Identified>, fx: &mut Effects) {
        self.change_identity(peer, fx, |held| *held = identity);
    }

    /// His media is up: the certificates that he was vouched for with are his.
    pub(super) fn prove_identity(&mut self, peer: PeerId, state: TransportState, fx: &mut Effects) {
        if state == TransportState::Connected {
            self.change_identity(peer, fx, |held| {
                if let Some(held) = held {
                    held.proven = true;
                }
            });
        }
    }

    /// Changes it, and tells him and the others where it looks different now.
    fn change_identity(&mut self, peer: PeerId, fx: &mut Effects, change: impl FnOnce(&mut Option<Identified>)) {
        let Some(participant) = self.participants.get_mut(&peer) else { return };
        let before = shown(participant.identity.as_ref()).cloned();
        change(&mut participant.identity);
        let after = shown(participant.identity.as_ref()).cloned();
        if participant.present && before != after {
            let event = ServerEvent::Identity { participant: peer.to_string(), identity: after };
            self.announce_of(peer, None, &event, Weight::Kept, fx);
        }
    }
}

/// What others see of it: nothing that the handshake has not borne out.
pub(super) fn shown(identity: Option<&Identified>) -> Option<&IdentityView> {
    identity.filter(|identity| identity.proven)?.view.as_ref()
}
