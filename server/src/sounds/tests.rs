//! Files of a directory and texts said by small programs.

use super::{SoundSettings, Sounds};
use colloquy_media_core::api::Reply;
use colloquy_media_core::sound::{Sound, SoundAsk, SoundError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

/// A directory that is gone at the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("colloquy-sounds-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("sounds/en")).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn settings(&self) -> SoundSettings {
        SoundSettings {
            directory: Some(self.0.join("sounds")),
            speech: Vec::new(),
            speech_timeout: Duration::from_secs(10),
            file_bytes: 100_000,
            length: Duration::from_secs(3),
            cache_bytes: 1_000_000,
        }
    }

    fn speaker(&self, script: &str) -> SoundSettings {
        let speech = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        SoundSettings { speech, ..self.settings() }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A WAV file of one channel of 8 kHz, with so many samples of nothing.
fn wav(samples: u32) -> Vec<u8> {
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    file.extend_from_slice(&8_000_u32.to_le_bytes());
    file.extend_from_slice(&16_000_u32.to_le_bytes());
    file.extend_from_slice(b"\x02\0\x10\0data");
    file.extend_from_slice(&(samples * 2).to_le_bytes());
    file.resize(file.len() + samples as usize * 2, 0);
    let size = file.len() as u32 - 8;
    file[4..8].copy_from_slice(&size.to_le_bytes());
    file
}

fn made(settings: SoundSettings, ask: SoundAsk) -> Result<Arc<Sound>, SoundError> {
    made_by(&Sounds::start(settings).unwrap(), ask)
}

fn made_by(sounds: &Sounds, ask: SoundAsk) -> Result<Arc<Sound>, SoundError> {
    let (done, waiting) = sync_channel(1);
    sounds.make(ask, Reply::new(move |sound| done.send(sound).unwrap()));
    waiting.recv_timeout(Duration::from_secs(30)).unwrap()
}

fn file(name: &str) -> SoundAsk {
    SoundAsk::File(name.to_owned())
}

fn text(text: &str) -> SoundAsk {
    SoundAsk::Text(text.to_owned())
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

#[test]
fn a_file_is_made_once_until_it_changes() {
    let directory = Directory::new("once");
    directory.write("sounds/en/a.wav", &wav(8_000));
    let sounds = Sounds::start(directory.settings()).unwrap();
    let first = made_by(&sounds, file("en/a.wav")).unwrap();
    assert_eq!(first.length(), Duration::from_secs(1));
    assert!(Arc::ptr_eq(&first, &made_by(&sounds, file("en/a.wav")).unwrap()));
    directory.write("sounds/en/a.wav", &wav(16_000));
    assert_eq!(made_by(&sounds, file("en/a.wav")).unwrap().length(), Duration::from_secs(2));
}

#[test]
fn what_is_not_in_the_directory_is_not_there() {
    let directory = Directory::new("outside");
    let secret = directory.write("secret.wav", &wav(80));
    directory.write("sounds/.hidden.wav", &wav(80));
    std::os::unix::fs::symlink(&secret, directory.0.join("sounds/link.wav")).unwrap();
    let sounds = Sounds::start(directory.settings()).unwrap();
    let absolute = secret.display().to_string();
    for name in
        ["none.wav", "../secret.wav", "en/../../secret.wav", &absolute, "link.wav", ".hidden.wav", "en", ".", "a\0b"]
    {
        assert_eq!(made_by(&sounds, file(name)), Err(SoundError::NoSuchFile), "{name}");
    }
    let nowhere = SoundSettings { directory: None, ..directory.settings() };
    assert_eq!(made(nowhere, file("a.wav")), Err(SoundError::NoFiles));
}

#[test]
fn a_file_that_cannot_be_played_is_told_why() {
    let directory = Directory::new("unusable");
    directory.write("sounds/large.wav", &wav(60_000));
    directory.write("sounds/long.wav", &wav(24_001));
    directory.write("sounds/cut.wav", &wav(8_000)[..9_000]);
    directory.write("sounds/page.html", b"<html></html>");
    for (name, why) in [
        ("large.wav", "announcements.file_bytes"),
        ("long.wav", "longer than 3s"),
        ("cut.wav", "cut off"),
        ("page.html", "no WAV"),
    ] {
        match made(directory.settings(), file(name)) {
            Err(SoundError::Unusable(told)) => assert!(told.contains(why), "{name}: {told}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_text_is_said_by_a_program_that_sees_no_secret() {
    let directory = Directory::new("speech");
    // As programs write WAV to a pipe: without knowing how long it will be.
    let mut streamed = wav(8_000);
    streamed[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    streamed[40..44].copy_from_slice(&0x7fff_f000_u32.to_le_bytes());
    let (sound, heard) = (directory.write("said.wav", &streamed), directory.0.join("heard"));
    let script = format!("cat > {}; env >> {0}; cat {}", quoted(&heard), quoted(&sound));
    let said = made(directory.speaker(&script), text("Hello; $(echo no) 'shell'")).unwrap();
    assert_eq!(said.length(), Duration::from_secs(1));
    let heard = std::fs::read_to_string(&heard).unwrap();
    assert!(heard.starts_with("Hello; $(echo no) 'shell'\n"), "{heard}");
    assert!(!heard.contains("CARGO"), "{heard}");
    assert_eq!(made(directory.settings(), text("Hello")), Err(SoundError::NoSpeech));
}

#[test]
fn a_program_that_fails_hangs_or_never_ends_is_ended() {
    let directory = Directory::new("bad-speech");
    let began = Instant::now();
    for (script, why) in [
        ("exit 3", "status: 3"),
        ("sleep 60", "longer than"),
        // It has closed its output, and what it started lives on.
        ("sleep 60 & exec sleep 60 >&-", "longer than"),
        ("cat /dev/zero", "more than 100000 bytes"),
        ("echo this is no sound", "cannot be played"),
    ] {
        let settings = SoundSettings { speech_timeout: Duration::from_millis(300), ..directory.speaker(script) };
        match made(settings, text("Hello")) {
            Err(SoundError::SpeechFailed(told)) => assert!(told.contains(why), "{script}: {told}"),
            other => panic!("{script}: {other:?}"),
        }
    }
    let missing = SoundSettings { speech: vec!["/no/such/program".to_owned()], ..directory.settings() };
    assert!(matches!(made(missing, text("Hello")), Err(SoundError::SpeechFailed(_))));
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn more_than_can_wait_is_refused_at_once() {
    let directory = Directory::new("busy");
    let settings = SoundSettings { speech_timeout: Duration::from_millis(200), ..directory.speaker("sleep 60") };
    let sounds = Sounds::start(settings).unwrap();
    let (done, waiting) = sync_channel(100);
    for i in 0..60 {
        let done = done.clone();
        sounds.make(text(&format!("{i}")), Reply::new(move |sound: Result<_, _>| drop(done.send(sound.err()))));
    }
    let refused = waiting.try_iter().filter(|error| *error == Some(SoundError::Busy)).count();
    assert!((20..=28).contains(&refused), "{refused}");
}
