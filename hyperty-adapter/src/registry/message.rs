//! The registry as messages know it, at `domain://registry.<domain>` (specs: `messages/registration-messages`, `messages/discovery-messages`): what
//! the original's connector made of them, without the HTTP between.
//!
//! Who may send what to the registry is decided by the node's policies before a message gets here. One rule is the registry's own
//! ([`Settings::own_runtime_only`](super::Settings::own_runtime_only)): a runtime changes only what was registered as being in it.

use super::record::{BadRecord, MAX_ITEM, MAX_LIST, MAX_RECORD, Record, check_address};
use super::rules;
use super::service::{Answer, Refused, Registry, Search};
use crate::envelope::{Envelope, Verb};
use colloquy_storage::registry::{By, Entry, Kind};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Where searches by e-mail begin.
const BY_EMAIL: &str = "/hyperty/idp-identifier/";

/// Longest body, in bytes: a record, and an identity of its sender beside it.
const MAX_BODY: usize = 4 * MAX_RECORD;

/// What bodies to a registry say, all of them together.
#[derive(Deserialize, Default)]
struct Body<'a> {
    #[serde(default)]
    resource: Option<String>,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
    #[serde(default)]
    attribute: Option<String>,
    #[serde(default)]
    criteria: Option<Criteria>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Criteria {
    #[serde(default)]
    resources: Option<Vec<String>>,
    #[serde(default)]
    data_schemes: Option<Vec<String>>,
    #[serde(default)]
    reporter: Option<String>,
}

/// What a value says beside the record.
#[derive(Deserialize, Default)]
struct Named {
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    resources: Option<IgnoredAny>,
}

/// The body of an answer. `value` is an object, not a text: later runtimes rely on it.
#[derive(Serialize)]
struct Said<'a> {
    code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Box<RawValue>>,
}

impl Registry {
    /// Does what a message asks, and gives the answer to it. Every message gets one: who asks for a registration waits for it, and takes its absence for
    /// a fault of the network.
    pub async fn answer(&self, message: &Envelope<'_>, now_ms: i64) -> String {
        match self.obey(message, now_ms).await {
            Ok(None) => message.answer(&Said { code: 200, description: None, value: None }),
            Ok(Some((answer, kind))) => {
                let is_gone = answer.all_gone && kind == Kind::Hyperty;
                // It was written as JSON.
                let value = RawValue::from_string(answer.json).ok();
                match is_gone {
                    true => message.answer(&Said { code: 408, description: Some("Temporarily Unavailable"), value }),
                    false => message.answer(&Said { code: 200, description: None, value }),
                }
            }
            Err(why) => {
                let description = why.to_string();
                let (code, description) = match &why {
                    Refused::Record(_) => (400, description.as_str()),
                    Refused::NotFound => (404, "Not Found"),
                    Refused::TooMany(_) => (429, description.as_str()),
                    Refused::Full => (507, description.as_str()),
                    Refused::Storage(cause) => {
                        tracing::warn!(%cause, "the registry cannot reach its store");
                        (504, "Error contacting the domain registry.")
                    }
                };
                message.answer(&Said { code, description: Some(description), value: None })
            }
        }
    }

    async fn obey(&self, message: &Envelope<'_>, now_ms: i64) -> Result<Option<(Answer, Kind)>, Refused> {
        if message.body.is_some_and(|body| body.get().len() > MAX_BODY) {
            return Err(BadRecord::Bounds("the body of a message to a registry is longer than 128 KiB").into());
        }
        let body: Body<'_> = message.read().map_err(|why| BadRecord::Malformed(why.to_string()))?;
        match message.verb {
            Verb::Create => self.create(&body, now_ms).await.map(|()| None),
            Verb::Update => self.change_one(message, &body, now_ms).await.map(|()| None),
            Verb::Delete => self.delete(message, &body, now_ms).await.map(|()| None),
            Verb::Read => self.read(&body, now_ms).await.map(Some),
            _ => Err(malformed("a registry is asked to create, read, update or delete")),
        }
    }

    async fn create(&self, body: &Body<'_>, now_ms: i64) -> Result<(), Refused> {
        let value = body.value.ok_or(BadRecord::Lacks("value"))?.get();
        let named = named(value)?;
        let url = named.url.as_deref().ok_or(BadRecord::Lacks("url"))?;
        let kind = kind(url);
        let mut record = Record::parse(kind, value)?;
        match kind {
            Kind::Hyperty => {
                let user = named.user.as_deref().ok_or(BadRecord::Lacks("user"))?;
                self.register_hyperty(user, url, record, now_ms).await
            }
            Kind::DataObject => {
                // Objects about nothing in particular come without, and those who report them do not try again.
                if named.resources.is_none() {
                    record.resources = Some(Vec::new());
                }
                self.register_object(url, record, now_ms).await
            }
        }
    }

