//! Tests through the crate's public interface.

mod node;
mod wire;
