//! Has the changes of a contact centre made, each at its moment, one after another, on a thread of its own.

use super::judge::{Evidence, record};
use super::ledger::{Change, Person, Room};
use super::plan::{Cast, Scene};
use crate::load::result::Latencies;
use crate::load::scenario::Duty;
use crate::load::system::{Participant, Stay};
use anyhow::{Result, anyhow};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::HashMap;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// After the answer to a change, a packet that is not allowed any more may have been on its way for so long, one packet of sound: the
/// signalling answers when it has told the media worker, which looks at its orders between two batches of packets, and sends what waits
/// for its pacer within a few ms.
const GRACE: Duration = Duration::from_millis(20);

/// Somebody who is in.
pub(in crate::load::play) struct Player {
    pub(in crate::load::play) part: u32,
    pub(in crate::load::play) source: u32,
    pub(in crate::load::play) who: Participant,
    pub(in crate::load::play) stay: Box<dyn Stay>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub(in crate::load::play) struct Order {
    pub(in crate::load::play) epoch: Instant,
    pub(in crate::load::play) from: Instant,
    pub(in crate::load::play) to: Instant,
    pub(in crate::load::play) changes_per_s: f64,
    pub(in crate::load::play) seed: u64,
}

/// A room as it is played.
struct Table {
    scene: Scene,
    cast: Cast,
    /// An answer did not come: how it stands is not known any more.
    lost: bool,
}

/// The thread.
pub(in crate::load::play) struct Director(JoinHandle<(Evidence, Vec<Player>)>);

impl Director {
    /// Begins.
    pub(in crate::load::play) fn start(players: Vec<Player>, order: Order) -> Result<Self> {
        let thread = std::thread::Builder::new().name("changes".to_owned()).spawn(move || direct(players, &order))?;
        Ok(Self(thread))
    }

    /// Waits for the last change. Gives what was changed, and everybody back.
    pub(in crate::load::play) fn end(self) -> Result<(Evidence, Vec<Player>)> {
        self.0.join().map_err(|_| anyhow!("the thread that makes changes panicked"))
    }
}

fn direct(mut players: Vec<Player>, order: &Order) -> (Evidence, Vec<Player>) {
    let rooms = rooms(&players);
    let (video, end) = (None, Duration::ZERO);
    let answers = Latencies::recorder();
    let mut evidence = Evidence { rooms, grace: GRACE, video, end, refused: 0, unanswered: 0, answers };
    let mut tables: Vec<Option<Table>> = evidence.rooms.iter().map(table).collect();
    let by_peer: HashMap<_, usize> =
        players.iter().enumerate().filter_map(|(index, player)| Some((player.stay.peer()?, index))).collect();
    let mut rng = StdRng::seed_from_u64(order.seed);
    // Each room as far from its own next turn as can be.
    let mut turns: Vec<usize> = (0..tables.len()).filter(|index| tables[*index].is_some()).collect();
    for index in (1..turns.len()).rev() {
        turns.swap(index, rng.random_range(0..=index));
    }
    let since = |at: Instant| at.saturating_duration_since(order.epoch);
    for (number, index) in turns.iter().cycle().enumerate() {
        let due = order.from + Duration::from_secs_f64((number as f64 + 0.5) / order.changes_per_s);
        if due >= order.to {
            break;
        }
        let (Some(Some(table)), Some(room)) = (tables.get_mut(*index), evidence.rooms.get_mut(*index)) else {
            continue;
        };
        let (duty, act, next) = table.scene.next(&table.cast, &mut rng);
        let by = room.with(duty).map(|person| person.peer).filter(|_| !table.lost);
        let Some((by, player)) = by.and_then(|by| Some((by, players.get_mut(*by_peer.get(&by)?)?))) else { continue };
        if let Some(wait) = due.checked_duration_since(Instant::now()) {
            std::thread::sleep(wait);
        }
        let asked = Instant::now();
        let change = Change { act, by, due: since(due), asked: since(asked), answered: None };
        match player.stay.act(act) {
            Ok(acted) if acted.refused.is_none() => {
                let (asked, answered) = (since(acted.asked), since(acted.answered));
                record(&mut evidence.answers, answered.saturating_sub(change.due));
                room.note(Change { asked, answered: Some(answered), ..change });
                table.scene = next;
            }
            Ok(_) => evidence.refused += 1,
            Err(_) => {
                // It may have happened, or not: both are allowed from now on.
                room.note(change);
                table.lost = true;
                evidence.unanswered += 1;
            }
        }
    }
    (evidence, players)
}

/// Everybody by room; who is not known to the server by an id is in none.
fn rooms(players: &[Player]) -> Vec<Room> {
    let mut rooms: Vec<Vec<Person>> = Vec::new();
    for player in players {
        let (Some(peer), Some(duty)) = (player.stay.peer(), player.who.duty) else { continue };
        let index = player.who.room as usize;
        if rooms.len() <= index {
            rooms.resize_with(index + 1, Vec::new);
        }
        let name = player.who.name();
        rooms[index].push(Person { part: player.part, source: player.source, peer, duty, name });
    }
    rooms.into_iter().map(Room::new).collect()
}

/// A room that everybody whom it takes is in.
fn table(room: &Room) -> Option<Table> {
    let peer = |duty| Some(room.with(duty)?.peer);
    peer(Duty::Supervisor)?;
    let cast = Cast { agent: peer(Duty::Agent)?, customer: peer(Duty::Customer)?, colleague: peer(Duty::Colleague)? };
    Some(Table { scene: Scene::default(), cast, lost: false })
}
