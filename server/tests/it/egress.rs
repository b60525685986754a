//! Rooms that leave as HLS, SRT and RTMP, with GStreamer at both ends.

mod room;
mod rtmp;

use crate::support::client::Client;
use crate::support::server::Server;
use room::{Found, Publisher, Receiver, has_gstreamer, server};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const ROOM: &str = "/api/v1/rooms/daily/egress";
/// A program starts, a canvas begins, segments take four seconds each; on a busy machine all of it longer.
const PATIENCE: Duration = Duration::from_secs(60);
const TONE_HZ: f64 = 1_000.0;

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it does not come to that: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn json_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

/// Asks for a stream; `Err` has the status, the code and all that is said.
fn begin(server: &Server, wish: &Value) -> Result<Value, (u16, String, String)> {
    let answer = server.ask("POST", ROOM, &wish.to_string());
    let body = json_of(&answer.body);
    if answer.status == 201 {
        return Ok(body);
    }
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let said = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    assert!(!said("detail").is_empty() && !said("remedy").is_empty(), "{body}");
    Err((answer.status, said("code"), format!("{} {}", said("detail"), said("remedy"))))
}

fn path_of(one: &Value) -> String {
    format!("{ROOM}/{}", one["id"].as_str().expect("it has an id"))
}

fn view(server: &Server, one: &Value) -> Value {
    json_of(&server.get(&path_of(one), "").body)
}

fn wait_until_running(server: &Server, one: &Value) {
    wait_for("it runs", || {
        let view = view(server, one);
        assert_ne!(view["state"], "failed", "{view}");
        (view["state"] == "running").then_some(())
    });
}

fn end(server: &Server, one: &Value) {
    assert_eq!(server.ask("DELETE", &path_of(one), "").status, 204);
    assert_eq!(server.ask("DELETE", &path_of(one), "").status, 404);
}

/// Waits until no program of this server streams any more.
fn wait_until_gone(server: &Server) {
    wait_for("no program is left", || server.children("gst-launch-1.0").is_empty().then_some(()));
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn files_in(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, |entries| entries.flatten().count())
}

