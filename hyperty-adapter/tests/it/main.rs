//! Tests through the crate's public interface.

mod node;
mod registry;
mod wire;
