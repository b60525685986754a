//! Pictures of several people on one canvas.
//!
//! [`Compositor`] is the door: it is given RTP packets of the sources and told what each view shows; it answers with RTP payloads, with
//! wishes for key frames and for layers, and with the time when it wants to be called again. It reads no clock and owns no thread. One
//! source is decoded once, whoever sees it, and not at all while nobody does; views that show the same share one canvas, and one
//! encoder for each codec and rate.

mod assemble;
mod canvas;
mod compositor;
mod depacketize;
mod groups;
mod icon;
mod layout;
mod motion;
mod order;
mod overload;
mod packetize;
mod scene;
mod snapshot;
mod source;
mod stream;
mod text;
mod tile;
mod view;

#[cfg(test)]
mod tests;

pub use assemble::{Assembled, Assembler};
pub use compositor::{Compositor, CompositorStats, Output, Settings};
pub use layout::{Layout, place};
pub use order::order;
pub use packetize::{MAX_PAYLOAD, Packetizer};
pub(crate) use snapshot::print;
pub use snapshot::{Jpeg, SnapshotError, SnapshotSize};
pub use view::{Marks, ShowError, SourceId, Tile, TileState, VideoPacket, View, ViewCodec, ViewId};
