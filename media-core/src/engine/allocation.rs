//! What each receiver is to get: his places, what they offer, and what his path carries.

use super::Engine;
use crate::api::{Layer, MediaKind};
use crate::keys::PeerKey;
use std::time::Instant;

impl Engine {
    /// Decides anew what a participant gets.
    pub(super) fn look_again(&mut self, now: Instant, key: PeerKey) {
        let places: Vec<_> = self.peers.get(key).into_iter().flat_map(|p| p.consumers()).collect();
        for place in places {
            let Some(consumer) = self.consumers.get_mut(place).filter(|c| c.kind == MediaKind::Video) else { continue };
            consumer.selector.aim(Some(Layer { encoding: 0, spatial: 7, temporal: 7 }), false);
            let wanted = consumer.source.zip(consumer.selector.awaits_keyframe());
            if let Some(((producer, _), encoding)) = wanted {
                self.want_keyframe(now, producer, encoding);
            }
        }
    }
}
