//! Addresses that streams may go to, and pipelines that nothing can break out of.

use super::pipeline::{Pipeline, elements};
use super::target::{NamePattern, Target, Way};
use super::{EgressSettings, sweep};
use colloquy_media_core::turn::PeerPolicy;
use colloquy_signalling::egress::{EgressAsk, EgressError, EgressKind};
use std::path::Path;

fn settings() -> EgressSettings {
    let networks = vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
    EgressSettings {
        program: "gst-launch-1.0".into(),
        max: 4,
        hls_dir: Some("/var/lib/hls".into()),
        names: vec![NamePattern::parse("localhost").unwrap()],
        networks: PeerPolicy::new(Vec::new(), networks.clone()),
        trusted: PeerPolicy::new(Vec::new(), networks).of_hosts(Vec::new(), true),
        srt_listen: vec!["0.0.0.0:9000".parse().unwrap()],
        mixes: true,
        draws: true,
    }
}

fn read(url: &str) -> Result<Way, EgressError> {
    let kind = if url.starts_with("rtmp") { EgressKind::Rtmp } else { EgressKind::Srt };
    Way::read(&EgressAsk { room: "a".into(), kind, url: Some(url.to_owned()), video: true }, &settings())
}

#[test]
fn an_address_becomes_a_property_without_its_key_in_lists() {
    let way = read("rtmp://127.0.0.1/live/secret-key?token=hush").unwrap();
    assert_eq!(way.target, Target::Rtmp("rtmp://127.0.0.1:1935/live/secret-key?token=hush".into()));
    assert_eq!(way.shown.as_deref(), Some("rtmp://127.0.0.1:1935/live/***"));
    let said =
        way.secrets.hide("Could not open rtmp://127.0.0.1:1935/live/secret-key?token=hush, key secret-key, token=hush");
    assert!(!said.contains("secret-key") && !said.contains("hush"), "{said}");

    let way =
        read("srt://127.0.0.1:9998?streamid=%23%21::r=room&passphrase=0123456789&latency=200&pbkeylen=32").unwrap();
    let uri =
        "srt://127.0.0.1:9998?mode=caller&passphrase=0123456789&streamid=%23%21%3A%3Ar%3Droom&pbkeylen=32&latency=200";
    assert_eq!(way.target, Target::Srt { uri: uri.into(), listens: false });
    assert_eq!(way.shown.as_deref(), Some("srt://127.0.0.1:9998"));
    assert!(!way.secrets.hide("bad secret 0123456789 of #!::r=room").contains("0123456789"));

    let way = read("srt://0.0.0.0:9000?mode=listener").unwrap();
    assert_eq!(way.target, Target::Srt { uri: "srt://0.0.0.0:9000?mode=listener".into(), listens: true });
    let by_name = read("rtmps://localhost/app/key").unwrap();
    assert_eq!(by_name.target, Target::Rtmp("rtmps://localhost:443/app/key".into()));
    assert!(
        matches!(read("srt://[::1]:9000").unwrap().target, Target::Srt { uri, .. } if uri.starts_with("srt://[::1]:9000?"))
    );
}

