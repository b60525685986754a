//! What each receiver is to get: his places, what their sources offer, and what his path carries.

use super::Engine;
use super::outflow::Departure;
use super::turns::next_turn;
use crate::allocate::{Candidate, Class, Plan, Prefer, Wish, last_n};
use crate::api::{
    DownlinkStats, DropCause, Event, Layer, MediaKind, PauseCause, PixelSize, Shown, Source, TransportState,
};
use crate::bandwidth::Urgency;
use crate::forward::{Aim, Consumer, Producer};
use crate::keys::{ConsumerKey, PeerKey, ProducerKey};
use crate::wire::Outbox;
use std::time::{Duration, Instant};

/// How often a receiver's bandwidth is shared anew while nothing happens.
pub(super) const INTERVAL: Duration = Duration::from_millis(100);
/// The same where next to nothing is sent and nothing can come of it.
const REST_INTERVAL: Duration = Duration::from_millis(1_000);
/// The same where no source sends anything.
const SILENT_INTERVAL: Duration = Duration::from_millis(5_000);
/// The same of a receiver who has all that there is, with room above it: what takes some of that from him is noticed by itself.
const CALM_INTERVAL: Duration = Duration::from_millis(500);
/// After packets had to be dropped, it is shared anew this soon.
const OVERFLOW_PAUSE: Duration = Duration::from_millis(5);
/// Datagrams of filler in one go.
const MAX_FILLER: usize = 16;
/// Filler of at least so many bytes is a packet that was sent before; less is padding.
const LEAST_REPEATED: usize = 600;
/// Of what a packet of audio costs, what it costs to repeat it in another.
const REPEATED_PCT: u64 = 65;
/// The lowest quality is given up when it costs more than so many times the target.
const IN_REACH: u64 = 2;
/// The same where a screen is shown: beyond the target it only comes late, as nothing of it leaves faster, while one that was given up begins
/// with a key frame, which is worth seconds of it.
const SCREEN_IN_REACH: u64 = 6;
/// The allocator wants some room above what it gives.
const LEAST_HEADROOM_PCT: u64 = 120;
/// Payload of the filler that only asks for a report.
const GREETING_BYTES: usize = 100;
/// A receiver who is sent less has next to nothing to report.
pub(super) const GREETING_BPS: u64 = 20_000;
/// What is asked of a source of which nothing was measured yet: all of its first encoding.
pub(super) const EVERYTHING: Layer = Layer { encoding: 0, spatial: 7, temporal: 7 };

/// What one place could be given, gathered for the plan.
struct Looked {
    place: ConsumerKey,
    producer: ProducerKey,
    class: Class,
    prefer: Prefer,
    in_view: bool,
}

/// What comes off a target before video is planned.
#[derive(Debug, Clone, Copy)]
struct Share {
    audio_bps: u64,
    /// Repair packets, in percent of the video.
    repairs_pct: u64,
}

impl Share {
    /// Without repair packets, where they would not leave `least_bps` of the target.
    fn if_it_leaves(self, least_bps: u64, target_bps: u64) -> Self {
        if self.without_repairs(target_bps) >= least_bps { self } else { Self { repairs_pct: 0, ..self } }
    }

    /// What is left of a rate when repair packets are taken off its video.
    fn without_repairs(self, bps: u64) -> u64 {
        let video_bps = bps.saturating_sub(self.audio_bps);
        // Divided first: what is unlimited is near the end of the range.
        bps - video_bps / (100 + self.repairs_pct) * self.repairs_pct
    }

    /// The other way round.
    fn with_repairs(self, bps: u64) -> u64 {
        bps.saturating_add(bps.saturating_sub(self.audio_bps).saturating_mul(self.repairs_pct) / 100)
    }
}

/// What is shared: the target, but for the lowest quality of what comes first, which is not given up while it is in reach. Without it
/// there would be nothing to see, and nothing to learn of the path from; that a queue drains for a moment does not darken it.
fn budget(least: u64, target: u64, reach: u64, has_screen: bool) -> u64 {
    let in_reach = if has_screen { SCREEN_IN_REACH } else { IN_REACH };
    if target < least && reach.saturating_mul(in_reach) >= least { least } else { target }
}

impl Engine {
    /// Decides anew what a participant gets, at the next occasion.
    pub(super) fn look_again(&mut self, now: Instant, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(key) {
            peer.timers.allocate_at = Some(now);
            self.arm(key);
        }
    }

