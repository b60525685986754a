//! Data channels in a world: who opened what and said what, and what must hold of what the others hear.

use crate::world::World;
use bytes::Bytes;
use colloquy_bench::client::{ChannelConfig, ChannelEvent, Effort, Numbering};
use colloquy_media_core::api::{DataDrop, PeerId, RoomId};
use std::collections::{BTreeMap, BTreeSet};

/// A channel, by the order in which they were opened in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(u32);

/// What a channel is opened as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// In order.
    pub ordered: bool,
    /// How hard is tried.
    pub effort: Effort,
    /// For these only.
    pub to: Option<Vec<PeerId>>,
    /// Its stream's number.
    pub numbering: Numbering,
}

impl Wanted {
    /// Reliable, in order, for everybody.
    pub const CHAT: Self = Self { ordered: true, effort: Effort::Reliable, to: None, numbering: Numbering::Proper };
}

/// A channel that somebody opened.
#[derive(Debug)]
struct Opened {
    owner: PeerId,
    /// Of which of his clients.
    source: u64,
    room: RoomId,
    stream: u16,
    wanted: Wanted,
    /// Messages that his client took.
    said: u32,
    closed: bool,
}

/// What one client heard of a channel.
#[derive(Debug, Default)]
struct Mirror {
    /// How much had been said when he was given it: that may have been before his time.
    since: u32,
    numbers: BTreeSet<u32>,
    last: Option<u32>,
}

/// The channels of a world.
#[derive(Debug, Default)]
pub(crate) struct Book {
    opened: Vec<Opened>,
    /// By listener, which of his clients, and channel.
    heard: BTreeMap<(PeerId, u64, u32), Mirror>,
    /// What a listener's stream is.
    mirrors: BTreeMap<(PeerId, u16), u32>,
}

/// A message's header: channel and number.
const HEADER_LEN: usize = 8;

fn message(channel: u32, number: u32, len: usize) -> Bytes {
    let mut bytes = [channel.to_be_bytes(), number.to_be_bytes()].concat();
    bytes.resize(HEADER_LEN + len, number as u8);
    bytes.into()
}

/// Reads a message.
fn read(bytes: &[u8]) -> Option<(u32, u32)> {
    let (channel, rest) = bytes.split_first_chunk()?;
    let (number, rest) = rest.split_first_chunk()?;
    let number = u32::from_be_bytes(*number);
    rest.iter().all(|byte| *byte == number as u8).then_some((u32::from_be_bytes(*channel), number))
}

impl Opened {
    /// Whether a listener is to have it.
    fn is_for(&self, listener: PeerId, room: RoomId) -> bool {
        listener != self.owner && room == self.room && self.wanted.to.as_ref().is_none_or(|to| to.contains(&listener))
    }

    fn is_reliable(&self) -> bool {
        self.wanted.effort == Effort::Reliable
    }
}

impl World {
    /// The person's client has data channels with its next offer.
    pub fn use_channels(&mut self, peer: PeerId) {
        let person = self.people.get_mut(&peer).expect("he joined");
        if !std::mem::replace(&mut person.talks, true) {
            person.client.use_channels();
        }
    }

    /// Opens a channel. `None` when the person's association is not up.
    pub fn open_channel(&mut self, peer: PeerId, wanted: Wanted) -> Option<ChannelId> {
        let id = u32::try_from(self.book.opened.len()).expect("a few");
        let names = wanted.to.iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let config = ChannelConfig {
            label: id.to_string(),
            protocol: if wanted.to.is_some() { format!("to={names}") } else { String::new() },
            ordered: wanted.ordered,
            effort: wanted.effort,
        };
        let (now, source) = (self.now, self.checks.source(peer));
        let person = self.people.get_mut(&peer).expect("he joined");
        let stream = person.client.open_channel(now, config, wanted.numbering)?;
        let room = person.room;
        self.book.opened.push(Opened { owner: peer, source, room, stream, wanted, said: 0, closed: false });
        self.pump(peer);
        Some(ChannelId(id))
    }