#[test]
fn a_room_leaves_as_hls_with_its_sound_and_its_pictures() {
    if !has_gstreamer() {
        return;
    }
    let hls = folder("hls-1");
    let server = server(25_100, &[("COLLOQUY__EGRESS__HLS_DIR", hls.to_str().unwrap())]);
    let _publisher = Publisher::start(&server, TONE_HZ as u32);
    let mut anne = Client::join(25_100);
    let one = begin(&server, &json!({"kind": "hls", "name": "The stage", "layout": "speaker"})).unwrap();
    assert_eq!(
        (&one["state"], &one["layout"], &one["name"]),
        (&json!("starting"), &json!("speaker"), &json!("The stage"))
    );
    assert!(anne.next("streamed").contains("\"streamed\":true"));

    let playlist = one["playlist"].as_str().unwrap().to_owned();
    let answer = wait_for("a playlist of three segments", || {
        let answer = server.get(&playlist, "");
        (String::from_utf8_lossy(&answer.body).matches("#EXTINF").count() >= 3).then_some(answer)
    });
    assert_eq!(answer.header("content-type"), Some("application/vnd.apple.mpegurl"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.starts_with("#EXTM3U\n") && text.contains("#EXT-X-TARGETDURATION:6\n"), "{text}");
    let lengths: Vec<f64> =
        text.lines().filter_map(|line| line.strip_prefix("#EXTINF:")?.trim_end_matches(',').parse().ok()).collect();
    assert!(lengths.iter().all(|s| (1.5..=6.5).contains(s)), "key frames come every two seconds: {lengths:?}");

    // All of it, decoded by another hand.
    let base = playlist.rsplit_once('/').unwrap().0;
    let mut bytes = Vec::new();
    for name in text.lines().filter(|line| line.ends_with(".ts")) {
        let segment = server.get(&format!("{base}/{name}"), "");
        assert_eq!((segment.status, segment.header("content-type")), (200, Some("video/mp2t")));
        bytes.extend(segment.body);
    }
    let found = Found::in_transport_stream(&hls.join("all.ts"), &bytes);
    found.assert_is_the_room("HLS");

    // Its neighbours are not to be had.
    for path in [
        format!("{base}/r1.m3u8"),
        format!("{base}/../../../etc/passwd"),
        format!("{base}/..%2f..%2fetc%2fpasswd"),
        format!("{base}/%2e%2e/room.m3u8"),
        format!("/hls/{}/room.m3u8", "a".repeat(32)),
        "/hls/../room.m3u8".to_owned(),
    ] {
        assert_ne!(server.get(&path, "").body, text.as_bytes(), "{path}");
        assert!(!String::from_utf8_lossy(&server.get(&path, "").body).contains("root:"), "{path}");
    }
    assert_eq!(server.ask("POST", &playlist, "{}").status, 405);

    // He who feeds it is nobody.
    let roster = json_of(&server.get("/api/v1/rooms/daily/participants", "").body);
    assert_eq!(roster.as_array().unwrap().len(), 2, "{roster}");
    let room = json_of(&server.get("/api/v1/rooms/daily", "").body);
    assert_eq!((&room["participants"], &room["streamed"]), (&json!(2), &json!(true)));
    let seen = view(&server, &one);
    assert!(seen["segments"].as_u64() >= Some(3) && seen["bytes"].as_u64() > Some(50_000), "{seen}");

    // Its program is killed, and comes back: the playlist goes on.
    let old = server.children("gst-launch-1.0");
    assert_eq!(old.len(), 1);
    room::kill(old[0]);
    let again = wait_for("it runs again", || {
        let text = String::from_utf8(server.get(&playlist, "").body).unwrap();
        (text.contains("#EXT-X-DISCONTINUITY\n") && text.contains("r2-00000.ts")).then_some(text)
    });
    assert!(again.contains("r1-"), "what was there stays: {again}");
    let seen = view(&server, &one);
    assert_eq!((&seen["state"], &seen["restarts"]), (&json!("running"), &json!(1)));
    assert!(seen["error"]["message"].as_str().unwrap().contains("signal: 9"), "{seen}");

    end(&server, &one);
    assert!(anne.next("streamed").contains("\"streamed\":false"));
    assert_eq!(server.get(&playlist, "").status, 404);
    wait_until_gone(&server);
    drop(std::fs::remove_file(hls.join("all.ts")));
    room::forget_decoded(&hls);
    wait_for("no file is left", || (files_in(&hls) == 0).then_some(()));
}

#[test]
fn a_room_is_called_out_by_srt_and_can_be_called() {
    if !has_gstreamer() {
        return;
    }
    let server = server(
        25_140,
        &[("COLLOQUY__EGRESS__ALLOW", "[\"127.0.0.1\"]"), ("COLLOQUY__EGRESS__SRT_LISTEN", "[\"127.0.0.1:25161\"]")],
    );
    let _publisher = Publisher::start(&server, TONE_HZ as u32);
    let folder = folder("srt");

    // We call.
    let called =
        Receiver::start(&folder.join("called"), "srtsrc uri=srt://127.0.0.1:25160?mode=listener&passphrase=0123456789");
    let url = "srt://127.0.0.1:25160?streamid=publish:daily&passphrase=0123456789&latency=100";
    let calls = begin(&server, &json!({"kind": "srt", "url": url})).unwrap();
    assert_eq!(calls["target"], "srt://127.0.0.1:25160");
    wait_until_running(&server, &calls);
    wait_for("four seconds", || (view(&server, &calls)["seconds"].as_u64() >= Some(6)).then_some(()));
    called.finish().assert_is_the_room("SRT, called out");

    // We are called.
    let waits = begin(&server, &json!({"kind": "srt", "url": "srt://127.0.0.1:25161?mode=listener"})).unwrap();
    wait_until_running(&server, &waits);
    let calling = Receiver::start(&folder.join("calling"), "srtsrc uri=srt://127.0.0.1:25161?mode=caller");
    let from = view(&server, &waits)["seconds"].as_u64().unwrap();
    wait_for("six seconds", || (view(&server, &waits)["seconds"].as_u64() >= Some(from + 7)).then_some(()));
    calling.finish().assert_is_the_room("SRT, called");

    // The room ends, and so do they.
    let all = json_of(&server.get(ROOM, "").body);
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(server.ask("DELETE", "/api/v1/rooms/daily", "").status, 204);
    wait_until_gone(&server);
}

#[test]
fn a_room_leaves_by_rtmp() {
    if !has_gstreamer() {
        return;
    }
    let log = folder("rtmp-log").join("log.txt");
    let variables = [("COLLOQUY__EGRESS__ALLOW", "[\"127.0.0.0/8\"]"), ("COLLOQUY__LOG__LEVEL", "debug")];
    let server = room::logged_server(25_180, &variables, &log);
    let _publisher = Publisher::start(&server, TONE_HZ as u32);
    let platform = rtmp::Platform::start();
    let key = "live_4711-swordfish";
    let url = format!("rtmp://127.0.0.1:{}/app/{key}?auth=halibut", platform.port);
    let one = begin(&server, &json!({"kind": "rtmp", "url": url})).unwrap();
    assert_eq!(one["target"], format!("rtmp://127.0.0.1:{}/app/***", platform.port));
    wait_until_running(&server, &one);
    wait_for("six seconds", || (view(&server, &one)["seconds"].as_u64() >= Some(7)).then_some(()));
    let taken = platform.taken();
    assert_eq!((taken.app.as_str(), taken.key.as_str()), ("app", "live_4711-swordfish?auth=halibut"));
    Found::in_flv(&folder("rtmp").join("taken.flv"), &taken.flv).assert_is_the_room("RTMP");
    end(&server, &one);
    wait_until_gone(&server);

    // A platform that is not there: it is tried again and again, and why is told without the key.
    let nobody = format!("rtmp://127.0.0.1:25199/app/{key}?auth=halibut");
    let one = begin(&server, &json!({"kind": "rtmp", "url": nobody, "video": false})).unwrap();
    let seen = wait_for("a second try", || {
        let seen = view(&server, &one);
        (seen["restarts"].as_u64() >= Some(1) && seen["state"] == "retrying").then_some(seen)
    });
    assert!(
        seen["error"]["message"].as_str().unwrap().contains("cannot be reached")
            || seen["error"]["message"].as_str().unwrap().contains("refuse"),
        "{seen}"
    );
    assert!(!seen.to_string().contains("swordfish"));
    let list = String::from_utf8(server.get(ROOM, "").body).unwrap();
    end(&server, &one);
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("a stream broke off"), "{log}");
    for text in [&log, &list] {
        assert!(!text.contains("swordfish") && !text.contains("halibut"), "{text}");
    }
}

