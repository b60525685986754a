//! What the issue asks of one viewer.

use super::link::{Link, Random};
use super::viewer::{RUNGS, Source};
use super::world::World;

const TOP: usize = RUNGS.len() - 1;

fn link(rate_bps: f64, queue_ms: f64) -> Link {
    Link::new(rate_bps, queue_ms)
}

#[test]
fn three_megabits_are_usable_within_three_seconds() {
    for (rate_bps, feedback_ms) in [(5e6, 50), (5e6, 100), (0.0, 50), (0.0, 100), (3.2e6, 100)] {
        let mut world = World::layered(link(rate_bps, 300.0));
        world.viewers[0].set_feedback_ms(feedback_ms);
        world.run_until(10.0);
        let took_s = world.settled_s(0.0, |sample| sample.viewers[0].3 == TOP);
        println!("ramp link={rate_bps} feedback_ms={feedback_ms} ramp_s={took_s:.2}");
        assert!(took_s <= 3.0, "{rate_bps} at {feedback_ms} ms: {took_s}");
        assert!(world.mean_target(0, 5.0) >= 2.6e6, "{}", world.mean_target(0, 5.0));
    }
}

#[test]
fn a_drop_drains_within_a_second_and_the_layer_comes_back_within_five() {
    for (queue_ms, feedback_ms, loss) in
        [(300.0, 50, 0.0), (1_000.0, 50, 0.0), (1_000.0, 75, 0.0), (300.0, 100, 0.0), (1_000.0, 50, 0.02)]
    {
        let mut world = World::layered(link(3e6, queue_ms));
        world.link.loss = loss;
        world.viewers[0].set_feedback_ms(feedback_ms);
        world.run_until(20.0);
        assert_eq!(world.viewers[0].rung, TOP, "before the drop");
        world.link.rate_bps = 5e5;
        world.run_until(45.3);
        assert_eq!(world.viewers[0].rung, 0, "500 kb/s hold no more");
        let drained_s = world.settled_s(20.0, |sample| sample.s > 45.0 || sample.queue_ms < 200.0);
        let blips = world.queue_p95_ms(25.0);
        world.link.rate_bps = 3e6;
        world.run_until(60.0);
        let recovered_s = world.settled_s(45.3, |sample| sample.viewers[0].3 == TOP);
        println!(
            "drop queue_ms={queue_ms} feedback_ms={feedback_ms} loss={loss} drained_s={drained_s:.2} \
             recover_s={recovered_s:.2} queue_ms_p95={blips:.0}"
        );
        assert!(drained_s <= 1.0, "{queue_ms} ms at {feedback_ms} ms: {drained_s}");
        assert!(recovered_s <= 5.0, "{queue_ms} ms at {feedback_ms} ms: {recovered_s}");
    }
}

#[test]
fn a_steady_link_gets_a_steady_layer() {
    let cases = [
        (4e5, 0, 0.0, 0.0),
        (1e6, 1, 0.0, 0.0),
        (3e6, 2, 0.0, 0.0),
        (1e6, 1, 0.02, 0.0),
        (3e6, 2, 0.02, 0.0),
        (1e6, 1, 0.0, 20.0),
        (3e6, 2, 0.0, 20.0),
        (3e6, 2, 0.02, 10.0),
        (2.5e6, 1, 0.0, 0.0),
        (6e5, 1, 0.0, 0.0),
        (6.5e5, 1, 0.0, 10.0),
    ];
    for (rate_bps, rung, loss, jitter_ms) in cases {
        let mut world = World::layered(link(rate_bps, 500.0));
        (world.link.loss, world.link.jitter_ms) = (loss, jitter_ms);
        world.run_until(65.0);
        let viewer = &world.viewers[0];
        let changes = viewer.changes_between(5.0, 65.0);
        let queue_ms = world.queue_p95_ms(5.0);
        println!(
            "steady link={rate_bps} loss={loss} jitter_ms={jitter_ms} rung={} switches_per_min={changes} queue_ms_p95={queue_ms:.0} mean={:.0}",
            viewer.rung,
            world.mean_target(0, 5.0)
        );
        assert!(changes < 2, "{rate_bps} {loss} {jitter_ms}: {changes} a minute");
        assert_eq!(viewer.rung, rung, "{rate_bps} {loss} {jitter_ms}");
        assert!(queue_ms < 100.0, "{rate_bps} {loss} {jitter_ms}: {queue_ms}");
    }
}

