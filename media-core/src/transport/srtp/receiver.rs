//! Opening what a peer sends: replays are refused before any work goes into decrypting them.

use super::cipher::Cipher;
use super::{RTCP_CLEAR_LEN, RTCP_INDEX_LEN};
use colloquy_codecs::rtp::RtpHeader;
use colloquy_codecs::seq::ExtSeq;
use rustc_hash::FxHashMap;

/// What one peer sends us.
#[derive(Debug)]
pub struct SrtpReceiver {
    rtp: Cipher,
    rtcp: Cipher,
    streams: FxHashMap<u32, Window>,
    rtcp_streams: FxHashMap<u32, Window>,
    /// Of plain RTP: the source whose last packet was out of its numbers, and the number that would follow it.
    stray: Option<(u32, u16)>,
    /// A source of plain RTP began anew under its old SSRC.
    restarted: bool,
}

/// Why a packet was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Shorter than a header and a tag.
    #[error("too short")]
    TooShort,
    /// Seen before, or older than the replay window.
    #[error("replayed")]
    Replayed,
    /// It was changed on the way, or never came from the peer.
    #[error("not authentic")]
    Unauthentic,
    /// It is authentic, and from one SSRC too many.
    #[error("too many SSRCs")]
    TooManySsrcs,
}

/// SSRCs followed for one peer, each way of SRTP and SRTCP: bounds what he can make us remember.
const MAX_SSRCS: usize = 128;

/// Packets that a replay window spans.
const WINDOW: u64 = 128;

/// The replay window of one SSRC (RFC 3711 section 3.3.2): the highest index, and which of the 128 up to it were seen.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    highest: u64,
    seen: u128,
}

impl Window {
    /// Whether `index` may still be opened.
    fn admits(&self, index: u64) -> bool {
        match self.highest.checked_sub(index) {
            None => true,
            Some(age) => self.seen == 0 || (age < WINDOW && self.seen & (1 << age) == 0),
        }
    }

    /// Marks an authentic packet as seen.
    fn mark(&mut self, index: u64) {
        if let Some(age) = self.highest.checked_sub(index).filter(|_| self.seen != 0) {
            self.seen |= 1u128.checked_shl(age as u32).unwrap_or(0);
        } else {
            let ahead = index - self.highest;
            self.seen = u32::try_from(ahead).ok().and_then(|n| self.seen.checked_shl(n)).unwrap_or(0) | 1;
            self.highest = index;
        }
    }

    /// RFC 3711 section 3.3.1: the index that `sequence` most likely means. `None` before the first rollover.
    fn guess(&self, sequence: u16) -> Option<u64> {
        if self.seen == 0 {
            return Some(u64::from(sequence));
        }
        let ahead = sequence.wrapping_sub(self.highest as u16) as i16;
        self.highest.checked_add_signed(i64::from(ahead))
    }
}

impl SrtpReceiver {
    pub(super) fn new(rtp: Cipher, rtcp: Cipher) -> Self {
        Self {
            rtp,
            rtcp,
            streams: FxHashMap::default(),
            rtcp_streams: FxHashMap::default(),
            stray: None,
            restarted: false,
        }
    }

    /// Takes plain RTP (RFC 3550), which nothing protects.
    pub(crate) fn plain() -> Self {
        Self::new(Cipher::Null, Cipher::Null)
    }

    /// Whether a source of plain RTP began anew since this was asked last: its numbers mean others from then on.
    pub(crate) fn take_restarted(&mut self) -> bool {
        std::mem::take(&mut self.restarted)
    }

    /// RFC 3550 appendix A.1: a source that was started again under its old SSRC has other numbers. Two in a row that fit each other and
    /// not the ones before are its new ones; one alone is a straggler.
    fn begin_again(&mut self, header: &RtpHeader) -> Option<u64> {
        let window = self.streams.get(&header.ssrc).filter(|_| matches!(self.rtp, Cipher::Null))?;
        let age = window.guess(header.sequence).map_or(WINDOW, |index| window.highest.saturating_sub(index));
        if age < WINDOW {
            // A duplicate.
            return None;
        }
        let follows = self.stray.replace((header.ssrc, header.sequence.wrapping_add(1)));
        (follows == Some((header.ssrc, header.sequence))).then(|| {
            self.stray = None;
            self.restarted = true;
            // A rollover ahead of all that came, so that nothing of it is taken for old.
            ((window.highest >> 16) + 1) << 16 | u64::from(header.sequence)
        })
    }

