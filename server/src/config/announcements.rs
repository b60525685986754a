//! `[announcements]` in the words of the signalling, and of whoever makes sounds.

use super::{Announcements, Mix};
use crate::sounds::SoundSettings;
use anyhow::{Result, bail};
use colloquy_signalling::AnnouncementConfig;
use std::time::Duration;

/// Seconds of one sound: the encoded sound takes some 12 kB each.
const LENGTH_S: std::ops::RangeInclusive<u32> = 1..=7_200;
/// Bytes of one file: it is read whole.
const FILE_BYTES: std::ops::RangeInclusive<u64> = 1_000..=1_000_000_000;
/// How long a text may take to be said: whoever asks waits so long.
const SPEECH_TIMEOUT_MS: std::ops::RangeInclusive<u32> = 100..=10_000;

impl Announcements {
    /// Refuses what cannot be.
    pub(super) fn check(&self, mix: &Mix) -> Result<()> {
        if self.is_on() && !mix.enabled {
            bail!(
                "announcements are played in the mix: set mix.enabled = true, or take announcements.directory and speech_command away"
            );
        }
        if self.hold_music().is_some() && self.directory.is_none() {
            bail!("announcements.hold_music is a file in announcements.directory, which is not set");
        }
        if self.speech_command.first().is_some_and(String::is_empty) {
            bail!(
                "announcements.speech_command begins with the name of a program, as in [\"flite\", \"-o\", \"/dev/stdout\"]"
            );
        }
        let lengths = LENGTH_S.contains(&self.length_s).then_some(()).ok_or(("length_s", u64::from(self.length_s)));
        let sizes = FILE_BYTES.contains(&self.file_bytes).then_some(()).ok_or(("file_bytes", self.file_bytes));
        let times = SPEECH_TIMEOUT_MS.contains(&self.speech_timeout_ms).then_some(());
        let times = times.ok_or(("speech_timeout_ms", u64::from(self.speech_timeout_ms)));
        let ranges = [
            (u64::from(*LENGTH_S.start()), u64::from(*LENGTH_S.end())),
            (*FILE_BYTES.start(), *FILE_BYTES.end()),
            (u64::from(*SPEECH_TIMEOUT_MS.start()), u64::from(*SPEECH_TIMEOUT_MS.end())),
        ];
        for (checked, (least, most)) in [lengths, sizes, times].into_iter().zip(ranges) {
            if let Err((key, value)) = checked {
                bail!("announcements.{key} must be from {least} to {most}, not {value}");
            }
        }
        Ok(())
    }

    /// Whether there is anything to play.
    pub(crate) fn is_on(&self) -> bool {
        self.directory.is_some() || !self.speech_command.is_empty()
    }

    /// What those on hold hear.
    pub(crate) fn hold_music(&self) -> Option<String> {
        Some(self.hold_music.clone()).filter(|file| !file.is_empty())
    }

    /// What the signalling is told.
    pub(super) fn signalling(&self) -> AnnouncementConfig {
        AnnouncementConfig {
            enabled: self.is_on(),
            hold_music: self.hold_music(),
            per_room: self.per_room,
            per_minute_per_room: self.per_minute_per_room,
            text_chars: self.text_chars,
        }
    }

    /// How sounds are made; `None` where there are none.
    pub(crate) fn sounds(&self) -> Option<SoundSettings> {
        self.is_on().then(|| SoundSettings {
            directory: self.directory.clone(),
            speech: self.speech_command.clone(),
            speech_timeout: Duration::from_millis(u64::from(self.speech_timeout_ms)),
            file_bytes: self.file_bytes,
            length: Duration::from_secs(u64::from(self.length_s)),
            cache_bytes: self.cache_bytes,
        })
    }
}