#[test]
fn random_loss_is_no_congestion() {
    for loss in [0.1, 0.3] {
        for source in [Source::Layered, Source::Elastic(10_000_000)] {
            let mut world = World::new(link(3.2e6, 300.0)).with(source, 0.0);
            world.link.loss = loss;
            world.run_until(40.0);
            let mean_bps = world.mean_target(0, 10.0);
            println!("loss={loss} layered={} mean={mean_bps:.0}", source == Source::Layered);
            let least_bps = if loss > 0.2 { 1e6 } else { 2e6 };
            assert!(mean_bps > least_bps, "{loss}: {mean_bps}");
            assert!(world.queue_p95_ms(10.0) < 100.0, "{loss}: {}", world.queue_p95_ms(10.0));
        }
    }
}

#[test]
fn a_policer_is_told_from_random_loss() {
    let mut world = World::new(link(0.0, 0.0)).with(Source::Elastic(10_000_000), 0.0);
    world.link.policer_bps = 2e6;
    world.run_until(60.0);
    let viewer = &world.viewers[0];
    let lost = 1.0 - viewer.received_bytes as f64 / viewer.sent_bytes as f64;
    println!("policer lost={lost:.3} mean={:.0}", world.mean_target(0, 10.0));
    assert!(lost < 0.1, "{lost}");
    assert!(world.mean_target(0, 10.0) > 1.2e6, "{}", world.mean_target(0, 10.0));
}

#[test]
fn lost_feedback_is_borne_and_none_at_all_lowers_the_rate() {
    let mut world = World::layered(link(5e6, 300.0));
    world.viewers[0].feedback_loss = 0.2;
    world.run_until(30.0);
    assert_eq!(world.viewers[0].rung, TOP);
    assert!(world.viewers[0].changes_between(5.0, 30.0) < 2);
    assert!(world.viewers[0].bandwidth.stats().lost_feedback > 10);
    world.viewers[0].feedback_loss = 1.0;
    world.run_until(45.0);
    assert!(world.viewers[0].bandwidth.target_bps() < 200_000, "{}", world.viewers[0].bandwidth.target_bps());
    world.viewers[0].feedback_loss = 0.0;
    world.run_until(55.0);
    assert_eq!(world.viewers[0].rung, TOP, "and back");
}

#[test]
fn a_longer_path_is_learnt() {
    let mut world = World::layered(link(5e6, 300.0));
    world.run_until(20.0).link.delay_ms = 120.0;
    world.run_until(50.0);
    let recovered_s = world.settled_s(20.0, |sample| sample.viewers[0].3 == TOP);
    println!("path +100 ms: back after {recovered_s:.1} s");
    assert!(recovered_s < 20.0, "{recovered_s}");
}

#[test]
fn a_path_that_stalls_now_and_then_is_not_taken_for_a_wide_one() {
    for (rate_bps, stall_ms, every_ms) in [
        (3.5e5, 40.0, 300.0),
        (3.5e5, 100.0, 500.0),
        (3.5e5, 200.0, 1_000.0),
        (3.5e5, 300.0, 1_500.0),
        (1e6, 100.0, 500.0),
    ] {
        let changes = (1..=4).map(|seed| {
            let mut world = World::layered(link(rate_bps, 200.0));
            world.link.random = Random::new(seed);
            (world.link.stall_ms, world.link.stall_every_ms) = (stall_ms, every_ms);
            world.run_until(65.0);
            world.viewers[0].changes_between(5.0, 65.0)
        });
        let changes: usize = changes.sum();
        println!("stalls link={rate_bps} stall_ms={stall_ms} every_ms={every_ms} switches_in_4_min={changes}");
        assert!(changes < 3, "{rate_bps} {stall_ms} {every_ms}: {changes} in four minutes");
    }
}
