//! Joins: begun on time, carried by threads of their own, so that one that waits keeps nobody waiting but those beyond the
//! scenario's `at_once`.

use crate::load::fleet::Desk;
use crate::load::system::{Participant, Published, Running, Stay};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// One join.
pub(super) struct Job {
    pub(super) part: u32,
    pub(super) who: Participant,
    pub(super) desk: Desk,
    /// Whom to watch; `None` to publish.
    pub(super) whom: Option<Arc<Vec<Published>>>,
    /// The moment that it was to begin.
    pub(super) asked: Instant,
}

/// What became of its signalling.
pub(super) struct Joined {
    pub(super) part: u32,
    pub(super) signalled: Duration,
    pub(super) stay: Result<Box<dyn Stay>, String>,
}

enum Work {
    Join(Box<Job>),
    Leave(Box<dyn Stay>),
}

/// Threads that carry joins.
pub(super) struct Doors {
    work: Option<Sender<Work>>,
    done: Receiver<Joined>,
    threads: Vec<JoinHandle<()>>,
}

impl Doors {
    /// So many threads.
    pub(super) fn open(running: &Arc<dyn Running>, threads: u32) -> std::io::Result<Self> {
        let (work, queue) = channel::<Work>();
        let (sender, done) = channel();
        let queue = Arc::new(Mutex::new(queue));
        let start = |index: u32| {
            let (running, queue, sender) = (running.clone(), queue.clone(), sender.clone());
            std::thread::Builder::new().name(format!("joins-{index}")).spawn(move || carry(&*running, &queue, &sender))
        };
        Ok(Self { work: Some(work), done, threads: (0..threads.max(1)).map(start).collect::<Result<_, _>>()? })
    }

    pub(super) fn join(&self, job: Job) {
        self.give(Work::Join(Box::new(job)));
    }

    /// Says goodbye for somebody.
    pub(super) fn leave(&self, stay: Box<dyn Stay>) {
        self.give(Work::Leave(stay));
    }

    fn give(&self, work: Work) {
        if let Some(queue) = &self.work {
            // The threads live as long as the queue.
            let _ = queue.send(work);
        }
    }

    /// Joins whose signalling is done.
    pub(super) fn done(&self) -> impl Iterator<Item = Joined> {
        self.done.try_iter()
    }

    /// Waits until all that was asked for is done. Gives the joins among it.
    pub(super) fn close(mut self) -> Vec<Joined> {
        self.work = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
        self.done.try_iter().collect()
    }
}

fn carry(running: &dyn Running, queue: &Mutex<Receiver<Work>>, done: &Sender<Joined>) {
    loop {
        let work = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match work {
            Ok(Work::Join(job)) => {
                let Job { part, who, desk, whom, asked } = *job;
                let stay = match whom {
                    Some(whom) => running.watch(&who, &whom, &desk),
                    None => running.publish(&who, &desk),
                };
                let stay = stay.map_err(|error| format!("{error:#}"));
                let _ = done.send(Joined { part, signalled: asked.elapsed(), stay });
            }
            // Whether the server takes a goodbye is seen by its memory, not here.
            Ok(Work::Leave(stay)) => drop(stay.leave()),
            Err(_) => return,
        }
    }
}
