//! Streams of rooms: to begin one, to look at those there are, to end one.

use super::house::{Admission, Link, NewStream, StreamWish};
use super::{Signalling, unix_now_s};
use crate::authn::Caller;
use crate::authz::{Action, Role};
use crate::egress::{EGRESS_H264, EGRESS_OPUS, EgressAsk, EgressFeed, EgressId, EgressKind, EgressOrder, EgressPlace};
use crate::engine_port::ENGINE_TIMEOUT;
use crate::error::{ErrorCode, Refusal};
use crate::names::{DisplayName, RoomName};
use crate::session::Secret;
use crate::wire::{EgressView, EgressWish};
use colloquy_media_core::api::{
    AudioMode, CanvasLayout, Codec, Command, MediaKind, PeerId, Permissions, PlainAddress, PlainAnswer, PlainAsk,
    PlainLeg, TrackId,
};
use colloquy_media_core::audience::Stance;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often pictures can be begun with: segments are cut there, and a viewer who comes late waits so long.
const KEY_FRAMES: Duration = Duration::from_secs(2);
/// How long it may take to find out whether a stream can be: a name is looked up, and a program asked what it can do.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest address, in bytes.
const URL_BYTES: usize = 1_024;

/// A place that is kept for a stream. Given back unless the stream begins, also when whoever asked goes away.
struct Kept<'a> {
    signalling: &'a Signalling,
    id: EgressId,
    has_begun: bool,
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        if !self.has_begun {
            self.signalling.engine.egress(EgressOrder::Stop { id: self.id.clone() });
        }
    }
}

impl Signalling {
    /// Has a room leave as a stream. The room must be there.
    pub(crate) async fn begin_egress(
        self: &Arc<Self>,
        caller: &Caller,
        room: &RoomName,
        wish: EgressWish,
    ) -> Result<EgressView, Refusal> {
        caller.authorise(Action::ConnectRtp, Some(room))?;
        let (ask, wish) = read(room, wish, |layout| self.layout_in(room, layout))?;
        self.read(|house| {
            if house.is_draining() {
                return Err(Refusal::new(
                    ErrorCode::ServerDraining,
                    "This server is about to stop and streams no more.",
                ));
            }
            house.room_id(room)
        })?;
        let kept = Kept { signalling: self, id: EgressId::of(Secret::random().as_str()), has_begun: false };
        let place = self.engine.prepare_egress(kept.id.clone(), ask).answer(PREPARE_TIMEOUT).await??;
        let view = self.feed(kept, room, wish, place).await?;
        tracing::info!(%room, kind = ?view.kind, to = view.target.as_deref().unwrap_or("players"), "a stream of the room begins");
        Ok(view)
    }

    /// Streams of a room, in the order they were asked for.
    pub(crate) fn egress_list(&self, caller: &Caller, room: &RoomName) -> Result<Vec<EgressView>, Refusal> {
        caller.authorise(Action::ConnectRtp, Some(room))?;
        self.read(|house| Ok(house.streams(house.room_id(room)?)))
    }

    /// One of them.
    pub(crate) fn egress_one(&self, caller: &Caller, room: &RoomName, id: &str) -> Result<EgressView, Refusal> {
        caller.authorise(Action::ConnectRtp, Some(room))?;
        self.read(|house| house.stream_view(house.room_id(room)?, id))
    }

    /// Ends one of them, and forgets it.
    pub(crate) fn end_egress(&self, caller: &Caller, room: &RoomName, id: &str) -> Result<(), Refusal> {
        caller.authorise(Action::ConnectRtp, Some(room))?;
        self.with(|house, fx| house.end_stream(house.room_id(room)?, id, fx))?;
        tracing::info!(%room, "a stream of the room was ended");
        Ok(())
    }

    /// Has the room's sound and canvas sent to where the stream's program listens, and starts that.
    async fn feed(
        self: &Arc<Self>,
        mut kept: Kept<'_>,
        room: &RoomName,
        wish: StreamWish,
        place: EgressPlace,
    ) -> Result<EgressView, Refusal> {
        let id = kept.id.clone();
        let seat = self
            .admit(Admission {
                room: room.clone(),
                name: DisplayName::parse(&wish.name)?,
                subject: None,
                role: Role::Viewer,
                permissions: Permissions { publish: false, subscribe: true },
                stance: Stance::default(),
                expires_unix_s: None,
                link: Link::Stream { id: id.clone() },
                opens_room: false,
                first_moderates: false,
                snapshots: false,
            })
            .await?;
        let feed = self.connect_feed(seat.peer, wish.layout, &place).await?;
        let new = NewStream { id: id.clone(), peer: seat.peer, wish, place, unix_s: unix_now_s() };
        let view = self.with(|house, fx| house.stream_begins(new, fx));
        let Some(view) = view else {
            return Err(Refusal::new(ErrorCode::RoomUnknown, "The room was closed at this moment."));
        };
        seat.taken();
        kept.has_begun = true;
        let sink = self.egress_sink(id.clone());
        self.engine.egress(EgressOrder::Start { id, feed, sink });
        Ok(view)
    }

