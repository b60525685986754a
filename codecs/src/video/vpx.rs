//! VP8 and VP9 by libvpx.

use super::sys::{VpxDecoding, VpxEncoding};
use super::{Decoder, Encoded, Encoder, EncoderSettings, Picture, VideoCodec, VideoError, guard};

pub(super) struct VpxDecoder {
    codec: VideoCodec,
    library: VpxDecoding,
}

impl VpxDecoder {
    pub(super) fn vp8() -> Result<VpxDecoder, VideoError> {
        let codec = VideoCodec::Vp8;
        Ok(VpxDecoder { codec, library: VpxDecoding::new(codec)? })
    }

    pub(super) fn vp9() -> Result<VpxDecoder, VideoError> {
        let codec = VideoCodec::Vp9;
        Ok(VpxDecoder { codec, library: VpxDecoding::new(codec)? })
    }
}

impl Decoder for VpxDecoder {
    fn decode(&mut self, picture: &[u8], into: &mut Picture) -> Result<bool, VideoError> {
        guard::check(self.codec, picture)?;
        if picture.is_empty() {
            return Ok(false); // libvpx takes that for "the picture is lost", and shows one all the same
        }
        self.library.decode(picture, into)
    }
}

pub(super) struct VpxEncoder {
    library: VpxEncoding,
    settings: EncoderSettings,
    last_ms: Option<u64>,
}

impl VpxEncoder {
    pub(super) fn new(codec: VideoCodec, settings: EncoderSettings) -> Result<VpxEncoder, VideoError> {
        Ok(VpxEncoder { library: VpxEncoding::new(codec, settings)?, settings, last_ms: None })
    }
}

impl Encoder for VpxEncoder {
    fn encode(
        &mut self,
        picture: &Picture,
        at_ms: u64,
        wants_key: bool,
        into: &mut Vec<u8>,
    ) -> Result<Option<Encoded>, VideoError> {
        let (width, height) = (picture.width(), picture.height());
        if (width, height) != (self.settings.width, self.settings.height) {
            return Err(VideoError::Sides { width, height });
        }
        // libvpx refuses a time that does not go on.
        let at_ms = self.last_ms.map_or(at_ms, |last| at_ms.max(last + 1));
        self.last_ms = Some(at_ms);
        self.library.encode(picture, at_ms, wants_key, into)
    }

    fn set_rate(&mut self, bps: u32, fps: u32) -> Result<(), VideoError> {
        (self.settings.bps, self.settings.fps) = (bps, fps);
        self.library.set_rate(self.settings)
    }
}
