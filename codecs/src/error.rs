//! The one error of all parsers.

/// Why bytes were refused, and where. Small and `Copy`: a bad packet costs its receiver a counter, not an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {offset}")]
pub struct ParseError {
    /// What was wrong, in a few words; fit for a metric's label, as it never contains anything from the packet.
    pub what: &'static str,
    /// Where in the bytes given to the parser the refused field begins.
    pub offset: usize,
}

impl ParseError {
    pub(crate) const fn new(what: &'static str, offset: usize) -> ParseError {
        ParseError { what, offset }
    }
}
