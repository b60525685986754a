//! RTP header extensions (RFC 8285) and the numbers that a client gave them.

/// An extension that we read or write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Extension {
    /// RFC 9143 (SDES MID).
    Mid,
    /// RFC 6464.
    AudioLevel,
    /// draft-holmer-rmcat-transport-wide-cc-extensions-01.
    TransportSequence,
}

impl Extension {
    const ALL: [Self; 3] = [Self::Mid, Self::AudioLevel, Self::TransportSequence];

    /// Its URI in `a=extmap`.
    pub(crate) fn uri(self) -> &'static str {
        match self {
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::TransportSequence => "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        }
    }
}

/// The number of each extension in one bundle; 0 when it is not used (RFC 8285 section 4.2 keeps 0 for padding).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ExtensionIds([u8; Extension::ALL.len()]);

/// The highest number of the one-byte form (RFC 8285 section 4.2), the only one that every receiver takes.
const MAX_ID: u8 = 14;

impl ExtensionIds {
    /// Takes the number of `a=extmap:<id>[/direction] <uri>`, if it is one of ours.
    pub(crate) fn add(&mut self, id: u8, uri: &str) {
        if let Some(extension) = Extension::ALL.into_iter().find(|e| e.uri() == uri)
            && (1..=MAX_ID).contains(&id)
        {
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
}
