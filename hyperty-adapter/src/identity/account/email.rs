//! E-mail addresses, and the short names that are made of them.

use std::fmt;
use std::str::FromStr as _;
use thiserror::Error;

/// Longest address (RFC 5321 section 4.5.3.1.3).
const MAX_EMAIL_BYTES: usize = 254;
/// Longest short name.
const MAX_HANDLE_CHARS: usize = 32;

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an e-mail address is name@example.org, in ASCII, without a comment, a quoted name or an IP address")]
pub struct NoEmail;

/// An e-mail address in the form in which addresses are compared here: in small letters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// [`NoEmail`].
    pub fn parse(text: &str) -> Result<Self, NoEmail> {
        let text = text.trim().to_ascii_lowercase();
        let (name, domain) = text.rsplit_once('@').ok_or(NoEmail)?;
        let good = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let is_name =
            !name.is_empty() && name.len() <= 64 && name.bytes().all(good) && !name.split('.').any(str::is_empty);
        let is_domain = domain.split('.').all(label) && (domain.contains('.') || domain == "localhost");
        if text.len() > MAX_EMAIL_BYTES || !is_name || !is_domain {
            return Err(NoEmail);
        }
        // The crate that writes the mail has the last word.
        lettre::Address::from_str(&text).map_err(|_| NoEmail)?;
        Ok(Self(text))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The domain.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The `attempt`th short name for somebody: of his address or name, with a number behind it from the second on.
#[must_use]
pub fn handle_from(text: &str, attempt: u32) -> String {
    let name = text.split('@').next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c.to_ascii_lowercase() } else { '-' };
    let handle: String = name.chars().map(plain).take(MAX_HANDLE_CHARS - 8).collect();
    let handle = handle.trim_matches(['.', '-']);
    let handle = if handle.is_empty() { "someone" } else { handle };
    if attempt == 0 { handle.to_owned() } else { format!("{handle}-{}", attempt + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_the_names_made_of_them() {
        for (text, is) in [(" Anne.Smith+x@Example.ORG ", "anne.smith+x@example.org"), ("a@localhost", "a@localhost")] {
            assert_eq!(EmailAddress::parse(text).unwrap().as_str(), is);
        }
        for bad in [
            "",
            "a",
            "@b.c",
            "a@",
            "a b@c.d",
            "a@b",
            "a@b..c",
            "a..b@c.d",
            "\"a\"@b.c",
            "a@[127.0.0.1]",
            "a@b.c\r\nBcc: x@y.z",
            "a@-b.c",
            "ü@b.c",
            "a@ü.c",
            "a,b@c.d",
            "<a@b.c>",
            &format!("{}@b.c", "a".repeat(65)),
            &format!("a@{}.c", "b".repeat(64)),
        ] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(handle_from("Anne.Smith+x@example.org", 0), "anne.smith-x");
        assert_eq!(handle_from("anne@b.c", 2), "anne-3");
        assert_eq!(handle_from("日本", 0), "someone");
        assert!(handle_from(&"a".repeat(300), 99_999).len() <= MAX_HANDLE_CHARS);
    }
}
