//! What waits, and for how long.
