//! Plain RTP in and out of a server that runs.

use crate::support::{self, server::Server};
use serde_json::{Value, json};
use std::f64::consts::TAU;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
const ROOM: &str = "/api/v1/rooms/phones/rtp";

fn server(port: u16) -> Server {
    let (first, last) = ((port + 10).to_string(), (port + 19).to_string());
    Server::start(
        port,
        &[
            ("COLLOQUY__RTP__ENABLED", "true"),
            ("COLLOQUY__RTP__ALLOW", "[\"127.0.0.0/8\"]"),
            ("COLLOQUY__RTP__DENY", "[\"127.0.0.66\"]"),
            ("COLLOQUY__RTP__PORT_FIRST", &first),
            ("COLLOQUY__RTP__PORT_LAST", &last),
        ],
    )
}

/// Connects one; `Err` has the code and what it says.
fn connect(server: &Server, wish: &Value) -> Result<Value, (u16, String)> {
    let answer = server.ask("POST", ROOM, &wish.to_string());
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    if answer.status == 201 {
        return Ok(body);
    }
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert!(body["detail"].is_string() && body["remedy"].is_string(), "{body}");
    Err((answer.status, body["code"].as_str().unwrap().to_owned()))
}

fn wait_until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "it does not come to that");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn end(server: &Server, one: &Value) {
    let path = format!("{ROOM}/{}", one["participant"].as_str().unwrap());
    assert_eq!(server.ask("DELETE", &path, "").status, 204);
    assert_eq!(server.ask("DELETE", &path, "").status, 404);
}

#[test]
fn ports_are_taken_and_given_back() {
    let server = server(24_700);
    let speaks = json!({"name": "PSTN", "audio": {"direction": "sendonly"}});
    let one = connect(&server, &speaks).unwrap();
    let roster: Value = serde_json::from_slice(&server.get("/api/v1/rooms/phones/participants", "").body).unwrap();
    assert_eq!((&roster[0]["name"], &roster[0]["state"]), (&json!("PSTN"), &json!("connecting")));
    let sdp = one["sdp"].as_str().unwrap();
    let port = one["audio"]["rtp"].as_str().unwrap().rsplit(':').next().unwrap();
    assert!(sdp.contains(&format!("m=audio {port} RTP/AVP 111\r\nc=IN IP4 127.0.0.1\r\n")), "{sdp}");
    assert!(sdp.contains("a=recvonly\r\na=rtpmap:111 opus/48000/2\r\n"), "{sdp}");

    // It speaks: from then on it is connected, and its packets are counted.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let path = format!("{ROOM}/{}", one["participant"].as_str().unwrap());
    let read = || serde_json::from_slice::<Value>(&server.get(&path, "").body).unwrap();
    let mut packet: Vec<u8> = vec![0x80, 111, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0xF8, 0xFF, 0xFE];
    wait_until(|| {
        packet[3] = packet[3].wrapping_add(1);
        socket.send_to(&packet, format!("127.0.0.1:{port}")).unwrap();
        read()["stats"]["receive"][0]["packets"].as_u64().unwrap_or(0) >= 3
    });
    let stats = read();
    assert_eq!(stats["state"], "connected");
    assert_eq!(stats["paths"][0]["source"], socket.local_addr().unwrap().to_string());
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.send_to(&packet, format!("127.0.0.1:{port}")).unwrap();
    wait_until(|| read()["paths"][0]["strangers"] == 1);
    let all: Value = serde_json::from_slice(&server.get(ROOM, "").body).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 1);
    assert!(all[0].get("sdp").is_none(), "it is told once");

    // Five pairs of ports are all there are.
    let more: Vec<Value> = (0..4).map(|_| connect(&server, &speaks).unwrap()).collect();
    assert_eq!(connect(&server, &speaks), Err((503, "rtp.no_port".into())));
    more.iter().for_each(|one| end(&server, one));
    wait_until(|| connect(&server, &speaks).is_ok());

    // Again and again: nothing is left behind.
    let before = server.descriptors();
    for _ in 0..300 {
        let mut one = None;
        wait_until(|| {
            one =
                connect(&server, &json!({"audio": {"direction": "sendonly"}, "video": {"direction": "sendonly"}})).ok();
            one.is_some()
        });
        end(&server, &one.unwrap());
    }
    wait_until(|| server.descriptors() <= before);
    wait_until(|| {
        let metrics = String::from_utf8(server.get("/metrics", "").body).unwrap();
        metrics.lines().any(|line| line.starts_with("colloquy_worker_participants{") && line.ends_with(" 2"))
    });
}

