use super::*;
use crate::api::{AdvertisedAddress, Codec, Limits, MediaKind};
use proptest::prelude::*;

const CHROMIUM: &str = include_str!("fixtures/chromium-156.sdp");
const FIREFOX: &str = include_str!("fixtures/firefox-153.sdp");

/// RFC 8841 has one association for each DTLS association.
const A_SECOND_ASSOCIATION: &str =
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:second\r\na=sctp-port:5000\r\n";

fn read(sdp: &str) -> Result<ParsedOffer, BadOffer> {
    ParsedOffer::read(sdp, &Limits::default())
}

fn refusal(sdp: &str) -> String {
    read(sdp).expect_err("it must be refused").0
}

#[test]
fn offers_of_browsers_are_read() {
    for (name, sdp) in [("chromium", CHROMIUM), ("firefox", FIREFOX)] {
        let offer = read(sdp).unwrap_or_else(|e| panic!("{name}: {e}"));
        let kinds: Vec<_> = offer.sections.iter().map(|s| s.kind).collect();
        let (audio, video) = (Some(MediaKind::Audio), Some(MediaKind::Video));
        assert_eq!(kinds, [audio, video, audio, video, None], "{name}");
        let directions: Vec<_> = offer.sections.iter().take(4).map(|s| s.direction).collect();
        assert_eq!(directions, [Direction::SendOnly, Direction::SendOnly, Direction::RecvOnly, Direction::RecvOnly]);
        assert_eq!(offer.setup, SetupRole::ActPass);
        assert_eq!(offer.fingerprints.len(), 1, "{name}");
        let camera = &offer.sections[1];
        assert!(camera.ssrc.is_some() && camera.rtx_ssrc.is_some(), "{name}");
        let vp8 = camera.codecs.iter().find(|c| c.format.codec == Codec::Vp8).expect("VP8");
        assert!(vp8.rtx_payload_type.is_some() && vp8.feedback.nack && vp8.feedback.pli, "{name}");
        assert!(camera.extensions.get(Extension::Mid).is_some(), "{name}");
        assert!(offer.sections[0].extensions.get(Extension::AudioLevel).is_some(), "{name}");
    }
}

