//! The registry beside a model of it that is too simple to be wrong: a list of who said what when.

use super::{START_MS, World};
use crate::registry::Refused;
use crate::registry::record::Record;
use colloquy_storage::registry::{By, Kind};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
enum Step {
    Register { url: u8, user: u8, expires_s: u32, status: &'static str },
    KeepAlive { url: u8 },
    Update { url: u8, expires_s: Option<u32>, status: Option<&'static str> },
    Disconnect { url: u8, user: u8 },
    Pass { seconds: i64 },
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    let status = || prop_oneof![Just("live"), Just("created"), Just("disconnected")];
    let (url, user) = (0..4_u8, 0..2_u8);
    prop_oneof![
        (url.clone(), user.clone(), 0..40_u32, status()).prop_map(|(url, user, expires_s, status)| Step::Register {
            url,
            user,
            expires_s,
            status
        }),
        url.clone().prop_map(|url| Step::KeepAlive { url }),
        (url.clone(), proptest::option::of(0..40_u32), proptest::option::of(status()))
            .prop_map(|(url, expires_s, status)| Step::Update { url, expires_s, status }),
        (url, user).prop_map(|(url, user)| Step::Disconnect { url, user }),
        (0..30_i64).prop_map(|seconds| Step::Pass { seconds }),
        Just(Step::Sweep),
    ]
}

#[derive(Debug, Clone)]
struct Known {
    user: u8,
    expires_s: u32,
    said: String,
    at_ms: i64,
}

impl Known {
    fn status(&self, now_ms: i64) -> &str {
        if now_ms - self.at_ms > i64::from(self.expires_s) * 1_000 { "disconnected" } else { &self.said }
    }
}

fn url(number: u8) -> String {
    format!("hyperty://d.test/{number}")
}

fn user(number: u8) -> String {
    format!("user://d.test/u{number}@d.test")
}

/// What should come of a step, in the words of the registry; and the model after it.
fn play(known: &mut BTreeMap<u8, Known>, step: &Step, now_ms: i64) -> Result<bool, ()> {
    match step {
        Step::Register { url, user, expires_s, status } => {
            if known.get(url).is_some_and(|known| known.user != *user) {
                return Err(());
            }
            known.insert(
                *url,
                Known { user: *user, expires_s: (*expires_s).min(30), said: (*status).to_owned(), at_ms: now_ms },
            );
            Ok(false)
        }
        Step::KeepAlive { url } => {
            let known = known.get_mut(url).ok_or(())?;
            let before = known.status(now_ms).to_owned();
            (known.said, known.at_ms) = ("live".to_owned(), now_ms);
            Ok(before != "live")
        }
        Step::Update { url, expires_s, status } => {
            let known = known.get_mut(url).ok_or(())?;
            let before = known.status(now_ms).to_owned();
            known.said = match (status, before.as_str()) {
                (Some(status), _) => (*status).to_owned(),
                (None, "disconnected") => "live".to_owned(),
                (None, other) => other.to_owned(),
            };
            if expires_s.is_none() && status.is_none() {
                // An update of nothing is a sign of life.
                known.said = "live".to_owned();
            }
            known.expires_s = expires_s.unwrap_or(known.expires_s).min(30);
            known.at_ms = now_ms;
            Ok(before != known.status(now_ms))
        }
        Step::Disconnect { url, user } => {
            let known = known.get_mut(url).filter(|known| known.user == *user).ok_or(())?;
            known.said = "disconnected".to_owned();
            Ok(false)
        }
        Step::Pass { .. } | Step::Sweep => Ok(false),
    }
}

async fn act(world: &World, step: &Step) -> Result<bool, ()> {
    let now_ms = world.now_ms();
    let registry = &world.registry;
    let done = match step {
        Step::Register { url: at, user: of, expires_s, status } => {
            let record = json!({"descriptor": "d", "expires": expires_s, "resources": [], "dataSchemes": [], "status": status, "runtime": "r"});
            let record = Record::parse(Kind::Hyperty, &record.to_string()).unwrap();
            registry.register_hyperty(&user(*of), &url(*at), record, now_ms).await.map(|()| false)
        }
        Step::KeepAlive { url: at } => registry.keep_alive(Kind::Hyperty, &url(*at), now_ms).await,
        Step::Update { url: at, expires_s, status } => {
            let change = Record { expires: *expires_s, status: status.map(str::to_owned), ..Record::default() };
            registry.update(Kind::Hyperty, &url(*at), change, now_ms).await
        }
        Step::Disconnect { url: at, user: of } => {
            registry.disconnect(Kind::Hyperty, &url(*at), Some(&user(*of)), now_ms).await.map(|()| false)
        }
        Step::Pass { seconds } => {
            world.pass(*seconds);
            Ok(false)
        }
        Step::Sweep => registry.sweep(now_ms).await.map(|_| false).map_err(Refused::from),
    };
    done.map_err(|why| assert!(matches!(why, Refused::NotFound), "{why}"))
}

async fn compare(steps: &[Step]) {
    let settings = crate::registry::Settings { max_expires_s: 30, ..Default::default() };
    let world = World::with(settings).await;
    assert_eq!(world.now_ms(), START_MS);
    let mut known = BTreeMap::new();
    // What subscribers were told last, of each that they were told of.
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    for step in steps {
        let expected = play(&mut known, step, world.now_ms());
        assert_eq!(act(&world, step).await, expected, "{step:?}");
        let now_ms = world.now_ms();
        for (at, known) in &known {
            let answer = world.registry.entry(Kind::Hyperty, &url(*at), now_ms).await.unwrap();
            let shown: Value = serde_json::from_str(&answer.json).unwrap();
            assert_eq!(shown["status"], known.status(now_ms), "after {step:?}");
            assert_eq!(answer.all_gone, known.status(now_ms) == "disconnected");
        }
        for of in 0..2 {
            let owner = user(of);
            let search = crate::registry::Search {
                by: By::Owner(Kind::Hyperty, &owner),
                resources: vec![],
                data_schemes: vec![],
            };
            let mine: Vec<_> = known.iter().filter(|(_, known)| known.user == of).map(|(at, _)| url(*at)).collect();
            let found = world.registry.search(&search, now_ms).await;
            let found: BTreeMap<String, Value> =
                found.map_or_else(|_| BTreeMap::new(), |found| serde_json::from_str(&found.json).unwrap());
            assert_eq!(found.into_keys().collect::<Vec<_>>(), mine);
        }
        told.extend(world.registry.take_changes(99).into_iter().map(|change| (change.url, change.status)));
    }
    while world.registry.sweep(world.now_ms()).await.unwrap() > 0 {}
    told.extend(world.registry.take_changes(99).into_iter().map(|change| (change.url, change.status)));
    for (at, known) in &known {
        if let Some(told) = told.get(&url(*at)) {
            assert_eq!(told, known.status(world.now_ms()), "who was told anything was told the last of it");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_registry_does_what_the_model_does(steps in proptest::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(compare(&steps));
    }
}