#[test]
fn what_cannot_be_is_refused_with_a_reason() {
    let server = server(24_730);
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";
    let refused = [
        (json!({}), 422, "rtp.rejected"),
        (json!({"audio": {"direction": "recvonly"}}), 422, "rtp.rejected"),
        (json!({"audio": {"direction": "sendonly", "codec": "PCMU"}}), 422, "rtp.rejected"),
        (json!({"audio": {"direction": "sendonly", "payload_type": 0}}), 422, "rtp.rejected"),
        (json!({"audio": {"direction": "sendonly", "layout": "grid"}}), 422, "rtp.rejected"),
        (json!({"audio": {"direction": "sendonly"}, "timeout_s": 0}), 422, "rtp.rejected"),
        (json!({"audio": {"direction": "sendonly"}, "timeout_s": 9_999}), 422, "rtp.rejected"),
        (json!({"audio": {"direction": "sendonly", "srtp": {"suite": "NULL", "key": key}}}), 422, "rtp.rejected"),
        (
            json!({"audio": {"direction": "sendonly", "srtp": {"suite": "AEAD_AES_128_GCM", "key": key}}}),
            422,
            "rtp.rejected",
        ),
        (
            json!({"audio": {"direction": "sendonly", "srtp": {"suite": "AES_CM_128_HMAC_SHA1_80", "key": format!("{key}|2^20|1:4")}}}),
            422,
            "rtp.rejected",
        ),
        (json!({"audio": {"direction": "recvonly", "address": "203.0.113.7:5004"}}), 403, "rtp.denied"),
        (json!({"audio": {"direction": "recvonly", "address": "127.0.0.66:5004"}}), 403, "rtp.denied"),
        (json!({"audio": {"direction": "recvonly", "address": "[::1]:5004"}}), 422, "rtp.rejected"),
        (
            json!({"video": {"direction": "recvonly", "address": "127.0.0.1:5004", "participant": "p999"}}),
            404,
            "room.unknown",
        ),
        (json!({"audio": {"direction": "sideways"}}), 422, "request.malformed"),
        (json!({"audio": {"direction": "sendonly", "port": 5}}), 422, "request.malformed"),
        (json!({"name": "\u{7}", "audio": {"direction": "sendonly"}}), 400, "protocol.malformed"),
    ];
    for (wish, status, code) in refused {
        let Err((got, said)) = connect(&server, &wish) else { panic!("{wish} was taken") };
        assert_eq!((said.as_str(), got == status || said == "request.malformed"), (code, true), "{wish}: {got}");
    }
    let rooms: Value = serde_json::from_slice(&server.get("/api/v1/rooms", "").body).unwrap();
    assert_eq!(rooms, json!([]), "nothing is left behind");
    let taken = json!({"audio": {"direction": "sendrecv", "srtp": {"suite": "AES_CM_128_HMAC_SHA1_80", "key": key}}, "timeout_s": 0});
    let one = connect(&server, &taken).unwrap();
    assert!(
        one["sdp"].as_str().unwrap().contains("RTP/SAVP")
            && one["sdp"].as_str().unwrap().contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:")
    );
    assert!(!one.to_string().contains(key), "his own key is told to nobody");
    assert_eq!(server.get("/api/v1/rooms/nowhere/rtp", "").status, 404);
}

#[test]
fn without_a_word_of_the_operator_there_is_none() {
    let server = Server::start(24_760, &[]);
    assert_eq!(connect(&server, &json!({"audio": {"direction": "sendonly"}})), Err((404, "rtp.disabled".into())));
    let run =
        support::run(&["check"], &[("COLLOQUY__RTP__ENABLED", "true"), ("COLLOQUY__HTTP__LISTEN", "127.0.0.1:0")]);
    assert!(run.code != 0 && (run.out + &run.err).contains("rtp.allow"));
}

/// A program of GStreamer, ended with the test.
struct Pipeline(Child);

