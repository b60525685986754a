//! Still pictures.

use super::{Picture, Plane, VideoError};
use jpeg_encoder::{Encoder, ImageBuffer, JpegColorType, SamplingFactor};

/// Rows for the encoder, which wants as many samples of colour as of light.
struct Rows<'a>([Plane<'a>; 3]);

impl ImageBuffer for Rows<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        u16::try_from(self.0[0].width).unwrap_or(u16::MAX)
    }

    fn height(&self) -> u16 {
        u16::try_from(self.0[0].height).unwrap_or(u16::MAX)
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let [luma, u, v] = self.0;
        let (y, width) = (u32::from(y), luma.width as usize);
        let [into_luma, into_u, into_v, _] = buffers;
        // Video's luma goes from 16 to 235, a JPEG's from 0 to 255; chroma from 16 to 240.
        into_luma.extend(row(luma, y).into_iter().flatten().map(|sample| FULL_LUMA[usize::from(*sample)]));
        for (plane, into) in [(u, into_u), (v, into_v)] {
            let samples = row(plane, y / 2).into_iter().flatten();
            into.extend(samples.flat_map(|sample| [FULL_CHROMA[usize::from(*sample)]; 2]).take(width));
        }
    }
}

fn row(plane: Plane<'_>, y: u32) -> Option<&[u8]> {
    plane.samples.chunks_exact(plane.width.max(1) as usize).nth(y as usize)
}

const FULL_LUMA: [u8; 256] = full_range(16, 219);
const FULL_CHROMA: [u8; 256] = full_range(16, 224);

/// `low` becomes 0, and `low + span` 255.
const fn full_range(low: i32, span: i32) -> [u8; 256] {
    let mut table = [0; 256];
    let mut sample = 0;
    while sample < 256 {
        let full = ((sample - low) * 255 + span / 2) / span;
        table[sample as usize] = if full < 0 {
            0
        } else if full > 255 {
            255
        } else {
            full as u8
        };
        sample += 1;
    }
    table
}

/// A picture as JPEG (JFIF, 4:2:0), at a quality of 1 to 100.
pub fn encode_jpeg(picture: &Picture, quality: u8) -> Result<Vec<u8>, VideoError> {
    let (width, height) = (picture.width(), picture.height());
    if !super::guard::fits(width, height) {
        return Err(VideoError::Sides { width, height });
    }
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality.clamp(1, 100));
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    let encoded = encoder.encode_image(Rows(picture.planes()));
    encoded.map_err(|_| VideoError::Refused { library: "JPEG", code: -1 })?;
    Ok(bytes)
}