    async fn connect_feed(
        &self,
        peer: PeerId,
        layout: Option<CanvasLayout>,
        place: &EgressPlace,
    ) -> Result<EgressFeed, Refusal> {
        let mode = AudioMode::Mix;
        self.engine.ask(|reply| Command::SetAudio { peer, mode, reply }).await?.map_err(|_| {
            Refusal::new(ErrorCode::EgressUnavailable, "This server mixes no sound, or no more at this moment.")
                .remedy("Its operator can set mix.enabled = true, or raise mix.threads.")
        })?;
        let canvas = layout.map(CanvasLayout::track);
        let mut legs = vec![leg(Codec::Opus, TrackId::MIX, (place.audio, place))];
        legs.extend(canvas.zip(place.video).map(|(canvas, to)| leg(Codec::H264, canvas, (to, place))));
        let ask = PlainAsk { legs, silence: None };
        let answer: PlainAnswer = self.engine.plain_here(peer, ask).answer(ENGINE_TIMEOUT).await?.map_err(|error| {
            Refusal::new(ErrorCode::EgressUnavailable, format!("The room cannot be sent to the stream: {error}."))
                .remedy("Its operator can look whether mix.video.enabled is true and mix.video.composites suffices.")
        })?;
        let from = |kind: usize| answer.legs.get(kind).map(|leg| leg.rtp);
        let audio = from(0).ok_or_else(|| Refusal::new(ErrorCode::ServerDefect, "The engine named no ports."))?;
        Ok(EgressFeed { audio, video: from(1) })
    }

    /// Where the program of a stream tells how it is.
    fn egress_sink(self: &Arc<Self>, id: EgressId) -> crate::egress::EgressSink {
        let signalling: Weak<Self> = Arc::downgrade(self);
        Arc::new(move |report| {
            if let Some(signalling) = signalling.upgrade() {
                signalling.with(|house, fx| house.stream_reports(&id, report, unix_now_s(), fx));
            }
        })
    }
}

/// Reads what is wished for; `arranged` knows the layouts of the room.
fn read(
    room: &RoomName,
    wish: EgressWish,
    arranged: impl FnOnce(&str) -> Result<CanvasLayout, Refusal>,
) -> Result<(EgressAsk, StreamWish), Refusal> {
    let EgressWish { kind, url, layout, video, name } = wish;
    let video = video.unwrap_or(true);
    let called = match kind {
        EgressKind::Hls => "HLS",
        EgressKind::Srt => "SRT",
        EgressKind::Rtmp => "RTMP",
    };
    if !video && layout.is_some() {
        return Err(rejected("layout is of pictures, and video is false.", "Leave one of them out."));
    }
    match (kind, &url) {
        (EgressKind::Hls, Some(_)) => {
            return Err(rejected("HLS has no url: this server serves it itself.", "Leave url out."));
        }
        (EgressKind::Srt | EgressKind::Rtmp, None) => {
            return Err(rejected("It does not say where the stream goes.", "Name url."));
        }
        (_, Some(url)) if url.len() > URL_BYTES => {
            return Err(rejected(format!("url is longer than {URL_BYTES} bytes."), "Name a shorter one."));
        }
        _ => {}
    }
    let name = DisplayName::parse(name.as_deref().unwrap_or(called))?;
    let layout = match layout.as_deref() {
        Some(layout) => Some(arranged(layout)?),
        None => video.then_some(CanvasLayout::Grid),
    };
    let ask = EgressAsk { room: room.to_string(), kind, url, video };
    Ok((ask, StreamWish { name: name.as_str().to_owned(), kind, layout }))
}

fn leg(codec: Codec, receives: TrackId, (rtp, place): (std::net::SocketAddr, &EgressPlace)) -> PlainLeg {
    let (payload_type, fmtp) = match codec.kind() {
        MediaKind::Audio => (EGRESS_OPUS, "minptime=10;useinbandfec=1"),
        MediaKind::Video => (EGRESS_H264, "packetization-mode=1;profile-level-id=42e01f;level-asymmetry-allowed=1"),
    };
    PlainLeg {
        codec,
        payload_type,
        fmtp: fmtp.to_owned(),
        sends: false,
        receives: Some(receives),
        address: Some(PlainAddress { rtp, rtcp: place.reports }),
        rtcp_mux: false,
        ssrc: None,
        srtp: None,
        nack: false,
        key_frames: (codec.kind() == MediaKind::Video).then_some(KEY_FRAMES),
    }
}

fn rejected(message: impl Into<String>, remedy: &'static str) -> Refusal {
    Refusal::new(ErrorCode::EgressRejected, message).remedy(remedy)
}
