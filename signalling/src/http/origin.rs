//! Where a request comes from: this machine, our own page, or a stranger's.

use super::{AppState, Problem};
use crate::api::{Origin, is_loopback};
use crate::authn::Caller;
use axum::http::{HeaderMap, header};
use std::net::{IpAddr, SocketAddr};

/// Headers that a proxy leaves: what came through one did not come from this machine.
const PROXIED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Whether a request comes from a program or a page of this very machine: a loopback address, no proxy between, and a `Host` that
/// names this machine, so that a stranger's page cannot come in through a name that it points here (DNS rebinding).
pub(super) fn is_local(address: SocketAddr, headers: &HeaderMap) -> bool {
    is_loopback(address.ip())
        && !PROXIED.iter().any(|name| headers.contains_key(*name))
        && text(headers, header::HOST).is_none_or(|host| names_this_machine(host_name(host)))
}

/// Where a request comes from. Behind a proxy on this machine that is whom the proxy names; what such a proxy adds itself stands last,
/// and what a client wrote before it is not believed. A proxy that names nobody leaves its clients without limits of their own.
/// Where its two headers name two, one of them is the client's, which it passed on: such clients share the proxy's own address.
pub(super) fn origin(from: SocketAddr, headers: &HeaderMap) -> Origin {
    let local = is_local(from, headers);
    let address = if is_loopback(from.ip()) { proxied(from.ip(), headers) } else { Some(from.ip()) };
    Origin { local, address: address.filter(|_| !local) }
}

/// The address that counts as the client's, where limits are by address: that of the connection, or whom a proxy on this machine names.
#[must_use]
pub fn client_address(from: SocketAddr, headers: &HeaderMap) -> IpAddr {
    origin(from, headers).address.unwrap_or_else(|| from.ip())
}

/// The address that a proxy names (`X-Forwarded-For`, `X-Real-IP`), or its own when it names two.
fn proxied(proxy: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
    let named = |name: &str| {
        let last = headers.get_all(name).iter().next_back()?.to_str().ok()?;
        let address = last.rsplit(',').next()?.trim();
        address.parse::<IpAddr>().ok().or_else(|| address.parse::<SocketAddr>().ok().map(|address| address.ip()))
    };
    match (named("x-forwarded-for"), named("x-real-ip")) {
        (Some(one), Some(other)) if one != other => Some(proxy),
        (one, other) => one.or(other),
    }
}

fn names_this_machine(name: &str) -> bool {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || bare.parse::<IpAddr>().is_ok_and(is_loopback)
}

/// A host without its port.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

/// Whether a WebSocket may be opened: by a program (no `Origin`), by a page of this host, or by one of those configured.
/// Browsers let any page open a WebSocket anywhere; this check is all there is against it.
pub(super) fn may_open_socket(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    allowed.iter().any(|one| one.eq_ignore_ascii_case(origin)) || is_same_host(origin, text(headers, header::HOST))
}

fn is_same_host(origin: &str, host: Option<&str>) -> bool {
    let (default_port, authority) = match origin.split_once("://") {
        Some(("http", authority)) => (":80", authority),
        Some(("https", authority)) => (":443", authority),
        Some(_) | None => return false,
    };
    let plain = |authority: &str| authority.strip_suffix(default_port).unwrap_or(authority).to_ascii_lowercase();
    host.is_some_and(|host| plain(host) == plain(authority))
}

/// Who asks over HTTP: by bearer token; without keys, the person at this machine may do everything.
pub(super) fn caller(state: &AppState, headers: &HeaderMap, address: SocketAddr) -> Result<Caller, Problem> {
    let local = is_local(address, headers);
    let caller = state.identify(bearer(headers), local)?;
    Ok(if local && state.without_tokens() { Caller::operator() } else { caller })
}

/// The token of `Authorization: Bearer` (RFC 6750 section 2.1). Never of the address: that ends in logs.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

pub(super) fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (header::HeaderName::from_static(k), (*v).parse().unwrap())).collect()
    }

    #[test]
    fn this_machine_is_told_from_others() {
        let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 1);
        for host in ["localhost:8080", "127.0.0.1", "[::1]:1", "a.localhost"] {
            assert!(is_local(at("127.0.0.1"), &headers(&[("host", host)])), "{host}");
        }
        assert!(is_local(at("::ffff:127.0.0.1"), &headers(&[])));
        assert!(!is_local(at("192.0.2.1"), &headers(&[("host", "localhost")])));
        assert!(!is_local(at("::1"), &headers(&[("host", "evil.example:8080")])));
        assert!(!is_local(at("::1"), &headers(&[("host", "localhost"), ("x-forwarded-for", "192.0.2.1")])));
    }

    #[test]
    fn a_proxy_on_this_machine_names_its_client() {
        let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 1);
        let of = |from: &str, pairs: &[(&'static str, &'static str)]| {
            origin(at(from), &headers(pairs)).address.map(|address| address.to_string())
        };
        assert_eq!(of("127.0.0.1", &[("host", "localhost")]), None);
        assert_eq!(of("192.0.2.7", &[]), Some("192.0.2.7".to_owned()));
        assert_eq!(of("127.0.0.1", &[("x-forwarded-for", "6.6.6.6, 192.0.2.9")]), Some("192.0.2.9".to_owned()));
        assert_eq!(of("127.0.0.1", &[("x-real-ip", "[2001:db8::1]:5")]), Some("2001:db8::1".to_owned()));
        assert_eq!(of("127.0.0.1", &[("x-forwarded-for", "unknown")]), None);
        let both = |one, other| of("127.0.0.1", &[("x-forwarded-for", one), ("x-real-ip", other)]);
        assert_eq!(both("6.6.6.6, 192.0.2.9", "192.0.2.9"), Some("192.0.2.9".to_owned()));
        assert_eq!(both("6.6.6.6", "192.0.2.9"), Some("127.0.0.1".to_owned()), "one of them the client wrote");
        assert_eq!(
            of("192.0.2.7", &[("x-forwarded-for", "127.0.0.1")]),
            Some("192.0.2.7".to_owned()),
            "no proxy of ours"
        );
    }

    #[test]
    fn strangers_pages_open_no_sockets() {
        let host = ("host", "meet.example.org");
        let allowed = ["https://app.example.org".to_owned()];
        let may = |origin| may_open_socket(&headers(&[host, ("origin", origin)]), &allowed);
        assert!(may_open_socket(&headers(&[host]), &[]));
        assert!(may("https://meet.example.org") && may("http://MEET.example.org:80") && may("https://app.example.org"));
        for stranger in [
            "https://evil.example",
            "null",
            "https://meet.example.org.evil.example",
            "https://meet.example.org:444",
            "file://",
        ] {
            assert!(!may(stranger), "{stranger}");
        }
    }
}
