//! A listener's rules in a form that can be compared: listeners with equal ones share a mix.

use super::{Channels, Coding, Ear, Gain, GroupId, MAX_EAR_EXCEPTIONS, MAX_EAR_GROUPS, MixSettings, SourceId};
use colloquy_codecs::pcm::Weight;
use std::sync::Arc;

/// Gains are told apart in steps of this part of one.
const STEPS: f32 = 4096.0;
/// Bitrates that there are, in bits a second.
const RATES_BPS: [u32; 10] = [8_000, 12_000, 16_000, 20_000, 24_000, 32_000, 40_000, 48_000, 64_000, 96_000];

/// A gain in steps: 0 is silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Steps {
    left: u16,
    right: u16,
}

impl Steps {
    fn of(gain: Gain, channels: Channels) -> Self {
        // What is no number becomes 0.
        let steps = |factor: f32| (factor.clamp(0.0, Gain::MAX) * STEPS).round() as u16;
        match channels {
            Channels::Stereo => Self { left: steps(gain.left), right: steps(gain.right) },
            // Both ears hear the same: what differs between them does not keep listeners apart.
            Channels::Mono => {
                let both = steps(f32::midpoint(gain.left.clamp(0.0, Gain::MAX), gain.right.clamp(0.0, Gain::MAX)));
                Self { left: both, right: both }
            }
        }
    }

    fn heard(self) -> Option<Self> {
        (self.left > 0 || self.right > 0).then_some(self)
    }

    pub(super) fn weight(self) -> Weight {
        Weight { left: f32::from(self.left) / STEPS, right: f32::from(self.right) / STEPS }
    }
}

/// How a mix is encoded, in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Rate {
    pub(super) channels: Channels,
    pub(super) bps: u32,
    pub(super) lossy: bool,
    pub(super) long: bool,
}

/// Below this bitrate, and of packets of 40 ms, none is larger than the average by more than a quarter: whoever takes so little has counted it.
const STRICT_BPS: u32 = 16_000;

impl Rate {
    /// The largest packet, in bytes.
    pub(super) fn most_bytes(self) -> usize {
        let packets_per_s = if self.long { 25 } else { 50 };
        let is_strict = self.long || self.bps < STRICT_BPS;
        if is_strict { self.bps as usize * 5 / 4 / (8 * packets_per_s) } else { usize::MAX }
    }

    pub(super) fn of(coding: &Coding, settings: &MixSettings) -> Self {
        let best = match (coding.lossy, coding.channels) {
            (true, Channels::Mono) => settings.lossy_bps,
            (true, Channels::Stereo) => settings.lossy_bps.saturating_mul(2),
            (false, Channels::Mono) => settings.mono_bps,
            (false, Channels::Stereo) => settings.stereo_bps,
        };
        let bps = if coding.max_bps >= best {
            best
        } else {
            let under = RATES_BPS.iter().rev().find(|rate| **rate <= coding.max_bps);
            under.copied().unwrap_or(RATES_BPS[0]).min(best)
        };
        Self { channels: coding.channels, bps, lossy: coding.lossy, long: coding.long }
    }
}

/// Rules without doubles, in order.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    groups: Arc<[(GroupId, Steps)]>,
    except: Box<[(SourceId, Option<Steps>)]>,
    pub(super) rate: Rate,
}

impl Rules {
    /// Of an ear; `Err` if it has more rules than are taken, and hears nothing.
    pub(super) fn of(ear: Ear, settings: &MixSettings) -> Result<Self, Self> {
        let rate = Rate::of(&ear.coding, settings);
        let channels = ear.coding.channels;
        if ear.groups.len() > MAX_EAR_GROUPS || ear.except.len() > MAX_EAR_EXCEPTIONS {
            return Err(Self { groups: Arc::default(), except: Box::default(), rate });
        }
        let groups =
            last_of_each(ear.groups).filter_map(|(group, gain)| Some((group, Steps::of(gain, channels).heard()?)));
        let except = last_of_each(ear.except)
            .map(|(source, gain)| (source, gain.and_then(|gain| Steps::of(gain, channels).heard())));
        Ok(Self { groups: groups.collect(), except: except.collect(), rate })
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = GroupId> {
        self.groups.iter().map(|(group, _)| *group)
    }

    /// Sources that are ruled by name, and whether they are heard.
    pub(super) fn named(&self) -> impl Iterator<Item = (SourceId, bool)> {
        self.except.iter().map(|(source, gain)| (*source, gain.is_some()))
    }

    /// What the rules come to while only these groups have sources, and only these sources are heard at all: each with its group.
    pub(super) fn key(&self, lives: impl Fn(GroupId) -> bool, speaks: impl Fn(SourceId) -> Option<GroupId>) -> Key {
        let groups = if self.groups.iter().all(|(group, _)| lives(*group)) {
            Arc::clone(&self.groups)
        } else {
            self.groups.iter().filter(|(group, _)| lives(*group)).copied().collect()
        };
        let by_group = |group| find(&self.groups, group);
        let except =
            self.except.iter().filter(|(source, gain)| speaks(*source).is_some_and(|group| by_group(group) != *gain));
        Key { except: except.copied().collect(), groups, rate: self.rate }
    }
}

/// What a mix is made by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    groups: Arc<[(GroupId, Steps)]>,
    except: Vec<(SourceId, Option<Steps>)>,
    pub(super) rate: Rate,
}

impl Key {
    /// How loud a source of a group is in it, if it is at all.
    pub(super) fn gain(&self, source: SourceId, group: GroupId) -> Option<Steps> {
        match self.except.binary_search_by_key(&source, |(named, _)| *named) {
            Ok(at) => self.except.get(at).and_then(|(_, gain)| *gain),
            Err(_) => find(&self.groups, group),
        }
    }
}

fn find(groups: &[(GroupId, Steps)], group: GroupId) -> Option<Steps> {
    let at = groups.binary_search_by_key(&group, |(named, _)| *named).ok()?;
    groups.get(at).map(|(_, gain)| *gain)
}

/// Sorted by what is named; of several the last.
fn last_of_each<K: Ord + Copy, V>(mut rules: Vec<(K, V)>) -> impl Iterator<Item = (K, V)> {
    rules.reverse();
    rules.sort_by_key(|(key, _)| *key);
    rules.dedup_by_key(|(key, _)| *key);
    rules.into_iter()
}
