//! Percentiles as a line with three dots, on a logarithmic axis: half, 95 and 99 in 100.

use super::rows::rows;
use super::{Area, Drawn, Ink, Plot, Scale, letters};
use crate::load::page::number::time_ns;
use plotters::element::{Circle, PathElement, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, ShapeStyle};

/// Height of a line with its words.
const EACH: u32 = 44;
/// Height of the axis.
const AROUND: u32 = 34;
/// Lines of a plot at most.
const MAX_SPANS: usize = 24;

/// One line.
#[derive(Debug, Clone)]
pub(in crate::load::page) struct Span {
    pub(in crate::load::page) name: String,
    /// p50, p95, p99, in ns.
    pub(in crate::load::page) parts_ns: [f64; 3],
    pub(in crate::load::page) ink: Ink,
}

/// A plot of percentiles. `None` when there is nothing to show.
pub(in crate::load::page) fn spans(title: &str, spans: &[Span]) -> Option<Plot> {
    let spans = spans.get(..spans.len().min(MAX_SPANS))?;
    if spans.is_empty() {
        return None;
    }
    let scale = Scale::log(spans.iter().flat_map(|span| span.parts_ns), time_ns);
    Plot::draw(title, EACH * spans.len() as u32 + AROUND, |area| draw(area, spans, &scale))
}

fn draw(area: &Area<'_>, spans: &[Span], scale: &Scale) -> Drawn {
    let count = spans.len() as f64;
    let middle = |index: usize| count - index as f64 - 0.6;
    let names = spans.iter().enumerate().map(|(index, span)| (middle(index), span.name.as_str()));
    let mut chart = rows(area, scale, names, 4)?;
    for (index, span) in spans.iter().enumerate() {
        let at = middle(index);
        let [half, most, last] = span.parts_ns.map(|ns| scale.place(ns));
        let line = ShapeStyle { color: span.ink.rgb().to_rgba(), filled: false, stroke_width: 3 };
        chart.draw_series([PathElement::new([(half, at), (last, at)], line)])?;
        let full = ShapeStyle { filled: true, ..line };
        let hollow = ShapeStyle { color: Ink::Paper.rgb().to_rgba(), filled: true, stroke_width: 0 };
        let ring = ShapeStyle { stroke_width: 2, ..line };
        chart.draw_series([Circle::new((half, at), 6, hollow), Circle::new((half, at), 6, ring)])?;
        chart.draw_series([Circle::new((most, at), 4, full), Circle::new((last, at), 6, full)])?;
        // All three in words, above the line and within the plot.
        let said = span.parts_ns.map(time_ns).join(" · ");
        let right = half > f64::midpoint(scale.low, scale.high);
        let (side, from) = if right { (HPos::Right, last) } else { (HPos::Left, half) };
        let style = letters(Ink::Text).pos(Pos::new(side, VPos::Bottom));
        chart.draw_series([Text::new(said, (from, at + 0.18), style)])?;
    }
    Ok(())
}
