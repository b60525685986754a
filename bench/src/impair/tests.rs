//! The relay over real sockets.

use super::{LinkWish, Relay, RelayOptions, Wish};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

fn socket() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[test]
fn each_client_has_his_own_way_to_the_server_and_back() {
    let (server, to) = socket();
    let relay = Relay::start(&RelayOptions::new(to)).unwrap();
    let clients = [socket(), socket()];
    let mut buffer = [0; 100];
    let mut seen = Vec::new();
    for (i, (client, _)) in clients.iter().enumerate() {
        client.send_to(&[i as u8], relay.addresses()[0]).unwrap();
        let (len, from) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(buffer[..len], [i as u8]);
        seen.push(from);
    }
    assert_ne!(seen[0], seen[1]);
    for (i, from) in seen.iter().enumerate() {
        server.send_to(&[10 + i as u8], from).unwrap();
    }
    for (i, (client, address)) in clients.iter().enumerate() {
        let (_, from) = client.recv_from(&mut buffer).unwrap();
        assert_eq!((buffer[0], from), (10 + i as u8, relay.addresses()[0]));
        let counts = relay.counts().into_iter().find(|counts| counts.client == *address).unwrap();
        assert_eq!((counts.seen_as, counts.up.datagrams, counts.down.datagrams), (seen[i], 1, 1));
    }
}

#[test]
fn links_change_while_it_runs_for_all_or_for_one() {
    let (server, to) = socket();
    let relay = Relay::start(&RelayOptions::new(to)).unwrap();
    let [(near, near_at), (far, _)] = [socket(), socket()];
    let mut buffer = [0; 100];
    let late = LinkWish { delay_ms: Some(60), ..LinkWish::default() };
    relay.change(Wish { up: Some(late), ..Wish::default() });
    let began = Instant::now();
    far.send_to(b"far", relay.addresses()[0]).unwrap();
    server.recv_from(&mut buffer).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(60), "{:?}", began.elapsed());

    near.send_to(b"first", relay.addresses()[0]).unwrap();
    server.recv_from(&mut buffer).unwrap();
    let cut = LinkWish { loss: Some(1.0), ..LinkWish::default() };
    relay.change(Wish { client: Some(near_at), up: Some(cut), ..Wish::default() });
    // Orders are obeyed one after the other: once this is answered, the change has been made.
    assert_eq!(relay.counts().len(), 2);
    near.send_to(b"lost", relay.addresses()[0]).unwrap();
    far.send_to(b"kept", relay.addresses()[0]).unwrap();
    let (len, _) = server.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..len], b"kept");
    let counts = relay.counts().into_iter().find(|counts| counts.client == near_at).unwrap();
    assert_eq!((counts.up.datagrams, counts.up.lost), (2, 1));
}

#[test]
fn a_shared_rate_is_divided() {
    let (server, to) = socket();
    let mut options = RelayOptions::new(to);
    options.shared = true;
    options.up.rate_bps = Some(1_000_000);
    let relay = Relay::start(&options).unwrap();
    let clients = [socket(), socket()];
    // 20 ms of the link each, and no queue is long enough to drop.
    let began = Instant::now();
    for _ in 0..5 {
        for (client, _) in &clients {
            client.send_to(&[0; 472], relay.addresses()[0]).unwrap();
        }
    }
    let mut buffer = [0; 1000];
    for _ in 0..10 {
        server.recv_from(&mut buffer).unwrap();
    }
    // The last of ten leaves after 40 ms; the first has gone to the kernel at once.
    assert!(began.elapsed() >= Duration::from_millis(38), "{:?}", began.elapsed());
}
