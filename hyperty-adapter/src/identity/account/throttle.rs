//! How often somebody may try: by account, so that nobody's password is guessed, and by address, so that nobody tries one password on all accounts.

use std::collections::HashMap;
use std::net::IpAddr;

/// Names that are remembered at most. Those beyond share one limit, which is then strict for them and bounded for us.
const MAX_NAMES: usize = 50_000;

/// So many at once, and one more each `every_s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Tries at once.
    pub burst: u32,
    /// Seconds for one more.
    pub every_s: u64,
}

/// A limit for each of many names.
#[derive(Debug)]
pub struct Throttle {
    limit: Limit,
    /// When a name will have all its tries again.
    full_at_s: HashMap<String, u64>,
    others_full_at_s: u64,
    swept_s: u64,
}

impl Throttle {
    /// With this limit.
    #[must_use]
    pub fn new(limit: Limit) -> Self {
        Self { limit, full_at_s: HashMap::new(), others_full_at_s: 0, swept_s: 0 }
    }

    /// Takes one try of `name`. The error is in how many seconds there will be one.
    ///
    /// # Errors
    /// The seconds to wait.
    pub fn take(&mut self, name: &str, now_s: u64) -> Result<(), u64> {
        // Once a second at most: a crowd of new names must not have all the old ones looked at for each of them.
        if self.full_at_s.len() >= MAX_NAMES && !self.full_at_s.contains_key(name) && self.swept_s != now_s {
            self.swept_s = now_s;
            self.full_at_s.retain(|_, full_at_s| *full_at_s > now_s);
        }
        let has_room = self.full_at_s.len() < MAX_NAMES || self.full_at_s.contains_key(name);
        let full_at_s = match has_room {
            true => self.full_at_s.entry(name.to_owned()).or_insert(now_s),
            false => &mut self.others_full_at_s,
        };
        let Limit { burst, every_s } = self.limit;
        let next_s = (*full_at_s).max(now_s).saturating_add(every_s);
        let allowed_s = now_s.saturating_add(u64::from(burst).saturating_mul(every_s));
        if next_s > allowed_s {
            return Err(next_s - allowed_s);
        }
        *full_at_s = next_s;
        Ok(())
    }

    /// Forgets the tries of somebody who has proved that he is the one.
    pub fn forget(&mut self, name: &str) {
        self.full_at_s.remove(name);
    }

    /// What an address counts as: all of IPv6's /64 is one customer.
    #[must_use]
    pub fn of_address(address: IpAddr) -> String {
        match address.to_canonical() {
            IpAddr::V4(four) => four.to_string(),
            IpAddr::V6(six) => {
                let [a, b, c, d, ..] = six.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_back_with_time_and_memory_is_bounded() {
        let mut throttle = Throttle::new(Limit { burst: 3, every_s: 10 });
        let take = |throttle: &mut Throttle, name: &str, now_s| throttle.take(name, now_s);
        for _ in 0..3 {
            assert_eq!(take(&mut throttle, "a", 100), Ok(()));
        }
        assert_eq!(take(&mut throttle, "a", 100), Err(10));
        assert_eq!(take(&mut throttle, "b", 100), Ok(()));
        assert_eq!(take(&mut throttle, "a", 110), Ok(()));
        assert_eq!(take(&mut throttle, "a", 110), Err(10));
        throttle.forget("a");
        assert_eq!(take(&mut throttle, "a", 110), Ok(()));
        for n in 0..MAX_NAMES * 2 {
            let _ = throttle.take(&format!("n{n}"), 200);
        }
        assert!(throttle.full_at_s.len() <= MAX_NAMES);
        assert!(throttle.take("yet another", 200).is_err(), "they share a limit, which is used up");
        assert_eq!(throttle.take("yet another", 300), Ok(()));
        let of = |text: &str| Throttle::of_address(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