    /// Decides what a participant gets.
    pub(super) fn allocate(&mut self, now: Instant, key: PeerKey, out: &mut Outbox) {
        let again = self.send_stills(now, key, out);
        self.share_out(now, key, out);
        if let (Some(again), Some(peer)) = (again, self.peers.get_mut(key)) {
            peer.timers.allocate_at = Some(peer.timers.allocate_at.map_or(again, |at| at.min(again)));
        }
    }

    fn share_out(&mut self, now: Instant, key: PeerKey, out: &mut Outbox) {
        let looked = self.places_of(now, key);
        for look in &looked {
            self.refresh_ladder(now, look.producer);
        }
        let Some(peer) = self.peers.get_mut(key) else { return };
        if looked.is_empty() || peer.transport.as_ref().is_none_or(|t| t.state() != TransportState::Connected) {
            peer.timers.allocate_at = None;
            peer.outflow.wants_nothing();
            peer.outflow.has_screen = false;
            return;
        }
        peer.timers.allocate_at = Some(next_turn(self.started, now, INTERVAL, key));
        let most = peer.downlink.most_bps().unwrap_or(u64::MAX);
        let (target, reach) = (peer.outflow.target_bps().min(most), peer.outflow.drained_bps().min(most));
        let audio = self.audio_bps(now, key);
        let least = self.least(&looked, audio);
        let due = self.couple(now, key, target);
        let share = Share { audio_bps: audio, repairs_pct: self.repairs_pct(&looked) };
        let share = share.if_it_leaves(least, due.budget_bps);
        let is_screen = |look: &Looked| look.prefer == Prefer::Sharpness && look.in_view && !self.is_hidden(look.place);
        let has_screen = looked.iter().any(is_screen);
        self.peers.get_mut(key).into_iter().for_each(|peer| peer.outflow.has_screen = has_screen);
        let plan = self.plan(now, key, &looked, budget(least, due.budget_bps, reach, has_screen), share, due.owed_bps);
        self.grant_repairs(&looked, target, share);
        for (look, given) in looked.iter().zip(&plan.allocations) {
            let layer = if look.in_view { given.layer } else { None };
            self.give(now, key, look, layer, given.bps, given.short_of);
        }
        self.greet(now, key, out);
        let (interval, is_calm) = match self.rest(now, key, &looked) {
            Some(rest) => (rest, false),
            None if self.is_calm(now, key, &looked) => (CALM_INTERVAL, true),
            None => (INTERVAL, false),
        };
        if let Some(peer) = self.peers.get_mut(key) {
            peer.timers.is_calm = is_calm;
            peer.timers.allocate_at = Some(next_turn(self.started, now, interval, key));
        }
        self.pace(now, key, out);
    }

    /// Whether somebody has all that there is to be had, of sources that have one size each, and more room than that takes: nothing
    /// changes for him before feedback tells of less, or a source of more, either of which has it looked at again.
    fn is_calm(&self, now: Instant, key: PeerKey, looked: &[Looked]) -> bool {
        let Some(peer) = self.peers.get(key) else { return false };
        let outflow = &peer.outflow;
        let has_all = outflow.needed_bps == 0 && outflow.pacer.stats().held_packets == 0;
        if !outflow.has_room() || !has_all || outflow.is_unheard(now) || peer.downlink.last_n.is_some() {
            return false;
        }
        looked.iter().all(|look| {
            let has_come = self.consumers.get(look.place).is_some_and(|c| c.selector.awaits_keyframe().is_none());
            has_come && self.producers.get(look.producer).is_some_and(Producer::has_one_size)
        })
    }

    /// How long nothing comes of looking again: next to nothing is sent, nothing more is wanted, and no place waits for a picture
    /// that could come. More that is sent or told of, a key frame and a wish end the rest.
    fn rest(&mut self, now: Instant, key: PeerKey, looked: &[Looked]) -> Option<Duration> {
        let outflow = &mut self.peers.get_mut(key)?.outflow;
        let is_quiet = outflow.sent_bps(now) < GREETING_BPS && outflow.pacer.stats().held_packets == 0;
        if !is_quiet || outflow.needed_bps > 0 || outflow.is_unheard(now) {
            return None;
        }
        let is_silent =
            |look: &Looked| self.producers.get(look.producer).is_none_or(|producer| producer.is_silent(now));
        if looked.iter().all(is_silent) {
            return Some(SILENT_INTERVAL);
        }
        let waits = |look: &Looked| {
            let place = self.consumers.get(look.place);
            place.is_some_and(|c| c.selector.awaits_keyframe().is_some()) && !is_silent(look)
        };
        (!looked.iter().any(waits)).then_some(REST_INTERVAL)
    }

