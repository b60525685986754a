//! The dependency descriptor: which layer a frame is of, what it needs and who needs it (RTP Payload Format For AV1,
//! version 1.0, appendix A). Header extension
//! `https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension`.
//!
//! A [`TemplateStructure`] comes with a key frame and holds until the next one brings another; most packets then name
//! one of its templates in three bytes. The receiver of a stream keeps the structure and gives it to every parse.

mod bits;
mod descriptor;
mod presets;
mod rewrite;
mod structure;
mod structure_write;

pub use descriptor::{DependencyDescriptor, FrameMark, MAX_FRAME_DIFFS};
pub use rewrite::{rewrite_frame_number, with_active_targets};
pub use structure::{
    Indication, Indications, MAX_DECODE_TARGETS, MAX_SPATIAL_LAYERS, MAX_TEMPLATE_FRAME_DIFFS, MAX_TEMPLATES,
    MAX_TEMPORAL_LAYERS, Template, TemplateStructure,
};
