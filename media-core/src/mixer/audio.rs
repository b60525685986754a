//! The audio mixer behind the seam.

use super::RoomMixer;
use crate::mix::audio::{AudioMixer, Ear, GroupId, ListenerId, Output, Packet, SourceId};
use std::time::Instant;

impl RoomMixer for AudioMixer {
    fn add_source(&mut self, id: SourceId, group: GroupId, now: Instant) {
        if AudioMixer::add_source(self, id, group, now).is_err() {
            tracing::warn!("a room has more sources of sound than a mixer takes: one is not heard in the mix");
        }
    }

    fn regroup(&mut self, id: SourceId, group: GroupId) {
        AudioMixer::regroup(self, id, group);
    }

    fn remove_source(&mut self, id: SourceId) {
        AudioMixer::remove_source(self, id);
    }

    fn push(&mut self, id: SourceId, packet: Packet, now: Instant) {
        AudioMixer::push(self, id, packet, now);
    }

    fn hear(&mut self, listener: ListenerId, ear: &Ear) {
        AudioMixer::hear(self, listener, ear.clone());
    }

    fn forget(&mut self, listener: ListenerId) {
        AudioMixer::forget(self, listener);
    }

    fn next_tick(&self) -> Option<Instant> {
        AudioMixer::next_tick(self)
    }

    fn tick(&mut self, now: Instant) {
        AudioMixer::tick(self, now);
    }

    fn poll(&mut self) -> Option<Output> {
        AudioMixer::poll(self)
    }
}
