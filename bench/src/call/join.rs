//! Joining: an HTTP request, ICE and DTLS.

use super::generator::Generator;
use super::processes::Server;
use crate::client::{Client, Pace};
use anyhow::{Context as _, Result, bail};
use colloquy_media_core::api::{Codec, MediaKind};
use std::time::{Duration, Instant};

/// How long one join took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Join {
    /// From the request to the answer.
    pub(super) answer: Duration,
    /// From the request to the end of the DTLS handshake: from then on the server sends media.
    pub(super) connected: Duration,
    /// From the request to the first packet of media; for video that is the next key frame.
    pub(super) media: Option<Duration>,
    index: usize,
    asked: Instant,
}

const ROOM: &str = "bench";
/// A join that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// The publisher joins by WHIP.
pub(super) fn publisher(generator: &mut Generator, server: &Server, pace: Pace) -> Result<()> {
    let index = generator.add(|client| {
        client.publish(Codec::Vp8, pace);
    })?;
    negotiate(generator, server, index, &format!("/api/v1/whip/{ROOM}"))?;
    if !generator.run_until(Instant::now() + PATIENCE, Client::is_connected)? {
        bail!("the publisher is not connected after {PATIENCE:?}");
    }
    generator.run(Duration::from_millis(100))
}

/// One more viewer joins by WHEP.
pub(super) fn viewer(generator: &mut Generator, server: &Server) -> Result<Join> {
    let index = generator.add(|client| {
        client.receive(MediaKind::Video);
    })?;
    let asked = Instant::now();
    negotiate(generator, server, index, &format!("/api/v1/whep/{ROOM}"))?;
    let answer = asked.elapsed();
    if !generator.run_until(asked + PATIENCE, |client| client.connected_at().is_some())? {
        bail!("viewer {index} is not connected after {PATIENCE:?}");
    }
    let connected = generator.client(index).connected_at().context("it is connected")? - asked;
    Ok(Join { index, asked, answer, connected, media: None })
}

/// Waits until everyone has a picture.
pub(super) fn pictures(generator: &mut Generator, joins: &mut [Join]) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while joins.iter().any(|join| generator.first_media(join.index).is_none()) {
        generator.run(Duration::from_millis(50))?;
        if Instant::now() >= until {
            bail!("not everyone receives media after {PATIENCE:?}");
        }
    }
    for join in joins {
        join.media = generator.first_media(join.index).map(|at| at - join.asked);
    }
    Ok(())
}

fn negotiate(generator: &mut Generator, server: &Server, index: usize, path: &str) -> Result<()> {
    let offer = generator.client(index).offer();
    let answer = server.post(path, &offer)?;
    generator.client(index).accept(Instant::now(), &answer)?;
    generator.settle(index);
    Ok(())
}
