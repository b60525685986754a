//! What is played: who watches whom over which links, for how long.

use crate::client::{Encoding, Video};
use crate::impair::{Hold, Link, Queue, RateStep};
use colloquy_media_core::api::{Codec, Source};
use std::fmt;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Everything that can be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// 5 Mb/s that nobody else uses: how long until the best layer.
    Ramp,
    /// 3 Mb/s, 500 kb/s for 15 s (10 on sockets), 3 Mb/s again: how long until all is as it was.
    DropRecover,
    /// 1 Mb/s for two minutes (half a minute on sockets): how often the layer changes.
    Steady,
    /// Four viewers on one bottleneck of 4 Mb/s.
    Fair4,
    /// One viewer and one TCP flow (CUBIC) on a bottleneck of 3 Mb/s.
    Tcp,
    /// 10 % of all datagrams are lost, both ways.
    Loss10,
    /// 30 % of all datagrams are lost, both ways.
    Loss30,
    /// Nine viewers (four on sockets) with good links beside one with 300 kb/s: figures of the others.
    OneSlow,
    /// A shared screen of full HD over 700 kb/s: stays sharp, and moves less.
    Screen,
    /// The same over 400 kb/s.
    Screen400,
    /// The same over 700 kb/s from a publisher who sends it once, with spatial layers: the floor costs most of the path.
    ScreenOnce,
    /// 350 kb/s where the datagrams come in heaps: nothing for up to 100 ms, and then all of it at once.
    Held,
    /// A page of text on a free path that falls to 700 kb/s: how long it stands still.
    ScreenDrop,
    /// A page of text over 250 kb/s, which carries less than its encoder spends on the fewest pictures.
    ScreenOver,
}

/// Where it is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// In virtual time.
    Simulated,
    /// In real time, with a server of its own process and sockets.
    Sockets,
}

impl Stage {
    /// From when to when the rate of [`Scenario::DropRecover`] is low: shorter where it takes real time.
    pub(super) fn drop(self) -> Range<Duration> {
        match self {
            Self::Simulated => Duration::from_secs(20)..Duration::from_secs(35),
            Self::Sockets => Duration::from_secs(10)..Duration::from_secs(20),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Simulated => "simulated",
            Self::Sockets => "on sockets",
        })
    }
}

/// A viewer's access.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access {
    pub(super) up: Link,
    pub(super) down: Link,
}

/// How long a datagram takes, each way: a viewer in the same country.
const DELAY: Duration = Duration::from_millis(20);
/// What waits before a bottleneck at most, as in a home router of today.
const QUEUE: Duration = Duration::from_millis(300);
const PLAIN: Link = Link { delay: DELAY, queue: Queue::Time(QUEUE), ..Link::GOOD };

impl Scenario {
    /// All of them, in the order in which they are played.
    pub const ALL: [Self; 14] = [
        Self::Ramp,
        Self::DropRecover,
        Self::Steady,
        Self::Fair4,
        Self::Tcp,
        Self::Loss10,
        Self::Loss30,
        Self::OneSlow,
        Self::Screen,
        Self::Screen400,
        Self::ScreenOnce,
        Self::ScreenDrop,
        Self::ScreenOver,
        Self::Held,
    ];

    /// Those that are played on sockets too, in the order in which they are.
    pub const ON_SOCKETS: [Self; 6] =
        [Self::Ramp, Self::DropRecover, Self::Steady, Self::Loss10, Self::Loss30, Self::OneSlow];

    /// As in the result.
    #[must_use]
    pub fn name_on(self, stage: Stage) -> String {
        match stage {
            Stage::Simulated => self.name().to_owned(),
            Stage::Sockets => format!("{}_sockets", self.name()),
        }
    }

