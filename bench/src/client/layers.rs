//! Video in several qualities: publishing it, and what its viewers see.

use super::coder::Coder;
use super::script::{Replay, Script};
use super::send::SendTrack;
use super::{Client, ListenStats, Pace, Section, SectionUse, Seen, Video, WatchStats};
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Client {
    /// Publishes one more video with the next offer: several encodings as simulcast, one as a stream of its own. Gives its
    /// mid.
    pub fn publish_video(&mut self, video: &Video) -> String {
        let mid = self.next_mid();
        let (mut usage, is_simulcast) = (None, video.encodings.len() > 1);
        for (index, encoding) in video.encodings.iter().enumerate() {
            let start = self.start();
            let interval = Duration::from_secs(1) / encoding.frames_per_s(video);
            // Sizes are the coder's.
            let pace = Pace { interval, packets: 1, payload_bytes: 0, large_key_frames: false };
            let mut track = SendTrack::new(mid.clone(), video.codec, pace, start);
            track.coder = Coder::new(video, index, self.config.seed.wrapping_mul(31).wrapping_add(index as u64));
            track.is_simulcast = is_simulcast;
            // As browsers have it: repair packets protect one stream, so there are none of a simulcast.
            let fec_ssrc = if is_simulcast { None } else { self.protect(&mut track) };
            let (ssrc, rtx_ssrc) = (track.ssrc, track.rtx_ssrc);
            usage.get_or_insert(SectionUse::Publish { codec: video.codec, ssrc, rtx_ssrc, fec_ssrc, receives: false });
            self.tracks.push(track);
        }
        if is_simulcast {
            let rids = video.encodings.iter().map(|encoding| encoding.rid.clone()).collect();
            usage = Some(SectionUse::Simulcast { codec: video.codec, rids });
        }
        if let Some(usage) = usage {
            self.sections.push(Section { mid: mid.clone(), kind: video.codec.kind(), usage });
        }
        mid
    }

    /// Sends a track's frames as a recording has them, beginning so far into it, 0 to 1; of several encodings each has its own.
    pub fn replay(&mut self, mid: &str, scripts: &[Arc<Script>], from: f64) {
        let of_mid = self.tracks.iter_mut().filter(|track| track.mid == mid);
        for (track, script) in of_mid.zip(scripts) {
            track.replay = Some(Replay::new(script.clone(), from));
        }
    }

    /// Encodes an encoding, or leaves it, as the server says that it is of use or not. It begins again with a key frame.
    pub fn set_encoding_active(&mut self, mid: &str, rid: &str, active: bool) {
        let of_mid = self.tracks.iter_mut().filter(|track| track.mid == mid);
        for track in of_mid {
            if let Some(coder) = track.coder.as_mut().filter(|coder| coder.encoding.rid == rid) {
                let begins = active && !coder.active;
                coder.active = active;
                if begins {
                    track.ask_key_frame();
                }
            }
        }
    }

    /// What would be seen in a place until now, where the client plays.
    #[must_use]
    pub fn watch_stats(&self, mid: &str, now: Instant) -> Option<WatchStats> {
        Some(self.places.iter().find(|place| place.mid == mid)?.watch.as_ref()?.stats(now))
    }

    /// Which encoding was seen in a place from when on.
    #[must_use]
    pub fn seen(&self, mid: &str) -> &[Seen] {
        let watch = self.places.iter().find(|place| place.mid == mid).and_then(|place| place.watch.as_ref());
        watch.map(|watch| watch.seen()).unwrap_or_default()
    }

    /// What would be heard in a place until now, where the client plays.
    pub fn listen_stats(&mut self, mid: &str, now: Instant) -> Option<ListenStats> {
        Some(self.places.iter_mut().find(|place| place.mid == mid)?.listen.as_mut()?.stats(now))
    }

    /// Begins new counts of what is seen and heard.
    pub fn forget_played(&mut self, now: Instant) {
        for place in &mut self.places {
            place.watch.iter_mut().for_each(|watch| watch.forget());
            place.listen.iter_mut().for_each(|listen| listen.forget(now));
        }
    }
}
