//! To have something played into a room, and to choose what those on hold hear.

use super::house::{Music, MusicWish, What};
use super::media::{peer_id, permit};
use super::{Signalling, now};
use crate::authn::Caller;
use crate::authz::Action;
use crate::error::{ErrorCode, Refusal};
use crate::names::RoomName;
use crate::wire::{AnnouncementView, AnnouncementWish, HoldMusicView};
use colloquy_media_core::api::{AnnouncementId, PeerId, RoomId};
use colloquy_media_core::audience::Addressees;
use colloquy_media_core::sound::{Repeat, Sound, SoundAsk};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How long a sound is waited for: a text must be said first.
const SOUND_TIMEOUT: Duration = Duration::from_secs(12);
/// Longest name of a file, in bytes.
const FILE_BYTES: usize = 255;
/// How much louder or softer something is played, in dB: nothing is heard below, and a file that needs more should be made louder.
const GAIN_DB: std::ops::RangeInclusive<i8> = -60..=12;

impl Signalling {
    /// Plays something into the room of the one who asks.
    pub(crate) async fn announce(
        &self,
        room: RoomId,
        by: PeerId,
        wish: AnnouncementWish,
    ) -> Result<AnnouncementView, Refusal> {
        let what = self.read(|house| {
            permit(house.participant(room, by)?.role, Action::Announce)?;
            let what = self.what(wish)?;
            match what.to {
                // Whom he does not know he cannot name.
                Addressees::One(peer) if !house.knows(room, by, peer) && peer != by => Err(unknown(peer)),
                _ => Ok(what),
            }
        })?;
        self.play(room, what).await
    }

    /// The same from outside.
    pub(crate) async fn announce_from_outside(
        &self,
        caller: &Caller,
        room: &RoomName,
        wish: AnnouncementWish,
    ) -> Result<AnnouncementView, Refusal> {
        caller.authorise(Action::Announce, Some(room))?;
        let what = self.what(wish)?;
        let id = self.read(|house| {
            let id = house.room_id(room)?;
            if let Addressees::One(peer) = what.to {
                house.participant(id, peer)?;
            }
            Ok::<_, Refusal>(id)
        })?;
        self.play(id, what).await
    }

    async fn play(&self, room: RoomId, what: What) -> Result<AnnouncementView, Refusal> {
        self.with(|house, _| house.may_announce(room, now()))?;
        let sound = self.sound(what.ask.clone()).await?;
        let to = what.to;
        let view = self.with(|house, fx| house.play(room, what, sound, now(), fx))?;
        // Not what is said: it may be for one alone.
        tracing::info!(%room, announcement = %view.id, ?to, "announced");
        Ok(view)
    }

    /// Stops something that is played in the room of the one who asks.
    pub(crate) fn hush(&self, room: RoomId, by: PeerId, announcement: &str) -> Result<(), Refusal> {
        let id = announcement_id(announcement)?;
        self.with(|house, fx| {
            permit(house.participant(room, by)?.role, Action::Announce)?;
            house.hush(room, id, fx)
        })
    }

    /// The same from outside.
    pub(crate) fn hush_from_outside(
        &self,
        caller: &Caller,
        room: &RoomName,
        announcement: &str,
    ) -> Result<(), Refusal> {
        caller.authorise(Action::Announce, Some(room))?;
        let id = announcement_id(announcement)?;
        self.with(|house, fx| house.hush(house.room_id(room)?, id, fx))
    }

    /// What is played in the room of the one who asks.
    pub(crate) fn announcements(&self, room: RoomId, by: PeerId) -> Result<Vec<AnnouncementView>, Refusal> {
        self.read(|house| {
            permit(house.participant(room, by)?.role, Action::Announce)?;
            house.announcements(room, now())
        })
    }

    /// The same from outside.
    pub(crate) fn announcements_from_outside(
        &self,
        caller: &Caller,
        room: &RoomName,
    ) -> Result<Vec<AnnouncementView>, Refusal> {
        caller.authorise(Action::Announce, Some(room))?;
        self.read(|house| house.announcements(house.room_id(room)?, now()))
    }

