//! One socket's conversation: which request may come when, and what is answered. It knows frames as text; who carries them is
//! the business of `http::ws`.

use super::{CloseCode, Outbox, Secret, SocketId, TokenBucket, Weight};
use crate::api::{Actor, OfferAsk, Origin, Signalling, now};
use crate::authn::Caller;
use crate::authz::Role;
use crate::error::{ErrorCode, Refusal};
use crate::wire::{Hello, Joined, OfferMedia, ReceivedFrame, Request, ServerResult, VERSION, encode, encode_result};
use colloquy_media_core::api::{PeerId, RoomId};
use std::sync::Arc;

/// Whether the socket goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    Close(CloseCode),
}

/// A socket's side of the conversation.
pub(crate) struct Connection {
    signalling: Arc<Signalling>,
    socket: SocketId,
    outbox: Arc<Outbox>,
    origin: Origin,
    stage: Stage,
    bucket: TokenBucket,
    /// What claims of who he is must have in them.
    nonce: Secret,
}

/// How far it has come.
enum Stage {
    /// No `hello` yet.
    Silent,
    /// Greeted, in no room. Without a caller he was not let in, but may resume: a resume token says enough.
    Greeted(Result<Caller, Refusal>),
    /// In a room.
    Member(Result<Caller, Refusal>, PeerId),
}

/// What a member's request needs to know.
#[derive(Clone, Copy)]
struct Member {
    peer: PeerId,
    room: RoomId,
    role: Role,
}

impl Connection {
    pub(crate) fn new(signalling: Arc<Signalling>, socket: SocketId, outbox: Arc<Outbox>, origin: Origin) -> Self {
        let bucket = TokenBucket::new(signalling.config.limits.frames_per_s);
        Self { signalling, socket, outbox, origin, stage: Stage::Silent, bucket, nonce: Secret::random() }
    }

    pub(crate) fn outbox(&self) -> Arc<Outbox> {
        self.outbox.clone()
    }

    /// Whether `hello` has come.
    pub(crate) fn greeted(&self) -> bool {
        !matches!(self.stage, Stage::Silent)
    }

    /// Whether it speaks for somebody in a room.
    pub(crate) fn seated(&self) -> bool {
        matches!(self.stage, Stage::Member(..))
    }

    /// Counts a frame of any kind against the limit.
    pub(crate) fn may_send(&mut self) -> bool {
        self.bucket.take(now())
    }

    /// Handles a text frame, and queues its answer.
    pub(crate) async fn received(&mut self, text: &str) -> Flow {
        let ReceivedFrame::Request { id, request } = ReceivedFrame::read(text) else {
            return Flow::Close(CloseCode::NotTheProtocol);
        };
        let silent = !self.greeted();
        let not_hello = silent && !matches!(request, Ok(Request::Hello(_)) | Err(_));
        let result = match request {
            Ok(request) => self.answer(id, request).await,
            Err(refusal) => Err(refusal),
        };
        match result {
            Ok(Some(result)) => self.say(id, &result),
            Ok(None) => {}
            Err(refusal) => {
                tracing::debug!(code = %refusal.code, "refused");
                self.signalling.metrics.refused(refusal.code);
                self.say(id, &ServerResult::from(refusal));
            }
        }
        if not_hello { Flow::Close(CloseCode::NotTheProtocol) } else { Flow::Continue }
    }

    fn say(&self, id: u32, result: &ServerResult) {
        self.outbox.push(encode_result(id, result), Weight::Kept);
    }

