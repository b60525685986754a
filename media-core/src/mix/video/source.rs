//! One source: its packets, its decoder while somebody sees it, and the pictures that are kept of it.

use super::assemble::{Assembled, Assembler};
use super::canvas::{self, Fit};
use super::view::VideoPacket;
use crate::forward::KeyframeRequests;
use colloquy_codecs::video::{Decoder, Picture, Region, Scaler, VideoCodec, decoder};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pictures that may wait to be decoded. A second's worth: whoever is so late would only be later, so a key frame is asked for instead.
const MAX_BACKLOG: usize = 30;
/// Key frames of sources that nobody sees are kept for snapshots if they are no longer than this, in bytes.
const MAX_KEPT_KEY: usize = 512 << 10;
/// Sides of a thumbnail.
pub(super) const THUMBNAIL: (u32, u32) = (160, 90);
/// A thumbnail is made anew no more often.
const THUMBNAIL_EVERY: Duration = Duration::from_secs(1);
/// A decoder that could not be set up is tried again after this.
const RETRY: Duration = Duration::from_secs(1);

/// A picture that can be shown.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) picture: Arc<Picture>,
    /// No other picture of any source has the same.
    pub(super) version: u64,
    /// When its first packet came.
    pub(super) came: Instant,
}

/// Counted over all sources.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DecodeCounts {
    pub(super) decoded: u64,
    pub(super) refused: u64,
    pub(super) gaps: u64,
    pub(super) skipped: u64,
    /// The last version given away.
    pub(super) version: u64,
}

/// Whether a picture is held for those who must not see what comes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// As long as a view shows it.
    WhileShown,
    /// Until it is let go.
    UntilThawed,
}

pub(super) struct Source {
    pub(super) name: String,
    codec: VideoCodec,
    assembler: Assembler,
    decoder: Option<Box<dyn Decoder>>,
    retry_at: Option<Instant>,
    requests: KeyframeRequests,
    is_wanted: bool,
    latest: Option<Shown>,
    /// What the next picture is decoded into.
    spare: Arc<Picture>,
    thumbnail: Option<Shown>,
    held: Option<Shown>,
    hold: Option<Hold>,
    /// Pictures that came before are not shown any more to whoever did not see them then.
    fresh_from: Option<Instant>,
    /// The last key frame that came while nobody saw the source.
    key: Option<(Vec<u8>, Instant)>,
}

impl Source {
    pub(super) fn new(codec: VideoCodec, name: String, key_interval: Duration) -> Source {
        Source {
            name,
            codec,
            assembler: Assembler::new(codec),
            decoder: None,
            retry_at: None,
            requests: KeyframeRequests::new(key_interval),
            is_wanted: false,
            latest: None,
            spare: Arc::default(),
            thumbnail: None,
            held: None,
            hold: None,
            fresh_from: None,
            key: None,
        }
    }

    pub(super) fn codec(&self) -> VideoCodec {
        self.codec
    }

    /// Whether it is decoded.
    pub(super) fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// Somebody sees it from now on, or nobody does any more.
    pub(super) fn set_wanted(&mut self, is_wanted: bool) {
        if self.is_wanted == is_wanted {
            return;
        }
        self.is_wanted = is_wanted;
        self.assembler.restart();
        if is_wanted {
            self.key = None;
            self.requests.want();
        } else {
            self.decoder = None;
            self.requests.arrived();
        }
    }

    pub(super) fn push(&mut self, packet: VideoPacket<'_>, now: Instant) {
        self.requests.heard();
        if self.is_wanted {
            self.assembler.push(packet, now);
        } else if self.hold.is_none() {
            self.assembler.push(packet, now);
            self.keep_key(now);
        }
    }

    /// Of a source that nobody sees only key frames are put together, and none is decoded.
    fn keep_key(&mut self, now: Instant) {
        while let Some(assembled) = self.assembler.poll(now) {
            let Assembled::Picture { is_key, came, .. } = assembled else { continue };
            let picture = self.assembler.picture();
            if is_key && picture.len() <= MAX_KEPT_KEY {
                let mut bytes = self.key.take().map(|(bytes, _)| bytes).unwrap_or_default();
                bytes.clear();
                bytes.extend_from_slice(picture);
                self.key = Some((bytes, came));
            }
            self.assembler.restart();
        }
    }

    /// Decodes what came, if somebody sees it. In thrift pictures that no other needs are left out.
    pub(super) fn decode(&mut self, now: Instant, is_thrifty: bool, counts: &mut DecodeCounts) {
        if !self.is_wanted || self.retry_at.is_some_and(|at| now < at) {
            return;
        }
        if self.assembler.backlog() > MAX_BACKLOG {
            counts.skipped += self.assembler.backlog() as u64;
            self.start_over();
        }
        while let Some(assembled) = self.assembler.poll(now) {
            match assembled {
                Assembled::Gap => {
                    counts.gaps += 1;
                    self.requests.want();
                }
                Assembled::Picture { is_discardable: true, .. } if is_thrifty => counts.skipped += 1,
                Assembled::Picture { is_key, came, .. } => {
                    if is_key {
                        self.requests.arrived();
                    }
                    self.decode_picture(now, came, counts);
                }
            }
        }
        if self.assembler.needs_key() {
            self.requests.want();
        }
    }

