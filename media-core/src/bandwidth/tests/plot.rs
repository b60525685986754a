//! A scenario as CSV, to plot: `cargo test -p colloquy-media-core --lib bandwidth -- --ignored --nocapture csv`, with the
//! scenario's name in `SCENARIO`.

use super::link::Link;
use super::tcp::Rule;
use super::viewer::Source;
use super::world::World;

fn scenario(name: &str) -> World {
    match name {
        "ramp" => {
            let mut world = World::layered(Link::new(5e6, 300.0));
            world.run_until(15.0);
            world
        }
        "elastic" => {
            let mut world = World::new(Link::new(4e6, 300.0));
            for flow in 0..4 {
                world = world.with(Source::Elastic(10_000_000), f64::from(flow) * 5.0);
            }
            world.run_until(90.0);
            world
        }
        "reno" | "cubic" => {
            let rule = if name == "reno" { Rule::Reno } else { Rule::Cubic };
            let link = Link::new(4e6, 250.0);
            let mut world = World::new(link).with(Source::Elastic(10_000_000), 0.0).with_tcp(rule, 5.0);
            world.run_until(65.0);
            world
        }
        "late" => {
            let link = Link::new(4e6, 250.0);
            let mut world = World::new(link).with(Source::Elastic(10_000_000), 10.0).with_tcp(Rule::Cubic, 0.0);
            world.run_until(70.0);
            world
        }
        "jitter" => {
            let mut link = Link::new(3e6, 500.0);
            (link.loss, link.jitter_ms) = (0.0, 20.0);
            let mut world = World::layered(link);
            world.run_until(65.0);
            world
        }
        "narrow" => {
            let mut world = World::layered(Link::new(6e5, 500.0));
            world.run_until(40.0);
            world
        }
        "silence" => {
            let mut world = World::layered(Link::new(5e6, 300.0));
            world.run_until(5.0).viewers[0].feedback_loss = 1.0;
            world.run_until(20.0).viewers[0].feedback_loss = 0.0;
            world.run_until(40.0);
            world
        }
        "loss" => {
            let mut link = Link::new(3e6, 300.0);
            link.loss = 0.1;
            let mut world = World::layered(link);
            world.run_until(60.0);
            world
        }
        _ => {
            let mut world = World::layered(Link::new(3e6, 1_000.0));
            world.run_until(20.0).link.rate_bps = 5e5;
            world.run_until(40.0).link.rate_bps = 3e6;
            world.run_until(60.0);
            world
        }
    }
}

#[test]
#[ignore = "prints a table to plot"]
fn csv() {
    let name = std::env::var("SCENARIO").unwrap_or_else(|_| "drop".to_owned());
    let world = scenario(&name);
    let mut before = vec![0; world.viewers.len()];
    println!("time_s,viewer,capacity_bps,target_bps,acked_bps,sent_bps,rung,queue_ms,seen_queue_ms");
    for sample in world.samples.iter().skip(4).step_by(5) {
        for (index, &(target, acked, sent_bytes, rung, seen)) in sample.viewers.iter().enumerate() {
            let sent_bps = (sent_bytes - before[index]) * 8 * 10;
            before[index] = sent_bytes;
            let (capacity, queue) = (sample.capacity_bps as u64, sample.queue_ms);
            println!("{:.1},{index},{capacity},{target},{acked},{sent_bps},{rung},{queue:.0},{seen:.0}", sample.s);
        }
    }
    for viewer in &world.viewers {
        println!("# {:?} {:?}", viewer.bandwidth.stats(), viewer.pacer.stats());
    }
    for tcp in &world.tcp {
        println!("# tcp mean bps {}", tcp.received_bytes as f64 * 8.0 / (world.now_us - tcp.start_us) as f64 * 1e6);
    }
}
