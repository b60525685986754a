//! What is under way, carried to where it goes; and what comes of it.

use crate::checks::{Delivery, peer_of};
use crate::inside::inside;
use crate::net::{Destination, Flying};
use crate::world::{Heard, World};
use colloquy_media_core::api::{DropCause, Event, PeerId};
use std::time::Duration;

/// Calls of one timeout at most, before it counts as stuck.
const MAX_SPIN: usize = 64;

impl World {
    pub(crate) fn engine_timeout(&mut self) {
        let mut calls = 0;
        while self.engines.next_deadline().is_some_and(|at| at <= self.now) {
            calls += 1;
            assert!(calls <= MAX_SPIN, "the engine's next deadline stays in the past");
            self.wakes += 1;
            inside(|| self.engines.handle_timeout(self.now, &mut self.outbox));
            self.after_engine();
        }
    }

    pub(crate) fn client_timeout(&mut self, peer: PeerId) {
        let Some(person) = self.people.get_mut(&peer).filter(|person| person.present) else { return };
        let mut calls = 0;
        while person.client.next_deadline().is_some_and(|at| at <= self.now) {
            calls += 1;
            assert!(calls <= MAX_SPIN, "a client's next deadline stays in the past: a defect of the simulator");
            person.client.handle_timeout(self.now);
        }
        self.note_channels(peer);
        self.pump(peer);
    }

    /// Puts what a client wants sent into the air.
    pub(crate) fn pump(&mut self, peer: PeerId) {
        let Self { people, air, recorded, now, .. } = self;
        let Some(person) = people.get_mut(&peer) else { return };
        while let Some(datagram) = person.client.poll_transmit() {
            // From an address that he has left, nothing goes out any more.
            if person.present && datagram.local == person.client.local() {
                if let Some(recorded) = recorded {
                    recorded.push((person.external, datagram.bytes.clone()));
                }
                for due in person.up.arrivals(*now, datagram.bytes.len()) {
                    let to = Destination::Engine { from: person.external, to: datagram.remote, peer };
                    air.send(due, to, datagram.bytes.clone());
                }
            }
            person.client.recycle(datagram);
        }
    }

    pub(crate) fn deliver(&mut self, flying: Flying) {
        match flying.to {
            // Nobody is there any more.
            Destination::Engine { to, .. } if to.ip() != self.server.ip() => {}
            Destination::Engine { from, peer, .. } => {
                // What a client sends is genuine; the checks remember where its STUN came from.
                self.checks.note_client_datagram(from, peer, &flying.bytes);
                self.inject(from, &flying.bytes);
            }
            Destination::Client { peer, from, through } => {
                let mut bytes = flying.bytes;
                let Some(person) = self.people.get_mut(&peer).filter(|p| p.present && p.external == through) else {
                    return;
                };
                let local = person.client.local();
                person.client.handle_datagram(self.now, local, from, &mut bytes);
                self.note_received(peer);
                self.note_channels(peer);
                self.pump(peer);
            }
        }
    }

    fn note_received(&mut self, peer: PeerId) {
        let Some(person) = self.people.get_mut(&peer) else { return };
        for packet in person.client.take_received() {
            let publisher = packet.stamp.and_then(|stamp| self.people.get(&peer_of(stamp.source)));
            let under_way = publisher.map(|person| person.under_way).unwrap_or_default();
            let Some(person) = self.people.get_mut(&peer) else { return };
            // What an earlier client of somebody said is not what he says.
            let present = |source: u64| self.checks.source(peer_of(source)) == source;
            if let Some(stamp) = packet.stamp.filter(|stamp| present(stamp.source)) {
                let heard = person.heard.entry((peer_of(stamp.source), stamp.track)).or_insert(Heard {
                    packets: 0,
                    last: packet.at,
                    stamped: (0, Duration::ZERO),
                });
                heard.packets += 1;
                heard.last = packet.at;
                heard.stamped = (packet.timestamp, stamp.sent);
            }
            let mid = person.client.place_mids().nth(packet.place).unwrap_or_default();
            let orderly = person.down.link().is_orderly() && person.down.mishaps() == 0;
            let room = person.room;
            self.checks.note_received(&Delivery { listener: peer, room, mid, orderly, under_way, packet: &packet });
        }
    }

    /// Carries what the engine sent, and takes its events.
    pub(crate) fn after_engine(&mut self) {
        self.outbox.flush();
        self.checks.told_dropped =
            self.engines.dropped(DropCause::PacerFull) + self.engines.dropped(DropCause::Withheld);
        let sent = self.tap.take();
        self.checks.note_burst(sent.len(), self.people.len());
        for datagram in sent {
            if self.gateways.takes(self.now, &datagram.path, &datagram.bytes) {
                continue;
            }
            self.checks.note_sent(self.now, &datagram.path, &datagram.bytes);
            // From an address that is not there any more, nothing goes out.
            if datagram.path.local.ip() != self.server.ip() {
                continue;
            }
            let Some(peer) = self.addresses.get(&datagram.path.remote).copied() else { continue };
            let Some(person) = self.people.get_mut(&peer) else { continue };
            for due in person.down.arrivals(self.now, datagram.bytes.len()) {
                let to = Destination::Client { peer, from: datagram.path.local, through: datagram.path.remote };
                self.air.send(due, to, datagram.bytes.clone());
            }
        }
        let mut gone = Vec::new();
        while let Some(event) = self.engines.poll_event() {
            self.checks.note_event(&event);
            if let Event::Closed { peer, .. } = &event
                && let Some(person) = self.people.get_mut(peer)
            {
                person.present = false;
                self.checks.note_gone(*peer, self.now);
                gone.push((person.room, *peer));
            }
            if let Event::Closed { peer, .. } = &event
                && let Some(room) = self.gateways.rooms.remove(peer)
            {
                gone.push((room, *peer));
            }
            self.events.push((self.now - self.start, event));
        }
        for (room, peer) in gone {
            self.leave_audience(room, peer);
        }
    }
}
