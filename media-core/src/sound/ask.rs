//! Asking for a sound.

use super::Sound;
use crate::api::Reply;
use std::sync::Arc;

/// What is to be played.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SoundAsk {
    /// A file, by its name in the operator's directory.
    File(String),
    /// A text that is to be said.
    Text(String),
}

/// Who is told when a sound is there.
pub type SoundReply = Reply<Result<Arc<Sound>, SoundError>>;

/// Why there is no sound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SoundError {
    /// This server plays no files.
    #[error("no directory of sound files is configured")]
    NoFiles,
    /// This server says no texts.
    #[error("no program that speaks is configured")]
    NoSpeech,
    /// There is no file of this name.
    #[error("there is no such sound file")]
    NoSuchFile,
    /// What is in the file cannot be played; the text says why.
    #[error("{0}")]
    Unusable(String),
    /// The program that speaks failed, or took too long; the text says how.
    #[error("{0}")]
    SpeechFailed(String),
    /// As many sounds are being made as may wait.
    #[error("as many sounds are being made as may wait")]
    Busy,
}
