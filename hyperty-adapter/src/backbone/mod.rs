//! What carries frames between the nodes of one domain. What they say is the node's ([`crate::node::Node::frame`]); here they only travel.
//!
//! Two ways: within a process ([`InProcess`]) and over NATS ([`Nats`]). Both keep the order of what one node sends to all, or to one, lose frames where
//! they must, and never make a node wait. The same tests hold for both.

mod in_process;
mod nats;

pub use in_process::InProcess;
pub use nats::{BadUrl, Nats};

use crate::node::To;
use bytes::Bytes;
use thiserror::Error;

/// Why a frame was not sent. Nodes find out what they missed, and messages are counted as lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotSent {
    /// Nobody can be reached now.
    #[error("the other nodes cannot be reached")]
    Down,
    /// More waits to be sent than may.
    #[error("too much waits to be sent to the other nodes")]
    Full,
    /// It is longer than the way takes.
    #[error("a message is longer than the way to other nodes takes: raise max_payload of the NATS server")]
    TooLong,
}

/// A way to other nodes.
pub trait Backbone: Send + Sync {
    /// Sends a frame. Called under the lock of the node: it must not wait.
    ///
    /// # Errors
    /// [`NotSent`].
    fn send(&self, to: To, frame: Bytes) -> Result<(), NotSent>;

    /// Whether others can be reached, as far as is known.
    fn is_up(&self) -> bool;
}
