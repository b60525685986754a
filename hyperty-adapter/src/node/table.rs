//! Who owns an address, and who hears what is sent to it: one table, because clients of 2018 subscribe to their own addresses where those of 2016
//! had them allocated.

use super::session::SessionId;
use slotmap::SecondaryMap;
use std::collections::HashMap;
use std::sync::Arc;
use thiserror::Error;

/// How much may be in the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) addresses: usize,
    pub(super) owned: usize,
    pub(super) heard: usize,
    pub(super) hearers: usize,
}

/// Why an address is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum NotGiven {
    #[error("the address belongs to another")]
    Taken,
    #[error("the session owns as many addresses as it may")]
    TooManyOwned,
    #[error("the session is subscribed to as many addresses as it may be")]
    TooManyHeard,
    #[error("the address has as many subscribers as it may have")]
    TooManyHearers,
    #[error("the node keeps as many addresses as it can")]
    Full,
}

/// What an address is to a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tie {
    pub(super) owns: bool,
    /// It was allocated, and stays until it is given back.
    pub(super) allocated: bool,
    pub(super) hears: bool,
}

/// Who has to do with one address.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) owner: Option<SessionId>,
    /// In the order in which they subscribed.
    pub(super) hearers: Vec<SessionId>,
}

#[derive(Debug, Default)]
struct Ties {
    // The standard hasher: peers choose the addresses, and could choose them for collisions with a quick one.
    by_address: HashMap<Arc<str>, Tie>,
    owned: usize,
    heard: usize,
}

/// The table.
#[derive(Debug)]
pub(super) struct Table {
    entries: HashMap<Arc<str>, Entry>,
    ties: SecondaryMap<SessionId, Ties>,
    room: Room,
    /// What other nodes have to be told about, where there are any.
    changed: Option<Vec<Arc<str>>>,
}

impl Table {
    pub(super) fn new(room: Room) -> Self {
        Self { entries: HashMap::new(), ties: SecondaryMap::new(), room, changed: None }
    }

