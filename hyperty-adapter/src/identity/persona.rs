//! Personas: as whom somebody acts. One person is Pierre to his friends and the technical director of a company to its suppliers; the second is said
//! by his company's identity provider or by his account here, and shown as such.

use colloquy_signalling::names::DisplayName;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Personas of one account at most.
pub const MAX_PERSONAS: usize = 8;
/// Longest title and organisation, in characters.
pub const MAX_LINE_CHARS: usize = 64;

/// Which side of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PersonaKind {
    /// Himself. Everybody has one.
    Private,
    /// Himself in his work.
    Professional,
}

impl PersonaKind {
    /// Its name in documents and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Professional => "professional",
        }
    }

    /// The one of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Private, Self::Professional].into_iter().find(|one| one.as_str() == name)
    }
}

/// As whom somebody acts, and what others are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Persona {
    /// Private or professional.
    pub kind: PersonaKind,
    /// The name that others see.
    pub name: String,
    /// What he is there, such as "CTO".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// Whether others are shown the e-mail address.
    #[serde(default)]
    pub shows_email: bool,
}

/// Why somebody cannot be this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoPersona {
    /// The name cannot be shown.
    #[error(
        "a name is 1 to 64 characters, without control characters and without those that turn the direction of text"
    )]
    Name,
    /// The title or the organisation cannot be shown.
    #[error("a title and an organisation are at most 64 characters, under the rules of names")]
    Line,
    /// A private persona has a title or an organisation.
    #[error("a private persona has no title and no organisation: make a professional one")]
    PrivateWithWork,
    /// A professional persona without an organisation.
    #[error("a professional persona names an organisation")]
    NoOrganisation,
}

impl Persona {
    /// The private persona of somebody of this name, which is known to be good.
    #[must_use]
    pub fn private(name: &str) -> Self {
        Self { kind: PersonaKind::Private, name: name.to_owned(), title: None, organisation: None, shows_email: false }
    }

    /// The same, with everything that people wrote held to what can be shown to others.
    ///
    /// # Errors
    /// [`NoPersona`].
    pub fn checked(self) -> Result<Self, NoPersona> {
        let name = display_name(&self.name).ok_or(NoPersona::Name)?;
        let line = |text: Option<String>| match text.filter(|text| !text.trim().is_empty()) {
            None => Ok(None),
            Some(text) => display_name(&text).map(Some).ok_or(NoPersona::Line),
        };
        let (title, organisation) = (line(self.title)?, line(self.organisation)?);
        match self.kind {
            PersonaKind::Private if title.is_some() || organisation.is_some() => Err(NoPersona::PrivateWithWork),
            PersonaKind::Professional if organisation.is_none() => Err(NoPersona::NoOrganisation),
            PersonaKind::Private | PersonaKind::Professional => Ok(Self { name, title, organisation, ..self }),
        }
    }

    /// One line for a badge: "Acting as Pierre, CTO, HyDev".
    #[must_use]
    pub fn badge(&self) -> String {
        let rest = [&self.title, &self.organisation].into_iter().flatten();
        std::iter::once(&self.name).chain(rest).cloned().collect::<Vec<_>>().join(", ")
    }
}

/// A name that others may be shown, under the one rule that rooms have for names.
#[must_use]
pub fn display_name(text: &str) -> Option<String> {
    DisplayName::parse(text).ok().map(|name| name.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn professional(name: &str, title: Option<&str>, organisation: Option<&str>) -> Result<Persona, NoPersona> {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let kind = PersonaKind::Professional;
        Persona { kind, name: name.into(), title: text(title), organisation: text(organisation), shows_email: true }
            .checked()
    }

    #[test]
    fn personas_are_what_can_be_shown() {
        let pierre = professional(" Pierre ", Some("CTO"), Some("HyDev")).unwrap();
        assert_eq!(pierre.badge(), "Pierre, CTO, HyDev");
        assert_eq!(professional("Pierre", Some("  "), Some("HyDev")).unwrap().title, None);
        assert_eq!(professional("Pierre", None, None), Err(NoPersona::NoOrganisation));
        assert_eq!(professional("a\u{202e}b", None, Some("x")), Err(NoPersona::Name));
        assert_eq!(professional("a", Some("x\ny"), Some("x")), Err(NoPersona::Line));
        let private = Persona { title: Some("CTO".into()), ..Persona::private("Pierre") };
        assert_eq!(private.checked(), Err(NoPersona::PrivateWithWork));
    }
}
