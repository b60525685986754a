//! Over real sockets of the loopback device.

use super::*;
use crate::driver::testing::{batch_of, wait_for};
use std::collections::BTreeMap;

fn bind(address: &str) -> UdpSocket {
    UdpSocket::bind(address.parse().unwrap(), &SocketOptions::default()).unwrap()
}

fn receive(socket: &mut UdpSocket, count: usize) -> Vec<(Path, Vec<u8>)> {
    let mut got = Vec::new();
    wait_for("datagrams", || {
        socket.recv_batch(|path, bytes| got.push((path, bytes.to_vec()))).unwrap();
        got.len() >= count
    });
    assert_eq!(socket.recv_batch(|_, _| ()).unwrap(), 0, "more came than was sent");
    got
}

fn to(local: SocketAddr, remote: SocketAddr) -> Path {
    Path { local, remote, tcp: false }
}

/// Datagram `i` of a flow: its number, then filling of the wanted length.
fn numbered(flow: u32, i: usize, len: usize) -> Vec<u8> {
    let mut bytes = vec![flow as u8; len];
    bytes[..2].copy_from_slice(&(i as u16).to_be_bytes());
    bytes
}

/// Sends datagrams of mixed sizes on three flows, and sees that each flow's arrive whole and in order.
fn round_trip(host: &str, options: &SocketOptions, receive_options: &SocketOptions) {
    let any = format!("{host}:0").parse().unwrap();
    let mut sender = UdpSocket::bind(any, options).unwrap();
    let mut receivers: Vec<_> = (0..3).map(|_| UdpSocket::bind(any, receive_options).unwrap()).collect();
    let sizes = [1_200, 1_200, 1_200, 700, 1_200, 1_200, 1_300, 1_300, 40, 41, 1_500, 1_500];
    let mut sent: BTreeMap<usize, Vec<Vec<u8>>> = BTreeMap::new();
    let mut datagrams = Vec::new();
    for i in 0..150 {
        let flow = i % 3;
        let bytes = numbered(flow as u32, i, sizes[(i / 3) % sizes.len()]);
        sent.entry(flow).or_default().push(bytes.clone());
        datagrams.push((flow as u32, to(sender.local_addr(), receivers[flow].local_addr()), bytes));
    }
    let local = sender.local_addr();
    let total: usize = datagrams.iter().map(|(_, _, bytes)| bytes.len()).sum();
    let outcome = batch_of(datagrams, move |batch| sender.send_batch(batch));
    assert_eq!((outcome.packets, outcome.bytes, outcome.dropped), (150, total as u64, 0));
    for (flow, receiver) in receivers.iter_mut().enumerate() {
        let at = receiver.local_addr();
        let got = receive(receiver, 50);
        assert!(got.iter().all(|(path, _)| *path == to(at, local)));
        assert_eq!(got.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>(), sent[&flow], "flow {flow} of {host}");
    }
}

#[test]
fn batches_arrive_whole_and_in_order() {
    let plain = SocketOptions { gso: false, gro: false, ..SocketOptions::default() };
    for host in ["127.0.0.1", "[::1]"] {
        for (send, receive) in [(false, false), (false, true), (true, false), (true, true)] {
            let pick = |on| if on { SocketOptions::default() } else { plain };
            round_trip(host, &pick(send), &pick(receive));
        }
    }
}

#[test]
fn equal_datagrams_go_in_few_calls_and_are_parted_again() {
    let (mut sender, mut receiver) = (bind("127.0.0.1:0"), bind("127.0.0.1:0"));
    let path = to(sender.local_addr(), receiver.local_addr());
    let sent: Vec<_> = (0..100).map(|i| numbered(1, i, 500)).collect();
    let outcome =
        batch_of(sent.clone().into_iter().map(move |bytes| (1, path, bytes)), move |batch| sender.send_batch(batch));
    assert_eq!(outcome, SendOutcome { calls: 1, packets: 100, bytes: 50_000, dropped: 0 });
    assert_eq!(receive(&mut receiver, 100).into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>(), sent);
}

#[test]
fn a_wildcard_socket_tells_and_chooses_its_own_address() {
    for (wildcard, ours) in [("0.0.0.0:0", ["127.0.0.1", "127.0.0.2"]), ("[::]:0", ["::1", "::1"])] {
        let mut server = bind(wildcard);
        let port = server.local_addr().port();
        for ip in ours {
            let ours = SocketAddr::new(ip.parse().unwrap(), port);
            let mut client =
                UdpSocket::bind(SocketAddr::new(ip.parse().unwrap(), 0), &SocketOptions::default()).unwrap();
            let there = to(client.local_addr(), ours);
            let (sender, outcome) = batch_of([(1, there, b"ping".to_vec())], move |batch| {
                let outcome = client.send_batch(batch);
                (client, outcome)
            });
            client = sender;
            assert_eq!(outcome.packets, 1);
            let arrived = receive(&mut server, 1);
            let back = to(ours, client.local_addr());
            assert_eq!(arrived, [(back, b"ping".to_vec())]);
            // Three for one flow, so that the source address and the segment size travel together.
            let (sender, outcome) = batch_of(vec![(1, back, b"pong".to_vec()); 3], move |batch| {
                let outcome = server.send_batch(batch);
                (server, outcome)
            });
            server = sender;
            assert_eq!(outcome.packets, 3);
            assert_eq!(receive(&mut client, 3), vec![(there, b"pong".to_vec()); 3]);
        }
    }
}

