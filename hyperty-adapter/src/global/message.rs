//! The global registry as messages know it, at `global://registry`. Its answers have capitals, as those of its HTTP API, from which the original's
//! connector takes them; the `code` of all other answers stands beside them.

use super::rest::{code, explanation};
use super::service::{GlobalRegistry, Refused};
use super::signed::BadToken;
use crate::envelope::{Envelope, Verb};
use serde::Deserialize;
use serde_json::json;

/// Bodies of both eras: the specifications write `resource` and `value`, old runtimes `guid` and `jwt`.
#[derive(Deserialize)]
struct Body {
    #[serde(alias = "guid")]
    resource: String,
    #[serde(alias = "jwt", default)]
    value: Option<String>,
}

impl GlobalRegistry {
    /// Does what a message asks, and gives the answer to it.
    pub async fn answer(&self, message: &Envelope<'_>, now_ms: i64) -> String {
        match self.obey(message, now_ms).await {
            Ok(jwt) => {
                message.answer(&json!({"code": 200, "Code": 200, "Message": "OK", "Description": "OK", "Value": jwt}))
            }
            Err(why) => {
                let ((code, description), explanation) = (code(&why), explanation(&why));
                let said = json!({"code": code, "Code": code, "Message": explanation, "Description": description, "Value": ""});
                message.answer(&said)
            }
        }
    }

    async fn obey(&self, message: &Envelope<'_>, now_ms: i64) -> Result<String, Refused> {
        let malformed =
            || Refused::Token(BadToken::Malformed("a body has a GUID as resource, and to write a token as value"));
        let body: Body = message.read().map_err(|_| malformed())?;
        // `user-guid://<GUID>` is how the address of a user writes it.
        let guid = body.resource.strip_prefix("user-guid://").unwrap_or(&body.resource);
        match (message.verb, body.value) {
            (Verb::Read, _) => self.get(guid, now_ms).await,
            (Verb::Create | Verb::Update, Some(jwt)) => self.put(guid, &jwt, now_ms).await.map(|()| String::new()),
            _ => Err(malformed()),
        }
    }
}