#[test]
fn an_answer_repeats_what_was_taken_and_refuses_the_rest() {
    let offer = read(&format!("{CHROMIUM}{A_SECOND_ASSOCIATION}")).unwrap();
    let addresses = [
        AdvertisedAddress::udp("192.0.2.1:40000".parse().unwrap()),
        AdvertisedAddress { tcp: true, ..AdvertisedAddress::udp("[2001:db8::1]:40000".parse().unwrap()) },
    ];
    let sections = offer
        .sections
        .iter()
        .map(|offered| SectionPlan {
            offered,
            direction: (offered.kind.is_some() || offered.data.is_some())
                .then(|| if offered.direction.sends() { Direction::RecvOnly } else { Direction::SendOnly }),
            codecs: &offered.codecs,
            place: (offered.direction == Direction::RecvOnly).then(|| PlaceLine {
                ssrc: 11,
                rtx_ssrc: Some(12),
                fec_ssrc: offered.fec.as_ref().map(|_| 13),
                stream: "p1".into(),
                track: "t1".into(),
            }),
        })
        .collect();
    let sdp = write_answer(&AnswerPlan {
        session_id: 1,
        session_version: 1,
        ice_lite: true,
        ufrag: "ufrag",
        password: "a password of ours, long enough",
        fingerprint: "AA:BB",
        role: DtlsRole::Passive,
        mixed_extensions: offer.mixed_extensions,
        addresses: &addresses,
        max_message_bytes: 65_536,
        sections,
    });
    let session = sdp_types::Session::parse(sdp.as_bytes()).expect("our own answer parses");
    let ports: Vec<_> = session.medias.iter().map(|m| m.port).collect();
    assert_eq!(ports, [9, 9, 9, 9, 9, 0]);
    assert!(sdp.contains("a=group:BUNDLE 0 1 2 3 4\r\n"));
    assert!(sdp.contains("a=sctp-port:5000\r\na=max-message-size:65536\r\n"));
    assert!(sdp.contains("a=ice-lite\r\n") && sdp.contains("a=setup:passive\r\n"));
    assert!(sdp.contains(" udp ") && sdp.contains("tcptype passive"));
    let [audio, video, _, place, data, _] = &session.medias[..] else { panic!("five sections") };
    assert_eq!(audio.fmt, "111 63", "only Opus is taken, and its repetition");
    assert_eq!((data.proto.as_str(), data.fmt.as_str()), ("UDP/DTLS/SCTP", "webrtc-datachannel"));
    assert!(data.has_attribute("fingerprint") && !data.has_attribute("rtcp-mux"));
    assert!(audio.has_attribute("recvonly") && place.has_attribute("sendonly"));
    assert!(video.get_attribute_values("rtcp-fb").flatten().any(|v| v.ends_with("transport-cc")));
    assert!(place.get_attribute_values("rtcp-fb").flatten().any(|v| v.ends_with("transport-cc")));
    assert!(session.attributes.iter().any(|a| a.attribute == "extmap-allow-mixed"));
    assert!(place.get_attribute_values("ssrc-group").flatten().any(|v| v == "FID 11 12"));
    assert!(place.fmt.ends_with(" 49") && !video.fmt.contains("49"), "Chromium takes FlexFEC and sends none");
    assert!(place.get_attribute_values("rtpmap").flatten().any(|v| v == "49 flexfec-03/90000"));
    assert!(place.get_attribute_values("ssrc-group").flatten().any(|v| v == "FEC-FR 11 13"));
}

#[test]
fn flexfec_is_left_out_where_it_is_switched_off_and_of_simulcast() {
    let fec = |fec_max_pct| {
        let limits = Limits { fec_max_pct, ..Limits::default() };
        ParsedOffer::read(CHROMIUM, &limits).unwrap().sections[3].fec.clone().map(|fec| fec.payload_type)
    };
    assert_eq!((fec(50), fec(0)), (Some(49), None));
    let simulcast = "a=recvonly\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send h;f\r\n";
    let sections = read(&CHROMIUM.replace("a=recvonly\r\n", simulcast)).unwrap().sections;
    assert_eq!((sections[3].rids.len(), sections[3].fec.is_none()), (2, true), "it protects one stream");
}

#[test]
fn one_association_is_taken_and_only_as_rfc_8841_writes_it() {
    let data = |sdp: &str| read(sdp).unwrap().sections[4].data;
    let (sctp_port, max_message_bytes) = (5_000, 262_144);
    assert_eq!(data(CHROMIUM), Some(DataSection { sctp_port, max_message_bytes }));
    // It has port 0 and is bundle-only (RFC 8843 section 6).
    assert_eq!(data(FIREFOX), Some(DataSection { sctp_port, max_message_bytes: 1_073_741_823 }));
    let without_size = CHROMIUM.replace("a=max-message-size", "a=x");
    assert_eq!(data(&without_size), Some(DataSection { sctp_port, max_message_bytes: 65_536 }));
    let any_size = CHROMIUM.replace("a=max-message-size:262144", "a=max-message-size:99999999999");
    assert_eq!(data(&any_size), Some(DataSection { sctp_port, max_message_bytes: 0 }));
    for (from, to) in [
        ("UDP/DTLS/SCTP", "DTLS/SCTP"),
        ("UDP/DTLS/SCTP", "UDP/TLS/RTP/SAVPF"),
        ("webrtc-datachannel", "bfcp"),
        ("m=application 9", "m=application 0"),
        ("a=sctp-port:5000", "a=sctp-port:0"),
        ("a=sctp-port:5000", "a=sctp-port:65536"),
        ("a=sctp-port:5000", "a=sctpmap:5000 webrtc-datachannel 1024"),
        ("a=max-message-size:262144", "a=max-message-size:-1"),
    ] {
        assert!(CHROMIUM.contains(from), "{from}");
        assert_eq!(data(&CHROMIUM.replace(from, to)), None, "{to}");
    }
    let two = read(&format!("{CHROMIUM}{A_SECOND_ASSOCIATION}")).unwrap();
    assert_eq!(two.sections.iter().filter(|s| s.data.is_some()).count(), 1);
}