    /// `None`: the answer is queued already.
    async fn answer(&mut self, id: u32, request: Request) -> Result<Option<ServerResult>, Refusal> {
        match request {
            Request::Hello(hello) => {
                let welcome = self.hello(&hello)?;
                self.say(id, &welcome);
                if let Some(event) = self.signalling.read(|house| house.draining_event(now())) {
                    self.outbox.push(encode(&event), Weight::Kept);
                }
                Ok(None)
            }
            Request::Join(join) => {
                let caller = self.in_no_room()?.clone()?;
                self.signalling.may_join(Some(&caller), self.origin.address)?;
                let queue = self.queue_joined(id);
                let peer = self.signalling.join(self.socket, &caller, &join, queue).await?;
                self.stage = Stage::Member(Ok(caller), peer);
                Ok(None)
            }
            Request::Resume(resume) => {
                let caller = self.in_no_room()?.clone();
                self.signalling.may_join(caller.as_ref().ok(), self.origin.address)?;
                let queue = self.queue_joined(id);
                let peer = self.signalling.resume(self.socket, &resume.resume_token.0, queue)?;
                self.stage = Stage::Member(caller, peer);
                Ok(None)
            }
            Request::Offer(offer) => self.offer(offer).await.map(Some),
            Request::Candidate(candidate) => {
                let me = self.member()?;
                self.signalling.candidate(me.peer, me.role, candidate.candidate.0)?;
                Ok(Some(ServerResult::Ok))
            }
            Request::Subscribe(wish) => {
                let me = self.member()?;
                let track = wish.track.as_ref().map(|track| track.0.as_str());
                let pin = wish.pin.as_ref().map(|pin| pin.0.as_str());
                self.signalling.subscribe((me.room, me.peer, me.role), wish.mid.0, track, pin).await?;
                Ok(Some(ServerResult::Ok))
            }
            Request::Prefer(prefer) => {
                let me = self.member()?;
                let preference = prefer.preference();
                self.signalling.prefer(me.peer, me.role, prefer.mid.0, preference).await?;
                Ok(Some(ServerResult::Ok))
            }
            Request::Downlink(downlink) => {
                let me = self.member()?;
                self.signalling.downlink(me.peer, me.role, downlink.downlink()).await?;
                Ok(Some(ServerResult::Ok))
            }
            Request::Audio(audio) => {
                let me = self.member()?;
                self.signalling.audio(me.peer, me.role, audio.mode.into()).await?;
                Ok(Some(ServerResult::Ok))
            }
            Request::Mute(mute) => {
                let me = self.member()?;
                self.signalling.mute(me.room, Actor::Member(me.peer), &mute.track.0, mute.muted).await?;
                Ok(Some(ServerResult::Ok))
            }
            Request::Kick(kick) => {
                let me = self.member()?;
                let reason = kick.reason.as_ref().map(|reason| reason.0.as_str());
                self.signalling.kick(me.room, me.peer, &kick.participant.0, reason)?;
                Ok(Some(ServerResult::Ok))
            }
            Request::Audience(wish) => {
                let me = self.member()?;
                let verb = wish.change.verb(me.peer)?;
                self.signalling.with(|house, fx| house.act(me.room, me.peer, verb, now(), fx))?;
                Ok(Some(ServerResult::Ok))
            }
            Request::Announce(wish) => {
                let me = self.member()?;
                let announcement = self.signalling.announce(me.room, me.peer, wish.wish()).await?;
                Ok(Some(ServerResult::Announced { announcement }))
            }
            Request::Hush(wish) => {
                let me = self.member()?;
                self.signalling.hush(me.room, me.peer, &wish.announcement.0)?;
                Ok(Some(ServerResult::Ok))
            }
            Request::Announcements => {
                let me = self.member()?;
                let announcements = self.signalling.announcements(me.room, me.peer)?;
                Ok(Some(ServerResult::Announcements { announcements }))
            }
            Request::Leave => {
                let me = self.member()?;
                self.signalling.leave(me.peer);
                self.forget_room();
                Ok(Some(ServerResult::Ok))
            }
            Request::Stats => {
                let me = self.member()?;
                let stats = self.signalling.own_stats(me.room, me.peer, me.role).await?;
                Ok(Some(ServerResult::Stats {
                    rtt_ms: stats.rtt_ms,
                    downlink: stats.downlink,
                    receive: stats.receive,
                    send: stats.send,
                }))
            }
        }
    }

