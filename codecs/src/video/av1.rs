//! AV1 by dav1d.

use super::{Decoder, MAX_PIXELS, Picture, VideoCodec, VideoError, guard};
use dav1d::{PixelLayout, PlanarImageComponent, Settings};

const LIBRARY: &str = "dav1d";
/// Pictures that one coded picture may hold: its spatial layers, and one shown again.
const MAX_SHOWN: usize = 8;

pub(super) struct Av1Decoder {
    library: dav1d::Decoder,
}

impl Av1Decoder {
    pub(super) fn new() -> Result<Av1Decoder, VideoError> {
        let mut settings = Settings::new();
        settings.set_n_threads(1);
        // One picture in, one out.
        settings.set_max_frame_delay(1);
        settings.set_frame_size_limit(MAX_PIXELS);
        settings.set_all_layers(false);
        let library = dav1d::Decoder::with_settings(&settings);
        Ok(Av1Decoder { library: library.map_err(|_| VideoError::SetUp { library: LIBRARY, code: -1 })? })
    }

    /// Takes what the library has to show; the last of several.
    fn take_shown(&mut self, into: &mut Picture) -> Result<bool, VideoError> {
        let mut has_shown = false;
        for _ in 0..MAX_SHOWN {
            match self.library.get_picture() {
                Ok(shown) => {
                    copy(&shown, into)?;
                    has_shown = true;
                }
                Err(dav1d::Error::Again) => return Ok(has_shown),
                Err(_) => return Err(REFUSED),
            }
        }
        Ok(has_shown)
    }
}

const REFUSED: VideoError = VideoError::Refused { library: LIBRARY, code: -1 };

fn copy(shown: &dav1d::Picture, into: &mut Picture) -> Result<(), VideoError> {
    if shown.bit_depth() != 8 || shown.pixel_layout() != PixelLayout::I420 {
        return Err(VideoError::OtherPixels);
    }
    let (width, height) = (shown.width(), shown.height());
    if !guard::fits(width, height) {
        return Err(VideoError::TooLarge { width, height, bytes: 0 });
    }
    let components = [PlanarImageComponent::Y, PlanarImageComponent::U, PlanarImageComponent::V];
    let [y, u, v] = components.map(|component| shown.plane(component));
    let strides = components.map(|component| shown.stride(component) as usize);
    into.copy_from((width, height), [&y, &u, &v], strides).ok_or(VideoError::OtherPixels)
}

impl Decoder for Av1Decoder {
    fn decode(&mut self, picture: &[u8], into: &mut Picture) -> Result<bool, VideoError> {
        guard::check(VideoCodec::Av1, picture)?;
        if picture.is_empty() {
            return Ok(false);
        }
        let decoded = self.send(picture, into);
        if !matches!(decoded, Ok((_, true))) {
            // What is left of it must not stand in the way of the next.
            self.library.flush();
        }
        decoded.map(|(has_shown, _)| has_shown)
    }
}

impl Av1Decoder {
    /// Whether something is shown, and whether all of the picture was taken.
    fn send(&mut self, picture: &[u8], into: &mut Picture) -> Result<(bool, bool), VideoError> {
        let mut sent = self.library.send_data(picture.to_vec(), None, None, None);
        let mut has_shown = false;
        for _ in 0..MAX_SHOWN {
            has_shown |= self.take_shown(into)?;
            match sent {
                Ok(()) => return Ok((has_shown, true)),
                Err(dav1d::Error::Again) => sent = self.library.send_pending_data(),
                Err(_) => return Err(REFUSED),
            }
        }
        Ok((has_shown, false))
    }
}
