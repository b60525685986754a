//! A mixer that mixes nothing: what each listener hears of each source comes to him as it was said, later, so that a simulated client
//! can tell whose it is. It waits as long as the real one waits at most, and forgets what the real one forgets.

use colloquy_media_core::mix::audio::{Ear, Gain, GroupId, ListenerId, Mixed, Output, OutputId, Packet, SourceId};
use colloquy_media_core::mixer::RoomMixer;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Between two turns.
const TURN: Duration = Duration::from_millis(20);
/// What was said is played so much later.
const LATER: Duration = Duration::from_millis(100);
/// Samples of a turn, at 48 kHz.
const SAMPLES: u32 = 960;

#[derive(Debug)]
struct Voice {
    group: GroupId,
    waiting: VecDeque<Packet>,
}

/// What those hear who hear the same.
#[derive(Debug)]
struct Class {
    ear: Ear,
    output: OutputId,
    listeners: Vec<ListenerId>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct StampMixer {
    voices: BTreeMap<SourceId, Voice>,
    classes: Vec<Class>,
    said: VecDeque<Output>,
    began: Instant,
    turn: u32,
    outputs: u64,
}

impl StampMixer {
    pub(crate) fn new(now: Instant) -> Self {
        let (voices, classes, said) = (BTreeMap::new(), Vec::new(), VecDeque::new());
        Self { voices, classes, said, began: now, turn: 0, outputs: 0 }
    }

    fn at(&self, turn: u32) -> Instant {
        self.began + TURN * turn
    }
}

/// How loud a source is in an ear.
fn gain(ear: &Ear, source: SourceId, group: GroupId) -> Option<Gain> {
    let excepted = ear.except.iter().find(|(of, _)| *of == source);
    match excepted {
        Some((_, gain)) => *gain,
        None => ear.groups.iter().find(|(of, _)| *of == group).map(|(_, gain)| *gain),
    }
}

impl RoomMixer for StampMixer {
    fn add_source(&mut self, id: SourceId, group: GroupId, _now: Instant) {
        self.voices.insert(id, Voice { group, waiting: VecDeque::new() });
    }

    fn regroup(&mut self, id: SourceId, group: GroupId) {
        let voice = self.voices.get_mut(&id).expect("only sources that were added are regrouped");
        *voice = Voice { group, waiting: VecDeque::new() };
    }

    fn remove_source(&mut self, id: SourceId) {
        assert!(self.voices.remove(&id).is_some(), "only sources that were added are removed");
    }

    fn push(&mut self, id: SourceId, packet: Packet, _now: Instant) {
        let voice = self.voices.get_mut(&id).expect("only sources that were added say something");
        voice.waiting.push_back(packet);
    }

    fn hear(&mut self, listener: ListenerId, ear: &Ear) {
        self.forget(listener);
        let known = self.classes.iter_mut().find(|class| class.ear == *ear);
        let output = match known {
            Some(class) => {
                class.listeners.push(listener);
                class.output
            }
            None => {
                self.outputs += 1;
                let output = OutputId(self.outputs);
                self.classes.push(Class { ear: ear.clone(), output, listeners: vec![listener] });
                output
            }
        };
        self.said.push_back(Output::Assigned { listener, output });
    }

    fn forget(&mut self, listener: ListenerId) {
        self.classes.iter_mut().for_each(|class| class.listeners.retain(|of| *of != listener));
        let gone = self.classes.iter().filter(|class| class.listeners.is_empty());
        self.said.extend(gone.map(|class| Output::Gone { output: class.output }));
        self.classes.retain(|class| !class.listeners.is_empty());
    }

    fn next_tick(&self) -> Option<Instant> {
        let is_idle = self.said.is_empty() && self.voices.values().all(|voice| voice.waiting.is_empty());
        (!is_idle).then(|| self.at(self.turn))
    }

    fn tick(&mut self, now: Instant) {
        while self.at(self.turn + 1) <= now {
            self.turn += 1;
        }
        let mut played = Vec::new();
        for (id, voice) in &mut self.voices {
            while voice.waiting.front().is_some_and(|packet| packet.arrived + LATER <= now) {
                played.extend(voice.waiting.pop_front().map(|packet| (*id, voice.group, packet)));
            }
        }
        for class in &self.classes {
            for (source, group, packet) in &played {
                if gain(&class.ear, *source, *group).is_some() {
                    self.said.push_back(Output::Packet(Mixed {
                        output: class.output,
                        timestamp: self.turn * SAMPLES,
                        payload: packet.payload.clone(),
                        level: packet.level.unwrap_or(127),
                        contributors: [*source].into(),
                    }));
                }
            }
        }
        self.turn += 1;
    }

    fn poll(&mut self) -> Option<Output> {
        self.said.pop_front()
    }
}
