#![no_main]

//! Registrations as clients send them: what is taken is within its bounds, and merging it into itself changes nothing.

use colloquy_hyperty_adapter::registry::record::{MAX_ITEM, MAX_LIST, MAX_TEXT, Record};
use colloquy_storage::registry::Kind;

libfuzzer_sys::fuzz_target!(|text: &str| {
    for kind in [Kind::Hyperty, Kind::DataObject] {
        let Ok(record) = Record::parse(kind, text) else { continue };
        let _ = record.check_whole(kind);
        assert!(record.descriptor.iter().chain(&record.name).chain(&record.guid).all(|text| text.len() <= MAX_TEXT));
        let lists = record.resources.iter().chain(&record.data_schemes);
        assert!(lists.clone().all(|list| list.len() <= MAX_LIST && list.iter().all(|item| item.len() <= MAX_ITEM)));
        let mut merged = record.clone();
        merged.merge(record.clone());
        assert_eq!(merged, record);
    }
});
