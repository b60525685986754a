//! What clients may say. Two looks at each frame: its `type` and `id` first, so that an error can be answered with the right
//! `id`; then the whole of it as that type, where anything unknown, missing or doubled is refused by its name.

#[cfg(test)]
mod tests;

use super::audience::{EnterAs, VerbWish};
use super::{AnnouncementWish, AudioModeName, DeviceName, SDP_BYTES};
use crate::error::{ErrorCode, Refusal};
use crate::identity::CLAIM_BYTES;
use colloquy_media_core::api::{Downlink, PixelSize, Preference, Source};
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;

/// Entries in `sources` and in `subscriptions`: the media sections that the engine takes.
const MAP_ENTRIES: usize = 128;
/// Longest `mid`: browsers use one to three digits.
const MID_BYTES: usize = 64;
/// Longest candidate line; real ones have about 150 bytes.
const CANDIDATE_BYTES: usize = 1_024;
/// Longest ICE username fragment (RFC 8839 section 5.4).
const UFRAG_BYTES: usize = 256;
/// Longest free text (`client`, `reason`), in characters.
const FREE_TEXT_CHARS: usize = 200;
/// Largest width and height of a place: what the VP8 and H.264 formats can hold, and more than any screen has.
const SIZE_PX: u64 = 16_384;
/// Largest weight of a place.
const WEIGHT: u64 = 8;
/// Least `max_bps`: below it not even one voice comes through.
const DOWNLINK_BPS_MIN: u64 = 16_000;
/// Largest `max_bps`: more than any network card has.
const DOWNLINK_BPS: u64 = 100_000_000_000;
/// Longest resume token or id; ours have at most 64 bytes.
pub(super) const TOKEN_BYTES: usize = 128;
/// Longest access token that is looked at further; see [`crate::authn::TOKEN_BYTES`].
const ACCESS_TOKEN_BYTES: usize = crate::authn::TOKEN_BYTES;

/// What a text frame turned out to be.
#[derive(Debug)]
pub(crate) enum ReceivedFrame {
    /// A request, or the reason why it is none, to be answered under its id.
    Request { id: u32, request: Parsed },
    /// Not the protocol: no JSON, or nothing that could be answered.
    NotTheProtocol,
}

/// A request, or why it is none.
pub(crate) type Parsed = Result<Request, Refusal>;

/// A request of a client.
#[derive(Debug)]
pub(crate) enum Request {
    Hello(Hello),
    Join(Join),
    Resume(Resume),
    Offer(OfferMedia),
    Candidate(Candidate),
    Subscribe(SubscribeTo),
    Prefer(PreferPlace),
    Downlink(SetDownlink),
    Audio(SetAudio),
    Mute(MuteTrack),
    Kick(Kick),
    Audience(ChangeAudience),
    Announce(Announce),
    Hush(Hush),
    Announcements,
    Leave,
    Stats,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: String,
    id: u32,
}

#[derive(Deserialize)]
struct OnlyId {
    id: u32,
}

