//! The colour beside a name, and why it has it: a pure function of what was found out.

use super::assertion::{AssertionFault, VerifiedIdentity};
use super::jose::TokenFault;
use super::persona::PersonaKind;
use serde::Serialize;

/// What others are shown beside a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// Verified: an issuer that this server trusts speaks for it.
    Green,
    /// Nobody who is trusted here speaks for it.
    Yellow,
    /// Something is wrong with it.
    Red,
}

/// A colour and its reason, in words for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trust {
    /// The colour.
    pub colour: Colour,
    /// Why. It names nothing that the claimant has chosen, but for what was verified.
    pub reason: String,
    /// Whether the call is to be refused: its media goes to somebody else than the name says.
    pub refuse_call: bool,
}

/// How much the name of somebody is worth, by what came of verifying it: `None` is one who says nothing.
#[must_use]
pub fn trust(evidence: Option<&Result<VerifiedIdentity, AssertionFault>>) -> Trust {
    let (colour, reason) = match evidence {
        None => (Colour::Yellow, "Nobody vouches for this name.".to_owned()),
        Some(Ok(verified)) if verified.claims.guest => {
            (Colour::Yellow, format!("A guest of {}: the name is his own word.", verified.domain))
        }
        Some(Ok(verified)) => match verified.claims.persona.kind {
            PersonaKind::Private => (Colour::Green, format!("{} vouches for this person.", verified.domain)),
            PersonaKind::Professional => {
                let badge = verified.claims.persona.badge();
                (Colour::Green, format!("{} vouches for this person, acting as {badge}.", verified.domain))
            }
        },
        Some(Err(AssertionFault::UnknownIssuer(_))) => {
            (Colour::Yellow, "An identity provider that is not known here vouches for this name.".to_owned())
        }
        Some(Err(AssertionFault::Token { fault: TokenFault::Expired, .. })) => {
            (Colour::Yellow, "The identity provider's word for this name has expired.".to_owned())
        }
        Some(Err(AssertionFault::Revoked)) => {
            (Colour::Red, "The identity provider has taken back its word for this name.".to_owned())
        }
        Some(Err(AssertionFault::WrongFingerprint)) => (
            Colour::Red,
            "The identity provider's word is for other media than these: somebody may stand between you.".to_owned(),
        ),
        Some(Err(
            fault @ (AssertionFault::Malformed(_)
            | AssertionFault::Fingerprint(_)
            | AssertionFault::Token { .. }
            | AssertionFault::ForeignName
            | AssertionFault::Nonce),
        )) => (Colour::Red, format!("The proof of this name is not good: {}.", why(fault))),
    };
    let refuse_call = matches!(evidence, Some(Err(AssertionFault::WrongFingerprint | AssertionFault::Nonce)));
    Trust { colour, reason, refuse_call }
}

/// The cause in words that are ours.
fn why(fault: &AssertionFault) -> &'static str {
    match fault {
        AssertionFault::Token {
            fault: TokenFault::Signature | TokenFault::UnknownKey(_) | TokenFault::Algorithm,
            ..
        } => "its signature is not the issuer's",
        AssertionFault::Token { .. } => "it was made for something else",
        AssertionFault::ForeignName => "its issuer does not speak for that domain",
        AssertionFault::Nonce => "it was made for another call",
        _ => "it cannot be read",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::assertion::{AssertionClaims, NoFingerprint};
    use crate::identity::persona::Persona;

    fn verified(guest: bool, persona: Persona) -> Result<VerifiedIdentity, AssertionFault> {
        let text = String::new;
        let claims = AssertionClaims {
            iss: text(),
            aud: text(),
            sub: text(),
            identity: text(),
            iat: 0,
            exp: 0,
            jti: text(),
            contents: text(),
            origin: None,
            nonce: None,
            persona,
            email: None,
            guest,
        };
        Ok(VerifiedIdentity { domain: "idp.example".into(), claims })
    }

    #[test]
    fn every_finding_has_its_colour() {
        let token = |fault| Err(AssertionFault::Token { issuer: "i".into(), fault });
        let work = Persona {
            kind: PersonaKind::Professional,
            name: "Pierre".into(),
            title: Some("CTO".into()),
            organisation: Some("HyDev".into()),
            shows_email: false,
        };
        for (evidence, colour, refused, words) in [
            (None, Colour::Yellow, false, "Nobody vouches"),
            (Some(verified(false, Persona::private("A"))), Colour::Green, false, "idp.example vouches"),
            (Some(verified(false, work)), Colour::Green, false, "acting as Pierre, CTO, HyDev"),
            (Some(verified(true, Persona::private("A"))), Colour::Yellow, false, "his own word"),
            (Some(Err(AssertionFault::UnknownIssuer("x".into()))), Colour::Yellow, false, "not known here"),
            (Some(token(TokenFault::Expired)), Colour::Yellow, false, "expired"),
            (Some(Err(AssertionFault::Revoked)), Colour::Red, false, "taken back"),
            (Some(Err(AssertionFault::WrongFingerprint)), Colour::Red, true, "stand between"),
            (Some(Err(AssertionFault::Nonce)), Colour::Red, true, "another call"),
            (Some(Err(AssertionFault::ForeignName)), Colour::Red, false, "that domain"),
            (Some(Err(AssertionFault::Malformed("x"))), Colour::Red, false, "cannot be read"),
            (Some(Err(AssertionFault::Fingerprint(NoFingerprint::Count))), Colour::Red, false, "cannot be read"),
            (Some(token(TokenFault::Signature)), Colour::Red, false, "signature"),
            (Some(token(TokenFault::Audience)), Colour::Red, false, "something else"),
        ] {
            let trust = trust(evidence.as_ref());
            assert_eq!((trust.colour, trust.refuse_call), (colour, refused), "{evidence:?}");
            assert!(trust.reason.contains(words), "{}", trust.reason);
        }
    }
}
