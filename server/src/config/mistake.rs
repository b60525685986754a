//! What is wrong with a configuration, said so that it can be mended at once.

use std::fmt;

/// How many edits away a word may be and still be what was meant: one in three letters, two at least.
fn is_close(distance: usize, word: &str) -> bool {
    distance <= (word.chars().count() / 3).max(2)
}

/// The word of `known` that `word` was probably meant to be.
pub(super) fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| is_close(*distance, candidate))
        .min()
        .map(|(_, candidate)| candidate)
}

/// A mistake in the configuration, with the place where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// `file:line:column`, or the name of an environment variable.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What was probably meant, or what there is.
    pub hint: Option<String>,
    /// The line of the file and the column, from 1, for a mark below it.
    pub excerpt: Option<(String, usize)>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        if let Some((line, column)) = &self.excerpt {
            write!(f, "\n    {line}\n    {:>column$}", "^")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistake {}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn takes_a_slip_of_the_finger_for_what_was_meant() {
        let known = ["port", "workers", "single_port", "include_loopback"];
        assert_eq!(closest("prot", known), Some("port"));
        assert_eq!(closest("single-port", known), Some("single_port"));
        assert_eq!(closest("include_loopbak", known), Some("include_loopback"));
        assert_eq!(closest("certificate", known), None);
    }
}