#[test]
fn what_may_not_be_is_refused() {
    let rejected = [
        "rtmp://127.0.0.1/live/key ! filesink location=/etc/passwd",
        "rtmp://127.0.0.1/live/key\"",
        "rtmp://127.0.0.1/live/key\\",
        "rtmp://127.0.0.1/live/key'",
        "rtmp://127.0.0.1/live/key\tx",
        "rtmp://127.0.0.1/live/(key)",
        "rtmp://127.0.0.1/live/k\u{fc}",
        "rtmp://127.0.0.1/live/key;x",
        "rtmp://user:password@127.0.0.1/live/key",
        "rtmp://127.0.0.1/live",
        "rtmp://127.0.0.1/live/",
        "rtmp://127.0.0.1/live/../key//x",
        "rtmp:///live/key",
        "rtmp:127.0.0.1",
        "rtmpt://127.0.0.1/live/key",
        "srt://127.0.0.1",
        "srt://127.0.0.1:0",
        "srt://127.0.0.1:9000/path",
        "srt://127.0.0.1:9000?mode=rendezvous",
        "srt://127.0.0.1:9000?passphrase=short",
        "srt://127.0.0.1:9000?pbkeylen=17",
        "srt://127.0.0.1:9000?latency=99999999",
        "srt://127.0.0.1:9000?localport=22",
        "srt://127.0.0.1:9000?streamid=%00",
        "srt://no-such-host.invalid:9000",
    ];
    for url in rejected {
        let Err(EgressError::Rejected(why, remedy)) = read(url) else { panic!("{url:?}: {:?}", read(url)) };
        assert!(!why.is_empty() && !remedy.is_empty() && !why.contains("password"), "{url:?}: {why}");
    }
    let denied = [
        "rtmp://10.0.0.1/live/key",
        "rtmp://169.254.169.254/latest/meta-data",
        "rtmp://[::ffff:10.0.0.1]/live/key",
        "srt://203.0.113.7:9000",
        "srt://0.0.0.0:9001?mode=listener",
        "srt://127.0.0.1:9000?mode=listener",
        "rtmps://127.0.0.1/live/key",
    ];
    for url in denied {
        assert!(matches!(read(url), Err(EgressError::Denied(..))), "{url:?}: {:?}", read(url));
    }
}

#[test]
fn names_are_fitted_whole() {
    let fits = |pattern: &str, host: &str| {
        let pattern = NamePattern::parse(pattern).unwrap();
        pattern.fits(host)
    };
    assert!(fits("live.example.org", "live.example.org") && fits("*.Example.org", "a.b.example.org"));
    assert!(!fits("*.example.org", "example.org") && !fits("*.example.org", "evilexample.org"));
    assert!(!fits("live.example.org", "live.example.org.evil.org"));
    for bad in ["", "*", "*.", "a..b", "10.0.0.1", "a b", "*.*.org", "http://a"] {
        assert_eq!(NamePattern::parse(bad), None, "{bad}");
    }
}

#[test]
fn a_pipeline_is_words_of_which_the_address_is_one() {
    let uri = "srt://127.0.0.1:9998?mode=caller".to_owned();
    for (target, video) in [
        (Target::Hls, true),
        (Target::Srt { uri, listens: false }, true),
        (Target::Rtmp("rtmp://h:1/a/k".into()), false),
    ] {
        let pipeline = Pipeline { target: &target, video, aac: "voaacenc", folder: Some(Path::new("/hls/a")), run: 3 };
        let words = pipeline.arguments();
        assert!(words.iter().all(|word| !word.is_empty() && !word.contains(char::is_whitespace)), "{words:?}");
        assert_eq!(words.iter().filter(|word| word.starts_with("fd=")).count(), 1 + usize::from(video));
        assert!(
            elements(&target, video)
                .all(|name| name == "capsfilter" || name == "mpegtsmux" || words.iter().any(|word| word == name))
        );
        assert_eq!(words.iter().any(|word| word == "rtph264depay"), video);
    }
}

#[test]
fn what_an_earlier_run_left_is_swept_and_nothing_else() {
    let folder = std::env::temp_dir().join(format!("colloquy-sweep-{}", rand::random::<u64>()));
    let old = folder.join("0123456789abcdef01234567").join("a".repeat(32));
    let others = [folder.join("photos").join("a".repeat(32)), folder.join("0123456789abcdef0123456f").join("mine")];
    for path in others.iter().chain([&old]) {
        std::fs::create_dir_all(path).unwrap();
        std::fs::write(path.join("r1-00000.ts"), "x").unwrap();
    }
    sweep(&folder);
    assert!(!old.exists() && !old.parent().unwrap().exists());
    assert!(others.iter().all(|path| path.join("r1-00000.ts").exists()));
    std::fs::remove_dir_all(folder).unwrap();
}
