//! Where an adapter gets its clients: session descriptions in and out, while another thread plays them.

use anyhow::{Context as _, Result, anyhow};
use mio::Waker;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, sync_channel};
use std::time::Duration;

/// How long the thread that plays clients may take to answer: it never waits for anything itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a thread that plays clients is told.
pub(super) enum Order {
    /// A new client.
    Open { kind: Kind, task: Task, reply: SyncSender<Result<u32>> },
    /// A client's offer.
    Offer { seat: u32, reply: SyncSender<Result<String>> },
    /// The answer to it.
    Accept { seat: u32, answer: String, reply: SyncSender<Result<()>> },
    /// The server's offer, to be answered.
    Answer { seat: u32, offer: String, reply: SyncSender<Result<String>> },
    /// A client's ICE credentials, for a server that wants them apart.
    Credentials { seat: u32, reply: SyncSender<Result<(String, String)>> },
    /// A candidate of the server that came after its description.
    Candidate { seat: u32, candidate: String },
    /// Anything that a whole fleet is asked.
    Fleet(super::crew::Ask),
}

/// What a client is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Publishes what its task says.
    Publisher,
    /// The same, and receives by the section of its sound.
    Talker,
    /// Publishes what its task says, and offers places to receive into.
    Participant { audio: u32, video: u32 },
    /// Offers places to receive into.
    Viewer { audio: u32, video: u32 },
    /// Waits for an offer.
    Guest,
}

/// Whom clients of a desk play: the same for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Task {
    /// The number that is written into media: of a participation, so that one who joins again has another.
    pub(super) source: u64,
    /// The participation that measurements are kept for.
    pub(super) part: u32,
    /// Publishes sound.
    pub(super) audio: bool,
    /// Publishes pictures.
    pub(super) video: bool,
    /// Sends his sound: one of the room's speakers.
    pub(super) speaks: bool,
    /// Which of the scenario's accesses is his, if any.
    pub(super) access: Option<u32>,
}

/// A way to the thread.
#[derive(Clone)]
pub(super) struct Wire {
    pub(super) orders: Sender<Order>,
    pub(super) waker: Arc<Waker>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl Wire {
    pub(super) fn send(&self, order: Order) -> Result<()> {
        self.orders.send(order).map_err(|_| anyhow!("the clients' thread has ended"))?;
        self.waker.wake().context("the clients' thread cannot be woken")
    }

    pub(super) fn ask<T>(&self, order: impl FnOnce(SyncSender<Result<T>>) -> Order) -> Result<T> {
        let (reply, answer): (_, Receiver<Result<T>>) = sync_channel(1);
        self.send(order(reply))?;
        answer.recv_timeout(PATIENCE).context("the clients' thread does not answer")?
    }
}

/// A participation's clients: an adapter opens as many as its system wants for one participant.
#[derive(Debug, Clone)]
pub struct Desk {
    pub(super) wire: Wire,
    pub(super) task: Task,
}

impl Desk {
    /// A client that publishes what the participant publishes. It offers.
    ///
    /// # Errors
    /// When no socket is to be had.
    pub fn publisher(&self) -> Result<Line> {
        self.open(Kind::Publisher)
    }

    /// A client that publishes what the participant publishes, and receives a mix of the others by the section of his sound. It offers.
    ///
    /// # Errors
    /// When no socket is to be had.
    pub fn talker(&self) -> Result<Line> {
        self.open(Kind::Talker)
    }

    /// A client that publishes what the participant publishes, and offers places to receive so many tracks into, after those of his own:
    /// first those for sound.
    ///
    /// # Errors
    /// When no socket is to be had.
    pub fn participant(&self, audio: u32, video: u32) -> Result<Line> {
        self.open(Kind::Participant { audio, video })
    }

    /// A client that offers places to receive so many tracks into.
    ///
    /// # Errors
    /// When no socket is to be had.
    pub fn viewer(&self, audio: u32, video: u32) -> Result<Line> {
        self.open(Kind::Viewer { audio, video })
    }

    /// A client that waits for the server's offer, and receives whatever that one sends; each later offer may send more.
    ///
    /// # Errors
    /// When no socket is to be had.
    pub fn guest(&self) -> Result<Line> {
        self.open(Kind::Guest)
    }

    fn open(&self, kind: Kind) -> Result<Line> {
        let seat = self.wire.ask(|reply| Order::Open { kind, task: self.task, reply })?;
        Ok(Line { wire: self.wire.clone(), seat })
    }
}

/// A client, as far as its signalling goes. Cheap to clone; dropping it closes nothing, so that an adapter may keep it where later
/// offers of the server come in.
#[derive(Debug, Clone)]
pub struct Line {
    wire: Wire,
    seat: u32,
}

impl Line {
    /// The client's offer (a whole one: candidates are in it).
    ///
    /// # Errors
    /// When the client is gone.
    pub fn offer(&self) -> Result<String> {
        self.wire.ask(|reply| Order::Offer { seat: self.seat, reply })
    }

    /// Gives it the answer. Connecting begins.
    ///
    /// # Errors
    /// When the answer cannot be used.
    pub fn accept(&self, answer: &str) -> Result<()> {
        self.wire.ask(|reply| Order::Accept { seat: self.seat, answer: answer.to_owned(), reply })
    }

    /// Gives it the server's offer; gives its answer (a whole one). Connecting begins. A later offer of the same connection may add
    /// sections.
    ///
    /// # Errors
    /// When the offer cannot be used.
    pub fn answer(&self, offer: &str) -> Result<String> {
        self.wire.ask(|reply| Order::Answer { seat: self.seat, offer: offer.to_owned(), reply })
    }

    /// Its ICE user name fragment and password.
    ///
    /// # Errors
    /// When the client is gone.
    pub fn credentials(&self) -> Result<(String, String)> {
        self.wire.ask(|reply| Order::Credentials { seat: self.seat, reply })
    }

    /// Gives it a candidate that the server tells later: the value of an `a=candidate` line, with or without `candidate:`.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn add_candidate(&self, candidate: &str) -> Result<()> {
        self.wire.send(Order::Candidate { seat: self.seat, candidate: candidate.to_owned() })
    }
}