    /// Addresses in it.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All of them.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &Arc<str>> {
        self.entries.keys()
    }

    /// From now on it is written down what changes.
    pub(super) fn watch(&mut self) {
        self.changed.get_or_insert_default();
    }

    /// Something changed about an address.
    pub(super) fn note(&mut self, address: &Arc<str>) {
        if let Some(changed) = &mut self.changed {
            changed.push(address.clone());
        }
    }

    /// Whether something changed.
    pub(super) fn has_changed(&self) -> bool {
        self.changed.as_ref().is_some_and(|changed| !changed.is_empty())
    }

    /// What changed, once each.
    pub(super) fn take_changed(&mut self) -> Vec<Arc<str>> {
        let mut changed = self.changed.as_mut().map(std::mem::take).unwrap_or_default();
        changed.sort_unstable();
        changed.dedup();
        changed
    }

    /// Takes an address away from whoever has it; subscriptions stay.
    pub(super) fn disown(&mut self, address: &str) {
        let Some(owner) = self.entry(address).and_then(|entry| entry.owner) else { return };
        self.untie(owner, address, Tie { owns: true, allocated: true, hears: false });
    }

    /// Who has to do with an address.
    pub(super) fn entry(&self, address: &str) -> Option<&Entry> {
        self.entries.get(address)
    }

    /// What an address is to a session.
    pub(super) fn tie(&self, session: SessionId, address: &str) -> Option<Tie> {
        self.ties.get(session)?.by_address.get(address).copied()
    }

    /// Gives an address to a session, unless another has it.
    pub(super) fn own(&mut self, session: SessionId, address: &str) -> Result<(), NotGiven> {
        self.change(session, address, |tie, entry, count, room| {
            if tie.owns {
                return Ok(());
            }
            if entry.owner.is_some() {
                return Err(NotGiven::Taken);
            }
            if count.0 >= room.owned {
                return Err(NotGiven::TooManyOwned);
            }
            count.0 += 1;
            tie.owns = true;
            entry.owner = Some(session);
            Ok(())
        })
    }

    /// The same, until it is given back.
    pub(super) fn allocate(&mut self, session: SessionId, address: &str) -> Result<(), NotGiven> {
        self.own(session, address)?;
        if let Some(tie) = self.ties.get_mut(session).and_then(|ties| ties.by_address.get_mut(address)) {
            tie.allocated = true;
        }
        Ok(())
    }

    /// Subscribes a session to an address.
    pub(super) fn hear(&mut self, session: SessionId, address: &str) -> Result<(), NotGiven> {
        self.change(session, address, |tie, entry, count, room| {
            if tie.hears {
                return Ok(());
            }
            if count.1 >= room.heard {
                return Err(NotGiven::TooManyHeard);
            }
            if entry.hearers.len() >= room.hearers {
                return Err(NotGiven::TooManyHearers);
            }
            count.1 += 1;
            tie.hears = true;
            entry.hearers.push(session);
            Ok(())
        })
    }

    /// Unsubscribes it. What it has only by its subscription is nobody's then.
    pub(super) fn leave(&mut self, session: SessionId, address: &str) {
        let drops_it = self.tie(session, address).is_some_and(|tie| tie.hears && !tie.allocated);
        let parts = if drops_it {
            Tie { owns: true, allocated: true, hears: true }
        } else {
            Tie { hears: true, ..Tie::default() }
        };
        self.untie(session, address, parts);
    }

    /// Takes an address back from a session: what it has of it, and its subscription.
    pub(super) fn give_back(&mut self, session: SessionId, address: &str) {
        self.untie(session, address, Tie { owns: true, allocated: true, hears: true });
    }

    /// Takes everything back.
    pub(super) fn forget(&mut self, session: SessionId) {
        let Some(ties) = self.ties.remove(session) else { return };
        for (address, tie) in ties.by_address {
            self.clear(session, &address, tie);
        }
    }

    fn change(
        &mut self,
        session: SessionId,
        address: &str,
        change: impl FnOnce(&mut Tie, &mut Entry, &mut (usize, usize), Room) -> Result<(), NotGiven>,
    ) -> Result<(), NotGiven> {
        let room = self.room;
        let key = match self.entries.get_key_value(address) {
            Some((key, _)) => key.clone(),
            None if self.entries.len() >= room.addresses => return Err(NotGiven::Full),
            None => Arc::from(address),
        };
        if self.ties.get(session).is_none() {
            self.ties.insert(session, Ties::default());
        }
        let Some(ties) = self.ties.get_mut(session) else { return Err(NotGiven::Full) };
        let mut tie = ties.by_address.get(address).copied().unwrap_or_default();
        let mut count = (ties.owned, ties.heard);
        // Only what is given is written, so that a refusal leaves nothing behind.
        if let Some(entry) = self.entries.get_mut(address) {
            change(&mut tie, entry, &mut count, room)?;
        } else {
            let mut entry = Entry::default();
            change(&mut tie, &mut entry, &mut count, room)?;
            self.entries.insert(key.clone(), entry);
        }
        (ties.owned, ties.heard) = count;
        ties.by_address.insert(key.clone(), tie);
        self.note(&key);
        Ok(())
    }

    fn untie(&mut self, session: SessionId, address: &str, parts: Tie) {
        let Some(ties) = self.ties.get_mut(session) else { return };
        let Some(tie) = ties.by_address.get_mut(address) else { return };
        let gone = Tie { owns: tie.owns && parts.owns, allocated: parts.allocated, hears: tie.hears && parts.hears };
        *tie = Tie {
            owns: tie.owns && !gone.owns,
            allocated: tie.allocated && !parts.allocated,
            hears: tie.hears && !gone.hears,
        };
        ties.owned -= usize::from(gone.owns);
        ties.heard -= usize::from(gone.hears);
        if !tie.owns && !tie.hears {
            ties.by_address.remove(address);
        }
        self.clear(session, address, gone);
    }

    fn clear(&mut self, session: SessionId, address: &str, gone: Tie) {
        if self.changed.is_some()
            && let Some((key, _)) = self.entries.get_key_value(address)
        {
            let key = key.clone();
            self.note(&key);
        }
        let Some(entry) = self.entries.get_mut(address) else { return };
        if gone.owns {
            entry.owner = None;
        }
        if gone.hears {
            entry.hearers.retain(|hearer| *hearer != session);
        }
        if entry.owner.is_none() && entry.hearers.is_empty() {
            self.entries.remove(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use slotmap::SlotMap;

    const ROOM: Room = Room { addresses: 5, owned: 2, heard: 2, hearers: 2 };

    #[test]
    fn each_limit_holds_and_leaves_nothing_behind() {
        let mut ids: SlotMap<SessionId, ()> = SlotMap::with_key();
        let [a, b, c] = [ids.insert(()), ids.insert(()), ids.insert(())];
        let mut table = Table::new(ROOM);
        assert_eq!((table.own(a, "1"), table.own(a, "1"), table.own(a, "2")), (Ok(()), Ok(()), Ok(())));
        assert_eq!(table.own(a, "3"), Err(NotGiven::TooManyOwned));
        assert_eq!(table.own(b, "1"), Err(NotGiven::Taken));
        assert_eq!((table.hear(b, "1"), table.hear(c, "1")), (Ok(()), Ok(())));
        assert_eq!(table.hear(a, "1"), Err(NotGiven::TooManyHearers));
        assert_eq!((table.hear(b, "3"), table.hear(b, "4")), (Ok(()), Err(NotGiven::TooManyHeard)));
        assert_eq!((table.hear(c, "4"), table.own(b, "5"), table.own(b, "6")), (Ok(()), Ok(()), Err(NotGiven::Full)));
        assert_eq!(table.len(), 5);
        for session in [a, b, c] {
            table.forget(session);
        }
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn what_was_allocated_outlives_a_subscription_and_what_was_subscribed_does_not() {
        let mut ids: SlotMap<SessionId, ()> = SlotMap::with_key();
        let a = ids.insert(());
        let mut table = Table::new(ROOM);
        table.allocate(a, "given").unwrap();
        table.own(a, "taken").unwrap();
        for address in ["given", "taken"] {
            table.hear(a, address).unwrap();
            table.leave(a, address);
        }
        assert_eq!(table.tie(a, "given"), Some(Tie { owns: true, allocated: true, hears: false }));
        assert_eq!(table.tie(a, "taken"), None);
        table.give_back(a, "given");
        assert_eq!(table.len(), 0);
    }

    proptest! {
        /// Whatever happens, both sides of the table say the same, and nothing is left when all are gone.
        #[test]
        fn both_sides_agree(steps in proptest::collection::vec((0_usize..6, 0_usize..3, 0_usize..6), 0..200)) {
            let mut ids: SlotMap<SessionId, ()> = SlotMap::with_key();
            let sessions = [ids.insert(()), ids.insert(()), ids.insert(())];
            let mut table = Table::new(ROOM);
            for (what, session, address) in steps {
                let (session, address) = (sessions[session], address.to_string());
                match what {
                    0 => drop(table.own(session, &address)),
                    1 => drop(table.allocate(session, &address)),
                    2 => drop(table.hear(session, &address)),
                    3 => table.leave(session, &address),
                    4 => table.give_back(session, &address),
                    _ => table.forget(session),
                }
                let owned: usize = sessions.iter().filter_map(|s| table.ties.get(*s)).map(|ties| ties.owned).sum();
                let heard: usize = sessions.iter().filter_map(|s| table.ties.get(*s)).map(|ties| ties.heard).sum();
                prop_assert_eq!(owned, table.entries.values().filter(|entry| entry.owner.is_some()).count());
                prop_assert_eq!(heard, table.entries.values().map(|entry| entry.hearers.len()).sum::<usize>());
            }
            for session in sessions {
                table.forget(session);
            }
            prop_assert_eq!(table.len(), 0);
        }
    }
}
