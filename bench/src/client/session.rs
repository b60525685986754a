//! What follows every input of a client: nominations, checks, handshake, keys.

use super::dtls::Told;
use super::send::SendTrack;
use super::{Client, ClientState, REPORT_INTERVAL, Route};
use colloquy_media_core::transport::srtp::{self, Profile};
use std::time::Instant;

impl Client {
    /// Whether the ClientHello may leave: once there is somewhere to send it.
    pub(super) fn may_handshake(&self) -> bool {
        !self.is_dtls_client || self.ice.route().is_some()
    }

    /// After every input: nominations, checks, handshake.
    pub(super) fn settle(&mut self, now: Instant) {
        self.ice.drain(&mut self.out.queue);
        self.out.route = self.ice.route();
        if self.may_handshake()
            && let Some(association) = &mut self.association
        {
            if self.connected_at.is_none()
                && let Some(round_trip) = self.ice.round_trip()
            {
                association.set_round_trip(round_trip);
            }
            association.handle_timeout(now, &mut self.told);
        }
        self.after_dtls(now, None);
        self.drive_channels(now);
    }

    pub(super) fn after_dtls(&mut self, now: Instant, fallback: Option<Route>) {
        for told in std::mem::take(&mut self.told) {
            match told {
                Told::Send(bytes) => self.out.send_plain(bytes, fallback),
                Told::Keys(material, profile) => self.take_keys(&material, profile),
                Told::Connected => self.connected(now),
                Told::Data(packet) => {
                    self.channels.iter_mut().for_each(|channels| channels.handle_packet(now, &packet));
                }
                Told::Closed => {
                    self.state = ClientState::Closed;
                    self.tracks.iter_mut().for_each(SendTrack::stop);
                    self.report_at = None;
                }
            }
        }
    }

    fn take_keys(&mut self, material: &[u8], profile: dimpl::SrtpProfile) {
        let profile = match profile {
            dimpl::SrtpProfile::AEAD_AES_128_GCM => Profile::AeadAes128Gcm,
            dimpl::SrtpProfile::AEAD_AES_256_GCM => Profile::AeadAes256Gcm,
            _ => Profile::Aes128CmSha1_80,
        };
        if let Ok((sender, receiver)) = srtp::contexts(profile, material, self.is_dtls_client) {
            self.out.sender = Some(sender);
            self.srtp = Some(receiver);
            self.profile = Some(profile);
        }
    }

    fn connected(&mut self, now: Instant) {
        self.state = ClientState::Connected;
        self.connected_at = Some(now);
        self.report_at = Some(now + REPORT_INTERVAL);
        for track in &mut self.tracks {
            track.start(now);
        }
    }
}
