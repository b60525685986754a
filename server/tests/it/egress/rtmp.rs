//! A platform that takes RTMP: it says yes to whatever comes, and keeps it as FLV.

use rml_rtmp::handshake::{Handshake, HandshakeProcessResult, PeerType};
use rml_rtmp::sessions::{ServerSession, ServerSessionConfig, ServerSessionEvent, ServerSessionResult};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What it was sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken {
    pub(super) app: String,
    pub(super) key: String,
    pub(super) flv: Vec<u8>,
}

pub(super) struct Platform {
    pub(super) port: u16,
    taken: Arc<Mutex<Taken>>,
}

impl Platform {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken: Arc<Mutex<Taken>> = Arc::default();
        let kept = Arc::clone(&taken);
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let _ = serve(stream, &kept);
            }
        });
        Self { port, taken }
    }

    pub(super) fn taken(&self) -> Taken {
        self.taken.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, taken: &Mutex<Taken>) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let mut buffer = vec![0; 64 * 1024];
    let mut handshake = Handshake::new(PeerType::Server);
    stream.write_all(&handshake.generate_outbound_p0_and_p1().ok()?).ok()?;
    let mut rest = loop {
        let n = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
        match handshake.process_bytes(&buffer[..n]).ok()? {
            HandshakeProcessResult::InProgress { response_bytes } => stream.write_all(&response_bytes).ok()?,
            HandshakeProcessResult::Completed { response_bytes, remaining_bytes } => {
                stream.write_all(&response_bytes).ok()?;
                break remaining_bytes;
            }
        }
    };
    // FLV, version 1, with sound and pictures (its specification, annex E.2).
    taken.lock().unwrap().flv = vec![b'F', b'L', b'V', 1, 5, 0, 0, 0, 9, 0, 0, 0, 0];
    let (mut session, mut results) = ServerSession::new(ServerSessionConfig::new()).ok()?;
    loop {
        let mut next = Vec::new();
        for result in results {
            match result {
                ServerSessionResult::OutboundResponse(packet) => stream.write_all(&packet.bytes).ok()?,
                ServerSessionResult::RaisedEvent(event) => match event {
                    ServerSessionEvent::ConnectionRequested { request_id, app_name } => {
                        taken.lock().unwrap().app = app_name;
                        next.extend(session.accept_request(request_id).ok()?);
                    }
                    ServerSessionEvent::PublishStreamRequested { request_id, stream_key, .. } => {
                        taken.lock().unwrap().key = stream_key;
                        next.extend(session.accept_request(request_id).ok()?);
                    }
                    ServerSessionEvent::AudioDataReceived { data, timestamp, .. } => {
                        tag(&mut taken.lock().unwrap().flv, 8, timestamp.value, &data);
                    }
                    ServerSessionEvent::VideoDataReceived { data, timestamp, .. } => {
                        tag(&mut taken.lock().unwrap().flv, 9, timestamp.value, &data);
                    }
                    _ => {}
                },
                ServerSessionResult::UnhandleableMessageReceived(_) => {}
            }
        }
        if next.is_empty() {
            if rest.is_empty() {
                let n = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
                rest = buffer[..n].to_vec();
            }
            next = session.handle_input(&std::mem::take(&mut rest)).ok()?;
        }
        results = next;
    }
}

fn tag(flv: &mut Vec<u8>, kind: u8, ms: u32, data: &[u8]) {
    let len = (data.len() as u32).to_be_bytes();
    let time = ms.to_be_bytes();
    flv.extend([kind, len[1], len[2], len[3], time[1], time[2], time[3], time[0], 0, 0, 0]);
    flv.extend(data);
    flv.extend((data.len() as u32 + 11).to_be_bytes());
}
