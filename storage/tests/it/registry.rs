//! What a registry keeps, in a file and in memory: the same tests for every implementation.

use crate::Folder;
use colloquy_storage::registry::{By, Change, Counts, Entry, Found, Kind, RegistryStore, Room};
use colloquy_storage::{Database, Options, Place, StorageError};
use sqlx::ConnectOptions;
use sqlx::Executor;
use sqlx::sqlite::SqliteConnectOptions;
use std::sync::Arc;
use std::time::Duration;

fn entry(kind: Kind, url: &str, owner: &str, deadline_ms: i64) -> Entry {
    Entry {
        kind,
        url: url.to_owned(),
        owner: owner.to_owned(),
        label: format!("label of {owner}"),
        guid: Some(format!("guid of {owner}")),
        status: "live".to_owned(),
        live: true,
        expires_s: 60,
        started_ms: 1,
        modified_ms: deadline_ms - 60_000,
        deadline_ms,
        members: r#"{"é":"☃"}"#.to_owned(),
    }
}

async fn put(store: &dyn RegistryStore, entry: Entry) {
    let (kind, url) = (entry.kind, entry.url.clone());
    store.change(kind, &url, None, &mut |_| Change::Put(entry.clone())).await.unwrap();
}

async fn urls(store: &dyn RegistryStore, by: By<'_>, most: u32) -> Vec<String> {
    store.find(by, most).await.unwrap().into_iter().map(|entry| entry.url).collect()
}

async fn does_what_a_registry_needs(store: &dyn RegistryStore) {
    let (hyperty, object) = (Kind::Hyperty, Kind::DataObject);
    let first = entry(hyperty, "h1", "alice", 100_000);
    put(store, first.clone()).await;
    put(store, entry(hyperty, "h2", "alice", 200_000)).await;
    put(store, entry(hyperty, "h3", "bob", 300_000)).await;
    put(store, entry(object, "h1", "alice", 400_000)).await;
    assert_eq!(store.entry(hyperty, "h1").await.unwrap(), Some(first.clone()), "as it was written, to the letter");
    assert_eq!(store.entry(hyperty, "h9").await.unwrap(), None);
    assert_eq!(urls(store, By::Owner(hyperty, "alice"), 9).await, ["h2", "h1"], "the last modified first");
    assert_eq!(urls(store, By::Owner(hyperty, "alice"), 1).await, ["h2"]);
    assert_eq!(urls(store, By::Label(hyperty, "label of bob"), 9).await, ["h3"]);
    assert_eq!(urls(store, By::Label(object, "label of alice"), 9).await, ["h1"]);
    assert_eq!(urls(store, By::Guid("guid of alice"), 9).await, ["h2", "h1"], "objects have none");
    assert_eq!(store.counts().await.unwrap(), Counts { hyperties: 3, data_objects: 1 });

    let changed = Entry { owner: "carol".to_owned(), guid: None, status: "busy".to_owned(), ..first.clone() };
    let mut seen = None;
    let mut decide = |found: Found| {
        seen = found.entry;
        Change::Put(changed.clone())
    };
    store.change(hyperty, "h1", None, &mut decide).await.unwrap();
    assert_eq!(seen, Some(first));
    store.change(hyperty, "h1", None, &mut |_| Change::Keep).await.unwrap();
    assert_eq!(store.entry(hyperty, "h1").await.unwrap(), Some(changed));
    assert_eq!(urls(store, By::Owner(hyperty, "alice"), 9).await, ["h2"]);

    assert_eq!(store.lapse(100_000, 9).await.unwrap(), []);
    assert_eq!(store.lapse(350_000, 2).await.unwrap().len(), 2, "as many as asked for");
    assert_eq!(store.lapse(350_000, 9).await.unwrap(), [(hyperty, "h3".to_owned())]);
    assert_eq!(store.lapse(350_000, 9).await.unwrap(), [], "once");
    let gone = store.entry(hyperty, "h3").await.unwrap().unwrap();
    assert_eq!((gone.live, gone.status.as_str()), (false, "disconnected"));

    assert_eq!(store.purge(240_000, 9).await.unwrap(), 2, "h1 and h2 were alive before that, and h3 just then");
    assert_eq!(store.counts().await.unwrap(), Counts { hyperties: 1, data_objects: 1 });
}

async fn makes_room(store: &dyn RegistryStore) {
    let room = |now_ms| Some(Room { owner: "alice", most: 2, now_ms });
    let ask = async |url: &str, now_ms, keep: bool| {
        let mut said = (true, 0);
        let new = entry(Kind::Hyperty, url, "alice", 100_000);
        let mut decide = |found: Found| {
            said = (found.has_room, found.removed);
            if keep { Change::Keep } else { Change::Put(new.clone()) }
        };
        store.change(Kind::Hyperty, url, room(now_ms), &mut decide).await.unwrap();
        said
    };
    assert_eq!(ask("1", 0, false).await, (true, 0));
    assert_eq!(ask("2", 0, false).await, (true, 0));
    assert_eq!(ask("2", 0, true).await, (true, 0), "what is there needs none");
    assert_eq!(ask("3", 100_000, true).await, (false, 0), "all are alive");
    assert_eq!(ask("3", 100_001, true).await, (true, 1));
    assert_eq!(store.counts().await.unwrap().hyperties, 2, "it was not taken, so nothing was removed");
    assert_eq!(ask("3", 100_001, false).await, (true, 1));
    assert_eq!(store.counts().await.unwrap().hyperties, 2);
}

