//! Streams of rooms: the programs that they leave by, one a stream, each looked after by a thread of its own. The signalling decides which there
//! are; here they are started, watched and ended.

mod faults;
pub(crate) mod pipeline;
mod process;
mod secrets;
mod stream;
mod target;
#[cfg(test)]
mod tests;
mod tools;
mod tries;
mod window;

pub(crate) use target::NamePattern;
pub(crate) use window::{PLAYLIST, Window};

use anyhow::Context as _;
use colloquy_media_core::api::Reply;
use colloquy_media_core::turn::PeerPolicy;
use colloquy_signalling::egress::{EgressAsk, EgressError, EgressFeed, EgressId, EgressOrder, EgressPlace, EgressSink};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use stream::{Prepared, Sockets, Stream};
use tools::Tools;

/// Threads that look whether a stream can be: while one waits for a name server, another can be asked.
const PREPARERS: usize = 2;
/// Streams that wait to be prepared. There are not more places than that.
const QUEUE: usize = 64;

/// How rooms are streamed.
#[derive(Debug)]
pub(crate) struct EgressSettings {
    /// `gst-launch-1.0`.
    pub(crate) program: PathBuf,
    /// Streams at once.
    pub(crate) max: usize,
    /// Where segments go; `None`: there is no HLS.
    pub(crate) hls_dir: Option<PathBuf>,
    /// Hosts that are trusted by name.
    pub(crate) names: Vec<NamePattern>,
    /// Where any other may be.
    pub(crate) networks: PeerPolicy,
    /// Where those that are trusted by name may be: these networks, and the internet.
    pub(crate) trusted: PeerPolicy,
    /// Where SRT may be waited for.
    pub(crate) srt_listen: Vec<SocketAddr>,
    /// There is a mix, and there are canvases.
    pub(crate) mixes: bool,
    pub(crate) draws: bool,
}

/// The streams of this server. They end when it is dropped.
pub(crate) struct Egress {
    shared: Arc<Shared>,
    asks: SyncSender<Ask>,
}

type Ask = (EgressId, EgressAsk, Reply<Result<EgressPlace, EgressError>>);

struct Shared {
    settings: Arc<EgressSettings>,
    places: Mutex<Places>,
    /// What GStreamer has, once it was asked and had all that was needed.
    tools: Mutex<Option<Tools>>,
}

#[derive(Default)]
struct Places {
    all: HashMap<EgressId, Place>,
    /// Streams that finish what they have begun.
    ending: Vec<JoinHandle<()>>,
}

enum Place {
    Taken,
    Prepared(Box<Prepared>),
    Running { stop: SyncSender<()>, window: Option<Arc<Window>>, thread: JoinHandle<()> },
}

impl Egress {
    /// Makes ready for streams. What an earlier server left in the folder for segments goes.
    pub(crate) fn start(settings: EgressSettings) -> anyhow::Result<Arc<Self>> {
        if let Some(folder) = &settings.hls_dir {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("egress.hls_dir {} cannot be made", folder.display()))?;
            sweep(folder);
        }
        let (asks, waiting) = sync_channel(QUEUE);
        let shared =
            Arc::new(Shared { settings: Arc::new(settings), places: Mutex::default(), tools: Mutex::default() });
        let waiting = Arc::new(Mutex::new(waiting));
        for i in 0..PREPARERS {
            // They end when nobody can ask any more, and hold nothing up until then.
            let (shared, waiting) = (Arc::downgrade(&shared), Arc::clone(&waiting));
            let thread = std::thread::Builder::new().name(format!("egress-{i}"));
            thread.spawn(move || prepare(&shared, &waiting)).context("no thread for streams")?;
        }
        Ok(Arc::new(Self { shared, asks }))
    }

    /// Does as it is told. Does not wait for anything.
    pub(crate) fn order(&self, order: EgressOrder) {
        match order {
            EgressOrder::Prepare { id, ask, reply } => {
                if let Err(error) = self.shared.take_place(&id, &ask) {
                    return reply.send(Err(error));
                }
                if let Err(full) = self.asks.try_send((id, ask, reply)) {
                    let (std::sync::mpsc::TrySendError::Full((id, _, reply))
                    | std::sync::mpsc::TrySendError::Disconnected((id, _, reply))) = full;
                    self.shared.places().all.remove(&id);
                    reply.send(Err(EgressError::TooMany(self.shared.settings.max)));
                }
            }
            EgressOrder::Start { id, feed, sink } => self.shared.start(&id, feed, sink),
            EgressOrder::Stop { id } => self.shared.stop(&id),
        }
    }

    /// The window of an HLS stream that runs.
    pub(crate) fn window(&self, id: &str) -> Option<Arc<Window>> {
        let id = EgressId::parse(id)?;
        match self.shared.places().all.get(&id)? {
            Place::Running { window, .. } => window.clone(),
            Place::Taken | Place::Prepared(_) => None,
        }
    }

    /// Ends all streams, and waits until they have: some three seconds at the longest.
    pub(crate) fn finish(&self) {
        let ids: Vec<EgressId> = self.shared.places().all.keys().cloned().collect();
        ids.iter().for_each(|id| self.shared.stop(id));
        let ending = std::mem::take(&mut self.shared.places().ending);
        for thread in ending {
            let _ = thread.join();
        }
    }
}