#[test]
fn streams_begin_and_end_without_a_trace_also_where_plain_rtp_is_off() {
    if !has_gstreamer() {
        return;
    }
    let hls = folder("hls-2");
    let variables = [
        ("COLLOQUY__EGRESS__HLS_DIR", hls.to_str().unwrap()),
        ("COLLOQUY__EGRESS__MAX", "2"),
        ("COLLOQUY__RTP__ENABLED", "false"),
    ];
    let server = server(25_220, &variables);
    let _anne = Client::join(25_220);
    let wish = json!({"kind": "hls"});
    // Two are as many as may be.
    let pair = [begin(&server, &wish).unwrap(), begin(&server, &json!({"kind": "hls", "video": false})).unwrap()];
    let (status, code, _) = begin(&server, &wish).unwrap_err();
    assert_eq!((status, code.as_str()), (503, "egress.too_many"));
    pair.iter().for_each(|one| wait_until_running(&server, one));
    pair.iter().for_each(|one| end(&server, one));
    wait_until_gone(&server);
    let before = server.descriptors();
    for i in 0..25 {
        let one = wait_for("a place", || begin(&server, &wish).ok());
        if i % 5 == 0 {
            wait_for("its program", || (!server.children("gst-launch-1.0").is_empty()).then_some(()));
        }
        end(&server, &one);
    }
    wait_until_gone(&server);
    wait_for("no descriptor is left", || (server.descriptors() <= before).then_some(()));
    wait_for("no file is left", || (files_in(&hls) == 0).then_some(()));
    assert_eq!(json_of(&server.get(ROOM, "").body), json!([]));
}

#[test]
fn programs_end_with_the_server_however_it_ends() {
    if !has_gstreamer() {
        return;
    }
    let hls = folder("hls-3");
    let variables = [("COLLOQUY__EGRESS__HLS_DIR", hls.to_str().unwrap()), ("COLLOQUY__DRAIN_S", "1")];
    for (port, signal) in [(25_240, "KILL"), (25_260, "TERM")] {
        let mut server = server(port, &variables);
        let _anne = Client::join(port);
        let one = begin(&server, &json!({"kind": "hls"})).unwrap();
        wait_until_running(&server, &one);
        let programs = server.children("gst-launch-1.0");
        assert_eq!(programs.len(), 1);
        server.signal(signal);
        server.wait();
        wait_for("the program is gone", || (!room::is_alive(programs[0])).then_some(()));
        // One that was killed leaves its files to the next.
        assert_eq!(files_in(&hls) == 0, signal == "TERM", "{signal}");
    }
}

