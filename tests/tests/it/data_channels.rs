//! Data channels between peers of the second stack, through the engine, its driver and real sockets.

use anyhow::{Context as _, Result, ensure};
use bytes::BytesMut;
use colloquy_media_core::api::{
    Command, DataDrop, DataLimits, Limits, Offer, PeerId, Permissions, Reply, RoomId, Subscriptions, WorkerTotals,
};
use colloquy_media_core::audience::Stance;
use colloquy_media_core::driver::{DriverConfig, MediaEngine};
use rtc::data_channel::RTCDataChannelInit;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState, RTCSessionDescription,
    SettingEngineBuilder,
};

/// Everything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A mirror as one peer has it.
struct Mirror {
    channel: Arc<dyn DataChannel>,
    protocol: String,
    ordered: bool,
    /// Text, or the length of a binary message in angle brackets.
    heard: Vec<String>,
    is_closed: bool,
}

/// Whether a peer takes what is sent to him.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hearing {
    Hears,
    /// His whole stack stops at the first mirror, and acknowledges nothing any more.
    Stops,
}

/// The mirrors of a peer, by their labels.
type Mirrors = Arc<Mutex<BTreeMap<String, Mirror>>>;

struct Handler {
    gathered: mpsc::Sender<()>,
    mirrors: Mirrors,
    hearing: Hearing,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.gathered.try_send(());
        }
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        if self.hearing == Hearing::Stops {
            std::future::pending::<()>().await;
        }
        let mirrors = self.mirrors.clone();
        tokio::spawn(async move {
            let label = channel.label().await.unwrap();
            let mirror = Mirror {
                protocol: channel.protocol().await.unwrap(),
                ordered: channel.ordered().await.unwrap(),
                heard: Vec::new(),
                is_closed: false,
                channel: channel.clone(),
            };
            mirrors.lock().unwrap().insert(label.clone(), mirror);
            while let Some(event) = channel.poll().await {
                let mut mirrors = mirrors.lock().unwrap();
                let Some(mirror) = mirrors.get_mut(&label) else { return };
                match event {
                    DataChannelEvent::OnMessage(message) if message.is_string => {
                        mirror.heard.push(String::from_utf8_lossy(&message.data).into_owned());
                    }
                    DataChannelEvent::OnMessage(message) => mirror.heard.push(format!("<{}>", message.data.len())),
                    DataChannelEvent::OnClose => mirror.is_closed = true,
                    _ => {}
                }
            }
            if let Some(mirror) = mirrors.lock().unwrap().get_mut(&label) {
                mirror.is_closed = true;
            }
        });
    }
}

/// An engine and its one room.
struct World(MediaEngine);

const ROOM: RoomId = RoomId(1);

impl World {
    fn new(data: DataLimits) -> Result<Self> {
        let config = DriverConfig {
            bind: vec![Ipv4Addr::LOCALHOST.into()],
            port: 0,
            include_loopback: true,
            // Everyone on a worker of his own, where there are several.
            workers: colloquy_tests::workers(),
            limits: Limits { data, room_peers_per_worker: 1, ..Limits::default() },
            seed: Some(1),
            ..DriverConfig::default()
        };
        Ok(Self(MediaEngine::start(&config, Arc::new(|_| ()))?))
    }

    async fn ask<T: Send + 'static>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T> {
        let (tell, told) = tokio::sync::oneshot::channel();
        self.0.submit(command(Reply::new(move |answer| drop(tell.send(answer)))));
        Ok(tokio::time::timeout(PATIENCE, told).await??)
    }

    fn totals(&self) -> WorkerTotals {
        let mut all = WorkerTotals::default();
        self.0.worker_stats().iter().for_each(|totals| all.add(totals));
        all
    }

    fn dropped(&self, cause: DataDrop) -> u64 {
        self.totals().data_drops[cause as usize]
    }

    async fn wait(&self, what: &str, mut is_so: impl FnMut(&WorkerTotals) -> bool) -> Result<()> {
        wait(what, || is_so(&self.totals())).await
    }

    /// Joins a peer with channels of these labels, and waits until the first of them is open.
    async fn join(&self, id: u64, permissions: Permissions, channels: &[(&str, RTCDataChannelInit)]) -> Result<Peer> {
        self.join_who(id, permissions, channels, Hearing::Hears).await
    }

    async fn join_who(
        &self,
        id: u64,
        permissions: Permissions,
        channels: &[(&str, RTCDataChannelInit)],
        hearing: Hearing,
    ) -> Result<Peer> {
        let peer = PeerId(id);
        self.ask(|reply| Command::Join { room: ROOM, peer, permissions, stance: Stance::default(), reply }).await??;
        let (gathered, mut has_gathered) = mpsc::channel(1);
        let mirrors = Mirrors::default();
        let handler = Handler { gathered, mirrors: mirrors.clone(), hearing };
        let connection = PeerConnectionBuilder::new()
            .with_setting_engine(SettingEngineBuilder::new().with_include_loopback_candidate(true).build())
            .with_handler(Arc::new(handler))
            .with_udp_addrs(vec!["127.0.0.1:0".to_owned()])
            .build()
            .await?;
        let mut own = Vec::new();
        for (label, init) in channels {
            own.push(connection.create_data_channel(label, Some(init.clone())).await?);
        }
        let offer = connection.create_offer(None).await?;
        connection.set_local_description(offer).await?;
        tokio::time::timeout(PATIENCE, has_gathered.recv()).await.context("candidates are gathered")?;
        let sdp = connection.local_description().await.context("it has an offer")?.sdp;
        let offer = Offer { sdp, sources: vec![], subscriptions: Subscriptions::ByMid(vec![]) };
        let answer = self.ask(|reply| Command::Offer { peer, offer, reply }).await??;
        connection.set_remote_description(RTCSessionDescription::answer(answer.sdp)?).await?;
        for channel in &own {
            let opened = async {
                while let Some(event) = channel.poll().await {
                    if matches!(event, DataChannelEvent::OnOpen) {
                        return true;
                    }
                }
                false
            };
            ensure!(tokio::time::timeout(PATIENCE, opened).await.context("a channel opens")?, "a channel opens");
        }
        Ok(Peer { connection: Arc::new(connection), own, mirrors })
    }
}

