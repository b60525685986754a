//! What is answered to whom, as dev-catalogue's broker does (`RequestHandler`, `WellKnownServlet`), without HTTP.

use super::kind::{Kind, SOURCE_PACKAGE};
use super::object::Ready;
use super::package::FIELDS;
use super::snapshot::{Missing, Served, Snapshot};
use bytes::Bytes;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The type under which code is to be had.
pub(super) const PACKAGES: &str = "sourcepackage";
/// What the originals' list of types ends with, and what asks for the databases behind a broker.
const DATABASE: &str = "database";
/// Makes an original read its objects again.
const RESTART: &str = "restart";
/// The name of the one database that there is.
const OUR_DATABASE: &str = "colloquy";

/// A question of a client.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What stands after `/.well-known/`, decoded.
    pub path: &'a str,
    /// What is asked of the object: what was posted.
    pub constraints: Option<&'a Map<String, Value>>,
    /// Under which name the client knows the catalogue.
    pub host: &'a str,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// What was asked for, as `application/json`: also texts, which are no JSON; originals do so.
    Found {
        /// What is sent.
        body: Bytes,
        /// Its entity tag.
        tag: String,
    },
    /// It is not there: a status and a text for people, with the codes of the originals.
    Refused {
        /// The HTTP status.
        status: u16,
        /// What happened.
        text: String,
    },
}

impl Answer {
    fn refused(status: u16, text: impl Into<String>) -> Self {
        Self::Refused { status, text: text.into() }
    }

    fn found(value: &Value) -> Self {
        // Texts bare, all else as JSON.
        let body = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Ready::new(body).into()
    }
}

impl From<Ready> for Answer {
    fn from(ready: Ready) -> Self {
        Self::Found { body: ready.body, tag: ready.tag }
    }
}

impl From<Missing> for Answer {
    fn from(why: Missing) -> Self {
        Self::refused(500, why.to_string())
    }
}

/// Answers a question.
#[must_use]
pub fn answer(all: &Snapshot, question: Question<'_>) -> Answer {
    let mut parts = question.path.split('/').filter(|part| !part.is_empty());
    let (of_type, name) = (parts.next(), parts.next());
    let rest: Vec<&str> = parts.collect();
    let Some(of_type) = of_type else { return types() };
    if of_type == PACKAGES {
        return packages(all, question, name, &rest);
    }
    let Some(kind) = Kind::parse(of_type) else { return others(of_type, name) };
    let Some(name) = name else { return names(all.names(kind, question.constraints), of_type, question) };
    // A field that no object has is refused before an object is looked for.
    if let [field, ..] = rest.as_slice()
        && !kind.has(field)
    {
        return no_field(&rest.join("/"), kind.fields().iter().map(|(name, _)| *name));
    }
    let object = match all.lookup(kind, name, question.constraints) {
        Ok(object) => object,
        Err(why) => return why.into(),
    };
    match *rest.as_slice() {
        [] => Ready::new(object.to_json(question.host)).into(),
        [SOURCE_PACKAGE, ref rest @ ..] => match all.code_of(object) {
            Some(served) => of_package(served, rest),
            None => Answer::refused(404, format!("{kind}/{name} has its code elsewhere: see sourcePackageURL")),
        },
        [field] => match object.field(field, question.host) {
            Some(value) => Answer::found(&value),
            None => Answer::refused(404, format!("{kind}/{name} has no {field}")),
        },
        _ => no_field(&rest.join("/"), kind.fields().iter().map(|(name, _)| *name)),
    }
}

fn types() -> Answer {
    let mut types: Vec<&str> = Kind::ALL.into_iter().map(Kind::as_str).chain([PACKAGES, DATABASE, RESTART]).collect();
    types.sort_unstable();
    Answer::found(&Value::from(types))
}

fn names(names: Vec<&str>, of_type: &str, question: Question<'_>) -> Answer {
    match question.constraints {
        Some(constraints) if names.is_empty() => {
            let constraints = Value::Object(constraints.clone());
            Answer::refused(500, format!("No {of_type} instance found that meets the constraints {constraints}"))
        }
        _ => Answer::found(&Value::from(names)),
    }
}

fn packages(all: &Snapshot, question: Question<'_>, name: Option<&str>, rest: &[&str]) -> Answer {
    let Some(name) = name else { return names(all.package_names(question.constraints), PACKAGES, question) };
    if let [field, ..] = rest
        && !FIELDS.contains(field)
    {
        return no_field(&rest.join("/"), FIELDS.into_iter());
    }
    match all.package(name, question.constraints) {
        Ok(served) => of_package(served, rest),
        Err(why) => why.into(),
    }
}

fn of_package(served: &Arc<Served>, rest: &[&str]) -> Answer {
    match rest {
        [] => served.json.clone().into(),
        ["sourceCode"] => served.code.clone().into(),
        [field] => match served.package.get(field) {
            Some(value) => Answer::found(&Value::from(value)),
            None => no_field(field, FIELDS.into_iter()),
        },
        _ => no_field(&rest.join("/"), FIELDS.into_iter()),
    }
}

/// What is no type of objects. There is no database behind this catalogue, and strangers restart nothing.
fn others(of_type: &str, name: Option<&str>) -> Answer {
    let known = || Kind::ALL.into_iter().map(Kind::as_str).chain([PACKAGES]).collect::<Vec<_>>().join(", ");
    match (of_type, name) {
        (DATABASE, None) => Answer::found(&Value::from(vec![OUR_DATABASE])),
        (DATABASE, Some(OUR_DATABASE)) => {
            Answer::found(&Value::from("Part of this server: its catalogue folder, and what came with it"))
        }
        (DATABASE, Some(name)) => Answer::refused(404, format!("Database {name} not found")),
        (RESTART, _) => Answer::refused(403, "Objects are read again by themselves when their files change"),
        (_, None) => Answer::refused(
            500,
            format!("Unknown object type '{of_type}', please use one of: [{}] or 'restart' or 'database'", known()),
        ),
        (_, Some(_)) => {
            Answer::refused(400, format!("Unknown object type, please use one of: [{}] or 'restart'", known()))
        }
    }
}

fn no_field<'a>(field: &str, fields: impl Iterator<Item = &'a str>) -> Answer {
    let fields = fields.collect::<Vec<_>>().join(", ");
    Answer::refused(500, format!("invalid resource name '{field}'. Please use one of the following: [{fields}]"))
}
