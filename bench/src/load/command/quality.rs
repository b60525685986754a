//! Whether a measurement kept the quality that its scenario states (`keep`).

use crate::load::result::Repeat;
use crate::load::scenario::Keep;

/// What of a quality a measurement did not keep.
pub(super) fn broken(repeat: &Repeat, keep: &Keep) -> Vec<String> {
    let (hold, joins) = (&repeat.hold, &repeat.joins);
    let failed_pct = joins.failed as f64 * 100.0 / joins.tried.max(1) as f64;
    let ms = |ns: u64| ns as f64 / 1e6;
    let mut figures = vec![
        ("loss_pct", hold.delivery.loss_pct, keep.loss_pct),
        ("p50_ms", ms(hold.latency.p50_ns), keep.p50_ms),
        ("p99_ms", ms(hold.latency.p99_ns), keep.p99_ms),
        ("failed_joins_pct", failed_pct, keep.failed_joins_pct),
        ("join_p99_ms", ms(joins.connected.p99_ns), keep.join_p99_ms),
    ];
    if let Some(audience) = &repeat.audience {
        figures.extend([
            ("effect_p99_ms", ms(audience.effect_p99_ns()), keep.effect_p99_ms),
            ("leaked_packets", audience.leaked_packets as f64, keep.leaked_packets as f64),
            // There is no number of these that would do.
            ("sound_never_began", audience.sound_never_began as f64, 0.0),
            ("changes_failed", (audience.refused + audience.unanswered) as f64, 0.0),
        ]);
    }
    let over = figures.into_iter().filter(|(_, value, limit)| value > limit);
    over.map(|(name, value, limit)| format!("{name}_{value:.3}_over_{limit}")).collect()
}

/// What at least one of several measurements did not keep.
pub(super) fn broken_in_any(repeats: &[Repeat], keep: &Keep) -> Vec<String> {
    repeats.iter().flat_map(|repeat| broken(repeat, keep)).collect()
}
