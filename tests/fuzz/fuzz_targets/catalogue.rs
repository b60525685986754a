#![no_main]

//! Objects of the catalogue: descriptors, source packages and code as files have them, and what clients ask of them: paths, posted constraints
//! and hosts. Parts stand with a zero byte between.

use colloquy_hyperty_adapter::catalogue::{
    Answer, Defaults, Files, Integrity, Kind, Object, Origin, Places, Question, Snapshot, Surroundings, answer, meets,
};
use serde_json::{Map, Value};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let parts: Vec<&str> = text.split('\0').collect();
    let part = |at: usize| parts.get(at).copied().unwrap_or_default();
    let kind = Kind::ALL[part(0).len() % Kind::ALL.len()];
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let files = Files::new(part(1).to_owned(), some(part(2)), some(part(3)));
    let (places, integrity) = (Places::of("d.test"), Integrity::default());
    let surroundings = Surroundings { origin: Origin::Folder, places: &places, integrity: &integrity };
    let mut names = Vec::new();
    let objects: Vec<Object> = match Object::load(kind, files, surroundings, |_| {}) {
        Ok(object) => {
            assert!(kind != Kind::Hyperty || object.get("type").is_none(), "a hyperty with a type is taken");
            names.push(object.name().to_owned());
            vec![object]
        }
        Err(why) => {
            assert!(!why.to_string().is_empty());
            Vec::new()
        }
    };
    let all = Snapshot::new(objects, Defaults::from([(kind, names.clone())]), Vec::new());
    let constraints: Option<Map<String, Value>> = serde_json::from_str(part(5)).ok();
    if let Some(constraints) = &constraints {
        let value = Value::Object(constraints.clone());
        let has_null = |value: &Value| value.to_string().contains("null");
        assert!(has_null(&value) || meets(Some(&value), &value), "something does not meet itself: {value}");
    }
    let _ = answer(&all, Question { path: part(4), constraints: constraints.as_ref(), host: part(6) });
    for name in names {
        for path in [format!("{kind}/{name}"), format!("{kind}/default"), format!("{kind}/{name}/sourcePackage")] {
            match answer(&all, Question { path: &path, constraints: None, host: "catalogue.d.test" }) {
                Answer::Found { body, .. } => drop(serde_json::from_slice::<Map<String, Value>>(&body).expect("it is JSON")),
                Answer::Refused { status, .. } => assert_eq!((status, path.ends_with("sourcePackage")), (404, true)),
            }
        }
    }
});
