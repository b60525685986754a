//! The datagrams of the corpus, through the public sockets: UDP, and what comes raw also over ICE-TCP.

use super::case::{Case, Known, cases, seal_sctp};
use super::live::{Live, PATIENCE};
use anyhow::{Context as _, Result, ensure};
use colloquy_bench::client::DtlsRole;
use colloquy_media_core::api::{Codec, DropCause, MediaKind};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// What the hostile one publishes.
const CODECS: [Codec; 5] = [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];
/// Datagrams before the server has a moment to read them: a full buffer would hide what they do.
const BURST: usize = 64;

/// The areas whose files are datagrams.
pub(crate) const AREAS: [&str; 5] = ["stun", "turn", "dtls", "rtp", "sctp"];

/// Somebody hostile in a live room.
pub(crate) struct Attack<'a> {
    live: &'a mut Live,
    server: SocketAddr,
    stranger: UdpSocket,
    seat: usize,
    known: Known,
    next: BTreeMap<u32, u64>,
    sent: usize,
    walked: u16,
}

impl<'a> Attack<'a> {
    pub(crate) fn new(live: &'a mut Live) -> Result<Self> {
        let server = live.media_address().context("the call has a path")?;
        let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let mut attack = Self {
            live,
            server,
            stranger,
            seat: 0,
            known: Known::default(),
            next: BTreeMap::new(),
            sent: 0,
            walked: 1_024,
        };
        attack.take_a_seat()?;
        Ok(attack)
    }

    fn take_a_seat(&mut self) -> Result<()> {
        let live = &mut *self.live;
        let index = live.join(&CODECS, DtlsRole::ActPass)?;
        for mid in 0..CODECS.len() {
            live.seats[index].client.set_muted(&mid.to_string(), true);
        }
        let theirs = live.seats[0].tracks.values().next().context("the call has a track")?.clone();
        let place = live.watch(index, MediaKind::Audio, &theirs)?;
        live.run_until("the hostile one connects", |live| live.seats[index].client.is_connected())?;
        let seat = &live.seats[index];
        let mut ssrcs = BTreeMap::from([("new".to_owned(), 0x0bad_0000), ("own".to_owned(), 1)]);
        for (mid, codec) in CODECS.iter().enumerate() {
            let (media, rtx) = seat.client.ssrcs(&mid.to_string()).context("it is published")?;
            let name = codec.name().to_ascii_lowercase();
            ssrcs.extend(rtx.map(|rtx| (format!("{name}-rtx"), rtx)));
            ssrcs.insert(name, media);
        }
        ssrcs.extend(seat.client.place_ssrcs(&place).map(|(media, _)| ("place".to_owned(), media)));
        let line = |seat: usize, name: &str| {
            let line = format!("a={name}:");
            let found = live.seats[seat].answer.lines().find_map(|text| text.strip_prefix(&line));
            found.unwrap_or_default().trim().to_owned()
        };
        let username =
            |seat: usize| format!("{}:{}", line(seat, "ice-ufrag"), live.seats[seat].client.ice_credentials().0);
        self.known = Known {
            username: username(index),
            password: line(index, "ice-pwd"),
            other_username: username(0),
            ssrcs,
            round: 0,
        };
        (self.seat, self.next) = (index, BTreeMap::new());
        Ok(())
    }

    /// Sends a file, whole and cut at every length, and sees that the healthy call goes on.
    pub(crate) fn play(&mut self, case: &Case) -> Result<()> {
        let senders = match case.setting("from").unwrap_or("anybody") {
            "anybody" => vec!["stranger", "participant", "tcp"],
            // The simulator does it: there is one address here.
            "elsewhere" => return Ok(()),
            one => vec![one],
        };
        for sender in senders {
            if matches!(sender, "fresh" | "as-server") {
                let role = if sender == "fresh" { DtlsRole::ActPass } else { DtlsRole::Passive };
                self.speak_for_another(case, role)?;
            } else {
                self.send(case, sender)?;
            }
        }
        self.live.goes_on().with_context(|| format!("after {}", case.name))?;
        ensure!(self.live.totals().panics == 0, "a panic, by {} or one before it", case.name);
        if case.times() > 1 {
            self.take_a_seat()?;
        }
        Ok(())
    }

