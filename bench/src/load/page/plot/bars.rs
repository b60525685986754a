//! Bars that lie: a name, a bar as long as the figure, the range of the repeats, the figure in words; and a line to measure by.

use super::rows::rows;
use super::{Area, Drawn, Ink, Plot, Scale, letters};
use crate::load::result::Spread;
use plotters::element::{PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, ShapeStyle};

/// Height of a bar with its distance.
const EACH: u32 = 38;
/// Height of the axis and the line's words.
const AROUND: u32 = 50;
/// Bars of a plot at most.
const MAX_BARS: usize = 24;

/// One bar.
#[derive(Debug, Clone)]
pub(in crate::load::page) struct Bar {
    pub(in crate::load::page) name: String,
    pub(in crate::load::page) figure: Spread,
    pub(in crate::load::page) ink: Ink,
}

/// A plot of bars. `None` when there is nothing to show. The line has words and a place.
pub(in crate::load::page) fn bars(
    title: &str,
    bars: &[Bar],
    line: Option<(&str, f64)>,
    words: fn(f64) -> String,
) -> Option<Plot> {
    let bars = bars.get(..bars.len().min(MAX_BARS))?;
    let largest =
        bars.iter().map(|bar| bar.figure.max.max(bar.figure.median)).chain(line.map(|(_, at)| at)).fold(0.0, f64::max);
    if bars.is_empty() || largest <= 0.0 {
        return None;
    }
    // Room for the words behind the longest bar.
    let scale = Scale::linear(largest * 1.12, words);
    Plot::draw(title, EACH * bars.len() as u32 + AROUND, |area| draw(area, bars, line, &scale, words))
}

fn draw(area: &Area<'_>, bars: &[Bar], line: Option<(&str, f64)>, scale: &Scale, words: fn(f64) -> String) -> Drawn {
    let count = bars.len() as f64;
    let middle = |index: usize| count - index as f64 - 0.5;
    let names = bars.iter().enumerate().map(|(index, bar)| (middle(index), bar.name.as_str()));
    let mut chart = rows(area, scale, names, if line.is_some() { 20 } else { 4 })?;
    for (index, bar) in bars.iter().enumerate() {
        let (at, value) = (middle(index), scale.place(bar.figure.median));
        let shape = ShapeStyle { color: bar.ink.rgb().to_rgba(), filled: true, stroke_width: 0 };
        chart.draw_series([Rectangle::new([(0.0, at - 0.3), (value, at + 0.3)], shape)])?;
        let (low, high) = (scale.place(bar.figure.min), scale.place(bar.figure.max));
        if high > low {
            let thin = ShapeStyle { color: Ink::Text.rgb().to_rgba(), filled: false, stroke_width: 1 };
            let whisker = [
                vec![(low, at), (high, at)],
                vec![(low, at - 0.12), (low, at + 0.12)],
                vec![(high, at - 0.12), (high, at + 0.12)],
            ];
            chart.draw_series(whisker.into_iter().map(|path| PathElement::new(path, thin)))?;
        }
        let style = letters(Ink::Text).pos(Pos::new(HPos::Left, VPos::Center));
        let behind = value.max(high) + (scale.high - scale.low) * 0.015;
        chart.draw_series([Text::new(words(bar.figure.median), (behind, at), style)])?;
    }
    if let Some((name, at)) = line {
        let place = scale.place(at);
        let style = ShapeStyle { color: Ink::Floor.dashed().to_rgba(), filled: false, stroke_width: 2 };
        chart.draw_series([PathElement::new([(place, 0.0), (place, count)], style)])?;
        // Its words stand above, on the side where there is more room.
        let side = if place > scale.high / 2.0 { HPos::Right } else { HPos::Left };
        let style = letters(Ink::Floor).pos(Pos::new(side, VPos::Bottom));
        chart.draw_series([Text::new(format!("{name} {}", words(at)), (place, count), style)])?;
    }
    Ok(())
}
