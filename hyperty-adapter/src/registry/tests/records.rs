//! The parser of records, on whatever comes.

use crate::registry::record::Record;
use colloquy_storage::registry::Kind;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    "[ -~é\u{1F600}\n\"\\\\]{0,12}"
}

fn record() -> impl Strategy<Value = Record> {
    let list = || proptest::option::of(proptest::collection::vec(text(), 0..4));
    let some = || proptest::option::of(text());
    (
        some(),
        list(),
        list(),
        some(),
        some(),
        some(),
        proptest::option::of(any::<u32>()),
        proptest::option::of("[a-z]{1,9}"),
    )
        .prop_map(|(descriptor, resources, data_schemes, runtime, p2p_handler, guid, expires, status)| Record {
            descriptor,
            resources,
            data_schemes,
            runtime,
            p2p_handler,
            guid,
            expires,
            status,
            ..Record::default()
        })
}

proptest! {
    #[test]
    fn anything_at_all_is_survived(text in r#"[{}\[\]",:a-z0-9/\\ -]{0,80}"#) {
        let _ = Record::parse(Kind::Hyperty, &text);
        let _ = Record::parse(Kind::DataObject, &text);
    }

    #[test]
    fn what_is_written_is_read_back(record in record()) {
        let mut json = serde_json::to_value(&record).unwrap();
        // These two are shown beside the others, not among them.
        if let Some(expires) = record.expires {
            json["expires"] = expires.into();
        }
        if let Some(status) = &record.status {
            json["status"] = status.clone().into();
        }
        prop_assert_eq!(Record::parse(Kind::Hyperty, &json.to_string()).unwrap(), record);
    }

    #[test]
    fn a_change_takes_what_is_there_and_leaves_the_rest(one in record(), other in record()) {
        let mut merged = one.clone();
        merged.merge(other.clone());
        prop_assert_eq!(&merged.descriptor, &other.descriptor.or(one.descriptor));
        prop_assert_eq!(&merged.resources, &other.resources.or(one.resources));
        prop_assert_eq!(merged.expires, other.expires.or(one.expires));
        let mut again = merged.clone();
        again.merge(Record::default());
        prop_assert_eq!(again, merged);
    }
}
