//! IdP proxies: JavaScript that browsers (W3C WebRTC identity, RFC 8827 section 5.6.5) and reTHINK runtimes load from
//! `/.well-known/idp-proxy/<protocol>` and ask for assertions. It is the same for all protocols but for the name.

use super::secret::sha256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The protocols that this provider has: ours, what W3C takes without a word, and reTHINK's own provider's.
pub const PROTOCOLS: [&str; 4] = ["colloquy", "default", "rethink-oidc", "rethink-oidc-ns"];

const SCRIPT: &str = include_str!("proxy.js");
/// What the page does that ends a sign-in for a proxy.
pub const DONE_SCRIPT: &str = include_str!("done.js");

/// The proxy of a protocol; `None` for one that is not there.
#[must_use]
pub fn script(issuer: &str, domain: &str, protocol: &str) -> Option<String> {
    let protocol = PROTOCOLS.into_iter().find(|one| *one == protocol)?;
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let script = SCRIPT.replace("'@ISSUER@'", &text(issuer)).replace("'@DOMAIN@'", &text(domain));
    Some(script.replace("'@PROTOCOL@'", &text(protocol)))
}

/// The policy under which [`DONE_SCRIPT`] runs, and nothing else does.
#[must_use]
pub fn done_policy() -> String {
    format!("'sha256-{}'", STANDARD.encode(sha256(DONE_SCRIPT.as_bytes())))
}