/// Declares a request's struct with `type` and `id`, which were read already, taken and dropped.
macro_rules! request {
    ($(#[$doc:meta])* $name:ident { $($(#[$attr:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            #[serde(rename = "type")]
            _kind: IgnoredAny,
            #[serde(rename = "id")]
            _id: IgnoredAny,
            $($(#[$attr])* pub(crate) $field: $type,)*
        }

        impl fmt::Debug for $name {
            // Tokens and SDP have no business in a log.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}

request!(Hello { version: u32, #[serde(default)] client: Option<Text<{ FREE_TEXT_CHARS }>>, #[serde(default)] token: Option<Bytes<{ ACCESS_TOKEN_BYTES }>>, });
request!(Join {
    room: String,
    name: String,
    #[serde(default, rename = "as")]
    enter_as: EnterAs,
    // Still pictures of his videos may be made.
    #[serde(default = "yes")]
    snapshots: bool
});
request!(Resume { resume_token: Bytes<{ TOKEN_BYTES }>, });
request!(OfferMedia {
    sdp: String,
    #[serde(default)] sources: ByMid<SourceName>,
    #[serde(default)] subscriptions: ByMid<Bytes<{ TOKEN_BYTES }>>,
    // Who he is, signed for the fingerprints of the SDP.
    #[serde(default)] identity: Option<Bytes<{ CLAIM_BYTES }>>,
});
request!(Candidate {
    candidate: Bytes<{ CANDIDATE_BYTES }>,
    // Where a candidate belongs is of no use with BUNDLE and one ICE session; that it is well-formed is checked all the same.
    #[serde(default, rename = "mid")] _mid: Option<Bytes<{ MID_BYTES }>>,
    #[serde(default, rename = "mline_index")] _mline_index: Option<u16>,
    #[serde(default, rename = "ufrag")] _ufrag: Option<Bytes<{ UFRAG_BYTES }>>,
});
request!(SubscribeTo {
    mid: Bytes<{ MID_BYTES }>,
    #[serde(deserialize_with = "present")] track: Option<Bytes<{ TOKEN_BYTES }>>,
    // Who comes first on a canvas.
    #[serde(default)] pin: Option<Bytes<{ TOKEN_BYTES }>>,
});
request!(PreferPlace {
    mid: Bytes<{ MID_BYTES }>,
    #[serde(default)] width: Option<Within<0, SIZE_PX>>,
    #[serde(default)] height: Option<Within<0, SIZE_PX>>,
    #[serde(default)] pinned: bool,
    #[serde(default)] weight: Option<Within<1, WEIGHT>>,
});
request!(SetDownlink {
    #[serde(default)] last_n: Option<u16>,
    #[serde(default)] max_bps: Option<Within<DOWNLINK_BPS_MIN, DOWNLINK_BPS>>,
    #[serde(default)] device: DeviceName,
});
request!(SetAudio { mode: AudioModeName });
request!(MuteTrack { track: Bytes<{ TOKEN_BYTES }>, muted: bool, });
request!(Kick { participant: Bytes<{ TOKEN_BYTES }>, #[serde(default)] reason: Option<Text<{ FREE_TEXT_CHARS }>>, });
request!(ChangeAudience { change: VerbWish });
request!(Announce {
    #[serde(default)] file: Option<String>,
    #[serde(default)] text: Option<String>,
    #[serde(default)] to: Option<Bytes<{ TOKEN_BYTES }>>,
    #[serde(default)] gain_db: i8,
    #[serde(default)] repeat: bool,
});
request!(Hush { announcement: Bytes<{ TOKEN_BYTES }>, });
request!(Bare {});

fn yes() -> bool {
    true
}

/// A field that may be null, but must be there.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// A string of at most `N` bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bytes<const N: usize>(pub(crate) String);

impl<'de, const N: usize> Deserialize<'de> for Bytes<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.len() > N {
            return Err(D::Error::custom(format_args!("longer than {N} bytes")));
        }
        Ok(Self(text))
    }
}

/// A whole number from `LEAST` to `MOST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Within<const LEAST: u64, const MOST: u64>(pub(crate) u64);

impl<'de, const LEAST: u64, const MOST: u64> Deserialize<'de> for Within<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        if !(LEAST..=MOST).contains(&number) {
            return Err(D::Error::custom(format_args!("not within {LEAST} to {MOST}")));
        }
        Ok(Self(number))
    }
}

/// Free text of at most `N` characters, without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text<const N: usize>(pub(crate) String);

impl<'de, const N: usize> Deserialize<'de> for Text<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.chars().count() > N || text.chars().any(char::is_control) {
            return Err(D::Error::custom(format_args!("longer than {N} characters, or with control characters")));
        }
        Ok(Self(text))
    }
}

/// Something for each `mid`, in the order given; a `mid` given twice is refused.
#[derive(Debug)]
pub(crate) struct ByMid<T>(pub(crate) Vec<(String, T)>);

impl<T> Default for ByMid<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ByMid<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = ByMid<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with mids as names, or null")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(ByMid::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries: Vec<(String, T)> = Vec::new();
                while let Some(Bytes::<MID_BYTES>(mid)) = map.next_key()? {
                    if entries.len() == MAP_ENTRIES {
                        return Err(A::Error::custom(format_args!("more than {MAP_ENTRIES} entries")));
                    }
                    if entries.iter().any(|(seen, _)| *seen == mid) {
                        return Err(A::Error::custom("the same mid twice"));
                    }
                    entries.push((mid, map.next_value()?));
                }
                Ok(ByMid(entries))
            }
        }

        deserializer.deserialize_any(Entries(PhantomData))
    }
}

/// Where a track comes from, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceName {
    /// The person's voice.
    Microphone,
    /// The person's face.
    Camera,
    /// A shared screen, window or tab.
    Screen,
    /// The sound of what is shared.
    ScreenAudio,
}

impl From<SourceName> for Source {
    fn from(name: SourceName) -> Self {
        match name {
            SourceName::Microphone => Self::Microphone,
            SourceName::Camera => Self::Camera,
            SourceName::Screen => Self::Screen,
            SourceName::ScreenAudio => Self::ScreenAudio,
        }
    }
}

