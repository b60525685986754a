//! What may be asked of a relay while it runs, as JSON says it.

use super::bottleneck::{Queue, RateStep};
use super::hold::Hold;
use super::link::{Burst, Link};
use serde::Deserialize;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Changes links: of one client, of one listening port, or of all. What is not named stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wish {
    /// Only the clients of this listening port, in the order of the command line, from 0.
    pub listen: Option<usize>,
    /// Only this client, by his address. Without it, those who are yet to come have it too.
    pub client: Option<SocketAddr>,
    /// From the client to the server.
    pub up: Option<LinkWish>,
    /// From the server to the client.
    pub down: Option<LinkWish>,
}

/// Changes one direction. What is not named stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinkWish {
    /// Bits a second; 0 holds nothing back.
    pub rate_bps: Option<u64>,
    /// What waits at most, in ms.
    pub queue_ms: Option<u64>,
    /// What waits at most, in bytes; instead of ms.
    pub queue_bytes: Option<usize>,
    /// Probability that a datagram is lost.
    pub loss: Option<f64>,
    /// Losses that come together.
    pub burst: Option<BurstWish>,
    /// How long every datagram takes, in ms.
    pub delay_ms: Option<u64>,
    /// How much longer it may take, in ms.
    pub jitter_ms: Option<u64>,
    /// Hold-ups, after which what waited comes at once.
    pub hold: Option<HoldWish>,
    /// Probability that a datagram is overtaken.
    pub reorder: Option<f64>,
    /// Probability that a datagram comes twice.
    pub duplicate: Option<f64>,
    /// The rate from later moments on.
    pub schedule: Vec<RateAfter>,
}

/// Losses that come together.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BurstWish {
    /// Of all datagrams; 0 for no bursts.
    pub share: f64,
    /// Datagrams in a row, on average.
    pub mean_len: f64,
}

/// Times when nothing comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldWish {
    /// The longest, in ms; 0 for none.
    pub up_to_ms: u64,
    /// From one to the next, on average, in ms.
    pub every_ms: u64,
}

/// A rate from a moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateAfter {
    /// Counted from when it is asked for.
    pub after_ms: u64,
    /// Bits a second; 0 holds nothing back.
    pub rate_bps: u64,
}

fn limited(rate_bps: u64) -> Option<u64> {
    Some(rate_bps).filter(|rate| *rate > 0)
}

fn probability(value: Option<f64>, otherwise: f64) -> f64 {
    value.map_or(otherwise, |value| value.clamp(0.0, 1.0))
}

fn time(ms: Option<u64>, otherwise: Duration) -> Duration {
    // A minute: more is a slip of the pen.
    ms.map_or(otherwise, |ms| Duration::from_millis(ms.min(60_000)))
}

impl LinkWish {
    /// The link with what is asked for changed.
    #[must_use]
    pub fn apply(&self, link: Link) -> Link {
        let queue_ms = self.queue_ms.map(|ms| Queue::Time(Duration::from_millis(ms.min(60_000))));
        Link {
            rate_bps: self.rate_bps.map_or(link.rate_bps, limited),
            queue: self.queue_bytes.map(Queue::Bytes).or(queue_ms).unwrap_or(link.queue),
            loss: probability(self.loss, link.loss),
            burst: match self.burst {
                None => link.burst,
                Some(burst) if burst.share <= 0.0 => None,
                Some(burst) => Some(Burst::of(burst.share, burst.mean_len)),
            },
            delay: time(self.delay_ms, link.delay),
            jitter: time(self.jitter_ms, link.jitter),
            hold: match self.hold {
                None => link.hold,
                Some(hold) if hold.up_to_ms == 0 => None,
                Some(hold) => Some(Hold {
                    up_to: time(Some(hold.up_to_ms), Duration::ZERO),
                    every: time(Some(hold.every_ms), Duration::ZERO),
                }),
            },
            reorder: probability(self.reorder, link.reorder),
            duplicate: probability(self.duplicate, link.duplicate),
        }
    }

    /// The schedule, if there is one.
    #[must_use]
    pub fn steps(&self, now: Instant) -> Option<Vec<RateStep>> {
        let step = |after: &RateAfter| RateStep {
            // A day at most keeps the sum representable.
            at: now + Duration::from_millis(after.after_ms.min(86_400_000)),
            rate_bps: limited(after.rate_bps),
        };
        (!self.schedule.is_empty()).then(|| self.schedule.iter().map(step).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays() {
        let wish: Wish = serde_json::from_str(r#"{"client":"127.0.0.1:5000","down":{"rate_bps":500000}}"#).unwrap();
        assert_eq!(wish.up, None);
        let down = wish.down.unwrap();
        assert_eq!(down.apply(Link::BAD), Link { rate_bps: Some(500_000), ..Link::BAD });
        let none: LinkWish = serde_json::from_str(r#"{"rate_bps":0,"loss":7,"queue_bytes":3000}"#).unwrap();
        let link = none.apply(Link { rate_bps: Some(1), ..Link::GOOD });
        assert_eq!((link.rate_bps, link.loss, link.queue), (None, 1.0, Queue::Bytes(3000)));
        assert!(serde_json::from_str::<Wish>(r#"{"dwon":{}}"#).is_err(), "a slip of the pen is told");
    }
}
