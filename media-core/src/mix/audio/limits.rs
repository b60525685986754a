//! What a room's mixer takes at most.

/// Sources of one mixer; one more is refused. A room has no more participants than this.
pub const MAX_SOURCES: usize = 4096;
/// Listeners of one mixer; what one more asks is counted and not done: he hears nothing.
pub const MAX_LISTENERS: usize = 8192;
/// Groups that one ear may name. An ear with more of them hears nothing: to cut it short would be a guess.
pub const MAX_EAR_GROUPS: usize = 64;
/// Exceptions that one ear may have. An ear with more of them hears nothing: to cut it short could let through what was taken out.
pub const MAX_EAR_EXCEPTIONS: usize = 256;
