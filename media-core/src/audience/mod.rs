//! Who hears whom, and who sees and knows whom: the audience matrix.
//!
//! Every participant takes a [`Stance`]; for an ordered pair of stances [`hears`], [`sees`] and [`knows`] say what the one gets of
//! the other. They are pure, they are the only place that decides, and they fail closed: what no rule allows is off. The forwarder,
//! the mixer, the roster and the recorder all ask them.
//!
//! [`Verb`]s change stances (hold, turn aside, monitor, coach, barge, take over, ..), several at once and never half: an [`Audience`]
//! counts its changes by an epoch, so that whoever obeys it knows an old one from a new one.
//!
//! # The rules in words
//! - *Floor*: who is on the floor of a circle is heard, seen and known by all on the floor of the same circle, and by its monitors.
//!   A room has one circle; sub-conferences are more of them.
//! - *Hold*: who is held hears, sees and says nothing. He stays known.
//! - *Aside*: who turned aside speaks and shows himself to those in the same aside only; the floor keeps his last picture. What he
//!   hears and sees of the floor goes on. A helper in the *wings* is there for an aside alone: but for staff, the floor does not know of him.
//! - *Monitor*: hears and sees everything on the floor and in asides of his circle, and nobody there hears, sees or knows him unless
//!   he is announced. He may *coach* (one agent alone hears him) or talk *backstage* (other monitors, and insiders, hear him).

mod addressees;
mod pair;
mod stance;
#[cfg(test)]
mod tests;
mod verb;

pub use addressees::Addressees;
pub use pair::{Hears, Sees, Tone, hears, knows, sees};
pub use stance::{Aside, Circle, Line, Post, Stance};
pub use verb::{Audience, Verb, VerbError};
