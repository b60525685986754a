//! Peers on a stack that shares no line with ours: the `webrtc` crate, over WHIP and WHEP, real sockets and a real server.

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use colloquy_bench::client::{Lineage, Position, Stamp, write_payload};
use colloquy_bench::host::{Host, HostOptions};
use colloquy_media_core::api::Codec;
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    RTCPeerConnectionState, RTCSessionDescription, Registry, SettingEngineBuilder, SrtpProtectionProfile,
    register_default_interceptors,
};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};

/// Everything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Packets by publisher and the number of his track.
type Heard = Arc<Mutex<BTreeMap<(u64, u8), u64>>>;

struct Handler {
    gathered: mpsc::Sender<()>,
    connected: mpsc::Sender<()>,
    heard: Heard,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.gathered.try_send(());
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if state == RTCPeerConnectionState::Connected {
            let _ = self.connected.try_send(());
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let heard = self.heard.clone();
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event
                    && let Some(stamp) = Stamp::read(&packet.payload)
                {
                    *heard.lock().unwrap().entry((stamp.source, stamp.track)).or_default() += 1;
                }
            }
        });
    }
}

/// One peer of the second stack.
struct Peer {
    connection: Arc<dyn PeerConnection>,
    connected: mpsc::Receiver<()>,
    heard: Heard,
}

const SSRC: u32 = 0x1234_0000;

fn track(codec: Codec, source: u64, number: u8) -> Arc<TrackLocalStaticRTP> {
    let (kind, mime, clock_rate, channels) = match codec {
        Codec::Opus => (RtpCodecKind::Audio, "audio/opus", 48_000, 2),
        _ => (RtpCodecKind::Video, "video/VP8", 90_000, 0),
    };
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            ssrc: Some(SSRC + (source as u32) * 16 + u32::from(number)),
            ..Default::default()
        },
        codec: RTCRtpCodec { mime_type: mime.into(), clock_rate, channels, ..Default::default() },
        ..Default::default()
    };
    let name = format!("track{number}");
    Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new("stream".into(), name.clone(), name, kind, vec![coding])))
}

impl Peer {
    async fn new(profile: Option<SrtpProtectionProfile>) -> Result<(Self, mpsc::Receiver<()>)> {
        let (gathered, gathered_rx) = mpsc::channel(1);
        let (connected, connected_rx) = mpsc::channel(1);
        let heard = Heard::default();
        let mut media = MediaEngine::default();
        media.register_default_codecs()?;
        let registry = register_default_interceptors(Registry::new(), &mut media)?;
        let mut settings = SettingEngineBuilder::new().with_include_loopback_candidate(true);
        if let Some(profile) = profile {
            settings = settings.with_srtp_protection_profiles(vec![profile]);
        }
        let connection = PeerConnectionBuilder::new()
            .with_media_engine(media)
            .with_interceptor_registry(registry)
            .with_setting_engine(settings.build())
            .with_handler(Arc::new(Handler { gathered, connected, heard: heard.clone() }))
            .with_udp_addrs(vec!["127.0.0.1:0".to_owned()])
            .build()
            .await?;
        Ok((Self { connection: Arc::new(connection), connected: connected_rx, heard }, gathered_rx))
    }

    /// Offers to `path` and waits until it is connected.
    async fn connect(&mut self, host: &Host, path: &str, mut gathered: mpsc::Receiver<()>) -> Result<()> {
        let offer = self.connection.create_offer(None).await?;
        self.connection.set_local_description(offer).await?;
        tokio::time::timeout(PATIENCE, gathered.recv()).await.context("candidates are gathered")?;
        let offer = self.connection.local_description().await.context("it has an offer")?.sdp;
        let answer = post(host, path, offer).await?;
        self.connection.set_remote_description(RTCSessionDescription::answer(answer)?).await?;
        tokio::time::timeout(PATIENCE, self.connected.recv()).await.context("it connects")?;
        Ok(())
    }

    /// A peer that publishes Opus and VP8, and goes on until the runtime ends.
    async fn publisher(host: &Host, room: &str, source: u64, profile: Option<SrtpProtectionProfile>) -> Result<Self> {
        let (mut peer, gathered) = Self::new(profile).await?;
        let tracks = [track(Codec::Opus, source, 0), track(Codec::Vp8, source, 1)];
        for track in &tracks {
            peer.connection.add_track(Arc::clone(track) as Arc<dyn TrackLocal>).await?;
        }
        peer.connect(host, &format!("/api/v1/whip/{room}"), gathered).await?;
        let [audio, video] = tracks;
        tokio::spawn(send(audio, Codec::Opus, source, 0));
        tokio::spawn(send(video, Codec::Vp8, source, 1));
        Ok(peer)
    }

    /// A peer with so many places for audio and as many for video.
    async fn viewer(host: &Host, path: &str, places: usize, profile: Option<SrtpProtectionProfile>) -> Result<Self> {
        let (mut peer, gathered) = Self::new(profile).await?;
        for kind in [RtpCodecKind::Audio, RtpCodecKind::Video] {
            for _ in 0..places {
                let direction = RTCRtpTransceiverDirection::Recvonly;
                let init = RTCRtpTransceiverInit { direction, streams: vec![], send_encodings: vec![] };
                peer.connection.add_transceiver_from_kind(kind, Some(init)).await?;
            }
        }
        peer.connect(host, path, gathered).await?;
        Ok(peer)
    }

