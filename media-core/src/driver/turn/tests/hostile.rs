//! What hostile clients do to sockets.

use super::*;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

fn connect(house: &House, kind: Kind) -> TcpStream {
    let stream = TcpStream::connect(house.address(kind)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream
}

/// Whether the other side closed it, within the patience of the stream.
fn is_closed(stream: &mut TcpStream) -> bool {
    let mut space = [0; 256];
    loop {
        match stream.read(&mut space) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(e) => return e.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

#[test]
fn rubbish_on_a_stream_closes_it_at_once() {
    let house = House::new(|_| {});
    let rubbish: [&[u8]; 4] =
        [b"GET / HTTP/1.1\r\n\r\n", &[0xFF], &[0, 1, 0, 3, 0x21, 0x12, 0xA4, 0x42], &[0x40, 0, 0xFF, 0xFF]];
    for bytes in rubbish {
        let mut stream = connect(&house, Kind::Tcp);
        stream.write_all(bytes).unwrap();
        assert!(is_closed(&mut stream), "{bytes:02x?}");
    }
    let mut stream = connect(&house, Kind::Tls);
    stream.write_all(b"\x00\x01\x00\x00\x21\x12\xa4\x42 no TLS at all").unwrap();
    assert!(is_closed(&mut stream));
    wait_for("the counts", || house.refusals(Refused::Stream) == 5);
}

#[test]
fn a_connection_that_leads_to_nothing_is_closed_however_it_trickles() {
    let house = House::new(|config| config.unused_stream = Duration::from_millis(200));
    let mut silent = connect(&house, Kind::Tcp);
    let mut stalled = connect(&house, Kind::Tls);
    let mut trickling = connect(&house, Kind::Tcp);
    let begun = Instant::now();
    // A STUN message that never ends, a byte at a time.
    for byte in [&[0, 3, 2, 0, 0x21, 0x12, 0xA4, 0x42][..], &[0; 1_000]].concat() {
        if trickling.write_all(&[byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(begun.elapsed() < Duration::from_millis(2_000), "it could go on until it was closed");
    assert!(is_closed(&mut silent) && is_closed(&mut stalled) && is_closed(&mut trickling));
    wait_for("the counts", || house.refusals(Refused::Stream) == 3);
}

#[test]
fn one_address_has_so_many_connections() {
    let house = House::new(|config| config.connections_per_address = 3);
    let mut kept: Vec<TcpStream> = (0..3).map(|_| connect(&house, Kind::Tcp)).collect();
    // Accepted in the order of their coming.
    let mut one_more = connect(&house, Kind::Tcp);
    assert!(is_closed(&mut one_more));
    wait_for("the count", || house.refusals(Refused::Connection) == 1);
    // Those are still answered: a binding request.
    kept[0].write_all(b"\x00\x01\x00\x00\x21\x12\xa4\x42............").unwrap();
    let mut answer = [0; 32];
    kept[0].read_exact(&mut answer).unwrap();
    assert_eq!(answer[..2], [1, 1]);
}

#[test]
fn a_user_has_so_many_allocations() {
    let house = House::new(|config| config.limits.allocations_per_user = 2);
    let mut callers: Vec<Caller> = (0..3).map(|_| house.caller(Kind::Udp, "p1")).collect();
    let allocated: Vec<bool> = callers.iter_mut().map(|caller| caller.allocate().is_some()).collect();
    assert_eq!(allocated, [true, true, false]);
    assert!(house.caller(Kind::Udp, "p2").allocate().is_some());
}

#[test]
fn a_panic_of_the_relay_ends_its_allocations_and_neither_it_nor_media() {
    let house = House::new(|_| {});
    house.caller(Kind::Udp, "p1").allocate().unwrap();
    house.turn.shared.panic.store(true, Ordering::Release);
    house.turn.waker.wake().unwrap();
    wait_for("the count", || house.turn.counters().panics == 1);
    assert_eq!(house.turn.counters().allocations, 0);
    house.caller(Kind::Tls, "p1").allocate().unwrap();
    assert_eq!(house.engine.worker_stats()[0].panics, 0);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let driver = DriverConfig { bind: vec![Ipv4Addr::LOCALHOST.into()], ..DriverConfig::default() };
    let error = turn_self_test(&TurnConfig { port, ..TurnConfig::default() }, &driver, None).unwrap_err();
    assert!(matches!(error, StartError::PortInUse { addr, .. } if addr.port() == port), "{error}");
}
