//! The server's side of a process that mixes the sound of the rooms of one mixing thread.

use super::link::{End, Said, Side, talk};
use super::played::Played;
use super::process::{Isolation, Process};
use super::words::{Clock, MixerAnswer, MixerOrder, Role};
use super::{frames, stranger};
use crate::api::RoomId;
use crate::driver::mixers::{Backs, Exits as _};
use crate::mix::audio::{MAX_PAYLOAD_BYTES, MixSettings, Output};
use crate::mixer::{FromMixer, MixAnswer, MixOrder, ToMixer};
use rustc_hash::FxHashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// A room at a worker.
pub(super) type Seat = (u8, RoomId);
/// The rooms of a process, and which of its mixers each has.
type Seats = FxHashMap<Seat, u64>;

/// One mixing thread's ways.
pub(in crate::driver) struct Slot {
    /// What workers say.
    pub(in crate::driver) words: Receiver<(u8, ToMixer)>,
    /// Packets among it.
    pub(in crate::driver) packets: Arc<AtomicUsize>,
    /// Where answers go.
    pub(in crate::driver) backs: Backs,
}

/// Has processes mix, one after the other, until nobody is left who could say anything. The first starts with the first room.
pub(in crate::driver) fn keep_mixers(isolation: &Isolation, settings: MixSettings, slot: Slot) {
    let Slot { words, packets, backs } = slot;
    let table = Mutex::new(Table { seats: Seats::default(), backs });
    while let Ok((worker, word)) = words.recv() {
        match word.order {
            MixOrder::Packet(..) => drop(packets.fetch_sub(1, Ordering::Relaxed)),
            MixOrder::Open => {
                let seat = ((worker, word.room), word.life);
                let end = Process::start(isolation, Role::Mixers(settings)).map(|process| {
                    let (played, clock) = (Mutex::default(), Clock::new());
                    let side = Sounds { packets: &packets, table: &table, played, clock };
                    talk(&side, &process, &words, Some((worker, word)))
                });
                match end {
                    Ok(End::Closed) => return,
                    Ok(End::Gone | End::Stuck) => {}
                    Err(error) => {
                        tracing::error!(%error, "no process is to be had for the mixers of rooms");
                        lock(&table).seats.insert(seat.0, seat.1);
                    }
                }
                lock(&table).lose_all();
            }
            MixOrder::Cast(_) | MixOrder::Play(..) | MixOrder::Ping | MixOrder::Close => {}
        }
    }
}

/// Who has what at a process.
struct Table {
    seats: Seats,
    backs: Backs,
}

impl Table {
    /// Tells everybody that his mixer is lost.
    fn lose_all(&mut self) {
        let Self { seats, backs } = self;
        if !seats.is_empty() {
            tracing::error!(rooms = seats.len(), "the mixers of rooms are lost with their process");
        }
        for ((worker, room), life) in seats.drain() {
            let _ = backs.put(worker, FromMixer { room, life, answer: MixAnswer::Lost });
        }
        backs.flush();
    }
}

fn lock<T>(of_both: &Mutex<T>) -> MutexGuard<'_, T> {
    of_both.lock().unwrap_or_else(|e| e.into_inner())
}

struct Sounds<'a> {
    packets: &'a AtomicUsize,
    /// Met by the two threads of this process only.
    table: &'a Mutex<Table>,
    /// Met by the one that speaks.
    played: Mutex<Played>,
    clock: Clock,
}

impl Side for Sounds<'_> {
    type Word = (u8, ToMixer);
    type Answer = MixerAnswer;
    /// A fifth of the 20 ms of a turn, and of what a jitter buffer waits at least: packets of many people come at many times, and two threads
    /// are woken for each that goes over alone.
    const REST: Duration = Duration::from_millis(4);

    fn say(&self, (worker, word): (u8, ToMixer), out: &mut Vec<u8>) -> io::Result<Said> {
        let seat = (worker, word.room);
        if let MixOrder::Cast(cast) = &word.order {
            lock(&self.played).end(seat, &cast.ended);
        }
        let said = match word.order {
            MixOrder::Play(source, player) => {
                lock(&self.played).begin(seat, word.life, source, player);
                return Ok(Said::Word);
            }
            MixOrder::Packet(..) => {
                self.packets.fetch_sub(1, Ordering::Relaxed);
                Said::Word
            }
            MixOrder::Open => {
                lock(self.table).seats.insert(seat, word.life);
                Said::Word
            }
            MixOrder::Close => {
                lock(self.table).seats.remove(&seat);
                Said::Word
            }
            // One of a mixer that is gone is not answered.
            MixOrder::Ping if lock(self.table).seats.get(&seat) == Some(&word.life) => {
                // There is somebody who looks after the process, and who says when it is lost.
                let here = FromMixer { room: word.room, life: word.life, answer: MixAnswer::Here };
                let mut table = lock(self.table);
                let _ = table.backs.put(worker, here);
                table.backs.flush();
                Said::Question
            }
            MixOrder::Ping | MixOrder::Cast(_) => Said::Word,
        };
        if let Some(order) = MixerOrder::of(worker, word, &self.clock) {
            frames::write(out, &order)?;
        }
        Ok(said)
    }

    fn hear(&self, answer: MixerAnswer) -> io::Result<Said> {
        let (worker, word) = (answer.worker, answer.read());
        if matches!(word.answer, MixAnswer::Here) {
            return Ok(Said::Answer);
        }
        let mut table = lock(self.table);
        let seat = (worker, word.room);
        // Of a room that was closed meanwhile; or of one that is not its own.
        if table.seats.get(&seat) != Some(&word.life) {
            return Ok(Said::Word);
        }
        match &word.answer {
            MixAnswer::Mixed(Output::Packet(mixed)) if mixed.payload.len() > MAX_PAYLOAD_BYTES => {
                return Err(stranger("a long packet"));
            }
            MixAnswer::Lost => drop(table.seats.remove(&seat)),
            _ => {}
        }
        let is_packet = word.is_packet();
        // A packet that finds no room is lost.
        if table.backs.put(worker, word).is_ok() || is_packet { Ok(Said::Word) } else { Err(stranger("too much")) }
    }

    fn wake(&self) {
        lock(self.table).backs.flush();
    }

    fn next_due(&self) -> Option<Instant> {
        lock(&self.played).next_due()
    }

    fn say_due(&self, now: Instant, out: &mut Vec<u8>) -> io::Result<()> {
        let mut played = lock(&self.played);
        if played.next_due().is_none_or(|at| at > now) {
            return Ok(());
        }
        let mut written = Ok(());
        played.take(now, |worker, word| {
            let order = MixerOrder::of(worker, word, &self.clock);
            if let Some(order) = order.filter(|_| written.is_ok()) {
                written = frames::write(out, &order);
            }
        });
        let table = lock(self.table);
        played.keep(|seat, life| table.seats.get(&seat) == Some(&life));
        written
    }
}