impl Pipeline {
    fn run(elements: &str) -> Self {
        let mut command = Command::new("gst-launch-1.0");
        command.args(["-q", "-e"]).args(elements.split_whitespace());
        Self(command.stdout(Stdio::null()).spawn().expect("gst-launch-1.0 runs"))
    }

    /// Ends it so that its files are whole.
    fn finish(mut self) {
        let status = Command::new("kill").args(["-s", "INT", &self.0.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
        wait_until(|| self.0.try_wait().expect("it can be waited for").is_some());
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// How loud a tone is in the second half of a file of 16-bit samples at 48 kHz, 1 being the loudest there is.
fn loudness(file: &Path, hz: f64) -> f64 {
    let bytes = std::fs::read(file).unwrap_or_default();
    let samples: Vec<f64> =
        bytes.as_chunks::<2>().0.iter().map(|two| f64::from(i16::from_le_bytes(*two)) / 32_768.0).collect();
    let half = &samples[samples.len() / 2..];
    let (mut re, mut im) = (0.0, 0.0);
    for (i, sample) in half.iter().enumerate() {
        let turn = TAU * hz * i as f64 / 48_000.0;
        re += sample * turn.cos();
        im += sample * turn.sin();
    }
    2.0 * re.hypot(im) / half.len().max(1) as f64
}

fn has(element: &str) -> bool {
    let inspect = Command::new("gst-inspect-1.0").args(["--exists", element]).status();
    inspect.is_ok_and(|status| status.success())
}

#[test]
fn gstreamer_speaks_in_and_listens_by_the_sdp_it_is_given() {
    if !["opusenc", "opusdec", "rtpopuspay", "rtpopusdepay", "sdpdemux", "udpsink", "srtpenc"]
        .iter()
        .all(|name| has(name))
    {
        eprintln!("skipped: GStreamer is not installed");
        return;
    }
    let server = server(24_780);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let speak = |one: &Value, hz: u32, seal: &str| {
        let port = one["audio"]["rtp"].as_str().unwrap().rsplit(':').next().unwrap();
        Pipeline::run(&format!(
            "audiotestsrc is-live=true freq={hz} volume=0.3 ! audio/x-raw,rate=48000,channels=1 ! opusenc ! \
             rtpopuspay pt=111 ssrc=1234 ! {seal} udpsink host=127.0.0.1 port={port} sync=false"
        ))
    };
    let clear = connect(&server, &json!({"name": "in the clear", "audio": {"direction": "sendonly"}})).unwrap();
    let key: Vec<u8> = (0..30).collect();
    let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";
    let keys = json!({"suite": "AES_CM_128_HMAC_SHA1_80", "key": format!("inline:{base64}")});
    let sealed = connect(&server, &json!({"audio": {"direction": "sendonly", "ssrc": 1234, "srtp": keys}})).unwrap();
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let srtpenc = format!(
        "srtpenc key={hex} rtp-cipher=aes-128-icm rtp-auth=hmac-sha1-80 rtcp-cipher=aes-128-icm rtcp-auth=hmac-sha1-80 !"
    );
    let listener = json!({"name": "ear", "audio": {"direction": "recvonly", "address": "127.0.0.1:24806"}});
    let ear = connect(&server, &listener).unwrap();
    let sdp = support::file("ear.sdp", ear["player_sdp"].as_str().unwrap());
    let heard = folder.join("heard.raw");
    drop(std::fs::remove_file(&heard));
    let listens = Pipeline::run(&format!(
        "filesrc location={sdp} ! sdpdemux ! rtpopusdepay ! opusdec ! audioconvert ! audioresample ! \
         audio/x-raw,format=S16LE,rate=48000,channels=1 ! filesink location={} buffer-mode=unbuffered sync=false",
        heard.display()
    ));
    let speakers = [speak(&clear, 1_000, ""), speak(&sealed, 2_400, &srtpenc)];
    let tones = |wanted: f64| [1_000.0, 2_400.0].iter().all(|hz| loudness(&heard, *hz) > wanted);
    let length = || std::fs::metadata(&heard).map_or(0, |file| file.len());
    wait_until(|| length() > 2 * 48_000 && tones(0.05));
    assert!(loudness(&heard, 1_700.0) < 0.01, "and nothing else");
    listens.finish();
    drop(speakers);
    end(&server, &ear);
}
