//! The account: what was sent, what should have come, what came.

use super::cast::Role;
use crate::load::fleet::{Heard, SeatReport, Stream};
use crate::load::result::{Delivery, Joins, KeyFrames, Latencies, Mixed};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// Failures that are told in their words.
const TOLD: usize = 5;

/// One participation, with everything that is known of it.
pub(super) struct Part {
    pub(super) role: Role,
    /// The moment that it was to begin.
    pub(super) asked: Instant,
    /// What is written into its media.
    pub(super) source: u64,
    /// Sources that it is to receive.
    pub(super) whom: Vec<u64>,
    pub(super) signalled: Option<Duration>,
    pub(super) failure: Option<String>,
    pub(super) seats: Vec<SeatReport>,
}

impl Part {
    /// Since when all of its clients are connected.
    fn connected(&self) -> Option<Instant> {
        self.seats.iter().map(|seat| seat.connected).collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    fn left(&self) -> Option<Instant> {
        self.seats.iter().filter_map(|seat| seat.left).min()
    }

    fn streams(&self) -> impl Iterator<Item = &Stream> {
        self.seats.iter().flat_map(|seat| &seat.streams)
    }
}

/// What a server does with packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handling {
    /// Those that go in come out, as many of them as somebody is to have.
    Forwarded,
    /// Others come out, with numbers of their own.
    Repacked,
    /// One stream comes out for each who hears, made of all that went in.
    Mixed,
}

/// What came of a mix: who heard something of it. One who is the only speaker of his room is to hear nothing.
pub(super) fn mixed(parts: &[Part], seconds: f64) -> Mixed {
    let speaks = |part: &Part| part.role.publishes && part.role.speaks;
    let mut speakers: HashMap<u32, usize> = HashMap::new();
    for part in parts.iter().filter(|part| speaks(part)) {
        *speakers.entry(part.role.who.room).or_default() += 1;
    }
    let others = |part: &&Part| speakers.get(&part.role.who.room).copied().unwrap_or(0) > usize::from(speaks(part));
    let (listening, alone): (Vec<&Part>, Vec<&Part>) = parts.iter().partition(others);
    let heard = |of: &[&Part]| of.iter().flat_map(|part| &part.seats).map(|seat| seat.heard).collect::<Vec<Heard>>();
    // Half of a tone's packets may be lost, and one still hears it.
    let hearers = |of: &[Heard]| of.iter().filter(|one| one.sounding * 2 > one.packets).count() as u32;
    let echoed = hearers(&heard(&alone));
    let heard = heard(&listening);
    let sum = |of: fn(&Heard) -> u64| heard.iter().map(of).sum::<u64>() as f64;
    let packets = sum(|heard| heard.packets);
    Mixed {
        participants: u32::try_from(heard.len()).unwrap_or(u32::MAX),
        hearers: hearers(&heard),
        echoed,
        packets_per_s_each: packets / heard.len().max(1) as f64 / seconds,
        sounding_pct: sum(|heard| heard.sounding) * 100.0 / packets.max(1.0),
    }
}

/// Packets of one track of one publisher in the window.
#[derive(Debug, Clone, Copy, Default)]
struct Sent {
    packets: u64,
    bytes: u64,
}

/// What became of the packets that were due from `from` on, before `to`.
pub(super) fn delivery(parts: &[Part], from: Instant, to: Instant, layered: bool, handling: Handling) -> Delivery {
    let sent = sent(parts);
    let by_sequence = layered || handling == Handling::Repacked;
    let mut delivery = Delivery { by_sequence, ..Delivery::default() };
    for sent in sent.values().flat_map(BTreeMap::values) {
        delivery.sent += sent.packets;
        delivery.sent_bytes += sent.bytes;
    }
    for part in parts.iter().filter(|part| handling == Handling::Mixed || part.role.watches()) {
        delivery.received_bytes += part.seats.iter().map(|seat| seat.bytes_in_window).sum::<u64>();
        delivery.repaired += part.streams().map(|stream| stream.repaired).sum::<u64>();
        if handling == Handling::Mixed {
            // What was lost on the way in is in no packet that comes out.
            delivery.received += part.seats.iter().map(|seat| seat.heard.packets).sum::<u64>();
            delivery.expected = delivery.received;
            continue;
        }
        let Some(connected) = part.connected() else { continue };
        if by_sequence {
            for (packets, lost) in part.seats.iter().map(|seat| seat.by_sequence) {
                delivery.received += packets;
                delivery.expected += packets + lost;
            }
            continue;
        }
        let whole = connected <= from && part.left().is_none_or(|left| left >= to);
        for (track, sent) in part.whom.iter().filter_map(|source| Some((source, sent.get(source)?))).flat_map(tracks) {
            let came: Vec<&Stream> = part.streams().filter(|s| (s.source, s.track) == track).collect();
            let received: u64 = came.iter().map(|stream| stream.in_window).sum();
            let span =
                came.iter().filter_map(|stream| stream.window).fold(None, |span: Option<(u32, u32)>, (low, high)| {
                    Some(span.map_or((low, high), |(a, b)| (a.min(low), b.max(high))))
                });
            // Who came or left meanwhile should have what lies between the first and the last that he got.
            let between = span.map_or(0, |(low, high)| u64::from(high - low) + 1);
            delivery.expected += if whole { sent.packets } else { between };
            delivery.received += received;
        }
    }
    delivery.lost = delivery.expected.saturating_sub(delivery.received);
    delivery.loss_pct = delivery.lost as f64 * 100.0 / delivery.expected.max(1) as f64;
    delivery.packets_per_s = delivery.received as f64 / (to - from).as_secs_f64();
    delivery
}

