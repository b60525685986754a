//! Tests through the crate's public interface.

mod backbone;
mod node;
mod policy;
mod registry;
mod wire;
