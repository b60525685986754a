//! Making redundant audio of plain.

/// The format has fourteen bits for how much older a block is, in timestamp units: a third of a second of Opus.
pub const MAX_RED_OFFSET: u16 = 0x3FFF;
/// The format has ten bits for a redundant block's length in bytes.
pub const MAX_RED_BLOCK_LEN: usize = 0x03FF;

/// Appends a RED payload: the redundant blocks, the oldest first, each with how much older than the packet's timestamp it
/// is, and the primary block. All have the payload type `payload_type` (0..=127). Returns how many redundant blocks it
/// has: those that the format cannot express are left out, and so are empty ones and ones of the packet's own time.
///
/// Nothing bounds the packet's length but what is given: each block costs four bytes more than its length, the primary
/// one a byte.
pub fn write_red(out: &mut Vec<u8>, payload_type: u8, primary: &[u8], redundants: &[(u16, &[u8])]) -> usize {
    let fits = |(offset, bytes): &&(u16, &[u8])| {
        (1..=MAX_RED_OFFSET).contains(offset) && (1..=MAX_RED_BLOCK_LEN).contains(&bytes.len())
    };
    let written = redundants.iter().filter(fits);
    for (offset, bytes) in written.clone() {
        // Fourteen bits and ten.
        let [_, b1, b2, b3] = (u32::from(*offset) << 10 | bytes.len() as u32).to_be_bytes();
        out.extend_from_slice(&[0x80 | payload_type, b1, b2, b3]);
    }
    out.push(payload_type & 0x7F);
    written.clone().for_each(|(_, bytes)| out.extend_from_slice(bytes));
    out.extend_from_slice(primary);
    written.count()
}
