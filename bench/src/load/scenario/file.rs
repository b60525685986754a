//! A scenario's file. Every field but the name has a default; unknown ones are refused, and what cannot work is told with its
//! place in the file.

use super::access::{Access, check_all};
use super::audience::Changes;
use super::media::{MIN_PACKET_BYTES, Media, VideoSource};
use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

/// Clients of one scenario at most: each has a socket, and a machine has 64,511 ports above the privileged ones.
pub(super) const MAX_CLIENTS: u64 = 50_000;
/// Streams that one viewer receives at most: what a server takes of media sections (`limits.media_sections`).
const MAX_STREAMS_EACH: u64 = 120;
/// Seconds of any part of a scenario at most.
const MAX_S: f64 = 86_400.0;

/// A scenario.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name: letters, digits, hyphens.
    pub name: String,
    /// What it is, in a sentence.
    #[serde(default)]
    pub about: String,
    /// Rooms.
    #[serde(default = "one")]
    pub rooms: u32,
    /// Publishers of each room.
    #[serde(default = "one")]
    pub publishers: u32,
    /// Viewers of each room who publish nothing.
    #[serde(default)]
    pub viewers: u32,
    /// Publishers watch each other too, as in a meeting.
    #[serde(default)]
    pub meeting: bool,
    /// Of everything random.
    #[serde(default = "seed")]
    pub seed: u64,
    /// What publishers send.
    pub media: Media,
    /// How participants come.
    #[serde(default)]
    pub join: Joining,
    /// How long it is played.
    #[serde(default)]
    pub time: Times,
    /// Viewers who leave, and others who come.
    #[serde(default)]
    pub churn: Option<Churn>,
    /// Everybody loses his connection and comes again.
    #[serde(default)]
    pub storm: Option<Storm>,
    /// Everybody has a part in a contact centre, and who hears and sees whom changes.
    #[serde(default)]
    pub audience: Option<Changes>,
    /// Bad networks of some of the viewers.
    #[serde(default)]
    pub access: Vec<Access>,
    /// The quality that counts as kept.
    #[serde(default)]
    pub keep: Keep,
    /// What `search` makes larger.
    #[serde(default)]
    pub search: SearchRange,
}

fn one() -> u32 {
    1
}

fn seed() -> u64 {
    1
}

/// By which protocol participants join.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JoinBy {
    /// The one that the system is usually talked to by; Colloquy by WHIP and WHEP.
    #[default]
    Usual,
    /// Colloquy's own, which browsers speak. Other systems do not know it.
    Websocket,
}

/// How participants come: the publishers first.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Joining {
    /// By which protocol.
    pub by: JoinBy,
    /// Joins begun in a second; each at its moment, whether those before it are done or not.
    pub per_s: f64,
    /// Joins whose signalling is under way at once; beyond, they wait, and the waiting counts.
    pub at_once: u32,
    /// A join that takes longer has failed.
    pub patience_s: f64,
}

impl Default for Joining {
    fn default() -> Self {
        Self { by: JoinBy::Usual, per_s: 100.0, at_once: 32, patience_s: 10.0 }
    }
}

/// How long it is played, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Times {
    /// Between the last join and the measurement.
    pub warm_up_s: f64,
    /// The measurement.
    pub hold_s: f64,
}

impl Default for Times {
    fn default() -> Self {
        Self { warm_up_s: 3.0, hold_s: 10.0 }
    }
}

/// Viewers come and go during the measurement.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// Viewers who leave in a second, and as many who come.
    pub per_s: f64,
    /// They say goodbye; else they are just gone.
    #[serde(default = "yes")]
    pub goodbye: bool,
}

fn yes() -> bool {
    true
}

/// All viewers, or a share, lose their connections during the measurement and join anew.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Storm {
    /// Since the measurement began.
    pub at_s: f64,
    /// Of all viewers, 0 to 1.
    #[serde(default = "all")]
    pub share: f64,
    /// All of them try again within this time.
    #[serde(default = "all")]
    pub within_s: f64,
    /// How often.
    #[serde(default = "one")]
    pub times: u32,
    /// From one time to the next.
    #[serde(default = "five")]
    pub every_s: f64,
    /// They say goodbye; else they are just gone.
    #[serde(default)]
    pub goodbye: bool,
}

fn five() -> f64 {
    5.0
}

fn all() -> f64 {
    1.0
}

