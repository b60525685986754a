//! Whether figures may be believed: they may not when the clients were the bottleneck.

use crate::load::result::{AudienceFigures, Generator, Hold, Joins, LoadShape, Validity};

/// Busier than this, and the threads that play clients may be what is measured.
const MAX_BUSY: f64 = 0.85;
/// Frames left out by a late generator, of all frames.
const MAX_SKIPPED: f64 = 0.001;
/// Datagrams dropped at the clients' sockets, of all that should have come.
const MAX_DROPPED: f64 = 0.000_5;
/// Lateness of 99 in 100 packets: it is part of the latency that is reported.
const MAX_LATE_NS: u64 = 5_000_000;

/// Share of the time that the server may wait for a core that somebody else has. What runs before others is held back for up to
/// 5 % of each second anyway (`kernel.sched_rt_runtime_us`).
const MAX_KEPT_WAITING: f64 = 0.08;

/// Looks for what makes figures worthless; `kept_waiting` is the share of the time that the server waited for a core that somebody
/// else had.
pub(super) fn judge(
    load: &LoadShape,
    hold: &Hold,
    joins: &Joins,
    generator: &Generator,
    kept_waiting: f64,
) -> Validity {
    let mut reasons = Vec::new();
    let delivery = &hold.delivery;
    if kept_waiting > MAX_KEPT_WAITING {
        reasons.push(format!("server_kept_waiting_{:.0}_percent", kept_waiting * 100.0));
    }
    if generator.busiest_share > MAX_BUSY {
        reasons.push(format!("generator_busy_{:.0}_percent", generator.busiest_share * 100.0));
    }
    if generator.lateness.p99_ns > MAX_LATE_NS {
        reasons.push(format!("generator_late_p99_{}_ms", generator.lateness.p99_ns / 1_000_000));
    }
    let frames = generator.frames + generator.skipped;
    if generator.skipped as f64 > MAX_SKIPPED * frames as f64 {
        reasons.push(format!("generator_skipped_{}_of_{frames}_frames", generator.skipped));
    }
    if generator.kernel_drops as f64 > MAX_DROPPED * delivery.expected as f64 {
        reasons.push(format!("generator_dropped_{}_datagrams", generator.kernel_drops));
    }
    if generator.unsent as f64 > MAX_DROPPED * delivery.sent as f64 {
        reasons.push(format!("generator_could_not_send_{}_datagrams", generator.unsent));
    }
    if delivery.received == 0 {
        reasons.push("nothing_received".to_owned());
    }
    if let Some(mixed) = hold.mixed.filter(|mixed| mixed.hearers < mixed.participants) {
        // What it costs to mix nothing says nothing.
        reasons.push(format!("sound_heard_by_{}_of_{}", mixed.hearers, mixed.participants));
    }
    if let Some(mixed) = hold.mixed.filter(|mixed| mixed.echoed > 0) {
        reasons.push(format!("own_sound_heard_by_{}", mixed.echoed));
    }
    if joins.tried == 0 || (load.viewers > 0 && joins.failed == joins.tried) {
        reasons.push("nobody_joined".to_owned());
    }
    Validity { valid: reasons.is_empty(), reasons }
}

/// Adds what makes figures of a changing audience worthless.
pub(super) fn judge_audience(audience: &AudienceFigures, validity: &mut Validity) {
    if audience.changes == 0 {
        validity.reasons.push("nothing_changed".to_owned());
    }
    if audience.not_judged > 0 {
        validity.reasons.push(format!("generator_could_not_judge_{}_packets", audience.not_judged));
    }
    validity.valid = validity.reasons.is_empty();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::result::{Delivery, Latencies, Mixed};

    fn good() -> (LoadShape, Hold, Joins, Generator) {
        let delivery = Delivery { sent: 1_000, expected: 10_000, received: 9_000, lost: 1_000, ..Delivery::default() };
        let joins = Joins { tried: 10, failed: 1, ..Joins::default() };
        let hold = Hold { delivery, ..Hold::default() };
        (LoadShape::default(), hold, joins, Generator { frames: 1_000, ..Generator::default() })
    }

    #[test]
    fn what_the_server_does_badly_is_valid() {
        let (load, hold, joins, generator) = good();
        assert!(judge(&load, &hold, &joins, &generator, 0.05).valid);
    }

    #[test]
    fn a_generator_that_is_the_bottleneck_is_told() {
        let (load, hold, joins, generator) = good();
        let late = Latencies { p99_ns: 9_000_000, ..Latencies::default() };
        for (broken, word) in [
            (Generator { busiest_share: 0.93, ..generator.clone() }, "generator_busy_93_percent"),
            (Generator { lateness: late, ..generator.clone() }, "generator_late_p99_9_ms"),
            (Generator { skipped: 3, ..generator.clone() }, "generator_skipped_3_of_1003_frames"),
            (Generator { kernel_drops: 6, ..generator.clone() }, "generator_dropped_6_datagrams"),
            (Generator { unsent: 1, ..generator.clone() }, "generator_could_not_send_1_datagrams"),
        ] {
            let judged = judge(&load, &hold, &joins, &broken, 0.0);
            assert!(!judged.valid && judged.reasons == [word], "{judged:?}");
        }
        let nothing = Hold { delivery: Delivery { received: 0, ..hold.delivery }, ..hold.clone() };
        let mixed = Some(Mixed { participants: 9, hearers: 7, ..Mixed::default() });
        let silent = Hold { mixed, ..hold.clone() };
        assert_eq!(judge(&load, &silent, &joins, &generator, 0.0).reasons, ["sound_heard_by_7_of_9"]);
        let echo = Hold { mixed: Some(Mixed { echoed: 1, ..Mixed::default() }), ..hold.clone() };
        assert_eq!(judge(&load, &echo, &joins, &generator, 0.0).reasons, ["own_sound_heard_by_1"]);
        assert_eq!(judge(&load, &nothing, &joins, &generator, 0.0).reasons, ["nothing_received"]);
        let disturbed = judge(&load, &hold, &joins, &generator, 0.2);
        assert_eq!(disturbed.reasons, ["server_kept_waiting_20_percent"]);
    }
}
