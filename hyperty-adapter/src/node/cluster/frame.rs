//! What nodes say to each other: a byte that says what it is, eight of the sender, and JSON or a message as it came.

use super::NodeId;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::mem::size_of;
use std::sync::Arc;

/// Bytes of addresses in one frame: NATS takes a megabyte unless it is told otherwise.
const FRAME_BYTES: usize = 128 * 1_024;
const CONTROL: u8 = b'c';
const MESSAGE: u8 = b'm';
const HEAD: usize = 1 + size_of::<u64>();

/// What a frame is.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::node) enum Kind {
    /// Something of the nodes themselves.
    Control,
    /// A message for sessions of the node that gets it.
    Message,
}

/// What a node's sessions have to do with an address; nothing any more, if it is neither theirs nor heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::node) struct Tie {
    #[serde(rename = "a")]
    pub(super) address: Arc<str>,
    /// One of them has it, by the claim of this number.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub(super) owner: Option<u64>,
    #[serde(rename = "h", default, skip_serializing_if = "is_false")]
    pub(super) heard: bool,
    /// It is a runtime whose client is away.
    #[serde(rename = "w", default, skip_serializing_if = "is_false")]
    pub(super) away: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Control {
    /// The sender is there, and this was its last frame with a number.
    Alive { sent: u64 },
    /// What changed.
    News { sent: u64, ties: Vec<Tie> },
    /// A node is to say everything.
    Ask { of: u64 },
    /// A part of everything, as it was after the frame of this number.
    Whole { to: u64, sent: u64, part: u32, last: bool, ties: Vec<Tie> },
    /// The sender stops.
    Bye,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_false(is: &bool) -> bool {
    !is
}

pub(super) fn control(from: NodeId, control: &Control) -> Bytes {
    // What is ours to write can be written.
    let text = serde_json::to_vec(control).unwrap_or_default();
    assemble(CONTROL, from, &text)
}

/// A message for another node's sessions.
pub(in crate::node) fn message(from: NodeId, text: &[u8]) -> Bytes {
    assemble(MESSAGE, from, text)
}

fn assemble(kind: u8, from: NodeId, text: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(HEAD + text.len());
    frame.push(kind);
    frame.extend_from_slice(&from.0.to_be_bytes());
    frame.extend_from_slice(text);
    frame.into()
}

/// What it is, who sent it, and what it says.
pub(in crate::node) fn read(frame: &Bytes) -> Option<(Kind, NodeId, Bytes)> {
    let kind = match *frame.first()? {
        CONTROL => Kind::Control,
        MESSAGE => Kind::Message,
        _ => return None,
    };
    let from = u64::from_be_bytes(frame.get(1..HEAD)?.try_into().ok()?);
    Some((kind, NodeId(from), frame.slice(HEAD..)))
}

/// Ties in frames that are not too long.
pub(super) fn chunks(ties: Vec<Tie>) -> impl Iterator<Item = Vec<Tie>> {
    let mut ties = ties.into_iter().peekable();
    std::iter::from_fn(move || {
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        while let Some(tie) = ties.next_if(|_| bytes < FRAME_BYTES) {
            bytes += tie.address.len() + 40;
            chunk.push(tie);
        }
        (!chunk.is_empty()).then_some(chunk)
    })
}
