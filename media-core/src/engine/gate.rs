//! How much STUN a host may send on paths that it has not proved to be its own. Nothing of it is answered unless it is authentic, so
//! this is no matter of amplification; it bounds the work of looking at it, and how fast a participant who sends in the names of
//! others can have them answered.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Hosts that are followed at most, some 60 bytes each. Those who find the table full of busy ones share one budget.
const HOSTS: usize = 4_096;

/// A host may be ahead by so much: a room full of people who come at once from behind one NAT.
const BURST: Duration = Duration::from_secs(3);

/// Between two looks for hosts that are idle, while the table is full: a look goes through all of it.
const SWEEP: Duration = Duration::from_secs(1);

/// Budgets by host. When a budget will be whole again is all that is kept of it. The table's hash is keyed: whoever chooses
/// addresses must not choose where they collide.
#[derive(Debug)]
pub(super) struct Gate {
    each: Duration,
    hosts: HashMap<IpAddr, Instant>,
    others: Instant,
    swept: Instant,
}

impl Gate {
    /// A gate for so many messages a second of each host; 0 is no limit.
    pub(super) fn new(per_s: u32, now: Instant) -> Self {
        let each = Duration::from_secs(1).checked_div(per_s).unwrap_or_default();
        Self { each, hosts: HashMap::new(), others: now, swept: now }
    }

    /// Takes one message out of a host's budget, if that has one.
    pub(super) fn admits(&mut self, now: Instant, host: IpAddr) -> bool {
        if self.each.is_zero() {
            return true;
        }
        let host = household(host);
        if !self.hosts.contains_key(&host) {
            if self.hosts.len() >= HOSTS && now.saturating_duration_since(self.swept) >= SWEEP {
                self.swept = now;
                self.hosts.retain(|_, whole_at| *whole_at > now);
            }
            if self.hosts.len() >= HOSTS {
                return take(&mut self.others, self.each, now);
            }
        }
        take(self.hosts.entry(host).or_insert(now), self.each, now)
    }
}

/// Takes one out of a budget that is whole at `whole_at`.
fn take(whole_at: &mut Instant, each: Duration, now: Instant) -> bool {
    let then = (*whole_at).max(now) + each;
    let admitted = then.saturating_duration_since(now) <= BURST;
    if admitted {
        *whole_at = then;
    }
    admitted
}

/// An IPv4 address, or the /64 of an IPv6 one, of which one host may have all (RFC 6177).
fn household(host: IpAddr) -> IpAddr {
    match host.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_a_budget_and_many_hosts_share_one() {
        let start = Instant::now();
        let mut gate = Gate::new(10, start);
        let host = |i: u32| IpAddr::from(i.to_be_bytes());
        assert_eq!((0..99).filter(|_| gate.admits(start, host(1))).count(), 30);
        assert!(gate.admits(start + Duration::from_millis(100), host(1)));
        assert!(!gate.admits(start + Duration::from_millis(100), host(1)));
        let admitted = (2..10_000).filter(|i| gate.admits(start, host(*i))).count();
        assert_eq!((admitted, gate.hosts.len()), (HOSTS - 1 + 30, HOSTS));
        assert!(gate.admits(start + Duration::from_secs(4), host(20_000)), "the idle make room");
        assert_eq!(gate.hosts.len(), 1);
    }

    #[test]
    fn none_is_no_limit() {
        let now = Instant::now();
        let mut gate = Gate::new(0, now);
        assert!((0..10_000).all(|_| gate.admits(now, IpAddr::from([192, 0, 2, 1]))));
    }
}
