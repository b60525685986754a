//! Plots as SVG inside the page: drawn by `plotters`, coloured by the page's style sheet, with numbers that can be read on a phone.

mod bars;
mod ink;
mod lines;
mod rows;
mod scale;
mod spans;

pub(super) use bars::{Bar, bars};
pub(super) use ink::{Ink, SERIES, rules};
pub(super) use lines::{Line, Mark, lines};
pub(super) use scale::Scale;
pub(super) use spans::{Span, spans};

use maud::{Markup, PreEscaped, html};
use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea as _};
use plotters::style::{Color as _, FontFamily, IntoFont as _, TextStyle};

/// Width of every plot, in the units that its numbers' size is in: as wide as a phone's screen, so that what is drawn there is as
/// large as text.
const WIDTH: u32 = 440;
/// Size of letters.
const LETTERS: u32 = 13;
/// How wide a letter is, about: `plotters` does not measure text without a font.
const LETTER_WIDTH: f64 = 7.3;
/// Letters of a name at most; the rest is told by the tables.
const MAX_NAME: usize = 16;

/// Where plots are drawn.
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// What can go wrong while they are: writing to a `String` cannot.
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// A plot with its caption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plot {
    /// What it shows, and in which unit.
    title: String,
    height: u32,
    /// What is inside the `svg` element.
    inside: String,
}

impl Plot {
    fn draw(title: &str, height: u32, draw: impl FnOnce(&Area<'_>) -> Drawn) -> Option<Self> {
        let mut text = String::new();
        {
            let area = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
            draw(&area).and_then(|()| Ok(area.present()?)).ok()?;
        }
        // The page makes the outer element itself: it scales, has a name, and needs no namespace, which would look like an address.
        let inside = text.split_once('>')?.1.rsplit_once("</svg>")?.0.trim().to_owned();
        Some(Self { title: title.to_owned(), height, inside })
    }

    /// As a figure of the page. Its numbers stand in the tables, too.
    pub(super) fn figure(&self) -> Markup {
        html! {
            figure {
                figcaption { (self.title) }
                svg viewBox={ "0 0 " (WIDTH) " " (self.height) } role="img" aria-label={ "Plot: " (self.title) } {
                    // Made by plotters, which escapes every text.
                    (PreEscaped(&self.inside))
                }
            }
        }
    }
}

fn letters(ink: Ink) -> TextStyle<'static> {
    let font = (FontFamily::SansSerif, LETTERS).into_font();
    TextStyle { color: ink.rgb().to_backend_color(), ..TextStyle::from(font) }
}

/// Room for so many letters.
fn width_of(letters: usize) -> u32 {
    (letters as f64 * LETTER_WIDTH).ceil() as u32
}

/// A name that fits.
fn name(name: &str) -> String {
    if name.chars().count() <= MAX_NAME {
        return name.to_owned();
    }
    name.chars().take(MAX_NAME - 1).chain(['…']).collect()
}
