//! Drawing: rectangles, pictures and masks on a picture.

use super::text::Mask;
use colloquy_codecs::video::{Picture, Region, Scaler};

/// A colour as luma and chroma (BT.601, limited range).
pub(super) type Colour = [u8; 3];
/// Behind all tiles.
pub(super) const BACKGROUND: Colour = [24, 129, 127];
/// White as video has it.
pub(super) const WHITE: Colour = [235, 128, 128];
/// Black as video has it.
const BLACK: Colour = [16, 128, 128];

/// Fills a rectangle with even places and sides; what lies outside the picture is left out.
pub(super) fn fill(canvas: &mut Picture, region: Region, colour: Colour) {
    shade(canvas, region, colour, 255);
}

/// Darkens a rectangle, for letters to be read on anything.
pub(super) fn darken(canvas: &mut Picture, region: Region, strength: u8) {
    shade(canvas, region, BLACK, strength);
}

/// Lays a colour over a rectangle: 0 leaves it, 255 hides it.
fn shade(canvas: &mut Picture, region: Region, colour: Colour, strength: u8) {
    for (mut plane, (value, halves)) in canvas.planes_mut().into_iter().zip(colour.into_iter().zip([1, 2, 2])) {
        for row in region.y / halves..(region.y + region.height) / halves {
            let span = plane.span(region.x / halves, row, region.width / halves);
            if strength == 255 {
                span.fill(value);
            } else {
                span.iter_mut().for_each(|sample| *sample = mix(*sample, value, strength));
            }
        }
    }
}

/// `strength` 255ths of the way from one sample to another.
fn mix(from: u8, to: u8, strength: u8) -> u8 {
    let (from, to, strength) = (i32::from(from), i32::from(to), i32::from(strength));
    (from + ((to - from) * strength + 127) / 255) as u8 // lies between the two
}

/// Draws a mask in one colour, its corner at a place; what lies outside `within` is left out.
pub(super) fn stamp(canvas: &mut Picture, mask: &Mask, (left, top): (u32, u32), within: Region, colour: Colour) {
    let width = mask.width.min((within.x + within.width).saturating_sub(left));
    let height = mask.height.min((within.y + within.height).saturating_sub(top));
    let [mut luma, mut u, mut v] = canvas.planes_mut();
    for row in 0..height {
        let coverage = mask.row(row);
        for (sample, strength) in luma.span(left, top + row, width).iter_mut().zip(coverage) {
            *sample = mix(*sample, colour[0], *strength);
        }
        if row % 2 == 1 {
            continue;
        }
        // One sample of chroma under four of luma takes the first's share: the letters are thin, the colour is seldom one.
        for (plane, value) in [(&mut u, colour[1]), (&mut v, colour[2])] {
            let span = plane.span(left / 2, (top + row) / 2, width / 2);
            for (sample, strength) in span.iter_mut().zip(coverage.iter().step_by(2)) {
                *sample = mix(*sample, value, *strength);
            }
        }
    }
}

/// How a picture is put into a tile of another shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// Cut, if no more than a quarter of a side is lost; otherwise whole.
    Cover,
    /// Whole, with bars.
    Contain,
}

/// Draws a picture into a tile, and bars where it leaves some of it free. Gives where the picture is.
pub(super) fn put(canvas: &mut Picture, scaler: &mut Scaler, picture: &Picture, tile: Region, fit: Fit) -> Region {
    let (part, onto) = fitted(Region::of(picture), tile, fit);
    if onto != tile {
        fill(canvas, tile, BACKGROUND);
    }
    if scaler.draw(picture, part, canvas, onto) {
        return onto;
    }
    fill(canvas, tile, BACKGROUND);
    tile
}

/// The part of the picture that is drawn, and onto which part of the tile.
fn fitted(picture: Region, tile: Region, fit: Fit) -> (Region, Region) {
    let even = |length: u64| length as u32 & !1; // of a product divided by one of its factors
    let (width, height) = (u64::from(picture.width), u64::from(picture.height));
    let (tile_width, tile_height) = (u64::from(tile.width), u64::from(tile.height));
    if width == 0 || height == 0 || tile_width == 0 || tile_height == 0 {
        return (picture, tile);
    }
    // What of the picture has the shape of the tile.
    let cut_width = even((height * tile_width / tile_height).min(width)).max(2);
    let cut_height = even((width * tile_height / tile_width).min(height)).max(2);
    let loses_little = u64::from(cut_width) * 4 >= width * 3 && u64::from(cut_height) * 4 >= height * 3;
    // Less than a hundredth: bars would be a pixel wide.
    let loses_nothing = u64::from(cut_width) * 100 >= width * 99 && u64::from(cut_height) * 100 >= height * 99;
    if loses_nothing || (fit == Fit::Cover && loses_little) {
        let (part_width, part_height) = (cut_width.min(picture.width), cut_height.min(picture.height));
        let (x, y) = (even((width - u64::from(part_width)) / 2), even((height - u64::from(part_height)) / 2));
        return (Region { x, y, width: part_width, height: part_height }, tile);
    }
    let onto_width = even((tile_height * width / height).min(tile_width)).max(2);
    let onto_height = even((tile_width * height / width).min(tile_height)).max(2);
    let (x, y) = (
        tile.x + even((tile_width - u64::from(onto_width)) / 2),
        tile.y + even((tile_height - u64::from(onto_height)) / 2),
    );
    (picture, Region { x, y, width: onto_width, height: onto_height })
}
