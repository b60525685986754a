//! Sealing what we send.

use super::cipher::Cipher;
use super::{RTCP_CLEAR_LEN, RTCP_INDEX_LEN};

/// What we send to one peer. Each (SSRC, index) is sealed by one owner and once: a nonce used twice gives the key away.
#[derive(Debug)]
pub struct SrtpSender {
    rtp: Cipher,
    rtcp: Cipher,
    rtcp_index: u32,
}

/// The packet is too short, or the keys are spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the packet cannot be sealed")]
pub struct SealError;

/// RFC 3711 section 9.2: at most 2^31 SRTCP packets under one key. At ten a second that is seven years.
const RTCP_INDEX_END: u32 = 1 << 31;

impl SrtpSender {
    pub(super) fn new(rtp: Cipher, rtcp: Cipher) -> Self {
        Self { rtp, rtcp, rtcp_index: 0 }
    }

    /// Seals nothing: what is sent is plain RTP (RFC 3550).
    pub(crate) fn plain() -> Self {
        Self::new(Cipher::Null, Cipher::Null)
    }

    /// Seals the RTP packet `buf[start..]`, whose header is `header_len` bytes long: encrypts the rest in place and appends
    /// the tag. `index` is the extended sequence number, ROC and all, whose low 16 bits stand in the header.
    ///
    /// # Errors
    /// [`SealError`] when the packet is shorter than its header.
    #[inline]
    pub fn seal_rtp(
        &mut self,
        buf: &mut Vec<u8>,
        start: usize,
        header_len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), SealError> {
        let packet = buf.get_mut(start..).ok_or(SealError)?;
        let (header, payload) = packet.split_at_mut_checked(header_len).ok_or(SealError)?;
        match &self.rtp {
            Cipher::Gcm(gcm) => {
                let tag = gcm.seal(ssrc, index, header, payload).map_err(|_| SealError)?;
                buf.extend_from_slice(&tag);
            }
            Cipher::Cm(cm) => {
                cm.apply(ssrc, index, payload).map_err(|_| SealError)?;
                let roc = ((index >> 16) as u32).to_be_bytes();
                let tag = cm.tag([packet, &roc]);
                buf.extend_from_slice(&tag);
            }
            Cipher::Null => {}
        }
        Ok(())
    }

    /// Seals the compound RTCP packet `buf[start..]` under the next SRTCP index.
    ///
    /// # Errors
    /// [`SealError`] when it is shorter than an RTCP header, or the key is spent.
    pub fn seal_rtcp(&mut self, buf: &mut Vec<u8>, start: usize) -> Result<(), SealError> {
        let index = self.rtcp_index;
        if index >= RTCP_INDEX_END {
            return Err(SealError);
        }
        let packet = buf.get_mut(start..).ok_or(SealError)?;
        let (clear, payload) = packet.split_at_mut_checked(RTCP_CLEAR_LEN).ok_or(SealError)?;
        let ssrc = u32::from_be_bytes([clear[4], clear[5], clear[6], clear[7]]);
        let trailer: [u8; RTCP_INDEX_LEN] = (index | RTCP_INDEX_END).to_be_bytes();
        match &self.rtcp {
            Cipher::Gcm(gcm) => {
                // RFC 7714 section 9.2: what is authenticated in the clear is the header and the trailer, one after the other.
                let mut aad = [0u8; RTCP_CLEAR_LEN + RTCP_INDEX_LEN];
                aad[..RTCP_CLEAR_LEN].copy_from_slice(clear);
                aad[RTCP_CLEAR_LEN..].copy_from_slice(&trailer);
                let tag = gcm.seal(ssrc, u64::from(index), &aad, payload).map_err(|_| SealError)?;
                buf.extend_from_slice(&tag);
                buf.extend_from_slice(&trailer);
            }
            Cipher::Cm(cm) => {
                cm.apply(ssrc, u64::from(index), payload).map_err(|_| SealError)?;
                let tag = cm.tag([packet, &trailer]);
                buf.extend_from_slice(&trailer);
                buf.extend_from_slice(&tag);
            }
            Cipher::Null => return Ok(()),
        }
        self.rtcp_index = index + 1;
        Ok(())
    }
}
