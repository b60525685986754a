//! The three questions about an ordered pair.

use super::{Aside, Circle, Line, Post, Stance};
use crate::api::PeerId;

/// Somebody and where he stands.
type Person<'a> = (PeerId, &'a Stance);

/// How a voice sounds in an ear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tone {
    /// Louder or softer than it came, in dB, from -40 to 12.
    pub gain_db: i8,
    /// From -100 (left ear alone) to 100 (right ear alone).
    pub pan_pct: i8,
}

impl Tone {
    /// As it came.
    pub const PLAIN: Self = Self { gain_db: 0, pan_pct: 0 };
    /// A coach in an agent's ear: softer, and from the left, so that nobody takes him for the customer.
    pub const WHISPER: Self = Self { gain_db: -3, pan_pct: -80 };
    /// What is said backstage, from the other side.
    pub const BACKSTAGE: Self = Self { gain_db: -6, pan_pct: 80 };
}

/// What a listener hears of a speaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hears {
    /// Nothing.
    Off,
    /// His voice, so.
    Gain(Tone),
}

impl Hears {
    /// Whether it is anything.
    #[must_use]
    pub fn is_on(self) -> bool {
        self != Self::Off
    }
}

/// What a viewer sees of a presenter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sees {
    /// Nothing.
    Off,
    /// The last picture before it was taken away.
    Frozen,
    /// Small pictures.
    Thumbnail,
    /// Everything.
    Live,
}

/// Where somebody's voice and face go.
enum Reach {
    Nobody,
    Floor(Circle),
    Aside(u32, Circle),
    Backstage(Circle),
    /// The voice alone.
    Ear(PeerId),
}

fn reach(of: &Stance) -> Reach {
    match (of.held, of.aside, of.post) {
        (true, ..) | (_, None, Post::Wings | Post::Monitor { line: Line::Listening, .. }) => Reach::Nobody,
        (_, Some(Aside::Group(group)), _) => Reach::Aside(group, of.circle),
        (_, Some(Aside::Backstage), _) | (_, None, Post::Monitor { line: Line::Backstage, .. }) => {
            Reach::Backstage(of.circle)
        }
        (_, None, Post::Floor) => Reach::Floor(of.circle),
        (_, None, Post::Monitor { line: Line::Coaching(agent), .. }) => Reach::Ear(agent),
    }
}

fn watches(who: &Stance, circle: Circle) -> bool {
    who.is_monitor() && who.circle == circle
}

/// What the first hears of the second.
#[must_use]
pub fn hears((listener, ear): Person<'_>, (speaker, voice): Person<'_>) -> Hears {
    if listener == speaker || ear.held {
        return Hears::Off;
    }
    let in_circle = |circle| ear.circle == circle;
    let tone = match reach(voice) {
        Reach::Floor(circle) if in_circle(circle) && (ear.is_on_floor() || ear.is_monitor()) => Tone::PLAIN,
        Reach::Aside(group, circle) if ear.aside == Some(Aside::Group(group)) || watches(ear, circle) => Tone::PLAIN,
        Reach::Backstage(circle) if watches(ear, circle) => Tone::PLAIN,
        Reach::Backstage(circle) if in_circle(circle) && ear.is_on_floor() && is_backstage(ear) => Tone::BACKSTAGE,
        Reach::Ear(agent) if agent == listener && in_circle(voice.circle) => Tone::WHISPER,
        Reach::Nobody | Reach::Floor(_) | Reach::Aside(..) | Reach::Backstage(_) | Reach::Ear(_) => return Hears::Off,
    };
    Hears::Gain(tone)
}

/// Whether somebody on the floor has an ear for what is said backstage.
fn is_backstage(who: &Stance) -> bool {
    who.insider || who.aside == Some(Aside::Backstage)
}

/// What the first sees of the second.
#[must_use]
pub fn sees((viewer, eye): Person<'_>, (presenter, face): Person<'_>) -> Sees {
    if viewer == presenter || eye.held {
        return Sees::Off;
    }
    let full = match eye.post {
        Post::Monitor { wall: true, .. } => Sees::Thumbnail,
        Post::Floor | Post::Wings | Post::Monitor { .. } => Sees::Live,
    };
    let shares_floor = eye.circle == face.circle && eye.is_on_floor() && face.is_on_floor();
    match reach(face) {
        // A face is for those whom the voice is for, but for a coach: he is heard alone.
        Reach::Ear(_) => Sees::Off,
        _ if hears((viewer, eye), (presenter, face)).is_on() => full,
        Reach::Aside(..) | Reach::Backstage(_) if shares_floor => Sees::Frozen,
        Reach::Nobody | Reach::Floor(_) | Reach::Aside(..) | Reach::Backstage(_) => Sees::Off,
    }
}

/// Whether the first may know that the second is there: roster, counts, tracks, figures.
#[must_use]
pub fn knows((one, eye): Person<'_>, (other, face): Person<'_>) -> bool {
    if one == other {
        return true;
    }
    let in_circle = eye.circle == face.circle;
    let in_aside = matches!(face.aside, Some(Aside::Group(_))) && eye.aside == face.aside;
    let is_coached = eye.is_on_floor() && in_circle && face.line() == Some(Line::Coaching(one));
    let by_post = in_circle
        && match (eye.post, face.post) {
            (Post::Monitor { .. }, _) => true,
            (Post::Floor, Post::Floor) => true,
            (Post::Floor, Post::Monitor { announced, .. }) => announced || is_backstage(eye),
            (Post::Floor, Post::Wings) => eye.staff,
            (Post::Wings, Post::Floor) => face.staff,
            (Post::Wings, _) => false,
        };
    in_aside || is_coached || by_post
}
