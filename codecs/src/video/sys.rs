//! The one place in this crate where code is called that the compiler cannot check: libvpx, and the one option of OpenH264 that its
//! crate does not offer. What is handed in was checked by the callers; what comes out is copied before anything else is called.
#![allow(unsafe_code)]

use super::{Encoded, EncoderSettings, Picture, VideoCodec, VideoError};
use openh264_sys2::{
    ENCODER_OPTION_BITRATE, ENCODER_OPTION_FRAME_RATE, ENCODER_OPTION_MAX_BITRATE, SBitrateInfo, SPATIAL_LAYER_ALL,
};
use std::mem::MaybeUninit;
use std::ptr;
use vpx_sys as vpx;

const LIBRARY: &str = "libvpx";
/// In place of a code of the library's: the bytes of a picture end before it does.
const TORN: i64 = -2;
/// How fast libvpx encodes, at the cost of quality: -12 costs half of -8 for 0.4 dB, -16 loses up to 5 dB where there is motion.
const VP8_CPU_USED: i32 = -12;
/// The fastest of VP9.
const VP9_CPU_USED: i32 = 9;
/// Quantizer's range, 0..=63; as WebRTC's senders set it.
const QUANTIZERS: (u32, u32) = (2, 56);
/// A key frame takes at most so many percent of the bits of an average picture: it leaves within a quarter of a second then.
const KEY_FRAME_PERCENT: u32 = 700;

/// How long a picture lasts, for the control of the rate; it learns the truth from their times.
const PICTURE_MS: u64 = 33;

/// A context of libvpx. Its place in memory stays, as the library may keep its address.
struct Context(Box<vpx::vpx_codec_ctx_t>);

// SAFETY: libvpx keeps nothing that belongs to a thread, and a `Context` has one owner.
unsafe impl Send for Context {}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context was initialised, or there would be no `Context`; it is not used again.
        unsafe { vpx::vpx_codec_destroy(&raw mut *self.0) };
    }
}

fn checked(code: vpx::vpx_codec_err_t) -> Result<(), VideoError> {
    match code {
        vpx::vpx_codec_err_t::VPX_CODEC_OK => Ok(()),
        code => Err(VideoError::Refused { library: LIBRARY, code: code as i64 }),
    }
}

fn set_up(code: vpx::vpx_codec_err_t) -> Result<(), VideoError> {
    checked(code).map_err(|_| VideoError::SetUp { library: LIBRARY, code: code as i64 })
}

/// A context with nothing in it, as the library's init functions want it.
fn blank() -> Box<vpx::vpx_codec_ctx_t> {
    // SAFETY: a C struct of pointers, numbers and one enum that has a 0: all zeroes are a value of it.
    Box::new(unsafe { MaybeUninit::zeroed().assume_init() })
}

/// A decoder of libvpx.
pub(super) struct VpxDecoding {
    context: Context,
    /// It is to be asked whether a key frame was whole (VP8); VP9 says so by itself.
    refuses_torn: bool,
}

impl VpxDecoding {
    pub(super) fn new(codec: VideoCodec) -> Result<VpxDecoding, VideoError> {
        let config = vpx::vpx_codec_dec_cfg { threads: 1, w: 0, h: 0 };
        let mut context = blank();
        let version = vpx::VPX_DECODER_ABI_VERSION as i32;
        // SAFETY: the context is blank and `config` lives through the call; the library checks the version of the bindings.
        let code = unsafe {
            let interface = if codec == VideoCodec::Vp8 { vpx::vpx_codec_vp8_dx() } else { vpx::vpx_codec_vp9_dx() };
            vpx::vpx_codec_dec_init_ver(&raw mut *context, interface, &raw const config, 0, version)
        };
        set_up(code)?;
        Ok(VpxDecoding { context: Context(context), refuses_torn: codec == VideoCodec::Vp8 })
    }

    /// Whether the decoder ran out of bytes in the last picture: of VP8 it says so only when it is asked. So pictures end that are
    /// encrypted behind their headers, as encoded transforms leave them; what is shown of them is noise.
    fn is_torn(&mut self) -> bool {
        let mut torn: std::ffi::c_int = 0;
        let option = vpx::vp8_dec_control_id::VP8D_GET_FRAME_CORRUPTED as i32;
        // SAFETY: the context was initialised. The option writes one `int`, which lives through the call.
        let code = unsafe { vpx::vpx_codec_control_(&raw mut *self.context.0, option, &raw mut torn) };
        checked(code).is_ok() && torn != 0
    }

