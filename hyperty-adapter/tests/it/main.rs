//! Tests through the crate's public interface.

mod node;
mod policy;
mod registry;
mod wire;