#[test]
fn what_cannot_be_used_is_refused_with_the_remedy() {
    let without = |attribute: &str| -> String {
        CHROMIUM.lines().filter(|l| !l.starts_with(attribute)).map(|l| format!("{l}\r\n")).collect()
    };
    assert!(refusal("").contains("does not parse"));
    assert!(refusal(&without("a=fingerprint")).contains("DTLS-SRTP"));
    assert!(refusal(&without("a=ice-pwd")).contains("a=ice-pwd"));
    assert!(refusal(&without("a=mid:")).contains("a=mid"));
    assert!(refusal(&without("a=rtcp-mux")).contains("rtcp-mux"));
    assert!(refusal(&without("a=group")).contains("max-bundle"));
    assert!(refusal(&CHROMIUM.replace("a=fingerprint:sha-256", "a=fingerprint:md5")).contains("sha-256"));
    assert!(refusal(&CHROMIUM.replace("a=setup:actpass", "a=setup:holdconn")).contains("actpass"));
    assert!(refusal(&CHROMIUM.replace("a=mid:1\r", "a=mid:0\r")).contains("two media sections"));
    assert!(refusal(&CHROMIUM.replace("BUNDLE 0", "BUNDLE nobody 0")).contains("not there"));
    assert!(refusal(&"a=x\r\n".repeat(20_000)).contains("at most"));
    assert!(refusal(&CHROMIUM.replace("a=ice-ufrag:", "a=ice-ufrag:\r\na=x:")).contains("4 to 256"));
}

#[test]
fn payload_types_out_of_range_are_passed_over() {
    let sdp =
        CHROMIUM.replace("m=audio 57391 UDP/TLS/RTP/SAVPF 111", "m=audio 57391 UDP/TLS/RTP/SAVPF 4294967296 300 111");
    assert_eq!(read(&sdp).unwrap().sections[0].codecs.len(), 1);
}

#[test]
fn fragments_are_read_and_written() {
    let body = write_fragment("ours", "a password of ours, long enough", "0", &[], true);
    let read = read_fragment(&body, 1_000).unwrap();
    assert_eq!(read.credentials.unwrap().ufrag, "ours");
    assert!(read_fragment("a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n", 1_000).unwrap().credentials.is_none());
    assert!(read_fragment("hello", 1_000).is_err());
    assert!(read_fragment("a=ice-ufrag:only\r\n", 1_000).is_err());
    assert!(read_fragment(&body, 10).is_err());
}

#[test]
fn every_cut_is_survived() {
    for sdp in [CHROMIUM, FIREFOX] {
        for end in (0..sdp.len()).step_by(7) {
            let _ = read(&sdp[..end]);
        }
    }
}

proptest! {
    #[test]
    fn anything_at_all_is_survived(text in "\\PC{0,400}") {
        let _ = read(&text);
        let _ = read_fragment(&text, 1_000);
    }

    #[test]
    fn changed_offers_are_survived(line in 0usize..360, junk in "[ -~]{0,40}", keep in 0usize..12) {
        let lines: Vec<&str> = CHROMIUM.lines().collect();
        let changed: String = lines
            .iter()
            .enumerate()
            .map(|(i, l)| if i == line { format!("{}{junk}\r\n", &l[..keep.min(l.len())]) } else { format!("{l}\r\n") })
            .collect();
        let _ = read(&changed);
    }
}