    /// A participant's places for video that are pointed at something.
    fn places_of(&mut self, now: Instant, key: PeerKey) -> Vec<Looked> {
        let Some(peer) = self.peers.get(key) else { return Vec::new() };
        let dominant = self.rooms.get(peer.room).and_then(|room| room.dominant_for(peer.id));
        let (mut looked, mut candidates) = (Vec::new(), Vec::new());
        for (place, consumer) in peer.consumers().filter_map(|c| Some((c, self.consumers.get(c)?))) {
            let Some((producer_key, track)) = consumer.source.filter(|_| consumer.kind == MediaKind::Video) else {
                continue;
            };
            let Some(producer) = self.producers.get(producer_key) else { continue };
            let is_screen = producer.info.source == Source::Screen;
            let is_dominant = dominant == Some(producer.info.peer);
            let class = match () {
                () if consumer.preference.pinned => Class::Pinned,
                () if is_screen => Class::Screen,
                () if is_dominant => Class::Speaker,
                () => Class::Face,
            };
            candidates.push(Candidate {
                key: place,
                pinned: consumer.preference.pinned,
                is_screen,
                dominant: is_dominant,
                weight: consumer.preference.weight,
                last_spoke: self.last_spoke(producer),
                joined: track.0,
                in_view: consumer.in_view,
            });
            let prefer = if is_screen { Prefer::Sharpness } else { Prefer::Motion };
            looked.push(Looked { place, producer: producer_key, class, prefer, in_view: true });
        }
        if let Some(n) = peer.downlink.last_n {
            let mut in_view = Vec::new();
            last_n(now, &candidates, usize::from(n), &mut in_view);
            looked.iter_mut().for_each(|look| look.in_view = in_view.contains(&look.place));
        }
        if peer.downlink.device.only_hears() {
            looked.iter_mut().for_each(|look| look.in_view = false);
        }
        for look in &looked {
            self.consumers.get_mut(look.place).into_iter().for_each(|c| c.in_view = look.in_view);
        }
        looked
    }

    /// When a track's publisher was last heard to speak.
    fn last_spoke(&self, producer: &Producer) -> Option<Instant> {
        let owner = self.peers.get(producer.owner)?;
        owner.producers().filter_map(|p| self.producers.get(p)?.meter.last_loud()).max()
    }

    fn refresh_ladder(&mut self, now: Instant, key: ProducerKey) {
        if let Some(producer) = self.producers.get_mut(key) {
            producer.refresh_ladder(now);
        }
    }

    /// What a participant's audio costs, in bits a second.
    fn audio_bps(&mut self, now: Instant, key: PeerKey) -> u64 {
        let Some(peer) = self.peers.get(key) else { return 0 };
        let places: Vec<_> = peer.consumers().collect();
        let is_fed = |place: &ConsumerKey| self.consumers.get(*place).is_some_and(|c| c.mix_clock().is_some());
        let is_mixed = peer.audio.is_mixed() || places.iter().any(is_fed);
        let mut sum = if is_mixed { u64::from(self.config.limits.mix.bitrate_bps) } else { 0 };
        for place in places {
            let Some(consumer) = self.consumers.get(place).filter(|c| c.kind == MediaKind::Audio) else { continue };
            let (repeated, copied) = (consumer.redundancy() as u64, consumer.copies() as u64);
            let Some(producer) = consumer.source.and_then(|(p, _)| self.producers.get_mut(p)) else { continue };
            sum += producer.audio_bps(now) * (100 + REPEATED_PCT * repeated + 100 * copied) / 100;
        }
        sum
    }

    /// What the lowest quality of what comes first takes.
    fn least(&self, looked: &[Looked], audio: u64) -> u64 {
        let first =
            looked.iter().filter(|look| look.in_view && !self.is_hidden(look.place)).min_by_key(|look| look.class);
        let lowest = first.and_then(|look| self.producers.get(look.producer)?.ladder.rungs().first());
        lowest.map_or(0, |rung| (audio + rung.bps) * LEAST_HEADROOM_PCT / 100)
    }

