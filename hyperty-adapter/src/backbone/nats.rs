//! Nodes of one domain, found and reached over NATS (<https://nats.io>): core messages, without JetStream, so any server does.
//!
//! Subjects: `colloquy.<domain>.all`, and `colloquy.<domain>.node.<id>` of each node; dots of the domain are written `_`. Whoever may publish at these
//! is a node of the domain in the others' eyes: the server must let nobody else.

use super::{Backbone, NotSent};
use crate::node::{NodeId, To};
use crate::wire::Hub;
use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, Event, ServerAddr, Subscriber};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use std::sync::{Arc, Weak};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Frames that wait to be sent, and KiB in all. What is more is lost.
const WAITING: usize = 65_536;
const WAITING_KIB: usize = 131_072;
/// Frames that came and wait to be taken. NATS drops what is more, and says so.
const TAKEN: usize = 65_536;
/// Longest time between attempts to reach a server.
const RETRY: Duration = Duration::from_secs(2);
/// How often the connection is asked whether it is there: a server that is stuck is given up after two.
const PING: Duration = Duration::from_secs(5);

/// How long the last words may take.
const LEAVE: Duration = Duration::from_secs(2);

/// What is configured is no address of a server.
#[derive(Debug, Error)]
#[error("{url:?} is no address of a NATS server, as \"nats://nats.example.com:4222\": {cause}")]
pub struct BadUrl {
    url: String,
    cause: String,
}

/// A node's connection to the others. Dropped, it ends.
#[derive(Debug)]
pub struct Nats {
    hub: Weak<Hub>,
    sends: JoinHandle<()>,
    takes: JoinHandle<()>,
}

/// A frame, for whom, and its share of what may wait.
type Frame = (To, Bytes, OwnedSemaphorePermit);

struct Way {
    client: Client,
    queue: Sender<Frame>,
    room_kib: Arc<Semaphore>,
}

impl Nats {
    /// A node joins. It need not be reachable now: it is tried until it is.
    ///
    /// # Errors
    /// [`BadUrl`].
    pub async fn join(hub: &Arc<Hub>, own: NodeId, url: &str) -> Result<Self, BadUrl> {
        let bad = |cause: &dyn std::error::Error| BadUrl { url: without_secrets(url), cause: cause.to_string() };
        let servers: Result<Vec<ServerAddr>, _> = url.split(',').map(|one| one.trim().parse()).collect();
        let servers = servers.map_err(|error| bad(&error))?;
        let options = ConnectOptions::new()
            .name(format!("colloquy {own}"))
            .retry_on_initial_connect()
            .no_echo()
            .subscription_capacity(TAKEN)
            .ping_interval(PING)
            .reconnect_delay_callback(|attempts| {
                RETRY.min(Duration::from_millis(50) * u32::try_from(attempts).unwrap_or(u32::MAX).min(100))
            })
            .event_callback(tell);
        let client = options.connect(servers).await.map_err(|error| bad(&error))?;
        let place = format!("colloquy.{}", hub.domain().replace('.', "_"));
        let subscribe = async |subject: String| client.subscribe(subject).await.map_err(|error| bad(&error));
        let for_all = subscribe(format!("{place}.all")).await?;
        let for_us = subscribe(format!("{place}.node.{own}")).await?;
        let takes = tokio::spawn(take(Arc::downgrade(hub), for_all, for_us));
        let (queue, waiting) = mpsc::channel(WAITING);
        let sends = tokio::spawn(send(client.clone(), place, waiting));
        let room_kib = Arc::new(Semaphore::new(WAITING_KIB));
        hub.join(own, Arc::new(Way { client, queue, room_kib }));
        Ok(Self { hub: Arc::downgrade(hub), sends, takes })
    }
}

impl Nats {
    /// Tells the others that this node goes, and what was still to be told.
    pub async fn leave(mut self) {
        if let Some(hub) = self.hub.upgrade() {
            hub.leave();
        }
        // The queue ends with the node's way to it.
        if timeout(LEAVE, &mut self.sends).await.is_err() {
            tracing::debug!("the other nodes find out by themselves that this one has gone");
        }
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.sends.abort();
        self.takes.abort();
    }
}

impl Backbone for Way {
    fn send(&self, to: To, frame: Bytes) -> Result<(), NotSent> {
        if !self.is_up() {
            return Err(NotSent::Down);
        }
        if frame.len() > self.client.max_payload() {
            return Err(NotSent::TooLong);
        }
        let kib = u32::try_from(frame.len() / 1_024 + 1).unwrap_or(u32::MAX);
        let share = self.room_kib.clone().try_acquire_many_owned(kib).map_err(|_| NotSent::Full)?;
        self.queue.try_send((to, frame, share)).map_err(|_| NotSent::Full)
    }

    fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }
}

async fn send(client: Client, place: String, mut waiting: Receiver<Frame>) {
    while let Some((to, frame, _share)) = waiting.recv().await {
        // What is old when the server is back would be taken for new.
        if client.connection_state() != State::Connected {
            continue;
        }
        let subject = match to {
            To::All => format!("{place}.all"),
            To::One(node) => format!("{place}.node.{node}"),
        };
        if let Err(cause) = client.publish(subject, frame).await {
            tracing::debug!(%cause, "a frame for other nodes was not sent");
        }
    }
    if let Err(cause) = client.flush().await {
        tracing::debug!(%cause, "the last words to other nodes were not sent");
    }
}

/// What is for all is taken before what is for this node alone and came after it: whose an address is before a message from there.
async fn take(hub: Weak<Hub>, mut for_all: Subscriber, mut for_us: Subscriber) {
    loop {
        let (one, is_ours) = tokio::select! {
            biased;
            one = for_all.next() => (one, false),
            one = for_us.next() => (one, true),
        };
        let (Some(one), Some(hub)) = (one, hub.upgrade()) else { return };
        if is_ours {
            // The connection's task has put there what came before.
            while let Some(Some(earlier)) = for_all.next().now_or_never() {
                hub.frame(&earlier.payload);
            }
        }
        hub.frame(&one.payload);
    }
}

async fn tell(event: Event) {
    match event {
        Event::Connected => tracing::info!("the backbone of the reTHINK domain is there"),
        Event::Disconnected => tracing::warn!(
            "the backbone of the reTHINK domain is lost: clients of this node reach each other, and those of other nodes when it is back"
        ),
        Event::SlowConsumer(_) => {
            tracing::warn!("other nodes send faster than this one takes, and what is too much is lost");
        }
        Event::ServerError(cause) => {
            tracing::warn!(%cause, "the NATS server refuses something: may this node use colloquy.> there?");
        }
        Event::ClientError(cause) => tracing::debug!(%cause, "the backbone"),
        _ => {}
    }
}

/// A URL may have a password.
fn without_secrets(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}://…{}", &url[..scheme], &url[at..]),
        _ => url.to_owned(),
    }
}
