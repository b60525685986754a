//! Where a stream goes: an address that a client wrote, read strictly, looked up, and held against what the operator allows. What it becomes is a
//! property of a pipeline that cannot be anything else there.

use super::EgressSettings;
use super::secrets::Secrets;
use colloquy_signalling::egress::{EgressAsk, EgressError, EgressKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use url::{Host, Url};

/// The port of RTMP, and of RTMP over TLS.
const RTMP_PORT: u16 = 1935;
const RTMPS_PORT: u16 = 443;
/// Milliseconds that SRT may wait for what was lost.
const LATENCY_MS: std::ops::RangeInclusive<u32> = 20..=8_000;
/// Characters of an SRT passphrase (its API, `SRTO_PASSPHRASE`).
const PASSPHRASE: std::ops::RangeInclusive<usize> = 10..=79;
/// Longest SRT stream id (`SRTO_STREAMID`).
const STREAM_ID_BYTES: usize = 512;

/// A way out, as a pipeline has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// Segments in a folder of ours.
    Hls,
    /// `rtmp2sink location=` this.
    Rtmp(String),
    /// `srtsink uri=` this.
    Srt {
        uri: String,
        /// We are called.
        listens: bool,
    },
}

/// A way out that may be taken.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) target: Target,
    /// For lists and logs.
    pub(super) shown: Option<String>,
    /// What must be in neither.
    pub(super) secrets: Secrets,
}

impl Way {
    /// Reads an address, looks its name up, and asks whether the operator lets streams go there. May wait for a name server.
    pub(super) fn read(ask: &EgressAsk, settings: &EgressSettings) -> Result<Self, EgressError> {
        match (ask.kind, &ask.url) {
            (EgressKind::Hls, _) => hls(settings),
            (EgressKind::Rtmp, Some(url)) => rtmp(&strict(url)?, settings),
            (EgressKind::Srt, Some(url)) => srt(&strict(url)?, settings),
            (_, None) => Err(rejected("It does not say where the stream goes.", "Name url.")),
        }
    }
}

fn hls(settings: &EgressSettings) -> Result<Way, EgressError> {
    if settings.hls_dir.is_none() {
        let why = "This server has no folder for the segments of HLS.".to_owned();
        return Err(EgressError::Unavailable(why, "Its operator can name one: egress.hls_dir.".to_owned()));
    }
    Ok(Way { target: Target::Hls, shown: None, secrets: Secrets::default() })
}

/// The text stands in a property of a pipeline's description, whose parser knows quotes, backslashes, `!` and white space: none of these
/// is let through, nor anything else that no address needs.
fn strict(text: &str) -> Result<Url, EgressError> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || "-._~:/?&=+,@[]%".contains(c);
    if !text.chars().all(is_good) {
        return Err(rejected(
            "url has characters that are not taken: it is made of letters, digits and - . _ ~ : / ? & = + , @ [ ] %.",
            "Write others as % and two hexadecimal digits.",
        ));
    }
    Url::parse(text).map_err(|error| {
        rejected(format!("url is no address ({error})."), "Write it as rtmp://host/app/key or srt://host:port.")
    })
}

fn rtmp(url: &Url, settings: &EgressSettings) -> Result<Way, EgressError> {
    let port = match url.scheme() {
        "rtmp" => RTMP_PORT,
        "rtmps" => RTMPS_PORT,
        _ => return Err(rejected("url of RTMP begins with rtmp:// or rtmps://.", "Write it as rtmp://host/app/key.")),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(rejected("url has a user in it, which is not spoken here.", "Use a stream key."));
    }
    let parts: Vec<&str> = url.path().split('/').skip(1).collect();
    let [app, rest @ ..] = parts.as_slice() else { return Err(no_key()) };
    if app.is_empty() || rest.is_empty() || rest.iter().any(|part| part.is_empty() || part.starts_with('.')) {
        return Err(no_key());
    }
    let found = look_up(url, port, settings)?;
    // A certificate is of a name; over TLS the name must be what the operator trusts.
    if url.scheme() == "rtmps" && !found.by_name {
        let why =
            format!("{} is not named in egress.allow, which rtmps takes: its certificate is of a name.", found.host);
        return Err(EgressError::Denied(why, "Its operator can name the host itself.".to_owned()));
    }
    let host = if found.by_name { found.host.clone() } else { bracketed(found.ip) };
    let (scheme, port) = (url.scheme(), found.port);
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let key = rest.join("/");
    let secrets = Secrets::of([key.as_str(), url.query().unwrap_or_default(), url.as_str()]);
    Ok(Way {
        target: Target::Rtmp(format!("{scheme}://{host}:{port}/{app}/{key}{query}")),
        shown: Some(format!("{scheme}://{}:{port}/{app}/***", found.host)),
        secrets,
    })
}

