//! What a forwarder changes in a descriptor that it passes on.

use super::{DependencyDescriptor, TemplateStructure};
use crate::ParseError;

/// Writes `frame_number` over that of the element, in place: bytes 1 and 2, whatever follows. Differences between
/// frames stay as they are, so the numbers must be shifted, not closed up, while a receiver may refer across the gap.
pub fn rewrite_frame_number(element: &mut [u8], frame_number: u16) -> Result<(), ParseError> {
    let place = element.get_mut(1..3).ok_or(ParseError::new("dependency descriptor cut", 0))?;
    place.copy_from_slice(&frame_number.to_be_bytes());
    Ok(())
}

/// Appends to `out` the element with `mask` as its active decode targets (bit 0 is target 0; bits that the structure
/// does not have are dropped): tells a receiver which layers to wait for no more. `structure` is the stream's latest
/// one, as in [`DependencyDescriptor::parse`]. Nothing is appended on error.
pub fn with_active_targets(
    element: &[u8],
    structure: Option<&TemplateStructure>,
    mask: u32,
    out: &mut Vec<u8>,
) -> Result<(), ParseError> {
    let mut descriptor = DependencyDescriptor::parse(element, structure)?;
    descriptor.active_targets = Some(mask);
    descriptor.write(structure, out)
}
