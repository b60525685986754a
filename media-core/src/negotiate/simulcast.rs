//! Simulcast (RFC 8853) and the restriction identifiers that name its encodings (RFC 8851).

use sdp_types::Media;

/// Encodings of one track that are taken: browsers send three.
const MAX_ENCODINGS: usize = 4;
/// Longest identifier that is taken: it goes into a header extension, whose one-byte form holds 16 (RFC 8285 section 4.2).
const MAX_RID_LEN: usize = 16;

/// The identifiers that a section offers to send, in the order of `a=simulcast`; none without simulcast. Of alternatives, the first.
pub(super) fn offered(media: &Media) -> Vec<String> {
    let values = |name: &'static str| {
        media.attributes.iter().filter(move |a| a.attribute == name).filter_map(|a| a.value.as_deref()).map(str::trim)
    };
    let declared = |rid: &str| {
        values("rid").any(|value| {
            let mut words = value.split_whitespace();
            words.next() == Some(rid) && words.next() == Some("send")
        })
    };
    let mut rids: Vec<String> = Vec::new();
    let Some(list) = values("simulcast").find_map(sent) else { return rids };
    for stream in list.split(';').take(MAX_ENCODINGS) {
        let rid = stream.split(',').next().unwrap_or_default().trim_start_matches('~');
        if is_rid(rid) && declared(rid) && !rids.iter().any(|known| known == rid) {
            rids.push(rid.to_owned());
        }
    }
    rids
}

/// The list after `send` of an `a=simulcast` value.
fn sent(value: &str) -> Option<&str> {
    let mut words = value.split_whitespace();
    while let Some(direction) = words.next() {
        let list = words.next()?;
        if direction == "send" {
            return Some(list);
        }
    }
    None
}

fn is_rid(rid: &str) -> bool {
    (1..=MAX_RID_LEN).contains(&rid.len()) && rid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rids(lines: &str) -> Vec<String> {
        let sdp = format!("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n{lines}");
        offered(&sdp_types::Session::parse(sdp.as_bytes()).unwrap().medias[0])
    }

    #[test]
    fn declared_encodings_are_taken_in_their_order() {
        let all = "a=rid:q send\r\na=rid:h send max-width=640\r\na=rid:f send\r\na=simulcast:send q;~h,f;f\r\n";
        assert_eq!(rids(all), ["q", "h", "f"]);
        assert_eq!(rids("a=rid:x send\r\na=simulcast:recv y send x\r\n"), ["x"]);
        assert_eq!(rids("a=rid:x recv\r\na=simulcast:send x;y\r\n"), [""; 0], "none is declared to be sent");
        assert_eq!(rids("a=rid:q send\r\na=simulcast:send q;q;q\r\n"), ["q"]);
        assert_eq!(rids("a=rid:q send\r\n"), [""; 0]);
        let many = (0..40).map(|i| format!("a=rid:r{i} send\r\n")).collect::<String>();
        let list = (0..40).map(|i| format!("r{i}")).collect::<Vec<_>>().join(";");
        assert_eq!(rids(&format!("{many}a=simulcast:send {list}\r\n")).len(), MAX_ENCODINGS);
        for odd in [
            "a=simulcast\r\n",
            "a=simulcast:send\r\n",
            "a=simulcast:send ;;,,~\r\n",
            "a=rid:\r\na=simulcast:send \u{e9}\r\n",
        ] {
            assert_eq!(rids(odd), [""; 0], "{odd:?}");
        }
    }
}
