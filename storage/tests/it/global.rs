//! What a global registry keeps.

use crate::Folder;
use colloquy_storage::global::{GlobalStore, Record};
use colloquy_storage::{Database, Place};

fn record(guid: &str, timeout_ms: i64, is_revoked: bool) -> Record {
    Record { guid: guid.to_owned(), jwt: format!("token of {guid}"), updated_ms: 7, timeout_ms, is_revoked }
}

async fn put(store: &dyn GlobalStore, record: Record) -> Option<Record> {
    let mut before = None;
    let mut decide = |found| {
        before = found;
        Some(record.clone())
    };
    store.change(&record.guid, &mut decide).await.unwrap();
    before
}

async fn does_what_a_global_registry_needs(store: &dyn GlobalStore) {
    let first = record("a", 100, false);
    assert_eq!(put(store, first.clone()).await, None);
    let second = Record { jwt: "another".to_owned(), timeout_ms: 200, ..first.clone() };
    assert_eq!(put(store, second.clone()).await, Some(first));
    store.change("a", &mut |_| None).await.unwrap();
    assert_eq!(store.record("a").await.unwrap(), Some(second));
    assert_eq!(store.record("b").await.unwrap(), None);
    put(store, record("b", 100, true)).await;
    put(store, record("c", 100, false)).await;
    put(store, record("d", 150, false)).await;
    assert_eq!(store.count().await.unwrap(), 4);
    assert_eq!(store.purge(200, 1).await.unwrap(), 1, "as many as asked for");
    assert_eq!(store.purge(200, 9).await.unwrap(), 1);
    assert_eq!(store.count().await.unwrap(), 2, "one is valid still, the other revoked for good");
}

#[tokio::test]
async fn in_memory() {
    does_what_a_global_registry_needs(&Database::open(Place::Memory).await.unwrap()).await;
}

#[tokio::test]
async fn in_a_file() {
    let folder = Folder::new();
    does_what_a_global_registry_needs(&folder.open().await).await;
}
