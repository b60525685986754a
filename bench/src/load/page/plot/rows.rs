//! A chart with a row for each name: the names stand at the left, an axis of figures below.

use super::{Area, Ink, Scale, letters, name, width_of};
use plotters::backend::SVGBackend;
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::cartesian::Cartesian2d;

/// Such a chart, with its axes drawn.
pub(super) type Rows<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<Scale, Scale>>;

/// Draws the axes. Names come with the middle of their rows, which are one high each, from the top down; `above` is left free.
pub(super) fn rows<'a, 'n>(
    area: &Area<'a>,
    scale: &Scale,
    names: impl ExactSizeIterator<Item = (f64, &'n str)>,
    above: u32,
) -> Result<Rows<'a>, Box<dyn std::error::Error>> {
    let count = names.len();
    let names = Scale::names(count, names.map(|(middle, of)| (middle, name(of))).collect());
    let mut chart = ChartBuilder::on(area)
        .margin_right(width_of(4))
        .margin_top(above)
        .x_label_area_size(24)
        .y_label_area_size(width_of(names.widest()) + 10)
        .build_cartesian_2d(scale.clone(), names)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .max_light_lines(0)
        .bold_line_style(Ink::Grid.rgb())
        .axis_style(Ink::Grid.rgb())
        .label_style(letters(Ink::Muted))
        .y_label_style(letters(Ink::Text))
        .set_all_tick_mark_size(4)
        .draw()?;
    Ok(chart)
}
