//! Header extension elements on their way from a publisher to his receivers.

use crate::negotiate::Extension;

/// Elements of one packet that are carried: as many as there are kinds of them.
const MAX_CARRIED: usize = 7;
/// Longest element that is carried: what the two-byte form holds (RFC 8285 section 4.3).
pub(crate) const MAX_ELEMENT_LEN: usize = 255;

/// The elements of one packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Carried<'a> {
    elements: [(Extension, &'a [u8]); MAX_CARRIED],
    len: usize,
}

impl Default for Carried<'_> {
    fn default() -> Self {
        Self::NONE
    }
}

impl<'a> Carried<'a> {
    pub(crate) const NONE: Self = Self { elements: [(Extension::Mid, &[]); MAX_CARRIED], len: 0 };

    /// Takes an element, if it is of a kind that is carried.
    #[inline]
    pub(crate) fn take(&mut self, extension: Extension, element: &'a [u8]) {
        if extension.is_carried()
            && element.len() <= MAX_ELEMENT_LEN
            && let Some(place) = self.elements.get_mut(self.len)
        {
            *place = (extension, element);
            self.len += 1;
        }
    }

    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Extension, &'a [u8])> + use<'_, 'a> {
        self.elements.get(..self.len).unwrap_or_default().iter().copied()
    }

    pub(crate) fn get(&self, wanted: Extension) -> Option<&'a [u8]> {
        self.iter().find(|(extension, _)| *extension == wanted).map(|(_, element)| element)
    }

    /// Writes them down one after the other, to be read again by [`Carried::read`].
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for (extension, element) in self.iter() {
            // Lossless: no longer element is taken.
            out.extend_from_slice(&[extension as u8, element.len() as u8]);
            out.extend_from_slice(element);
        }
    }

    /// Reads what [`Carried::write`] wrote.
    pub(crate) fn read(mut written: &'a [u8]) -> Self {
        let mut carried = Self::NONE;
        while let Some(([extension, len], rest)) = written.split_first_chunk::<2>()
            && let Some((element, rest)) = rest.split_at_checked(usize::from(*len))
        {
            if let Some(extension) = Extension::from_number(*extension) {
                carried.take(extension, element);
            }
            written = rest;
        }
        carried
    }
}
