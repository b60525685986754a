//! What went to one receiver otherwise than its publisher sent it: who asks for it again must get the same again.

use std::collections::VecDeque;

/// Remembered: of three spatial layers of which the lower two are sent, 30 pictures a second, 256 are 8 s.
const MAX_EXCEPTIONS: usize = 256;

/// How a packet differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exception {
    /// Nothing but its number was sent.
    Filler,
    /// Its marker was this one: it ends the picture for a receiver who gets no layer above it.
    Marker(bool),
}

/// The last of them, by the numbers that the receiver knows.
#[derive(Debug, Default)]
pub(crate) struct Exceptions(VecDeque<(u64, Exception)>);

impl Exceptions {
    pub(crate) fn note(&mut self, index: u64, exception: Exception) {
        if self.0.len() >= MAX_EXCEPTIONS {
            self.0.pop_front();
        }
        self.0.push_back((index, exception));
    }

    pub(crate) fn of(&self, index: u64) -> Option<Exception> {
        self.0.iter().rev().find(|(of, _)| *of == index).map(|(_, exception)| *exception)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_remembered() {
        let mut exceptions = Exceptions::default();
        (0..300).for_each(|index| exceptions.note(index, Exception::Marker(index % 2 == 0)));
        exceptions.note(300, Exception::Filler);
        assert_eq!((exceptions.of(44), exceptions.of(45)), (None, Some(Exception::Marker(false))));
        assert_eq!((exceptions.of(300), exceptions.of(301)), (Some(Exception::Filler), None));
    }
}