    fn decode_picture(&mut self, now: Instant, came: Instant, counts: &mut DecodeCounts) {
        if self.decoder.is_none() {
            match decoder(self.codec) {
                Ok(made) => (self.decoder, self.retry_at) = (Some(made), None),
                Err(_) => self.retry_at = Some(now + RETRY),
            }
        }
        // A picture that is still shown somewhere stays as it is.
        if Arc::get_mut(&mut self.spare).is_none() {
            self.spare = Arc::default();
        }
        let (Some(decoder), Some(into)) = (&mut self.decoder, Arc::get_mut(&mut self.spare)) else {
            return self.start_over();
        };
        match decoder.decode(self.assembler.picture(), into) {
            Ok(true) => {
                counts.decoded += 1;
                counts.version += 1;
                let shown = Shown { picture: self.spare.clone(), version: counts.version, came };
                if let Some(before) = self.latest.replace(shown) {
                    self.spare = before.picture;
                }
            }
            Ok(false) => {}
            Err(_) => {
                counts.refused += 1;
                self.start_over();
            }
        }
    }

    /// Forgets what waits and asks for a key frame; what was shown last goes on being shown.
    fn start_over(&mut self) {
        self.assembler.restart();
        self.requests.want();
    }

    /// Whether to ask for a key frame now.
    pub(super) fn take_request(&mut self, now: Instant) -> bool {
        self.is_wanted && self.requests.take_due(now, Duration::ZERO, 0.0)
    }

    /// The last picture, if it may be shown to anybody who sees the source live.
    pub(super) fn live(&self) -> Option<&Shown> {
        self.latest.as_ref().filter(|shown| self.fresh_from.is_none_or(|from| shown.came >= from))
    }

    /// The same in small, and no newer than a second ago if there was one then.
    pub(super) fn thumbnail(&mut self, now: Instant, scaler: &mut Scaler, counts: &mut DecodeCounts) -> Option<&Shown> {
        let is_recent =
            self.thumbnail.as_ref().is_some_and(|shown| now.saturating_duration_since(shown.came) < THUMBNAIL_EVERY);
        if !is_recent && let Some(shown) = self.live() {
            let mut picture = Picture::new(THUMBNAIL.0, THUMBNAIL.1, canvas::BACKGROUND);
            let whole = Region::of(&picture);
            canvas::put(&mut picture, scaler, &shown.picture, whole, Fit::Contain);
            counts.version += 1;
            self.thumbnail = Some(Shown { picture: Arc::new(picture), version: counts.version, came: now });
        }
        self.thumbnail.as_ref()
    }

    /// What those see for whom it is frozen.
    pub(super) fn held(&self) -> Option<&Shown> {
        self.held.as_ref()
    }

    /// Holds the picture of this moment until [`thaw`](Self::thaw).
    pub(super) fn freeze(&mut self) {
        self.hold_now();
        self.hold = Some(Hold::UntilThawed);
    }

    /// A view that showed it live shows it frozen now.
    pub(super) fn freeze_for_view(&mut self) {
        self.hold_now();
        self.hold = self.hold.or(Some(Hold::WhileShown));
    }

    fn hold_now(&mut self) {
        if self.hold.is_none() {
            self.held = self.live().cloned();
            self.key = None;
            self.thumbnail = None;
        }
    }

    /// Takes back [`freeze`](Self::freeze); views that still show it frozen keep the picture.
    pub(super) fn thaw(&mut self, now: Instant) {
        self.hold = self.hold.map(|_| Hold::WhileShown);
        self.let_be_seen_from(now);
    }

    /// No view shows it frozen.
    pub(super) fn nobody_sees_it_frozen(&mut self, now: Instant) {
        if self.hold == Some(Hold::WhileShown) {
            (self.hold, self.held) = (None, None);
            self.let_be_seen_from(now);
        }
    }

    /// Who sees it live from now on sees nothing of before.
    pub(super) fn let_be_seen_from(&mut self, now: Instant) {
        self.fresh_from = self.fresh_from.max(Some(now));
        self.thumbnail = None;
    }

    /// The picture for a snapshot and when it was taken: the held one while there is a hold; a decoded one; or a key frame that came
    /// while nobody saw the source, decoded for this.
    pub(super) fn still(&self) -> Option<Shown> {
        if self.hold.is_some() {
            return self.held.clone();
        }
        let latest = self.live();
        let Some((bytes, came)) = self.key.as_ref() else { return latest.cloned() };
        if latest.is_some_and(|shown| shown.came >= *came) {
            return latest.cloned();
        }
        let mut picture = Picture::default();
        match decoder(self.codec).and_then(|mut decoder| decoder.decode(bytes, &mut picture)) {
            Ok(true) => Some(Shown { picture: Arc::new(picture), version: 0, came: *came }),
            _ => latest.cloned(),
        }
    }
}
