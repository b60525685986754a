//! Addresses of the reTHINK world (specs: `datamodel/core/address`): `scheme://domain/path`.

use std::borrow::Cow;
use thiserror::Error;

/// Longest address, in bytes.
pub const MAX_ADDRESS: usize = 1_024;

/// Scheme of runtimes as the specifications write it. Runtimes themselves have left its first word out since 2016; both are the same.
const OLD_RUNTIME: &str = "hyperty-runtime://";
const RUNTIME: &str = "runtime://";

/// Why something is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoAddress {
    /// It is longer than [`MAX_ADDRESS`].
    #[error("an address is longer than {MAX_ADDRESS} bytes")]
    TooLong,
    /// It is not `scheme://domain…` or `mn:/…`.
    #[error("an address is not of the form scheme://domain/path")]
    Malformed,
}

/// An address in the form in which addresses are compared: with the scheme that runtimes use.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address<'a>(Cow<'a, str>);

impl<'a> Address<'a> {
    /// Reads one.
    ///
    /// # Errors
    /// [`NoAddress`].
    pub fn parse(text: &'a str) -> Result<Self, NoAddress> {
        Self::read(Cow::Borrowed(text))
    }

    /// Reads one that perhaps had to be unescaped.
    ///
    /// # Errors
    /// [`NoAddress`].
    pub(crate) fn read(text: Cow<'a, str>) -> Result<Self, NoAddress> {
        if text.len() > MAX_ADDRESS {
            return Err(NoAddress::TooLong);
        }
        let is_plain = |byte: u8| byte.is_ascii_graphic() || byte >= 0x80;
        if !text.bytes().all(is_plain) {
            return Err(NoAddress::Malformed);
        }
        let one = match text.strip_prefix(OLD_RUNTIME) {
            Some(rest) => Self(Cow::Owned(format!("{RUNTIME}{rest}"))),
            None => Self(text),
        };
        let is_whole = one.is_session_manager() || (is_scheme(one.scheme()) && !one.domain().is_empty());
        if is_whole { Ok(one) } else { Err(NoAddress::Malformed) }
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `mn:/…`: whoever opens and closes sessions.
    #[must_use]
    pub fn is_session_manager(&self) -> bool {
        self.0.starts_with("mn:/")
    }

    /// Whether it belongs to one alone: an object or a hyperty itself, or where an object takes subscriptions. What is published at goes to
    /// addresses below it (`/changes`, `/children/`, `/registration`, `/status`), which any number may hear.
    #[must_use]
    pub fn is_private(&self) -> bool {
        let path = self.path();
        let Some(name) = path.strip_prefix('/') else { return true };
        !name.trim_end_matches('/').contains('/') || path.ends_with("/subscription")
    }

    /// What stands before `://`; empty for `mn:/…`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.0.split_once("://").map_or("", |(scheme, _)| scheme)
    }

    /// What stands between `://` and the next slash.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.split().0
    }

    /// What stands after the domain, with its slash; empty where there is nothing.
    #[must_use]
    pub fn path(&self) -> &str {
        self.split().1
    }

    /// `runtime://<domain>/<guid>` of an address of a runtime or of one of its components.
    #[must_use]
    pub fn runtime(&self) -> Option<&str> {
        let rest = self.0.strip_prefix(RUNTIME)?;
        let slash = rest.find('/')?;
        let guid = rest.get(slash + 1..)?;
        let end = guid.find('/').unwrap_or(guid.len());
        (end > 0).then(|| self.0.get(..RUNTIME.len() + slash + 1 + end)).flatten()
    }

    /// `scheme://domain/name` of an address below it, or the address itself.
    pub(crate) fn root(&self) -> &str {
        let start = self.0.len() - self.path().len();
        let end = self.path().get(1..).and_then(|path| path.find('/')).map_or(self.0.len(), |slash| start + 1 + slash);
        self.0.get(..end).unwrap_or(&self.0)
    }

    fn split(&self) -> (&str, &str) {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        rest.find('/').map_or((rest, ""), |at| rest.split_at(at))
    }
}

fn is_scheme(scheme: &str) -> bool {
    let mut bytes = scheme.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_taken_apart() {
        let table = [
            ("runtime://d.test/g1", "runtime", "d.test", "/g1", Some("runtime://d.test/g1")),
            ("runtime://d.test/g1/registry/", "runtime", "d.test", "/g1/registry/", Some("runtime://d.test/g1")),
            ("runtime://d.test/g1/", "runtime", "d.test", "/g1/", Some("runtime://d.test/g1")),
            ("hyperty-runtime://d.test/g1/sm", "runtime", "d.test", "/g1/sm", Some("runtime://d.test/g1")),
            ("runtime://d.test", "runtime", "d.test", "", None),
            ("runtime://d.test/", "runtime", "d.test", "/", None),
            ("hyperty://d.test/h1", "hyperty", "d.test", "/h1", None),
            ("domain://registry.d.test", "domain", "registry.d.test", "", None),
            ("user://google.com/a@b.c", "user", "google.com", "/a@b.c", None),
            (
                "hyperty-catalogue://catalogue.d/.well-known/hyperty/X",
                "hyperty-catalogue",
                "catalogue.d",
                "/.well-known/hyperty/X",
                None,
            ),
        ];
        for (text, scheme, domain, path, runtime) in table {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.scheme(), address.domain(), address.path()), (scheme, domain, path), "{text}");
            assert_eq!(address.runtime(), runtime, "{text}");
        }
        for (text, is_private) in [
            ("hyperty://d/h", true),
            ("comm://d/o", true),
            ("comm://d/o/subscription", true),
            ("comm://d/o/changes", false),
            ("comm://d/o/children/", false),
            ("comm://d/o/children/chat", false),
            ("hyperty://d/h/registration", false),
        ] {
            assert_eq!(Address::parse(text).unwrap().is_private(), is_private, "{text}");
        }
        for (text, root) in [
            ("comm://d/o/changes", "comm://d/o"),
            ("comm://d/o", "comm://d/o"),
            ("comm://d", "comm://d"),
            ("comm://d/o/", "comm://d/o"),
        ] {
            assert_eq!(Address::parse(text).unwrap().root(), root, "{text}");
        }
        assert!(Address::parse("mn:/session").unwrap().is_session_manager());
        assert_eq!(Address::parse("hyperty-runtime://d/g"), Address::parse("runtime://d/g"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "x", "://d", "a b://d", "1a://d", "runtime://", "runtime:///g", "runtime://d /g", "a://d\n"] {
            assert_eq!(Address::parse(text), Err(NoAddress::Malformed), "{text:?}");
        }
        let long = format!("runtime://d/{}", "x".repeat(MAX_ADDRESS));
        assert_eq!(Address::parse(&long), Err(NoAddress::TooLong));
    }

    proptest! {
        #[test]
        fn anything_at_all_is_survived(text in ".{0,60}") {
            if let Ok(address) = Address::parse(&text) {
                prop_assert!(address.is_session_manager() || !address.domain().is_empty());
                prop_assert!(address.runtime().is_none_or(|runtime| address.as_str().starts_with(runtime)));
            }
        }
    }
}