/// The quality that a load must keep.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keep {
    /// Packets that never come, in percent.
    pub loss_pct: f64,
    /// Added latency of half of the packets.
    pub p50_ms: f64,
    /// And of 99 in 100.
    pub p99_ms: f64,
    /// Joins that fail, in percent.
    pub failed_joins_pct: f64,
    /// From the request to the end of DTLS, of 99 in 100.
    pub join_p99_ms: f64,
    /// From a verb of the audience to its effect on what is heard, and on what must come no more: of 99 in 100.
    pub effect_p99_ms: f64,
    /// Packets that came to somebody who was not to get them.
    pub leaked_packets: u64,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            loss_pct: 0.1,
            p50_ms: 5.0,
            p99_ms: 30.0,
            failed_joins_pct: 0.0,
            join_p99_ms: 2_000.0,
            effect_p99_ms: 150.0,
            leaked_packets: 0,
        }
    }
}

/// What a search makes larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchRange {
    /// Which number.
    pub grows: Grows,
    /// The first that is tried.
    pub from: u32,
    /// The largest that is tried.
    pub to: u32,
}

impl Default for SearchRange {
    fn default() -> Self {
        Self { grows: Grows::Viewers, from: 10, to: 5_000 }
    }
}

/// A number of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grows {
    /// Viewers of a room.
    Viewers,
    /// Publishers of a room.
    Publishers,
    /// Rooms.
    Rooms,
}

impl Grows {
    /// As the file has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewers => "viewers",
            Self::Publishers => "publishers",
            Self::Rooms => "rooms",
        }
    }
}

impl Scenario {
    /// Reads a file; `changes` (`name=value`, `media.audio.payload_bytes=120`) stand over it.
    ///
    /// # Errors
    /// When it is no TOML, a field is unknown or of another type, or a value cannot work: with the field's place.
    pub fn read(text: &str, changes: &[String]) -> Result<(Self, String)> {
        let mut table: toml::Table = text.parse().context("it is no TOML")?;
        for change in changes {
            let (name, value) = change.split_once('=').with_context(|| format!("{change:?} is no name=value"))?;
            let value = parsed(value.trim());
            put(&mut table, name.trim(), value).with_context(|| format!("{change:?} cannot be set"))?;
        }
        let text = if changes.is_empty() { text.to_owned() } else { toml::to_string(&table)? };
        let scenario: Self = serde_path_to_error::deserialize(table).map_err(|error| {
            let (place, error) = (error.path().to_string(), error.into_inner());
            anyhow::anyhow!("{place}: {}", error.message())
        })?;
        scenario.check()?;
        Ok((scenario, text))
    }

