//! The records of a global registry in SQLite.

use super::{GlobalStore, Record};
use crate::database::{Database, Durability};
use crate::error::StorageError;
use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row};

const RECORD: &str = "SELECT guid, jwt, updated_ms, timeout_ms, revoked FROM global_record WHERE guid = $1";
const PUT: &str = "INSERT INTO global_record (guid, jwt, updated_ms, timeout_ms, revoked) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (guid) DO UPDATE SET jwt = excluded.jwt, updated_ms = excluded.updated_ms, timeout_ms = excluded.timeout_ms,
    revoked = excluded.revoked";
const PURGE: &str = "DELETE FROM global_record WHERE guid IN
    (SELECT guid FROM global_record WHERE revoked = 0 AND timeout_ms < $1 ORDER BY timeout_ms LIMIT $2)";
const COUNT: &str = "SELECT count(*) FROM global_record";

impl FromRow<'_, SqliteRow> for Record {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            guid: row.try_get(0)?,
            jwt: row.try_get(1)?,
            updated_ms: row.try_get(2)?,
            timeout_ms: row.try_get(3)?,
            is_revoked: row.try_get::<i64, _>(4)? != 0,
        })
    }
}

#[async_trait]
impl GlobalStore for Database {
    async fn record(&self, guid: &str) -> Result<Option<Record>, StorageError> {
        Ok(sqlx::query_as(RECORD).bind(guid).fetch_optional(&mut *self.read().await?).await?)
    }

    async fn change(
        &self,
        guid: &str,
        decide: &mut (dyn FnMut(Option<Record>) -> Option<Record> + Send),
    ) -> Result<(), StorageError> {
        // A record that was taken back must not come again with the power.
        let mut write = self.write(Durability::Power).await?;
        let before = sqlx::query_as(RECORD).bind(guid).fetch_optional(write.connection()).await?;
        let Some(record) = decide(before) else { return Ok(()) };
        let query =
            sqlx::query(PUT).bind(&record.guid).bind(&record.jwt).bind(record.updated_ms).bind(record.timeout_ms);
        query.bind(i64::from(record.is_revoked)).execute(write.connection()).await?;
        write.commit().await
    }

    async fn purge(&self, before_ms: i64, most: u32) -> Result<u64, StorageError> {
        let mut write = self.write(Durability::Process).await?;
        let removed = sqlx::query(PURGE).bind(before_ms).bind(most).execute(write.connection()).await?.rows_affected();
        write.commit().await?;
        Ok(removed)
    }

    async fn count(&self) -> Result<u64, StorageError> {
        let count: i64 = sqlx::query_scalar(COUNT).fetch_one(&mut *self.read().await?).await?;
        Ok(count.try_into().unwrap_or(0))
    }
}
