//! The floor: what forwarding costs with nothing but the work that cannot be left out. One packet is opened, and for each
//! receiver a header is copied, the payload is copied and sealed, and all is handed to the kernel in batches.
//!
//! It runs as a child process on the server's core, takes commands on its standard input, and answers each with a line.

mod flows;

pub use flows::{Flow, FlowsArgs, child as flows_child};

use crate::os;
use crate::sys::BareSender;
use anyhow::{Context as _, Result, bail};
use colloquy_codecs::rtp::RtpHeader;
use colloquy_codecs::rtp::{HeaderFields, write_header};
use colloquy_media_core::transport::srtp::{self, Profile, SrtpReceiver, SrtpSender};
use std::io::{BufRead as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

/// What a floor is measured for; given on the command line of the child.
#[derive(Debug, Clone, clap::Args)]
pub struct FloorArgs {
    /// Loopback ports that the packets go to.
    #[arg(long, value_delimiter = ',')]
    pub ports: Vec<u16>,
    /// Packets that arrive together.
    #[arg(long, default_value_t = 1)]
    pub burst: usize,
    /// Bursts in a second.
    #[arg(long)]
    pub bursts_per_s: f64,
    /// Bytes of a packet's payload.
    #[arg(long)]
    pub payload_bytes: usize,
    /// SRTP profile by its IANA name.
    #[arg(long)]
    pub profile: String,
}

/// What one round of the floor cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FloorRound {
    /// Thread CPU time.
    pub cpu_ns: u64,
    /// Packets that the kernel took.
    pub packets: u64,
}

/// Length of the header that the server sends: no extensions once the receiver has reported.
const HEADER_LEN: usize = 12;

fn profile(name: &str) -> Result<Profile> {
    let profiles = [Profile::AeadAes128Gcm, Profile::AeadAes256Gcm, Profile::Aes128CmSha1_80];
    profiles.into_iter().find(|profile| profile.name() == name).with_context(|| format!("no SRTP profile {name}"))
}

struct Floor {
    args: FloorArgs,
    socket: UdpSocket,
    sender: BareSender,
    /// Seals what "arrives"; not part of the cost.
    publisher: SrtpSender,
    opener: SrtpReceiver,
    sealers: Vec<SrtpSender>,
    index: u64,
    bytes: Vec<u8>,
}

impl Floor {
    fn new(args: FloorArgs) -> Result<Self> {
        let profile = profile(&args.profile)?;
        let material: Vec<u8> = (0..profile.keying_material_len()).map(|i| i as u8).collect();
        let (publisher, _) = srtp::contexts(profile, &material, true)?;
        let (_, opener) = srtp::contexts(profile, &material, false)?;
        let sealers: Result<Vec<_>, _> =
            args.ports.iter().map(|_| srtp::contexts(profile, &material, false).map(|(sender, _)| sender)).collect();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let _ = socket2::SockRef::from(&socket).set_send_buffer_size(4 << 20);
        let to: Vec<SocketAddrV4> =
            args.ports.iter().map(|port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, *port)).collect();
        Ok(Self {
            sender: BareSender::new(&to),
            socket,
            publisher,
            opener,
            sealers: sealers?,
            index: 0,
            bytes: Vec::with_capacity(args.ports.len() * args.burst * 1500),
            args,
        })
    }

    /// Packets as a publisher sends them.
    fn arrivals(&mut self) -> Result<Vec<Vec<u8>>> {
        (0..self.args.burst)
            .map(|_| {
                let mut packet = Vec::with_capacity(1500);
                let fields = HeaderFields {
                    marker: false,
                    payload_type: 96,
                    sequence: self.index as u16,
                    timestamp: 0,
                    ssrc: 1,
                };
                let extensions = [(3_u8, [0_u8; 2].as_slice()), (4, b"0".as_slice())];
                let header_len = write_header(&mut packet, &fields, extensions.into_iter());
                packet.resize(header_len + self.args.payload_bytes, 0x5a);
                self.publisher.seal_rtp(&mut packet, 0, header_len, 1, self.index)?;
                self.index += 1;
                Ok(packet)
            })
            .collect()
    }

    /// One burst: open each packet, then for each receiver copy, seal and queue each; then send.
    fn burst(&mut self, arrivals: &mut [Vec<u8>], segment: bool) -> Result<usize> {
        let mut opened = Vec::with_capacity(arrivals.len());
        for packet in arrivals.iter_mut() {
            let header = RtpHeader::parse(packet)?;
            let (index, end) = self.opener.open_rtp(packet, &header)?;
            opened.push((index.0, header.header_len, end));
        }
        self.bytes.clear();
        let mut len = 0;
        for (receiver, sealer) in self.sealers.iter_mut().enumerate() {
            let template = [0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, receiver as u8];
            for ((index, start, end), packet) in opened.iter().zip(arrivals.iter()) {
                let start_of_this = self.bytes.len();
                self.bytes.extend_from_slice(&template);
                self.bytes[start_of_this + 2..start_of_this + 4].copy_from_slice(&(*index as u16).to_be_bytes());
                self.bytes.extend_from_slice(packet.get(*start..*end).unwrap_or_default());
                sealer.seal_rtp(&mut self.bytes, start_of_this, HEADER_LEN, receiver as u32, *index)?;
                len = self.bytes.len() - start_of_this;
            }
        }
        Ok(self.sender.send(&self.socket, &mut self.bytes, len, self.args.burst, segment))
    }

    /// Bursts at their rate for `time`. Making the arrivals is taken out of the account.
    fn round(&mut self, time: Duration) -> Result<FloorRound> {
        let interval = Duration::from_secs_f64(1.0 / self.args.bursts_per_s);
        let bursts = (time.as_secs_f64() * self.args.bursts_per_s) as u32;
        let mut ready: Vec<Vec<Vec<u8>>> = (0..bursts).map(|_| self.arrivals()).collect::<Result<_>>()?;
        let start = Instant::now();
        let before = os::thread_cpu_ns();
        let mut packets = 0;
        for (i, arrivals) in ready.iter_mut().enumerate() {
            let due = start + interval * i as u32;
            if let Some(wait) = due.checked_duration_since(Instant::now()) {
                std::thread::sleep(wait);
            }
            packets += self.burst(arrivals, self.args.burst > 1)? as u64;
        }
        Ok(FloorRound { cpu_ns: os::thread_cpu_ns() - before, packets })
    }
}

/// The child: `go MILLISECONDS` on a line runs a round and answers `CPU_NS PACKETS`; the end of the input ends it.
///
/// # Errors
/// When it cannot be set up, or a command is none.
pub fn child(args: FloorArgs) -> Result<()> {
    let mut floor = Floor::new(args)?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let Some(Ok(milliseconds)) = line.strip_prefix("go ").map(str::parse) else { bail!("no command: {line}") };
        let round = floor.round(Duration::from_millis(milliseconds))?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{} {}", round.cpu_ns, round.packets)?;
        out.flush()?;
    }
    Ok(())
}
