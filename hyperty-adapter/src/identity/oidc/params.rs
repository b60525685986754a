//! Parameters of a query or of a form.

use super::error::{ErrorCode, OAuthError};

/// Longest query or form, in bytes: a state and a redirect address of 4 kB each fit.
pub const MAX_QUERY_BYTES: usize = 16 * 1_024;
/// Parameters at most.
const MAX_PARAMS: usize = 64;

/// Names and values, each name once (RFC 6749 section 3.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads `a=b&c=d`.
    ///
    /// # Errors
    /// `invalid_request`, where it is too long or has a name twice.
    pub fn parse(query: &str) -> Result<Self, OAuthError> {
        let invalid = |description| Err(OAuthError::new(ErrorCode::InvalidRequest, description));
        if query.len() > MAX_QUERY_BYTES {
            return invalid("The request has more than 16 KiB of parameters.");
        }
        let mut all: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if all.len() == MAX_PARAMS {
                return invalid("The request has more than 64 parameters.");
            }
            if all.iter().any(|(known, _)| *known == name) {
                return invalid("A parameter is there twice.");
            }
            all.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(all))
    }

    /// The value of a parameter. An empty one counts as none (RFC 6749 section 3.1).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The value of a parameter, or nothing.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// The same with another value, or without it.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        self.0.retain(|(known, _)| known != name);
        if let Some(value) = value {
            self.0.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// As a query.
    #[must_use]
    pub fn to_query(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_there_once() {
        let params = Params::parse("a=1&b=%26+x&c=").unwrap();
        assert_eq!(
            (params.get("a"), params.get("b"), params.get("c"), params.get("d")),
            (Some("1"), Some("& x"), None, None)
        );
        assert_eq!(params.with("a", None).with("b", Some("é")).to_query(), "c=&b=%C3%A9");
        for bad in ["a=1&a=2", "a=1&%61=1", &"x".repeat(MAX_QUERY_BYTES + 1)] {
            assert_eq!(Params::parse(bad).unwrap_err().code, ErrorCode::InvalidRequest);
        }
        let many: String = (0..65).map(|n| format!("p{n}=&")).collect();
        assert!(Params::parse(&many).is_err());
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read(pairs in proptest::collection::btree_map("\\PC{1,10}", "\\PC{1,20}", 0..10)) {
            let mut params = Params::default();
            for (name, value) in &pairs {
                params = params.with(name, Some(value));
            }
            let read = Params::parse(&params.to_query()).unwrap();
            for (name, value) in &pairs {
                proptest::prop_assert_eq!(read.get(name), Some(value.as_str()));
            }
        }
    }
}
