//! As many messages as the server routes: each sender has some under way, and sends one more for each that arrives.

use super::client::{Client, frame, message};
use super::{Flood, NodeArgs};
use crate::call::processes::Server;
use anyhow::{Result, bail};
use mio::{Events, Interest, Poll, Token};
use std::time::{Duration, Instant};

/// Connections, caches and buffers find their sizes.
const WARM_UP: Duration = Duration::from_secs(1);
/// How long nothing may arrive.
const STALL: Duration = Duration::from_secs(5);

/// A sender, what it sends over and over, and how many it may send now.
struct Sender {
    client: Client,
    frame: Vec<u8>,
    credit: usize,
}

pub(super) fn run(args: &NodeArgs, server: &Server) -> Result<Flood> {
    let mut poll = Poll::new()?;
    let (mut senders, mut receivers) = (Vec::new(), Vec::new());
    for pair in 0..args.pairs {
        let (from, to) = (2 * pair, 2 * pair + 1);
        let mut client = Client::open(server.address(), from)?;
        let mut receiver = Client::open(server.address(), to)?;
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut client.socket, Token(from), both)?;
        poll.registry().register(&mut receiver.socket, Token(to), Interest::READABLE)?;
        senders.push(Sender { client, frame: frame(&message(from, to, 0, args.message_bytes)), credit: args.window });
        receivers.push(receiver);
    }
    let (mut events, mut scratch, mut batch) = (Events::with_capacity(1_024), Vec::new(), Vec::new());
    let (mut delivered, mut arrived_at) = (0_u64, Instant::now());
    let start = Instant::now();
    let mut from: Option<(u64, u64, Instant)> = None;
    loop {
        let now = Instant::now();
        match from {
            None if now - start >= WARM_UP => from = Some((delivered, server.cpu_ns(), now)),
            Some((first, cpu_ns, since)) if (now - since).as_secs_f64() >= args.flood_s => {
                let cpu = Duration::from_nanos(server.cpu_ns() - cpu_ns);
                return Ok(Flood { delivered: delivered - first, cpu, wall: now - since });
            }
            _ => {}
        }
        if now - arrived_at > STALL {
            bail!("nothing arrives any more after {delivered} messages");
        }
        for sender in senders.iter_mut().filter(|sender| sender.credit > 0) {
            batch.clear();
            for _ in 0..sender.credit {
                batch.extend_from_slice(&sender.frame);
            }
            sender.credit = 0;
            sender.client.send(&batch)?;
        }
        poll.poll(&mut events, Some(Duration::from_millis(100)))?;
        for event in &events {
            let (pair, is_receiver) = (event.token().0 / 2, event.token().0 % 2 == 1);
            let (Some(sender), Some(receiver)) = (senders.get_mut(pair), receivers.get_mut(pair)) else { continue };
            if is_receiver {
                let mut arrived = 0;
                receiver.read(&mut scratch, |_| arrived += 1)?;
                sender.credit += arrived;
                delivered += arrived as u64;
                arrived_at = now;
                continue;
            }
            if event.is_readable() {
                sender.client.read(&mut scratch, |_| {})?;
            }
            sender.client.resume()?;
        }
    }
}
