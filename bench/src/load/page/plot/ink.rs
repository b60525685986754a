//! Colours that the reader's screen decides. A plot is drawn in colours that stand for something; the page's style sheet turns
//! each into what suits a light or a dark screen.

use plotters::style::RGBColor;
use std::fmt::Write as _;

/// Series that have a colour of their own; more share them.
pub(in crate::load::page) const SERIES: u8 = 8;

/// What something is drawn in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load::page) enum Ink {
    /// Words and numbers.
    Text,
    /// Axes and their numbers.
    Muted,
    /// Lines behind the figures.
    Grid,
    /// The floor.
    Floor,
    /// What was not kept.
    Bad,
    /// The page itself.
    Paper,
    /// A system.
    Series(u8),
}

impl Ink {
    /// The colour that stands for it; no plot has it otherwise.
    pub(super) fn rgb(self) -> RGBColor {
        match self {
            Self::Text => RGBColor(0, 0, 1),
            Self::Muted => RGBColor(0, 0, 2),
            Self::Grid => RGBColor(0, 0, 3),
            Self::Floor => RGBColor(0, 0, 4),
            Self::Bad => RGBColor(0, 0, 5),
            Self::Paper => RGBColor(0, 0, 6),
            Self::Series(index) => RGBColor(0, 1, index % SERIES),
        }
    }

    /// The same as a broken line.
    pub(super) fn dashed(self) -> RGBColor {
        let RGBColor(_, green, blue) = self.rgb();
        RGBColor(1, green, blue)
    }

    /// Its variable in the style sheet.
    pub(in crate::load::page) fn variable(self) -> String {
        match self {
            Self::Text => "--text".to_owned(),
            Self::Muted => "--muted".to_owned(),
            Self::Grid => "--grid".to_owned(),
            Self::Floor => "--floor".to_owned(),
            Self::Bad => "--bad".to_owned(),
            Self::Paper => "--card".to_owned(),
            Self::Series(index) => format!("--series-{}", index % SERIES),
        }
    }
}

/// The rules that turn the colours of plots into those of the page.
pub(in crate::load::page) fn rules() -> String {
    let fixed = [Ink::Text, Ink::Muted, Ink::Grid, Ink::Floor, Ink::Bad, Ink::Paper];
    let mut rules = String::new();
    for ink in fixed.into_iter().chain((0..SERIES).map(Ink::Series)) {
        let variable = ink.variable();
        for (RGBColor(red, green, blue), dash) in [(ink.rgb(), ""), (ink.dashed(), ";stroke-dasharray:5 4")] {
            let colour = format!("#{red:02X}{green:02X}{blue:02X}");
            // Writing to a String cannot fail.
            let _ = writeln!(rules, "svg [fill=\"{colour}\"]{{fill:var({variable})}}");
            let _ = writeln!(rules, "svg [stroke=\"{colour}\"]{{stroke:var({variable}){dash}}}");
        }
    }
    rules
}
