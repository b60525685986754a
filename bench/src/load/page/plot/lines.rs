//! Lines: percentiles, seconds, and loads.

use super::{Area, Drawn, Ink, Plot, Scale, letters, width_of};
use plotters::chart::ChartBuilder;
use plotters::element::{Circle, Cross, EmptyElement, PathElement, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, ShapeStyle};

/// Height of a plot.
const HEIGHT: u32 = 250;
/// Points of a line at most: more than there are pixels make the page large and nothing clearer.
const MAX_POINTS: usize = 600;
/// Marks at most, and the height of the words of each: they stand above one another.
const MAX_MARKS: usize = 8;
const ROW: u32 = 16;
/// Lines of a plot at most.
const MAX_LINES: usize = 64;

/// One line.
#[derive(Debug, Clone)]
pub(in crate::load::page) struct Line {
    pub(in crate::load::page) points: Vec<(f64, f64)>,
    pub(in crate::load::page) ink: Ink,
    pub(in crate::load::page) dashed: bool,
    /// Its points were tried one by one: those that kept the quality have a dot, others a cross.
    pub(in crate::load::page) tried: Option<Vec<bool>>,
}

/// Something to be seen at one place of the axis below.
#[derive(Debug, Clone)]
pub(in crate::load::page) struct Mark {
    pub(in crate::load::page) at: f64,
    pub(in crate::load::page) words: String,
    pub(in crate::load::page) ink: Ink,
}

/// A plot of lines. `None` when there is nothing to show.
pub(in crate::load::page) fn lines(title: &str, lines: &[Line], marks: &[Mark], x: &Scale, y: &Scale) -> Option<Plot> {
    let lines = lines.get(..lines.len().min(MAX_LINES))?;
    if lines.iter().all(|line| line.points.is_empty()) {
        return None;
    }
    let marks = marks.get(..marks.len().min(MAX_MARKS))?;
    Plot::draw(title, HEIGHT + ROW * marks.len() as u32, |area| draw(area, lines, marks, x, y))
}

fn draw(area: &Area<'_>, lines: &[Line], marks: &[Mark], x: &Scale, y: &Scale) -> Drawn {
    let mut chart = ChartBuilder::on(area)
        .margin_right(width_of(4))
        .margin_top(10 + ROW * marks.len() as u32)
        .x_label_area_size(24)
        .y_label_area_size(width_of(y.widest()) + 12)
        .build_cartesian_2d(x.clone(), y.clone())?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .bold_line_style(Ink::Grid.rgb())
        .axis_style(Ink::Grid.rgb())
        .label_style(letters(Ink::Muted))
        .set_all_tick_mark_size(4)
        .draw()?;
    for (row, mark) in marks.iter().enumerate() {
        let place = x.place(mark.at);
        let style = ShapeStyle { color: mark.ink.dashed().to_rgba(), filled: false, stroke_width: 2 };
        chart.draw_series([PathElement::new([(place, y.low), (place, y.high)], style)])?;
        let side = if place > f64::midpoint(x.low, x.high) { HPos::Right } else { HPos::Left };
        let style = letters(mark.ink).pos(Pos::new(side, VPos::Bottom));
        let words = Text::new(mark.words.clone(), (0, -2 - (ROW as i32) * row as i32), style);
        chart.draw_series([EmptyElement::at((place, y.high)) + words])?;
    }
    for line in lines {
        let step = line.points.len().div_ceil(MAX_POINTS).max(1);
        let path: Vec<(f64, f64)> = line.points.iter().step_by(step).map(|(a, b)| (x.place(*a), y.place(*b))).collect();
        let colour = if line.dashed { line.ink.dashed() } else { line.ink.rgb() };
        let style = ShapeStyle { color: colour.to_rgba(), filled: false, stroke_width: 2 };
        let full = ShapeStyle { color: line.ink.rgb().to_rgba(), filled: true, stroke_width: 2 };
        match &line.tried {
            Some(kept) => {
                let dots = path.iter().zip(kept).filter(|(_, kept)| **kept);
                chart.draw_series(dots.map(|(at, _)| Circle::new(*at, 4, full)))?;
                let crosses = path.iter().zip(kept).filter(|(_, kept)| !**kept);
                let bad = ShapeStyle { color: Ink::Bad.rgb().to_rgba(), filled: false, stroke_width: 2 };
                chart.draw_series(crosses.map(|(at, _)| Cross::new(*at, 5, bad)))?;
            }
            // One point makes no line.
            None if path.len() == 1 => {
                chart.draw_series(path.iter().map(|at| Circle::new(*at, 3, full)))?;
            }
            None => {}
        }
        chart.draw_series([PathElement::new(path, style)])?;
    }
    Ok(())
}
