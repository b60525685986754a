//! The registries among tasks: asked by a node's messages, published from, and swept by the clock.

use super::service::Registry;
use crate::address::Address;
use crate::clock::Clock;
use crate::envelope::Envelope;
use crate::global::GlobalRegistry;
use crate::wire::{Component, Hub, Reply};
use bytes::Bytes;
use futures_util::FutureExt;
use serde_json::json;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// Messages that are worked on at a time. Those of one sender are worked on one after the other, in their order.
const LANES: usize = 8;
/// Messages that wait in each lane, and KiB that wait in all of them: as many as ten thousand runtimes send that come back at once. What is more is answered 504
/// at once.
const WAITING: usize = 4_096;
const WAITING_KIB: usize = 65_536;
/// Changes of status that are published at a time.
const NEWS: usize = 256;
/// How often it is looked who has lapsed.
const SWEEP: Duration = Duration::from_secs(1);
/// How often it is looked what may be forgotten.
const PURGE: Duration = Duration::from_secs(60);

/// The registries of a node, mounted at `domain://registry.<domain>` and `global://registry`. Dropped, it ends their tasks.
#[derive(Debug)]
pub struct Edge {
    _tasks: JoinSet<()>,
}

impl Edge {
    /// Mounts both at a node, and begins to sweep and to publish.
    #[must_use]
    pub fn start(hub: &Arc<Hub>, registry: Arc<Registry>, global: Arc<GlobalRegistry>, clock: Clock) -> Self {
        let mut tasks = JoinSet::new();
        let (domain, of_all) = (Asked::Domain(registry.clone()), Asked::Global(global.clone()));
        let address = format!("domain://registry.{}", hub.domain());
        hub.mount(&address, Arc::new(Lanes::start(&domain, LANES, &clock, &mut tasks)));
        // Its writes are checked one at a time anyway.
        hub.mount("global://registry", Arc::new(Lanes::start(&of_all, LANES, &clock, &mut tasks)));
        tasks.spawn(publish(hub.clone(), registry.clone()));
        tasks.spawn(sweep(registry.clone(), clock.clone()));
        tasks.spawn(purge(registry, global, clock));
        Self { _tasks: tasks }
    }
}

/// Who is asked.
#[derive(Clone)]
enum Asked {
    Domain(Arc<Registry>),
    Global(Arc<GlobalRegistry>),
}

/// A message, the way back, and its share of what may wait.
type Question = (Bytes, Reply, OwnedSemaphorePermit);

/// Questions on their way to a registry.
struct Lanes {
    lanes: Vec<Sender<Question>>,
    room_kib: Arc<Semaphore>,
}

impl Lanes {
    fn start(asked: &Asked, count: usize, clock: &Clock, tasks: &mut JoinSet<()>) -> Self {
        let lane = |_| {
            let (questions, take) = mpsc::channel(WAITING);
            tasks.spawn(work(asked.clone(), take, clock.clone()));
            questions
        };
        Self { lanes: (0..count).map(lane).collect(), room_kib: Arc::new(Semaphore::new(WAITING_KIB)) }
    }
}

impl Component for Lanes {
    fn take(&self, text: Bytes, reply: Reply) {
        let Some(message) = read(&text) else { return };
        let mut hasher = DefaultHasher::new();
        message.from.runtime().unwrap_or_else(|| Address::as_str(&message.from)).hash(&mut hasher);
        // The remainder is less than the number of lanes.
        let lane = usize::try_from(hasher.finish() % self.lanes.len().max(1) as u64).unwrap_or(0);
        let kib = u32::try_from(text.len() / 1_024 + 1).unwrap_or(u32::MAX);
        let share = self.room_kib.clone().try_acquire_many_owned(kib).ok();
        let is_taken = match (self.lanes.get(lane), share) {
            (Some(lane), Some(share)) => lane.try_send((text.clone(), reply.clone(), share)).is_ok(),
            _ => false,
        };
        if !is_taken {
            let busy = json!({"code": 504, "description": "Error contacting the domain registry."});
            reply.send(message.answer(&busy).into());
        }
    }
}

async fn work(asked: Asked, mut questions: Receiver<Question>, clock: Clock) {
    while let Some((text, reply, _share)) = questions.recv().await {
        let Some(message) = read(&text) else { continue };
        let now_ms = clock.now_ms();
        let answered = AssertUnwindSafe(async {
            match &asked {
                Asked::Domain(registry) => registry.answer(&message, now_ms).await,
                Asked::Global(registry) => registry.answer(&message, now_ms).await,
            }
        });
        // A defect costs its question, not all that come after it.
        let answer = answered.catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!("a defect in a registry");
            message.answer(&json!({"code": 500, "description": "Internal Server Error"}))
        });
        reply.send(answer.into());
    }
}

/// The node has read it before: it is a message.
fn read(text: &Bytes) -> Option<Envelope<'_>> {
    std::str::from_utf8(text).ok().and_then(|text| Envelope::parse(text).ok())
}

async fn publish(hub: Arc<Hub>, registry: Arc<Registry>) {
    let mut id = 0;
    loop {
        registry.changed().await;
        loop {
            let changes = registry.take_changes(NEWS);
            if changes.is_empty() {
                break;
            }
            for change in changes {
                id += 1;
                // An address that was registered need not be one of this world: then nobody is subscribed to it.
                if let Err(cause) = hub.publish(&change.message(hub.domain(), id).into()) {
                    tracing::trace!(%cause, "a change of status is not published");
                }
            }
            // Others have something to say as well.
            tokio::task::yield_now().await;
        }
    }
}

async fn sweep(registry: Arc<Registry>, clock: Clock) {
    let mut tick = interval(SWEEP);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_told = false;
    loop {
        tick.tick().await;
        let swept = loop {
            match registry.sweep(clock.now_ms()).await {
                Ok(0) => break Ok(()),
                Ok(_) => tokio::task::yield_now().await,
                Err(cause) => break Err(cause),
            }
        };
        match swept {
            Ok(()) => is_told = false,
            Err(cause) if !is_told => {
                tracing::warn!(%cause, "the registry cannot write down what has lapsed; it is answered as such nevertheless");
                is_told = true;
            }
            Err(_) => {}
        }
    }
}

async fn purge(registry: Arc<Registry>, global: Arc<GlobalRegistry>, clock: Clock) {
    let mut tick = interval(PURGE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        // One batch of each a minute is 700,000 a day.
        let purged = (registry.purge(clock.now_ms()).await, global.purge(clock.now_ms()).await);
        if let (Err(cause), _) | (_, Err(cause)) = purged {
            tracing::debug!(%cause, "old registrations could not be removed");
        }
    }
}
