//! The steps of a packet, each by itself, and the engine's whole work for one: `cargo bench -p colloquy-bench --bench steps`.

use colloquy_bench::steps::Lab;
use colloquy_codecs::rtp::{HeaderFields, RtpHeader, rewrite_header, write_header};
use colloquy_media_core::transport::srtp::{Profile, SrtpReceiver, SrtpSender, contexts};
use criterion::{BenchmarkId, Criterion, Throughput};
use std::hint::black_box;
use std::time::{Duration, Instant};

const SSRC: u32 = 0x1234_5678;
/// Bytes of a payload: a packet that is nearly full.
const PAYLOAD: usize = 1_100;

fn fields(index: u64) -> HeaderFields {
    HeaderFields { marker: false, payload_type: 96, sequence: index as u16, timestamp: 9_000, ssrc: SSRC }
}

/// A packet with the extensions that browsers send: a transport-wide number and a send time.
fn packet(index: u64) -> (Vec<u8>, usize) {
    let mut packet = Vec::with_capacity(1_500);
    let elements = [(3, [0, 7].as_slice()), (4, [1, 2, 3].as_slice())];
    let header_len = write_header(&mut packet, &fields(index), elements.into_iter());
    packet.resize(header_len + PAYLOAD, 0x5A);
    (packet, header_len)
}

/// A sender, and the receiver of what it seals.
fn pair(profile: Profile) -> (SrtpSender, SrtpReceiver) {
    let keys = vec![7; profile.keying_material_len()];
    let sender = contexts(profile, &keys, true).expect("the keys fit").0;
    (sender, contexts(profile, &keys, false).expect("the keys fit").1)
}

fn srtp(criterion: &mut Criterion) {
    for profile in [Profile::AeadAes128Gcm, Profile::AeadAes256Gcm, Profile::Aes128CmSha1_80] {
        let mut group = criterion.benchmark_group("srtp");
        group.throughput(Throughput::Bytes(PAYLOAD as u64));
        group.bench_function(BenchmarkId::new("seal", profile.name()), |bencher| {
            let (mut sender, _) = pair(profile);
            let ((mut buffer, header_len), mut index) = (packet(0), 0);
            let len = buffer.len();
            bencher.iter(|| {
                // A nonce is never used twice, not even here.
                index += 1;
                buffer.truncate(len);
                sender.seal_rtp(&mut buffer, 0, header_len, SSRC, index)
            });
        });
        group.bench_function(BenchmarkId::new("open", profile.name()), |bencher| {
            let (mut sender, mut receiver) = pair(profile);
            let mut index = 0_u64;
            bencher.iter_custom(|rounds| {
                let mut took = Duration::ZERO;
                for _ in 0..rounds {
                    index += 1;
                    let (mut sealed, header_len) = packet(index);
                    sender.seal_rtp(&mut sealed, 0, header_len, SSRC, index).expect("it is long enough");
                    let header = RtpHeader::parse(&sealed).expect("it is one of ours");
                    let started = Instant::now();
                    let opened = receiver.open_rtp(&mut sealed, &header);
                    took += started.elapsed();
                    black_box(opened).expect("it is authentic");
                }
                took
            });
        });
        group.finish();
    }
}

fn header(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("header");
    let (mut packet, _) = packet(1);
    group.bench_function("parse", |bencher| bencher.iter(|| RtpHeader::parse(black_box(&packet))));
    group.bench_function("rewrite", |bencher| bencher.iter(|| rewrite_header(black_box(&mut packet), &fields(2))));
    group.bench_function("write", |bencher| {
        let mut out = Vec::with_capacity(1_500);
        let elements = [(3, [0, 7].as_slice()), (4, [1, 2, 3].as_slice())];
        bencher.iter(|| {
            out.clear();
            write_header(&mut out, black_box(&fields(3)), elements.into_iter())
        });
    });
    group.finish();
}

fn engine(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("engine/handle_datagram");
    group.sample_size(20);
    for viewers in [1, 50] {
        group.throughput(Throughput::Elements(viewers as u64));
        group.bench_function(BenchmarkId::from_parameter(viewers), |bencher| {
            let mut lab = Lab::new(viewers).expect("everybody is let in");
            bencher.iter_custom(|rounds| {
                let mut took = Duration::ZERO;
                for _ in 0..rounds {
                    let mut media = lab.media().expect("media flows");
                    let started = Instant::now();
                    lab.forward(&mut media);
                    took += started.elapsed();
                    lab.deliver();
                }
                took
            });
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    srtp(&mut criterion);
    header(&mut criterion);
    engine(&mut criterion);
    criterion.final_summary();
}
