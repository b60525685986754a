//! The floor of a whole scenario: many publishers' packets, each at its own rate, to their receivers.

use super::{Floor, FloorArgs, FloorRound};
use crate::os;
use anyhow::{Context as _, Result, bail};
use std::io::{BufRead as _, Write as _};
use std::time::{Duration, Instant};

/// What a floor of many flows is measured for; given on the command line of the child.
#[derive(Debug, Clone, clap::Args)]
pub struct FlowsArgs {
    /// Flows, each as PUBLISHERS:BURST:BURSTS_PER_S:PAYLOAD_BYTES:RECEIVERS, a publisher's packets going to RECEIVERS ports.
    #[arg(long, value_delimiter = ',', value_parser = parse)]
    pub flows: Vec<Flow>,
    /// Loopback ports that the packets go to, in turn.
    #[arg(long, value_delimiter = ',')]
    pub ports: Vec<u16>,
    /// SRTP profile by its IANA name.
    #[arg(long)]
    pub profile: String,
}

/// Publishers who send alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// How many there are.
    pub publishers: u32,
    /// Packets that arrive together.
    pub burst: usize,
    /// Bursts of one of them in a second.
    pub bursts_per_s: f64,
    /// Bytes of a packet's payload.
    pub payload_bytes: usize,
    /// Who receives each packet.
    pub receivers: u32,
}

impl std::fmt::Display for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { publishers, burst, bursts_per_s, payload_bytes, receivers } = self;
        write!(f, "{publishers}:{burst}:{bursts_per_s}:{payload_bytes}:{receivers}")
    }
}

fn parse(text: &str) -> Result<Flow> {
    let parts: Vec<&str> = text.split(':').collect();
    let [publishers, burst, bursts_per_s, payload_bytes, receivers] = parts.as_slice() else {
        bail!("{text:?} has not five numbers");
    };
    Ok(Flow {
        publishers: publishers.parse()?,
        burst: burst.parse()?,
        bursts_per_s: bursts_per_s.parse()?,
        payload_bytes: payload_bytes.parse()?,
        receivers: receivers.parse()?,
    })
}

/// The child: `go MILLISECONDS gso|plain` on a line runs a round and answers `CPU_NS PACKETS`; the end of the input ends it.
///
/// # Errors
/// When it cannot be set up, or a command is none.
pub fn child(args: &FlowsArgs) -> Result<()> {
    let mut floors = floors(args)?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let ["go", milliseconds, way @ ("gso" | "plain")] = words.as_slice() else { bail!("no command: {line}") };
        let time = Duration::from_millis(milliseconds.parse()?);
        let round = round(&mut floors, time, *way == "gso")?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{} {}", round.cpu_ns, round.packets)?;
        out.flush()?;
    }
    Ok(())
}

fn floors(args: &FlowsArgs) -> Result<Vec<Floor>> {
    let mut ports = args.ports.iter().copied().cycle();
    let mut floors = Vec::new();
    for flow in &args.flows {
        for _ in 0..flow.publishers {
            floors.push(Floor::new(FloorArgs {
                ports: ports.by_ref().take(flow.receivers as usize).collect(),
                burst: flow.burst,
                bursts_per_s: flow.bursts_per_s,
                payload_bytes: flow.payload_bytes,
                profile: args.profile.clone(),
            })?);
        }
    }
    Ok(floors)
}

/// Every publisher's bursts at their rate for `time`. Making the arrivals is taken out of the account.
fn round(floors: &mut [Floor], time: Duration, segment: bool) -> Result<FloorRound> {
    let mut plan = Vec::new();
    let publishers = floors.len().max(1) as f64;
    for (index, floor) in floors.iter_mut().enumerate() {
        let interval = 1.0 / floor.args.bursts_per_s;
        // Evenly spread, as publishers who began at different times are.
        let phase = interval * index as f64 / publishers;
        let bursts = ((time.as_secs_f64() - phase) / interval).max(0.0) as u32;
        for burst in 0..bursts {
            let at = Duration::from_secs_f64(phase + interval * f64::from(burst));
            plan.push((at, index, floor.arrivals()?));
        }
    }
    plan.sort_by_key(|(at, index, _)| (*at, *index));
    let start = Instant::now();
    let before = os::thread_cpu_ns();
    let mut packets = 0;
    for (at, index, arrivals) in &mut plan {
        if let Some(wait) = (start + *at).checked_duration_since(Instant::now()) {
            std::thread::sleep(wait);
        }
        let floor = floors.get_mut(*index).context("it was planned")?;
        packets += floor.burst(arrivals, segment && floor.args.burst > 1)? as u64;
    }
    Ok(FloorRound { cpu_ns: os::thread_cpu_ns() - before, packets })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_are_written_and_read_and_every_packet_is_sent() {
        let flow = Flow { publishers: 2, burst: 3, bursts_per_s: 50.0, payload_bytes: 400, receivers: 2 };
        assert_eq!(parse(&flow.to_string()).unwrap(), flow);
        assert!(parse("1:2:3").is_err() && parse("1:2:3:4:x").is_err());
        let sink = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let args = FlowsArgs {
            flows: vec![flow],
            ports: vec![sink.local_addr().unwrap().port()],
            profile: "SRTP_AEAD_AES_128_GCM".to_owned(),
        };
        let mut floors = floors(&args).unwrap();
        for segment in [true, false] {
            let round = round(&mut floors, Duration::from_millis(100), segment).unwrap();
            // 5 bursts of one publisher and 4 of the other, who begins half an interval later; 3 packets to 2 receivers.
            assert_eq!(round.packets, 9 * 3 * 2);
            assert!(round.cpu_ns > 0);
        }
    }
}