struct Peer {
    connection: Arc<dyn PeerConnection>,
    own: Vec<Arc<dyn DataChannel>>,
    mirrors: Mirrors,
}

impl Peer {
    fn heard(&self, label: &str) -> Vec<String> {
        self.mirrors.lock().unwrap().get(label).map(|mirror| mirror.heard.clone()).unwrap_or_default()
    }

    /// Waits until a mirror of this label is there.
    async fn has(&self, label: &str) -> Result<()> {
        wait(label, || self.mirrors.lock().unwrap().contains_key(label)).await
    }

    async fn hears(&self, label: &str, expected: &[&str]) -> Result<()> {
        wait(&format!("{expected:?} on {label}"), || self.heard(label) == expected).await
    }

    async fn sees_closed(&self, label: &str) -> Result<()> {
        wait(&format!("the end of {label}"), || self.mirrors.lock().unwrap().get(label).is_some_and(|m| m.is_closed))
            .await
    }
}

async fn wait(what: &str, mut is_so: impl FnMut() -> bool) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        ensure!(Instant::now() < until, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

fn run(test: impl Future<Output = Result<()>>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Err(error) = runtime.block_on(test) {
        panic!("{error:?}");
    }
}

fn reliable() -> RTCDataChannelInit {
    RTCDataChannelInit { ordered: true, ..Default::default() }
}

fn protocol(protocol: &str) -> RTCDataChannelInit {
    RTCDataChannelInit { protocol: protocol.into(), ..reliable() }
}

/// One who only brings an association with him: a channel for himself.
fn listener() -> [(&'static str, RTCDataChannelInit); 1] {
    [("own", protocol("to="))]
}

#[test]
fn every_kind_of_channel_is_mirrored_with_its_promises_and_its_owner() {
    run(async {
        let world = World::new(DataLimits::default())?;
        let listeners =
            [world.join(2, Permissions::ALL, &listener()).await?, world.join(3, Permissions::ALL, &listener()).await?];
        let unordered = RTCDataChannelInit { ordered: false, ..Default::default() };
        let retransmits = RTCDataChannelInit { max_retransmits: Some(3), ..unordered.clone() };
        let lifetime = RTCDataChannelInit { max_packet_life_time: Some(400), ..reliable() };
        let kinds =
            [("reliable", reliable()), ("unordered", unordered), ("retransmits", retransmits), ("lifetime", lifetime)];
        let sender = world.join(0x12, Permissions::ALL, &kinds).await?;
        for channel in &sender.own {
            channel.send_text("text").await?;
            channel.send(BytesMut::from(&vec![7; 60_000][..])).await?;
            channel.send_text("").await?;
            channel.send(BytesMut::new()).await?;
        }
        for listener in &listeners {
            for (label, init) in &kinds {
                wait(label, || listener.heard(label).len() == 4).await?;
                let mut heard = listener.heard(label);
                if !init.ordered {
                    heard.sort_by_key(|text| ["text", "<60000>", "", "<0>"].iter().position(|t| t == text));
                }
                assert_eq!(heard, ["text", "<60000>", "", "<0>"], "{label}");
                let mirrors = listener.mirrors.lock().unwrap();
                let mirror = &mirrors[*label];
                assert_eq!(mirror.protocol, "p12", "the owner's name");
                // Of a channel that it did not open, the stack tells no more than this.
                assert_eq!(mirror.ordered, init.ordered, "{label}");
            }
        }
        assert!(sender.mirrors.lock().unwrap().is_empty(), "nobody hears himself, nor what is for others");
        // In order, however many.
        let numbers: Vec<String> = (0..500).map(|i| i.to_string()).collect();
        for number in &numbers {
            sender.own[0].send_text(number).await?;
        }
        for listener in &listeners {
            wait("500 messages", || listener.heard("reliable").len() == 504).await?;
            assert_eq!(listener.heard("reliable")[4..], numbers);
        }
        // What a receiver says on a mirror goes nowhere.
        let mirror = listeners[0].mirrors.lock().unwrap()["reliable"].channel.clone();
        mirror.send_text("who am I?").await?;
        world.wait("the reply to be counted", |totals| totals.data_drops[DataDrop::Reply as usize] == 1).await
    });
}

#[test]
fn late_joiners_are_given_what_is_open_and_leavers_take_theirs_with_them() {
    run(async {
        let world = World::new(DataLimits::default())?;
        let sender = world.join(1, Permissions::ALL, &[("chat", reliable()), ("whisper", protocol("to=p3"))]).await?;
        let second = world.join(2, Permissions::ALL, &listener()).await?;
        let third = world.join(3, Permissions::ALL, &listener()).await?;
        let deaf = world.join(4, Permissions { publish: true, subscribe: false }, &listener()).await?;
        for peer in [&second, &third] {
            peer.has("chat").await?;
        }
        third.has("whisper").await?;
        sender.own[1].send_text("psst").await?;
        sender.own[0].send_text("hello").await?;
        third.hears("whisper", &["psst"]).await?;
        second.hears("chat", &["hello"]).await?;
        third.hears("chat", &["hello"]).await?;
        assert!(!second.mirrors.lock().unwrap().contains_key("whisper"));
        assert!(deaf.mirrors.lock().unwrap().is_empty(), "who may not subscribe is given nothing");
        // A channel that its owner closes is closed at the others.
        sender.own[1].close().await?;
        third.sees_closed("whisper").await?;
        // One that a receiver closes is closed for him alone.
        let mirror = second.mirrors.lock().unwrap()["chat"].channel.clone();
        mirror.close().await?;
        second.sees_closed("chat").await?;
        sender.own[0].send_text("still here?").await?;
        third.hears("chat", &["hello", "still here?"]).await?;
        assert_eq!(second.heard("chat"), ["hello"]);
        world.0.submit(Command::Leave { peer: PeerId(1) });
        third.sees_closed("chat").await?;
        world.wait("his channels to be forgotten", |totals| totals.data_channels == 3).await
    });
}

#[test]
fn who_may_not_publish_and_who_opens_too_many_is_refused() {
    run(async {
        let world = World::new(DataLimits { channels_per_peer: 2, label_bytes: 8, ..DataLimits::default() })?;
        let listening = world.join(1, Permissions::ALL, &listener()).await?;
        let mute = Permissions { publish: false, subscribe: true };
        // His channel is never answered, so joining him is not waited for.
        let (no, one_and_two) = ([("no", reliable())], [("one", reliable()), ("two", reliable())]);
        let denied = tokio::time::timeout(Duration::from_secs(3), world.join(2, mute, &no));
        let eager = world.join(3, Permissions::ALL, &one_and_two);
        let (_denied, eager) = tokio::join!(denied, eager);
        let eager = eager?;
        for label in ["one", "two"] {
            listening.has(label).await?;
        }
        let _three = eager.connection.create_data_channel("three", Some(reliable())).await?;
        world.wait("one channel too many", |totals| totals.data_drops[DataDrop::TooManyChannels as usize] == 1).await?;
        eager.own[0].close().await?;
        listening.sees_closed("one").await?;
        let _long = eager.connection.create_data_channel("too long a label", Some(reliable())).await?;
        world.wait("a label that is too long", |totals| totals.data_drops[DataDrop::BadOpen as usize] == 1).await?;
        assert_eq!(world.dropped(DataDrop::MayNotPublish), 1);
        let labels: Vec<_> = listening.mirrors.lock().unwrap().keys().cloned().collect();
        assert_eq!(labels, ["one", "two"]);
        Ok(())
    });
}

#[test]
fn one_who_does_not_read_holds_others_back_for_a_while_and_then_goes_without() {
    run(async {
        let limits = DataLimits {
            backlog_bytes_per_channel: 128 * 1024,
            stall: Duration::from_secs(2),
            ..DataLimits::default()
        };
        let world = World::new(limits)?;
        let reader = world.join(1, Permissions::ALL, &listener()).await?;
        let _deaf = world.join_who(2, Permissions::ALL, &listener(), Hearing::Stops).await?;
        let sender = world
            .join(
                3,
                Permissions::ALL,
                &[
                    ("bulk", reliable()),
                    ("news", RTCDataChannelInit { ordered: false, max_retransmits: Some(0), ..Default::default() }),
                ],
            )
            .await?;
        reader.has("bulk").await?;
        // More than the deaf one's backlog holds.
        let messages = 40;
        for _ in 0..messages {
            sender.own[0].send(BytesMut::from(&vec![1; 30_000][..])).await?;
        }
        world
            .wait("the deaf one to be given up", |totals| totals.data_drops[DataDrop::SlowReceiver as usize] == 1)
            .await?;
        wait("all of it at the other", || reader.heard("bulk").len() == messages).await?;
        assert!(reader.heard("bulk").iter().all(|text| text == "<30000>"), "nothing is lost");
        sender.own[1].send_text("on it goes").await?;
        reader.hears("news", &["on it goes"]).await
    });
}
