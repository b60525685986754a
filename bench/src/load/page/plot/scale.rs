//! Axes: from where to where, and where the numbers stand. Every axis has a handful of them, whatever the figures are.

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use std::ops::Range;

/// Numbers on a linear axis at most, the first included.
const TICKS: usize = 6;
/// Powers of ten on a logarithmic axis at most; beyond, every second or third is told.
const DECADES: i32 = 5;
/// Figures beyond are drawn at the edge.
const LARGEST: f64 = 1e15;

/// An axis.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::load::page) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    /// Place and words.
    pub(super) ticks: Vec<(f64, String)>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Linear,
    Log,
    /// Shares of all values, the last ones spread out: 90 %, 99 %, 99.9 %, .. at equal distances.
    Share,
}

impl Scale {
    /// From nothing to the largest of the figures, which is given room.
    pub(in crate::load::page) fn linear(largest: f64, words: fn(f64) -> String) -> Self {
        // What is nothing all along is shown at the bottom of something.
        let high = if largest.is_finite() && largest > 0.0 { largest.clamp(1e-6, LARGEST) } else { 1.0 };
        let step = step(high / (TICKS - 1) as f64);
        let count = (high / step).ceil() as usize;
        let ticks = (0..=count).map(|index| index as f64 * step).map(|value| (value, words(value))).collect();
        Self { low: 0.0, high: count as f64 * step, ticks, kind: Kind::Linear }
    }

    /// As far as something went.
    pub(in crate::load::page) fn until(end: f64, words: fn(f64) -> String) -> Self {
        let mut scale = Self::linear(end, words);
        scale.high = end.clamp(1e-6, LARGEST);
        let high = scale.high;
        scale.ticks.retain(|(value, _)| *value <= high);
        scale
    }

    /// Powers of ten from the smallest to the largest of figures, which must not be nothing.
    pub(in crate::load::page) fn log(figures: impl IntoIterator<Item = f64>, words: fn(f64) -> String) -> Self {
        let usable = figures.into_iter().filter(|value| *value > 0.0 && value.is_finite());
        let (low, high) = usable.fold((f64::MAX, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if high > 0.0 { (low.clamp(1e-6, LARGEST), high.clamp(1e-6, LARGEST)) } else { (1.0, 10.0) };
        // A figure on the edge would be cut in half.
        let (low, high) = ((low * 0.9).log10(), (high * 1.1).log10());
        let (first, last) = (low.floor() as i32, high.ceil() as i32);
        let span = last - first;
        let each = span / DECADES + 1;
        let within: &[f64] = match span {
            ..=1 => &[1.0, 2.0, 5.0],
            2 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let mut ticks = Vec::new();
        for decade in (first..=last).step_by(each as usize) {
            for part in within {
                let value = 10_f64.powi(decade) * part;
                ticks.push((value.log10(), words(value)));
            }
        }
        // A narrow range may lie between two numbers: it grows to the next ones.
        let low = ticks.iter().map(|(place, _)| *place).filter(|place| *place <= low).fold(f64::from(first), f64::max);
        let high = ticks.iter().map(|(place, _)| *place).filter(|place| *place >= high).fold(f64::from(last), f64::min);
        ticks.retain(|(place, _)| (low - 1e-9..=high + 1e-9).contains(place));
        Self { low, high, ticks, kind: Kind::Log }
    }

    /// Shares, from half of all values to all but one of so many.
    pub(in crate::load::page) fn shares(values: u64) -> Self {
        let last = (values.max(100) as f64).log10().min(6.0);
        let half = 2_f64.log10();
        let named = ["90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %"];
        let mut ticks = vec![(half, "50 %".to_owned())];
        ticks.extend(named.iter().enumerate().map(|(index, name)| ((index + 1) as f64, (*name).to_owned())));
        ticks.retain(|(place, _)| *place <= last);
        Self { low: half, high: last, ticks, kind: Kind::Share }
    }

    /// So many rows, with a name at its place for each.
    pub(super) fn names(rows: usize, names: Vec<(f64, String)>) -> Self {
        Self { low: 0.0, high: rows as f64, ticks: names, kind: Kind::Linear }
    }

    /// Where a figure lies, in the plot's own measure.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = match self.kind {
            Kind::Linear => value,
            Kind::Log => value.max(1e-9).log10(),
            Kind::Share => -(1.0 - value).max(1e-12).log10(),
        };
        if place.is_finite() { place.clamp(self.low, self.high) } else { self.low }
    }

    /// Letters of the longest number.
    pub(super) fn widest(&self) -> usize {
        self.ticks.iter().map(|(_, words)| words.chars().count()).max().unwrap_or(0)
    }
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (place - self.low) / (self.high - self.low);
        from + (share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|(place, _)| *place).collect()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Scale {
    fn format(place: &f64) -> String {
        place.to_string()
    }

    fn format_ext(&self, place: &f64) -> String {
        let near = |tick: &&(f64, String)| (tick.0 - place).abs() < 1e-9 * (1.0 + place.abs());
        self.ticks.iter().find(near).map(|(_, words)| words.clone()).unwrap_or_default()
    }
}

/// The next of 1, 2, 5, 10, .. from a distance on.
fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|part| part * power).find(|step| *step >= least * 0.999_999).unwrap_or(power * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::page::number::short;
    use proptest::prelude::*;

    fn words(scale: &Scale) -> Vec<&str> {
        scale.ticks.iter().map(|(_, words)| words.as_str()).collect()
    }

    #[test]
    fn axes_have_round_numbers() {
        assert_eq!(words(&Scale::linear(4_700.0, short)), ["0", "1,000", "2,000", "3,000", "4,000", "5,000"]);
        assert_eq!(words(&Scale::log([90.0, 40_000.0], short)), ["10", "100", "1,000", "10\u{a0}k", "100\u{a0}k"]);
        assert_eq!(words(&Scale::log([130.0, 400.0], short)), ["100", "200", "500"]);
        assert_eq!(words(&Scale::shares(20_000)), ["50 %", "90 %", "99 %", "99.9 %", "99.99 %"]);
        assert_eq!(words(&Scale::until(2.0, short)), ["0", "0.5", "1", "1.5", "2"]);
    }

    proptest! {
        #[test]
        fn any_figures_have_an_axis(figures in proptest::collection::vec(proptest::num::f64::ANY, 0..5)) {
            let scales = figures.iter().map(|largest| Scale::linear(*largest, short)).chain([Scale::log(figures.clone(), short)]);
            for scale in scales {
                prop_assert!(scale.low < scale.high && (2..20).contains(&scale.ticks.len()), "{scale:?}");
                for figure in &figures {
                    prop_assert!((scale.low..=scale.high).contains(&scale.place(*figure)));
                }
            }
        }
    }
}
