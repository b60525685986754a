//! Behaviour on a simulated link.
