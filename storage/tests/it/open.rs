//! A database is opened, and whatever is wrong with it is told with what to do.

use crate::Folder;
use colloquy_storage::{Database, Place, StorageError};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Executor};
use std::fs;
use std::path::Path;

/// By another hand than ours.
async fn other(file: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(file).create_if_missing(true).connect().await.unwrap()
}

async fn refusal(place: Place) -> StorageError {
    Database::open(place).await.map(|_| ()).unwrap_err()
}

#[tokio::test]
async fn a_file_is_made_for_our_eyes_only_and_opened_again() {
    let folder = Folder::new();
    for _ in 0..2 {
        let database = folder.open().await;
        database.check().await.unwrap();
        database.close().await;
        assert!(matches!(database.check().await, Err(StorageError::Closed)));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder.file("a.db")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn two_processes_may_have_one_file() {
    let folder = Folder::new();
    let (one, two) = (folder.open().await, folder.open().await);
    one.check().await.unwrap();
    two.check().await.unwrap();
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let folder = Folder::new();
    let error = refusal(Place::File(folder.file("none/a.db"))).await;
    assert!(error.to_string().contains("none does not exist: make it"), "{error}");
    fs::create_dir(folder.file("b.db")).unwrap();
    assert!(
        matches!(refusal(Place::File(folder.file("b.db"))).await, StorageError::Open { .. }),
        "a folder is no file"
    );
}

#[tokio::test]
async fn a_file_of_another_program_is_left_alone() {
    let folder = Folder::new();
    let file = folder.file("a.db");
    other(&file).await.execute("CREATE TABLE theirs (x)").await.unwrap();
    let before = fs::read(&file).unwrap();
    let error = refusal(Place::File(file.clone())).await;
    assert!(matches!(error, StorageError::Foreign { .. }) && error.to_string().contains("a.db"), "{error}");
    let tables = other(&file).await.fetch_all("SELECT name FROM sqlite_schema").await.unwrap();
    assert_eq!(tables.len(), 1);
    drop(before);
}

#[tokio::test]
async fn what_is_no_database_is_called_damaged() {
    let folder = Folder::new();
    fs::write(
        folder.file("a.db"),
        "this is a text of some length, which no database begins with, and it goes on".repeat(99),
    )
    .unwrap();
    let error = refusal(Place::File(folder.file("a.db"))).await;
    assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn a_file_of_a_newer_or_another_build_is_refused() {
    let folder = Folder::new();
    folder.open().await.close().await;
    let mut connection = other(&folder.file("a.db")).await;
    let newer = "INSERT INTO migrations (version, description, success, checksum, execution_time) VALUES (99999, 'later', 1, x'00', 0)";
    connection.execute(newer).await.unwrap();
    let error = refusal(Place::File(folder.file("a.db"))).await;
    assert!(matches!(error, StorageError::Newer { found: 99_999, .. }), "{error}");
    connection.execute("DELETE FROM migrations WHERE version = 99999").await.unwrap();
    connection.execute("UPDATE migrations SET checksum = x'00' WHERE version = 1").await.unwrap();
    let error = refusal(Place::File(folder.file("a.db"))).await;
    assert!(matches!(error, StorageError::Altered { number: 1, .. }), "{error}");
}
