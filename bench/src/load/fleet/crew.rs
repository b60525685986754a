//! A thread that plays clients.

/// What a whole fleet is asked.
pub(super) enum Ask {}