    /// Repair packets that would help a participant, in percent of his video.
    fn repairs_pct(&self, looked: &[Looked]) -> u64 {
        let places = looked.iter().filter(|look| look.in_view).filter_map(|look| self.consumers.get(look.place));
        let wanted = places.map(Consumer::wanted_protection_pct).max().unwrap_or(0);
        u64::from(wanted.min(u32::from(self.config.limits.fec_max_pct)))
    }

    /// Lets each place have the repair packets that it wants, if the target has room for them beside what was planned.
    fn grant_repairs(&mut self, looked: &[Looked], target: u64, share: Share) {
        let owner = looked.first().and_then(|look| self.consumers.get(look.place)).map(|c| c.owner);
        let planned_bps = owner.and_then(|owner| self.peers.get(owner)).map_or(0, |p| p.outflow.allocated_bps);
        let most = if planned_bps <= target { share.repairs_pct } else { 0 };
        for look in looked {
            let Some(consumer) = self.consumers.get_mut(look.place) else { continue };
            let wanted = consumer.wanted_protection_pct().min(u32::try_from(most).unwrap_or(0));
            consumer.protection.iter_mut().for_each(|protection| protection.grant(wanted));
        }
    }

    fn is_hidden(&self, place: ConsumerKey) -> bool {
        self.consumers.get(place).is_some_and(|c| c.preference.size.is_some_and(PixelSize::is_hidden))
    }

    fn plan(
        &mut self,
        now: Instant,
        key: PeerKey,
        looked: &[Looked],
        target: u64,
        share: Share,
        owed_bps: u64,
    ) -> Plan<ConsumerKey> {
        let wishes: Vec<_> = looked
            .iter()
            .filter_map(|look| {
                let (consumer, producer) = (self.consumers.get(look.place)?, self.producers.get(look.producer)?);
                let size = consumer.wanted_size().map(|s| (s.width, s.height));
                Some(Wish {
                    key: look.place,
                    class: look.class,
                    weight: consumer.preference.weight,
                    prefer: look.prefer,
                    shown: if look.in_view { size } else { Some((0, 0)) },
                    ladder: producer.ladder.rungs(),
                    current: consumer.selector.target(),
                })
            })
            .collect();
        let Some(peer) = self.peers.get_mut(key) else { return Plan::default() };
        let plan = peer.outflow.allocator.plan(now, share.without_repairs(target), share.audio_bps, &wishes).clone();
        peer.outflow.allocated_bps = share.with_repairs(plan.allocated_bps);
        let most_bps = peer.downlink.most_bps().unwrap_or(u64::MAX);
        peer.outflow.needed_bps = share.with_repairs(plan.needed_bps).min(most_bps);
        peer.outflow.wanted_bps = share.with_repairs(plan.wanted_bps).min(most_bps);
        let with_owed = |bps: u64| if bps > 0 { bps.saturating_add(owed_bps) } else { 0 };
        let (needed_bps, wanted_bps) = (with_owed(peer.outflow.needed_bps), with_owed(peer.outflow.wanted_bps));
        peer.outflow.bandwidth.set_demand(peer.outflow.allocated_bps, needed_bps, wanted_bps);
        plan
    }

