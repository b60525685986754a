//! Thousands of clients in a few threads.
//!
//! Each client has a socket of its own and the whole of ICE, DTLS, SRTP and RTCP. A thread plays many: it waits for all sockets at
//! once, takes datagrams by the batch with the times at which the kernel had them, and looks only at those clients whose time has
//! come. What a packet's latency is counted from is the moment that it was to be sent, whether the thread was in time or not, so
//! that lateness shows instead of hiding what it delays.

mod arrivals;
mod crew;
mod desk;
mod seat;
mod tally;
mod timers;

pub(crate) use arrivals::{Arrival, Arrivals};
pub(crate) use crew::{LEFT, Reported, Sampled};
pub use desk::{Desk, Line};
pub(crate) use tally::{Heard, SeatReport, Stream};

use super::scenario::{Access, Loaded, Media};
use anyhow::{Context as _, Result};
use crew::{Ask, Crew};
use desk::{Order, Task, Wire};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What all clients of a fleet have in common.
#[derive(Debug, Clone)]
pub(crate) struct FleetPlan {
    /// What send times count from.
    pub(crate) epoch: Instant,
    pub(crate) seed: u64,
    pub(crate) media: Media,
    /// The recordings that `media` names.
    pub(in crate::load) loaded: Loaded,
    pub(crate) access: Vec<Access>,
    /// What comes is a mix: packets have no stamps, and count all the same.
    pub(crate) mixed: bool,
    /// Who hears and sees whom changes: every packet is written down as it comes, for who may not have got it, and latency is of sound alone.
    pub(crate) writes_arrivals: bool,
    /// Where clients have their sockets.
    pub(crate) address: Ipv4Addr,
}

/// Who joins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Joiner {
    /// What is written into his media.
    pub(crate) source: u64,
    /// What measurements of him are kept under.
    pub(crate) part: u32,
    pub(crate) audio: bool,
    pub(crate) video: bool,
    pub(crate) speaks: bool,
    pub(crate) access: Option<u32>,
}

struct Member {
    wire: Wire,
    thread: Option<JoinHandle<Result<()>>>,
    /// As the system numbers threads.
    id: u32,
}

/// Threads that play clients. Dropping it ends them.
pub(crate) struct Fleet {
    members: Vec<Member>,
}

/// How long a thread may take to tell what it counted.
const PATIENCE: Duration = Duration::from_secs(30);

impl Fleet {
    /// Starts so many threads.
    pub(crate) fn start(plan: FleetPlan, threads: usize) -> Result<Self> {
        let plan = Arc::new(plan);
        let start = |index: usize| {
            let (crew, wire) = Crew::new(plan.clone())?;
            let (sender, id) = sync_channel(1);
            let thread = std::thread::Builder::new().name(format!("clients-{index}")).spawn(move || {
                let _ = sender.send(crate::os::thread_id());
                crew.run()
            })?;
            Ok(Member { wire, thread: Some(thread), id: id.recv()? })
        };
        Ok(Self { members: (0..threads.max(1)).map(start).collect::<Result<_>>()? })
    }

    /// A desk for one participation. Everybody of one participation is played by one thread.
    pub(crate) fn desk(&self, joiner: &Joiner) -> Result<Desk> {
        let Joiner { source, part, audio, video, speaks, access } = *joiner;
        let member = self.members.get(part as usize % self.members.len().max(1)).context("there is a thread")?;
        Ok(Desk { wire: member.wire.clone(), task: Task { source, part, audio, video, speaks, access } })
    }

    /// Counts packets that are due in this time, which is to come.
    pub(crate) fn count_within(&self, from: Instant, to: Instant) -> Result<()> {
        self.members.iter().try_for_each(|member| member.wire.send(Order::Fleet(Ask::Window(from, to))))
    }

    /// A participation ends.
    pub(crate) fn leave(&self, part: u32, goodbye: bool) -> Result<()> {
        let member = self.members.get(part as usize % self.members.len().max(1)).context("there is a thread")?;
        member.wire.send(Order::Fleet(Ask::Leave { part, goodbye }))
    }

    /// What happened since this was asked last, by thread.
    pub(crate) fn sample(&self) -> Result<Vec<Sampled>> {
        self.ask_all(Ask::Sample)
    }

    /// What came since this was asked last, by thread.
    pub(crate) fn arrivals(&self) -> Result<Vec<Arrivals>> {
        self.ask_all(Ask::Arrivals)
    }

    /// Everything that was counted, by thread.
    pub(crate) fn report(&self) -> Result<Vec<Reported>> {
        self.ask_all(Ask::Report)
    }

    /// The threads, as the system numbers them.
    pub(crate) fn thread_ids(&self) -> Vec<u32> {
        self.members.iter().map(|member| member.id).collect()
    }

    fn ask_all<T>(&self, ask: impl Fn(std::sync::mpsc::SyncSender<T>) -> Ask) -> Result<Vec<T>> {
        let mut answers = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let (reply, answer) = sync_channel(1);
            member.wire.send(Order::Fleet(ask(reply)))?;
            answers.push(answer);
        }
        answers
            .into_iter()
            .map(|answer| answer.recv_timeout(PATIENCE).context("a thread of clients is stuck"))
            .collect()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for member in &mut self.members {
            // It may have ended by itself.
            let _ = member.wire.send(Order::Fleet(Ask::End));
            if let Some(thread) = member.thread.take()
                && let Ok(Err(error)) = thread.join()
            {
                eprintln!("A thread of clients failed: {error:#}");
            }
        }
    }
}
