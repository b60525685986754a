//! The provider's description of itself (OpenID Connect discovery, RFC 8414).

use serde_json::{Value, json};

/// Where everything is, below the issuer.
#[derive(Debug, Clone, Copy)]
pub struct Paths;

#[expect(missing_docs, reason = "each is named after what is there")]
impl Paths {
    pub const DISCOVERY: &'static str = "/.well-known/openid-configuration";
    pub const METADATA: &'static str = "/.well-known/oauth-authorization-server";
    pub const PROXY: &'static str = "/.well-known/idp-proxy/{protocol}";
    pub const JWKS: &'static str = "/identity/jwks";
    pub const AUTHORIZE: &'static str = "/identity/authorize";
    pub const TOKEN: &'static str = "/identity/token";
    pub const USERINFO: &'static str = "/identity/userinfo";
    pub const REVOKE: &'static str = "/identity/revoke";
    pub const END_SESSION: &'static str = "/identity/end-session";
    pub const CONSENT: &'static str = "/identity/consent";
    pub const LOGIN: &'static str = "/identity/login";
    pub const LOGOUT: &'static str = "/identity/logout";
    pub const GUEST: &'static str = "/identity/guest";
    pub const REGISTER: &'static str = "/identity/register";
    pub const FORGOT: &'static str = "/identity/forgot";
    pub const VERIFY: &'static str = "/identity/verify";
    pub const ACCOUNT: &'static str = "/identity/account";
    pub const ASSERTION: &'static str = "/identity/assertion";
    pub const VALIDATE: &'static str = "/identity/assertion/validate";
    pub const WHO: &'static str = "/identity/who";
    pub const HYPERTIES: &'static str = "/identity/hyperties";
    pub const PROXY_LOGIN: &'static str = "/identity/proxy/login";
    pub const PROXY_DONE: &'static str = "/identity/proxy/done";
    pub const STYLE: &'static str = "/identity/style.css";
}

/// The document. `rtcProxy` is what reTHINK's own identity provider says there.
#[must_use]
pub fn document(issuer: &str) -> Value {
    let at = |path: &str| format!("{issuer}{path}");
    json!({
        "issuer": issuer,
        "authorization_endpoint": at(Paths::AUTHORIZE),
        "token_endpoint": at(Paths::TOKEN),
        "userinfo_endpoint": at(Paths::USERINFO),
        "jwks_uri": at(Paths::JWKS),
        "revocation_endpoint": at(Paths::REVOKE),
        "end_session_endpoint": at(Paths::END_SESSION),
        "scopes_supported": ["openid", "profile", "email", "offline_access", "webrtc"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", "email", "email_verified", "name",
            "preferred_username", "userURL",
        ],
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "authorization_response_iss_parameter_supported": true,
        "rtcProxy": "colloquy",
    })
}
