//! The entries of a registry in SQLite.

use super::{By, Change, Counts, Entry, Found, Kind, RegistryStore, Room};
use crate::database::{Database, Durability};
use crate::error::StorageError;
use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row, SqliteConnection};

const ENTRY: &str =
    "SELECT kind, url, owner, label, guid, status, live, expires_s, started_ms, modified_ms, deadline_ms, members
    FROM registration WHERE kind = $1 AND url = $2";
const BY_OWNER: &str =
    "SELECT kind, url, owner, label, guid, status, live, expires_s, started_ms, modified_ms, deadline_ms, members
    FROM registration WHERE kind = $1 AND owner = $2 ORDER BY modified_ms DESC LIMIT $3";
const BY_LABEL: &str =
    "SELECT kind, url, owner, label, guid, status, live, expires_s, started_ms, modified_ms, deadline_ms, members
    FROM registration WHERE kind = $1 AND label = $2 ORDER BY modified_ms DESC LIMIT $3";
const BY_GUID: &str =
    "SELECT kind, url, owner, label, guid, status, live, expires_s, started_ms, modified_ms, deadline_ms, members
    FROM registration WHERE kind = $1 AND guid = $2 ORDER BY modified_ms DESC LIMIT $3";
const PUT: &str = "INSERT INTO registration
    (kind, url, owner, label, guid, status, live, expires_s, started_ms, modified_ms, deadline_ms, members)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    ON CONFLICT (kind, url) DO UPDATE SET owner = excluded.owner, label = excluded.label, guid = excluded.guid, status = excluded.status,
    live = excluded.live, expires_s = excluded.expires_s, started_ms = excluded.started_ms, modified_ms = excluded.modified_ms,
    deadline_ms = excluded.deadline_ms, members = excluded.members";
const COUNT_OWNED: &str = "SELECT count(*) FROM registration WHERE kind = $1 AND owner = $2";
const MAKE_ROOM: &str = "DELETE FROM registration WHERE (kind, url) IN
    (SELECT kind, url FROM registration WHERE kind = $1 AND owner = $2 AND (live = 0 OR deadline_ms < $3) ORDER BY modified_ms LIMIT $4)";
const LAPSE: &str = "UPDATE registration SET live = 0, status = 'disconnected' WHERE (kind, url) IN
    (SELECT kind, url FROM registration WHERE live = 1 AND deadline_ms < $1 ORDER BY deadline_ms LIMIT $2) RETURNING kind, url";
const IS_DUE: &str = "SELECT 1 FROM registration WHERE live = 1 AND deadline_ms < $1 LIMIT 1";
const PURGE: &str = "DELETE FROM registration WHERE (kind, url) IN
    (SELECT kind, url FROM registration WHERE live = 0 AND modified_ms < $1 ORDER BY modified_ms LIMIT $2)";
const COUNTS: &str = "SELECT kind, count(*) FROM registration GROUP BY kind";

impl Kind {
    fn code(self) -> i64 {
        match self {
            Self::Hyperty => 0,
            Self::DataObject => 1,
        }
    }

    fn of(code: i64) -> Self {
        if code == 0 { Self::Hyperty } else { Self::DataObject }
    }
}

impl FromRow<'_, SqliteRow> for Entry {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            kind: Kind::of(row.try_get(0)?),
            url: row.try_get(1)?,
            owner: row.try_get(2)?,
            label: row.try_get(3)?,
            guid: row.try_get(4)?,
            status: row.try_get(5)?,
            live: row.try_get::<i64, _>(6)? != 0,
            expires_s: row.try_get(7)?,
            started_ms: row.try_get(8)?,
            modified_ms: row.try_get(9)?,
            deadline_ms: row.try_get(10)?,
            members: row.try_get(11)?,
        })
    }
}

async fn put(connection: &mut SqliteConnection, entry: &Entry) -> Result<(), sqlx::Error> {
    let query = sqlx::query(PUT)
        .bind(entry.kind.code())
        .bind(&entry.url)
        .bind(&entry.owner)
        .bind(&entry.label)
        .bind(&entry.guid);
    let query = query.bind(&entry.status).bind(i64::from(entry.live)).bind(entry.expires_s).bind(entry.started_ms);
    query.bind(entry.modified_ms).bind(entry.deadline_ms).bind(&entry.members).execute(connection).await?;
    Ok(())
}

