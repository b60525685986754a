//! A client's RTCP, and what else can be asked of it.

use super::send::{SendTrack, Shared};
use super::{Client, ClientState, PlaceStats, REPORT_INTERVAL, Route, SendStats};
use colloquy_codecs::rtcp::{self, ReportBlock, RtcpPacket};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What the epoch of a run is in NTP time, in seconds since 1900: any will do, as only differences count.
const EPOCH_NTP_S: u64 = 3_900_000_000;

fn ntp(since_epoch: Duration) -> u64 {
    let fraction = (u64::from(since_epoch.subsec_nanos()) << 32) / 1_000_000_000;
    (EPOCH_NTP_S + since_epoch.as_secs()) << 32 | fraction
}

impl Client {
    pub(super) fn handle_rtcp(&mut self, now: Instant, bytes: &mut [u8]) {
        let Some(srtp) = &mut self.srtp else { return };
        let Ok(end) = srtp.open_rtcp(bytes) else {
            self.unopened += 1;
            return;
        };
        for packet in rtcp::packets(bytes.get(..end).unwrap_or_default()).map_while(Result::ok) {
            match packet {
                RtcpPacket::SenderReport(report) => {
                    if let Some(place) = self.places.iter_mut().find(|place| place.ssrc == Some(report.ssrc)) {
                        place.note_sender_report(report.ntp, now);
                    }
                }
                RtcpPacket::PictureLoss { media_ssrc, .. } => self.ask_key_frame(media_ssrc),
                RtcpPacket::FullIntra(request) => {
                    for (ssrc, _) in request.entries() {
                        self.ask_key_frame(ssrc);
                    }
                }
                RtcpPacket::Nack(nack) => {
                    let Self { tracks, out, transport_sequence, config, .. } = self;
                    let mut shared = Shared {
                        out,
                        transport_sequence,
                        source: config.source,
                        epoch: config.epoch,
                        stamps_due: config.stamps_due,
                    };
                    if let Some(track) = tracks.iter_mut().find(|track| track.ssrc == nack.media_ssrc) {
                        nack.sequences().for_each(|sequence| track.retransmit(sequence, &mut shared));
                    }
                }
                _ => {}
            }
        }
    }

    fn ask_key_frame(&mut self, ssrc: u32) {
        if let Some(track) = self.tracks.iter_mut().find(|track| track.ssrc == ssrc) {
            track.ask_key_frame();
        }
    }

    /// NACKs that are due, and every second the reports.
    pub(super) fn send_feedback(&mut self, now: Instant) {
        let own_ssrc = self.tracks.first().map_or(self.own_ssrc, |track| track.ssrc);
        let Self { arrivals, out, .. } = self;
        arrivals.report(now, own_ssrc, |report| {
            let mut packet = out.buffer();
            packet.extend_from_slice(report);
            out.send_rtcp(packet);
        });
        let mut packet = self.out.buffer();
        for place in &mut self.places {
            if place.next_deadline().is_some_and(|at| at <= now) {
                let gave_up = place.write_nacks(now, own_ssrc, &mut packet);
                if gave_up && let Some(ssrc) = place.ssrc {
                    rtcp::write_pli(&mut packet, own_ssrc, ssrc);
                }
            }
        }
        if self.report_at.is_some_and(|at| at <= now) {
            self.report_at = Some(now + REPORT_INTERVAL);
            self.write_reports(now, own_ssrc, &mut packet);
        }
        if packet.is_empty() {
            self.out.recycle(packet);
        } else {
            self.out.send_rtcp(packet);
        }
    }

    fn write_reports(&mut self, now: Instant, own_ssrc: u32, packet: &mut Vec<u8>) {
        let mut blocks: Vec<ReportBlock> = self.places.iter_mut().filter_map(|place| place.report(now)).collect();
        let ntp = ntp(now.saturating_duration_since(self.config.epoch));
        for track in &self.tracks {
            if let Some((timestamp, packets, octets)) = track.report(now) {
                rtcp::write_sender_report(packet, track.ssrc, ntp, timestamp, packets, octets, &blocks);
                blocks.clear();
            }
        }
        if !blocks.is_empty() {
            for chunk in blocks.chunks(rtcp::MAX_REPORTS) {
                rtcp::write_receiver_report(packet, own_ssrc, chunk);
            }
        }
        if !packet.is_empty() {
            rtcp::write_sdes_cname(packet, own_ssrc, "client");
        }
    }

