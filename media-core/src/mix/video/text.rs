//! Letters as masks.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};

/// DejaVu Sans, cut down to Latin, Greek and Cyrillic; its licence lies beside it.
const FONT: &[u8] = include_bytes!("font/DejaVuSans-names.ttf");
/// Longest text, in characters; the rest of a name is left out.
pub(super) const MAX_CHARS: usize = 48;
/// Widest mask in pixels.
const MAX_WIDTH: u32 = 1_920;

/// How much of each pixel is covered: 0 nothing, 255 all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Mask {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) coverage: Vec<u8>,
}

impl Mask {
    pub(super) fn new(width: u32, height: u32) -> Mask {
        Mask { width, height, coverage: vec![0; width as usize * height as usize] }
    }

    pub(super) fn row(&self, row: u32) -> &[u8] {
        let width = self.width as usize;
        self.coverage.get(row as usize * width..(row as usize + 1) * width).unwrap_or_default()
    }

    /// Covers a pixel at least so much; nothing outside.
    pub(super) fn cover(&mut self, x: u32, y: u32, coverage: u8) {
        if x < self.width
            && let Some(pixel) = self.coverage.get_mut(y as usize * self.width as usize + x as usize)
        {
            *pixel = (*pixel).max(coverage);
        }
    }
}

/// Draws letters of one font.
pub(super) struct Writer {
    font: FontRef<'static>,
}

impl Default for Writer {
    fn default() -> Writer {
        Writer { font: FontRef::try_from_slice(FONT).expect("the font is a part of the program") }
    }
}

impl Writer {
    /// One line of text, `height` pixels from the highest accent to the lowest tail, cut with an ellipsis where it is wider than
    /// `max_width`. Characters that the font lacks are boxes.
    pub(super) fn line(&self, text: &str, height: u32, max_width: u32) -> Mask {
        let max_width = max_width.min(MAX_WIDTH);
        let letters: Vec<char> = text.chars().filter(|c| is_drawn(*c)).take(MAX_CHARS).collect();
        let scale = PxScale::from(height as f32);
        let width_of = |letters: &[char]| {
            let font = self.font.as_scaled(scale);
            letters.iter().map(|letter| font.h_advance(font.glyph_id(*letter))).sum::<f32>().ceil() as u32
        };
        if width_of(&letters) <= max_width {
            return self.draw(&letters, scale, width_of(&letters), height);
        }
        for kept in (0..letters.len()).rev() {
            let mut cut: Vec<char> = letters.iter().copied().take(kept).collect();
            cut.push('…');
            if width_of(&cut) <= max_width {
                return self.draw(&cut, scale, width_of(&cut), height);
            }
        }
        Mask::default()
    }

    fn draw(&self, letters: &[char], scale: PxScale, width: u32, height: u32) -> Mask {
        let font = self.font.as_scaled(scale);
        let mut mask = Mask::new(width, height);
        let mut at = ab_glyph::point(0.0, font.ascent());
        for letter in letters {
            let glyph = font.glyph_id(*letter).with_scale_and_position(scale, at);
            at.x += font.h_advance(glyph.id);
            let Some(outline) = self.font.outline_glyph(glyph) else { continue };
            let bounds = outline.px_bounds();
            outline.draw(|x, y, coverage| {
                let (x, y) = (bounds.min.x as i64 + i64::from(x), bounds.min.y as i64 + i64::from(y));
                if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) {
                    mask.cover(x, y, (coverage * 255.0) as u8);
                }
            });
        }
        mask
    }
}

/// Characters that are only there to steer others are left out.
fn is_drawn(c: char) -> bool {
    let steers = matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}');
    !c.is_control() && !steers
}

/// What stands for a name without a picture: the first letters of its first and last words.
pub(super) fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
    let first = words.next();
    let last = words.next_back();
    first.into_iter().chain(last).flat_map(char::to_uppercase).take(4).collect()
}