    /// Waits until exactly these tracks are heard, each some packets long.
    async fn hears(&self, expected: &[(u64, u8)]) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let heard = self.heard.lock().unwrap().clone();
            if let Some(wrong) = heard.keys().find(|track| !expected.contains(track)) {
                bail!("hears {wrong:?}, and should hear {expected:?} only");
            }
            if expected.iter().all(|track| heard.get(track).is_some_and(|packets| *packets >= 10)) {
                return Ok(());
            }
            ensure!(Instant::now() < until, "hears {heard:?} instead of {expected:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Sends a frame each 20 ms, and each tenth one of video is a key frame.
async fn send(track: Arc<TrackLocalStaticRTP>, codec: Codec, source: u64, number: u8) {
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let payload_type = if codec == Codec::Opus { 111 } else { 96 };
    for counter in 0..u32::MAX {
        ticks.tick().await;
        let key = codec == Codec::Opus || counter % 10 == 0;
        let stamp = Stamp {
            source,
            track: number,
            counter,
            frame: counter,
            key,
            first: true,
            lineage: Lineage::default(),
            sent: Duration::ZERO,
        };
        let mut payload = Vec::new();
        write_payload(&mut payload, codec, 120, &stamp, Position { last: true, picture_id: (counter & 0x7fff) as u16 });
        let packet = rtc::rtp::Packet {
            header: rtc::rtp::header::Header {
                version: 2,
                marker: true,
                payload_type,
                sequence_number: counter as u16,
                timestamp: counter.wrapping_mul(codec.clock_rate_hz() / 50),
                ssrc: SSRC + (source as u32) * 16 + u32::from(number),
                ..Default::default()
            },
            payload: Bytes::from(payload),
        };
        if track.write_rtp(packet).await.is_err() {
            return;
        }
    }
}

async fn post(host: &Host, path: &str, offer: String) -> Result<String> {
    let url = format!("http://{}{path}", host.address());
    tokio::task::spawn_blocking(move || {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let agent: ureq::Agent = config.into();
        let mut response = agent.post(&url).header("content-type", "application/sdp").send(&offer)?;
        let body = response.body_mut().read_to_string()?;
        ensure!(response.status() == 201, "{url}: {} {body}\n{offer}", response.status());
        Ok(body)
    })
    .await?
}

async fn participants(host: &Host, room: &str) -> Result<Vec<String>> {
    let url = format!("http://{}/api/v1/rooms/{room}/participants", host.address());
    let text =
        tokio::task::spawn_blocking(move || anyhow::Ok(ureq::get(&url).call()?.body_mut().read_to_string()?)).await??;
    let list: serde_json::Value = serde_json::from_str(&text)?;
    let list = list.as_array().or_else(|| list["participants"].as_array()).with_context(|| text.clone())?;
    Ok(list.iter().filter_map(|one| one["id"].as_str()).map(str::to_owned).collect())
}

fn run(test: impl Future<Output = Result<()>>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Err(error) = runtime.block_on(test) {
        panic!("{error:?}");
    }
}

#[test]
fn who_hears_whom_is_exact_on_the_second_stack() {
    run(async {
        let host = Host::start(&HostOptions::default()).await?;
        let mut publishers = vec![Peer::publisher(&host, "first", 1, None).await?];
        let first = participants(&host, "first").await?;
        ensure!(first.len() == 1, "{first:?}");
        publishers.push(Peer::publisher(&host, "first", 2, None).await?);
        publishers.push(Peer::publisher(&host, "second", 3, None).await?);

        let everything = Peer::viewer(&host, "/api/v1/whep/first", 2, None).await?;
        let elsewhere = Peer::viewer(&host, "/api/v1/whep/second", 1, None).await?;
        let one = Peer::viewer(&host, &format!("/api/v1/whep/first/{}", first[0]), 1, None).await?;
        everything.hears(&[(1, 0), (1, 1), (2, 0), (2, 1)]).await?;
        elsewhere.hears(&[(3, 0), (3, 1)]).await?;
        one.hears(&[(1, 0), (1, 1)]).await
    });
}

#[test]
fn every_srtp_profile_is_spoken_with_the_second_stack() {
    run(async {
        let host = Host::start(&HostOptions::default()).await?;
        for (i, profile) in [
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        ]
        .into_iter()
        .enumerate()
        {
            let room = format!("profile{i}");
            let _publisher = Peer::publisher(&host, &room, i as u64, Some(profile)).await?;
            let viewer = Peer::viewer(&host, &format!("/api/v1/whep/{room}"), 1, Some(profile)).await?;
            viewer.hears(&[(i as u64, 0), (i as u64, 1)]).await.with_context(|| format!("{profile:?}"))?;
        }
        Ok(())
    });
}
