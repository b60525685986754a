//! Polling: a `GET` that waits for packets, a `POST` that brings some.

use super::super::hub::Hub;
use super::conversation::Step;
use super::packet::{self, NotTheProtocol, Packet};
use super::peer::{Peer, last_words};
use super::{BODY_OVERHEAD, PING_INTERVAL_MS, Phase, Refused};
use crate::node::Flow;
use crate::wire::outbox::End;
use axum::extract::Request;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use std::borrow::Cow;
use std::future::poll_fn;
use std::pin::pin;
use std::str;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Bytes of one answer, but for one message that is longer.
const PAYLOAD_BYTES: usize = 1024 * 1024;

/// Gives back a poll's place when it is answered or its client has gone.
struct Polls<'a>(&'a Peer);

impl Drop for Polls<'_> {
    fn drop(&mut self) {
        self.0.is_polling.store(false, Ordering::Release);
    }
}

/// Waits for packets, for as long as a client pings at least.
pub(super) async fn poll(hub: &Arc<Hub>, peer: &Arc<Peer>) -> Response {
    if peer.is_polling.swap(true, Ordering::AcqRel) {
        // Two polls at once would each get a part of what there is.
        peer.outbox.end(End::NotTheProtocol);
        hub.peers.end(hub, peer);
        return Refused::Bad.into_response();
    }
    let polls = Polls(peer);
    peer.seen();
    drop(timeout(Duration::from_millis(PING_INTERVAL_MS.into()), something(peer)).await);
    peer.seen();
    let mut payload = String::new();
    while peer.phase() == Phase::Polling && payload.len() < PAYLOAD_BYTES {
        let Some(text) = peer.next() else { break };
        packet::add_to_payload(&mut payload, str::from_utf8(&text).unwrap_or_default());
    }
    drop(polls);
    match peer.outbox.ended() {
        Some(end) if payload.len() < PAYLOAD_BYTES => {
            last_words(end).iter().for_each(|last| packet::add_to_payload(&mut payload, last));
            packet::add_to_payload(&mut payload, "1");
            hub.peers.end(hub, peer);
        }
        _ if payload.is_empty() => packet::add_to_payload(&mut payload, "6"),
        _ => {}
    }
    ([(header::CONTENT_TYPE, "text/plain; charset=UTF-8")], payload).into_response()
}

/// Until there is something to say, or the poll has to end for another reason.
async fn something(peer: &Peer) {
    let mut nudged = pin!(peer.nudge.notified());
    poll_fn(|cx| {
        peer.outbox.register(cx.waker());
        let is_due = peer.talk().has_answers() || !peer.outbox.is_empty() || peer.outbox.ended().is_some();
        if is_due { Poll::Ready(()) } else { nudged.as_mut().poll(cx) }
    })
    .await;
}

/// Packets of a client. Who sends too fast waits for the answer.
pub(super) async fn post(hub: &Arc<Hub>, peer: &Arc<Peer>, request: Request) -> Result<Response, Refused> {
    peer.seen();
    let is_binary = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/octet-stream"));
    let limit = hub.settings.message_bytes.saturating_mul(BODY_OVERHEAD);
    let body = axum::body::to_bytes(request.into_body(), limit).await;
    let said = body.map_err(|_| NotTheProtocol).and_then(|body| read(peer, &body, is_binary));
    let Ok((mut messages, step)) = said else {
        peer.outbox.end(End::NotTheProtocol);
        hub.peers.end(hub, peer);
        return Err(Refused::Bad);
    };
    if messages.iter().any(|message| message.len() > hub.settings.message_bytes) {
        peer.outbox.end(End::TooLarge);
        hub.peers.end(hub, peer);
        return Err(Refused::Bad);
    }
    if !messages.is_empty()
        && let Flow::Pause(wait) = hub.receive(peer.connection, &mut messages)
    {
        sleep(wait).await;
    }
    if step == Step::End {
        peer.outbox.end(End::Gone);
        hub.peers.end(hub, peer);
    }
    if peer.talk().has_answers() {
        // The poll that waits does not see what is not in the outbox.
        peer.nudge.notify_one();
    }
    Ok(([(header::CONTENT_TYPE, "text/html")], "ok").into_response())
}

fn read(peer: &Peer, body: &[u8], is_binary: bool) -> Result<(Vec<Bytes>, Step), NotTheProtocol> {
    let packets: Vec<Cow<'_, str>> = if is_binary {
        packet::binary_payload(body)?
    } else {
        packet::payload(str::from_utf8(body).map_err(|_| NotTheProtocol)?)?
    };
    let mut messages = Vec::new();
    let mut talk = peer.talk();
    for text in &packets {
        let step = talk.take(&Packet::parse(text)?, &mut messages)?;
        if step == Step::End {
            return Ok((messages, step));
        }
    }
    Ok((messages, Step::Go))
}