    /// Opens an RTP packet in place. Gives its extended sequence number and where its plaintext ends.
    ///
    /// # Errors
    /// [`OpenError`]; the payload is then of no use. Nothing is remembered of packets that are not authentic.
    #[inline]
    pub fn open_rtp(&mut self, packet: &mut [u8], header: &RtpHeader) -> Result<(ExtSeq, usize), OpenError> {
        let window = self.streams.get(&header.ssrc).copied().unwrap_or_default();
        let index = match window.guess(header.sequence).filter(|i| window.admits(*i)) {
            Some(index) => index,
            None => self.begin_again(header).ok_or(OpenError::Replayed)?,
        };
        let text_len = packet.len().checked_sub(header.header_len + self.rtp.tag_len()).ok_or(OpenError::TooShort)?;
        let end = header.header_len + text_len;
        match &self.rtp {
            Cipher::Gcm(gcm) => {
                let (clear, text) = packet.split_at_mut(header.header_len);
                gcm.open(header.ssrc, index, clear, text).map_err(|_| OpenError::Unauthentic)?;
            }
            Cipher::Cm(cm) => {
                let (authenticated, tag) = packet.split_at_mut(end);
                let roc = ((index >> 16) as u32).to_be_bytes();
                cm.verify([authenticated, &roc], tag).map_err(|_| OpenError::Unauthentic)?;
                cm.apply(header.ssrc, index, &mut authenticated[header.header_len..])
                    .map_err(|_| OpenError::Unauthentic)?;
            }
            Cipher::Null => {}
        }
        mark(&mut self.streams, header.ssrc, index)?;
        Ok((ExtSeq(index), end))
    }

    /// Opens a compound RTCP packet in place. Gives where its plaintext ends. Packets that say they are not encrypted are refused.
    ///
    /// # Errors
    /// [`OpenError`]; the packet is then of no use.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, OpenError> {
        if matches!(self.rtcp, Cipher::Null) {
            return Ok(packet.len());
        }
        let tag_len = self.rtcp.tag_len();
        let end = packet.len().checked_sub(RTCP_INDEX_LEN + tag_len).ok_or(OpenError::TooShort)?;
        let clear: [u8; RTCP_CLEAR_LEN] = packet
            .get(..RTCP_CLEAR_LEN)
            .filter(|_| end >= RTCP_CLEAR_LEN)
            .ok_or(OpenError::TooShort)?
            .try_into()
            .map_err(|_| OpenError::TooShort)?;
        let ssrc = u32::from_be_bytes([clear[4], clear[5], clear[6], clear[7]]);
        let trailer_at = match &self.rtcp {
            Cipher::Gcm(_) => end + tag_len,
            Cipher::Cm(_) | Cipher::Null => end,
        };
        let trailer: [u8; RTCP_INDEX_LEN] = packet
            .get(trailer_at..trailer_at + RTCP_INDEX_LEN)
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(OpenError::TooShort)?;
        let word = u32::from_be_bytes(trailer);
        let index = u64::from(word & 0x7fff_ffff);
        if word >> 31 == 0 {
            return Err(OpenError::Unauthentic);
        }
        if !self.rtcp_streams.get(&ssrc).is_none_or(|window| window.admits(index)) {
            return Err(OpenError::Replayed);
        }
        match &self.rtcp {
            Cipher::Gcm(gcm) => {
                let mut aad = [0u8; RTCP_CLEAR_LEN + RTCP_INDEX_LEN];
                aad[..RTCP_CLEAR_LEN].copy_from_slice(&clear);
                aad[RTCP_CLEAR_LEN..].copy_from_slice(&trailer);
                gcm.open(ssrc, index, &aad, &mut packet[RTCP_CLEAR_LEN..trailer_at])
                    .map_err(|_| OpenError::Unauthentic)?;
            }
            Cipher::Cm(cm) => {
                let (authenticated, tag) = packet.split_at_mut(end + RTCP_INDEX_LEN);
                cm.verify([authenticated, &[]], tag).map_err(|_| OpenError::Unauthentic)?;
                cm.apply(ssrc, index, &mut authenticated[RTCP_CLEAR_LEN..end]).map_err(|_| OpenError::Unauthentic)?;
            }
            Cipher::Null => {}
        }
        mark(&mut self.rtcp_streams, ssrc, index)?;
        Ok(end)
    }
}

/// Marks an authentic packet as seen, unless it is from one SSRC too many.
fn mark(streams: &mut FxHashMap<u32, Window>, ssrc: u32, index: u64) -> Result<(), OpenError> {
    let known = streams.len();
    match streams.entry(ssrc) {
        std::collections::hash_map::Entry::Occupied(mut entry) => entry.get_mut().mark(index),
        std::collections::hash_map::Entry::Vacant(_) if known >= MAX_SSRCS => return Err(OpenError::TooManySsrcs),
        std::collections::hash_map::Entry::Vacant(entry) => entry.insert(Window::default()).mark(index),
    }
    Ok(())
}
