//! RTP header extensions (RFC 8285) and the numbers that a client gave them.

/// An extension that we read, write, or carry from a publisher to his receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Extension {
    /// RFC 9143 (SDES MID).
    Mid,
    /// RFC 8852: which simulcast encoding a packet is of.
    Rid,
    /// RFC 8852: which simulcast encoding a retransmission repairs.
    RepairedRid,
    /// RFC 6464.
    AudioLevel,
    /// draft-holmer-rmcat-transport-wide-cc-extensions-01.
    TransportSequence,
    /// Absolute send time: what a receiver without transport feedback makes his REMB from.
    AbsSendTime,
    /// Absolute capture time: lets a receiver align streams, and tell how old a picture is.
    AbsCaptureTime,
    /// Bounds of the receiver's jitter buffer.
    PlayoutDelay,
    /// 3GPP TS 26.114 section 7.4.5: how a phone is held.
    Orientation,
    /// Colour space and, for HDR, its metadata.
    ColorSpace,
    /// What each layer of a publisher is: his target rates and sizes.
    LayersAllocation,
    /// AV1 RTP payload specification, appendix A: which frame needs which, readable when the payload is not.
    DependencyDescriptor,
}

impl Extension {
    const COUNT: usize = 12;
    const ALL: [Self; Self::COUNT] = [
        Self::Mid,
        Self::Rid,
        Self::RepairedRid,
        Self::AudioLevel,
        Self::TransportSequence,
        Self::AbsSendTime,
        Self::AbsCaptureTime,
        Self::PlayoutDelay,
        Self::Orientation,
        Self::ColorSpace,
        Self::LayersAllocation,
        Self::DependencyDescriptor,
    ];

    /// The extension that `self as u8` numbers.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// What goes to receivers as the publisher wrote it.
    pub(crate) fn is_carried(self) -> bool {
        matches!(
            self,
            Self::AudioLevel
                | Self::AbsCaptureTime
                | Self::PlayoutDelay
                | Self::Orientation
                | Self::ColorSpace
                | Self::LayersAllocation
                | Self::DependencyDescriptor
        )
    }

    /// Its URI in `a=extmap`.
    pub(crate) fn uri(self) -> &'static str {
        match self {
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Self::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::TransportSequence => "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
            Self::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Self::AbsCaptureTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
            Self::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
            Self::Orientation => "urn:3gpp:video-orientation",
            Self::ColorSpace => "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
            Self::LayersAllocation => "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00",
            Self::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
        }
    }
}

/// The number of each extension in one bundle; 0 when it is not used (RFC 8285 section 4.2 keeps 0 for padding).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ExtensionIds([u8; Extension::COUNT]);

/// The highest number of the one-byte form (RFC 8285 section 4.2).
const MAX_ONE_BYTE_ID: u8 = 14;
/// The highest number that we take where both forms may be mixed: browsers count on from 16.
const MAX_ID: u8 = 31;

impl ExtensionIds {
    /// Takes the number of `a=extmap:<id>[/direction] <uri>`, if it is one of ours. Numbers past the one-byte form are taken where
    /// the forms may be mixed (`a=extmap-allow-mixed`, RFC 8285 section 6).
    pub(crate) fn add(&mut self, id: u8, uri: &str, mixed: bool) {
        let usable = (1..=MAX_ONE_BYTE_ID).contains(&id) || (mixed && (MAX_ONE_BYTE_ID + 2..=MAX_ID).contains(&id));
        if let Some(extension) = Extension::ALL.into_iter().find(|e| e.uri() == uri).filter(|_| usable) {
            self.0[extension as usize] = id;
        }
    }

    /// Takes what `other` has and this has not: sections of a bundle share their numbers (RFC 8843 section 9.2).
    pub(crate) fn merge(&mut self, other: Self) {
        for (own, theirs) in self.0.iter_mut().zip(other.0) {
            if *own == 0 {
                *own = theirs;
            }
        }
    }

    #[inline]
    pub(crate) fn get(self, extension: Extension) -> Option<u8> {
        Some(self.0[extension as usize]).filter(|id| *id != 0)
    }

    /// The ones of `wanted` that were offered, with their numbers.
    pub(crate) fn only(self, wanted: &[Extension]) -> impl Iterator<Item = (u8, &'static str)> {
        wanted.iter().filter_map(move |e| self.get(*e).map(|id| (id, e.uri())))
    }

    /// The other way round: what each number means.
    pub(crate) fn by_id(self) -> ExtensionTable {
        let mut table = [None; MAX_ID as usize + 1];
        for extension in Extension::ALL {
            if let Some(id) = self.get(extension) {
                table[usize::from(id)] = Some(extension);
            }
        }
        ExtensionTable(table)
    }
}

/// What each extension number of a client means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExtensionTable([Option<Extension>; MAX_ID as usize + 1]);

impl ExtensionTable {
    #[inline]
    pub(crate) fn get(&self, id: u8) -> Option<Extension> {
        self.0.get(usize::from(id)).copied().flatten()
    }
}
