//! What one client has: a relayed address, whom it may hear, which channels stand for whom.

use super::credentials::User;
use super::message::TransactionId;
use super::policy::TurnLimits;
use super::rate::Bucket;
use super::server::Flow;
use aws_lc_rs::hmac;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// How long a permission holds (RFC 8656 section 9).
const PERMISSION: Duration = Duration::from_secs(300);

/// How long a channel holds (RFC 8656 section 12).
const CHANNEL: Duration = Duration::from_secs(600);

/// The numbers that channels can have (RFC 8656 section 12).
pub(super) const CHANNEL_NUMBERS: std::ops::RangeInclusive<u16> = 0x4000..=0x4FFF;

/// Why a permission or a channel is not to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// There are as many as there may be.
    Full,
    /// The number or the peer is bound otherwise.
    Taken,
}

#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) flow: Flow,
    pub(super) user: User,
    /// As it came: a refresh must name the same (RFC 8656 section 5).
    pub(super) username: Box<str>,
    /// Kept, so that a call outlives the credentials it began with.
    pub(super) key: hmac::Key,
    /// The address that peers see.
    pub(super) relayed: SocketAddr,
    /// The request that made it: when it comes again, the answer was lost.
    pub(super) made_by: TransactionId,
    pub(super) expires: Instant,
    pub(super) to_peers: Bucket,
    pub(super) to_client: Bucket,
    permissions: Vec<Permission>,
    channels: Vec<Channel>,
}

#[derive(Debug)]
struct Permission {
    ip: IpAddr,
    expires: Instant,
}

#[derive(Debug)]
struct Channel {
    number: u16,
    peer: SocketAddr,
    expires: Instant,
}

/// What an allocation begins with.
pub(super) struct Beginning {
    pub(super) flow: Flow,
    pub(super) user: User,
    pub(super) username: Box<str>,
    pub(super) key: hmac::Key,
    pub(super) relayed: SocketAddr,
    pub(super) made_by: TransactionId,
    pub(super) expires: Instant,
}

impl Allocation {
    pub(super) fn new(beginning: Beginning, bytes_per_s: u64, now: Instant) -> Self {
        let Beginning { flow, user, username, key, relayed, made_by, expires } = beginning;
        let bucket = Bucket::new(bytes_per_s, now);
        Self {
            flow,
            user,
            username,
            key,
            relayed,
            made_by,
            expires,
            to_peers: bucket,
            to_client: bucket,
            permissions: Vec::new(),
            channels: Vec::new(),
        }
    }

    /// Lets a peer be heard and spoken to, or goes on doing so.
    pub(super) fn permit(&mut self, ip: IpAddr, limits: &TurnLimits, now: Instant) -> Result<(), Denied> {
        let expires = now + PERMISSION;
        if let Some(known) = self.permissions.iter_mut().find(|permission| permission.ip == ip) {
            known.expires = expires;
            return Ok(());
        }
        self.permissions.retain(|permission| permission.expires > now);
        if self.permissions.len() >= limits.permissions {
            return Err(Denied::Full);
        }
        self.permissions.push(Permission { ip, expires });
        Ok(())
    }

    /// Whether a peer may be heard and spoken to.
    pub(super) fn permits(&self, ip: IpAddr, now: Instant) -> bool {
        self.permissions.iter().any(|permission| permission.ip == ip && permission.expires > now)
    }

    /// Binds a channel to a peer, or goes on doing so, and permits him.
    pub(super) fn bind(
        &mut self,
        number: u16,
        peer: SocketAddr,
        limits: &TurnLimits,
        now: Instant,
    ) -> Result<(), Denied> {
        self.channels.retain(|channel| channel.expires > now);
        let known = self.channels.iter().position(|channel| channel.number == number || channel.peer == peer);
        match known.and_then(|at| self.channels.get(at)) {
            Some(channel) if channel.number != number || channel.peer != peer => return Err(Denied::Taken),
            None if self.channels.len() >= limits.channels => return Err(Denied::Full),
            _ => {}
        }
        self.permit(peer.ip(), limits, now)?;
        let expires = now + CHANNEL;
        match known.and_then(|at| self.channels.get_mut(at)) {
            Some(channel) => channel.expires = expires,
            None => self.channels.push(Channel { number, peer, expires }),
        }
        Ok(())
    }

    /// Whom a channel stands for.
    pub(super) fn peer_of(&self, number: u16, now: Instant) -> Option<SocketAddr> {
        let channel = self.channels.iter().find(|channel| channel.number == number && channel.expires > now)?;
        Some(channel.peer)
    }

    /// The channel that stands for a peer.
    pub(super) fn channel_of(&self, peer: SocketAddr, now: Instant) -> Option<u16> {
        let channel = self.channels.iter().find(|channel| channel.peer == peer && channel.expires > now)?;
        Some(channel.number)
    }
}