impl From<Source> for SourceName {
    fn from(source: Source) -> Self {
        match source {
            Source::Microphone => Self::Microphone,
            Source::Camera => Self::Camera,
            Source::Screen => Self::Screen,
            Source::ScreenAudio => Self::ScreenAudio,
        }
    }
}

impl ReceivedFrame {
    /// Reads a text frame.
    pub(crate) fn read(text: &str) -> Self {
        let Head { kind, id } = match serde_json::from_str(text) {
            Ok(head) => head,
            Err(error) => {
                // JSON with a usable id is answered; the rest is somebody else's protocol.
                return match serde_json::from_str::<OnlyId>(text) {
                    Ok(OnlyId { id }) => Self::Request { id, request: Err(malformed("", &error)) },
                    Err(_) => Self::NotTheProtocol,
                };
            }
        };
        Self::Request { id, request: read_as(&kind, text) }
    }
}

fn read_as(kind: &str, text: &str) -> Parsed {
    Ok(match kind {
        "hello" => Request::Hello(body(text)?),
        "join" => Request::Join(body(text)?),
        "resume" => Request::Resume(body(text)?),
        "offer" => Request::Offer(offer(body(text)?)?),
        "candidate" => Request::Candidate(body(text)?),
        "subscribe" => Request::Subscribe(body(text)?),
        "prefer" => Request::Prefer(prefer(body(text)?)?),
        "downlink" => Request::Downlink(body(text)?),
        "audio" => Request::Audio(body(text)?),
        "mute" => Request::Mute(body(text)?),
        "kick" => Request::Kick(body(text)?),
        "audience" => Request::Audience(body(text)?),
        "announce" => Request::Announce(body(text)?),
        "hush" => Request::Hush(body(text)?),
        "announcements" => body::<Bare>(text).map(|_| Request::Announcements)?,
        "leave" => body::<Bare>(text).map(|_| Request::Leave)?,
        "stats" => body::<Bare>(text).map(|_| Request::Stats)?,
        _ => return Err(Refusal::malformed("This type of request is unknown.")),
    })
}

fn body<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Refusal> {
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        malformed(if path == "." { "" } else { &path }, error.inner())
    })
}

/// What is wrong, without the position, which nobody can use, and without more of the input than a name of a field.
fn malformed(path: &str, error: &serde_json::Error) -> Refusal {
    let text = error.to_string();
    let what = text.rfind(" at line ").and_then(|end| text.get(..end)).unwrap_or(&text);
    let what: String = what.chars().take(FREE_TEXT_CHARS).collect();
    Refusal::malformed(if path.is_empty() { what } else { format!("{path}: {what}") })
        .remedy("Correct the request; see the WebSocket API, version 1.")
}

fn prefer(prefer: PreferPlace) -> Result<PreferPlace, Refusal> {
    if prefer.width.is_some() != prefer.height.is_some() {
        return Err(Refusal::malformed("width and height come together or not at all."));
    }
    Ok(prefer)
}

impl PreferPlace {
    /// As the engine takes it.
    pub(crate) fn preference(&self) -> Preference {
        // What does not fit was refused: sizes and weights are small.
        let px = |n: Within<0, SIZE_PX>| u16::try_from(n.0).unwrap_or(u16::MAX);
        Preference {
            size: self.width.zip(self.height).map(|(w, h)| PixelSize { width: px(w), height: px(h) }),
            pinned: self.pinned,
            weight: self.weight.map_or(1, |w| u8::try_from(w.0).unwrap_or(u8::MAX)),
        }
    }
}

impl SetDownlink {
    /// As the engine takes it.
    pub(crate) fn downlink(&self) -> Downlink {
        Downlink { last_n: self.last_n, max_bps: self.max_bps.map(|bps| bps.0), device: self.device.into() }
    }
}

impl Announce {
    /// As it is asked for at either door.
    pub(crate) fn wish(self) -> AnnouncementWish {
        let Self { file, text, to, gain_db, repeat, .. } = self;
        AnnouncementWish { file, text, to: to.map(|to| to.0), gain_db, repeat }
    }
}

fn offer(offer: OfferMedia) -> Result<OfferMedia, Refusal> {
    if offer.sdp.len() > SDP_BYTES {
        return Err(Refusal::new(ErrorCode::LimitExceeded, format!("The SDP is longer than {SDP_BYTES} bytes.")));
    }
    Ok(offer)
}
