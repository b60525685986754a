//! `colloquy-bench impair`: the relay as a program.

use super::bottleneck::Queue;
use super::control;
use super::link::{Burst, Link};
use super::relay::{Relay, RelayOptions};
use anyhow::{Context as _, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What a relay is asked to do.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
To put browsers behind it, have the server tell them the relay's address. Give the relay another loopback address and the
server's port, so that nothing but the address differs:

  colloquy-bench impair --listen 127.0.0.2:20000 --to 127.0.0.1:20000 --down-loss 0.1 --control 127.0.0.1:0
  COLLOQUY__MEDIA__BIND='[\"127.0.0.1\"]' COLLOQUY__MEDIA__PORT=20000 COLLOQUY__MEDIA__ADVERTISE='[\"127.0.0.2\"]' colloquy serve

The first line of output is JSON: {\"listen\":[..],\"control\":..}. GET on the control address explains what it takes; for
example  curl -d '{\"down\":{\"rate_bps\":500000}}' http://CONTROL/link")]
pub struct ImpairArgs {
    /// Where clients send to; may be given several times, and take what port is free with :0.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: Vec<SocketAddr>,
    /// The server's media address.
    #[arg(long)]
    pub to: SocketAddr,
    /// Where HTTP for changes and figures listens. Without it, nothing can be changed.
    #[arg(long)]
    pub control: Option<SocketAddr>,
    /// The rates are of all clients of a listening port together, rather than of each.
    #[arg(long)]
    pub shared: bool,
    /// Of everything random.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Probability that a datagram to the server is lost, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    pub up_loss: f64,
    /// Probability that a datagram to a client is lost, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    pub down_loss: f64,
    /// Datagrams that are lost in a row on average, up and down; without it each loss is by itself.
    #[arg(long)]
    pub burst_len: Option<f64>,
    /// Bits a second to the server: 500k, 3M, 250000. Without it: unlimited.
    #[arg(long, value_parser = rate)]
    pub up_rate: Option<u64>,
    /// Bits a second to a client.
    #[arg(long, value_parser = rate)]
    pub down_rate: Option<u64>,
    /// What waits before either rate at most, in ms.
    #[arg(long, default_value_t = 200)]
    pub queue_ms: u64,
    /// How long a datagram to the server takes, in ms.
    #[arg(long, default_value_t = 0)]
    pub up_delay_ms: u64,
    /// How long a datagram to a client takes, in ms.
    #[arg(long, default_value_t = 0)]
    pub down_delay_ms: u64,
    /// How much longer it may take, up and down, in ms.
    #[arg(long, default_value_t = 0)]
    pub jitter_ms: u64,
}

/// `500k` and the like, in bits a second.
fn rate(text: &str) -> Result<u64, String> {
    let (digits, unit) =
        match text.trim_end_matches("bps").split_at_checked(text.trim_end_matches("bps").len().saturating_sub(1)) {
            Some((digits, "k" | "K")) => (digits, 1e3),
            Some((digits, "m" | "M")) => (digits, 1e6),
            Some((digits, "g" | "G")) => (digits, 1e9),
            _ => (text, 1.0),
        };
    match digits.parse::<f64>() {
        Ok(number) if number > 0.0 && number * unit <= 1e12 => Ok((number * unit) as u64),
        _ => Err(format!("{text:?} is no rate: write 250000, 500k or 3M")),
    }
}

impl ImpairArgs {
    fn link(&self, loss: f64, rate_bps: Option<u64>, delay_ms: u64) -> Link {
        let burst = self.burst_len.filter(|_| loss > 0.0).map(|len| Burst::of(loss, len));
        Link {
            loss: if burst.is_some() { 0.0 } else { loss.clamp(0.0, 1.0) },
            burst,
            rate_bps,
            queue: Queue::Time(Duration::from_millis(self.queue_ms)),
            delay: Duration::from_millis(delay_ms),
            jitter: Duration::from_millis(self.jitter_ms),
            ..Link::GOOD
        }
    }
}

/// Relays until it is ended.
///
/// # Errors
/// When a port cannot be bound.
pub fn run(args: &ImpairArgs) -> Result<()> {
    let options = RelayOptions {
        listen: args.listen.clone(),
        to: args.to,
        up: args.link(args.up_loss, args.up_rate, args.up_delay_ms),
        down: args.link(args.down_loss, args.down_rate, args.down_delay_ms),
        shared: args.shared,
        seed: args.seed,
    };
    let relay = Arc::new(Relay::start(&options).context("the relay does not start")?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = match args.control {
            Some(address) => Some(tokio::net::TcpListener::bind(address).await.with_context(|| format!("{address}"))?),
            None => None,
        };
        let control = listener.as_ref().map(tokio::net::TcpListener::local_addr).transpose()?;
        println!("{}", serde_json::json!({ "listen": relay.addresses(), "control": control }));
        match listener {
            Some(listener) => axum::serve(listener, control::router(relay)).await?,
            None => std::future::pending().await,
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn rates_are_read_as_people_write_them() {
        assert_eq!(
            (rate("500k"), rate("3M"), rate("250000"), rate("1.5Mbps")),
            (Ok(500_000), Ok(3_000_000), Ok(250_000), Ok(1_500_000))
        );
        for odd in ["", "k", "-3M", "1e30", "fast", "é"] {
            assert!(rate(odd).is_err(), "{odd}");
        }
    }
}
