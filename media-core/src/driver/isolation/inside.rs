//! The other side: a process that mixes. It has one socket, its standard input, and ends when that is closed.

use super::frames::{self, Frames};
use super::words::{CanvasOrder, Clock, Developed, Hello, KeyPacket, KeyPicture, MixerAnswer, MixerOrder, Role};
use crate::api::RoomId;
use crate::composer::{CanvasFormat, ComposeOrder, FromComposer, Stage};
use crate::driver::composers::{self, Exit};
use crate::driver::mixers::{self, Exits, Full};
use crate::driver::sys::{self, Limit};
use crate::mix::audio::{AudioMixer, MixSettings};
use crate::mixer::{FromMixer, MixDesk};
use crate::snapshot::{KeyFrame, Plain};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

/// Files that a process has open at most: it opens none but its copies of the socket.
const FILES: u64 = 16;

type Words = Frames<UnixStream>;

/// Is a mixer, for the server that started this process with a socket as standard input. Returns when it is needed no more. To be called
/// before anything else is started.
///
/// # Errors
/// When standard input is no socket, or the system refuses what a mixer is started with.
pub fn run_mixer() -> io::Result<()> {
    // Whoever calls it from a terminal keeps his files.
    socket2::SockRef::from(&io::stdin()).local_addr()?;
    sys::close_what_was_inherited();
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    sys::outlast_requests_to_end();
    sys::end_by_faults();
    sys::depend()?;
    let mut words = Frames::new(socket.try_clone()?);
    let Hello { role, memory_bytes } = words.next()?;
    sys::limit(Limit::Memory, memory_bytes)?;
    sys::limit(Limit::Files, FILES)?;
    sys::call_process(role.name());
    let pipe = Pipe { socket, out: Vec::new() };
    match role {
        Role::Trial => pipe.answer(&()),
        Role::Composer(format) => compose(format, words, pipe),
        Role::Mixers(settings) => mix(settings, words, pipe),
        Role::Darkroom => develop(words, &pipe),
    }
}

/// Where answers go. It waits when the server is late: that costs nobody else anything.
struct Pipe {
    socket: UnixStream,
    out: Vec<u8>,
}

impl Pipe {
    /// Says one word at once.
    fn answer<T: serde::Serialize>(&self, word: &T) -> io::Result<()> {
        let mut out = Vec::new();
        frames::write(&mut out, word)?;
        (&self.socket).write_all(&out)
    }

    fn flush(&mut self) {
        // A server that is gone is noticed where words come from.
        let _ = (&self.socket).write_all(&self.out);
        self.out.clear();
    }
}

impl Exit for Pipe {
    fn put(&mut self, word: FromComposer) -> Result<(), composers::Full> {
        // Of the one room that it has, which the server knows.
        frames::write(&mut self.out, &word.answer).map_err(|_| composers::Full)
    }

    fn flush(&mut self) {
        Pipe::flush(self);
    }
}

impl Exits for Pipe {
    fn put(&mut self, worker: u8, word: FromMixer) -> Result<(), Full> {
        frames::write(&mut self.out, &MixerAnswer::of(worker, word)).map_err(|_| Full)
    }

    fn flush(&mut self) {
        Pipe::flush(self);
    }
}

/// Draws, on this thread; another listens.
fn compose(format: CanvasFormat, words: Words, mut pipe: Pipe) -> io::Result<()> {
    composers::give_way();
    let (orders, inside) = channel();
    let packets: Arc<AtomicUsize> = Arc::default();
    let counted = Arc::clone(&packets);
    listen(move || hear_canvases(words, &orders, &counted))?;
    // The room's name does not matter here.
    let mut stage = Stage::new((RoomId(0), 0), format, Instant::now());
    composers::run(&mut stage, &inside, &packets, &mut pipe);
    Ok(())
}

fn hear_canvases(mut words: Words, orders: &Sender<ComposeOrder>, packets: &AtomicUsize) {
    let clock = Clock::new();
    while let Ok(order) = words.next::<CanvasOrder>() {
        let order = order.read(&clock);
        if matches!(order, ComposeOrder::Packet(..)) {
            if packets.load(Ordering::Relaxed) >= composers::QUEUE {
                continue;
            }
            packets.fetch_add(1, Ordering::Relaxed);
        }
        if orders.send(order).is_err() {
            return;
        }
    }
}

/// Mixes, on this thread; another listens.
fn mix(settings: MixSettings, mut words: Words, pipe: Pipe) -> io::Result<()> {
    let (orders, inside) = channel();
    let packets: Arc<AtomicUsize> = Arc::default();
    let counted = Arc::clone(&packets);
    listen(move || {
        let clock = Clock::new();
        while let Ok(order) = words.next::<MixerOrder>() {
            let (worker, word) = order.read(&clock);
            if word.is_packet() {
                if counted.load(Ordering::Relaxed) >= mixers::QUEUE {
                    continue;
                }
                counted.fetch_add(1, Ordering::Relaxed);
            }
            if orders.send((worker, word)).is_err() {
                return;
            }
        }
    })?;
    let mut desk = MixDesk::new(move |now| AudioMixer::new(settings, now));
    mixers::Inside::new(inside, packets, pipe).run(&mut desk);
    Ok(())
}

fn listen(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name("words".to_owned()).spawn(work).map(|_| ())
}

/// Makes pictures, one after the other.
fn develop(mut words: Words, pipe: &Pipe) -> io::Result<()> {
    composers::give_way();
    let mut plain = Plain::default();
    while let Ok(KeyPicture { size, codec, packets }) = words.next() {
        let packets = packets.iter().map(KeyPacket::read);
        let made = plain.make(KeyFrame { codec, came: Instant::now(), packets }, size);
        let developed = match made {
            Ok(jpeg) => Developed::Jpeg { bytes: jpeg.bytes.into(), width: jpeg.width, height: jpeg.height },
            Err(error) => error.into(),
        };
        pipe.answer(&developed)?;
    }
    Ok(())
}
