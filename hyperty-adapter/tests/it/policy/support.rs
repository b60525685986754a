//! A folder of policies, people whose identities are verified by a word, and a node that asks.

use crate::node::world::World;
use colloquy_hyperty_adapter::clock::Clock;
use colloquy_hyperty_adapter::node::{ConnectionId, Settings};
use colloquy_hyperty_adapter::policy::{self, BadPolicies, Claim, Identities, Otherwise, Policies, User, Zone};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// 2026-11-23, a Monday, 12:00 UTC.
pub(super) const MONDAY_NOON: i64 = 1_795_435_200_000;
pub(super) const HOUR: i64 = 3_600_000;

pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("colloquy-policies-{:016x}", rand::random::<u64>()));
        fs::create_dir_all(&path).unwrap();
        let folder = Self(path);
        files.iter().for_each(|(name, text)| folder.put(name, text));
        folder
    }

    pub(super) fn put(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `"assertion": "alice"` is alice@example.com's, for an hour from noon.
struct ByName;

impl Identities for ByName {
    fn verified(&self, claim: &Claim<'_>) -> Option<Arc<User>> {
        let identity: Value = serde_json::from_str(claim.identity.get()).unwrap();
        let name = identity["assertion"].as_str().unwrap();
        ["alice", "bob", "carol"].contains(&name).then(|| {
            Arc::new(User {
                issuer: "example.com".to_owned(),
                url: format!("user://example.com/{name}@example.com"),
                email: Some(format!("{name}@example.com")),
                guid: Some(format!("user-guid://{name}")),
                until_ms: MONDAY_NOON + HOUR,
            })
        })
    }
}

pub(super) struct Scene {
    pub(super) world: World,
    pub(super) policies: Policies,
    pub(super) folder: Folder,
    now_ms: Arc<AtomicI64>,
}

impl Scene {
    /// The policies that come with the server.
    pub(super) fn shipped(name: &str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/policies").join(name);
        Self::of(&[(name, &fs::read_to_string(file).unwrap())])
    }

    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self::with(files, Otherwise::Allow, Zone::default())
    }

    pub(super) fn with(files: &[(&str, &str)], otherwise: Otherwise, zone: Zone) -> Self {
        let (folder, now_ms) = (Folder::of(files), Arc::new(AtomicI64::new(MONDAY_NOON)));
        let shared = now_ms.clone();
        let clock = Clock::from_fn(move || shared.load(Ordering::Relaxed));
        let settings = policy::Settings { folder: folder.0.clone(), otherwise, zone };
        let policies = Policies::open(settings, Box::new(ByName), clock).unwrap();
        let world = World::gated(Settings::new("d"), policies.clone());
        Self { world, policies, folder, now_ms }
    }

    pub(super) fn at(&self, ms: i64) {
        self.now_ms.store(ms, Ordering::Relaxed);
    }

    /// What the sender is told: nothing, or why it does not pass. What passes reaches whoever it is for, or nobody.
    pub(super) fn refused(&mut self, from: ConnectionId, message: &Value) -> Option<String> {
        self.world.send(from, message);
        let got = self.world.got(from);
        let by_policy = got.iter().find(|answer| answer["from"] == "mn:/policies")?;
        assert_eq!((&by_policy["body"]["code"], &by_policy["id"]), (&json!(403), &message["id"]), "{by_policy}");
        Some(by_policy["body"]["desc"].as_str().unwrap().to_owned())
    }
}

/// Why a folder of these files would not be taken.
pub(super) fn refusal(files: &[(&str, &str)]) -> BadPolicies {
    let folder = Folder::of(files);
    let settings = policy::Settings { folder: folder.0.clone(), otherwise: Otherwise::Allow, zone: Zone::default() };
    Policies::open(settings, Box::new(ByName), Clock::system()).unwrap_err()
}

pub(super) fn signed(mut message: Value, who: &str) -> Value {
    message["body"]["identity"] = json!({"assertion": who, "idp": {"domain": "example.com", "protocol": "OIDC"}});
    message
}

pub(super) fn invite(from: &str, to: &str) -> Value {
    json!({"id": 16, "type": "create", "from": format!("connection://d/{from}/subscription"), "to": to,
        "body": {"identity": {}, "source": "hyperty://d/h", "value": {"resources": ["audio", "video"], "name": "call"}}})
}
