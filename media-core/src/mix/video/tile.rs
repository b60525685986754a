//! What is drawn in a tile beside a picture: the name with its marks, and an avatar.

use super::canvas::{self, Colour, WHITE};
use super::icon::{self, Icon};
use super::text::{Mask, Writer, initials};
use super::view::Marks;
use colloquy_codecs::video::{Picture, Region};

/// Behind the avatar's disc.
const AVATAR_BACKGROUND: Colour = [44, 131, 126];
/// Discs, by name, so that a person has one colour: muted, and dark enough for white letters.
const DISCS: [Colour; 8] = [
    [96, 160, 104],
    [88, 112, 168],
    [100, 104, 116],
    [84, 148, 140],
    [104, 96, 152],
    [92, 172, 124],
    [80, 136, 160],
    [108, 120, 100],
];
/// No names on tiles lower than this, in pixels: they would not be read.
const MIN_LABELLED: u32 = 60;

/// A name with its marks, as it lies in a tile's lower left corner.
#[derive(Debug, Clone, Default)]
pub(super) struct Label {
    mask: Mask,
}

impl Label {
    /// For a tile of these sides; nothing if it is too small.
    pub(super) fn new(writer: &Writer, name: &str, marks: Marks, tile: Region) -> Label {
        if tile.height < MIN_LABELLED {
            return Label::default();
        }
        let height = (tile.height / 12).clamp(14, 28) & !1;
        let icons = [(marks.is_muted, Icon::Muted), (marks.is_frozen, Icon::Frozen), (marks.is_private, Icon::Private)];
        let icons: Vec<Icon> = icons.into_iter().filter(|(is_set, _)| *is_set).map(|(_, icon)| icon).collect();
        let (gap, icons_width) = (height / 4, icons.len() as u32 * (height + height / 4));
        let room = (tile.width * 9 / 10).saturating_sub(icons_width + 2 * gap);
        let text = writer.line(name, height, room);
        if text.width == 0 && icons.is_empty() {
            return Label::default();
        }
        let width = (icons_width + text.width + 2 * gap).next_multiple_of(2);
        let mut mask = Mask::new(width, height);
        for (index, icon) in icons.into_iter().enumerate() {
            copy(&icon::draw(icon, height), &mut mask, gap + index as u32 * (height + gap));
        }
        copy(&text, &mut mask, gap + icons_width);
        Label { mask }
    }

    /// Draws it on a dark strip.
    pub(super) fn draw(&self, canvas: &mut Picture, tile: Region) {
        let (width, height) = (self.mask.width.min(tile.width), self.mask.height + 4);
        if self.mask.height == 0 || height > tile.height {
            return;
        }
        let strip = Region { x: tile.x, y: tile.y + tile.height - height, width, height };
        canvas::darken(canvas, strip, 150);
        canvas::stamp(canvas, &self.mask, (strip.x, strip.y + 2), strip, WHITE);
    }
}

fn copy(from: &Mask, into: &mut Mask, left: u32) {
    for (x, y) in (0..from.height).flat_map(|y| (0..from.width).map(move |x| (x, y))) {
        let coverage = from.row(y).get(x as usize).copied().unwrap_or(0);
        into.cover(left + x, y, coverage);
    }
}

/// A disc with initials, where there is no picture.
pub(super) fn draw_avatar(canvas: &mut Picture, writer: &Writer, name: &str, tile: Region) {
    canvas::fill(canvas, tile, AVATAR_BACKGROUND);
    let side = (tile.height.min(tile.width) / 2) & !1;
    if side < 8 {
        return;
    }
    let (x, y) = (tile.x + (tile.width - side) / 2, tile.y + (tile.height - side) / 2);
    // FNV-1a, whose upper bits are well mixed.
    let hash = name.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let colour = DISCS.get((hash >> 16) as usize % DISCS.len()).copied().unwrap_or(AVATAR_BACKGROUND);
    canvas::stamp(canvas, &disc(side), (x & !1, y & !1), tile, colour);
    let letters = writer.line(&initials(name), side / 2, side);
    let (x, y) = (x + (side - letters.width) / 2, y + (side - letters.height) / 2);
    canvas::stamp(canvas, &letters, (x & !1, y & !1), tile, WHITE);
}

/// A disc with a soft edge.
fn disc(side: u32) -> Mask {
    let mut mask = Mask::new(side, side);
    let middle = side as f32 / 2.0;
    for (x, y) in (0..side).flat_map(|y| (0..side).map(move |x| (x, y))) {
        let (dx, dy) = (x as f32 + 0.5 - middle, y as f32 + 0.5 - middle);
        let inside = middle - (dx * dx + dy * dy).sqrt();
        mask.cover(x, y, (inside.clamp(0.0, 1.0) * 255.0) as u8);
    }
    mask
}
