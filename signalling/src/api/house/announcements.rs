//! What is played into rooms: announcements, which somebody asks for, and hold music, which is heard while somebody is on hold.

use super::{Effect, Effects, House};
use crate::config::AnnouncementConfig;
use crate::error::{ErrorCode, Refusal};
use crate::session::TokenBucket;
use crate::wire::{AnnouncementView, HoldMusicView};
use colloquy_media_core::api::{Announcement, AnnouncementId, Command, PeerId, RoomId};
use colloquy_media_core::audience::Addressees;
use colloquy_media_core::sound::{Repeat, Sound, SoundAsk};
use std::sync::Arc;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// What somebody wants to have played.
#[derive(Debug, Clone)]
pub(crate) struct What {
    pub(crate) ask: SoundAsk,
    pub(crate) to: Addressees,
    pub(crate) gain_db: i8,
    pub(crate) repeat: Repeat,
}

/// Hold music that can be played.
#[derive(Debug, Clone)]
pub(crate) struct Music {
    pub(crate) file: String,
    pub(crate) sound: Arc<Sound>,
}

/// What a room has its held participants hear.
#[derive(Debug, Clone, Default)]
pub(crate) enum MusicWish {
    /// What the server has for all rooms.
    #[default]
    Servers,
    Own(Music),
    Nothing,
}

/// What is played into one room.
#[derive(Debug, Default)]
pub(crate) struct Playbill {
    played: Vec<Played>,
    rate: Option<TokenBucket>,
    music: MusicWish,
    /// The music, while somebody is on hold.
    on_hold: Option<(Music, Announcement)>,
}

/// An announcement that is played.
#[derive(Debug)]
struct Played {
    ask: SoundAsk,
    announcement: Announcement,
}

/// What holds for all rooms.
#[derive(Debug)]
pub(super) struct Announcing {
    last: u64,
    per_room: usize,
    per_minute: u32,
    music: Option<Music>,
}

impl Announcing {
    pub(super) fn new(config: &AnnouncementConfig) -> Self {
        Self { last: 0, per_room: config.per_room, per_minute: config.per_minute_per_room, music: None }
    }

    fn next(&mut self) -> AnnouncementId {
        self.last += 1;
        AnnouncementId(self.last)
    }
}

impl House {
    /// Whether one more announcement may be begun in a room: it counts from here, as making its sound is the work.
    pub(crate) fn may_announce(&mut self, room: RoomId, now: Instant) -> Result<(), Refusal> {
        let Announcing { per_room, per_minute, .. } = self.announcing;
        let playbill = &mut self.rooms.get_mut(&room).ok_or_else(gone)?.playbill;
        playbill.forget_old(now);
        if playbill.played.len() >= per_room {
            let message = format!("As many announcements are played in this room as may be, {per_room}.");
            return Err(Refusal::new(ErrorCode::LimitExceeded, message).remedy("Stop one of them first."));
        }
        if per_minute == 0 {
            return Ok(());
        }
        let rate = playbill.rate.get_or_insert_with(|| TokenBucket::every(MINUTE / per_minute, MINUTE));
        if rate.take(now) {
            return Ok(());
        }
        let message = format!("More than {per_minute} announcements a minute were asked for in this room.");
        Err(Refusal::new(ErrorCode::RateExceeded, message))
    }

    /// Plays an announcement into a room.
    pub(crate) fn play(
        &mut self,
        room: RoomId,
        what: What,
        sound: Arc<Sound>,
        now: Instant,
        fx: &mut Effects,
    ) -> Result<AnnouncementView, Refusal> {
        if let Addressees::One(peer) = what.to {
            // He may have left while its sound was made.
            self.participant(room, peer)?;
        }
        let (per_room, id) = (self.announcing.per_room, self.announcing.next());
        let playbill = &mut self.rooms.get_mut(&room).ok_or_else(gone)?.playbill;
        if playbill.played.len() >= per_room {
            let message = format!("As many announcements are played in this room as may be, {per_room}.");
            return Err(Refusal::new(ErrorCode::LimitExceeded, message).remedy("Stop one of them first."));
        }
        let What { ask, to, gain_db, repeat } = what;
        let announcement = Announcement { id, sound, to, gain_db, repeat, began: now };
        fx.push(Effect::Engine(Command::Announce { room, announcement: announcement.clone() }));
        let played = Played { ask, announcement };
        let view = played.view(now);
        playbill.played.push(played);
        Ok(view)
    }

    /// Stops an announcement.
    pub(crate) fn hush(&mut self, room: RoomId, id: AnnouncementId, fx: &mut Effects) -> Result<(), Refusal> {
        let playbill = &mut self.rooms.get_mut(&room).ok_or_else(gone)?.playbill;
        let at = playbill.played.iter().position(|played| played.announcement.id == id).ok_or_else(|| {
            Refusal::new(ErrorCode::AnnouncementUnknown, format!("No announcement {id} is played in this room."))
        })?;
        playbill.played.remove(at);
        fx.push(Effect::Engine(Command::Hush { room, id }));
        Ok(())
    }

    /// What is played in a room, the oldest first.
    pub(crate) fn announcements(&self, room: RoomId, now: Instant) -> Result<Vec<AnnouncementView>, Refusal> {
        let playbill = &self.rooms.get(&room).ok_or_else(gone)?.playbill;
        Ok(playbill.played.iter().filter(|played| !played.is_over(now)).map(|played| played.view(now)).collect())
    }

