//! H.264 by OpenH264.

use super::sys::set_openh264_rate;
use super::{Decoder, Encoded, Encoder, EncoderSettings, Picture, VideoError, guard};
use openh264::OpenH264API;
use openh264::decoder::{DecodeOptions, DecoderConfig, Flush};
use openh264::encoder::{
    BitRate, Complexity, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, Profile, RateControlMode, UsageType,
};
use openh264::formats::YUVSource;

const LIBRARY: &str = "OpenH264";

/// The crate keeps the library's code to itself.
const REFUSED: VideoError = VideoError::Refused { library: LIBRARY, code: -1 };
const NOT_SET_UP: VideoError = VideoError::SetUp { library: LIBRARY, code: -1 };

pub(super) struct H264Decoder {
    library: openh264::decoder::Decoder,
}

impl H264Decoder {
    pub(super) fn new() -> Result<H264Decoder, VideoError> {
        // A flush would hand out a picture before its time.
        let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
        let library = openh264::decoder::Decoder::with_api_config(OpenH264API::from_source(), config);
        Ok(H264Decoder { library: library.map_err(|_| NOT_SET_UP)? })
    }
}

impl Decoder for H264Decoder {
    fn decode(&mut self, picture: &[u8], into: &mut Picture) -> Result<bool, VideoError> {
        guard::check(super::VideoCodec::H264, picture)?;
        let options = DecodeOptions::new().flush_after_decode(Flush::NoFlush);
        let decoded = self.library.decode_with_options(picture, options).map_err(|_| REFUSED)?;
        let Some(shown) = decoded else { return Ok(false) };
        let (width, height) = shown.dimensions();
        let (Ok(width), Ok(height)) = (u32::try_from(width), u32::try_from(height)) else { return Ok(false) };
        if !guard::fits(width, height) {
            return Err(VideoError::TooLarge { width, height, bytes: picture.len() });
        }
        let (y, u, v) = shown.strides();
        let copied = into.copy_from((width, height), [shown.y(), shown.u(), shown.v()], [y, u, v]);
        copied.ok_or(VideoError::OtherPixels).map(|()| true)
    }
}

pub(super) struct H264Encoder {
    library: openh264::encoder::Encoder,
    settings: EncoderSettings,
    has_begun: bool,
}

impl H264Encoder {
    pub(super) fn new(settings: EncoderSettings) -> Result<H264Encoder, VideoError> {
        Ok(H264Encoder { library: library(settings)?, settings, has_begun: false })
    }
}

fn library(settings: EncoderSettings) -> Result<openh264::encoder::Encoder, VideoError> {
    let config = EncoderConfig::new()
        .bitrate(BitRate::from_bps(settings.bps))
        .max_frame_rate(FrameRate::from_hz(settings.fps.max(1) as f32))
        .rate_control_mode(RateControlMode::Bitrate)
        .usage_type(UsageType::CameraVideoRealTime)
        .complexity(Complexity::Low)
        .profile(Profile::Baseline)
        // Left-out pictures are what keeps the rate where nothing else does.
        .skip_frames(true)
        // Another slide is no reason for a key frame: intra blocks do.
        .scene_change_detect(false)
        .intra_frame_period(IntraFramePeriod::auto())
        .num_threads(1);
    let library = openh264::encoder::Encoder::with_api_config(OpenH264API::from_source(), config);
    library.map_err(|_| NOT_SET_UP)
}

/// A picture as the library asks for it.
struct Source<'a>(&'a Picture);

impl YUVSource for Source<'_> {
    fn dimensions(&self) -> (usize, usize) {
        (self.0.width() as usize, self.0.height() as usize)
    }

    fn strides(&self) -> (usize, usize, usize) {
        let [y, u, v] = self.0.planes();
        (y.width as usize, u.width as usize, v.width as usize)
    }

    fn y(&self) -> &[u8] {
        self.0.planes()[0].samples
    }

    fn u(&self) -> &[u8] {
        self.0.planes()[1].samples
    }

    fn v(&self) -> &[u8] {
        self.0.planes()[2].samples
    }
}

impl Encoder for H264Encoder {
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
        if wants_key && self.has_begun {
            self.library.force_intra_frame();
        }
        self.has_begun = true;
        // Far below what would make the library's milliseconds overflow.
        let at = openh264::Timestamp::from_millis(at_ms & 0xFFFF_FFFF_FFFF);
        let coded = self.library.encode_at(&Source(picture), at).map_err(|_| REFUSED)?;
        let is_key = match coded.frame_type() {
            FrameType::IDR => true,
            FrameType::I | FrameType::P | FrameType::IPMixed => false,
            FrameType::Skip | FrameType::Invalid => return Ok(None),
        };
        coded.write_vec(into);
        Ok(Some(Encoded { is_key }))
    }

    fn set_rate(&mut self, bps: u32, fps: u32) -> Result<(), VideoError> {
        (self.settings.bps, self.settings.fps) = (bps, fps);
        if self.has_begun {
            return set_openh264_rate(&mut self.library, bps, fps.max(1));
        }
        // The library reads its settings at the first picture.
        self.library = library(self.settings)?;
        Ok(())
    }
}
