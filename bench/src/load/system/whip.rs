//! Any server with WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep), by the addresses of its endpoints.

use super::{About, Participant, Placement, Published, Running, Stay, System};
use crate::load::fleet::{Desk, Line};
use anyhow::{Context as _, Result, bail, ensure};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server somewhere, by two templates: `https://host/{room}/whip,https://host/{room}/whep`. In them `{room}` stands for the
/// room and `{publisher}` for a participant who publishes. A viewer's address with `{publisher}` is opened once for each that he
/// watches; without, once for all. `,echo` after them says that the latter has the viewer's own media in it, as Colloquy's has.
#[derive(Clone)]
pub struct Whip {
    publish: String,
    watch: String,
    echoes: bool,
    token: Option<String>,
}

impl std::fmt::Debug for Whip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Whip").field("publish", &self.publish).field("watch", &self.watch).finish_non_exhaustive()
    }
}

impl Whip {
    /// Two templates with a comma between, and what the server is shown.
    ///
    /// # Errors
    /// When there are not two.
    pub fn new(templates: &str, token: Option<String>) -> Result<Self> {
        let is_url = |text: &&str| text.starts_with("http://") || text.starts_with("https://");
        let parts: Vec<&str> = templates.split(',').map(str::trim).collect();
        let (publish, watch, echoes) = match parts.as_slice() {
            [publish, watch] if [publish, watch].into_iter().all(is_url) => (publish, watch, false),
            [publish, watch, "echo"] if [publish, watch].into_iter().all(is_url) => (publish, watch, true),
            _ => bail!(
                "whip= wants two addresses with a comma between, for example whip=http://host/{{room}}/whip,http://host/{{room}}/whep"
            ),
        };
        Ok(Self { publish: (*publish).to_owned(), watch: (*watch).to_owned(), echoes, token })
    }
}

impl System for Whip {
    fn name(&self) -> &'static str {
        "whip"
    }

    fn absent(&self) -> Option<String> {
        None
    }

    fn start(&self, _place: &Placement) -> Result<Arc<dyn Running>> {
        let mut endpoint = Endpoint::new(self.publish.clone(), self.watch.clone());
        endpoint.token.clone_from(&self.token);
        let reach = reaching(&self.publish).with_context(|| format!("{} cannot be reached", self.publish))?;
        let about = About {
            version: "unknown".to_owned(),
            settings: format!("runs elsewhere; WHIP {}, WHEP {}", endpoint.publish, endpoint.watch),
            pids: Vec::new(),
        };
        Ok(Arc::new(Elsewhere { endpoint, echoes: self.echoes, reach, about }))
    }
}

/// The address of ours that packets to a URL's host leave from. Nothing is sent.
fn reaching(url: &str) -> Result<Ipv4Addr> {
    let (scheme, rest) = url.split_once("://").context("it is no URL")?;
    let host = rest.split('/').next().unwrap_or_default();
    let port = if scheme == "https" { 443 } else { 80 };
    let with_port = if host.contains(':') { host.to_owned() } else { format!("{host}:{port}") };
    let to = with_port.to_socket_addrs()?.find(SocketAddr::is_ipv4).context("it has no IPv4 address")?;
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(to)?;
    match socket.local_addr()?.ip() {
        IpAddr::V4(ip) => Ok(ip),
        IpAddr::V6(_) => bail!("its IPv4 address is reached by IPv6"),
    }
}

/// A server that runs elsewhere.
struct Elsewhere {
    endpoint: Endpoint,
    echoes: bool,
    reach: Ipv4Addr,
    about: About,
}

impl Running for Elsewhere {
    fn about(&self) -> &About {
        &self.about
    }

    fn clients_at(&self) -> Ipv4Addr {
        self.reach
    }

    fn echoes(&self) -> bool {
        self.echoes
    }

    fn publish(&self, who: &Participant, desk: &Desk) -> Result<Box<dyn Stay>> {
        self.endpoint.publish(who, desk)
    }

    fn watch(&self, who: &Participant, whom: &[Published], desk: &Desk) -> Result<Box<dyn Stay>> {
        self.endpoint.watch(who, whom, desk, self.echoes)
    }
}

/// The endpoints of a server that runs: what systems with WHIP and WHEP build on.
pub struct Endpoint {
    publish: String,
    watch: String,
    agent: ureq::Agent,
    rewrite: Option<Rewrite>,
    token: Option<String>,
}

