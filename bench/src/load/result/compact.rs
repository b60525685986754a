//! What is large in a result stands on few lines of its file: a histogram on one, a sample on one each.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// On one line.
pub(super) fn line<T: Serialize, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    raw(serde_json::to_string(value).map_err(serde::ser::Error::custom)?, to)
}

/// Each item on a line of its own.
pub(super) fn lines<T: Serialize, S: Serializer>(values: &[T], to: S) -> Result<S::Ok, S::Error> {
    let items: Result<Vec<String>, _> = values.iter().map(serde_json::to_string).collect();
    let items = items.map_err(serde::ser::Error::custom)?;
    let text = if items.is_empty() { "[]".to_owned() } else { format!("[\n{}\n]", items.join(",\n")) };
    raw(text, to)
}

fn raw<S: Serializer>(text: String, to: S) -> Result<S::Ok, S::Error> {
    RawValue::from_string(text).map_err(serde::ser::Error::custom)?.serialize(to)
}
