//! What a room's mixer takes at most.

/// Sources of one mixer; one more is refused. A room has no more participants than this.
pub const MAX_SOURCES: usize = 4096;
/// Listeners of one mixer; what one more asks is counted and not done: he hears nothing.
pub const MAX_LISTENERS: usize = 8192;
/// Groups that one ear may name. An ear with more of them hears nothing: to cut it short would be a guess.
pub const MAX_EAR_GROUPS: usize = 64;
/// Exceptions that one ear may have. An ear with more of them hears nothing: to cut it short could let through what was taken out.
pub const MAX_EAR_EXCEPTIONS: usize = 256;
/// Bytes of one packet; a larger one is refused. What fits a datagram is smaller.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 1500;
/// Packets that wait in one jitter buffer; the oldest is dropped for one more. 64 of the usual 20 ms are ten times the longest wait
/// that is wanted.
pub(super) const MAX_WAITING: usize = 64;
/// Packets that are kept of a source that nobody hears now, so that its decoder can be warmed up: 100 ms of the usual ones.
pub(super) const MAX_IDLE_WAITING: usize = 5;
/// Voices of a group that are heard at once, whatever the settings say.
pub(super) const MAX_SPEAKERS: usize = 64;
/// What waits to be polled; packets beyond it are dropped and counted. A turn of a thousand mixes has as many.
pub(super) const MAX_UNPOLLED: usize = 16_384;