#[test]
fn only_its_own_datagrams_are_sent() {
    let mut sender = bind("127.0.0.1:0");
    let local = sender.local_addr();
    let remote = "127.0.0.1:9".parse().unwrap();
    let elsewhere = SocketAddr::new(local.ip(), local.port().wrapping_add(1));
    let other = [
        Path { tcp: true, ..to(local, remote) },
        to(elsewhere, remote),
        to("127.0.0.2:1".parse().unwrap(), remote),
        to(local, "[::1]:9".parse().unwrap()),
    ];
    let outcome = batch_of(other.map(|path| (1, path, vec![0; 9])), move |batch| sender.send_batch(batch));
    assert_eq!(outcome, SendOutcome::default());
}

#[test]
fn what_has_no_way_is_dropped_and_the_rest_goes() {
    let (mut sender, mut receiver) = (bind("127.0.0.1:0"), bind("127.0.0.1:0"));
    let (local, remote) = (sender.local_addr(), receiver.local_addr());
    // From 127.0.0.1 there is no way to another network.
    let nowhere = to(local, "192.0.2.200:9".parse().unwrap());
    let datagrams = [(1, nowhere, vec![1; 9]), (1, nowhere, vec![1; 9]), (2, to(local, remote), vec![2; 9])];
    let outcome = batch_of(datagrams, move |batch| sender.send_batch(batch));
    assert_eq!((outcome.packets, outcome.bytes, outcome.dropped), (1, 9, 2));
    assert_eq!(receive(&mut receiver, 1)[0].1, [2; 9]);
}

#[test]
fn a_run_that_the_kernel_refuses_goes_one_by_one() {
    let (mut sender, mut receiver) = (bind("127.0.0.1:0"), bind("127.0.0.1:0"));
    let path = to(sender.local_addr(), receiver.local_addr());
    let sent: Vec<_> = (0..8).map(|i| numbered(3, i, 100)).collect();
    sys::switch_on(sender.as_fd(), Switch::NoChecksum).unwrap();
    let (sender, outcome) = batch_of(sent.clone().into_iter().map(move |bytes| (3, path, bytes)), move |batch| {
        let outcome = sender.send_batch(batch);
        (sender, outcome)
    });
    assert_eq!((outcome.packets, outcome.dropped), (8, 0));
    assert_eq!(receive(&mut receiver, 8).into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>(), sent);
    assert!(sender.sender.refusals == 1 || !sender.sender.gso);
}

/// Nanoseconds that this thread has had of a processor.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

/// Nanoseconds a datagram: of `send_batch` whole, and of gathering alone. `each` datagrams of 1,200 bytes to each of 50 flows.
fn cost(each: usize, options: SocketOptions) -> (u64, u64) {
    const ROUNDS: usize = 200;
    let mut sender = UdpSocket::bind("0.0.0.0:0".parse().unwrap(), &options).unwrap();
    let mut receivers: Vec<_> = (0..50).map(|_| bind("127.0.0.1:0")).collect();
    let local = SocketAddr::new("127.0.0.1".parse().unwrap(), sender.local_addr().port());
    let paths: Vec<_> = receivers.iter().map(|receiver| to(local, receiver.local_addr())).collect();
    // As a forwarder queues them: each packet for everyone, then the next.
    let datagrams = (0..each).flat_map(|_| paths.clone().into_iter().enumerate());
    let datagrams: Vec<_> = datagrams.map(|(flow, path)| (flow as u32, path, vec![7; 1_200])).collect();
    let total = (ROUNDS * datagrams.len()) as u64;
    batch_of(datagrams, move |batch| {
        let mut sending = 0;
        for _ in 0..ROUNDS {
            let before = cpu_ns();
            let outcome = sender.send_batch(batch);
            sending += cpu_ns() - before;
            assert_eq!((outcome.packets, outcome.dropped), (batch.entries().len() as u64, 0));
            for receiver in &mut receivers {
                while receiver.recv_batch(|_, _| ()).unwrap() > 0 {}
            }
        }
        let mut runs = Runs::new();
        let before = cpu_ns();
        for _ in 0..100 * ROUNDS {
            runs.gather(batch, batch.entries(), options.gso, |entry| is_ours(local, &entry.path));
            std::hint::black_box(runs.len());
        }
        (sending / total, (cpu_ns() - before) / (100 * total))
    })
}

#[test]
#[ignore = "a measurement: cargo test --release -p colloquy-media-core cost_of_sending -- --ignored --nocapture"]
fn cost_of_sending() {
    let single = SocketOptions { gso: false, ..SocketOptions::default() };
    for (name, each, options) in [
        ("1 each", 1, SocketOptions::default()),
        ("8 each, one by one", 8, single),
        ("2 each, in runs", 2, SocketOptions::default()),
        ("4 each, in runs", 4, SocketOptions::default()),
        ("8 each, in runs", 8, SocketOptions::default()),
    ] {
        let mut rounds: Vec<_> = (0..5).map(|_| cost(each, options)).collect();
        rounds.sort_unstable();
        let (sending, gathering) = rounds[2];
        println!("50 flows of 1,200 bytes, {name}: {sending} ns a datagram, of which {gathering} ns gathering");
    }
}
