//! The client as the one who answers: some servers offer to those who watch (RFC 3264 section 6, RFC 8829 section 5.3).

#[cfg(test)]
mod tests;

use super::dtls::Setup;
use super::sdp::extension;
use super::{Answered, AnsweredSection, BadAnswer, Client, Place};
use colloquy_media_core::api::MediaKind;
use sdp_types::{Media, Session};
use std::fmt::Write as _;
use std::time::Instant;

/// Header extensions that are taken where they are offered.
const EXTENSIONS: [&str; 3] = [extension::TRANSPORT_CC.1, extension::MID.1, extension::DEPENDENCY.1];
/// Codecs that are taken where they are offered; retransmissions of them, too.
const CODECS: [&str; 5] = ["opus", "vp8", "vp9", "h264", "av1"];

impl Client {
    /// Takes a server's offer and gives the answer to it: every track that the server sends gets a place. A later offer may send
    /// more, or cease to send some.
    ///
    /// # Errors
    /// When the offer is no SDP, or lacks what cannot be done without.
    pub fn accept_offer(&mut self, now: Instant, offer: &str) -> Result<String, BadAnswer> {
        let offered = Answered::parse(offer)?;
        let session = Session::parse(offer.as_bytes()).map_err(|error| BadAnswer(error.to_string()))?;
        // Who offers controls, unless he only ever answers checks (RFC 8445 section 6.1.1).
        self.ice.set_controlling(offered.ice_lite);
        for (media, section) in session.medias.iter().zip(&offered.sections) {
            self.take_offered(media, section);
        }
        self.ice.set_remote(&offered.ufrag, &offered.password, &offered.candidates);
        self.associate(now, &offered);
        let answer = self.write_answer(&session, &offered);
        self.ice.handle_timeout(now);
        self.settle(now);
        Ok(answer)
    }

    /// A candidate of the server that came after its description: the value of an `a=candidate` line.
    pub fn add_remote_candidate(&mut self, now: Instant, candidate: &str) {
        self.ice.add_remote(candidate);
        self.ice.handle_timeout(now);
        self.settle(now);
    }

    /// Begins a DTLS association with whom a description names, unless it is the one that there is.
    pub(super) fn associate(&mut self, now: Instant, described: &Answered) {
        if self.association.is_some() && self.fingerprint == described.fingerprint {
            return;
        }
        self.fingerprint.clone_from(&described.fingerprint);
        self.is_dtls_client = described.setup != "active";
        let setup = Setup {
            version: self.config.dtls_version,
            certificate: &self.config.certificate,
            is_client: self.is_dtls_client,
            expected_fingerprint: described.fingerprint.clone(),
            seed: rand::RngExt::random(&mut self.rng),
            mtu: self.config.dtls_mtu,
        };
        self.association = Some(super::dtls::Association::new(setup, now));
    }

    /// The ids of the header extensions that are read in whatever comes.
    pub(super) fn note_extensions(&mut self, section: &AnsweredSection) {
        let id = |uri: &str| section.extensions.iter().find(|(_, known)| known == uri).map(|(id, _)| *id);
        self.mid_extension = id(extension::MID.1).or(self.mid_extension);
        self.transport_extension = id(extension::TRANSPORT_CC.1).or(self.transport_extension);
    }

    fn take_offered(&mut self, media: &Media, section: &AnsweredSection) {
        let Some(kind) = kind(media) else { return };
        self.note_extensions(section);
        if let Some(place) = self.places.iter_mut().find(|place| place.mid == section.mid) {
            place.negotiate(section);
        } else if sends(section) {
            let mut place = Place::new(section.mid.clone(), kind, self.config.recovers);
            place.play(self.config.plays);
            place.negotiate(section);
            self.places.push(place);
        }
    }