    /// The open channels of a person's present client.
    #[must_use]
    pub fn channels(&self, peer: PeerId) -> Vec<ChannelId> {
        let source = self.checks.source(peer);
        let own = (0..).map(ChannelId).zip(&self.book.opened);
        own.filter(|(_, it)| it.owner == peer && it.source == source && !it.closed).map(|(id, _)| id).collect()
    }

    /// Says something of so many bytes. `false` when the channel's owner has so much waiting that he should not.
    pub fn say(&mut self, channel: ChannelId, len: usize) -> bool {
        let now = self.now;
        let Some(it) = self.book.opened.get_mut(channel.0 as usize) else { return false };
        let (owner, bytes) = (it.owner, message(channel.0, it.said, len));
        let client = &mut self.people.get_mut(&owner).expect("he joined").client;
        let taken = client.send_message(now, it.stream, &bytes);
        it.said += u32::from(taken);
        self.pump(owner);
        taken
    }

    /// Closes a channel.
    pub fn close_channel(&mut self, channel: ChannelId) {
        let now = self.now;
        let Some(it) = self.book.opened.get_mut(channel.0 as usize) else { return };
        it.closed = true;
        let (owner, stream) = (it.owner, it.stream);
        self.client(owner).close_channel(now, stream);
        self.pump(owner);
    }

    /// The worker of a person hears nothing of the others from now on.
    pub fn hold_words_to(&mut self, peer: PeerId) {
        self.engines.hold_words_to(peer);
    }

    /// It hears all that they told it meanwhile.
    pub fn release_words(&mut self) {
        self.engines.release_words(self.now, &mut self.outbox);
        self.after_engine();
    }

    /// The stream that a channel has, or had, at its owner.
    #[must_use]
    pub fn stream_of(&self, channel: ChannelId) -> Option<u16> {
        self.book.opened.get(channel.0 as usize).map(|it| it.stream)
    }

    /// Messages of a channel that a person's present client heard.
    #[must_use]
    pub fn heard_of(&self, listener: PeerId, channel: ChannelId) -> usize {
        let key = (listener, self.checks.source(listener), channel.0);
        self.book.heard.get(&key).map_or(0, |mirror| mirror.numbers.len())
    }

    /// Takes what a client tells of its channels.
    pub(crate) fn note_channels(&mut self, peer: PeerId) {
        let Some(person) = self.people.get_mut(&peer).filter(|person| person.talks) else { return };
        let (room, events) = (person.room, person.client.take_channel_events());
        if self.checks.is_excused(peer) {
            return;
        }
        for event in events {
            match event {
                ChannelEvent::Opened(stream, config) => self.note_opened(peer, room, stream, &config),
                ChannelEvent::Message(stream, bytes) => self.note_message(peer, stream, &bytes),
                ChannelEvent::Closed(stream) => self.note_closed(peer, stream),
                ChannelEvent::Up | ChannelEvent::Accepted(_) => {}
                ChannelEvent::Lost => self.book.forget(peer),
            }
        }
    }

    fn note_opened(&mut self, listener: PeerId, room: RoomId, stream: u16, config: &ChannelConfig) {
        let id: u32 = config.label.parse().expect("labels are numbers");
        let it = &self.book.opened[id as usize];
        assert!(it.is_for(listener, room), "{listener} is given channel {id} of {}, which is not for him", it.owner);
        let (owner, wanted) = (it.owner, &it.wanted);
        assert_eq!(config.protocol, owner.to_string(), "{listener}: channel {id} names its owner wrongly");
        assert_eq!((config.ordered, config.effort), (wanted.ordered, wanted.effort), "channel {id} at {listener}");
        let key = (listener, self.checks.source(listener), id);
        let since = it.said;
        let before = self.book.heard.insert(key, Mirror { since, ..Mirror::default() });
        // Who might not know of its owner for a while lost it then.
        let again = self.checks.audiences.were_apart(room, listener, owner);
        assert!(before.is_none() || again, "{listener} is given channel {id} a second time");
        let has = self.book.mirrors.iter().any(|((peer, _), channel)| *peer == listener && *channel == id);
        assert!(!has, "{listener} is given channel {id} while he has it");
        let before = self.book.mirrors.insert((listener, stream), id);
        assert_eq!(before, None, "{listener}: stream {stream} is opened while it is open");
    }

