//! Several nodes in one process.

use super::{Backbone, NotSent};
use crate::node::{NodeId, To};
use crate::wire::Hub;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinHandle;

/// Frames that wait for one node. What is more is lost to it.
const WAITING: usize = 16_384;

/// A bus that nodes of one process join. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct InProcess(Arc<Bus>);

#[derive(Debug, Default)]
struct Bus {
    nodes: Mutex<HashMap<NodeId, Sender<Bytes>>>,
    is_cut: AtomicBool,
}

/// One node's end of it.
#[derive(Debug)]
struct Member {
    own: NodeId,
    bus: Arc<Bus>,
}

impl InProcess {
    /// A node joins. It is a member until the task is aborted.
    pub fn join(&self, hub: &Arc<Hub>, own: NodeId) -> JoinHandle<()> {
        let (frames, mut take) = mpsc::channel(WAITING);
        self.0.lock().insert(own, frames);
        let member = Gone(Member { own, bus: self.0.clone() });
        hub.join(own, Arc::new(Member { own, bus: self.0.clone() }));
        let hub = Arc::downgrade(hub);
        tokio::spawn(async move {
            let _member = member;
            while let Some(frame) = take.recv().await {
                let Some(hub) = hub.upgrade() else { return };
                hub.frame(&frame);
            }
        })
    }

    /// Whether frames pass: for tests of what happens when they do not.
    pub fn cut(&self, is_cut: bool) {
        self.0.is_cut.store(is_cut, Ordering::Relaxed);
    }
}

/// Takes a member off the bus when its task ends.
struct Gone(Member);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.bus.lock().remove(&self.0.own);
    }
}

impl Bus {
    fn lock(&self) -> MutexGuard<'_, HashMap<NodeId, Sender<Bytes>>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backbone for Member {
    fn send(&self, to: To, frame: Bytes) -> Result<(), NotSent> {
        if !self.is_up() {
            return Err(NotSent::Down);
        }
        let nodes = self.bus.lock();
        if !nodes.contains_key(&self.own) {
            return Err(NotSent::Down);
        }
        let give = |node: &Sender<Bytes>| node.try_send(frame.clone()).map_err(|_| NotSent::Full);
        match to {
            To::One(id) => nodes.get(&id).ok_or(NotSent::Down).and_then(give),
            // Each of the others; whoever cannot take it finds that out.
            To::All => {
                nodes.iter().filter(|(id, _)| **id != self.own).map(|(_, node)| give(node)).fold(Ok(()), Result::and)
            }
        }
    }

    fn is_up(&self) -> bool {
        !self.bus.is_cut.load(Ordering::Relaxed)
    }
}
