//! LiveKit's signalling (`livekit_rtc.proto`): what a client says, and what it reads of what the server says.

use super::wire::{Fields, Value, Writer};
use colloquy_media_core::api::MediaKind;

/// What the server says, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said<'a> {
    /// Welcome.
    Joined,
    /// To a publisher's offer.
    Answer(&'a str),
    /// To a viewer, to be answered under its number.
    Offer { sdp: &'a str, id: u64 },
    /// A candidate, as JSON of an `RTCIceCandidateInit`.
    Candidate(&'a str),
    /// Goodbye, with a `DisconnectReason`.
    Leave { reason: u64 },
}

/// Reads a `SignalResponse`.
pub(super) fn read(message: &[u8]) -> Option<Said<'_>> {
    let (field, value) = Fields::of(message).next()?;
    let Value::Bytes(bytes) = value else { return None };
    let inner = Fields::of(bytes);
    match field {
        1 => Some(Said::Joined),
        2 => Some(Said::Answer(inner.text(2)?)),
        3 => Some(Said::Offer { sdp: inner.text(2)?, id: inner.number(3) }),
        4 => Some(Said::Candidate(inner.text(1)?)),
        8 => Some(Said::Leave { reason: inner.number(2) }),
        _ => None,
    }
}

/// A publisher's offer.
pub(super) fn offer(sdp: &str) -> Vec<u8> {
    Writer::default().bytes(1, description("offer", sdp, 1)).done()
}

/// A viewer's answer.
pub(super) fn answer(sdp: &str, id: u64) -> Vec<u8> {
    Writer::default().bytes(2, description("answer", sdp, id)).done()
}

fn description(kind: &str, sdp: &str, id: u64) -> Vec<u8> {
    Writer::default().bytes(1, kind).bytes(2, sdp).number(3, id).done()
}

/// A track that will be offered.
pub(super) fn add_track(track: &Track) -> Vec<u8> {
    // TrackType and TrackSource: video of a camera, audio of a microphone.
    let (kind, source) = if track.kind == MediaKind::Video { (1, 1) } else { (0, 2) };
    let mut asked = Writer::default().bytes(1, &track.id).bytes(2, &track.id).number(3, kind).number(8, source);
    if track.kind == MediaKind::Video {
        asked = asked.number(4, 1280).number(5, 720);
        for layer in layers(&track.rids) {
            asked = asked.bytes(9, layer);
        }
    }
    Writer::default().bytes(4, asked.done()).done()
}

/// Sizes and rates of what is published: LOW, MEDIUM and HIGH. One alone is HIGH.
fn layers(rids: &[String]) -> Vec<Vec<u8>> {
    const SIZES: [(u64, u64, u64); 3] = [(320, 180, 150_000), (640, 360, 500_000), (1280, 720, 2_500_000)];
    let lowest = SIZES.len() - rids.len().clamp(1, SIZES.len());
    let layer = |(index, (width, height, bps)): (usize, &(u64, u64, u64))| {
        let layer = Writer::default().number(1, index as u64).number(2, *width).number(3, *height).number(4, *bps);
        let layer = layer.number(6, (index - lowest) as u64);
        rids.get(index - lowest).map_or(layer.clone(), |rid| layer.bytes(7, rid)).done()
    };
    SIZES.iter().enumerate().skip(lowest).map(layer).collect()
}

/// A sign of life, of which LiveKit wants one every 15 s.
pub(super) fn ping() -> Vec<u8> {
    Writer::default().bytes(16, Writer::default().number(1, 1).done()).done()
}

/// Goodbye.
pub(super) fn leave() -> Vec<u8> {
    // CLIENT_INITIATED.
    Writer::default().bytes(8, Writer::default().number(2, 1).done()).done()
}

/// A track of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Track {
    pub(super) kind: MediaKind,
    /// Of its `a=msid`: what the server knows it by.
    pub(super) id: String,
    /// Of its encodings, the smallest first.
    pub(super) rids: Vec<String>,
}

/// The tracks that an offer of ours sends.
pub(super) fn tracks(offer: &str) -> Vec<Track> {
    let section = |text: &str| {
        let kind = if text.starts_with("video") { MediaKind::Video } else { MediaKind::Audio };
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let id = value("a=msid:")?.split(' ').nth(1)?.to_owned();
        let rids = value("a=simulcast:send ").map(|rids| rids.trim().split(';').map(str::to_owned).collect());
        Some(Track { kind, id, rids: rids.unwrap_or_default() })
    };
    offer.split("\nm=").skip(1).filter_map(section).collect()
}

/// How many tracks a server's offer sends.
pub(super) fn sent_tracks(offer: &str) -> usize {
    let sends = |text: &&str| {
        let media = text.starts_with("audio") || text.starts_with("video");
        media && text.lines().any(|line| matches!(line.trim(), "a=sendonly" | "a=sendrecv"))
    };
    offer.split("\nm=").skip(1).filter(sends).count()
}

/// The candidate of an `RTCIceCandidateInit`. `None` where it says that there are no more.
pub(super) fn candidate(init: &str) -> Option<String> {
    let init: serde_json::Value = serde_json::from_str(init).ok()?;
    init.get("candidate")?.as_str().filter(|candidate| !candidate.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_is_read() {
        let offered = Writer::default().bytes(3, description("offer", "v=0", 7)).done();
        assert_eq!(read(&offered), Some(Said::Offer { sdp: "v=0", id: 7 }));
        let init = r#"{"candidate":"candidate:1 1 udp 2 127.0.0.1 9 typ host","sdpMid":""}"#;
        let trickled = Writer::default().bytes(4, Writer::default().bytes(1, init).number(2, 1).done()).done();
        assert_eq!(read(&trickled), Some(Said::Candidate(init)));
        assert_eq!(candidate(init).as_deref(), Some("candidate:1 1 udp 2 127.0.0.1 9 typ host"));
        assert_eq!(candidate(r#"{"candidate":""}"#), None);
        assert_eq!(read(&[0x0a]), None, "cut off");
    }

    #[test]
    fn tracks_of_an_offer_are_announced_by_their_msid() {
        let offer = "v=0\r\nm=audio 9 X 111\r\na=msid:stream track0\r\na=sendonly\r\nm=video 9 X 96\r\na=msid:stream track1\r\na=simulcast:send q;h;f\r\na=sendonly\r\n";
        let tracks = tracks(offer);
        let ids: Vec<_> = tracks.iter().map(|track| (track.kind, track.id.as_str(), track.rids.len())).collect();
        assert_eq!(ids, [(MediaKind::Audio, "track0", 0), (MediaKind::Video, "track1", 3)]);
        assert_eq!(sent_tracks(offer), 2);
        assert_eq!((layers(&tracks[1].rids).len(), layers(&[]).len()), (3, 1));
        assert_eq!(Fields::of(&layers(&[])[0]).number(1), 2, "one alone is HIGH");
    }
}