/// Whether there is room for one more, and how many of the same owner that are gone had to be removed for it.
async fn make_room(connection: &mut SqliteConnection, kind: Kind, room: Room<'_>) -> Result<(bool, u64), sqlx::Error> {
    let count = sqlx::query_scalar(COUNT_OWNED).bind(kind.code()).bind(room.owner);
    let owned: i64 = count.fetch_one(&mut *connection).await?;
    let excess = owned + 1 - i64::from(room.most);
    if excess <= 0 {
        return Ok((true, 0));
    }
    let removal = sqlx::query(MAKE_ROOM).bind(kind.code()).bind(room.owner).bind(room.now_ms).bind(excess);
    let removed = removal.execute(connection).await?.rows_affected();
    Ok((i64::try_from(removed).is_ok_and(|removed| removed >= excess), removed))
}

#[async_trait]
impl RegistryStore for Database {
    async fn entry(&self, kind: Kind, url: &str) -> Result<Option<Entry>, StorageError> {
        let query = sqlx::query_as(ENTRY).bind(kind.code()).bind(url);
        Ok(query.fetch_optional(&mut *self.read().await?).await?)
    }

    async fn find(&self, by: By<'_>, most: u32) -> Result<Vec<Entry>, StorageError> {
        let (text, kind, value) = match by {
            By::Owner(kind, owner) => (BY_OWNER, kind, owner),
            By::Label(kind, label) => (BY_LABEL, kind, label),
            By::Guid(guid) => (BY_GUID, Kind::Hyperty, guid),
        };
        let query = sqlx::query_as(text).bind(kind.code()).bind(value).bind(most);
        Ok(query.fetch_all(&mut *self.read().await?).await?)
    }

    async fn change(
        &self,
        kind: Kind,
        url: &str,
        room: Option<Room<'_>>,
        decide: &mut (dyn FnMut(Found) -> Change + Send),
    ) -> Result<(), StorageError> {
        let mut write = self.write(Durability::Process).await?;
        let query = sqlx::query_as(ENTRY).bind(kind.code()).bind(url);
        let entry: Option<Entry> = query.fetch_optional(write.connection()).await?;
        let (has_room, removed) = match room {
            Some(room) if entry.is_none() => make_room(write.connection(), kind, room).await?,
            _ => (true, 0),
        };
        match decide(Found { entry, has_room, removed }) {
            Change::Keep => Ok(()),
            Change::Put(entry) => {
                put(write.connection(), &entry).await?;
                write.commit().await
            }
        }
    }

    async fn lapse(&self, now_ms: i64, most: u32) -> Result<Vec<(Kind, String)>, StorageError> {
        // Most of the time nothing is due, and then nobody who writes has to wait for that to be found.
        let due: Option<i64> = sqlx::query_scalar(IS_DUE).bind(now_ms).fetch_optional(&mut *self.read().await?).await?;
        if due.is_none() {
            return Ok(Vec::new());
        }
        let mut write = self.write(Durability::Process).await?;
        let query = sqlx::query_as(LAPSE).bind(now_ms).bind(most);
        let lapsed: Vec<(i64, String)> = query.fetch_all(write.connection()).await?;
        write.commit().await?;
        Ok(lapsed.into_iter().map(|(kind, url)| (Kind::of(kind), url)).collect())
    }

    async fn purge(&self, before_ms: i64, most: u32) -> Result<u64, StorageError> {
        let mut write = self.write(Durability::Process).await?;
        let removed = sqlx::query(PURGE).bind(before_ms).bind(most).execute(write.connection()).await?.rows_affected();
        write.commit().await?;
        Ok(removed)
    }

    async fn counts(&self) -> Result<Counts, StorageError> {
        let rows: Vec<(i64, i64)> = sqlx::query_as(COUNTS).fetch_all(&mut *self.read().await?).await?;
        let of = |kind: Kind| {
            rows.iter().find(|(code, _)| *code == kind.code()).map_or(0, |(_, count)| *count).try_into().unwrap_or(0)
        };
        Ok(Counts { hyperties: of(Kind::Hyperty), data_objects: of(Kind::DataObject) })
    }
}