    fn send(&mut self, case: &Case, sender: &str) -> Result<()> {
        for round in 0..case.times() {
            self.known.round = round;
            for packet in case.packets(&self.known) {
                self.send_one(sender, &packet)?;
                if case.is_cut() && sender != "tcp" {
                    for len in 0..packet.len() {
                        self.send_one(sender, &packet[..len])?;
                    }
                }
            }
        }
        Ok(())
    }

    fn send_one(&mut self, sender: &str, bytes: &[u8]) -> Result<()> {
        self.sent += 1;
        if self.sent.is_multiple_of(BURST) {
            self.live.run(Duration::from_millis(1));
        }
        let server = self.server;
        let seat = &mut self.live.seats[self.seat];
        let sealed = match sender {
            "stranger" => return say(&self.stranger, bytes, server),
            "ports" => return say(&UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?, bytes, server),
            "sources" => {
                // The whole of 127.0.0.0/8 is this machine.
                self.walked += 1;
                let [high, low] = self.walked.to_be_bytes();
                return say(&UdpSocket::bind((Ipv4Addr::new(127, 1, high, low), 0))?, bytes, server);
            }
            "tcp" => return self.by_tcp(bytes),
            "participant" => vec![bytes.to_vec()],
            "rtp" => {
                let ssrc = bytes.get(8..12).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
                let index = self.next.entry(ssrc).or_insert(1_000);
                *index += 1;
                seat.client.forge_rtp(bytes, *index).into_iter().collect()
            }
            "rtcp" => seat.client.forge_rtcp(bytes).into_iter().collect(),
            "data" => {
                let mut bytes = bytes.to_vec();
                seal_sctp(&mut bytes);
                seat.client.forge_data(&bytes)
            }
            other => panic!("from {other}?"),
        };
        for datagram in sealed {
            seat.socket.send_to(&datagram, server)?;
        }
        Ok(())
    }

    /// One frame on a connection of its own, and the beginning of another (RFC 4571).
    fn by_tcp(&self, bytes: &[u8]) -> Result<()> {
        let mut stream = TcpStream::connect(self.server)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut frame = (bytes.len() as u16).to_be_bytes().to_vec();
        frame.extend_from_slice(bytes);
        frame.extend_from_slice(&[0xff, 0xff, 0]);
        // The server may have closed at the first frame.
        let _ = stream.write_all(&frame);
        Ok(())
    }

    /// ICE is done by a client whose DTLS somebody else speaks.
    fn speak_for_another(&mut self, case: &Case, role: DtlsRole) -> Result<()> {
        let index = self.live.join(&[Codec::Opus], role)?;
        self.live.seats[index].silent = true;
        self.live.run_until("a path", |live| live.seats[index].client.is_reachable())?;
        for packet in case.packets(&self.known) {
            for len in (0..=packet.len()).rev() {
                self.live.seats[index].socket.send_to(&packet[..len], self.server)?;
                self.sent += 1;
                if self.sent.is_multiple_of(BURST) {
                    self.live.run(Duration::from_millis(1));
                }
            }
        }
        Ok(())
    }
}

fn say(socket: &UdpSocket, bytes: &[u8], server: SocketAddr) -> Result<()> {
    socket.send_to(bytes, server)?;
    Ok(())
}

/// Every file of these areas, and then: what should be counted is, and somebody new gets in.
pub(crate) fn play(live: &mut Live, areas: &[&str]) -> Result<()> {
    let before = live.totals();
    let mut expected = BTreeSet::new();
    let mut attack = Attack::new(live)?;
    for area in areas {
        for case in cases(area, "hex") {
            attack.play(&case)?;
            if let [one] = case.expected()[..]
                && let Some(name) = one.strip_prefix("drop ")
                && case.setting("from") != Some("elsewhere")
            {
                expected.insert(name.to_owned());
            }
        }
    }
    let until = Instant::now() + PATIENCE;
    for cause in DropCause::ALL.into_iter().filter(|cause| expected.contains(cause.name())) {
        while live.totals().drops[cause as usize] <= before.drops[cause as usize] {
            ensure!(Instant::now() < until, "nothing was dropped as {}", cause.name());
            live.run(Duration::from_millis(20));
        }
    }
    let late = live.join(&[Codec::Opus], DtlsRole::ActPass)?;
    live.run_until("somebody new connects", |live| live.seats[late].client.is_connected())?;
    live.goes_on()
}
