//! Over real connections of the loopback device.

use super::*;
use crate::driver::SendOutcome;
use crate::driver::stun::tests::request;
use crate::driver::testing::{batch_of, wait_for};
use mio::{Events, Poll};
use std::io::Write;
use std::net::TcpStream as Client;

const LISTENER: Token = Token(1);
/// Connections of one address on which no check came.
const UNPROVEN_LIMIT: usize = 3;

struct Server {
    poll: Poll,
    ingress: TcpIngress,
    egress: Rc<RefCell<TcpEgress>>,
    address: SocketAddr,
    got: Vec<(Path, Vec<u8>)>,
    strays: Vec<(u8, Stray)>,
    admission: Admission,
}

impl Server {
    fn new() -> Self {
        let poll = Poll::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let egress = Rc::new(RefCell::new(TcpEgress::default()));
        let registry = poll.registry().try_clone().unwrap();
        let ingress = TcpIngress::new(vec![listener], LISTENER, registry, Rc::clone(&egress), UNPROVEN_LIMIT).unwrap();
        Self { poll, ingress, egress, address, got: Vec::new(), strays: Vec::new(), admission: Admission::Here }
    }

    fn turn(&mut self) {
        let mut events = Events::with_capacity(16);
        self.poll.poll(&mut events, Some(Duration::from_millis(1))).unwrap();
        for event in &events {
            if is_connection(event.token()) {
                self.ingress.connection_ready(event);
            } else {
                self.ingress.listener_ready();
            }
        }
        let now = Instant::now();
        self.ingress.accept(now);
        while self.ingress.is_ready() {
            let Some(token) = self.ingress.receive() else { continue };
            let Self { ingress, got, admission, .. } = self;
            let stray = ingress.take(token, now, |_| *admission, |path, frame| got.push((path, frame.to_vec())));
            self.strays.extend(stray);
        }
    }

    fn run_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        wait_for(what, || {
            self.turn();
            done(self)
        });
    }

    fn client(&mut self) -> Client {
        let before = self.ingress.connections.len();
        let client = Client::connect(self.address).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        self.run_until("a connection", |server| server.ingress.connections.len() > before);
        client
    }
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

fn is_closed(client: &mut Client) -> bool {
    // Either an orderly end, or a reset because something was left unread.
    !matches!(client.read(&mut [0; 16]), Ok(len) if len > 0)
}

fn send(egress: &Rc<RefCell<TcpEgress>>, path: Path, bytes: Vec<Vec<u8>>) -> SendOutcome {
    let egress = Rc::clone(egress);
    batch_of(bytes.into_iter().map(move |bytes| (1, path, bytes)), move |batch| egress.borrow_mut().send_batch(batch))
}

#[test]
fn frames_come_in_and_go_out() {
    let mut server = Server::new();
    let mut client = server.client();
    let frames = [request("Aabc:def"), vec![128; 1_200], vec![20; 5]];
    for byte in frames.iter().flat_map(|frame| framed(frame)) {
        client.write_all(&[byte]).unwrap();
    }
    server.run_until("three frames", |server| server.got.len() == 3);
    let path = Path { local: server.address, remote: client.local_addr().unwrap(), tcp: true };
    assert_eq!(server.got, frames.map(|frame| (path, frame)));
    let outcome = send(&server.egress, path, vec![b"one".to_vec(), b"two".to_vec()]);
    assert_eq!(outcome, SendOutcome { calls: 1, packets: 2, bytes: 6, dropped: 0 });
    let mut answer = [0; 10];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"\0\x03one\0\x03two");
}

#[test]
fn who_speaks_no_ice_or_says_too_much_is_closed() {
    let begin = framed(&request("Aabc:def"));
    let too_long = framed(&vec![0; framing::MAX_FRAME + 1]);
    for bytes in
        [b"GET / HTTP/1.1\r\n\r\n".repeat(200), framed(&[22; 40]), too_long.clone(), [begin, too_long].concat()]
    {
        let mut server = Server::new();
        let mut client = server.client();
        client.write_all(&bytes).unwrap();
        server.run_until("the close", |server| server.ingress.connections.is_empty());
        assert!(is_closed(&mut client));
        assert!(server.egress.borrow().is_empty());
    }
}

