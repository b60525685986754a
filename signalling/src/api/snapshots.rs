//! To look at still pictures: of one, or of everybody on a wall.

use super::Signalling;
use super::house::Onlooker;
use super::media::peer_id;
use crate::authn::{Caller, Door};
use crate::authz::Action;
use crate::engine_port::ENGINE_TIMEOUT;
use crate::error::{ErrorCode, Refusal};
use crate::names::RoomName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use colloquy_media_core::api::{PeerId, Snapshot, SnapshotAsk, SnapshotSize, Source};
use serde::Serialize;
use std::collections::HashSet;
use std::time::Duration;
use utoipa::ToSchema;

/// Pictures in one answer: a wall of 8 by 8. Larger rooms are read page by page.
pub(crate) const PAGE: usize = 64;
/// A wall waits so long for those that are being made; those that are not ready then are in the next answer.
const PAGE_TIMEOUT: Duration = Duration::from_secs(2);

/// The small pictures of those in a room, in the order they came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ThumbnailsView {
    /// The room.
    pub room: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Everybody whom you may know of, at most 64.
    pub thumbnails: Vec<ThumbnailView>,
    /// There are more: ask again with this as `after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The small picture of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ThumbnailView {
    /// Of whom.
    pub participant: String,
    /// The name he goes by.
    pub name: String,
    /// Names the picture: another picture has another. Missing where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// How long ago it was taken, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_ms: Option<u64>,
    /// The JPEG in base64 (RFC 4648 section 4). Left out where its tag was among those that you said you have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jpeg: Option<String>,
    /// Why there is none: a code, such as `snapshot.off`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<&'static str>,
}

/// Which part of a wall is wanted.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) after: Option<String>,
    /// Tags of pictures that the client has.
    pub(crate) have: HashSet<String>,
}

/// The entity tag of a picture, without its quotes.
pub(crate) fn snapshot_tag(snapshot: &Snapshot) -> String {
    format!("{:016x}", snapshot.tag)
}

impl Signalling {
    /// As whom somebody looks who shows the resume token of his session, if it is one.
    pub(crate) fn onlooker_by_session(&self, token: &str, room: &RoomName) -> Option<Result<Onlooker, Refusal>> {
        let (of, peer) = self.read(|house| house.holder(token))?;
        let is_there = self.read(|house| house.room_id(room).is_ok_and(|id| id == of));
        Some(if is_there { Ok(Onlooker::Members(vec![peer])) } else { Err(not_there(room)) })
    }

    /// As whom somebody looks: from outside who may watch unseen; else as those whom he is in the room, by the subject of his token.
    pub(crate) fn onlooker(&self, caller: &Caller, room: &RoomName) -> Result<Onlooker, Refusal> {
        if caller.authorise(Action::Monitor, Some(room)).is_ok() {
            return Ok(Onlooker::Outside);
        }
        caller.enter(room, Door::Whep).map_err(|_| not_there(room))?;
        let subject = caller.subject.as_deref();
        let sessions = self.read(|house| Some(house.sessions_of(house.room_id(room).ok()?, subject?)));
        match sessions {
            Some(sessions) if !sessions.is_empty() => Ok(Onlooker::Members(sessions)),
            Some(_) | None => Err(not_there(room)),
        }
    }

    /// A still picture of somebody.
    pub(crate) async fn snapshot(
        &self,
        by: &Onlooker,
        room: &RoomName,
        participant: &str,
        (source, size): (Source, SnapshotSize),
    ) -> Result<Snapshot, Refusal> {
        let peer = peer_id(participant)?;
        let largest = self.read(|house| house.may_look(room, by, peer))?;
        let size = if largest == SnapshotSize::Thumbnail { largest } else { size };
        let pending = self.engine.snapshot(SnapshotAsk { peer, source, size });
        Ok(pending.answer(ENGINE_TIMEOUT).await??)
    }

    /// The small pictures of those in a room.
    pub(crate) async fn thumbnails(
        &self,
        by: &Onlooker,
        room: &RoomName,
        source: Source,
        page: &Page,
    ) -> Result<ThumbnailsView, Refusal> {
        let after = page.after.as_deref().map(peer_id).transpose()?;
        let mut looks = self.read(|house| house.looks(room, by))?;
        if let Some(after) = after {
            // Ids count up, and so does the order in which people came: also behind one who has left.
            looks.retain(|look| look.peer > after);
        }
        let more = looks.len() > PAGE;
        looks.truncate(PAGE);
        let next = looks.last().filter(|_| more).map(|last| last.peer.to_string());
        // All are asked for before the first is waited for.
        let asked: Vec<_> = looks
            .into_iter()
            .map(|look| {
                let ask = |peer: PeerId| SnapshotAsk { peer, source, size: SnapshotSize::Thumbnail };
                let pending = look.may.map(|_| self.engine.snapshot(ask(look.peer)));
                (look.peer, look.name, pending)
            })
            .collect();
        let until = tokio::time::Instant::now() + PAGE_TIMEOUT;
        let mut thumbnails = Vec::with_capacity(asked.len());
        for (peer, name, pending) in asked {
            let answer = match pending {
                Ok(pending) => {
                    let left = until.saturating_duration_since(tokio::time::Instant::now());
                    pending.answer(left).await.and_then(|made| made.map_err(Refusal::from))
                }
                Err(refusal) => Err(refusal),
            };
            thumbnails.push(ThumbnailView::new(peer, name, answer, &page.have));
        }
        Ok(ThumbnailsView { room: room.to_string(), width: THUMBNAIL.0, height: THUMBNAIL.1, thumbnails, next })
    }
}

/// Sides of every thumbnail.
const THUMBNAIL: (u32, u32) = (160, 90);

impl ThumbnailView {
    fn new(peer: PeerId, name: String, answer: Result<Snapshot, Refusal>, have: &HashSet<String>) -> Self {
        let participant = peer.to_string();
        match answer {
            Ok(snapshot) => {
                let tag = snapshot_tag(&snapshot);
                let jpeg = (!have.contains(&tag)).then(|| BASE64.encode(&snapshot.jpeg));
                let age_ms = Some(u64::try_from(snapshot.age.as_millis()).unwrap_or(u64::MAX));
                Self { participant, name, tag: Some(tag), age_ms, jpeg, missing: None }
            }
            Err(refusal) => {
                let missing = Some(refusal.code.as_str());
                Self { participant, name, tag: None, age_ms: None, jpeg: None, missing }
            }
        }
    }
}

fn not_there(room: &RoomName) -> Refusal {
    Refusal::new(ErrorCode::AuthForbidden, format!("You are not in room {room}, and may not watch it unseen."))
        .remedy("Join it, and send the access token that you joined with or the resume_token of your session; or a token that grants \"supervise\" or \"admin\".")
}
