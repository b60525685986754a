//! Requests to other providers: short, small, without redirects, and not into networks that the operator has not named.

use std::io::Read as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::TlsConfig;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// How long an answer may take. A provider that is slower is down for us.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest answer: a key set of 32 keys has 20 kB.
const MAX_ANSWER_BYTES: u64 = 256 * 1_024;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FetchFault {
    /// The address.
    #[error("it is no https:// address")]
    Address,
    /// Nobody there, or too slow, or the certificate is not good.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// Another status than 200.
    #[error("it answers with status {0}")]
    Status(u16),
    /// Too long, or no text.
    #[error("its answer is too long or no text")]
    Answer,
}

/// Asks other providers. Blocks: it is called where waiting is allowed.
pub trait Fetch: Send + Sync {
    /// Gets a document. `private` lets it be in a private network, and be asked without TLS.
    ///
    /// # Errors
    /// [`FetchFault`].
    fn get(&self, url: &str, private: bool) -> Result<String, FetchFault>;

    /// Posts a form, as a client with these credentials if there are any.
    ///
    /// # Errors
    /// [`FetchFault`].
    fn post(&self, url: &str, form: &str, basic: Option<&str>, private: bool) -> Result<String, FetchFault>;
}

/// Over HTTP.
pub struct HttpFetch {
    public: Agent,
    private: Agent,
}

impl Default for HttpFetch {
    fn default() -> Self {
        Self { public: agent(false), private: agent(true) }
    }
}

fn agent(private: bool) -> Agent {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder().unversioned_rustls_crypto_provider(provider).build();
    let config = Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        // A redirect would lead to an address that nobody has looked at.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .https_only(!private)
        // A proxy of the environment would look up names itself.
        .proxy(None)
        .tls_config(tls)
        .user_agent("colloquy")
        .build();
    Agent::with_parts(config, DefaultConnector::default(), Checked { private, inner: DefaultResolver::default() })
}

/// Looks names up and leaves out what is not out there. What it gives is what is connected to, so that a name cannot change in between.
#[derive(Debug)]
struct Checked {
    private: bool,
    inner: DefaultResolver,
}

impl Resolver for Checked {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let mut good = self.empty();
        for address in found.iter().filter(|address| self.private || is_public(address.ip())) {
            good.push(*address);
        }
        if good.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(good) }
    }
}

/// Whether an address is one of the Internet (RFC 6890), and none of this machine, its networks or its cloud.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(four) => {
            let [a, b, c, _] = four.octets();
            !(four.is_private()
                || four.is_loopback()
                || four.is_link_local()
                || four.is_broadcast()
                || four.is_documentation()
                || a == 0
                || a >= 224
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (b == 18 || b == 19)))
        }
        IpAddr::V6(six) => {
            let [a, b, ..] = six.segments();
            // 2000::/3 is what is given out; of it 2001:db8::/32 is for documents, 2002::/16 and 2001::/32 wrap IPv4.
            a & 0xe000 == 0x2000 && !(a == 0x2001 && (b == 0xdb8 || b == 0)) && a != 0x2002
        }
    }
}

impl HttpFetch {
    fn agent(&self, url: &str, private: bool) -> Result<&Agent, FetchFault> {
        let is_good = url.starts_with("https://") || (private && url.starts_with("http://"));
        if !is_good {
            return Err(FetchFault::Address);
        }
        Ok(if private { &self.private } else { &self.public })
    }
}

impl Fetch for HttpFetch {
    fn get(&self, url: &str, private: bool) -> Result<String, FetchFault> {
        answer(self.agent(url, private)?.get(url).header("accept", "application/json").call())
    }

    fn post(&self, url: &str, form: &str, basic: Option<&str>, private: bool) -> Result<String, FetchFault> {
        let request = self.agent(url, private)?.post(url).header("accept", "application/json");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = match basic {
            Some(basic) => request.header("authorization", format!("Basic {basic}")),
            None => request,
        };
        answer(request.send(form))
    }
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<String, FetchFault> {
    let mut response = response.map_err(|error| FetchFault::Unreachable(error.to_string()))?;
    if response.status() != 200 {
        return Err(FetchFault::Status(response.status().as_u16()));
    }
    let mut bytes = Vec::new();
    let mut body = response.body_mut().as_reader().take(MAX_ANSWER_BYTES + 1);
    body.read_to_end(&mut bytes).map_err(|error| FetchFault::Unreachable(error.to_string()))?;
    if bytes.len() as u64 > MAX_ANSWER_BYTES {
        return Err(FetchFault::Answer);
    }
    String::from_utf8(bytes).map_err(|_| FetchFault::Answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_out_there_is_asked() {
        let public = |text: &str| is_public(text.parse().unwrap());
        for good in ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"] {
            assert!(public(good), "{good}");
        }
        for bad in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "2002:7f00:1::",
            "2001:0:1::",
            "64:ff9b::7f00:1",
        ] {
            assert!(!public(bad), "{bad}");
        }
        let fetch = HttpFetch::default();
        for url in ["http://example.org", "file:///etc/passwd", "ftp://x", ""] {
            assert_eq!(fetch.get(url, false), Err(FetchFault::Address), "{url}");
        }
        let fault = fetch.get("https://localhost:1/", false);
        assert!(matches!(fault, Err(FetchFault::Unreachable(_))), "{fault:?}");
    }
}
