//! Still pictures: the last key frame that may be seen, as it came. Who decodes it does so elsewhere, on no thread of media.

use super::Engine;
use crate::api::{SnapshotAsk, SnapshotError, Still};
use std::time::{Duration, Instant};

impl Engine {
    /// The last key frame of somebody's video. Where it is older than it should be, he is asked for another: as often as for anybody who
    /// watches, and not while nothing of him may be kept.
    pub(super) fn still(&mut self, now: Instant, ask: SnapshotAsk, max_age: Duration) -> Result<Still, SnapshotError> {
        let peer = self.peer_ids.get(&ask.peer).and_then(|key| self.peers.get(*key));
        let producers: Vec<_> = peer.ok_or(SnapshotError::NoSuchPeer)?.producers().collect();
        let is_asked_for = |info: &crate::api::TrackInfo| info.source == ask.source && !info.mute.is_muted();
        let found = producers.into_iter().find(|key| self.producers.get(*key).is_some_and(|p| is_asked_for(&p.info)));
        let key = found.ok_or(SnapshotError::Off)?;
        let (still, newer) = self.producers.get_mut(key).ok_or(SnapshotError::Off)?.still(now, ask.size);
        let is_recent = |still: &Still| now.saturating_duration_since(still.came()) < max_age;
        if let Some(encoding) = newer
            && !still.as_ref().is_some_and(is_recent)
        {
            self.want_keyframe(now, key, encoding);
        }
        still.ok_or(SnapshotError::NoPicture)
    }
}
