//! Sounds that are played into rooms: files are read and texts are said here, on a thread of their own, and what came of it is kept.

mod files;
mod speech;
#[cfg(test)]
mod tests;

use anyhow::Context as _;
use colloquy_media_core::sound::{Shelf, Sound, SoundAsk, SoundError, SoundReply};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Sounds that wait to be made. One more is refused: whoever asks would have waited in vain.
const QUEUE: usize = 32;
/// Threads that make them: while a text is said, files can be read.
const THREADS: usize = 2;

/// How sounds are made.
#[derive(Debug, Clone)]
pub(crate) struct SoundSettings {
    /// Where the files are.
    pub(crate) directory: Option<PathBuf>,
    /// The program that speaks, and its arguments; empty where there is none.
    pub(crate) speech: Vec<String>,
    /// It is ended after this time.
    pub(crate) speech_timeout: Duration,
    /// Largest file, and most that the program may write.
    pub(crate) file_bytes: u64,
    /// Longest sound.
    pub(crate) length: Duration,
    /// What is kept in all.
    pub(crate) cache_bytes: usize,
}

/// Whoever makes sounds. The threads end when this is dropped and what waits is made.
pub(crate) struct Sounds {
    asks: SyncSender<(SoundAsk, SoundReply)>,
}

/// What a kept sound was made of. A file that was changed is another.
#[derive(Debug, PartialEq)]
enum Key {
    File(files::Found),
    Text(String),
}

/// What the threads share.
struct Workshop {
    settings: SoundSettings,
    shelf: Mutex<Shelf<Key>>,
}

impl Sounds {
    /// Starts the threads.
    pub(crate) fn start(settings: SoundSettings) -> anyhow::Result<Self> {
        let (asks, waiting) = sync_channel(QUEUE);
        let waiting = Arc::new(Mutex::new(waiting));
        let shelf = Mutex::new(Shelf::new(settings.cache_bytes));
        let workshop = Arc::new(Workshop { settings, shelf });
        for i in 0..THREADS {
            let (workshop, waiting) = (Arc::clone(&workshop), Arc::clone(&waiting));
            let thread = std::thread::Builder::new().name(format!("sounds-{i}"));
            thread.spawn(move || workshop.run(&waiting)).context("no thread that makes sounds")?;
        }
        Ok(Self { asks })
    }

    /// Has a sound made, or gives it as it was made before.
    pub(crate) fn make(&self, ask: SoundAsk, reply: SoundReply) {
        if let Err(full) = self.asks.try_send((ask, reply)) {
            let (std::sync::mpsc::TrySendError::Full((_, reply))
            | std::sync::mpsc::TrySendError::Disconnected((_, reply))) = full;
            reply.send(Err(SoundError::Busy));
        }
    }
}

/// Makes one sound now, and gives how long it is: for whoever wants to know whether it would work.
pub(crate) fn try_out(settings: SoundSettings, ask: &SoundAsk) -> Result<Duration, SoundError> {
    let shelf = Mutex::new(Shelf::new(settings.cache_bytes));
    Workshop { settings, shelf }.make(ask).map(|sound| sound.length())
}

impl Workshop {
    fn run(&self, waiting: &Mutex<Receiver<(SoundAsk, SoundReply)>>) {
        loop {
            let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((ask, reply)) = next else { return };
            // A defect in one sound must not end the making of all others.
            let made = catch_unwind(AssertUnwindSafe(|| self.make(&ask)));
            let made =
                made.unwrap_or_else(|_| Err(SoundError::Unusable("it brought this server out of step".to_owned())));
            if let Err(why) = &made {
                // Not what was to be said.
                let what = if let SoundAsk::File(file) = &ask { file.as_str() } else { "a text" };
                tracing::warn!(what, "a sound was not made: {why}");
            }
            reply.send(made);
        }
    }

    fn make(&self, ask: &SoundAsk) -> Result<Arc<Sound>, SoundError> {
        let settings = &self.settings;
        let key = match ask {
            SoundAsk::File(name) => {
                let directory = settings.directory.as_deref().ok_or(SoundError::NoFiles)?;
                Key::File(files::find(directory, name).ok_or(SoundError::NoSuchFile)?)
            }
            SoundAsk::Text(_) if settings.speech.is_empty() => return Err(SoundError::NoSpeech),
            SoundAsk::Text(text) => Key::Text(text.clone()),
        };
        if let Some(sound) = self.shelf().take(&key) {
            return Ok(sound);
        }
        let sound = match &key {
            Key::File(found) => {
                let file = files::read(found, settings.file_bytes).map_err(SoundError::Unusable)?;
                Sound::make(file, settings.length).map_err(|why| SoundError::Unusable(why.to_string()))?
            }
            Key::Text(text) => {
                let wav = speech::say(settings, text).map_err(SoundError::SpeechFailed)?;
                let why = |why| SoundError::SpeechFailed(format!("what it wrote cannot be played: {why}"));
                Sound::make_streamed(wav, settings.length).map_err(why)?
            }
        };
        let sound = Arc::new(sound);
        self.shelf().put(key, Arc::clone(&sound));
        Ok(sound)
    }

    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf<Key>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
