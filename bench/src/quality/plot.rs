//! A scenario over time, as a picture.

use super::play::Played;
use anyhow::{Result, anyhow};
use plotters::prelude::*;
use std::path::Path;

const SIZE: (u32, u32) = (1_000, 640);
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 90, 200), RGBColor(0, 150, 80), RGBColor(230, 130, 0), RGBColor(120, 120, 120)];

/// Writes an SVG: rates above, layer and queue below, of the first viewer.
pub(super) fn write(played: &Played, path: &Path) -> Result<()> {
    draw(played, path).map_err(|error| anyhow!("{}: {error}", path.display()))
}

fn draw(played: &Played, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let Some(samples) = played.viewers.first().map(|viewer| &viewer.samples) else { return Ok(()) };
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let root = root.titled(&format!("{} ({})", played.scenario.name(), played.stage), ("sans-serif", 20))?;
    let (rates, layers) = root.split_vertically(400);
    let end = samples.last().map_or(1.0, |sample| sample.at_s);
    let mbps = |bps: u64| bps as f64 / 1e6;
    let top = samples.iter().map(|s| mbps(s.target_bps.max(s.sent_bps))).fold(0.5, f64::max) * 1.1;
    let mut chart = ChartBuilder::on(&rates)
        .margin(8)
        .x_label_area_size(24)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..end, 0.0..top)?;
    chart.configure_mesh().y_desc("Mb/s").draw()?;
    type Of = fn(&super::play::Sample) -> Option<u64>;
    let series: [(&str, Of); 4] = [
        ("target", |s| Some(s.target_bps)),
        ("arrived", |s| Some(s.acknowledged_bps)),
        ("sent", |s| Some(s.sent_bps)),
        ("capacity", |s| s.capacity_bps),
    ];
    for ((name, of), colour) in series.into_iter().zip(COLOURS) {
        let points = samples.iter().filter_map(|s| Some((s.at_s, mbps(of(s)?).min(top))));
        chart
            .draw_series(LineSeries::new(points, &colour))?
            .label(name)
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 20, y)], colour));
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(BLACK).draw()?;

    let slowest = samples.iter().map(|s| s.queue_ms).fold(50.0, f64::max) * 1.1;
    let mut chart = ChartBuilder::on(&layers)
        .margin(8)
        .x_label_area_size(28)
        .y_label_area_size(48)
        .right_y_label_area_size(48)
        .build_cartesian_2d(0.0..end, 0.0..9.5)?
        .set_secondary_coord(0.0..end, 0.0..slowest);
    chart.configure_mesh().x_desc("s").y_desc("layer: 3 x (encoding + spatial) + temporal + 1").draw()?;
    chart.configure_secondary_axes().y_desc("queue, ms").draw()?;
    let queue = samples.iter().map(|s| (s.at_s, s.queue_ms));
    chart
        .draw_secondary_series(LineSeries::new(queue, &COLOURS[3]))?
        .label("queue")
        .legend(|(x, y)| PathElement::new(vec![(x, y), (x + 20, y)], COLOURS[3]));
    let layer = samples
        .iter()
        .map(|s| (s.at_s, s.layer.map_or(0.0, |l| f64::from(3 * (l.encoding + l.spatial) + l.temporal + 1))));
    chart
        .draw_series(LineSeries::new(layer, &COLOURS[0]))?
        .label("layer")
        .legend(|(x, y)| PathElement::new(vec![(x, y), (x + 20, y)], COLOURS[0]));
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(BLACK).draw()?;
    root.present()?;
    Ok(())
}
