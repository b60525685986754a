//! Who gets which layer of whom: what a source costs in each quality ([`measure`], [`ladder`]), which cameras are in view at all
//! ([`last_n`]), and how one viewer's bandwidth is shared among what he looks at ([`Allocator`]).
//!
//! All of it is pure: it is told the time and the figures. It runs some ten times a second for a viewer, never for a packet (but
//! for [`LayerMeters::add`], which is made for that).
//!
//! # The order in which bandwidth is given
//! Audio is taken off first. Then, each step only as far as the budget goes:
//! 1. *Alive*: the lowest rung for everyone who is looked at, in the order of [`Class`], then of weight. A source that
//!    [prefers sharpness](Prefer::Sharpness) gets its floor here: full size at the lowest frame rate.
//! 2. *Good*: pinned, screens and the speaker rise to half the size they are shown at, with at least half of the frames. So a
//!    lone speaker is no postage stamp while somebody pinned goes from sharp to sharper.
//! 3. *Full*: class by class up to what is wanted; within a class in turns, with as many rungs a turn as the weight says.
//!
//! What a better class cannot use, because its next rung is too dear, goes to the next class.

mod allocator;
mod fill;
mod ladder;
mod last_n;
mod measure;
mod progress;
mod rung;
mod steady;
#[cfg(test)]
mod tests;

pub(crate) use allocator::{Allocator, Class, Plan, Wish};
pub(crate) use ladder::{ENCODINGS_MAX, Ladder, LayerMeters, Stacking};
pub(crate) use last_n::{Candidate, last_n};
pub(crate) use measure::RateMeter;
pub(crate) use rung::{Prefer, Rung};
