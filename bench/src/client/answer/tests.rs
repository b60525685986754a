//! Two clients, one of which offers as a server does.

use crate::client::{Client, ClientCertificate, ClientConfig, Pace};
use colloquy_media_core::api::Codec;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Carries datagrams between them for a while, in virtual time.
fn carry(clients: &mut [Client; 2], from: Instant, time: Duration) -> Instant {
    let mut now = from;
    while now < from + time {
        for client in &mut *clients {
            client.handle_timeout(now);
        }
        for sender in 0..2 {
            while let Some(mut datagram) = clients[sender].poll_transmit() {
                clients[1 - sender].handle_datagram(now, datagram.remote, datagram.local, &mut datagram.bytes);
            }
        }
        now += Duration::from_millis(5);
    }
    now
}

#[test]
fn a_guest_receives_what_is_offered_and_what_is_offered_later() {
    let (epoch, certificate) = (Instant::now(), ClientCertificate::generate());
    let client = |port: u16| {
        let local = SocketAddr::from(([127, 0, 0, 1], port));
        Client::new(ClientConfig::new(u64::from(port), local, certificate.clone(), epoch))
    };
    let mut clients = [client(1), client(2)];
    clients[0].publish(Codec::Opus, Pace::OPUS);
    let offer = clients[0].offer();
    let answer = clients[1].accept_offer(epoch, &offer).unwrap();
    assert!(answer.contains("a=setup:active") && answer.contains("a=recvonly"), "{answer}");
    clients[0].accept(epoch, &answer).unwrap();
    let now = carry(&mut clients, epoch, Duration::from_secs(2));
    assert!(clients.iter().all(Client::is_connected));
    let heard = clients[1].place_stats("0").unwrap();
    assert!(heard.packets > 50 && heard.lost == 0, "{heard:?}");

    clients[0].publish(Codec::Vp8, Pace::SMALL_VIDEO);
    let offer = clients[0].offer();
    let answer = clients[1].accept_offer(now, &offer).unwrap();
    assert!(answer.contains("a=rtpmap:97 rtx"), "retransmissions are taken with what they repeat: {answer}");
    clients[0].accept(now, &answer).unwrap();
    carry(&mut clients, now, Duration::from_secs(1));
    let (heard, seen) = (clients[1].place_stats("0").unwrap(), clients[1].place_stats("1").unwrap());
    assert!(heard.packets > 100 && seen.packets > 10, "{heard:?} {seen:?}");
}

#[test]
fn what_is_no_media_is_taken_as_it_is_and_nonsense_is_refused() {
    let (epoch, certificate) = (Instant::now(), ClientCertificate::generate());
    let local = SocketAddr::from(([127, 0, 0, 1], 1));
    let mut client = Client::new(ClientConfig::new(1, local, certificate, epoch));
    let offer = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE 0\r\na=fingerprint:sha-256 AA\r\n\
                 m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:a\r\na=ice-pwd:b\r\na=setup:actpass\r\n\
                 a=mid:0\r\na=sctp-port:5000\r\n";
    let answer = client.accept_offer(epoch, offer).unwrap();
    assert!(answer.contains("m=application 9 UDP/DTLS/SCTP webrtc-datachannel") && answer.contains("a=sctp-port:5000"));
    assert!(client.accept_offer(epoch, "hello").is_err());
    assert_eq!(client.place_mids().count(), 0);
}
