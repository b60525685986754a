//! Access tokens: JWT (RFC 7519) with HS256 and LiveKit's grants.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

/// How long a token is good for, in seconds.
const GOOD_FOR_S: u64 = 3_600;
/// A clock that goes ahead of the server's, in seconds.
const SKEW_S: u64 = 10;

/// What a participant may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    Publish,
    Watch,
}

/// A token for `identity` in `room`, at `now_s` since 1970.
pub(super) fn token(key: (&str, &str), room: &str, identity: &str, may: May, now_s: u64) -> String {
    let (name, secret) = key;
    let claims = json!({
        "iss": name, "sub": identity, "nbf": now_s.saturating_sub(SKEW_S), "exp": now_s + GOOD_FOR_S,
        "video": {
            "room": room, "roomJoin": true, "canPublish": may == May::Publish, "canSubscribe": may == May::Watch,
            "canPublishData": false,
        },
    });
    let head = json!({ "alg": "HS256", "typ": "JWT" });
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_three_parts_and_its_claims() {
        let token = token(("key", "secret"), "bench-0", "p-1", May::Watch, 1_000);
        let parts: Vec<&str> = token.split('.').collect();
        assert_eq!(parts.len(), 3);
        let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        assert_eq!((&claims["sub"], &claims["exp"]), (&json!("p-1"), &json!(4_600)));
        assert_eq!((&claims["video"]["canPublish"], &claims["video"]["canSubscribe"]), (&json!(false), &json!(true)));
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
        let (signed, tag) = token.rsplit_once('.').unwrap();
        assert!(hmac::verify(&key, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(tag).unwrap()).is_ok());
    }
}
