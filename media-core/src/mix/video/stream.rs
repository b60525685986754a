//! One encoding of a canvas, and those who get it.

use super::packetize::Packetizer;
use super::view::{ViewCodec, ViewId};
use bytes::Bytes;
use colloquy_codecs::video::{Encoder, EncoderSettings, Picture, encoder};
use std::time::{Duration, Instant};

/// An encoder that failed is made anew after this.
const RETRY: Duration = Duration::from_secs(1);
/// A canvas that has not changed is encoded for so long, until it is sharp,
const REFINE: Duration = Duration::from_millis(1_500);
/// and then once in this time, for whoever counts pictures.
const IDLE: Duration = Duration::from_secs(1);

/// A canvas's sides and rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) fps: u32,
}

pub(super) struct Stream {
    pub(super) codec: ViewCodec,
    pub(super) bps: u32,
    /// In the order of their numbers.
    pub(super) views: Vec<ViewId>,
    format: Format,
    encoder: Option<Box<dyn Encoder>>,
    retry_at: Option<Instant>,
    packetizer: Packetizer,
    wants_key: bool,
    key_at: Option<Instant>,
    encoded_at: Option<Instant>,
    coded: Vec<u8>,
}

impl Stream {
    pub(super) fn new(codec: ViewCodec, bps: u32, format: Format, picture_id: u16) -> Stream {
        Stream {
            codec,
            bps,
            views: Vec::new(),
            format,
            encoder: None,
            retry_at: None,
            packetizer: Packetizer::new(codec, picture_id),
            wants_key: true,
            key_at: None,
            encoded_at: None,
            coded: Vec::new(),
        }
    }

    /// Somebody needs a key frame: a newcomer, or one who lost something.
    pub(super) fn want_key(&mut self) {
        self.wants_key = true;
    }

    /// Other bits a second, without a key frame.
    pub(super) fn set_bps(&mut self, bps: u32, fps: u32) {
        if (self.bps, self.format.fps) == (bps, fps) {
            return;
        }
        (self.bps, self.format.fps) = (bps, fps);
        let Some(encoder) = &mut self.encoder else { return };
        if encoder.set_rate(bps, fps).is_err() {
            self.encoder = None;
            self.wants_key = true;
        }
    }

    /// Encodes the canvas, if there is something new about it, and hands on the payloads. Gives whether it did.
    pub(super) fn encode(
        &mut self,
        canvas: &Picture,
        changed: Instant,
        (now, at_ms): (Instant, u64),
        key_interval: Duration,
        mut hand_on: impl FnMut(&[ViewId], Bytes, bool, bool),
    ) -> bool {
        let may_be_key = self.key_at.is_none_or(|at| now.saturating_duration_since(at) >= key_interval);
        let is_key = self.wants_key && may_be_key;
        let is_still = now.saturating_duration_since(changed) > REFINE;
        let is_recent = self.encoded_at.is_some_and(|at| now.saturating_duration_since(at) < IDLE);
        if (is_still && is_recent && !is_key) || self.retry_at.is_some_and(|at| now < at) {
            return false;
        }
        if self.encoder.is_none() {
            let Format { width, height, fps } = self.format;
            match encoder(self.codec.into(), EncoderSettings { width, height, bps: self.bps, fps }) {
                Ok(made) => (self.encoder, self.retry_at) = (Some(made), None),
                Err(_) => self.retry_at = Some(now + RETRY),
            }
        }
        let Some(encoder) = &mut self.encoder else { return false };
        self.coded.clear();
        match encoder.encode(canvas, at_ms, is_key, &mut self.coded) {
            Ok(Some(made)) => {
                if made.is_key {
                    (self.wants_key, self.key_at) = (false, Some(now));
                }
                self.encoded_at = Some(now);
                let views = &self.views;
                self.packetizer.split(&self.coded, |payload, marker| hand_on(views, payload, marker, made.is_key));
                true
            }
            Ok(None) => false,
            Err(_) => {
                (self.encoder, self.retry_at, self.wants_key) = (None, Some(now + RETRY), true);
                false
            }
        }
    }
}