    /// Points a place's selector at what the plan gives it, asks for the key frame that it takes, and tells what changed.
    fn give(&mut self, now: Instant, key: PeerKey, look: &Looked, layer: Option<Layer>, bps: u64, short_of: bool) {
        let is_plain = self.peers.get(key).and_then(|peer| peer.transport.as_ref()?.plain()).is_some();
        let Some(producer) = self.producers.get_mut(look.producer) else { return };
        let Some(consumer) = self.consumers.get_mut(look.place) else { return };
        // Encoders, recorders and muxers take one size: of a canvas, which has all of its own making, whoever says nothing of his path has
        // the largest from the first picture on, and never another.
        let largest = u8::try_from(producer.encodings.len().saturating_sub(1)).unwrap_or(0);
        let fixed = (is_plain && producer.is_canvas).then_some(Layer { encoding: largest, ..EVERYTHING });
        let layer = layer.map(|layer| fixed.unwrap_or(layer));
        let is_hidden = consumer.preference.size.is_some_and(PixelSize::is_hidden);
        let unmeasured = producer.ladder.rungs().is_empty() && !is_hidden && look.in_view;
        let layer =
            layer.or((unmeasured && consumer.selector.target().is_none()).then_some(fixed.unwrap_or(EVERYTHING)));
        consumer.aim(&Aim { layer, bps, is_urgent: short_of });
        if let Some(encoding) = consumer.selector.target().map(|t| t.encoding)
            && producer.want(now, encoding)
        {
            self.tell_encodings(look.producer);
        }
        let waits = self.peers.get(key).map_or(Duration::ZERO, |peer| peer.outflow.pacer.wait_of_all());
        let needed = self.consumers.get_mut(look.place).and_then(|c| c.needs_keyframe(waits));
        if let Some(encoding) = needed {
            self.want_keyframe(now, look.producer, encoding);
        }
        let cause = match () {
            () if is_hidden => PauseCause::Hidden,
            () if !look.in_view => PauseCause::LastN,
            () => PauseCause::Bandwidth,
        };
        self.tell_shown(key, look, cause);
    }

    fn tell_shown(&mut self, key: PeerKey, look: &Looked, cause: PauseCause) {
        let (Some(producer), Some(consumer)) = (self.producers.get(look.producer), self.consumers.get_mut(look.place))
        else {
            return;
        };
        let shown = match (consumer.selector.target(), consumer.selector.current()) {
            (None, _) => Shown::Paused(cause),
            (Some(_), Some(current)) => Shown::Layer(current, producer.size_of(current)),
            // What comes next is not there yet.
            (Some(_), None) => return,
        };
        if consumer.told.replace(shown) == Some(shown) {
            return;
        }
        let Some(peer) = self.peers.get(key) else { return };
        if let Some(room) = self.rooms.get(peer.room) {
            let (mid, track) = (consumer.mid.clone(), producer.info.id);
            self.events.push_back(Event::Shown { room: room.id, peer: peer.id, mid, track, shown });
        }
    }

    /// Tells a track's publisher which of its encodings are of use.
    pub(super) fn tell_encodings(&mut self, key: ProducerKey) {
        let Some(producer) = self.producers.get(key) else { return };
        if producer.is_canvas {
            let room = producer.room;
            return self.compose_changed(room);
        }
        if self.is_guest(producer.owner) {
            return self.tell_use(key);
        }
        if let Some(room) = self.rooms.get(producer.room) {
            let (peer, track) = (producer.info.peer, producer.info.id);
            self.events.push_back(Event::Encodings {
                room: room.id,
                peer,
                track,
                encodings: producer.encodings_in_use(),
            });
        }
    }

    /// Has publishers pause what nobody has watched for a while.
    pub(super) fn pause_unwatched(&mut self, now: Instant, key: PeerKey) {
        let producers: Vec<_> = self.peers.get(key).into_iter().flat_map(|p| p.producers()).collect();
        for key in producers {
            // Of a guest's that nobody looks at here nothing comes, and nothing is known.
            let is_idle = |p: &Producer| p.consumers.is_empty() && p.eye.is_none() && self.is_guest(p.owner);
            let Some(producer) = self.producers.get(key).filter(|p| p.encodings.len() > 1 && !is_idle(p)) else {
                continue;
            };
            let places = producer.consumers.iter().filter_map(|c| self.consumers.get(*c));
            let here = places.flat_map(Consumer::encodings_in_use);
            let drawn = producer.eye.iter().flat_map(|eye| eye.encodings_in_use());
            let in_use: Vec<u8> = here.chain(drawn).chain(self.used_elsewhere(key)).collect();
            let Some(producer) = self.producers.get_mut(key) else { continue };
            producer.refresh_ladder(now);
            if producer.pause_unwatched(now, &in_use) {
                self.tell_encodings(key);
            }
        }
    }

    /// Sends a little that a receiver can report on, while he is sent next to nothing: before he reported at all, as what he is to be
    /// shown may be too much for what is assumed of his path; and when his path is thought too bad for anything, which it may have been.
    fn greet(&mut self, now: Instant, key: PeerKey, out: &mut Outbox) {
        let Some(outflow) = self.peers.get_mut(key).map(|p| &mut p.outflow) else { return };
        let wants = outflow.is_unheard(now) || (outflow.needed_bps > 0 && outflow.gives_feedback());
        // What waits will do as well, and its numbers come before those of filler.
        let waits = outflow.pacer.stats().held_packets > 0;
        if wants && !waits && outflow.sent_bps(now) < GREETING_BPS {
            for _ in 0..2 {
                self.send_filler(now, key, GREETING_BYTES, out);
            }
        }
    }