    /// Decodes a picture that is not empty; copies out the last one that is shown.
    pub(super) fn decode(&mut self, picture: &[u8], into: &mut Picture) -> Result<bool, VideoError> {
        let len = u32::try_from(picture.len()).map_err(|_| VideoError::OtherPixels)?;
        let context = &raw mut *self.context.0;
        // SAFETY: the context was initialised; the bytes live through the call, and the library does not keep them.
        checked(unsafe { vpx::vpx_codec_decode(context, picture.as_ptr(), len, ptr::null_mut(), 0) })?;
        if self.refuses_torn && picture.first().is_some_and(|byte| byte & 1 == 0) && self.is_torn() {
            return Err(VideoError::Refused { library: LIBRARY, code: TORN });
        }
        let context = &raw mut *self.context.0;
        let mut cursor = ptr::null();
        let mut last: *mut vpx::vpx_image_t = ptr::null_mut();
        loop {
            // SAFETY: the context was initialised and `cursor` began as null, as the library wants it.
            let shown = unsafe { vpx::vpx_codec_get_frame(context, &raw mut cursor) };
            if shown.is_null() {
                break;
            }
            last = shown;
        }
        // SAFETY: the library's images are valid until the next call with this context; it is null or one of them.
        let Some(image) = (unsafe { last.as_ref() }) else { return Ok(false) };
        copy_image(image, into).map(|()| true)
    }
}

fn copy_image(image: &vpx::vpx_image_t, into: &mut Picture) -> Result<(), VideoError> {
    let (width, height) = (image.d_w, image.d_h);
    if image.fmt != vpx::vpx_img_fmt::VPX_IMG_FMT_I420 || !super::guard::fits(width, height) {
        return Err(VideoError::OtherPixels);
    }
    let sides = [(width, height), (width.div_ceil(2), height.div_ceil(2)), (width.div_ceil(2), height.div_ceil(2))];
    let mut planes: [&[u8]; 3] = [&[]; 3];
    let mut strides = [0; 3];
    for (index, (columns, rows)) in sides.into_iter().enumerate() {
        let (start, stride) = (image.planes[index], usize::try_from(image.stride[index]).unwrap_or(0));
        if start.is_null() || stride < columns as usize {
            return Err(VideoError::OtherPixels);
        }
        // SAFETY: an image in I420 has `rows` rows, `stride` bytes apart, of which the last has at least `columns` bytes. They stay
        // as they are until the next call with the context, and the slices do not outlive this function.
        planes[index] = unsafe { std::slice::from_raw_parts(start, stride * (rows as usize - 1) + columns as usize) };
        strides[index] = stride;
    }
    into.copy_from((width, height), planes, strides).ok_or(VideoError::OtherPixels)
}

/// An encoder of libvpx.
pub(super) struct VpxEncoding {
    context: Context,
    config: vpx::vpx_codec_enc_cfg_t,
}

// SAFETY: the configuration's pointers are those for statistics of two passes, which are null.
unsafe impl Send for VpxEncoding {}

impl VpxEncoding {
    pub(super) fn new(codec: VideoCodec, settings: EncoderSettings) -> Result<VpxEncoding, VideoError> {
        let mut config = MaybeUninit::zeroed();
        // SAFETY: the library's own descriptions of its codecs; they live as long as the process.
        let interface =
            unsafe { if codec == VideoCodec::Vp8 { vpx::vpx_codec_vp8_cx() } else { vpx::vpx_codec_vp9_cx() } };
        // SAFETY: the library fills the configuration; it was all zeroes before, which is a value of it.
        let mut config = unsafe {
            set_up(vpx::vpx_codec_enc_config_default(interface, config.as_mut_ptr(), 0))?;
            config.assume_init()
        };
        configure(&mut config, settings);
        let mut context = blank();
        let version = vpx::VPX_ENCODER_ABI_VERSION as i32;
        // SAFETY: the context is blank; the library copies the configuration and checks the version of the bindings.
        set_up(unsafe { vpx::vpx_codec_enc_init_ver(&raw mut *context, interface, &raw const config, 0, version) })?;
        let mut encoding = VpxEncoding { context: Context(context), config };
        let cpu_used = if codec == VideoCodec::Vp8 { VP8_CPU_USED } else { VP9_CPU_USED };
        encoding.control(vpx::vp8e_enc_control_id::VP8E_SET_CPUUSED, cpu_used)?;
        encoding.control(vpx::vp8e_enc_control_id::VP8E_SET_STATIC_THRESHOLD, 1)?;
        encoding.control(vpx::vp8e_enc_control_id::VP8E_SET_MAX_INTRA_BITRATE_PCT, KEY_FRAME_PERCENT as i32)?;
        Ok(encoding)
    }

    /// Sets an option whose value is an `int` or an `unsigned int`.
    fn control(&mut self, option: vpx::vp8e_enc_control_id, value: i32) -> Result<(), VideoError> {
        // SAFETY: the context was initialised. The three options above take one number of 32 bits.
        set_up(unsafe { vpx::vpx_codec_control_(&raw mut *self.context.0, option as i32, value) })
    }

