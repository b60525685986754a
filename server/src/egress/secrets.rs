//! Stream keys, which are in no log, no list and no error.

use std::fmt;

/// What stands in for one.
const HIDDEN: &str = "***";

/// What is not to be told.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// These texts, and the words that they are made of when they are percent-encoded.
    pub(super) fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all: Vec<String> = Vec::new();
        for text in texts.into_iter().filter(|text| !text.is_empty()) {
            all.push(text.to_owned());
            // As a program may print what it has decoded.
            let decoded: String = url::form_urlencoded::parse(format!("x={text}").as_bytes())
                .map(|(_, value)| value.into_owned())
                .collect();
            all.push(decoded);
        }
        // The longest first: a part of one must not spoil the rest of it.
        all.sort_by_key(|text| std::cmp::Reverse(text.len()));
        all.dedup();
        Self(all.into_iter().filter(|text| !text.is_empty()).collect())
    }

    /// A text without them.
    pub(super) fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}