fn srt(url: &Url, settings: &EgressSettings) -> Result<Way, EgressError> {
    let as_written = "Write it as srt://host:port.";
    if url.scheme() != "srt" {
        return Err(rejected("url of SRT begins with srt://.", as_written));
    }
    if !matches!(url.path(), "" | "/") || !url.username().is_empty() || url.password().is_some() {
        return Err(rejected("url of SRT is a host and a port, and has no path and no user.", as_written));
    }
    let Some(port) = url.port().filter(|port| *port != 0) else {
        return Err(rejected("url of SRT names no port.", as_written));
    };
    let options = Options::read(url)?;
    let mut secrets = vec![url.as_str().to_owned(), url.query().unwrap_or_default().to_owned()];
    secrets.extend(options.passphrase.iter().chain(&options.stream_id).flat_map(|text| [text.clone(), encoded(text)]));
    let (address, shown, mode) = if options.listens {
        let address = listener(url, port, settings)?;
        (address, format!("srt://{address}?mode=listener"), "listener")
    } else {
        let found = look_up(url, port, settings)?;
        (SocketAddr::new(found.ip, port), format!("srt://{}:{port}", found.host), "caller")
    };
    let mut uri = format!("srt://{address}?mode={mode}");
    for (name, value) in [("passphrase", &options.passphrase), ("streamid", &options.stream_id)] {
        if let Some(value) = value {
            uri.push_str(&format!("&{name}={}", encoded(value)));
        }
    }
    for (name, value) in [("pbkeylen", options.key_bytes), ("latency", options.latency_ms)] {
        if let Some(value) = value {
            uri.push_str(&format!("&{name}={value}"));
        }
    }
    let target = Target::Srt { uri, listens: options.listens };
    Ok(Way { target, shown: Some(shown), secrets: Secrets::of(secrets.iter().map(String::as_str)) })
}

/// What the query of an SRT address says.
#[derive(Default)]
struct Options {
    listens: bool,
    stream_id: Option<String>,
    passphrase: Option<String>,
    key_bytes: Option<u32>,
    latency_ms: Option<u32>,
}

impl Options {
    fn read(url: &Url) -> Result<Self, EgressError> {
        let mut options = Self::default();
        for (name, value) in url.query_pairs() {
            let value = value.into_owned();
            let has_control = value.chars().any(char::is_control);
            match &*name {
                "mode" if value == "caller" => options.listens = false,
                "mode" if value == "listener" => options.listens = true,
                "mode" => return Err(rejected("mode is caller or listener.", "Correct url.")),
                "streamid" if !has_control && value.len() <= STREAM_ID_BYTES => options.stream_id = Some(value),
                "streamid" => {
                    return Err(rejected(
                        "streamid has at most 512 bytes, without control characters.",
                        "Correct url.",
                    ));
                }
                "passphrase" if !has_control && PASSPHRASE.contains(&value.len()) => options.passphrase = Some(value),
                "passphrase" => return Err(rejected("passphrase has 10 to 79 characters.", "Correct url.")),
                "pbkeylen" => match value.as_str() {
                    "16" | "24" | "32" => options.key_bytes = value.parse().ok(),
                    _ => return Err(rejected("pbkeylen is 16, 24 or 32.", "Correct url.")),
                },
                "latency" => match value.parse::<u32>().ok().filter(|ms| LATENCY_MS.contains(ms)) {
                    Some(ms) => options.latency_ms = Some(ms),
                    None => return Err(rejected("latency is 20 to 8000 milliseconds.", "Correct url.")),
                },
                _ => {
                    let known = "Its query has mode, streamid, passphrase, pbkeylen and latency.";
                    return Err(rejected("The query of url has what is not known of SRT.", known));
                }
            }
        }
        Ok(options)
    }
}