    /// Sends what waited, and what probes want, and sees to the next time.
    pub(super) fn pace(&mut self, now: Instant, key: PeerKey, out: &mut Outbox) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.outflow.tick(now);
        if peer.outflow.pacer.take_overflow() && peer.timers.allocate_at.is_some() {
            peer.timers.allocate_at = Some(now + OVERFLOW_PAUSE);
        }
        // What waits is paced, and nothing is towards those who give no feedback: by plain RTP.
        if let Some(egress) = peer.transport.as_mut().and_then(|t| t.egress(MediaKind::Video)) {
            let path = egress.0;
            peer.outflow.release(now, key.flow(), egress, out);
            peer.outflow.echo(now, key.flow(), path, out);
        } else {
            peer.outflow.forget_held();
        }
        self.totals.drops[DropCause::PacerFull as usize] += peer.outflow.take_dropped(now);
        for _ in 0..MAX_FILLER {
            let Some(bytes) = self.peers.get_mut(key).and_then(|p| p.outflow.filler_due(now)) else { break };
            if !self.send_filler(now, key, bytes, out) {
                break;
            }
        }
        if let Some(peer) = self.peers.get_mut(key) {
            // A probe for which there is no filler ends by itself; it must not be asked after without end.
            let soonest = now + Duration::from_millis(1);
            peer.timers.pace_at = peer.outflow.next_deadline().map(|at| at.max(soonest));
            self.arm(key);
        }
    }

    /// Sends up to `bytes` that say nothing new: a packet once more as a retransmission, or padding. `false` when there is no place
    /// to send it in.
    fn send_filler(&mut self, now: Instant, key: PeerKey, bytes: usize, out: &mut Outbox) -> bool {
        let Some(peer) = self.peers.get_mut(key) else { return false };
        let places: Vec<_> = peer.consumers().collect();
        let Some((path, sender)) = peer.transport.as_mut().and_then(|t| t.egress(MediaKind::Video)) else {
            return false;
        };
        let repairs = |c: &ConsumerKey| self.consumers.get(*c).is_some_and(Consumer::repairs);
        let Some(place) = places.into_iter().find(repairs) else { return false };
        let Some(consumer) = self.consumers.get_mut(place) else { return false };
        let rings = consumer.source.and_then(|(p, _)| self.producers.get(p)).filter(|p| !p.info.mute.is_muted());
        // A large packet among small ones would be most of what a slow probe measures.
        let newest = consumer.newest().filter(|_| bytes >= LEAST_REPEATED).and_then(|(index, out_index, run)| {
            let ring = rings?.encodings.get(usize::from(run.encoding))?.ring.as_ref()?;
            Some((ring.get(index)?, out_index, run))
        });
        let payload_len = newest.map_or(bytes.min(255), |(kept, ..)| kept.payload().len());
        let departure =
            Departure { now, flow: key.flow(), path, sender, urgency: Urgency::Soon, payload_len, copies: 0 };
        peer.outflow.send_filler(departure, out, |stamp, buffer| match newest {
            Some((kept, out_index, run)) => consumer.write_rtx((out_index, &run), kept, stamp, buffer),
            None => consumer.write_padding(payload_len as u8, stamp, buffer),
        })
    }

    /// How much a participant is sent.
    pub(super) fn downlink_stats(&mut self, now: Instant, key: PeerKey) -> Option<DownlinkStats> {
        let outflow = &mut self.peers.get_mut(key)?.outflow;
        let sent_bps = outflow.sent_bps(now);
        let (bandwidth, pacer) = (outflow.bandwidth.stats(), outflow.pacer.stats());
        (sent_bps > 0 || bandwidth.acknowledged_bps > 0).then_some(DownlinkStats {
            target_bps: outflow.target_bps(),
            sent_bps,
            acknowledged_bps: bandwidth.acknowledged_bps,
            allocated_bps: outflow.allocated_bps,
            needed_bps: outflow.needed_bps,
            queued_bytes: pacer.held_bytes as u64,
        })
    }
}