    async fn change_one(&self, message: &Envelope<'_>, body: &Body<'_>, now_ms: i64) -> Result<(), Refused> {
        let resource = body.resource.as_deref().ok_or(BadRecord::Lacks("resource"))?;
        let url = registered(resource);
        let kind = kind(url);
        let change = match (body.value.map(RawValue::get), body.attribute.as_deref()) {
            (None | Some("null"), _) => Record::default(),
            // Unregistering is an update of one attribute; the original took it for a sign of life.
            (Some(value), Some(attribute)) if !value.starts_with('{') => {
                let attribute = serde_json::to_string(attribute).unwrap_or_default();
                Record::parse(kind, &format!("{{{attribute}:{value}}}"))?
            }
            (Some(value), _) => Record::parse(kind, value)?,
        };
        let is_own = self.own(message);
        self.update_if(kind, url, change, now_ms, is_own).await.map(|_| ())
    }

    async fn delete(&self, message: &Envelope<'_>, body: &Body<'_>, now_ms: i64) -> Result<(), Refused> {
        let named = match body.value.map(RawValue::get) {
            Some(value) => named(value)?,
            None => Named::default(),
        };
        // Runtimes delete objects by a name that is their address.
        let url = named.url.or(named.name).or_else(|| body.resource.as_deref().map(registered).map(str::to_owned));
        let url = url.ok_or(BadRecord::Lacks("url"))?;
        let is_own = self.own(message);
        self.disconnect_if(kind(&url), &url, named.user.as_deref(), now_ms, is_own).await
    }

    async fn read(&self, body: &Body<'_>, now_ms: i64) -> Result<(Answer, Kind), Refused> {
        let none = Criteria::default();
        let criteria = body.criteria.as_ref().unwrap_or(&none);
        let resource = body.resource.as_deref().unwrap_or_default();
        let reporter = criteria.reporter.as_deref().filter(|_| !is_of_hyperties(resource));
        if reporter.is_none() {
            check_address(resource)?;
        }
        let resources = listed(criteria.resources.as_deref())?;
        let data_schemes = listed(criteria.data_schemes.as_deref())?;
        let is_filtered = !resources.is_empty() || !data_schemes.is_empty();
        let by = match resource {
            _ if reporter.is_some() => By::Owner(Kind::DataObject, reporter.unwrap_or_default()),
            email if email.starts_with(BY_EMAIL) => {
                By::Label(Kind::Hyperty, email.get(BY_EMAIL.len()..).unwrap_or_default())
            }
            user if user.starts_with("user://") => By::Owner(Kind::Hyperty, user),
            guid if guid.starts_with("user-guid://") => By::Guid(guid),
            url if is_of_hyperties(url) && is_filtered => By::Owner(Kind::Hyperty, url),
            url if is_of_hyperties(url) => {
                let answer = self.entry(Kind::Hyperty, registered(url), now_ms).await?;
                return Ok((answer, Kind::Hyperty));
            }
            // The original knows objects by their address if it begins with `comm`; we know all of them, and by their names after that.
            other => match self.entry(Kind::DataObject, other, now_ms).await {
                Ok(answer) if !is_filtered => return Ok((answer, Kind::DataObject)),
                Ok(_) | Err(Refused::NotFound) => By::Label(Kind::DataObject, other),
                Err(why) => return Err(why),
            },
        };
        let kind = match by {
            By::Owner(kind, _) | By::Label(kind, _) => kind,
            By::Guid(_) => Kind::Hyperty,
        };
        Ok((self.search(&Search { by, resources, data_schemes }, now_ms).await?, kind))
    }

    /// Which entries the sender of a message may change.
    fn own(&self, message: &Envelope<'_>) -> impl Fn(&Entry) -> bool + Send + Sync + use<> {
        let runtime = message.from.runtime().map(str::to_owned).filter(|_| self.settings().own_runtime_only);
        move |entry| runtime.as_deref().is_none_or(|runtime| rules::is_of_runtime(entry, runtime))
    }
}

/// What an address is of: by its scheme, or by the first word of a path.
fn kind(url: &str) -> Kind {
    if is_of_hyperties(url) { Kind::Hyperty } else { Kind::DataObject }
}

fn is_of_hyperties(url: &str) -> bool {
    let first = match url.strip_prefix('/') {
        Some(path) => path.split('/').next(),
        None => url.split_once("://").map(|(scheme, _)| scheme),
    };
    matches!(first, Some("user" | "hyperty" | "hyperty-runtime" | "runtime" | "user-guid"))
}

/// The address in `/hyperty/<address>`, or what is an address already.
fn registered(resource: &str) -> &str {
    let rest = resource.strip_prefix('/').and_then(|path| path.split_once('/')).map(|(_, rest)| rest);
    rest.filter(|rest| rest.contains("://")).unwrap_or(resource)
}

fn named(value: &str) -> Result<Named, BadRecord> {
    // A list would be read as the members in their order.
    if !value.starts_with('{') {
        return Err(BadRecord::Malformed("value is no object".to_owned()));
    }
    serde_json::from_str(value).map_err(|error| BadRecord::Malformed(error.to_string()))
}

fn listed(list: Option<&[String]>) -> Result<Vec<String>, BadRecord> {
    let list = list.unwrap_or_default();
    if list.len() > MAX_LIST || list.iter().any(|item| item.len() > MAX_ITEM) {
        return Err(BadRecord::Bounds("criteria have at most 64 items of 256 bytes each"));
    }
    Ok(list.to_vec())
}

fn malformed(what: &str) -> Refused {
    BadRecord::Malformed(what.to_owned()).into()
}
