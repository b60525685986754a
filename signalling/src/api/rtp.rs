//! Plain RTP: to connect a media gateway, an encoder or a player, to look at those there are, to let one go.

use super::house::{Admission, Link};
use super::media::{peer_id, track_id};
use super::{Signalling, now};
use crate::authn::Caller;
use crate::authz::{Action, Role};
use crate::engine_port::ENGINE_TIMEOUT;
use crate::error::{ErrorCode, Refusal};
use crate::names::{DisplayName, RoomName};
use crate::wire::{
    KindName, LeaveReason, ParticipantState, ParticipantStats, RtpCreated, RtpKeyWish, RtpLegView, RtpLegWish,
    RtpPathView, RtpStatsView, RtpView, RtpWish,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use colloquy_media_core::api::{
    AudioMode, CanvasLayout, Codec, Command, MediaKind, PeerId, PeerStats, Permissions, PlainAddress, PlainAnswer,
    PlainAsk, PlainKeys, PlainLeg, PlainLegStats, TrackId,
};
use colloquy_media_core::audience::Stance;
use colloquy_media_core::transport::srtp::Profile;
use std::time::Duration;

/// Silence after which somebody is let go who does not say, in seconds: longer than any pause of a sender that is there.
const TIMEOUT_S: u32 = 30;
/// Longest that may be asked for, in seconds.
const MAX_TIMEOUT_S: u32 = 3_600;
/// Seconds between key frames for somebody who does not say: as long as a viewer waits who comes late.
const KEY_FRAMES_S: u32 = 5;
/// Most that may be asked for.
const MAX_KEY_FRAMES_S: u32 = 60;
/// Longest `fmtp`, in bytes.
const FMTP_BYTES: usize = 255;

impl Signalling {
    /// Connects somebody to a room by plain RTP. The room is opened if it is not.
    pub(crate) async fn connect_rtp(
        &self,
        caller: &Caller,
        room: &RoomName,
        wish: RtpWish,
    ) -> Result<RtpCreated, Refusal> {
        caller.authorise(Action::ConnectRtp, Some(room))?;
        let name = DisplayName::parse(wish.name.as_deref().unwrap_or("RTP"))?;
        let (ask, timeout_s) = self.ask_of(room, &wish)?;
        let began = now();
        let result = self.connect(room, name, ask, timeout_s).await;
        self.metrics.joined(now().saturating_duration_since(began), result.as_ref().err().map(|refusal| refusal.code));
        result
    }

    async fn connect(
        &self,
        room: &RoomName,
        name: DisplayName,
        ask: PlainAsk,
        timeout_s: u32,
    ) -> Result<RtpCreated, Refusal> {
        let publish = ask.legs.iter().any(|leg| leg.sends);
        let subscribe = ask.legs.iter().any(|leg| leg.receives.is_some());
        let place = self
            .admit(Admission {
                room: room.clone(),
                name: name.clone(),
                subject: None,
                role: Role::Participant,
                permissions: Permissions { publish, subscribe },
                stance: Stance::default(),
                expires_unix_s: None,
                link: Link::Rtp { view: None },
                opens_room: true,
                first_moderates: false,
                snapshots: true,
            })
            .await?;
        let peer = place.peer;
        if ask.legs.iter().any(|leg| leg.receives == Some(TrackId::MIX)) {
            let mode = AudioMode::Mix;
            self.engine.ask(|reply| Command::SetAudio { peer, mode, reply }).await?.map_err(|_| {
                Refusal::new(ErrorCode::RtpRejected, "This server mixes no sound, and plain RTP gets the mix.")
                    .remedy("Its operator can set mix.threads; without, ask for sendonly audio.")
            })?;
        }
        let legs = ask.legs.clone();
        let answer = self.engine.plain(peer, ask).answer(ENGINE_TIMEOUT).await??;
        let view = view_of(peer, &name, timeout_s, &legs, &answer);
        let there = self.with(|house, fx| {
            house.negotiated(peer, &answer.published);
            house.connected_rtp(peer, &view);
            house.finish_join(peer, fx)?;
            house.rtp_view(peer)
        });
        let Some(view) = there else {
            return Err(Refusal::new(ErrorCode::RoomUnknown, "The room was closed at this moment."));
        };
        place.taken();
        tracing::info!(%room, participant = %peer, "joined by plain RTP");
        Ok(RtpCreated { view, sdp: answer.sdp, player_sdp: answer.player_sdp })
    }

    /// Those in a room who are connected by plain RTP.
    pub(crate) fn rtp_list(&self, caller: &Caller, room: &RoomName) -> Result<Vec<RtpView>, Refusal> {
        caller.authorise(Action::ConnectRtp, Some(room))?;
        self.read(|house| house.rtp_views(house.room_id(room)?))
    }

    /// One of them, with his figures.
    pub(crate) async fn rtp_one(&self, caller: &Caller, room: &RoomName, id: &str) -> Result<RtpStatsView, Refusal> {
        caller.authorise(Action::ConnectRtp, Some(room))?;
        let peer = peer_id(id)?;
        let (id, view) = self.read(|house| {
            let room = house.room_id(room)?;
            house.participant(room, peer)?;
            Ok::<_, Refusal>((room, house.rtp_view(peer).ok_or_else(|| unknown(peer))?))
        })?;
        let stats = self.engine.ask(|reply| Command::Stats { room: id, reply }).await?;
        let his: Option<PeerStats> = stats.and_then(|stats| stats.peers.into_iter().find(|stats| stats.peer == peer));
        let paths = his.iter().flat_map(|stats| &stats.plain).map(RtpPathView::from).collect();
        let named =
            |stats: &PeerStats| self.read(|house| ParticipantStats::new(stats, |track| house.layout_name(id, track)));
        Ok(RtpStatsView { view, paths, stats: his.as_ref().map(named) })
    }

    /// Lets one of them go.
    pub(crate) fn disconnect_rtp(&self, caller: &Caller, room: &RoomName, id: &str) -> Result<(), Refusal> {
        caller.authorise(Action::ConnectRtp, Some(room))?;
        let peer = peer_id(id)?;
        self.with(|house, fx| {
            house.participant(house.room_id(room)?, peer)?;
            house.rtp_view(peer).ok_or_else(|| unknown(peer))?;
            house.remove(peer, LeaveReason::Left, fx);
            Ok::<_, Refusal>(())
        })?;
        tracing::info!(%room, participant = %peer, "left, by plain RTP");
        Ok(())
    }

    /// Reads what is wished for.
    fn ask_of(&self, room: &RoomName, wish: &RtpWish) -> Result<(PlainAsk, u32), Refusal> {
        let mut legs = Vec::new();
        if let Some(audio) = &wish.audio {
            if audio.layout.is_some() || audio.participant.is_some() || audio.track.is_some() {
                return Err(rejected("layout, participant and track are of video: sound is the mix of all."));
            }
            let receives = audio.direction.receives().then_some(TrackId::MIX);
            legs.push(leg(MediaKind::Audio, audio, receives)?);
        }
        if let Some(video) = &wish.video {
            let receives = video.direction.receives();
            if !receives && (video.layout.is_some() || video.participant.is_some() || video.track.is_some()) {
                return Err(rejected("layout, participant and track are of video that is received."));
            }
            let receives = receives.then(|| self.shown(room, video)).transpose()?;
            legs.push(leg(MediaKind::Video, video, receives)?);
        }
        if legs.is_empty() {
            return Err(rejected("Name audio, video or both."));
        }
        let timeout_s = wish.timeout_s.unwrap_or(TIMEOUT_S);
        if timeout_s > MAX_TIMEOUT_S {
            return Err(rejected(format!("timeout_s is {timeout_s}; it is 0 to {MAX_TIMEOUT_S}.")));
        }
        // Whoever forges one packet would have the room sent to whom he likes, for ever.
        let can_be_forged = |leg: &PlainLeg| leg.address.is_none() && leg.srtp.is_none();
        if timeout_s == 0 && legs.iter().any(can_be_forged) {
            return Err(rejected("timeout_s is 0, and the address is learnt from packets that nothing protects.")
                .remedy("Name the address, use SRTP, or let the timeout be 1 or more."));
        }
        let silence = (timeout_s > 0).then(|| Duration::from_secs(timeout_s.into()));
        Ok((PlainAsk { legs, silence }, timeout_s))
    }

    /// What a receiver of video is shown.
    fn shown(&self, room: &RoomName, video: &RtpLegWish) -> Result<TrackId, Refusal> {
        match (&video.participant, &video.track, &video.layout) {
            (None, None, None) => Ok(CanvasLayout::Grid.track()),
            (None, None, Some(layout)) => self.layout_in(room, layout).map(CanvasLayout::track),
            (Some(participant), track, None) => {
                let of = peer_id(participant)?;
                let only = track.as_deref().map(track_id).transpose()?;
                let watchable = self.read(|house| house.watchable(room, Some(of), only))?;
                let first = watchable.iter().find(|(_, kind)| *kind == MediaKind::Video);
                first.map(|(track, _)| *track).ok_or_else(|| {
                    Refusal::new(ErrorCode::RoomSilent, "The participant shows no picture at this moment.")
                })
            }
            (None, Some(_), _) => Err(rejected("track goes with the participant whose it is.")),
            (Some(_), _, Some(_)) => Err(rejected("layout is for a whole room, and participant is for one.")),
        }
    }
}

/// Reads one session.
fn leg(kind: MediaKind, wish: &RtpLegWish, receives: Option<TrackId>) -> Result<PlainLeg, Refusal> {
    let codec = codec(kind, wish.codec.as_deref())?;
    let payload_type = wish.payload_type.unwrap_or(if kind == MediaKind::Audio { 111 } else { 96 });
    if !(96..=127).contains(&payload_type) {
        return Err(rejected(format!("payload_type is {payload_type}; it is 96 to 127.")));
    }
    let usual = match codec {
        Codec::Opus => "minptime=10;useinbandfec=1",
        Codec::H264 => "packetization-mode=1;profile-level-id=42e01f;level-asymmetry-allowed=1",
        Codec::Vp8 | Codec::Vp9 | Codec::Av1 => "",
    };
    let fmtp = wish.fmtp.clone().unwrap_or_else(|| usual.to_owned());
    if fmtp.len() > FMTP_BYTES || fmtp.chars().any(char::is_control) {
        return Err(rejected(format!("fmtp has at most {FMTP_BYTES} bytes, and no control characters.")));
    }
    let direction = wish.direction;
    if wish.address.is_none() && !direction.sends() {
        return Err(rejected("Who only receives has an address: nothing comes of which it could be learnt."));
    }
    if wish.rtcp_address.is_some() && (wish.rtcp_mux || wish.address.is_none()) {
        return Err(rejected("rtcp_address goes with address, and not with rtcp_mux."));
    }
    let is_shown = kind == MediaKind::Video && direction.receives();
    if wish.key_frames_s.is_some_and(|every| every > MAX_KEY_FRAMES_S || !is_shown) {
        return Err(rejected(format!("key_frames_s is 0 to {MAX_KEY_FRAMES_S}, of video that is received.")));
    }
    let every = wish.key_frames_s.unwrap_or(KEY_FRAMES_S);
    let address = wish.address.map(|rtp| {
        let mut next = rtp;
        next.set_port(rtp.port().wrapping_add(1));
        PlainAddress { rtp, rtcp: wish.rtcp_address.unwrap_or(next) }
    });
    Ok(PlainLeg {
        codec,
        payload_type,
        fmtp,
        sends: direction.sends(),
        receives,
        address,
        rtcp_mux: wish.rtcp_mux,
        ssrc: wish.ssrc,
        srtp: wish.srtp.as_ref().map(keys).transpose()?,
        nack: wish.nack,
        key_frames: (is_shown && every > 0).then(|| Duration::from_secs(every.into())),
    })
}

fn codec(kind: MediaKind, name: Option<&str>) -> Result<Codec, Refusal> {
    let (all, usual): (&[Codec], _) = match kind {
        MediaKind::Audio => (&[Codec::Opus], Codec::Opus),
        MediaKind::Video => (&[Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1], Codec::Vp8),
    };
    let Some(name) = name else { return Ok(usual) };
    all.iter().copied().find(|codec| codec.name().eq_ignore_ascii_case(name)).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|codec| codec.name().to_ascii_lowercase()).collect();
        rejected(format!("This server speaks no such codec here; it speaks {}.", names.join(", ")))
            .remedy("Have the gateway transcode; PCMU and PCMA are not spoken.")
    })
}