    /// Looks for what cannot work.
    ///
    /// # Errors
    /// The first such thing, with its place in the file.
    pub fn check(&self) -> Result<()> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        ensure!(!self.name.is_empty() && self.name.chars().all(is_plain), "name: letters, digits and hyphens");
        ensure!(self.rooms > 0, "rooms: 0 is no load");
        ensure!(self.publishers > 0, "publishers: nobody to be watched");
        ensure!(self.meeting || self.viewers > 0, "viewers: 0, and meeting is false: nobody watches");
        ensure!(!self.meeting || self.viewers > 0 || self.publishers > 1, "publishers: a meeting of one has no viewer");
        ensure!(self.clients() <= MAX_CLIENTS, "rooms: {} clients are more than {MAX_CLIENTS}", self.clients());
        let each = u64::from(self.publishers) * u64::from(self.tracks());
        ensure!(
            each <= MAX_STREAMS_EACH,
            "publishers: a viewer would receive {each} streams, {MAX_STREAMS_EACH} at most"
        );
        self.check_media()?;
        number("join.per_s", self.join.per_s, 0.01, 100_000.0)?;
        number("join.patience_s", self.join.patience_s, 0.1, 600.0)?;
        ensure!((1..=1_000).contains(&self.join.at_once), "join.at_once: 1 to 1,000");
        number("time.warm_up_s", self.time.warm_up_s, 0.0, MAX_S)?;
        number("time.hold_s", self.time.hold_s, 0.2, MAX_S)?;
        if let Some(churn) = self.churn {
            number("churn.per_s", churn.per_s, 0.01, 10_000.0)?;
        }
        if let Some(storm) = self.storm {
            number("storm.at_s", storm.at_s, 0.0, self.time.hold_s)?;
            number("storm.share", storm.share, 0.0, 1.0)?;
            number("storm.within_s", storm.within_s, 0.0, MAX_S)?;
            number("storm.every_s", storm.every_s, 0.1, MAX_S)?;
            ensure!((1..=1_000).contains(&storm.times), "storm.times: 1 to 1,000");
        }
        if let Some(changes) = &self.audience {
            changes.check(self)?;
        }
        check_all(&self.access)?;
        number("keep.loss_pct", self.keep.loss_pct, 0.0, 100.0)?;
        number("keep.p50_ms", self.keep.p50_ms, 0.0, 60_000.0)?;
        number("keep.p99_ms", self.keep.p99_ms, 0.0, 60_000.0)?;
        number("keep.failed_joins_pct", self.keep.failed_joins_pct, 0.0, 100.0)?;
        number("keep.join_p99_ms", self.keep.join_p99_ms, 0.0, 600_000.0)?;
        number("keep.effect_p99_ms", self.keep.effect_p99_ms, 0.0, 600_000.0)?;
        ensure!(self.search.from > 0 && self.search.from <= self.search.to, "search.from: 1 to search.to");
        Ok(())
    }

    fn check_media(&self) -> Result<()> {
        let media = &self.media;
        ensure!(media.audio.is_some() || media.video.is_some(), "media: neither audio nor video");
        if let Some(audio) = &media.audio {
            ensure!((48..=1_150).contains(&audio.payload_bytes), "media.audio.payload_bytes: 48 to 1,150");
            ensure!(audio.speakers != Some(0), "media.audio.speakers: at least 1");
        }
        match &media.video {
            Some(VideoSource::Camera(camera)) => {
                let Some(codec) = camera.codec() else {
                    bail!("media.video.camera.codec: {:?} is none of vp8, vp9, av1", camera.codec);
                };
                let svc_needs = camera.layers != super::Layers::Svc || codec.name() != "VP8";
                ensure!(svc_needs, "media.video.camera.layers: svc is of vp9 and av1");
                ensure!((50..=20_000).contains(&camera.kbps), "media.video.camera.kbps: 50 to 20,000");
                ensure!((1..=120).contains(&camera.frames_per_s), "media.video.camera.frames_per_s: 1 to 120");
            }
            Some(VideoSource::Constant(constant)) => {
                ensure!(
                    (1..=100_000).contains(&constant.packets_per_s),
                    "media.video.constant.packets_per_s: 1 to 100,000"
                );
                ensure!((1..=64).contains(&constant.burst), "media.video.constant.burst: 1 to 64");
                let bytes = MIN_PACKET_BYTES..=1_300;
                ensure!(
                    bytes.contains(&constant.packet_bytes),
                    "media.video.constant.packet_bytes: {} to {}",
                    bytes.start(),
                    bytes.end()
                );
            }
            Some(VideoSource::Recorded(recorded)) => recorded.check()?,
            None => {}
        }
        Ok(())
    }

    /// Tracks of a publisher.
    #[must_use]
    pub fn tracks(&self) -> u32 {
        u32::from(self.media.audio.is_some()) + u32::from(self.media.video.is_some())
    }

    /// Who watches, in each room.
    #[must_use]
    pub fn watchers(&self) -> u32 {
        self.viewers + if self.meeting { self.publishers } else { 0 }
    }

    /// Clients in all, one for each who publishes and one for each who watches; where the audience changes, one for each who does both.
    #[must_use]
    pub fn clients(&self) -> u64 {
        let twice = self.meeting && self.audience.is_none();
        let each = u64::from(self.publishers) + u64::from(self.viewers) + u64::from(self.publishers) * u64::from(twice);
        each * u64::from(self.rooms)
    }

    /// The same with another value of what a search makes larger.
    #[must_use]
    pub fn grown(&self, value: u32) -> Self {
        let mut grown = self.clone();
        match self.search.grows {
            Grows::Viewers => grown.viewers = value,
            Grows::Publishers => grown.publishers = value,
            Grows::Rooms => grown.rooms = value,
        }
        grown
    }
}

pub(super) fn number(place: &str, value: f64, min: f64, max: f64) -> Result<()> {
    // NaN is in no range.
    ensure!((min..=max).contains(&value), "{place}: {value} is not from {min} to {max}");
    Ok(())
}

/// A value as TOML has it; what is none is a text.
fn parsed(value: &str) -> toml::Value {
    let table: Result<toml::Table, _> = format!("value = {value}").parse();
    table.ok().and_then(|mut table| table.remove("value")).unwrap_or_else(|| toml::Value::String(value.to_owned()))
}

fn put(table: &mut toml::Table, name: &str, value: toml::Value) -> Result<()> {
    let Some((first, rest)) = name.split_once('.') else {
        table.insert(name.to_owned(), value);
        return Ok(());
    };
    let inner = table.entry(first).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    put(inner.as_table_mut().with_context(|| format!("{first} is no table"))?, rest, value)
}
