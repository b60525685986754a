//! What is counted of one participation, and what is told of it.

use crate::client::{Client, Received, SendStats, Stamp};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Requests for key frames that are remembered to find the densest half second; those before are counted.
const REMEMBERED: usize = 64;
/// Half a second, less what two requests may come closer together than they were sent.
const HALF_A_SECOND: Duration = Duration::from_millis(495);

/// What came of one track into one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) place: usize,
    pub(crate) source: u64,
    pub(crate) track: u8,
    /// The first counter that came at all, and the highest.
    pub(crate) first: u32,
    pub(crate) highest: u32,
    /// Packets of the window, repaired ones included.
    pub(crate) in_window: u64,
    /// Those that came only when asked for again.
    pub(crate) repaired: u64,
    /// Lowest and highest counter of the window.
    pub(crate) window: Option<(u32, u32)>,
}

impl Stream {
    fn new(place: usize, stamp: &Stamp) -> Self {
        Self {
            place,
            source: stamp.source,
            track: stamp.track,
            first: stamp.counter,
            highest: stamp.counter,
            in_window: 0,
            repaired: 0,
            window: None,
        }
    }

    fn take(&mut self, stamp: &Stamp, repeated: bool, in_window: bool) {
        self.highest = self.highest.max(stamp.counter);
        self.first = self.first.min(stamp.counter);
        if in_window {
            self.in_window += 1;
            self.repaired += u64::from(repeated);
            let (low, high) = self.window.unwrap_or((stamp.counter, stamp.counter));
            self.window = Some((low.min(stamp.counter), high.max(stamp.counter)));
        }
    }
}

/// What came into a client.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) streams: Vec<Stream>,
    /// Where the last packet was of.
    last: usize,
    /// First packet of the first key frame of a video; of sound alone, the first packet.
    pub(super) first_media: Option<Instant>,
    pub(super) bytes_in_window: u64,
    pub(super) heard: Heard,
}

/// Bytes of an Opus packet above which it has sound in it. Silence has 1 to 3 with DTX (RFC 6716 section 2.1.9); the AudioBridge of
/// Janus 1.1.2, which does without, makes 59 or 60 of silence and 104 to 128 of the ready recording's tone, more of a mix.
const SILENT_BYTES: usize = 75;

/// A mix, in which there are no stamps: packets of the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) packets: u64,
    /// Those that are large enough to have sound in them.
    pub(crate) sounding: u64,
}

impl Inbox {
    /// Takes a packet of a mix.
    pub(super) fn hear(&mut self, packet: &Received, in_window: bool) {
        let sounding = packet.payload_len > SILENT_BYTES;
        if sounding {
            self.first_media.get_or_insert(packet.at);
        }
        self.heard.packets += u64::from(in_window);
        self.heard.sounding += u64::from(in_window && sounding);
    }

    /// Takes a packet; `opens` when it is one that a viewer waits for after he joined.
    pub(super) fn take(&mut self, packet: &Received, stamp: &Stamp, in_window: bool, opens: bool) {
        let (place, repeated) = (packet.place, packet.repeated);
        if opens && stamp.key && stamp.first {
            self.first_media.get_or_insert(packet.at);
        }
        let is_it = |s: &Stream| (s.place, s.source, s.track) == (place, stamp.source, stamp.track);
        if !self.streams.get(self.last).is_some_and(is_it) {
            self.last = self.streams.iter().position(is_it).unwrap_or_else(|| {
                self.streams.push(Stream::new(place, stamp));
                self.streams.len() - 1
            });
        }
        if let Some(stream) = self.streams.get_mut(self.last) {
            stream.take(stamp, repeated, in_window);
        }
    }
}

/// Requests for key frames of one track.
#[derive(Debug, Default)]
pub(super) struct Asked {
    seen: u64,
    times: VecDeque<Instant>,
    densest: u64,
}

