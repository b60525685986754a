//! What relaying costs: `cargo test --release -p colloquy-media-core cost_of_relaying -- --ignored --nocapture`.

use super::*;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

/// How long each direction is measured.
const SPAN: Duration = Duration::from_secs(3);
/// Datagrams on their way at most: more would overflow the sockets and measure what is thrown away.
const WINDOW: u64 = 64;

/// CPU time of the relay's thread, as the kernel counts it.
fn relay_cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let of_relay =
        |task: &std::path::Path| std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "turn\n");
    let relay = tasks.map(|task| task.unwrap().path()).find(|task| of_relay(task)).expect("the relay runs");
    let figures = std::fs::read_to_string(relay.join("schedstat")).unwrap();
    Duration::from_nanos(figures.split(' ').next().unwrap().parse().unwrap())
}

/// Sends by `send` and receives by `receive` for a while, no more than [`WINDOW`] apart.
fn measure(what: &str, send: impl Fn() + Send, receive: impl Fn() -> bool + Sync) {
    let (received, begun, cpu) = (AtomicU64::new(0), Instant::now(), relay_cpu());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while begun.elapsed() < SPAN + Duration::from_millis(100) {
                received.fetch_add(u64::from(receive()), Ordering::Relaxed);
            }
        });
        let mut sent = 0;
        let mut last = (0, Instant::now());
        while begun.elapsed() < SPAN {
            let now = received.load(Ordering::Relaxed);
            if now != last.0 {
                last = (now, Instant::now());
            }
            // What was lost on the way is not waited for.
            if sent - now < WINDOW {
                send();
                sent += 1;
            } else if last.1.elapsed() > Duration::from_millis(20) {
                sent = now;
            }
        }
    });
    let (packets, cpu) = (received.load(Ordering::Relaxed), relay_cpu() - cpu);
    println!(
        "{what}: {:.0} packets/s, {} ns of the relay's CPU a packet, {:.0} % of a core",
        packets as f64 / SPAN.as_secs_f64(),
        cpu.as_nanos() / u128::from(packets.max(1)),
        100.0 * cpu.as_secs_f64() / SPAN.as_secs_f64()
    );
}

#[test]
#[ignore = "a measurement of six seconds"]
fn cost_of_relaying() {
    let house = House::new(|config| {
        config.allow = loopback();
        config.limits.bytes_per_s = 1 << 40;
    });
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = peer.local_addr().unwrap();
    let mut caller = house.caller(Kind::Udp, "p1");
    let relayed = caller.allocate().unwrap();
    assert!(caller.bind(at));
    let (client, packet) = caller.over_channel(at, &[7; 1_200]);
    for socket in [&client, &peer] {
        socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    }
    let server = house.address(Kind::Udp);
    let take = |socket: &UdpSocket| socket.recv(&mut [0; 2_000]).is_ok();
    measure("client to peer", || drop(client.send_to(&packet, server)), || take(&peer));
    measure("peer to client", || drop(peer.send_to(&[7; 1_200], relayed)), || take(&client));
}