fn tracks<'a>((source, tracks): (&'a u64, &'a BTreeMap<u8, Sent>)) -> impl Iterator<Item = ((u64, u8), Sent)> + 'a {
    tracks.iter().map(move |(track, sent)| ((*source, *track), *sent))
}

fn sent(parts: &[Part]) -> HashMap<u64, BTreeMap<u8, Sent>> {
    let mut all: HashMap<u64, BTreeMap<u8, Sent>> = HashMap::new();
    for part in parts.iter().filter(|part| part.role.publishes) {
        for (track, stats) in part.seats.iter().flat_map(|seat| &seat.sent) {
            let sent = all.entry(part.source).or_default().entry(*track).or_default();
            sent.packets += stats.in_window;
            sent.bytes += stats.bytes_in_window;
        }
    }
    all
}

/// How joining went: of all whose patience is over, or who are in.
pub(super) fn joins(parts: &[Part], patience: Duration, now: Instant) -> Joins {
    let mut joins = Joins::default();
    let (mut signalled, mut connected, mut media) =
        (Latencies::recorder(), Latencies::recorder(), Latencies::recorder());
    let record = |to: &mut hdrhistogram::Histogram<u64>, time: Duration| {
        to.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1));
    };
    let mut seconds: BTreeMap<u64, u32> = BTreeMap::new();
    let first = parts.iter().map(|part| part.asked).min().unwrap_or(now);
    for part in parts {
        let since = part.asked;
        let done = if part.seats.is_empty() { None } else { part.connected() };
        let took = done.map(|at| at.saturating_duration_since(since));
        if took.is_none() && part.failure.is_none() && now < since + patience {
            // Not decided yet: it began shortly before the end, or left before it was in.
            continue;
        }
        if part.left().is_some_and(|left| took.is_none() && part.failure.is_none() && left < since + patience) {
            continue;
        }
        joins.tried += 1;
        *seconds.entry((since - first).as_secs()).or_default() += 1;
        if let Some(time) = part.signalled {
            record(&mut signalled, time);
        }
        let Some(took) = took.filter(|took| *took <= patience && part.failure.is_none()) else {
            joins.failed += 1;
            if joins.failures.len() < TOLD {
                let why = part.failure.clone();
                joins
                    .failures
                    .push(why.unwrap_or_else(|| format!("{} was not connected in time", part.role.who.name())));
            }
            continue;
        };
        record(&mut connected, took);
        let first = part.seats.iter().filter_map(|seat| seat.first_media).min();
        // Who only publishes receives none, and who does both waits for those who come after him.
        if let Some(at) = first.filter(|_| part.role.who.duty.is_none()) {
            record(&mut media, at.saturating_duration_since(since));
        }
    }
    joins.busiest_per_s = seconds.values().copied().max().unwrap_or(0);
    joins.signalled = Latencies::of(&signalled);
    joins.connected = Latencies::of(&connected);
    joins.first_media = Latencies::of(&media);
    joins
}

/// Key frames of the video track so far. Sound has none, though every packet of it counts as one.
pub(super) fn key_frames<'a>(seats: impl Iterator<Item = &'a SeatReport>, video: Option<u8>) -> KeyFrames {
    let mut frames = KeyFrames::default();
    for seat in seats {
        frames.asked_max_in_500_ms = frames.asked_max_in_500_ms.max(seat.densest_asked);
        for (_, stats) in seat.sent.iter().filter(|(track, _)| Some(*track) == video) {
            frames.asked += stats.key_frames_asked;
            frames.sent += stats.key_frames;
        }
    }
    frames
}

