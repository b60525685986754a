//! Commands that no worker gets, and what their callers are told.

use crate::api::{Command, JoinError, NegotiateError, PlainError, SnapshotError, SubscribeError, TrackError};

/// Why a command is answered without a worker.
#[derive(Clone, Copy)]
pub(in crate::driver) enum Refusal {
    /// There is no such room or participant; of a `Join`, that there is one already.
    Unknown,
    RoomFull,
    Busy,
}

/// Answers a command that no worker gets.
pub(in crate::driver) fn refuse(command: Command, why: Refusal) {
    let busy = matches!(why, Refusal::Busy);
    let negotiate = if busy { NegotiateError::Busy } else { NegotiateError::NoSuchPeer };
    match command {
        Command::Join { reply, .. } => reply.send(Err(match why {
            Refusal::Busy => JoinError::Busy,
            Refusal::RoomFull => JoinError::RoomFull,
            Refusal::Unknown => JoinError::AlreadyJoined,
        })),
        Command::Offer { reply, .. } => reply.send(Err(negotiate)),
        Command::Plain { reply, .. } => {
            reply.send(Err(if busy { PlainError::Busy } else { PlainError::NoSuchPeer }));
        }
        Command::Fragment { reply, .. } => reply.send(Err(negotiate)),
        Command::Subscribe { reply, .. } | Command::Prefer { reply, .. } | Command::SetDownlink { reply, .. } => {
            reply.send(Err(if busy { SubscribeError::Busy } else { SubscribeError::NoSuchPeer }));
        }
        Command::SetAudio { reply, .. } => {
            reply.send(Err(if busy { SubscribeError::Busy } else { SubscribeError::NoSuchPeer }));
        }
        Command::SetMute { reply, .. } => {
            reply.send(Err(if busy { TrackError::Busy } else { TrackError::NoSuchPeer }));
        }
        Command::Still { reply, .. } => {
            reply.send(Err(if busy { SnapshotError::Busy } else { SnapshotError::NoSuchPeer }));
        }
        Command::Stats { reply, .. } => reply.send(None),
        Command::Leave { .. }
        | Command::CloseRoom { .. }
        | Command::Stand { .. }
        | Command::Announce { .. }
        | Command::Hush { .. }
        | Command::Arrange { .. }
        | Command::Pin { .. }
        | Command::Name { .. }
        | Command::AddCandidate { .. } => {}
    }
}
