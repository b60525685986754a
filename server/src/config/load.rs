//! Reads the configuration, layer by layer.

use super::mistake::closest;
use super::{Config, Mistake, REFERENCE};
use anyhow::{Context as _, Result};
use figment::Figment;
use figment::error::{Error, Kind};
use figment::providers::{Format as _, Serialized, Toml};
use figment::value::Value;
use std::ops::Range;
use std::path::Path;
use toml_edit::{ImDocument, Item, TableLike};

/// What the names of our environment variables begin with.
const PREFIX: &str = "COLLOQUY__";

/// The environment variables that override the configuration.
#[derive(Debug, Clone, Default)]
pub struct Environment(Vec<(String, String)>);

impl Environment {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self::new(
            std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// Those of ours among `variables`.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().filter(|(name, _)| name.starts_with(PREFIX) && name != PREFIX).collect())
    }

    /// Each variable's path in the configuration, and its value.
    fn paths(&self) -> impl Iterator<Item = (String, &str)> {
        self.0.iter().map(|(name, value)| (name[PREFIX.len()..].to_lowercase().replace("__", "."), value.as_str()))
    }

    /// The variable that sets `path`, or something in it.
    fn variable(&self, path: &str) -> Option<&str> {
        let name = format!("{PREFIX}{}", path.to_uppercase().replace('.', "__"));
        let within = format!("{name}__");
        let names = || self.0.iter().map(|(set, _)| set.as_str());
        let exact = names().find(|set| set.eq_ignore_ascii_case(&name));
        exact.or_else(|| names().find(|set| set.to_uppercase().starts_with(&within)))
    }
}

/// A configuration file that was read.
struct File<'a> {
    name: &'a str,
    text: &'a str,
    document: ImDocument<&'a str>,
}

/// Reads `file`, if there is one, and the environment over it, and refuses what does not fit together.
pub fn load(file: Option<&Path>) -> Result<Config> {
    let name = file.map(|path| path.display().to_string()).unwrap_or_default();
    let text = file.map(std::fs::read_to_string).transpose();
    let text = text.with_context(|| format!("cannot read the configuration file {name}"))?;
    let config = from_parts(text.as_deref().map(|text| (name.as_str(), text)), &Environment::of_process())?;
    config.validate().context("the configuration does not fit together")?;
    Ok(config)
}

/// The configuration that a file (its name and its text) and an environment make.
pub fn from_parts(file: Option<(&str, &str)>, environment: &Environment) -> Result<Config, Mistake> {
    let file = file.map(|(name, text)| parse(name, text)).transpose()?;
    let mut figment = Figment::from(Toml::string(REFERENCE));
    if let Some(file) = &file {
        figment = figment.merge(Toml::string(file.text));
    }
    for (path, value) in environment.paths() {
        let value: Value = value.parse().unwrap_or_else(|never| match never {});
        figment = figment.merge(Serialized::default(&path, value));
    }
    figment.extract().map_err(|error| explain(&error, file.as_ref(), environment))
}

fn parse<'a>(name: &'a str, text: &'a str) -> Result<File<'a>, Mistake> {
    match ImDocument::parse(text) {
        Ok(document) => Ok(File { name, text, document }),
        Err(error) => {
            let span = error.span().unwrap_or_default();
            Err(at(name, text, &span, error.message().replace('\n', ", "), None))
        }
    }
}

/// A mistake at `span` of a file.
fn at(name: &str, text: &str, span: &Range<usize>, message: String, hint: Option<String>) -> Mistake {
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    let column = before[line_start..].chars().count() + 1;
    let excerpt = text[line_start..].lines().next().unwrap_or_default().to_owned();
    Mistake { place: format!("{name}:{line}:{column}"), message, hint, excerpt: Some((excerpt, column)) }
}

/// Where a mistake stands, and how to mend it.
fn explain(error: &Error, file: Option<&File<'_>>, environment: &Environment) -> Mistake {
    let path = error.path.join(".");
    let (message, hint) = match &error.kind {
        Kind::UnknownField(key, known) => (format!("there is no key `{path}`"), Some(suggest(key, known))),
        Kind::UnknownVariant(word, known) => (format!("`{path}` cannot be {word:?}"), Some(suggest(word, known))),
        Kind::MissingField(key) => (format!("`{path}` needs a `{key}`"), None),
        kind => (format!("`{path}`: {kind}"), None),
    };
    if let Some(variable) = environment.variable(&path) {
        return Mistake { place: format!("environment variable {variable}"), message, hint, excerpt: None };
    }
    match file.and_then(|file| Some((file, span_of(file.document.as_table(), &path)?))) {
        Some((file, span)) => at(file.name, file.text, &span, message, hint),
        // An environment variable below or above the place of the mistake: `COLLOQUY__HTTP=1`.
        None => Mistake { place: "the configuration".to_owned(), message, hint, excerpt: None },
    }
}

fn suggest(word: &str, known: &[&'static str]) -> String {
    match closest(word, known.iter().copied()) {
        Some(meant) => format!("Did you mean `{meant}`?"),
        None => format!("There are: {}.", known.join(", ")),
    }
}

/// Where the key at `path` stands: the innermost part of it that is there.
fn span_of(root: &dyn TableLike, path: &str) -> Option<Range<usize>> {
    let mut table = root;
    let mut found = None;
    let mut parts = path.split('.');
    while let Some(part) = parts.next() {
        let Some((key, mut item)) = table.get_key_value(part) else { break };
        found = key.span().or_else(|| item.span()).or(found);
        if let Item::ArrayOfTables(tables) = item {
            let Some(inner) = parts.next().and_then(|index| tables.get(index.parse().ok()?)) else { break };
            found = inner.span().or(found);
            table = inner;
            continue;
        }
        item = table.get(part)?;
        let Some(inner) = item.as_table_like() else { break };
        table = inner;
    }
    found
}
