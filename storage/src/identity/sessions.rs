//! Where somebody is signed in.

use super::{Identities, db, s};
use crate::database::{Durability, Write};
use crate::error::StorageError;

/// Sessions of one account at most: the one that was not seen for longest makes room.
const MAX_SESSIONS: i64 = 64;

/// A browser in which somebody is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of its secret.
    pub digest: String,
    /// What it is listed and ended by.
    pub id: String,
    /// Whose; a guest has no account.
    pub account: Option<String>,
    /// The name that a guest gave himself.
    pub guest_name: Option<String>,
    /// How he signed in: `pwd`, `mail`, `guest`, or the name of another provider.
    pub method: String,
    /// The browser, as it calls itself.
    pub agent: String,
    /// The address that it came from.
    pub address: String,
    /// When he last proved who he is, in seconds since 1970.
    pub authenticated_s: u64,
    /// When it was last used.
    pub seen_s: u64,
    /// When it ends.
    pub expires_s: u64,
}

type Row = (String, String, Option<String>, Option<String>, String, String, String, i64, i64, i64);

fn session(
    (digest, id, account, guest_name, method, agent, address, authenticated_s, seen_s, expires_s): Row,
) -> Session {
    let (authenticated_s, seen_s, expires_s) = (s(authenticated_s), s(seen_s), s(expires_s));
    Session { digest, id, account, guest_name, method, agent, address, authenticated_s, seen_s, expires_s }
}

impl Identities {
    /// Adds a session; of more than 64 of an account the one that was not seen for longest goes.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn add_session(&self, session: &Session) -> Result<(), StorageError> {
        let mut write = self.database.write(Durability::Process).await?;
        if let Some(account) = &session.account {
            sqlx::query(
                "DELETE FROM identity_session WHERE digest IN (SELECT digest FROM identity_session WHERE account = $1 \
                 ORDER BY seen_s DESC, digest LIMIT 1000 OFFSET $2)",
            )
            .bind(account)
            .bind(MAX_SESSIONS - 1)
            .execute(write.connection())
            .await?;
        }
        sqlx::query(
            "INSERT INTO identity_session \
             (digest, id, account, guest_name, method, agent, address, authenticated_s, seen_s, expires_s) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(&session.digest)
        .bind(&session.id)
        .bind(&session.account)
        .bind(&session.guest_name)
        .bind(&session.method)
        .bind(&session.agent)
        .bind(&session.address)
        .bind(db(session.authenticated_s))
        .bind(db(session.seen_s))
        .bind(db(session.expires_s))
        .execute(write.connection())
        .await?;
        write.commit().await
    }

    /// Gives a session another secret, as its owner has proved again who he is: what was granted in it goes on. False if it has ended.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn renew_session(
        &self,
        old: &str,
        new: &str,
        authenticated_s: u64,
        expires_s: u64,
    ) -> Result<bool, StorageError> {
        let mut write = self.database.write(Durability::Process).await?;
        let renewed = sqlx::query(
            "UPDATE identity_session SET digest = $2, authenticated_s = $3, seen_s = $3, expires_s = $4 WHERE digest = $1",
        )
        .bind(old)
        .bind(new)
        .bind(db(authenticated_s))
        .bind(db(expires_s))
        .execute(write.connection())
        .await?
        .rows_affected();
        write.commit().await?;
        Ok(renewed > 0)
    }

    /// The session of a secret's digest.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn session(&self, digest: &str, now_s: u64) -> Result<Option<Session>, StorageError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT digest, id, account, guest_name, method, agent, address, authenticated_s, seen_s, expires_s \
             FROM identity_session WHERE digest = $1 AND expires_s > $2",
        )
        .bind(digest)
        .bind(db(now_s))
        .fetch_optional(&mut *self.database.read().await?)
        .await?;
        Ok(row.map(session))
    }

    /// Notes that it was used, and when it ends now.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn touch_session(&self, digest: &str, seen_s: u64, expires_s: u64) -> Result<(), StorageError> {
        let mut write = self.database.write(Durability::Process).await?;
        sqlx::query("UPDATE identity_session SET seen_s = $2, expires_s = $3 WHERE digest = $1")
            .bind(digest)
            .bind(db(seen_s))
            .bind(db(expires_s))
            .execute(write.connection())
            .await?;
        write.commit().await
    }

    /// Where somebody is signed in, the latest first.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn sessions(&self, account: &str, now_s: u64) -> Result<Vec<Session>, StorageError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT digest, id, account, guest_name, method, agent, address, authenticated_s, seen_s, expires_s \
             FROM identity_session WHERE account = $1 AND expires_s > $2 ORDER BY seen_s DESC, id LIMIT 64",
        )
        .bind(account)
        .bind(db(now_s))
        .fetch_all(&mut *self.database.read().await?)
        .await?;
        Ok(rows.into_iter().map(session).collect())
    }

    /// Ends a session by its id, if it is `account`'s, and what clients may do that was granted in it.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn end_session(&self, account: &str, id: &str, now_s: u64) -> Result<bool, StorageError> {
        let mut write = self.database.write(Durability::Power).await?;
        let ended = sqlx::query("DELETE FROM identity_session WHERE id = $1 AND account = $2")
            .bind(id)
            .bind(account)
            .execute(write.connection())
            .await?
            .rows_affected()
            > 0;
        if ended {
            sqlx::query("UPDATE identity_grant SET revoked_s = $2 WHERE session = $1 AND revoked_s IS NULL")
                .bind(id)
                .bind(db(now_s))
                .execute(write.connection())
                .await?;
        }
        write.commit().await?;
        Ok(ended)
    }

    /// Ends the session of a secret's digest: somebody signs out.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn sign_out(&self, digest: &str, now_s: u64) -> Result<(), StorageError> {
        let mut write = self.database.write(Durability::Power).await?;
        sqlx::query(
            "UPDATE identity_grant SET revoked_s = $2 WHERE revoked_s IS NULL \
             AND session = (SELECT id FROM identity_session WHERE digest = $1)",
        )
        .bind(digest)
        .bind(db(now_s))
        .execute(write.connection())
        .await?;
        sqlx::query("DELETE FROM identity_session WHERE digest = $1").bind(digest).execute(write.connection()).await?;
        write.commit().await
    }

    /// Ends all sessions of an account but for that of `keep` (a digest), and what clients may do.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn end_sessions(&self, account: &str, keep: Option<&str>, now_s: u64) -> Result<(), StorageError> {
        let mut write = self.database.write(Durability::Power).await?;
        end_all(&mut write, account, keep, now_s).await?;
        write.commit().await
    }
}

pub(super) async fn end_all(
    write: &mut Write<'_>,
    account: &str,
    keep: Option<&str>,
    now_s: u64,
) -> Result<(), StorageError> {
    sqlx::query("DELETE FROM identity_session WHERE account = $1 AND digest <> $2")
        .bind(account)
        .bind(keep.unwrap_or_default())
        .execute(write.connection())
        .await?;
    sqlx::query("UPDATE identity_grant SET revoked_s = $2 WHERE account = $1 AND revoked_s IS NULL")
        .bind(account)
        .bind(db(now_s))
        .execute(write.connection())
        .await?;
    Ok(())
}
