//! The thread that makes still pictures, so that no thread of media does.
//!
//! One for all rooms: a key frame of a camera's smallest encoding takes it a millisecond or two, one of full HD some fifty. What it is to
//! do waits in a bounded queue, and is left undone when whoever asked has given up; so neither a hostile bitstream nor a flood of
//! requests delays anything but other pictures.

use super::config::StartError;
use super::isolation::{Darkroom, Isolation};
use crate::api::{Reply, Snapshot, SnapshotError, SnapshotSize, Still};
use crate::snapshot::Shelf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Pictures that wait: four walls of 64, a second's work at most where they are small. One more is refused.
const WAITING: usize = 256;
/// What has waited longer is left undone: nobody waits for it any more.
const PATIENCE: Duration = Duration::from_secs(4);

type Answer = Reply<Result<Snapshot, SnapshotError>>;

struct Job {
    asked: Instant,
    size: SnapshotSize,
    still: Still,
    reply: Answer,
}

/// The thread, running.
pub(super) struct Snapshots {
    pub(super) interval: Duration,
    jobs: SyncSender<Job>,
    thread: JoinHandle<()>,
}

impl Snapshots {
    /// With isolation a process decodes, and the thread waits for it.
    pub(super) fn start(interval: Duration, isolation: Option<&Arc<Isolation>>) -> Result<Self, StartError> {
        let (jobs, waiting) = sync_channel(WAITING);
        let shelf = match isolation {
            Some(isolation) => Shelf::with(interval, Darkroom::new(Isolation::clone(isolation))),
            None => Shelf::new(interval),
        };
        let work = move || work(&waiting, shelf);
        let thread =
            std::thread::Builder::new().name("snapshots".to_owned()).spawn(work).map_err(StartError::Thread)?;
        Ok(Self { interval, jobs, thread })
    }

    /// What takes a key frame from a worker's thread and has it made into a picture. It does not block.
    pub(super) fn taker(&self, size: SnapshotSize, reply: Answer) -> Reply<Result<Still, SnapshotError>> {
        let (jobs, asked) = (self.jobs.clone(), Instant::now());
        Reply::new(move |still| {
            let still = match still {
                Ok(still) => still,
                Err(error) => return reply.send(Err(error)),
            };
            if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) =
                jobs.try_send(Job { asked, size, still, reply })
            {
                job.reply.send(Err(SnapshotError::Busy));
            }
        })
    }

    /// Waits until the thread has ended: when nobody can ask for anything any more.
    pub(super) fn join(self) {
        drop(self.jobs);
        if self.thread.thread().id() != std::thread::current().id() && self.thread.join().is_err() {
            tracing::error!("the thread of snapshots had panicked");
        }
    }
}

fn work(jobs: &Receiver<Job>, mut shelf: Shelf) {
    for Job { asked, size, still, reply } in jobs {
        let now = Instant::now();
        let is_late = now.saturating_duration_since(asked) >= PATIENCE;
        reply.send(if is_late { Err(SnapshotError::Busy) } else { shelf.get(now, size, &still) });
    }
}
