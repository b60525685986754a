//! How often one address or one identity may ask: a bucket for each, in a table that cannot grow.

use super::TokenBucket;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Buckets at most, some 80 bytes each. Those who find the table full of others who are busy share one bucket.
const BUCKETS: usize = 16_384;

/// Between two looks for buckets that are full again, while the table is: a look goes through all of it.
const SWEEP: Duration = Duration::from_secs(1);

/// Whom a bucket is for: a number that nobody outside can choose, so that names of any length cost the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Asker(u64);

/// Buckets by asker.
#[derive(Debug)]
pub(crate) struct Rates {
    fresh: TokenBucket,
    buckets: HashMap<Asker, TokenBucket>,
    shared: TokenBucket,
    swept: Option<Instant>,
    hasher: RandomState,
}

impl Rates {
    /// Buckets like this one.
    pub(crate) fn new(fresh: TokenBucket) -> Self {
        Self { shared: fresh.clone(), fresh, buckets: HashMap::new(), swept: None, hasher: RandomState::new() }
    }

    /// The asker of this name.
    pub(crate) fn asker(&self, name: &(impl Hash + ?Sized)) -> Asker {
        Asker(self.hasher.hash_one(name))
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&mut self, asker: Asker, now: Instant) -> bool {
        if let Some(bucket) = self.buckets.get_mut(&asker) {
            return bucket.take(now);
        }
        if self.buckets.len() >= BUCKETS && self.swept.is_none_or(|at| now.saturating_duration_since(at) >= SWEEP) {
            self.swept = Some(now);
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
        }
        if self.buckets.len() >= BUCKETS {
            return self.shared.take(now);
        }
        self.buckets.entry(asker).or_insert_with(|| self.fresh.clone()).take(now)
    }
}

/// What stands for an address: itself, or of IPv6 the network of a household (RFC 6177), whose addresses one host may all have.
pub(crate) fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_bucket_until_the_table_is_full_of_the_busy() {
        let mut rates = Rates::new(TokenBucket::every(Duration::from_secs(1), Duration::from_secs(2)));
        let start = Instant::now();
        let anne = rates.asker("anne");
        assert_eq!((0..9).filter(|_| rates.take(anne, start)).count(), 2);
        let others = (0..BUCKETS * 2).filter(|i| rates.take(rates.asker(i), start)).count();
        assert_eq!(others, BUCKETS - 1 + 2, "each his own, and two out of the one for all");
        assert_eq!(rates.buckets.len(), BUCKETS);
        // All are full again, and make room.
        let later = start + Duration::from_secs(5);
        let late = rates.asker("late");
        assert!(rates.take(late, later));
        assert_eq!(rates.buckets.len(), 1);
    }

    #[test]
    fn a_household_is_one() {
        let of = |text: &str| household(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.2"), of("192.0.2.1"));
    }
}