    /// Has those on hold in every room that chose nothing else hear this from now on.
    pub(crate) fn set_server_music(&mut self, music: Music, now: Instant, fx: &mut Effects) {
        self.announcing.music = Some(music);
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        rooms.into_iter().for_each(|room| self.tend_music(room, now, fx));
    }

    /// Has those on hold in a room hear something else from now on.
    pub(crate) fn set_music(
        &mut self,
        room: RoomId,
        music: MusicWish,
        now: Instant,
        fx: &mut Effects,
    ) -> Result<HoldMusicView, Refusal> {
        self.rooms.get_mut(&room).ok_or_else(gone)?.playbill.music = music;
        self.tend_music(room, now, fx);
        self.music(room)
    }

    /// What those on hold in a room hear.
    pub(crate) fn music(&self, room: RoomId) -> Result<HoldMusicView, Refusal> {
        let playbill = &self.rooms.get(&room).ok_or_else(gone)?.playbill;
        Ok(HoldMusicView {
            file: playbill.wanted(&self.announcing).map(|music| music.file.clone()),
            own: !matches!(playbill.music, MusicWish::Servers),
            playing: playbill.on_hold.is_some(),
        })
    }

    /// Begins a room's hold music when the first is put on hold, from its beginning; and ends it when the last comes back.
    pub(super) fn tend_music(&mut self, room: RoomId, now: Instant, fx: &mut Effects) {
        let Some(state) = self.rooms.get_mut(&room) else { return };
        let is_somebody_held = state.audience.iter().any(|(_, stance)| stance.held);
        let wanted = state.playbill.wanted(&self.announcing).filter(|_| is_somebody_held).cloned();
        let plays = state.playbill.on_hold.as_ref().map(|(music, _)| &music.sound);
        if wanted.as_ref().map(|music| Arc::as_ptr(&music.sound)) == plays.map(Arc::as_ptr) {
            return;
        }
        if let Some((_, before)) = state.playbill.on_hold.take() {
            fx.push(Effect::Engine(Command::Hush { room, id: before.id }));
        }
        let Some(music) = wanted else { return };
        let (id, sound) = (self.announcing.next(), Arc::clone(&music.sound));
        let (to, repeat) = (Addressees::Held, Repeat::Endless);
        let announcement = Announcement { id, sound, to, gain_db: 0, repeat, began: now };
        fx.push(Effect::Engine(Command::Announce { room, announcement: announcement.clone() }));
        state.playbill.on_hold = Some((music, announcement));
    }

    /// Ends a room's hold music if nobody is on hold there any more.
    pub(super) fn end_music_of_nobody(&mut self, room: RoomId, fx: &mut Effects) {
        let Some(state) = self.rooms.get_mut(&room) else { return };
        if state.audience.iter().any(|(_, stance)| stance.held) {
            return;
        }
        if let Some((_, music)) = state.playbill.on_hold.take() {
            fx.push(Effect::Engine(Command::Hush { room, id: music.id }));
        }
    }

    /// Tells the engine again of what is played where somebody has come in: he may live on a worker that had nobody of the room.
    pub(super) fn replay(&self, newcomer: PeerId, fx: &mut Effects) {
        let Some(room) = self.participants.get(&newcomer).map(|person| person.room) else { return };
        let Some(playbill) = self.rooms.get(&room).map(|state| &state.playbill) else { return };
        let played = playbill.played.iter().map(|played| &played.announcement);
        let all = played.chain(playbill.on_hold.as_ref().map(|(_, announcement)| announcement));
        let again = |announcement: &Announcement| Command::Announce { room, announcement: announcement.clone() };
        fx.extend(all.map(again).map(Effect::Engine));
    }

    /// Forgets what is over.
    pub(super) fn forget_played(&mut self, now: Instant) {
        self.rooms.values_mut().for_each(|room| room.playbill.forget_old(now));
    }
}

impl Playbill {
    fn wanted<'a>(&'a self, all: &'a Announcing) -> Option<&'a Music> {
        match &self.music {
            MusicWish::Servers => all.music.as_ref(),
            MusicWish::Own(music) => Some(music),
            MusicWish::Nothing => None,
        }
    }

    fn forget_old(&mut self, now: Instant) {
        self.played.retain(|played| !played.is_over(now));
    }
}

impl Played {
    fn is_over(&self, now: Instant) -> bool {
        self.announcement.ends().is_some_and(|ends| ends <= now)
    }

    fn view(&self, now: Instant) -> AnnouncementView {
        let Announcement { id, sound, to, gain_db, repeat, began } = &self.announcement;
        let (file, text) = match &self.ask {
            SoundAsk::File(file) => (Some(file.clone()), None),
            SoundAsk::Text(text) => (None, Some(text.clone())),
        };
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        AnnouncementView {
            id: id.to_string(),
            file,
            text,
            to: match to {
                Addressees::Floor => "floor".to_owned(),
                Addressees::Held => "held".to_owned(),
                Addressees::One(peer) => peer.to_string(),
            },
            gain_db: *gain_db,
            repeat: *repeat == Repeat::Endless,
            length_ms: ms(sound.length()),
            age_ms: ms(now.saturating_duration_since(*began)),
        }
    }
}

fn gone() -> Refusal {
    Refusal::new(ErrorCode::RoomUnknown, "The room is gone.")
}
