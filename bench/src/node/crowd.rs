//! Many sessions, most of them silent at any time: what each costs, and how long a message takes from one to another.

use super::client::{Client, frame, message, stamp};
use super::{Crowd, NodeArgs};
use crate::call::processes::Server;
use anyhow::{Result, anyhow};
use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::{Duration, Instant};

/// The first sessions find buffers and threads ready for the others.
const FIRST: usize = 100;
/// How long what is under way at the end may take.
const DRAIN: Duration = Duration::from_secs(3);
/// Messages that a server behind may have before more are sent.
const CATCH_UP: u64 = 50;
/// Highest value of the histogram, in nanoseconds.
const MAX_NS: u64 = 60_000_000_000;

pub(super) fn run(args: &NodeArgs, server: &Server) -> Result<Crowd> {
    let mut poll = Poll::new()?;
    let mut clients = Vec::with_capacity(args.sessions);
    let mut before_kb = 0;
    for number in 0..args.sessions {
        if number == FIRST {
            before_kb = server.rss_kb();
        }
        let mut client = Client::open(server.address(), number)?;
        poll.registry().register(&mut client.socket, Token(number), Interest::READABLE)?;
        clients.push(client);
    }
    // What was used to open them is given back.
    std::thread::sleep(Duration::from_secs(1));
    let counted = args.sessions.saturating_sub(FIRST).max(1);
    let kb_per_session = server.rss_kb().saturating_sub(before_kb) as f64 / counted as f64;

    let mut rng = StdRng::seed_from_u64(1);
    let mut latencies: Histogram<u64> = Histogram::new_with_bounds(1, MAX_NS, 3)?;
    let (mut events, mut scratch) = (Events::with_capacity(1_024), Vec::new());
    let (start, cpu_ns) = (Instant::now(), server.cpu_ns());
    let all = (args.crowd_s * f64::from(args.messages_per_s)) as u64;
    let (mut sent, mut arrived) = (0_u64, 0_u64);
    let mut ended_at = None;
    while arrived < all {
        let now = start.elapsed();
        let due = ((now.as_secs_f64() * f64::from(args.messages_per_s)) as u64).min(all).min(sent + CATCH_UP);
        while sent < due {
            let from = rng.random_range(0..args.sessions);
            let to = (from + rng.random_range(1..args.sessions)) % args.sessions;
            let stamp = u64::try_from(start.elapsed().as_nanos())?;
            let client = clients.get_mut(from).ok_or_else(|| anyhow!("there is no session {from}"))?;
            client.send(&frame(&message(from, to, stamp, args.message_bytes)))?;
            sent += 1;
        }
        if sent == all && ended_at.get_or_insert(now).saturating_add(DRAIN) < now {
            break;
        }
        poll.poll(&mut events, Some(Duration::from_micros(200)))?;
        for event in &events {
            let Some(client) = clients.get_mut(event.token().0) else { continue };
            client.resume()?;
            client.read(&mut scratch, |frame| {
                if let Some(stamp) = stamp(frame) {
                    let took = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX).saturating_sub(stamp);
                    latencies.saturating_record(took.max(1));
                    arrived += 1;
                }
            })?;
        }
    }
    let ms = |quantile: f64| latencies.value_at_quantile(quantile) as f64 / 1e6;
    Ok(Crowd {
        kb_per_session,
        sent,
        missing: sent.saturating_sub(arrived),
        p50_ms: ms(0.5),
        p99_ms: ms(0.99),
        max_ms: latencies.max() as f64 / 1e6,
        cpu: Duration::from_nanos(server.cpu_ns() - cpu_ns),
    })
}