#[test]
fn what_cannot_be_is_refused_with_cause_and_remedy() {
    let server = server(
        25_280,
        &[("COLLOQUY__EGRESS__ALLOW", "[\"127.0.0.0/8\", \"live.example.org\"]"), ("COLLOQUY__RTP__ENABLED", "false")],
    );
    let rtmp = "rtmp://127.0.0.1/app/key";
    assert_eq!(begin(&server, &json!({"kind": "rtmp", "url": rtmp})).unwrap_err().1, "room.unknown");
    let _anne = Client::join(25_280);
    let refused = [
        (json!({}), 422, "request.malformed"),
        (json!({"kind": "rtsp"}), 422, "request.malformed"),
        (json!({"kind": "hls", "port": 5}), 422, "request.malformed"),
        (json!({"kind": "hls"}), 501, "egress.unavailable"),
        (json!({"kind": "hls", "url": rtmp}), 422, "egress.rejected"),
        (json!({"kind": "rtmp"}), 422, "egress.rejected"),
        (json!({"kind": "srt"}), 422, "egress.rejected"),
        (json!({"kind": "srt", "url": rtmp}), 422, "egress.rejected"),
        (json!({"kind": "rtmp", "url": "srt://127.0.0.1:9000"}), 422, "egress.rejected"),
        (json!({"kind": "rtmp", "url": "file:///etc/passwd"}), 422, "egress.rejected"),
        (json!({"kind": "rtmp", "url": "rtmp://127.0.0.1/app/key ! filesink location=/tmp/x"}), 422, "egress.rejected"),
        (json!({"kind": "rtmp", "url": "rtmp://127.0.0.1/app/\"key"}), 422, "egress.rejected"),
        (json!({"kind": "rtmp", "url": format!("{rtmp}{}", "x".repeat(2_000))}), 422, "egress.rejected"),
        (json!({"kind": "rtmp", "url": rtmp, "video": false, "layout": "grid"}), 422, "egress.rejected"),
        (json!({"kind": "rtmp", "url": "rtmp://169.254.169.254/latest/meta"}), 403, "egress.denied"),
        (json!({"kind": "rtmp", "url": "rtmp://10.0.0.7/app/key"}), 403, "egress.denied"),
        (json!({"kind": "srt", "url": "srt://127.0.0.1:22?mode=listener"}), 403, "egress.denied"),
        (json!({"kind": "srt", "url": "srt://127.0.0.1:9000?passphrase=short"}), 422, "egress.rejected"),
        (json!({"kind": "rtmp", "url": rtmp, "name": "\u{7}"}), 400, "protocol.malformed"),
    ];
    for (wish, status, code) in refused {
        let (got, said, words) = begin(&server, &wish).map(|one| panic!("{wish} was taken: {one}")).unwrap_err();
        assert_eq!(
            (said.as_str(), got == status || said == "request.malformed"),
            (code, true),
            "{wish}: {got} {words}"
        );
        assert!(!words.contains("swordfish"));
    }
    assert_eq!(json_of(&server.get(ROOM, "").body), json!([]), "nothing is left behind");
    assert_eq!(server.get(&format!("{ROOM}/nothing"), "").status, 404);
    assert_eq!(server.get("/hls/x/room.m3u8", "").status, 404);
}

#[test]
fn what_the_server_lacks_is_named() {
    let lacks = |port: u16, variables: &[(&str, &str)], wish: Value| {
        let server = server(port, variables);
        let _anne = Client::join(port);
        begin(&server, &wish).unwrap_err()
    };
    let srt = json!({"kind": "srt", "url": "srt://127.0.0.1:9000"});
    let allow = ("COLLOQUY__EGRESS__ALLOW", "[\"127.0.0.1\"]");
    let (status, code, words) =
        lacks(25_300, &[allow, ("COLLOQUY__EGRESS__PROGRAM", "/nowhere/gst-launch-1.0")], srt.clone());
    assert_eq!((status, code.as_str()), (501, "egress.unavailable"));
    assert!(words.contains("GStreamer") && words.contains("install"), "{words}");
    let (status, code, words) = lacks(25_320, &[allow, ("COLLOQUY__MIX__VIDEO__ENABLED", "false")], srt.clone());
    assert_eq!((status, code.as_str()), (501, "egress.unavailable"));
    assert!(words.contains("mix.video.enabled"), "{words}");
    let (_, code, words) = lacks(25_340, &[allow, ("COLLOQUY__MIX__ENABLED", "false")], srt.clone());
    assert!(code == "egress.unavailable" && words.contains("mix.enabled"), "{words}");
    let off = ("COLLOQUY__EGRESS__ENABLED", "false");
    let (status, code, _) = lacks(25_360, &[off], srt);
    assert_eq!((status, code.as_str()), (404, "egress.disabled"));
    // A program that is there, and lacks what is needed.
    let tools = folder("tools");
    for name in ["gst-launch-1.0", "gst-inspect-1.0"] {
        let path = tools.join(name);
        std::fs::write(&path, "#!/bin/sh\necho 'coreelements:  fdsrc: Filedescriptor Source'\n").unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let program = tools.join("gst-launch-1.0");
    let program = ("COLLOQUY__EGRESS__PROGRAM", program.to_str().unwrap());
    let (status, _, words) = lacks(25_380, &[allow, program], json!({"kind": "srt", "url": "srt://127.0.0.1:9000"}));
    assert!(status == 501 && words.contains("gstreamer1.0-"), "{words}");
}