/// Median and 95th percentile of all streams' jitter, in ms.
pub(super) fn jitter(parts: &[Part]) -> (f64, f64) {
    let mut all: Vec<f64> =
        parts.iter().flat_map(|part| &part.seats).flat_map(|seat| &seat.jitter_ms).copied().collect();
    all.sort_by(f64::total_cmp);
    let at = |share: f64| all.get(((all.len() as f64 * share) as usize).min(all.len().saturating_sub(1))).copied();
    (at(0.5).unwrap_or(0.0), at(0.95).unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::SendStats;
    use crate::load::system::Participant;

    fn part(asked: Instant, publishes: bool, source: u64, seat: SeatReport) -> Part {
        let who = Participant { room: 0, number: source, audio: true, video: false, duty: None };
        let role = Role { who, publishes, speaks: true, access: None, also_publishes: false };
        let whom = if publishes { vec![] } else { vec![1] };
        let signalled = Some(Duration::from_millis(1));
        Part { role, asked, source, whom, signalled, failure: None, seats: vec![seat] }
    }

    fn seat(now: Instant, sent: Option<u64>, came: Option<(u64, (u32, u32))>) -> SeatReport {
        let stats = |packets| SendStats { in_window: packets, ..SendStats::default() };
        let stream = |(in_window, (low, high))| Stream {
            place: 0,
            source: 1,
            track: 0,
            first: low,
            highest: high,
            in_window,
            repaired: 0,
            window: Some((low, high)),
        };
        SeatReport {
            part: 0,
            connected: Some(now),
            first_media: Some(now + Duration::from_millis(3)),
            left: None,
            sent: sent.map(|packets| (0, stats(packets))).into_iter().collect(),
            streams: came.map(stream).into_iter().collect(),
            bytes_in_window: 0,
            heard: Heard::default(),
            by_sequence: (0, 0),
            jitter_ms: vec![],
            densest_asked: 0,
        }
    }

    #[test]
    fn losses_at_the_end_count_for_those_who_were_there_all_the_time() {
        let now = Instant::now();
        let (from, to) = (now + Duration::from_secs(1), now + Duration::from_secs(2));
        let late =
            SeatReport { connected: Some(from + Duration::from_millis(5)), ..seat(now, None, Some((10, (50, 60)))) };
        let parts = [
            part(now, true, 1, seat(now, Some(100), None)),
            part(now, false, 2, seat(now, None, Some((90, (0, 89))))),
            part(now, false, 3, seat(now, None, None)),
            part(now, false, 4, late),
        ];
        let delivery = delivery(&parts, from, to, false, Handling::Forwarded);
        // The first lacks ten at the end, the second has nothing of a hundred, the third lacks one between.
        assert_eq!((delivery.sent, delivery.expected, delivery.received, delivery.lost), (100, 211, 100, 111));
    }

    #[test]
    fn of_a_mix_is_told_who_hears_it() {
        let now = Instant::now();
        let hears = |packets, sounding| SeatReport { heard: Heard { packets, sounding }, ..seat(now, Some(50), None) };
        let parts = [
            part(now, true, 1, hears(100, 99)),
            part(now, true, 2, hears(100, 0)),
            part(now, false, 3, hears(100, 60)),
            part(now, false, 4, hears(0, 0)),
        ];
        let mixed = mixed(&parts, 2.0);
        assert_eq!((mixed.participants, mixed.hearers), (4, 2));
        assert!((mixed.packets_per_s_each - 37.5).abs() < 1e-9 && (mixed.sounding_pct - 53.0).abs() < 1e-9);
        let alone = [part(now, true, 1, hears(100, 0)), part(now, false, 2, hears(100, 99))];
        let told = super::mixed(&alone, 2.0);
        assert_eq!((told.participants, told.hearers, told.echoed), (1, 1, 0), "nobody hears himself");
        let alone = [part(now, true, 1, hears(100, 90)), part(now, false, 2, hears(100, 99))];
        assert_eq!(super::mixed(&alone, 2.0).echoed, 1);
        let delivery = delivery(&parts, now, now + Duration::from_secs(2), false, Handling::Mixed);
        assert_eq!((delivery.received, delivery.expected, delivery.lost), (300, 300, 0));
    }

    #[test]
    fn failed_joins_are_told() {
        let now = Instant::now();
        let mut parts = vec![part(now, false, 2, seat(now, None, None)), part(now, false, 3, seat(now, None, None))];
        parts[1].failure = Some("refused".to_owned());
        parts.push(part(now, false, 4, SeatReport { connected: None, ..seat(now, None, None) }));
        let patience = Duration::from_secs(1);
        let early = joins(&parts, patience, now);
        assert_eq!((early.tried, early.failed), (2, 1), "the third may still come");
        let late = joins(&parts, patience, now + Duration::from_secs(2));
        assert_eq!((late.tried, late.failed, late.first_media.count), (3, 2, 1));
        assert!(late.failures[0].contains("refused") && late.failures[1].contains("in time"));
    }
}
