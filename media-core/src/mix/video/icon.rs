//! The three marks, drawn as shapes.

use super::text::Mask;

/// What a mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Icon {
    /// A crossed-out microphone.
    Muted,
    /// Two bars.
    Frozen,
    /// A padlock.
    Private,
}

/// Points looked at in each direction of a pixel.
const SAMPLES: u32 = 4;

/// A mark in a square of so many pixels, in a mask of its own.
pub(super) fn draw(icon: Icon, side: u32) -> Mask {
    let mut mask = Mask::new(side, side);
    let step = 1.0 / (side * SAMPLES).max(1) as f32;
    for (x, y) in (0..side).flat_map(|y| (0..side).map(move |x| (x, y))) {
        let points = (0..SAMPLES).flat_map(|v| (0..SAMPLES).map(move |u| (u, v)));
        let place = |pixel: u32, sample: u32| ((pixel * SAMPLES + sample) as f32 + 0.5) * step;
        let hits = points.filter(|(u, v)| is_inside(icon, place(x, *u), place(y, *v))).count();
        mask.cover(x, y, (hits * 255 / (SAMPLES * SAMPLES) as usize) as u8);
    }
    mask
}

/// Whether a point of the unit square is of the shape.
fn is_inside(icon: Icon, x: f32, y: f32) -> bool {
    match icon {
        Icon::Muted => {
            let slash = distance_to_line(x, y, (0.15, 0.1), (0.85, 0.9));
            slash < 0.05 || (slash > 0.12 && is_microphone(x, y))
        }
        Icon::Frozen => (0.15..0.85).contains(&y) && ((0.24..0.42).contains(&x) || (0.58..0.76).contains(&x)),
        Icon::Private => {
            let body = (0.45..0.88).contains(&y) && (0.2..0.8).contains(&x);
            let arc = distance(x, y, 0.5, 0.38);
            let shackle = y <= 0.45 && (0.17..0.27).contains(&if y < 0.38 { arc } else { (x - 0.5).abs() });
            body && distance(x, y, 0.5, 0.66) > 0.08 || shackle
        }
    }
}

fn is_microphone(x: f32, y: f32) -> bool {
    let capsule = distance(x, y, 0.5, y.clamp(0.24, 0.46)) < 0.14;
    let around = distance(x, y, 0.5, y.clamp(0.0, 0.46));
    let holder = y > 0.42 && (0.2..0.27).contains(&around);
    let stand = (0.7..0.88).contains(&y) && (x - 0.5).abs() < 0.04;
    let foot = (0.83..0.9).contains(&y) && (x - 0.5).abs() < 0.18;
    capsule || holder || stand || foot
}

fn distance(x: f32, y: f32, to_x: f32, to_y: f32) -> f32 {
    ((x - to_x).powi(2) + (y - to_y).powi(2)).sqrt()
}

fn distance_to_line(x: f32, y: f32, from: (f32, f32), to: (f32, f32)) -> f32 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let along = (((x - from.0) * dx + (y - from.1) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
    distance(x, y, from.0 + along * dx, from.1 + along * dy)
}
