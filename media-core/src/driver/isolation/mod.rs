//! Mixers in processes of their own: what decodes and encodes is libraries in C, fed with bytes of strangers, and a fault in one of them ends
//! the process that it is in. So it is none in which calls are forwarded.
//!
//! A process is this program again, told to be a mixer ([`run_mixer`]), at the other end of a pair of sockets. In the server two threads
//! belong to it: one writes what the media threads say, which comes to it over the queue that it would come to a mixing thread over,
//! and one reads what it answers. Words in both directions are frames of bounded length ([`frames`]); the queues before them are bounded,
//! packets that find no room are dropped, and a process that takes no other word for a second is ended. So is one that does not
//! answer. Whatever way it ends, the engines of its rooms are told that their mixers are lost, and open others.
//!
//! What a process says is taken as a stranger's: it can speak for its own rooms only, and in no greater numbers and lengths than a mixer would.

mod canvases;
mod frames;
mod inside;
mod link;
mod patience;
mod played;
mod process;
mod sounds;
mod stills;
#[cfg(test)]
mod tests;
mod words;

pub(super) use canvases::{Kept, keep_composer};
pub use inside::run_mixer;
pub use process::Isolation;
pub(super) use process::try_out;
pub(super) use sounds::{Slot, keep_mixers};
pub(super) use stills::Darkroom;

/// What a process says that no mixer would.
fn stranger(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, format!("it says {what}"))
}

/// Reads frames until one is refused, as each of the words that there are.
#[cfg(feature = "fuzzing")]
pub(super) fn read_all(bytes: &[u8]) {
    fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) {
        let mut frames = frames::Frames::new(bytes);
        while frames.next::<T>().is_ok() {}
    }
    read::<words::MixerAnswer>(bytes);
    read::<words::MixerOrder>(bytes);
    read::<crate::composer::ComposeAnswer>(bytes);
    read::<words::CanvasOrder>(bytes);
    read::<words::Developed>(bytes);
    read::<words::KeyPicture>(bytes);
    read::<words::Hello>(bytes);
}
