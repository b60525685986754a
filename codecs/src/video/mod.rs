//! Pictures: decoders and encoders behind one trait each, scaling and JPEG.
//!
//! Everything that a stranger's bitstream can make large is bounded by [`MAX_SIDE`], [`MAX_PIXELS`] and [`MAX_BITSTREAM`], which are
//! checked against what the bitstream says before a decoder sees it. A decoder is given whole pictures with nothing missing between
//! them: most would go on through a gap and show garbage, so whoever feeds it must notice gaps and wait for a key frame.

mod av1;
mod guard;
mod h264;
mod jpeg;
mod picture;
mod scale;
mod sys;
mod vpx;

pub use jpeg::encode_jpeg;
pub use picture::{Picture, Plane, PlaneMut};
pub use scale::{Region, Scaler};

/// Longest side of a picture that is decoded, in pixels: that of H.264's level 5.2 as OpenH264 takes it.
pub const MAX_SIDE: u32 = 4_096;
/// Most pixels of a picture that is decoded, in any orientation. With three references of 1.5 bytes a pixel a decoder stays under 60 MB.
pub const MAX_PIXELS: u32 = 4_096 * 2_304;
/// Most bytes of a coded picture. A key frame of 4,096x2,304 at the best quality takes less; anything longer is no picture of a call.
pub const MAX_BITSTREAM: usize = 4 << 20;

/// How pictures are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VideoCodec {
    /// RFC 6386.
    Vp8,
    /// VP9, profile 0.
    Vp9,
    /// ITU-T H.264, constrained baseline for encoding.
    H264,
    /// AV1, profile main with eight bits.
    Av1,
}

/// Why a codec refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VideoError {
    /// There is no encoder of that codec here.
    #[error("no encoder for {0:?}")]
    NoEncoder(VideoCodec),
    /// The library could not be set up: memory, or a version that the bindings are not made for.
    #[error("{library} could not be set up ({code})")]
    SetUp {
        /// Which library.
        library: &'static str,
        /// Its own code.
        code: i64,
    },
    /// Sides or bytes beyond the bounds of this module. The decoder saw nothing of it.
    #[error("picture of {width}x{height} in {bytes} bytes is too large")]
    TooLarge {
        /// Pixels, 0 if they were not looked at.
        width: u32,
        /// Pixels, 0 if they were not looked at.
        height: u32,
        /// Length of the coded picture.
        bytes: usize,
    },
    /// More than eight bits, or other than 4:2:0.
    #[error("pixels of another kind than eight bits 4:2:0")]
    OtherPixels,
    /// The bitstream is broken, or leans on a picture that the decoder never had. A key frame mends it.
    #[error("{library} refused a picture ({code})")]
    Refused {
        /// Which library.
        library: &'static str,
        /// Its own code.
        code: i64,
    },
    /// An encoder's own sides must be even, at least 16, and within the bounds; so must those of what it is given.
    #[error("cannot encode {width}x{height}")]
    Sides {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
}

/// Turns coded pictures into pixels. Made by [`decoder`].
pub trait Decoder: Send {
    /// Decodes one whole picture with all its layers. `true` if `into` holds a picture now; `false` if there is none to be shown.
    ///
    /// After an error only a key frame makes sense.
    fn decode(&mut self, picture: &[u8], into: &mut Picture) -> Result<bool, VideoError>;
}

/// What an encoder is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderSettings {
    /// Pixels; even.
    pub width: u32,
    /// Pixels; even.
    pub height: u32,
    /// Bits a second to aim at.
    pub bps: u32,
    /// Pictures a second to reckon with, at least 1.
    pub fps: u32,
}

/// What became of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoded {
    /// Needs no other picture.
    pub is_key: bool,
}

/// Turns pixels into coded pictures. Made by [`encoder`].
pub trait Encoder: Send {
    /// Encodes a picture, of exactly the sides that the encoder was made for, and appends it to `into` (H.264 with start codes).
    /// `None` if it was left out to keep the rate. `at_ms` counts up, in milliseconds from anywhere.
    fn encode(
        &mut self,
        picture: &Picture,
        at_ms: u64,
        wants_key: bool,
        into: &mut Vec<u8>,
    ) -> Result<Option<Encoded>, VideoError>;

    /// Aims at other bits and pictures a second from the next picture on; needs no key frame.
    fn set_rate(&mut self, bps: u32, fps: u32) -> Result<(), VideoError>;
}

/// A decoder that has seen nothing.
pub fn decoder(codec: VideoCodec) -> Result<Box<dyn Decoder>, VideoError> {
    Ok(match codec {
        VideoCodec::Vp8 => Box::new(vpx::VpxDecoder::vp8()?),
        VideoCodec::Vp9 => Box::new(vpx::VpxDecoder::vp9()?),
        VideoCodec::H264 => Box::new(h264::H264Decoder::new()?),
        VideoCodec::Av1 => Box::new(av1::Av1Decoder::new()?),
    })
}

/// An encoder for a live call: VP8 and H.264, one thread, no look-ahead, key frames only when they are asked for. VP9 is there for
/// tests, being dear.
pub fn encoder(codec: VideoCodec, settings: EncoderSettings) -> Result<Box<dyn Encoder>, VideoError> {
    let EncoderSettings { width, height, .. } = settings;
    if width % 2 == 1 || height % 2 == 1 || width < 16 || height < 16 || !guard::fits(width, height) {
        return Err(VideoError::Sides { width, height });
    }
    Ok(match codec {
        VideoCodec::Vp8 | VideoCodec::Vp9 => Box::new(vpx::VpxEncoder::new(codec, settings)?),
        VideoCodec::H264 => Box::new(h264::H264Encoder::new(settings)?),
        VideoCodec::Av1 => return Err(VideoError::NoEncoder(codec)),
    })
}