    /// Encodes a picture of the sides that were configured, at a time after the one before.
    pub(super) fn encode(
        &mut self,
        picture: &Picture,
        at_ms: u64,
        wants_key: bool,
        into: &mut Vec<u8>,
    ) -> Result<Option<Encoded>, VideoError> {
        let flags = if wants_key { i64::from(vpx::VPX_EFLAG_FORCE_KF) } else { 0 };
        let context = &raw mut *self.context.0;
        let samples = picture.bytes().as_ptr().cast_mut();
        let mut image = MaybeUninit::<vpx::vpx_image_t>::zeroed();
        // SAFETY: I420 with even sides and rows without gaps is what a `Picture` of these sides holds, and as many bytes. The encoder
        // only reads the image, in spite of its type, and copies what it needs. `image` was filled where `wrapped` is not null.
        let code = unsafe {
            let format = vpx::vpx_img_fmt::VPX_IMG_FMT_I420;
            let wrapped = vpx::vpx_img_wrap(image.as_mut_ptr(), format, self.config.g_w, self.config.g_h, 1, samples);
            if wrapped.is_null() {
                return Err(VideoError::Refused { library: LIBRARY, code: -1 });
            }
            let realtime = u64::from(vpx::VPX_DL_REALTIME);
            vpx::vpx_codec_encode(context, wrapped, at_ms as i64, PICTURE_MS, flags, realtime)
        };
        checked(code)?;
        self.take_coded(into)
    }

    fn take_coded(&mut self, into: &mut Vec<u8>) -> Result<Option<Encoded>, VideoError> {
        let context = &raw mut *self.context.0;
        let mut cursor = ptr::null();
        let mut encoded = None;
        loop {
            // SAFETY: the context was initialised and `cursor` began as null. A packet and its bytes are valid until the next encoding.
            let Some(packet) = (unsafe { vpx::vpx_codec_get_cx_data(context, &raw mut cursor).as_ref() }) else {
                return Ok(encoded);
            };
            if packet.kind != vpx::vpx_codec_cx_pkt_kind::VPX_CODEC_CX_FRAME_PKT {
                continue;
            }
            // SAFETY: `kind` says that the union holds a frame, whose `sz` bytes begin at `buf`.
            let (bytes, flags) = unsafe {
                let frame = packet.data.frame;
                (std::slice::from_raw_parts(frame.buf.cast::<u8>(), frame.sz as usize), frame.flags)
            };
            into.extend_from_slice(bytes);
            encoded = Some(Encoded { is_key: flags & vpx::VPX_FRAME_IS_KEY != 0 });
        }
    }

    /// Other bits and pictures a second; sides stay.
    pub(super) fn set_rate(&mut self, settings: EncoderSettings) -> Result<(), VideoError> {
        configure(&mut self.config, settings);
        // SAFETY: the context was initialised; the library copies the configuration.
        checked(unsafe { vpx::vpx_codec_enc_config_set(&raw mut *self.context.0, &raw const self.config) })
    }
}

/// What WebRTC's senders set too: no look-ahead, a constant rate with half a second of buffer, key frames only on demand.
fn configure(config: &mut vpx::vpx_codec_enc_cfg_t, settings: EncoderSettings) {
    (config.g_w, config.g_h) = (settings.width, settings.height);
    config.g_timebase = vpx::vpx_rational { num: 1, den: 1_000 };
    config.g_threads = 1;
    config.g_lag_in_frames = 0;
    config.g_error_resilient = 0;
    config.g_pass = vpx::vpx_enc_pass::VPX_RC_ONE_PASS;
    config.rc_end_usage = vpx::vpx_rc_mode::VPX_CBR;
    config.rc_target_bitrate = (settings.bps / 1_000).max(1);
    (config.rc_min_quantizer, config.rc_max_quantizer) = QUANTIZERS;
    (config.rc_undershoot_pct, config.rc_overshoot_pct) = (100, 15);
    (config.rc_buf_initial_sz, config.rc_buf_optimal_sz, config.rc_buf_sz) = (500, 600, 1_000);
    // Pictures are left out when the buffer is nearly empty, so that the delay does not grow.
    config.rc_dropframe_thresh = 30;
    config.rc_resize_allowed = 0;
    config.kf_mode = vpx::vpx_kf_mode::VPX_KF_DISABLED;
}

/// Other bits and pictures a second for an encoder that has begun.
pub(super) fn set_openh264_rate(
    encoder: &mut openh264::encoder::Encoder,
    bps: u32,
    fps: u32,
) -> Result<(), VideoError> {
    let bps = i32::try_from(bps).unwrap_or(i32::MAX);
    let mut rate = SBitrateInfo { iLayer: SPATIAL_LAYER_ALL, iBitrate: bps };
    let mut fps = fps as f32;
    let mut codes = [0; 3];
    // SAFETY: the options are of these types and the library copies them. It was initialised: the caller has encoded a picture. The
    // crate reads none of these back from the library.
    unsafe {
        let library = encoder.raw_api();
        // The bound first: a rate above it would be refused.
        codes[0] = library.set_option(ENCODER_OPTION_MAX_BITRATE, (&raw mut rate).cast());
        codes[1] = library.set_option(ENCODER_OPTION_BITRATE, (&raw mut rate).cast());
        codes[2] = library.set_option(ENCODER_OPTION_FRAME_RATE, (&raw mut fps).cast());
    }
    match codes.into_iter().find(|code| *code != 0) {
        None => Ok(()),
        Some(code) => Err(VideoError::Refused { library: "OpenH264", code: code.into() }),
    }
}