    /// What it is called wherever it is played.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ramp => "ramp",
            Self::DropRecover => "drop_recover",
            Self::Steady => "steady",
            Self::Fair4 => "fair4",
            Self::Tcp => "tcp",
            Self::Loss10 => "loss10",
            Self::Loss30 => "loss30",
            Self::OneSlow => "one_slow",
            Self::Screen => "screen",
            Self::Screen400 => "screen400",
            Self::ScreenOnce => "screen_once",
            Self::ScreenDrop => "screen_drop",
            Self::ScreenOver => "screen_over",
            Self::Held => "held",
        }
    }

    /// For how long it is played.
    #[must_use]
    pub fn length(self, stage: Stage) -> Duration {
        if stage == Stage::Sockets {
            return Duration::from_secs(match self {
                Self::Ramp => 8,
                Self::DropRecover | Self::Steady => 30,
                Self::Loss10 | Self::Loss30 => 15,
                _ => 12,
            });
        }
        Duration::from_secs(match self {
            Self::Ramp => 20,
            Self::DropRecover => 60,
            Self::Steady | Self::Held => 120,
            Self::Fair4 | Self::Tcp => 90,
            _ => 60,
        })
    }

    /// Everyone's access; the last viewer of [`Scenario::OneSlow`] is the slow one.
    pub(super) fn viewers(self, stage: Stage) -> Vec<Access> {
        let with = |change: fn(&mut Link)| {
            let mut link = PLAIN;
            change(&mut link);
            link
        };
        let plain = Access { up: PLAIN, down: PLAIN };
        let limited = |rate_bps| Access { up: PLAIN, down: Link { rate_bps: Some(rate_bps), ..PLAIN } };
        match self {
            Self::Ramp => vec![limited(5_000_000)],
            Self::DropRecover => vec![limited(DROP_FROM)],
            Self::Steady => vec![limited(1_000_000)],
            Self::Fair4 => vec![plain; 4],
            Self::Tcp => vec![plain],
            Self::Loss10 => vec![Access { up: with(|l| l.loss = 0.1), down: with(|l| l.loss = 0.1) }],
            Self::Loss30 => vec![Access { up: with(|l| l.loss = 0.3), down: with(|l| l.loss = 0.3) }],
            Self::OneSlow => {
                // Fewer where they take the time of real cores.
                let mut viewers = vec![plain; if stage == Stage::Sockets { 4 } else { 9 }];
                viewers.push(limited(300_000));
                viewers
            }
            Self::Screen | Self::ScreenOnce => vec![limited(700_000)],
            Self::Screen400 => vec![limited(400_000)],
            Self::ScreenDrop => vec![plain],
            Self::ScreenOver => vec![limited(250_000)],
            Self::Held => {
                let hold = Hold { up_to: Duration::from_millis(100), every: Duration::from_millis(100) };
                vec![Access { up: PLAIN, down: Link { rate_bps: Some(350_000), hold: Some(hold), ..PLAIN } }]
            }
        }
    }

    /// The bottleneck of all viewers together, in bits a second.
    pub(super) fn shared_bps(self) -> Option<u64> {
        match self {
            Self::Fair4 => Some(4_000_000),
            Self::Tcp => Some(3_000_000),
            _ => None,
        }
    }

    /// What waits before that at most.
    pub(super) fn queue() -> Queue {
        Queue::Time(QUEUE)
    }

    /// How long a datagram takes there and back.
    pub(super) fn rtt() -> Duration {
        2 * DELAY
    }

    /// What the first viewer's rate does, counted from `start`.
    pub(super) fn schedule(self, stage: Stage, start: Instant) -> Vec<RateStep> {
        match self {
            Self::DropRecover => vec![
                RateStep { at: start + stage.drop().start, rate_bps: Some(500_000) },
                RateStep { at: start + stage.drop().end, rate_bps: Some(DROP_FROM) },
            ],
            Self::ScreenDrop => vec![RateStep { at: start + stage.drop().start, rate_bps: Some(700_000) }],
            _ => Vec::new(),
        }
    }

    /// Whether a screen is shared.
    pub(super) fn is_screen(self) -> bool {
        matches!(self, Self::Screen | Self::Screen400 | Self::ScreenOnce | Self::ScreenDrop | Self::ScreenOver)
    }

    /// What is published, and as what.
    pub(super) fn video(self) -> (Video, Source) {
        match self {
            Self::Screen | Self::Screen400 => (Video::screen(), Source::Screen),
            Self::ScreenOnce => (once(), Source::Screen),
            Self::ScreenDrop | Self::ScreenOver => (Video::page(), Source::Screen),
            _ => (Video::simulcast(), Source::Camera),
        }
    }
}

/// A screen with three spatial layers.
fn once() -> Video {
    let mut video = Video::svc(Codec::Vp9);
    let sharp: &mut Encoding = &mut video.encodings[0];
    (sharp.width, sharp.height, sharp.bitrate_bps) = (1920, 1080, 1_200_000);
    video.frames_per_s = 15;
    video
}

/// The rate of [`Scenario::DropRecover`] before and after the drop, in bits a second: just what the best layer takes.
const DROP_FROM: u64 = 3_000_000;
