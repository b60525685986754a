//! What a node counts. Nothing is refused or dropped without a number going up.

/// Why a message went no further, or not to all for whom it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It was no message.
    Malformed,
    /// It came before a session was open.
    NotOpen,
    /// Its `from` belongs to another.
    Spoofed,
    /// The policy forbids it.
    Policy,
    /// What it asks of the node cannot be.
    Invalid,
    /// A limit of [`super::Limits`] was reached.
    Limit,
    /// Nobody has or hears the address.
    NoReceiver,
    /// No component answers for the address.
    NoComponent,
    /// The receiver is away, and too much waits for it.
    QueueFull,
    /// The receiver did not come back.
    Expired,
    /// The receiver does not read.
    SlowReader,
    /// It was for another node of the domain, which could not be reached.
    Backbone,
    /// A defect in the node.
    Defect,
}

impl Loss {
    /// All of them, in the order of [`Counters::lost`].
    pub const ALL: [Self; 13] = [
        Self::Malformed,
        Self::NotOpen,
        Self::Spoofed,
        Self::Policy,
        Self::Invalid,
        Self::Limit,
        Self::NoReceiver,
        Self::NoComponent,
        Self::QueueFull,
        Self::Expired,
        Self::SlowReader,
        Self::Backbone,
        Self::Defect,
    ];

    /// As a label.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NotOpen => "not_open",
            Self::Spoofed => "spoofed",
            Self::Policy => "policy",
            Self::Invalid => "invalid",
            Self::Limit => "limit",
            Self::NoReceiver => "no_receiver",
            Self::NoComponent => "no_component",
            Self::QueueFull => "queue_full",
            Self::Expired => "expired",
            Self::SlowReader => "slow_reader",
            Self::Backbone => "backbone",
            Self::Defect => "defect",
        }
    }
}

/// How often something happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages that clients sent.
    pub received: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Messages given to connections, answers of the node included, one for each receiver.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Messages handed to components.
    pub handed: u64,
    /// Messages kept for clients that were away.
    pub kept: u64,
    /// Sessions opened.
    pub opened: u64,
    /// Sessions gone on with on another connection.
    pub resumed: u64,
    /// Attempts to go on with a session that were refused.
    pub resume_refused: u64,
    /// Sessions closed by their clients.
    pub closed: u64,
    /// Sessions whose clients did not come back.
    pub expired: u64,
    /// Connections refused for a limit.
    pub refused: u64,
    /// Times that a session was read from later because it sent too fast.
    pub paced: u64,
    /// Connections closed because their client did not read.
    pub slow_closed: u64,
    /// Messages sent to other nodes of the domain, one for each.
    pub forwarded: u64,
    /// Messages that came from them.
    pub brought: u64,
    /// Addresses and sessions that were given up because another node gave them away as well, and first.
    pub conflicts: u64,
    /// Frames of other nodes that are none.
    pub bad_frames: u64,
    /// Addresses of other nodes for which there was no room; messages for them are answered 404.
    pub left_out: u64,
    /// Other nodes that went without a word.
    pub nodes_lost: u64,
    /// Messages that went no further, by [`Loss`].
    pub lost: [u64; Loss::ALL.len()],
}

impl Counters {
    /// How many were lost for this cause.
    #[must_use]
    pub fn lost(&self, why: Loss) -> u64 {
        self.lost.get(why as usize).copied().unwrap_or_default()
    }

    pub(super) fn lose(&mut self, why: Loss) {
        if let Some(count) = self.lost.get_mut(why as usize) {
            *count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_loss_has_a_number_and_a_name_of_its_own() {
        let mut counters = Counters::default();
        for why in Loss::ALL {
            counters.lose(why);
            assert_eq!(counters.lost(why), 1, "{}", why.name());
        }
        let mut names: Vec<_> = Loss::ALL.iter().map(|why| why.name()).collect();
        names.dedup();
        assert_eq!(names.len(), Loss::ALL.len());
    }
}