impl Drop for Egress {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Shared {
    /// Keeps a place, if there is one more.
    fn take_place(&self, id: &EgressId, ask: &EgressAsk) -> Result<(), EgressError> {
        let settings = &self.settings;
        if !settings.mixes {
            let why = "This server mixes no sound, and a stream is made of the mix.".to_owned();
            return Err(EgressError::Unavailable(why, "Its operator can set mix.enabled = true.".to_owned()));
        }
        if ask.video && !settings.draws {
            let why = "This server draws no canvases, and a stream's pictures are one.".to_owned();
            let remedy = "Ask for video = false, or have its operator set mix.video.enabled = true.".to_owned();
            return Err(EgressError::Unavailable(why, remedy));
        }
        let mut places = self.places();
        places.ending.retain(|thread| !thread.is_finished());
        if places.all.len() >= settings.max || places.ending.len() >= settings.max {
            return Err(EgressError::TooMany(settings.max));
        }
        places.all.insert(id.clone(), Place::Taken);
        Ok(())
    }

    /// Looks whether a stream can be. May take seconds.
    fn make_ready(&self, id: &EgressId, ask: &EgressAsk) -> Result<(Prepared, EgressPlace), EgressError> {
        let way = target::Way::read(ask, &self.settings)?;
        let aac = self.fit(&way.target, ask.video)?;
        let unbound = |error: std::io::Error| {
            let why = format!("There is no socket for the stream ({}).", error.kind());
            EgressError::Unavailable(why, "Its operator can look at the limit of open files.".to_owned())
        };
        let sockets = Sockets::bind(ask.video).map_err(unbound)?;
        let window = match (&way.target, &self.settings.hls_dir) {
            (target::Target::Hls, Some(folder)) => {
                let window = Window::new(folder.join(folder_of(&ask.room)).join(id.as_str())).map_err(|error| {
                    let fault = faults::folderless(&error);
                    EgressError::Unavailable(fault.message, fault.remedy)
                })?;
                Some(Arc::new(window))
            }
            _ => None,
        };
        let at = |socket: &std::net::UdpSocket| socket.local_addr().map_err(unbound);
        let place = EgressPlace {
            target: way.shown.clone(),
            playlist: window.as_ref().map(|_| format!("/hls/{id}/{PLAYLIST}")),
            audio: at(&sockets.sound)?,
            video: sockets.pictures.as_ref().map(at).transpose()?,
            reports: at(&sockets.reports)?,
        };
        Ok((Prepared { way, video: ask.video, aac, sockets, window }, place))
    }

    /// The encoder of AAC, when GStreamer has all that a stream takes. What was missing may have been installed since.
    fn fit(&self, target: &target::Target, video: bool) -> Result<&'static str, EgressError> {
        let known = self.tools.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(aac) = known.and_then(|tools| tools.fit(target, video).ok()) {
            return Ok(aac);
        }
        let tools = Tools::look(&self.settings.program)?;
        let aac = tools.fit(target, video);
        *self.tools.lock().unwrap_or_else(PoisonError::into_inner) = Some(tools);
        aac
    }

    fn start(&self, id: &EgressId, feed: EgressFeed, sink: EgressSink) {
        let mut places = self.places();
        // It may have been stopped meanwhile.
        let Some(place) = places.all.get_mut(id) else { return };
        let Place::Prepared(prepared) = std::mem::replace(place, Place::Taken) else { return };
        let window = prepared.window.clone();
        let stream = Stream::new(*prepared, Arc::clone(&self.settings), sink);
        let (stop, orders) = sync_channel(1);
        let thread = std::thread::Builder::new().name("egress".to_owned());
        match thread.spawn(move || stream.run(&feed, &orders)) {
            Ok(thread) => *place = Place::Running { stop, window, thread },
            Err(error) => tracing::error!(%error, "no thread for a stream"),
        }
    }

    fn stop(&self, id: &EgressId) {
        let mut places = self.places();
        let Some(place) = places.all.remove(id) else { return };
        if let Place::Running { stop, thread, .. } = place {
            let _ = stop.try_send(());
            places.ending.push(thread);
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Prepares streams, one after the other, until nobody can ask any more.
fn prepare(shared: &Weak<Shared>, waiting: &Mutex<Receiver<Ask>>) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let (Ok((id, ask, reply)), Some(shared)) = (next, shared.upgrade()) else { return };
        let made = shared.make_ready(&id, &ask);
        let mut places = shared.places();
        reply.send(match made {
            Ok((prepared, place)) => {
                // Whoever asked may have gone: then the place is gone, too.
                if let Some(kept) = places.all.get_mut(&id) {
                    *kept = Place::Prepared(Box::new(prepared));
                }
                Ok(place)
            }
            Err(error) => {
                places.all.remove(&id);
                Err(error)
            }
        });
    }
}

/// The folder of a room's streams: its name is nobody's business who can read the disk.
fn folder_of(room: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, room.as_bytes());
    digest.as_ref().iter().take(FOLDER_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

/// Of a hash, in the name of a folder.
const FOLDER_BYTES: usize = 12;

/// Removes what looks like folders of ours and nothing else.
fn sweep(folder: &Path) {
    let named =
        |path: &Path, fits: &dyn Fn(&str) -> bool| path.file_name().and_then(|name| name.to_str()).is_some_and(fits);
    let is_room = |name: &str| name.len() == 2 * FOLDER_BYTES && name.bytes().all(|b| b.is_ascii_hexdigit());
    let within = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
    };
    for room in within(folder).filter(|path| named(path, &is_room)).collect::<Vec<_>>() {
        for stream in within(&room).filter(|path| named(path, &|name| EgressId::parse(name).is_some())) {
            let _ = std::fs::remove_dir_all(stream);
        }
        let _ = std::fs::remove_dir(room);
    }
}
