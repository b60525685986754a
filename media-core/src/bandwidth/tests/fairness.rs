//! What the issue asks of several flows on one bottleneck.

use super::link::Link;
use super::tcp::Rule;
use super::viewer::Source;
use super::world::{World, jain};

const ELASTIC: Source = Source::Elastic(10_000_000);

/// Received rates of all flows between two times, bits/s: ours, then the others'.
fn rates(world: &mut World, from_s: f64, to_s: f64) -> Vec<f64> {
    let received = |world: &World| -> Vec<u64> {
        let ours = world.viewers.iter().map(|viewer| viewer.received_bytes);
        ours.chain(world.tcp.iter().map(|tcp| tcp.received_bytes)).collect()
    };
    world.run_until(from_s);
    let before = received(world);
    world.run_until(to_s);
    let after = received(world);
    after.iter().zip(before).map(|(after, before)| (after - before) as f64 * 8.0 / (to_s - from_s)).collect()
}

#[test]
fn equals_share_a_bottleneck() {
    for gap_s in [0.0, 5.0] {
        let mut world = World::new(Link::new(4e6, 300.0));
        for flow in 0..4 {
            world = world.with(ELASTIC, gap_s * f64::from(flow));
        }
        let rates = rates(&mut world, 3.0 * gap_s, 3.0 * gap_s + 60.0);
        let (index, sum, queue_ms) = (jain(&rates), rates.iter().sum::<f64>(), world.queue_p95_ms(10.0));
        println!("equals gap_s={gap_s} jain={index:.3} used={:.2} queue_ms_p95={queue_ms:.0} {rates:.0?}", sum / 4e6);
        assert!(index >= 0.9, "{rates:?}");
        assert!(sum > 0.8 * 4e6 && queue_ms < 100.0, "{sum} {queue_ms}");
    }
}

#[test]
fn a_late_flow_gets_its_part() {
    let mut world = World::new(Link::new(4e6, 300.0)).with(ELASTIC, 0.0).with(ELASTIC, 20.0);
    let rates = rates(&mut world, 20.0, 80.0);
    println!("late jain={:.3} {rates:.0?}", jain(&rates));
    assert!(jain(&rates) >= 0.9, "{rates:?}");
}

/// Ours and the other's, for a minute from when both are there.
fn beside(rule: Rule, link: Link, our_start_s: f64, their_start_s: f64) -> Vec<f64> {
    let mut world = World::new(link).with(ELASTIC, our_start_s).with_tcp(rule, their_start_s);
    let from_s = f64::max(our_start_s, their_start_s);
    rates(&mut world, from_s, from_s + 60.0)
}

#[test]
fn a_flow_that_follows_losses_shares() {
    for (rule, queue_ms, least) in [(Rule::Reno, 250.0, 0.9), (Rule::Cubic, 250.0, 0.7)] {
        let rates = beside(rule, Link::new(4e6, queue_ms), 0.0, 5.0);
        assert!(jain(&rates) >= least, "{queue_ms}: {rates:?}");
    }
    // Where it was there before us, and we never saw the path without its queue, we get less: but we live.
    let rates = beside(Rule::Cubic, Link::new(4e6, 250.0), 10.0, 0.0);
    assert!(rates[0] > 300_000.0, "{rates:?}");
}

#[test]
#[ignore = "prints a table: how a bottleneck is shared with TCP"]
fn table_of_shares() {
    for (rule, name) in [(Rule::Reno, "reno"), (Rule::Cubic, "cubic")] {
        for (queue_ms, rate_bps) in [(200.0, 4e6), (250.0, 4e6), (300.0, 4e6), (250.0, 10e6)] {
            for (ours_s, theirs_s) in [(0.0, 5.0), (0.0, 0.0), (10.0, 0.0)] {
                let rates = beside(rule, Link::new(rate_bps, queue_ms), ours_s, theirs_s);
                println!(
                    "{name} link_bps={rate_bps} queue_ms={queue_ms} starts_s={ours_s}/{theirs_s} jain={:.3} {rates:.0?}",
                    jain(&rates)
                );
            }
        }
    }
}

#[test]
fn the_queue_is_ours_again_when_the_other_ends() {
    let mut world = World::new(Link::new(4e6, 250.0)).with(ELASTIC, 0.0).with_tcp(Rule::Cubic, 5.0);
    world.run_until(40.0);
    world.tcp.clear();
    world.run_until(90.0);
    println!("after the other: queue_ms_p95={:.0} mean={:.0}", world.queue_p95_ms(50.0), world.mean_target(0, 50.0));
    assert!(world.queue_p95_ms(50.0) < 100.0, "{}", world.queue_p95_ms(50.0));
    assert!(world.mean_target(0, 50.0) > 2.8e6);
}

#[test]
fn a_source_with_steps_is_at_its_best_again_when_the_other_ends() {
    for lasts_s in [2.0, 15.0] {
        let mut world = World::layered(Link::new(3.5e6, 250.0)).with_tcp(Rule::Cubic, 10.0);
        world.run_until(10.0);
        assert_eq!(world.viewers[0].rung, 2);
        world.run_until(10.0 + lasts_s);
        world.tcp.clear();
        world.run_until(25.0 + lasts_s);
        let (rung, queue_ms) = (world.viewers[0].rung, world.queue_p95_ms(20.0 + lasts_s));
        println!("after {lasts_s} s of TCP: rung={rung} queue_ms_p95={queue_ms:.0}");
        assert!(rung == 2 && queue_ms < 100.0, "{rung} {queue_ms}");
    }
}