    /// Asks for a key frame in a place.
    pub fn ask_for_key_frame(&mut self, mid: &str) {
        if let Some(ssrc) = self.places.iter().find(|place| place.mid == mid).and_then(|place| place.ssrc) {
            let mut packet = self.out.buffer();
            rtcp::write_pli(&mut packet, self.own_ssrc, ssrc);
            self.out.send_rtcp(packet);
        }
    }

    /// Sends nothing on a track, or sends again: as a client that obeys. The server's own mute is another thing.
    pub fn set_muted(&mut self, mid: &str, muted: bool) {
        if let Some(track) = self.tracks.iter_mut().find(|track| track.mid == mid) {
            track.muted = muted;
        }
    }

    /// How loud a track says it is, in -dBov: 0 is the loudest, 127 silence (RFC 6464).
    pub fn set_level(&mut self, mid: &str, level_dbov: u8) {
        if let Some(track) = self.tracks.iter_mut().find(|track| track.mid == mid) {
            track.level_dbov = level_dbov.min(127);
        }
    }

    /// Where it is.
    #[must_use]
    pub fn state(&self) -> ClientState {
        self.state
    }

    /// When its handshake was done.
    #[must_use]
    pub fn connected_at(&self) -> Option<Instant> {
        self.connected_at
    }

    /// When anything came from the server last.
    #[must_use]
    pub fn last_seen(&self) -> Option<Instant> {
        self.last_seen
    }

    /// Whether ICE has a pair that works.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.ice.is_connected()
    }

    /// Where its media goes.
    #[must_use]
    pub fn route(&self) -> Option<Route> {
        self.ice.route()
    }

    /// Its address.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.config.local
    }

    /// The SRTP profile in use, by its IANA name.
    #[must_use]
    pub fn srtp_profile(&self) -> Option<&'static str> {
        self.profile.map(|profile| profile.name())
    }

    /// The DTLS version in use.
    #[must_use]
    pub fn dtls_version(&self) -> Option<&'static str> {
        self.association.as_ref()?.version()
    }

    /// The mids of its receiving places; [`Received::place`](super::Received) counts in this order.
    pub fn place_mids(&self) -> impl Iterator<Item = &str> {
        self.places.iter().map(|place| place.mid.as_str())
    }

    /// What came into a place.
    #[must_use]
    pub fn place_stats(&self, mid: &str) -> Option<PlaceStats> {
        Some(self.places.iter().find(|place| place.mid == mid)?.stats())
    }

    /// What a track did.
    #[must_use]
    pub fn send_stats(&self, mid: &str) -> Option<SendStats> {
        Some(self.tracks.iter().find(|track| track.mid == mid)?.stats)
    }

    /// Counts packets of frames that are due in this time: see [`SendStats::in_window`].
    pub fn count_within(&mut self, from: Instant, to: Instant) {
        self.tracks.iter_mut().for_each(|track| track.count_within(from, to));
    }

    /// When the next frame of any track is due.
    #[must_use]
    pub fn next_frame_due(&self) -> Option<Instant> {
        self.tracks.iter().filter_map(SendTrack::next_deadline).min()
    }

    /// What all of its tracks did, the encodings of one apart: mid, and the counts.
    pub fn all_send_stats(&self) -> impl Iterator<Item = (&str, SendStats)> {
        self.tracks.iter().map(|track| (track.mid.as_str(), track.stats))
    }

    /// The SSRC of a track.
    #[must_use]
    pub fn track_ssrc(&self, mid: &str) -> Option<u32> {
        Some(self.tracks.iter().find(|track| track.mid == mid)?.ssrc)
    }

    /// Packets that were not opened: replayed, or not authentic.
    #[must_use]
    pub fn unopened(&self) -> u64 {
        self.unopened
    }

    /// Packets that belong to no place, or for which the caller had no room.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether it is connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.state == ClientState::Connected
    }
}