    /// Puts `joined` into the outbox: called while the state is locked, so that no event comes before it or is missed after it.
    fn queue_joined(&self, id: u32) -> impl FnOnce(&Joined) + Send + use<> {
        let outbox = self.outbox.clone();
        move |joined| {
            outbox.push(encode_result(id, &ServerResult::Joined(joined.clone())), Weight::Kept);
        }
    }

    fn hello(&mut self, hello: &Hello) -> Result<ServerResult, Refusal> {
        if self.greeted() {
            return Err(Refusal::unexpected("hello comes only once."));
        }
        if hello.version != VERSION {
            return Err(Refusal::new(
                ErrorCode::ProtocolVersion,
                format!("This server speaks version {VERSION} only."),
            ));
        }
        let caller = self.signalling.identify(hello.token.as_ref().map(|token| token.0.as_str()), self.origin.local);
        if let Err(refusal) = &caller
            && refusal.code == ErrorCode::AuthInvalid
        {
            return Err(refusal.clone());
        }
        if let Some(client) = &hello.client {
            tracing::debug!(client = client.0.as_str(), "hello");
        }
        let config = &self.signalling.config;
        let ice_servers = match &caller {
            Ok(caller) => {
                let nameless = || format!("socket-{}", self.socket.0);
                self.signalling.ice_servers(&caller.subject.clone().unwrap_or_else(nameless))
            }
            // Whoever may not come in gets no credentials either.
            Err(_) => config.ice_servers.clone(),
        };
        let identity = self.signalling.identity_offer(self.nonce.as_str());
        let welcome =
            ServerResult::welcome(config.resume_window_s.0, ice_servers, config.announcements.enabled, identity);
        self.stage = Stage::Greeted(caller);
        Ok(welcome)
    }

    async fn offer(&mut self, offer: OfferMedia) -> Result<ServerResult, Refusal> {
        let me = self.member()?;
        let ask = OfferAsk {
            sdp: offer.sdp,
            sources: offer.sources.0.into_iter().map(|(mid, source)| (mid, source.into())).collect(),
            subscriptions: offer.subscriptions.0.into_iter().map(|(mid, track)| (mid, track.0)).collect(),
            claim: offer.identity.map(|claim| claim.0),
            nonce: self.nonce.as_str().to_owned(),
        };
        let answer = self.signalling.offer(me.room, me.peer, me.role, ask).await?;
        let tracks = answer.published.into_iter().map(|track| (track.mid, track.id.to_string())).collect();
        Ok(ServerResult::Answer { sdp: answer.sdp, tracks })
    }

    /// The caller, who must be greeted and in no room.
    fn in_no_room(&mut self) -> Result<&Result<Caller, Refusal>, Refusal> {
        if self.member().is_ok() {
            return Err(Refusal::unexpected("You are in a room already.").remedy("Leave it first."));
        }
        self.forget_room();
        match &self.stage {
            Stage::Greeted(caller) | Stage::Member(caller, _) => Ok(caller),
            Stage::Silent => Err(hello_first()),
        }
    }

    /// The participant that this socket speaks for.
    fn member(&self) -> Result<Member, Refusal> {
        let peer = match &self.stage {
            Stage::Member(_, peer) => *peer,
            Stage::Greeted(_) => return Err(join_first()),
            Stage::Silent => return Err(hello_first()),
        };
        self.signalling
            .read(|house| house.member(self.socket, peer).map(|p| Member { peer, room: p.room, role: p.role }))
            .ok_or_else(join_first)
    }

    fn forget_room(&mut self) {
        if let Stage::Member(caller, _) = &self.stage {
            self.stage = Stage::Greeted(caller.clone());
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let peer = match &self.stage {
            Stage::Member(_, peer) => Some(*peer),
            Stage::Silent | Stage::Greeted(_) => None,
        };
        self.signalling.close_socket(self.socket, self.origin, peer);
    }
}

fn hello_first() -> Refusal {
    Refusal::unexpected("hello comes first.")
}

fn join_first() -> Refusal {
    Refusal::unexpected("You are in no room.").remedy("Join a room first.")
}