    fn write_answer(&mut self, session: &Session, offered: &Answered) -> String {
        self.offers += 1;
        let fingerprint = self.config.certificate.fingerprint();
        let mids: Vec<&str> =
            offered.sections.iter().filter(|s| !s.rejected).map(|section| section.mid.as_str()).collect();
        let mut sdp = format!(
            "v=0\r\no=- {} {} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS *\r\n",
            self.config.source,
            self.offers,
            mids.join(" ")
        );
        let setup = if self.is_dtls_client { "active" } else { "passive" };
        for (index, (media, section)) in session.medias.iter().zip(&offered.sections).enumerate() {
            let formats = formats(media);
            let port = if section.rejected { 0 } else { 9 };
            // Writing to a String cannot fail, here and below.
            let _ = write!(
                sdp,
                "m={} {port} {} {}\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:{setup}\r\n",
                media.media,
                media.proto,
                formats.join(" "),
                section.mid,
                self.ice.ufrag(),
                self.ice.password()
            );
            if index == 0 {
                let _ = write!(sdp, "a=candidate:{}\r\na=end-of-candidates\r\n", self.ice.candidate());
            }
            write_rest(&mut sdp, media, section, &formats);
        }
        sdp
    }
}

fn kind(media: &Media) -> Option<MediaKind> {
    match media.media.as_str() {
        "audio" => Some(MediaKind::Audio),
        "video" => Some(MediaKind::Video),
        _ => None,
    }
}

fn sends(section: &AnsweredSection) -> bool {
    !section.rejected && matches!(section.direction.as_str(), "sendonly" | "sendrecv" | "")
}

/// The formats that are taken of those that are offered. Of what is no media, all.
fn formats(media: &Media) -> Vec<String> {
    if kind(media).is_none() {
        return vec![media.fmt.clone()];
    }
    let maps = media.attributes.iter().filter(|attribute| attribute.attribute == "rtpmap");
    let maps: Vec<(&str, &str)> = maps.filter_map(|map| map.value.as_deref()?.split_once(' ')).collect();
    let name = |rest: &str| rest.split('/').next().unwrap_or_default().to_ascii_lowercase();
    let known: Vec<&str> =
        maps.iter().filter(|(_, rest)| CODECS.contains(&name(rest).as_str())).map(|(number, _)| *number).collect();
    let repeats = |number: &str| {
        let parameters = media.attributes.iter().filter(|attribute| attribute.attribute == "fmtp");
        let mut of = parameters.filter_map(|line| line.value.as_deref()?.split_once(' '));
        let apt = of.find(|(format, _)| *format == number).and_then(|(_, rest)| rest.trim().strip_prefix("apt="));
        apt.is_some_and(|apt| known.contains(&apt))
    };
    let taken = media.fmt.split(' ').filter(|number| {
        let is_rtx = maps.iter().any(|(of, rest)| of == number && name(rest) == "rtx");
        known.contains(number) || (is_rtx && repeats(number))
    });
    taken.map(str::to_owned).collect()
}

/// What follows the transport's lines: direction, extensions, and the lines of the formats that are taken, as they were offered.
fn write_rest(sdp: &mut String, media: &Media, section: &AnsweredSection, formats: &[String]) {
    if kind(media).is_none() {
        let port = media.attributes.iter().find(|attribute| attribute.attribute == "sctp-port");
        let port = port.and_then(|attribute| attribute.value.as_deref()).unwrap_or("5000");
        let _ = write!(sdp, "a=sctp-port:{port}\r\n");
        return;
    }
    let direction = if sends(section) { "recvonly" } else { "inactive" };
    let _ = write!(sdp, "a={direction}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n");
    for (id, uri) in section.extensions.iter().filter(|(_, uri)| EXTENSIONS.contains(&uri.as_str())) {
        let _ = write!(sdp, "a=extmap:{id} {uri}\r\n");
    }
    for line in &media.attributes {
        let (name, value) = (line.attribute.as_str(), line.value.as_deref().unwrap_or_default());
        let format = value.split(' ').next().unwrap_or_default();
        if matches!(name, "rtpmap" | "fmtp" | "rtcp-fb") && formats.iter().any(|taken| taken == format) {
            let _ = write!(sdp, "a={name}:{value}\r\n");
        }
    }
}