/// Changes an answer; told whether it is a viewer's.
type Rewrite = Box<dyn Fn(bool, String) -> String + Send + Sync>;

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("publish", &self.publish).field("watch", &self.watch).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// Templates as [`Whip`] has them.
    #[must_use]
    pub fn new(publish: String, watch: String) -> Self {
        // What a server says of its refusal is worth more than its number.
        let config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build();
        Self { publish, watch, agent: config.into(), rewrite: None, token: None }
    }

    /// Changes every answer before a client has it, as where a bad network stands before the server; the first argument tells
    /// whether it is a viewer's.
    #[must_use]
    pub fn with_answers(self, rewrite: impl Fn(bool, String) -> String + Send + Sync + 'static) -> Self {
        Self { rewrite: Some(Box::new(rewrite)), ..self }
    }

    /// Lets a publisher in.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn publish(&self, who: &Participant, desk: &Desk) -> Result<Box<dyn Stay>> {
        let session = self.open(&address(&self.publish, who, Some(who)), &desk.publisher()?, false)?;
        Ok(Box::new(self.sessions(vec![session])))
    }

    /// Lets a viewer in.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn watch(&self, who: &Participant, whom: &[Published], desk: &Desk, echoes: bool) -> Result<Box<dyn Stay>> {
        let mut sessions = Vec::new();
        if self.watch.contains("{publisher}") {
            for one in whom {
                let line = desk.viewer(u32::from(one.who.audio), u32::from(one.who.video))?;
                sessions.push(self.open(&address(&self.watch, who, Some(&one.who)), &line, true)?);
            }
        } else {
            let own = u32::from(echoes);
            let audio = whom.iter().filter(|one| one.who.audio).count() as u32 + own * u32::from(who.audio);
            let video = whom.iter().filter(|one| one.who.video).count() as u32 + own * u32::from(who.video);
            sessions.push(self.open(&address(&self.watch, who, None), &desk.viewer(audio, video)?, true)?);
        }
        Ok(Box::new(self.sessions(sessions)))
    }

    fn sessions(&self, sessions: Vec<String>) -> Sessions {
        Sessions { agent: self.agent.clone(), token: self.token.clone(), sessions }
    }

    /// Posts a client's offer and gives him the answer. Gives the session's address, where the server told one.
    fn open(&self, url: &str, line: &Line, watches: bool) -> Result<String> {
        let mut request = self.agent.post(url).header("content-type", "application/sdp");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut response = request.send(line.offer()?).with_context(|| format!("POST {url}"))?;
        let status = response.status().as_u16();
        let location = response.headers().get("location").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = response.body_mut().read_to_string()?;
        ensure!(matches!(status, 200 | 201), "POST {url}: {status} {}", body.trim());
        line.accept(&match &self.rewrite {
            Some(rewrite) => rewrite(watches, body),
            None => body,
        })?;
        Ok(location.map(|to| absolute(url, &to)).unwrap_or_default())
    }
}

fn address(template: &str, who: &Participant, publisher: Option<&Participant>) -> String {
    let publisher = publisher.map(Participant::name).unwrap_or_default();
    template.replace("{room}", &who.room_name()).replace("{publisher}", &publisher)
}

/// A `Location` that may leave out scheme and host (RFC 9110 section 10.2.2).
fn absolute(base: &str, location: &str) -> String {
    if location.contains("://") {
        return location.to_owned();
    }
    let host_end = base.find("://").and_then(|at| base.get(at + 3..)?.find('/').map(|slash| at + 3 + slash));
    let host = base.get(..host_end.unwrap_or(base.len())).unwrap_or_default();
    if location.starts_with('/') { format!("{host}{location}") } else { format!("{host}/{location}") }
}

/// Sessions that a DELETE each ends.
struct Sessions {
    agent: ureq::Agent,
    token: Option<String>,
    sessions: Vec<String>,
}

impl Stay for Sessions {
    fn leave(self: Box<Self>) -> Result<()> {
        for session in self.sessions.iter().filter(|session| !session.is_empty()) {
            let mut request = self.agent.delete(session);
            if let Some(token) = &self.token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let status = request.call().with_context(|| format!("DELETE {session}"))?.status();
            ensure!(status.is_success(), "DELETE {session}: {status}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_in_and_locations_completed() {
        let who = Participant { room: 3, number: 7, audio: true, video: false, duty: None };
        assert_eq!(address("http://h/{room}/{publisher}/whip", &who, Some(&who)), "http://h/bench-3/p-7/whip");
        assert_eq!(absolute("http://h:1/a/b", "/c/d"), "http://h:1/c/d");
        assert_eq!(absolute("http://h:1/a/b", "https://o/x"), "https://o/x");
        assert!(Whip::new("http://one", None).is_err() && Whip::new("http://a,http://b", None).is_ok());
        assert!(Whip::new("http://a,http://b,echo", None).is_ok_and(|whip| whip.echoes));
        assert_eq!(reaching("http://127.0.0.1:8080/x").unwrap(), Ipv4Addr::LOCALHOST);
    }
}
