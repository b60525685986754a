//! Which key signs when: keys are published before they sign, and stay published after, so that nobody meets a token whose key he cannot have.

use super::key::SigningKey;
use super::public::{Algorithm, KeySet};
use std::sync::Arc;

/// When keys take turns, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationPolicy {
    /// How long a key signs.
    pub sign_for_s: u64,
    /// How long it is published before it signs: longer than others keep a copy of the key set.
    pub publish_ahead_s: u64,
    /// How long it stays published after its last signature: longer than any token lives.
    pub keep_after_s: u64,
}

impl Default for RotationPolicy {
    /// A key signs for 30 days, is known one day before, and for two days after.
    fn default() -> Self {
        Self { sign_for_s: 30 * 86_400, publish_ahead_s: 86_400, keep_after_s: 2 * 86_400 }
    }
}

/// What is to be done about the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make one, which signs from then on.
    Generate {
        /// Of which kind.
        algorithm: Algorithm,
        /// From when on it signs, in seconds since 1970.
        signs_from_s: u64,
    },
    /// Forget the one of this name.
    Drop(String),
}

/// All keys of this issuer, those of the past and of the future too. Cheap to copy.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    keys: Arc<Vec<SigningKey>>,
}

impl KeyRing {
    /// Of these keys.
    #[must_use]
    pub fn new(mut keys: Vec<SigningKey>) -> Self {
        keys.sort_by_key(|key| (key.signs_from_s, key.public.kid.clone()));
        Self { keys: Arc::new(keys) }
    }

    /// The key that signs now.
    #[must_use]
    pub fn signer(&self, algorithm: Algorithm, now_s: u64) -> Option<&SigningKey> {
        let mut of_kind = self.keys.iter().filter(|key| key.public.algorithm == algorithm);
        of_kind.clone().rfind(|key| key.signs_from_s <= now_s).or_else(|| of_kind.next())
    }

    /// What is published.
    #[must_use]
    pub fn public(&self) -> KeySet {
        KeySet::new(self.keys.iter().map(|key| key.public.clone()).collect())
    }

    /// What is due now. Told again after each step was done, until there is none.
    #[must_use]
    pub fn due(&self, policy: &RotationPolicy, now_s: u64) -> Vec<Step> {
        let mut steps = Vec::new();
        for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
            let of_kind: Vec<&SigningKey> = self.keys.iter().filter(|key| key.public.algorithm == algorithm).collect();
            match of_kind.last() {
                // The first signs at once: nobody has a copy of anything yet.
                None => steps.push(Step::Generate { algorithm, signs_from_s: now_s }),
                Some(last) => {
                    let successor_signs_s = last.signs_from_s.saturating_add(policy.sign_for_s);
                    if now_s.saturating_add(policy.publish_ahead_s) >= successor_signs_s {
                        let signs_from_s = successor_signs_s.max(now_s.saturating_add(policy.publish_ahead_s));
                        steps.push(Step::Generate { algorithm, signs_from_s });
                    }
                }
            }
            for pair in of_kind.windows(2) {
                let [old, successor] = pair else { continue };
                if successor.signs_from_s.saturating_add(policy.keep_after_s) <= now_s {
                    steps.push(Step::Drop(old.public.kid.clone()));
                }
            }
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    fn key(signs_from_s: u64) -> SigningKey {
        let der = SigningKey::generate(Algorithm::Es256).unwrap();
        SigningKey::from_pkcs8(Algorithm::Es256, &der, signs_from_s).unwrap()
    }

    fn ec_steps(ring: &KeyRing, now_s: u64) -> Vec<Step> {
        let ours = |step: &Step| !matches!(step, Step::Generate { algorithm: Algorithm::Rs256, .. });
        ring.due(&RotationPolicy::default(), now_s).into_iter().filter(ours).collect()
    }

    #[test]
    fn keys_are_known_before_they_sign_and_after() {
        let first = key(0);
        let first_kid = first.public.kid.clone();
        assert_eq!(ec_steps(&KeyRing::default(), 5), [Step::Generate { algorithm: Algorithm::Es256, signs_from_s: 5 }]);
        let ring = KeyRing::new(vec![first]);
        assert!(ec_steps(&ring, 29 * DAY - 1).is_empty());
        assert_eq!(ec_steps(&ring, 29 * DAY), [Step::Generate { algorithm: Algorithm::Es256, signs_from_s: 30 * DAY }]);
        let late = [Step::Generate { algorithm: Algorithm::Es256, signs_from_s: 51 * DAY }];
        assert_eq!(ec_steps(&ring, 50 * DAY), late, "a server that slept still lets others know first");

        let second = key(30 * DAY);
        let second_kid = second.public.kid.clone();
        let mut keys = Arc::try_unwrap(ring.keys).unwrap();
        keys.push(second);
        let ring = KeyRing::new(keys);
        let signer = |now| ring.signer(Algorithm::Es256, now).unwrap().public.kid.clone();
        assert_eq!((signer(30 * DAY - 1), signer(30 * DAY)), (first_kid.clone(), second_kid));
        assert_eq!(ring.public().len(), 2);
        assert!(ec_steps(&ring, 32 * DAY - 1).is_empty());
        assert_eq!(ec_steps(&ring, 32 * DAY), [Step::Drop(first_kid)]);
    }
}
