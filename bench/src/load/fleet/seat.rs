//! A client, its socket, and what its network does to it.

use super::FleetPlan;
use super::desk::{Kind, Task};
use super::tally::{Asked, Inbox, SeatReport, by_sequence};
use crate::client::{Client, ClientConfig, Transmit};
use crate::impair::{Air, Lane};
use crate::sys::Outlet;
use colloquy_media_core::api::MediaKind;
use mio::net::UdpSocket;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::Instant;

/// The mids that a publisher's tracks have, in the order in which they are offered.
pub(super) const MAX_TRACKS: usize = 2;

/// A client and what belongs to it.
pub(super) struct Seat {
    pub(super) client: Client,
    pub(super) socket: UdpSocket,
    pub(super) task: Task,
    publishes: bool,
    /// Its network, where it has a bad one.
    pub(super) lanes: Option<Box<Lanes>>,
    pub(super) inbox: Inbox,
    asked: [Asked; MAX_TRACKS],
    left: Option<Instant>,
    /// By sequence numbers when the window began, and in it when it has ended.
    sequences_before: Option<(u64, u64)>,
    sequences: Option<(u64, u64)>,
}

/// A bad network.
pub(super) struct Lanes {
    pub(super) up: Option<Lane>,
    pub(super) down: Option<Lane>,
}

/// A datagram on its way through a bad network.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// From a seat to an address.
    Up(u32, SocketAddr),
    /// To a seat from an address.
    Down(u32, SocketAddr),
}

/// What all seats of a thread share while one of them is played.
pub(super) struct Common<'a> {
    pub(super) outlet: &'a mut Outlet,
    pub(super) outgoing: &'a mut Vec<Transmit>,
    pub(super) air: &'a mut Air<Way>,
    pub(super) unsent: &'a mut u64,
}

impl Seat {
    pub(super) fn new(config: ClientConfig, socket: UdpSocket, kind: Kind, task: Task, plan: &FleetPlan) -> Self {
        let mut client = Client::new(config);
        match kind {
            Kind::Publisher => drop(publish(&mut client, &task, plan)),
            Kind::Talker => {
                if let Some(mid) = publish(&mut client, &task, plan) {
                    client.receive_beside(&mid);
                }
            }
            Kind::Participant { audio, video } => {
                publish(&mut client, &task, plan);
                receive(&mut client, audio, video);
            }
            Kind::Viewer { audio, video } => receive(&mut client, audio, video),
            Kind::Guest => {}
        }
        Self {
            client,
            socket,
            task,
            publishes: matches!(kind, Kind::Publisher | Kind::Talker | Kind::Participant { .. }),
            lanes: None,
            inbox: Inbox::default(),
            asked: Default::default(),
            left: None,
            sequences_before: None,
            sequences: None,
        }
    }

    /// Takes note of requests for key frames.
    pub(super) fn note_asked(&mut self, now: Instant) {
        if self.publishes {
            for ((_, stats), asked) in self.client.all_send_stats().zip(&mut self.asked) {
                asked.note(now, stats.key_frames_asked);
            }
        }
    }

    /// Sends what the client wants sent.
    pub(super) fn flush(&mut self, index: u32, now: Instant, common: &mut Common<'_>) {
        let lane = self.lanes.as_mut().and_then(|lanes| lanes.up.as_mut());
        if let Some(lane) = lane {
            while let Some(datagram) = self.client.poll_transmit() {
                for due in lane.arrivals(now, datagram.bytes.len()) {
                    common.air.send(due, Way::Up(index, datagram.remote), datagram.bytes.clone());
                }
                self.client.recycle(datagram);
            }
            return;
        }
        while let Some(datagram) = self.client.poll_transmit() {
            common.outgoing.push(datagram);
        }
        if common.outgoing.is_empty() {
            return;
        }
        let sent = common.outlet.send(self.socket.as_raw_fd(), common.outgoing);
        // What the kernel does not take is lost, as on any network, and told.
        *common.unsent += (common.outgoing.len() - sent) as u64;
        common.outgoing.drain(..).for_each(|datagram| self.client.recycle(datagram));
    }

    pub(super) fn window_begins(&mut self) {
        self.sequences_before = Some(by_sequence(&self.client));
    }

    pub(super) fn window_ends(&mut self) {
        let (packets, lost) = by_sequence(&self.client);
        let before = self.sequences_before.unwrap_or_default();
        // What was missing before may have come since.
        self.sequences = Some((packets - before.0.min(packets), lost.saturating_sub(before.1)));
    }

    /// Says goodbye, or is just gone.
    pub(super) fn leave(&mut self, now: Instant, goodbye: bool) {
        self.left = Some(now);
        if goodbye {
            self.client.close(now);
        }
        if self.sequences_before.is_some() && self.sequences.is_none() {
            self.window_ends();
        }
    }

    pub(super) fn report(&self) -> SeatReport {
        let places = self.client.place_mids().filter_map(|mid| self.client.place_stats(mid));
        SeatReport {
            part: self.task.part,
            connected: self.client.connected_at(),
            first_media: self.inbox.first_media,
            left: self.left,
            sent: self.client.all_send_stats().map(|(mid, stats)| (mid.parse().unwrap_or(u8::MAX), stats)).collect(),
            streams: self.inbox.streams.clone(),
            bytes_in_window: self.inbox.bytes_in_window,
            heard: self.inbox.heard,
            by_sequence: self.sequences.unwrap_or_default(),
            jitter_ms: places.filter(|stats| stats.packets > 1).map(|stats| stats.jitter_ms).collect(),
            densest_asked: self.asked.iter().map(Asked::densest).max().unwrap_or(0),
        }
    }
}

/// Between the places in a recording where one publisher and the next begin, so that their key frames do not come together: the golden
/// ratio's share, by which any number of them are far from each other.
const APART: f64 = 0.618_033_988_749_895;

/// Has a client offer so many places.
fn receive(client: &mut Client, audio: u32, video: u32) {
    (0..audio).for_each(|_| drop(client.receive(MediaKind::Audio)));
    (0..video).for_each(|_| drop(client.receive(MediaKind::Video)));
}

/// Has a client publish what its task says. Gives the mid of its sound, if it has one.
fn publish(client: &mut Client, task: &Task, plan: &FleetPlan) -> Option<String> {
    let from = (task.source as f64 * APART).fract();
    let sound = plan.media.audio.as_ref().filter(|_| task.audio).map(|audio| {
        let mid = audio.publish(client, &plan.loaded, from);
        client.set_muted(&mid, !task.speaks);
        mid
    });
    if let Some(video) = plan.media.video.as_ref().filter(|_| task.video) {
        video.publish(client, &plan.loaded, from);
    }
    sound
}
