//! Packets of a caller's making under a client's keys: what a hostile participant sends, who is authentic and means no good.

use super::Client;
use super::dtls::Told;
use colloquy_codecs::rtp::RtpHeader;

/// Bytes of a tag that is none, behind packets too broken to be sealed.
const NO_TAG: [u8; 16] = [0; 16];

impl Client {
    /// Seals `plain` as the packet of extended sequence number `index`, whose lower half is written into it. What is no RTP is
    /// given a tag of zeros. `None` before there are keys.
    pub fn forge_rtp(&mut self, plain: &[u8], index: u64) -> Option<Vec<u8>> {
        let sender = self.out.sender.as_mut()?;
        let mut packet = plain.to_vec();
        if let Some(sequence) = packet.get_mut(2..4) {
            sequence.copy_from_slice(&(index as u16).to_be_bytes());
        }
        match RtpHeader::parse(&packet) {
            Ok(header) => sender.seal_rtp(&mut packet, 0, header.header_len, header.ssrc, index).ok()?,
            Err(_) => packet.extend_from_slice(&NO_TAG),
        }
        Some(packet)
    }

    /// Seals `plain` as an RTCP packet. What is too short for one is given a tag of zeros. `None` before there are keys.
    pub fn forge_rtcp(&mut self, plain: &[u8]) -> Option<Vec<u8>> {
        let sender = self.out.sender.as_mut()?;
        let mut packet = plain.to_vec();
        if sender.seal_rtcp(&mut packet, 0).is_err() {
            packet.extend_from_slice(&NO_TAG);
        }
        Some(packet)
    }

    /// The datagrams that carry `plain` as application data of the DTLS association.
    pub fn forge_data(&mut self, plain: &[u8]) -> Vec<Vec<u8>> {
        let mut told = Vec::new();
        if let Some(association) = &mut self.association {
            association.send(plain, &mut told);
        }
        let datagram = |told| if let Told::Send(bytes) = told { Some(bytes) } else { None };
        told.into_iter().filter_map(datagram).collect()
    }

    /// The SSRCs of a published track and of its retransmissions.
    #[must_use]
    pub fn ssrcs(&self, mid: &str) -> Option<(u32, Option<u32>)> {
        self.tracks.iter().find(|track| track.mid == mid).map(|track| (track.ssrc, track.rtx_ssrc))
    }

    /// The SSRCs of what comes into a place and of its retransmissions, as far as the answer told them.
    #[must_use]
    pub fn place_ssrcs(&self, mid: &str) -> Option<(u32, Option<u32>)> {
        self.places.iter().find(|place| place.mid == mid).and_then(|place| Some((place.ssrc?, place.rtx_ssrc)))
    }
}