/// Where we are called: one of the addresses that the operator names.
fn listener(url: &Url, port: u16, settings: &EgressSettings) -> Result<SocketAddr, EgressError> {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, port));
    address.filter(|address| settings.srt_listen.contains(address)).ok_or_else(|| {
        let why = "This server does not wait for SRT there.".to_owned();
        let remedy =
            "Name an address of egress.srt_listen, as srt://0.0.0.0:9000?mode=listener; its operator can add one.";
        EgressError::Denied(why, remedy.to_owned())
    })
}

/// A host that may be sent to.
struct Found {
    host: String,
    port: u16,
    ip: IpAddr,
    /// The operator names it, so that its name may be looked up again.
    by_name: bool,
}

fn look_up(url: &Url, port: u16, settings: &EgressSettings) -> Result<Found, EgressError> {
    // Of schemes that are not the web's, an address in a host is a text like any other.
    let text = url.host().map(|host| host.to_string()).unwrap_or_default();
    let bare = text.trim_matches(['[', ']']).to_ascii_lowercase();
    let is_name = |host: &str| host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    if Host::parse(&text).is_err() || bare.is_empty() || (bare.parse::<IpAddr>().is_err() && !is_name(&bare)) {
        return Err(rejected("url names no host.", "Write it as rtmp://host/app/key or srt://host:port."));
    }
    let port = url.port().unwrap_or(port);
    let found = (bare.as_str(), port).to_socket_addrs().map(|all| all.map(|at| at.ip().to_canonical()).collect());
    let ips: Vec<IpAddr> = found.unwrap_or_default();
    let Some(ip) = ips.iter().copied().find(IpAddr::is_ipv4).or(ips.first().copied()) else {
        return Err(rejected(format!("The host {bare} is not known here."), "Look whether it is spelt right."));
    };
    let by_name = settings.names.iter().any(|pattern| pattern.fits(&bare));
    // The name is looked up again where it is trusted: whatever it may lead to must be open.
    let policy = if by_name { &settings.trusted } else { &settings.networks };
    if !ips.iter().all(|ip| policy.allows(*ip)) {
        let why = format!("Streams may not go to {bare}.");
        return Err(EgressError::Denied(
            why,
            "Its operator can name the host or its network in egress.allow.".to_owned(),
        ));
    }
    let host = if bare.contains(':') { format!("[{bare}]") } else { bare };
    Ok(Found { host, port, ip, by_name })
}

fn bracketed(ip: IpAddr) -> String {
    if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() }
}

/// A value in a query (RFC 3986 section 2.3): only what never means anything else stays as it is.
fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

fn no_key() -> EgressError {
    rejected("url of RTMP has no application and stream key in it.", "Write it as rtmp://host/app/key.")
}

fn rejected(why: impl Into<String>, remedy: &str) -> EgressError {
    EgressError::Rejected(why.into(), remedy.to_owned())
}

/// A host that the operator trusts by name: `live.example.org`, or all below one as `*.example.org`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamePattern(String);

impl NamePattern {
    /// Reads one; `None` when it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let is_label = |label: &str| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        (name.split('.').all(is_label) && name.parse::<IpAddr>().is_err()).then(|| Self(text.to_ascii_lowercase()))
    }

    /// Whether a host, in small letters, is one of those that are meant.
    pub(super) fn fits(&self, host: &str) -> bool {
        match self.0.strip_prefix('*') {
            Some(tail) => host.len() > tail.len() && host.ends_with(tail),
            None => host == self.0,
        }
    }
}