/// His key, and a fresh one of ours.
fn keys(wish: &RtpKeyWish) -> Result<PlainKeys, Refusal> {
    let profile = Profile::of_sdes(&wish.suite).ok_or_else(|| {
        rejected("This server knows no such SRTP suite.")
            .remedy("Use AES_CM_128_HMAC_SHA1_80, AEAD_AES_128_GCM or AEAD_AES_256_GCM.")
    })?;
    let length = profile.key_len() + profile.salt_len();
    let text = wish.key.strip_prefix("inline:").unwrap_or(&wish.key);
    let theirs = STANDARD.decode(text).ok().filter(|key| key.len() == length).ok_or_else(|| {
        rejected(format!("The SRTP key is not {length} bytes in base64."))
            .remedy("Give the master key with its salt behind it; a lifetime or an MKI is not taken.")
    })?;
    let mut ours = vec![0; length];
    aws_lc_rs::rand::fill(&mut ours)
        .map_err(|_| Refusal::new(ErrorCode::ServerDefect, "The operating system has no random numbers."))?;
    Ok(PlainKeys { profile, theirs, ours })
}

fn view_of(peer: PeerId, name: &DisplayName, timeout_s: u32, legs: &[PlainLeg], answer: &PlainAnswer) -> RtpView {
    let of = |kind| {
        let (leg, at) = legs.iter().zip(&answer.legs).find(|(leg, _)| leg.kind() == kind)?;
        Some(RtpLegView {
            direction: match (leg.sends, leg.receives.is_some()) {
                (true, false) => crate::wire::RtpDirection::SendOnly,
                (false, true) => crate::wire::RtpDirection::RecvOnly,
                (true, true) | (false, false) => crate::wire::RtpDirection::SendRecv,
            },
            codec: leg.codec.name().to_ascii_lowercase(),
            payload_type: leg.payload_type,
            rtp: at.rtp.to_string(),
            rtcp: at.rtcp.to_string(),
            ssrc: at.ssrc,
            suite: leg.srtp.as_ref().map(|keys| keys.profile.sdes_name().to_owned()),
        })
    };
    RtpView {
        participant: peer.to_string(),
        name: name.as_str().to_owned(),
        state: ParticipantState::Connecting,
        timeout_s,
        audio: of(MediaKind::Audio),
        video: of(MediaKind::Video),
    }
}

impl From<&PlainLegStats> for RtpPathView {
    fn from(stats: &PlainLegStats) -> Self {
        Self {
            kind: if stats.kind == MediaKind::Audio { KindName::Audio } else { KindName::Video },
            source: stats.source.map(|from| from.to_string()),
            destination: stats.destination.map(|to| to.to_string()),
            strangers: stats.strangers,
        }
    }
}

fn rejected(message: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::RtpRejected, message)
}

fn unknown(peer: PeerId) -> Refusal {
    Refusal::new(ErrorCode::ParticipantUnknown, format!("Participant {peer} is not connected by plain RTP."))
}
