//! Frames that are requests, that are nearly so, and that are not.

use super::*;

fn refused(text: &str) -> Refusal {
    match ReceivedFrame::read(text) {
        ReceivedFrame::Request { request: Err(refusal), .. } => refusal,
        other => panic!("{other:?}"),
    }
}

fn strange(text: &str) -> bool {
    matches!(ReceivedFrame::read(text), ReceivedFrame::NotTheProtocol)
}

#[test]
fn good_requests() {
    for good in [
        r#"{"type":"hello","id":1,"version":1}"#,
        r#"{"id":1,"type":"hello","version":1,"client":"x","token":null}"#,
        r#"{"type":"join","id":4294967295,"room":"a","name":"b"}"#,
        r#"{"type":"offer","id":1,"sdp":"v=0","sources":{"0":"screen_audio"},"subscriptions":{"1":"t1"}}"#,
        r#"{"type":"candidate","id":1,"candidate":"","mid":"0","mline_index":0,"ufrag":"x"}"#,
        r#"{"type":"subscribe","id":1,"mid":"0","track":null}"#,
        r#"{"type":"prefer","id":1,"mid":"3"}"#,
        r#"{"type":"prefer","id":1,"mid":"3","width":0,"height":16384,"pinned":true,"weight":8}"#,
        r#"{"type":"downlink","id":1}"#,
        r#"{"type":"downlink","id":1,"last_n":0,"max_bps":300000}"#,
        r#"{"type":"audio","id":1,"mode":"mix"}"#,
        r#"{"type":"announce","id":1,"file":"welcome.wav"}"#,
        r#"{"type":"announce","id":1,"text":"Hello","to":"held","gain_db":-6,"repeat":true}"#,
        r#"{"type":"hush","id":1,"announcement":"a1"}"#,
        r#"{"type":"announcements","id":1}"#,
        r#"{"type":"leave","id":0}"#,
    ] {
        assert!(matches!(ReceivedFrame::read(good), ReceivedFrame::Request { request: Ok(_), .. }), "{good}");
    }
}

#[test]
fn what_is_unknown_missing_or_doubled_is_refused_by_name() {
    for (bad, named) in [
        (r#"{"type":"hello","id":1,"version":1,"more":2}"#, "more"),
        (r#"{"type":"hello","id":1}"#, "version"),
        (r#"{"type":"hello","id":1,"version":-1}"#, "version"),
        (r#"{"type":"hello","id":1,"version":1,"version":1}"#, "duplicate"),
        (r#"{"type":"a","type":"b","id":1}"#, "duplicate"),
        (r#"{"id":1}"#, "type"),
        (r#"{"type":"dance","id":1}"#, "unknown"),
        (r#"{"type":"subscribe","id":1,"mid":"0"}"#, "track"),
        (r#"{"type":"offer","id":1,"sdp":"v=0","sources":{"0":"camera","0":"screen"}}"#, "twice"),
        (r#"{"type":"offer","id":1,"sdp":"v=0","sources":{"0":"telescope"}}"#, "sources.0"),
        (r#"{"type":"offer","id":1,"sdp":{}}"#, "sdp"),
        (r#"{"type":"prefer","id":1}"#, "mid"),
        (r#"{"type":"prefer","id":1,"mid":"3","width":16385,"height":9}"#, "width"),
        (r#"{"type":"prefer","id":1,"mid":"3","width":1.5,"height":9}"#, "width"),
        (r#"{"type":"prefer","id":1,"mid":"3","width":640}"#, "together"),
        (r#"{"type":"prefer","id":1,"mid":"3","weight":0}"#, "weight"),
        (r#"{"type":"prefer","id":1,"mid":"3","weight":9}"#, "weight"),
        (r#"{"type":"downlink","id":1,"last_n":-1}"#, "last_n"),
        (r#"{"type":"downlink","id":1,"max_bps":0}"#, "max_bps"),
        (r#"{"type":"announce","id":1,"file":"a.wav","gain_db":300}"#, "gain_db"),
        (r#"{"type":"hush","id":1}"#, "announcement"),
        (r#"{"type":"leave","id":1,"now":true}"#, "now"),
    ] {
        let refusal = refused(bad);
        assert_eq!(refusal.code, ErrorCode::ProtocolMalformed, "{bad}");
        assert!(refusal.message.contains(named), "{bad}: {}", refusal.message);
    }
}

#[test]
fn what_is_too_long_is_refused() {
    let long = |n| "x".repeat(n);
    let sdp = refused(&format!(r#"{{"type":"offer","id":1,"sdp":"{}"}}"#, long(SDP_BYTES + 1)));
    assert_eq!(sdp.code, ErrorCode::LimitExceeded);
    refused(&format!(r#"{{"type":"candidate","id":1,"candidate":"{}"}}"#, long(CANDIDATE_BYTES + 1)));
    refused(&format!(r#"{{"type":"hello","id":1,"version":1,"client":"{}"}}"#, long(FREE_TEXT_CHARS + 1)));
    let many: Vec<_> = (0..=MAP_ENTRIES).map(|i| format!(r#""{i}":"camera""#)).collect();
    refused(&format!(r#"{{"type":"offer","id":1,"sdp":"v=0","sources":{{{}}}}}"#, many.join(",")));
}

#[test]
fn other_protocols_are_known_as_such() {
    let deep = format!(r#"{{"id":1,"type":"hello","version":{}"#, "[".repeat(100_000));
    for bad in [
        "",
        "   ",
        "hello",
        "[]",
        "1e400",
        "{}",
        r#"{"id":-1}"#,
        r#"{"id":1.5}"#,
        r#"{"id":"1"}"#,
        r#""\ud800""#,
        r#"{"id":1,"id":1,"type":"leave"}"#,
        &deep,
    ] {
        assert!(strange(bad), "{}", &bad[..bad.len().min(60)]);
    }
    // Deep, but whole: the second look stops at serde_json's depth limit.
    let nested = format!(r#"{{"id":1,"type":"offer","sdp":"","sources":{}{}}}"#, "[".repeat(1_000), "]".repeat(1_000));
    assert!(matches!(
        ReceivedFrame::read(&nested),
        ReceivedFrame::NotTheProtocol | ReceivedFrame::Request { request: Err(_), .. }
    ));
}

proptest::proptest! {
    /// Whatever a client sends is read without a panic, also when it is nearly right.
    #[test]
    fn nothing_makes_it_panic(text in ".{0,200}", at in 0_usize..90, kind in "(hello|join|offer|candidate|subscribe|prefer|downlink|mute|kick|leave)") {
        ReceivedFrame::read(&text);
        let good = format!(r#"{{"type":"{kind}","id":7,"sdp":"v=0","sources":{{"0":"camera"}},"mid":"0","track":null,"muted":true}}"#);
        let mut nearly: String = good.chars().take(at).collect();
        nearly.push_str(&text);
        nearly.extend(good.chars().skip(at + 1));
        ReceivedFrame::read(&nearly);
    }
}