#[tokio::test]
async fn in_memory() {
    let open = async || Database::open(Place::Memory).await.unwrap();
    does_what_a_registry_needs(&open().await).await;
    makes_room(&open().await).await;
}

#[tokio::test]
async fn in_a_file() {
    let (one, two) = (Folder::new(), Folder::new());
    does_what_a_registry_needs(&one.open().await).await;
    makes_room(&two.open().await).await;
}

#[tokio::test]
async fn what_was_written_outlives_the_process_that_did_not_close_it() {
    let folder = Folder::new();
    let database = folder.open().await;
    put(&database, entry(Kind::Hyperty, "h1", "alice", 100_000)).await;
    // A copy of the files as they are: what another process finds after a kill.
    for (from, to) in [("a.db", "b.db"), ("a.db-wal", "b.db-wal")] {
        std::fs::copy(folder.file(from), folder.file(to)).unwrap();
    }
    let found = Database::open(Place::File(folder.file("b.db"))).await.unwrap();
    assert!(found.entry(Kind::Hyperty, "h1").await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_at_once_are_made_one_after_the_other() {
    let folder = Folder::new();
    let database = Arc::new(folder.open().await);
    put(&*database, entry(Kind::Hyperty, "h1", "alice", 100_000)).await;
    let add = |database: Arc<Database>| async move {
        let mut decide = |found: Found| {
            let mut entry = found.entry.unwrap();
            entry.expires_s += 1;
            Change::Put(entry)
        };
        database.change(Kind::Hyperty, "h1", None, &mut decide).await.unwrap();
    };
    let all: Vec<_> = (0..64).map(|_| tokio::spawn(add(database.clone()))).collect();
    for one in all {
        one.await.unwrap();
    }
    assert_eq!(database.entry(Kind::Hyperty, "h1").await.unwrap().unwrap().expires_s, 60 + 64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_is_given_up_changes_nothing_and_holds_nobody_up() {
    let folder = Folder::new();
    let database = folder.open().await;
    for _ in 0..8 {
        let new = entry(Kind::Hyperty, "h1", "alice", 100_000);
        let mut decide = |_| Change::Put(new.clone());
        let change = database.change(Kind::Hyperty, "h1", None, &mut decide);
        let _ = tokio::time::timeout(Duration::from_micros(150), change).await;
    }
    put(&database, entry(Kind::Hyperty, "h2", "alice", 100_000)).await;
    assert!(database.entry(Kind::Hyperty, "h2").await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_is_called_so_and_reading_goes_on() {
    let folder = Folder::new();
    let place = || Place::File(folder.file("a.db"));
    // SQLite says the same of a file that may not grow as of a disk that is full.
    let options = Options { max_bytes: Some(256 * 1_024), ..Options::default() };
    let database = Database::open_with(place(), options).await.unwrap();
    put(&database, entry(Kind::Hyperty, "h1", "alice", 100_000)).await;
    let new = Entry {
        members: format!("{{\"x\":\"{}\"}}", "y".repeat(400_000)),
        ..entry(Kind::Hyperty, "h2", "alice", 100_000)
    };
    let error = database.change(Kind::Hyperty, "h2", None, &mut |_| Change::Put(new.clone())).await.unwrap_err();
    assert!(matches!(error, StorageError::Full) && error.is_passing(), "{error}");
    assert!(database.entry(Kind::Hyperty, "h1").await.unwrap().is_some());
    assert_eq!(database.entry(Kind::Hyperty, "h2").await.unwrap(), None);
    database.close().await;
    put(&Database::open(place()).await.unwrap(), new).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_that_writes_is_waited_for_and_then_named() {
    let folder = Folder::new();
    let options = Options { wait: Duration::from_millis(50), ..Options::default() };
    let database = Database::open_with(Place::File(folder.file("a.db")), options).await.unwrap();
    let mut other = SqliteConnectOptions::new().filename(folder.file("a.db")).connect().await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let new = entry(Kind::Hyperty, "h1", "alice", 100_000);
    let mut decide = |_| Change::Put(new.clone());
    let error = database.change(Kind::Hyperty, "h1", None, &mut decide).await.unwrap_err();
    assert!(matches!(error, StorageError::Locked) && error.is_passing(), "{error}");
    assert!(database.entry(Kind::Hyperty, "h1").await.unwrap().is_none(), "reading goes on");
    other.execute("ROLLBACK").await.unwrap();
    put(&database, new).await;
}