impl Asked {
    /// Takes how many there were so far.
    pub(super) fn note(&mut self, now: Instant, total: u64) {
        for _ in self.seen..total.min(self.seen + REMEMBERED as u64) {
            self.times.push_back(now);
        }
        self.seen = total;
        while self.times.len() > REMEMBERED || self.times.front().is_some_and(|at| *at + HALF_A_SECOND < now) {
            self.times.pop_front();
        }
        self.densest = self.densest.max(self.times.len() as u64);
    }

    pub(super) fn densest(&self) -> u64 {
        self.densest
    }
}

/// One client's figures.
#[derive(Debug, Clone)]
pub(crate) struct SeatReport {
    /// The participation it is of.
    pub(crate) part: u32,
    pub(crate) connected: Option<Instant>,
    pub(crate) first_media: Option<Instant>,
    pub(crate) left: Option<Instant>,
    /// By mid, as a number, encodings of one apart.
    pub(crate) sent: Vec<(u8, SendStats)>,
    pub(crate) streams: Vec<Stream>,
    pub(crate) bytes_in_window: u64,
    pub(crate) heard: Heard,
    /// By sequence numbers: packets that came and that did not, in the window.
    pub(crate) by_sequence: (u64, u64),
    /// Of each place that received something, in ms.
    pub(crate) jitter_ms: Vec<f64>,
    /// Most requests for key frames of one track in half a second.
    pub(crate) densest_asked: u64,
}

/// Packets that came into a client's places and packets that are missing, by their numbers.
pub(super) fn by_sequence(client: &Client) -> (u64, u64) {
    let places = client.place_mids().filter_map(|mid| client.place_stats(mid));
    places.fold((0, 0), |(packets, lost), stats| (packets + stats.packets, lost + stats.lost))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Lineage;
    use colloquy_codecs::seq::ExtSeq;

    fn stamp(counter: u32) -> Stamp {
        let lineage = Lineage::default();
        Stamp { source: 1, track: 0, counter, frame: 0, key: false, first: true, lineage, sent: Duration::ZERO }
    }

    fn received(place: usize, repeated: bool, at: Instant) -> Received {
        Received {
            place,
            ssrc: 1,
            payload_type: 96,
            sequence: ExtSeq(0),
            timestamp: 0,
            marker: false,
            payload_len: 0,
            stamp: None,
            told_again: None,
            repeated,
            at,
        }
    }

    #[test]
    fn streams_are_told_apart_and_their_window_counted() {
        let (mut inbox, now) = (Inbox::default(), Instant::now());
        for counter in 3..10 {
            inbox.take(&received(0, counter == 6, now), &stamp(counter), counter >= 5, true);
            inbox.take(
                &received(1, false, now),
                &Stamp { source: 2, key: true, ..stamp(counter) },
                false,
                counter == 4,
            );
        }
        let [one, two] = inbox.streams.as_slice() else { panic!("{:?}", inbox.streams) };
        assert_eq!((one.first, one.highest, one.in_window, one.repaired, one.window), (3, 9, 5, 1, Some((5, 9))));
        assert_eq!((two.source, two.in_window, two.window), (2, 0, None));
        assert_eq!(inbox.first_media, Some(now));
    }

    #[test]
    fn silence_is_not_heard() {
        let (mut inbox, now) = (Inbox::default(), Instant::now());
        for payload_len in [3, 60, 104] {
            inbox.hear(&Received { payload_len, ..received(0, false, now) }, true);
        }
        inbox.hear(&received(0, false, now), false);
        assert_eq!(inbox.heard, Heard { packets: 3, sounding: 1 });
        assert_eq!(inbox.first_media, Some(now));
    }

    #[test]
    fn the_densest_half_second_is_found() {
        let (mut asked, now) = (Asked::default(), Instant::now());
        let at = |ms| now + Duration::from_millis(ms);
        for (ms, total) in [(0, 1), (500, 2), (1000, 3), (2000, 5), (2100, 6), (4000, 7)] {
            asked.note(at(ms), total);
        }
        assert_eq!(asked.densest(), 3);
    }
}