#[test]
fn a_connection_that_closes_is_forgotten() {
    let mut server = Server::new();
    drop(server.client());
    server.run_until("the close", |server| server.ingress.connections.is_empty() && server.egress.borrow().is_empty());
}

#[test]
fn the_silent_are_closed() {
    let mut server = Server::new();
    let mut unproven = server.client();
    let mut proven = server.client();
    for client in [&mut unproven, &mut proven] {
        client.write_all(&framed(&request("Aabc:def"))).unwrap();
    }
    server.run_until("two frames", |server| server.got.len() == 2);
    let path = Path { local: server.address, remote: proven.local_addr().unwrap(), tcp: true };
    server.ingress.prove(&path, true, Instant::now());
    let soon = Instant::now() + UNPROVEN;
    server.ingress.sweep(soon - Duration::from_secs(5));
    assert_eq!(server.ingress.connections.len(), 2);
    server.ingress.sweep(soon);
    assert!(is_closed(&mut unproven));
    assert_eq!(server.ingress.connections.len(), 1);
    server.ingress.sweep(soon + SILENCE);
    assert!(is_closed(&mut proven));
}

#[test]
fn a_slow_reader_loses_the_newest_and_gets_the_rest_whole() {
    let mut server = Server::new();
    let mut client = server.client();
    client.write_all(&framed(&request("Aabc:def"))).unwrap();
    server.run_until("a frame", |server| server.got.len() == 1);
    let path = server.got[0].0;
    let (mut sent, mut dropped) = (0, 0);
    while dropped == 0 {
        let outcome = send(&server.egress, path, vec![vec![9; 1_400]; 100]);
        (sent, dropped) = (sent + outcome.packets, outcome.dropped);
    }
    let reader = std::thread::spawn(move || {
        let mut frame = [0; 1_402];
        for _ in 0..sent {
            client.read_exact(&mut frame).unwrap();
            assert_eq!((&frame[..2], &frame[2..]), (&1_400u16.to_be_bytes()[..], &[9; 1_400][..]));
        }
        client
    });
    server.run_until("the reader", |_| reader.is_finished());
    drop(reader.join().unwrap());
}

#[test]
fn a_connection_moves_to_its_owner_with_what_was_read() {
    let (mut first, mut owner) = (Server::new(), Server::new());
    first.admission = Admission::Worker(1);
    let mut client = first.client();
    client.write_all(&[framed(&request("Babc:def")), framed(b"next")].concat()).unwrap();
    first.run_until("the stray", |server| server.strays.len() == 1);
    assert!(first.ingress.connections.is_empty() && first.egress.borrow().is_empty());
    let (worker, stray) = first.strays.remove(0);
    assert_eq!(worker, 1);
    owner.ingress.adopt(stray, Instant::now()).unwrap();
    client.write_all(&framed(b"last")).unwrap();
    owner.run_until("all frames", |server| server.got.len() == 3);
    let got: Vec<_> = owner.got.iter().map(|(_, frame)| frame.clone()).collect();
    assert_eq!(got, [request("Babc:def"), b"next".to_vec(), b"last".to_vec()]);
    send(&owner.egress, owner.got[0].0, vec![b"hi".to_vec()]);
    let mut answer = [0; 4];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"\0\x02hi");
}

#[test]
fn an_address_has_so_many_connections_without_a_check() {
    let mut server = Server::new();
    let mut clients: Vec<Client> = (0..UNPROVEN_LIMIT).map(|_| server.client()).collect();
    let mut late = Client::connect(server.address).unwrap();
    server.run_until("a refusal", |server| server.ingress.refused == 1);
    late.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert!(is_closed(&mut late));
    // One that is proven makes room, and so does one that goes.
    let path = Path { local: server.address, remote: clients[0].local_addr().unwrap(), tcp: true };
    server.ingress.prove(&path, true, Instant::now());
    clients.push(server.client());
    drop(clients.remove(1));
    server.run_until("an end", |server| server.ingress.connections.len() == UNPROVEN_LIMIT);
    server.client();
    assert_eq!(server.ingress.take_refused(), 1);
    assert_eq!(server.ingress.take_refused(), 0);
}