    /// Everything is heard once; in order where that was promised, and without holes where both were.
    fn note_message(&mut self, listener: PeerId, stream: u16, bytes: &[u8]) {
        let id = *self.book.mirrors.get(&(listener, stream)).expect("a message on a stream that was opened");
        let (channel, number) = read(bytes).expect("messages come as they were said");
        assert_eq!(channel, id, "{listener} hears channel {channel} on the stream of channel {id}");
        let it = &self.book.opened[id as usize];
        assert!(number < it.said, "{listener} hears what nobody said yet");
        let mirror = self.book.heard.entry((listener, self.checks.source(listener), id)).or_default();
        assert!(mirror.numbers.insert(number), "{listener} hears message {number} of channel {id} twice");
        if let Some(last) = mirror.last.filter(|_| it.wanted.ordered) {
            assert!(number > last, "{listener}: {number} after {last} on channel {id}, which is ordered");
            assert!(!it.is_reliable() || number == last + 1, "{listener}: {number} after {last} on reliable {id}");
        }
        mirror.last = Some(number);
    }

    /// The stream was an own one, and is closed; or it was a mirror.
    fn note_closed(&mut self, peer: PeerId, stream: u16) {
        self.book.mirrors.remove(&(peer, stream));
        let source = self.checks.source(peer);
        for it in self.book.opened.iter_mut().filter(|it| (it.owner, it.source, it.stream) == (peer, source, stream)) {
            it.closed = true;
        }
    }

    /// Says a word on every channel that is open, so that holes before it show.
    pub fn say_a_word_everywhere(&mut self) {
        let present: Vec<PeerId> = self.people.iter().filter(|(_, person)| person.present).map(|(id, _)| *id).collect();
        let channels: Vec<ChannelId> = present.into_iter().flat_map(|peer| self.channels(peer)).collect();
        for channel in channels {
            self.say(channel, 0);
        }
    }

    /// What somebody lacks of the channels who is in the room, when what was said came.
    #[must_use]
    pub fn channels_amiss(&mut self) -> Option<String> {
        let totals = self.totals();
        assert_eq!(totals.data_drops[DataDrop::AssociationLost as usize], 0, "an association was lost");
        // Who was too slow goes without.
        let is_strict = totals.data_drops[DataDrop::SlowReceiver as usize] == 0;
        let listeners = self.people.iter().filter(|(_, person)| person.present && person.talks);
        for (listener, person) in listeners {
            if !person.client.has_channels() {
                return Some(format!("{listener} has no association"));
            }
            let source = self.checks.source(*listener);
            for (id, it) in (0_u32..).zip(&self.book.opened) {
                let has = self.book.mirrors.iter().any(|((peer, _), channel)| peer == listener && *channel == id);
                let owner = &self.people[&it.owner];
                let is_open = !it.closed && owner.present && self.checks.source(it.owner) == it.source;
                if has && !is_open {
                    return Some(format!("{listener} has channel {id}, which is closed"));
                }
                if !has && is_open && is_strict && it.is_for(*listener, person.room) {
                    return Some(format!("{listener} lacks channel {id} of {}", it.owner));
                }
                let mirror = self.book.heard.get(&(*listener, source, id)).filter(|_| has && it.is_reliable());
                if let Some(amiss) = mirror.and_then(|mirror| mirror.lacks(it.said)) {
                    return Some(format!("{listener}: channel {id} of {}: {amiss}", it.owner));
                }
            }
        }
        None
    }
}

impl Mirror {
    /// What is missing of so much that was said. In order there are no holes before it either, which was looked at as it came.
    fn lacks(&self, said: u32) -> Option<String> {
        let heard = self.numbers.range(self.since..).count();
        (heard < (said - self.since) as usize)
            .then(|| format!("{heard} messages from {} to {said} were heard", self.since))
    }
}

impl Book {
    /// The client's association is gone.
    pub(crate) fn forget(&mut self, peer: PeerId) {
        self.mirrors.retain(|(of, _), _| *of != peer);
    }
}
