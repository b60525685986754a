//! The server's side of a process that draws the canvases of one room.

use super::link::{End, Said, Side, talk};
use super::process::{Isolation, Process};
use super::words::{CanvasOrder, Clock, Role};
use super::{frames, stranger};
use crate::api::RoomId;
use crate::composer::{CanvasFormat, ComposeAnswer, ComposeOrder, FromComposer};
use crate::driver::composers::Back;
use crate::mix::video::MAX_PAYLOAD;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// What is asked of the thread that keeps a composer.
pub(in crate::driver) struct Kept<'a> {
    pub(in crate::driver) room: RoomId,
    pub(in crate::driver) life: u64,
    pub(in crate::driver) format: CanvasFormat,
    pub(in crate::driver) packets: &'a AtomicUsize,
    pub(in crate::driver) back: &'a Back,
}

/// Has a process draw, until nobody is left who could say anything or until it is lost.
pub(in crate::driver) fn keep_composer(isolation: &Isolation, kept: &Kept<'_>, words: &Receiver<ComposeOrder>) {
    let end = Process::start(isolation, Role::Composer(kept.format)).map(|process| {
        let side = Canvases { kept, clock: Clock::new() };
        talk(&side, &process, words, None)
    });
    let room = kept.room;
    match end {
        Ok(End::Closed) => return,
        Ok(End::Gone | End::Stuck) => tracing::error!(%room, "the composer of a room is lost with its process"),
        Err(error) => tracing::error!(%room, %error, "no process is to be had for the canvases of a room"),
    }
    kept.say(ComposeAnswer::Lost);
    kept.back.wake();
}

impl Kept<'_> {
    fn say(&self, answer: ComposeAnswer) -> bool {
        self.back.put(FromComposer { room: self.room, life: self.life, answer }).is_ok()
    }
}

struct Canvases<'a> {
    kept: &'a Kept<'a>,
    clock: Clock,
}

impl Side for Canvases<'_> {
    type Word = ComposeOrder;
    type Answer = ComposeAnswer;
    /// Packets wait for the next picture anyhow: 16 ms in the mean where there are 30 in a second.
    const REST: Duration = Duration::from_millis(4);

    fn say(&self, word: ComposeOrder, out: &mut Vec<u8>) -> io::Result<Said> {
        let said = if matches!(word, ComposeOrder::Ping) { Said::Question } else { Said::Word };
        if said == Said::Question {
            // There is somebody who looks after the process, and who says when it is lost.
            self.kept.say(ComposeAnswer::Here);
            self.wake();
        }
        if matches!(word, ComposeOrder::Packet(..)) {
            self.kept.packets.fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(order) = CanvasOrder::of(word, &self.clock) {
            frames::write(out, &order)?;
        }
        Ok(said)
    }

    fn hear(&self, answer: ComposeAnswer) -> io::Result<Said> {
        let is_packet = match &answer {
            ComposeAnswer::Drawn(drawn) if drawn.payload.len() > MAX_PAYLOAD => return Err(stranger("a long packet")),
            // By a panic: it ends, and all that follows from that is done then.
            ComposeAnswer::Lost => return Ok(Said::Word),
            ComposeAnswer::Here => return Ok(Said::Answer),
            ComposeAnswer::Drawn(_) => true,
            _ => false,
        };
        // A packet that finds no room is lost; whoever misses it asks for a key frame.
        if self.kept.say(answer) || is_packet { Ok(Said::Word) } else { Err(stranger("too much")) }
    }

    fn wake(&self) {
        self.kept.back.wake();
    }
}
