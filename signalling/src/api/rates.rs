//! How often somebody may ask, by where he comes from and by who he is.

use super::{Signalling, now};
use crate::authn::Caller;
use crate::config::SignallingLimits;
use crate::error::{ErrorCode, Refusal};
use crate::metrics::Limit;
use crate::session::rates::Asker;
use crate::session::{Rates, TokenBucket, household};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many joins may come at once: a minute's worth.
const JOINS_OVER: Duration = Duration::from_secs(60);

/// The buckets, and the sockets that are open.
pub(super) struct Gate(Mutex<Counts>);

struct Counts {
    requests: Option<Rates>,
    joins: Option<Rates>,
    /// Sockets by household. As many entries as there are sockets, at most.
    sockets: HashMap<IpAddr, usize>,
}

impl Gate {
    pub(super) fn new(limits: &SignallingLimits) -> Self {
        let requests = limits.requests_per_s_per_address;
        let joins = limits.joins_per_minute_per_identity;
        Self(Mutex::new(Counts {
            requests: (requests > 0).then(|| Rates::new(TokenBucket::new(requests))),
            joins: (joins > 0).then(|| Rates::new(TokenBucket::every(JOINS_OVER / joins, JOINS_OVER))),
            sockets: HashMap::new(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a socket of an address; `false` when it has as many as it may.
    pub(super) fn open(&self, address: IpAddr, limit: usize) -> bool {
        let mut counts = self.lock();
        let open = counts.sockets.entry(household(address)).or_default();
        if limit > 0 && *open >= limit {
            return false;
        }
        *open += 1;
        true
    }

    pub(super) fn close(&self, address: IpAddr) {
        let mut counts = self.lock();
        let household = household(address);
        if let Some(open) = counts.sockets.get_mut(&household) {
            *open -= 1;
            if *open == 0 {
                counts.sockets.remove(&household);
            }
        }
    }
}

impl Signalling {
    /// Counts an HTTP request. `from`: the client's address, or nothing for clients whom no limit is for.
    pub(crate) fn may_request(&self, from: Option<IpAddr>) -> Result<(), Refusal> {
        let Some(from) = from else { return Ok(()) };
        let mut counts = self.gate.lock();
        let taken = counts.requests.as_mut().is_none_or(|rates| take(rates, &household(from)));
        drop(counts);
        self.within(taken, Limit::Requests, "This address asks more often than this server answers.")
    }

    /// Counts a join, of whichever door.
    pub(crate) fn may_join(&self, caller: Option<&Caller>, from: Option<IpAddr>) -> Result<(), Refusal> {
        let Some(from) = from else { return Ok(()) };
        let mut counts = self.gate.lock();
        let taken =
            counts.joins.as_mut().is_none_or(|rates| match caller.and_then(|caller| caller.subject.as_deref()) {
                Some(subject) => take(rates, subject),
                None => take(rates, &household(from)),
            });
        drop(counts);
        self.within(taken, Limit::Joins, "This identity joins more often than this server lets it.")
    }

    /// Whether one more socket of this address may be opened; if so it is counted until [`Gate::close`].
    pub(super) fn may_open(&self, from: IpAddr) -> Result<(), Refusal> {
        let opened = self.gate.open(from, self.config.limits.sockets_per_address);
        self.within(opened, Limit::Sockets, "This address has as many WebSockets as it may have.")
    }

    fn within(&self, taken: bool, limit: Limit, message: &'static str) -> Result<(), Refusal> {
        if taken {
            return Ok(());
        }
        self.metrics.limited(limit);
        Err(Refusal::new(ErrorCode::RateExceeded, message))
    }
}

fn take(rates: &mut Rates, name: &(impl std::hash::Hash + ?Sized)) -> bool {
    let asker: Asker = rates.asker(name);
    rates.take(asker, now())
}
