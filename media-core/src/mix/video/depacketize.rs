//! Payloads of one picture, in their order, put together into what a decoder takes.

use colloquy_codecs::ParseError;
use colloquy_codecs::payload::{Av1, Descriptor, H264, ObuHeader, Vp8, Vp9};
use colloquy_codecs::video::VideoCodec;

/// Most bytes of a picture: a second's worth at 16 Mb/s, more than any key frame of a call, and less than what decoders take.
const MAX_PICTURE: usize = 2 << 20;
/// What H.264's NAL units begin with in a stream of bytes (annex B).
const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// AV1: a temporal delimiter, which RTP leaves out and a decoder expects.
const TEMPORAL_DELIMITER: [u8; 2] = [0x12, 0];
/// Kinds of OBU that are of no use behind RTP: temporal delimiter, tile list, padding.
const USELESS_OBUS: [u8; 3] = [2, 8, 15];

/// Why packets do not make a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    #[error(transparent)]
    Malformed(#[from] ParseError),
    #[error("a piece without the one before it")]
    Torn,
    #[error("a picture of more than {MAX_PICTURE} bytes")]
    TooLong,
}

/// Puts one picture after the other together, in the same memory.
#[derive(Debug)]
pub(super) struct Joiner {
    codec: VideoCodec,
    picture: Vec<u8>,
    /// An OBU that goes on in the next packet.
    obu: Vec<u8>,
    /// A NAL unit or an OBU is not whole yet.
    is_open: bool,
}

impl Joiner {
    pub(super) fn new(codec: VideoCodec) -> Joiner {
        Joiner { codec, picture: Vec::new(), obu: Vec::new(), is_open: false }
    }

    /// Begins a picture.
    pub(super) fn begin(&mut self) {
        self.picture.clear();
        self.obu.clear();
        self.is_open = false;
    }

    /// Adds a packet's payload.
    pub(super) fn push(&mut self, payload: &[u8]) -> Result<(), Broken> {
        if self.picture.len() + self.obu.len() + payload.len() > MAX_PICTURE {
            return Err(Broken::TooLong);
        }
        match self.codec {
            VideoCodec::Vp8 => self.push_vp8(payload),
            VideoCodec::Vp9 => {
                let vp9 = Vp9::parse(payload)?;
                self.picture.extend_from_slice(payload.get(vp9.header_len..).unwrap_or_default());
                Ok(())
            }
            VideoCodec::H264 => self.push_h264(payload),
            VideoCodec::Av1 => self.push_av1(payload),
        }
    }

    /// The picture, if it ended where it should.
    pub(super) fn finish(&self) -> Result<&[u8], Broken> {
        if self.is_open { Err(Broken::Torn) } else { Ok(&self.picture) }
    }

    fn push_vp8(&mut self, payload: &[u8]) -> Result<(), Broken> {
        let vp8 = Vp8::parse(payload)?;
        if self.picture.is_empty() != vp8.starts_picture() {
            return Err(Broken::Torn);
        }
        self.picture.extend_from_slice(payload.get(vp8.header_len..).unwrap_or_default());
        Ok(())
    }

    fn push_h264(&mut self, payload: &[u8]) -> Result<(), Broken> {
        let kind = H264::parse(payload)?;
        let continues = matches!(kind, H264::Fragment { is_start: false, .. });
        if continues != self.is_open {
            return Err(Broken::Torn);
        }
        match kind {
            H264::Single(_) => self.push_units([payload]),
            H264::Aggregate(stap) => self.push_units(stap.units().map(|(_, unit)| unit)),
            H264::Fragment { header, is_start, is_end } => {
                if is_start {
                    self.picture.extend_from_slice(&START_CODE);
                    self.picture.push(header.ref_idc << 5 | header.nal_type.get());
                }
                self.picture.extend_from_slice(payload.get(2..).unwrap_or_default());
                self.is_open = !is_end;
            }
        }
        Ok(())
    }

    fn push_units<'a>(&mut self, units: impl IntoIterator<Item = &'a [u8]>) {
        for unit in units {
            self.picture.extend_from_slice(&START_CODE);
            self.picture.extend_from_slice(unit);
        }
    }

    fn push_av1(&mut self, payload: &[u8]) -> Result<(), Broken> {
        let av1 = Av1::parse(payload)?;
        if av1.continues_obu != self.is_open {
            return Err(Broken::Torn);
        }
        if self.picture.is_empty() {
            self.picture.extend_from_slice(&TEMPORAL_DELIMITER);
        }
        let mut elements = av1.elements().peekable();
        while let Some(element) = elements.next() {
            self.obu.extend_from_slice(element.bytes);
            self.is_open = av1.is_continued && elements.peek().is_none();
            if !self.is_open {
                self.close_obu()?;
            }
        }
        Ok(())
    }

    /// Appends the OBU with its size, which RTP leaves out (AV1 RTP section 5).
    fn close_obu(&mut self) -> Result<(), Broken> {
        let obu = std::mem::take(&mut self.obu);
        if let Some(&first) = obu.first() {
            let header = ObuHeader::parse(&obu)?;
            let header_len = 1 + usize::from(header.temporal_id.is_some());
            let content = obu.get(header_len..).unwrap_or_default();
            match (USELESS_OBUS.contains(&header.obu_type), header.has_size) {
                (true, _) => {}
                (false, true) => self.picture.extend_from_slice(&obu),
                (false, false) => {
                    self.picture.push(first | 0x02);
                    self.picture.extend_from_slice(obu.get(1..header_len).unwrap_or_default());
                    push_leb128(&mut self.picture, content.len());
                    self.picture.extend_from_slice(content);
                }
            }
        }
        self.obu = obu;
        self.obu.clear();
        Ok(())
    }
}

/// AV1 bitstream specification 4.10.5.
fn push_leb128(into: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = (value & 0x7F) as u8;
        value >>= 7;
        if value == 0 {
            return into.push(low);
        }
        into.push(low | 0x80);
    }
}
