//! Accounts.

use super::{Identities, db, s};
use crate::database::Durability;
use crate::error::StorageError;

/// Somebody's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// What it is known by for ever.
    pub id: String,
    /// The short name in `handle@host`.
    pub handle: String,
    /// The verified e-mail address.
    pub email: Option<String>,
    /// The name that others see.
    pub name: String,
    /// The password's hash (PHC string), if there is a password.
    pub password: Option<String>,
    /// The personas, as JSON.
    pub personas: String,
    /// Looks after the others.
    pub administrator: bool,
    /// When it was made, in seconds since 1970.
    pub created_s: u64,
    /// When it was closed.
    pub closed_s: Option<u64>,
}

/// What of a new account somebody has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The handle.
    Handle,
    /// The e-mail address, or the account of another provider.
    Person,
}

type Row = (String, String, Option<String>, String, Option<String>, String, bool, i64, Option<i64>);

const COLUMNS: &str = "id, handle, email, name, password, personas, administrator, created_s, closed_s";

fn account((id, handle, email, name, password, personas, administrator, created_s, closed_s): Row) -> Account {
    let (created_s, closed_s) = (s(created_s), closed_s.map(s));
    Account { id, handle, email, name, password, personas, administrator, created_s, closed_s }
}

impl Identities {
    /// Adds an account, and, if it is somebody's of another provider, the issuer and subject there.
    ///
    /// # Errors
    /// [`StorageError`]. That something is taken is no error.
    pub async fn add_account(
        &self,
        account: &Account,
        subject: Option<(&str, &str)>,
    ) -> Result<Option<Taken>, StorageError> {
        let mut write = self.database.write(Durability::Power).await?;
        let handles: i64 = sqlx::query_scalar("SELECT count(*) FROM identity_account WHERE handle = $1")
            .bind(&account.handle)
            .fetch_one(write.connection())
            .await?;
        if handles > 0 {
            return Ok(Some(Taken::Handle));
        }
        let added = sqlx::query(
            "INSERT INTO identity_account (id, handle, email, name, password, personas, administrator, created_s) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        )
        .bind(&account.id)
        .bind(&account.handle)
        .bind(&account.email)
        .bind(&account.name)
        .bind(&account.password)
        .bind(&account.personas)
        .bind(account.administrator)
        .bind(db(account.created_s))
        .execute(write.connection())
        .await?;
        if added.rows_affected() == 0 {
            return Ok(Some(Taken::Person));
        }
        if let Some((issuer, subject)) = subject {
            let linked = sqlx::query(
                "INSERT INTO identity_subject (issuer, subject, account) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            )
            .bind(issuer)
            .bind(subject)
            .bind(&account.id)
            .execute(write.connection())
            .await?;
            if linked.rows_affected() == 0 {
                return Ok(Some(Taken::Person));
            }
        }
        write.commit().await?;
        Ok(None)
    }

    /// The account of this id.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn account(&self, id: &str) -> Result<Option<Account>, StorageError> {
        self.account_where("SELECT id, handle, email, name, password, personas, administrator, created_s, closed_s FROM identity_account WHERE id = $1", id).await
    }

    /// The account of this e-mail address, in the form in which addresses are compared.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn account_of_email(&self, email: &str) -> Result<Option<Account>, StorageError> {
        self.account_where("SELECT id, handle, email, name, password, personas, administrator, created_s, closed_s FROM identity_account WHERE email = $1", email).await
    }

    /// The account of somebody of another provider.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn account_of_subject(&self, issuer: &str, subject: &str) -> Result<Option<Account>, StorageError> {
        let id: Option<String> =
            sqlx::query_scalar("SELECT account FROM identity_subject WHERE issuer = $1 AND subject = $2")
                .bind(issuer)
                .bind(subject)
                .fetch_optional(&mut *self.database.read().await?)
                .await?;
        match id {
            Some(id) => self.account(&id).await,
            None => Ok(None),
        }
    }

    async fn account_where(&self, query: &'static str, value: &str) -> Result<Option<Account>, StorageError> {
        debug_assert!(query.contains(COLUMNS), "the columns are those of an account");
        let row: Option<Row> =
            sqlx::query_as(query).bind(value).fetch_optional(&mut *self.database.read().await?).await?;
        Ok(row.map(account))
    }

    /// Accounts by their ids, after `after`, `limit` at most.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn accounts(&self, after: &str, limit: u32) -> Result<Vec<Account>, StorageError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, handle, email, name, password, personas, administrator, created_s, closed_s \
             FROM identity_account WHERE id > $1 ORDER BY id LIMIT $2",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *self.database.read().await?)
        .await?;
        Ok(rows.into_iter().map(account).collect())
    }

    /// Sets the password's hash, and ends everything that was begun with the old one, but for `keep`: sessions, and what clients may do.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn set_password(
        &self,
        account: &str,
        password: &str,
        keep: Option<&str>,
        now_s: u64,
    ) -> Result<(), StorageError> {
        let mut write = self.database.write(Durability::Power).await?;
        sqlx::query("UPDATE identity_account SET password = $2 WHERE id = $1")
            .bind(account)
            .bind(password)
            .execute(write.connection())
            .await?;
        super::sessions::end_all(&mut write, account, keep, now_s).await?;
        write.commit().await
    }

    /// Sets the personas and the name.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn set_personas(&self, account: &str, name: &str, personas: &str) -> Result<(), StorageError> {
        let mut write = self.database.write(Durability::Power).await?;
        sqlx::query("UPDATE identity_account SET name = $2, personas = $3 WHERE id = $1")
            .bind(account)
            .bind(name)
            .bind(personas)
            .execute(write.connection())
            .await?;
        write.commit().await
    }

    /// Closes an account at a time, with all that it has, or opens it again.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn close_account(&self, account: &str, closed_s: Option<u64>, now_s: u64) -> Result<bool, StorageError> {
        let mut write = self.database.write(Durability::Power).await?;
        let changed = sqlx::query("UPDATE identity_account SET closed_s = $2 WHERE id = $1")
            .bind(account)
            .bind(closed_s.map(db))
            .execute(write.connection())
            .await?;
        if closed_s.is_some() {
            super::sessions::end_all(&mut write, account, None, now_s).await?;
        }
        write.commit().await?;
        Ok(changed.rows_affected() > 0)
    }

    /// Ties somebody of another provider to an account.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn add_subject(&self, issuer: &str, subject: &str, account: &str) -> Result<(), StorageError> {
        let mut write = self.database.write(Durability::Power).await?;
        sqlx::query(
            "INSERT INTO identity_subject (issuer, subject, account) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(issuer)
        .bind(subject)
        .bind(account)
        .execute(write.connection())
        .await?;
        write.commit().await
    }

    /// Makes somebody an administrator, or no longer.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn set_administrator(&self, account: &str, administrator: bool) -> Result<(), StorageError> {
        let mut write = self.database.write(Durability::Power).await?;
        sqlx::query("UPDATE identity_account SET administrator = $2 WHERE id = $1")
            .bind(account)
            .bind(administrator)
            .execute(write.connection())
            .await?;
        write.commit().await
    }
}