    /// What those on hold in a room hear.
    pub(crate) fn hold_music(&self, caller: &Caller, room: &RoomName) -> Result<HoldMusicView, Refusal> {
        caller.authorise(Action::Announce, Some(room))?;
        self.read(|house| house.music(house.room_id(room)?))
    }

    /// Has those on hold in a room hear this file, or nothing.
    pub(crate) async fn set_hold_music(
        &self,
        caller: &Caller,
        room: &RoomName,
        file: Option<String>,
    ) -> Result<HoldMusicView, Refusal> {
        caller.authorise(Action::Announce, Some(room))?;
        let id = self.read(|house| house.room_id(room))?;
        let music = match file {
            Some(file) => {
                let ask = file_of(file.clone())?;
                self.with(|house, _| house.may_announce(id, now()))?;
                MusicWish::Own(Music { file, sound: self.sound(ask).await? })
            }
            None => MusicWish::Nothing,
        };
        self.with(|house, fx| house.set_music(id, music, now(), fx))
    }

    /// Has those on hold in a room hear what the server has for all rooms.
    pub(crate) fn reset_hold_music(&self, caller: &Caller, room: &RoomName) -> Result<(), Refusal> {
        caller.authorise(Action::Announce, Some(room))?;
        self.with(|house, fx| house.set_music(house.room_id(room)?, MusicWish::Servers, now(), fx)).map(drop)
    }

    async fn sound(&self, ask: SoundAsk) -> Result<Arc<Sound>, Refusal> {
        Ok(self.engine.sound(ask).answer(SOUND_TIMEOUT).await??)
    }

    /// Reads what somebody wants to have played.
    fn what(&self, wish: AnnouncementWish) -> Result<What, Refusal> {
        let AnnouncementWish { file, text, to, gain_db, repeat } = wish;
        let ask = match (file, text) {
            (Some(file), None) => file_of(file)?,
            (None, Some(text)) => self.text_of(text)?,
            _ => return Err(Refusal::malformed("One of file and text is wanted.")),
        };
        let to = match to.as_deref() {
            None | Some("floor") => Addressees::Floor,
            Some("held") => Addressees::Held,
            Some(peer) => Addressees::One(peer_id(peer)?),
        };
        if !GAIN_DB.contains(&gain_db) {
            let (least, most) = GAIN_DB.into_inner();
            return Err(Refusal::malformed(format!("gain_db is {gain_db}; it is from {least} to {most}.")));
        }
        let repeat = if repeat { Repeat::Endless } else { Repeat::Once };
        Ok(What { ask, to, gain_db, repeat })
    }

    fn text_of(&self, text: String) -> Result<SoundAsk, Refusal> {
        let most = self.config.announcements.text_chars;
        if text.chars().count() > most {
            return Err(Refusal::new(ErrorCode::LimitExceeded, format!("The text is longer than {most} characters.")));
        }
        if text.trim().is_empty() || text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(Refusal::malformed("The text is empty, or has control characters in it."));
        }
        Ok(SoundAsk::Text(text))
    }
}

/// Makes the server's hold music ready, once it runs.
pub(super) async fn prepare_hold_music(signalling: Weak<Signalling>) {
    let Some(signalling) = signalling.upgrade() else { return };
    let Some(file) = signalling.config.announcements.hold_music.clone() else { return };
    match signalling.sound(SoundAsk::File(file.clone())).await {
        Ok(sound) => signalling.with(|house, fx| house.set_server_music(Music { file, sound }, now(), fx)),
        Err(why) => tracing::error!(file, "those on hold hear nothing (announcements.hold_music): {}", why.message),
    }
}

fn file_of(file: String) -> Result<SoundAsk, Refusal> {
    if file.is_empty() || file.len() > FILE_BYTES || file.chars().any(char::is_control) {
        return Err(Refusal::malformed(format!("A file's name has 1 to {FILE_BYTES} bytes.")));
    }
    Ok(SoundAsk::File(file))
}

fn announcement_id(text: &str) -> Result<AnnouncementId, Refusal> {
    text.parse().map_err(|_| Refusal::new(ErrorCode::AnnouncementUnknown, "There is no announcement with this id."))
}

fn unknown(peer: PeerId) -> Refusal {
    Refusal::new(ErrorCode::ParticipantUnknown, format!("There is no participant {peer} in this room."))
}
