//! What somebody has let a client do: codes, which are used once, and refresh tokens, each of which is used once.

use super::{Identities, db, s};
use crate::database::{Durability, Write};
use crate::error::StorageError;

/// What a client may do for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its name, which is also that of the family of its refresh tokens.
    pub id: String,
    /// SHA-256 of the authorisation code.
    pub code: String,
    /// When the code ends, in seconds since 1970.
    pub code_expires_s: u64,
    /// The client.
    pub client: String,
    /// For whom it acts.
    pub account: String,
    /// Id of the session in which that was granted.
    pub session: String,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// The code challenge (RFC 7636), S256.
    pub challenge: String,
    /// The client's nonce.
    pub nonce: Option<String>,
    /// What was granted.
    pub scope: String,
    /// When he had proved who he is.
    pub authenticated_s: u64,
    /// When the last refresh token ends at the latest.
    pub expires_s: u64,
    /// When it was taken back.
    pub revoked_s: Option<u64>,
}

/// What came of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redeemed {
    /// This was its first use: the grant.
    First(Box<Grant>),
    /// It was used before: the grant is revoked now (RFC 6749 section 4.1.2).
    Again,
    /// There is none.
    Unknown,
}

/// What came of a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotated {
    /// It was replaced by the new one.
    Replaced(Box<Grant>),
    /// It was used before: somebody has stolen one of the two, and the family ends (RFC 9700 section 4.14.2).
    Again,
    /// There is none, it has ended, it was taken back, or it is another client's.
    Unknown,
}

type Row = (String, String, i64, String, String, String, String, String, Option<String>, String, i64, i64, Option<i64>);

fn grant(row: Row) -> Grant {
    let (
        id,
        code,
        code_expires_s,
        client,
        account,
        session,
        redirect_uri,
        challenge,
        nonce,
        scope,
        authenticated_s,
        expires_s,
        revoked_s,
    ) = row;
    Grant {
        id,
        code,
        code_expires_s: s(code_expires_s),
        client,
        account,
        session,
        redirect_uri,
        challenge,
        nonce,
        scope,
        authenticated_s: s(authenticated_s),
        expires_s: s(expires_s),
        revoked_s: revoked_s.map(s),
    }
}

impl Identities {
    /// Adds a grant with its code.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn add_grant(&self, grant: &Grant) -> Result<(), StorageError> {
        let mut write = self.database.write(Durability::Process).await?;
        sqlx::query(
            "INSERT INTO identity_grant (id, code, code_expires_s, client, account, session, redirect_uri, challenge, \
             nonce, scope, authenticated_s, expires_s) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind(&grant.id)
        .bind(&grant.code)
        .bind(db(grant.code_expires_s))
        .bind(&grant.client)
        .bind(&grant.account)
        .bind(&grant.session)
        .bind(&grant.redirect_uri)
        .bind(&grant.challenge)
        .bind(&grant.nonce)
        .bind(&grant.scope)
        .bind(db(grant.authenticated_s))
        .bind(db(grant.expires_s))
        .execute(write.connection())
        .await?;
        write.commit().await
    }

    /// Uses a code, by its digest. Whatever the caller finds wrong with the grant afterwards, the code is used up.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn use_code(&self, code: &str, now_s: u64) -> Result<Redeemed, StorageError> {
        let mut write = self.database.write(Durability::Power).await?;
        let used = sqlx::query("UPDATE identity_grant SET code_used_s = $2 WHERE code = $1 AND code_used_s IS NULL")
            .bind(code)
            .bind(db(now_s))
            .execute(write.connection())
            .await?
            .rows_affected();
        let row: Option<Row> = sqlx::query_as(
            "SELECT id, code, code_expires_s, client, account, session, redirect_uri, challenge, nonce, scope, \
             authenticated_s, expires_s, revoked_s FROM identity_grant WHERE code = $1",
        )
        .bind(code)
        .fetch_optional(write.connection())
        .await?;
        let came = match row.map(grant) {
            None => Redeemed::Unknown,
            Some(grant) if used > 0 => Redeemed::First(Box::new(grant)),
            Some(grant) => {
                revoke(&mut write, &grant.id, now_s).await?;
                Redeemed::Again
            }
        };
        write.commit().await?;
        Ok(came)
    }

    /// A grant.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn grant(&self, id: &str) -> Result<Option<Grant>, StorageError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT id, code, code_expires_s, client, account, session, redirect_uri, challenge, nonce, scope, \
             authenticated_s, expires_s, revoked_s FROM identity_grant WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(&mut *self.database.read().await?)
        .await?;
        Ok(row.map(grant))
    }

    /// Takes a grant back.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn revoke_grant(&self, id: &str, now_s: u64) -> Result<(), StorageError> {
        let mut write = self.database.write(Durability::Power).await?;
        revoke(&mut write, id, now_s).await?;
        write.commit().await
    }

    /// Takes back all that a client may do for somebody, and forgets that he agreed.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn revoke_client(&self, account: &str, client: &str, now_s: u64) -> Result<(), StorageError> {
        let mut write = self.database.write(Durability::Power).await?;
        sqlx::query(
            "UPDATE identity_grant SET revoked_s = $3 WHERE account = $1 AND client = $2 AND revoked_s IS NULL",
        )
        .bind(account)
        .bind(client)
        .bind(db(now_s))
        .execute(write.connection())
        .await?;
        sqlx::query("DELETE FROM identity_consent WHERE account = $1 AND client = $2")
            .bind(account)
            .bind(client)
            .execute(write.connection())
            .await?;
        write.commit().await
    }

    /// Adds the first refresh token of a grant, by its digest.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn add_refresh(&self, family: &str, digest: &str, expires_s: u64) -> Result<(), StorageError> {
        let mut write = self.database.write(Durability::Power).await?;
        insert_refresh(&mut write, family, digest, expires_s).await?;
        write.commit().await
    }

    /// Replaces a refresh token by the next, if it is `client`'s.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn rotate_refresh(
        &self,
        (old, new): (&str, &str),
        client: &str,
        expires_s: u64,
        now_s: u64,
    ) -> Result<Rotated, StorageError> {
        let mut write = self.database.write(Durability::Power).await?;
        let row: Option<(String, i64, Option<i64>)> =
            sqlx::query_as("SELECT family, expires_s, used_s FROM identity_refresh WHERE digest = $1")
                .bind(old)
                .fetch_optional(write.connection())
                .await?;
        let Some((family, ends_s, used_s)) = row else { return Ok(Rotated::Unknown) };
        let row: Option<Row> = sqlx::query_as(
            "SELECT id, code, code_expires_s, client, account, session, redirect_uri, challenge, nonce, scope, \
             authenticated_s, expires_s, revoked_s FROM identity_grant WHERE id = $1",
        )
        .bind(&family)
        .fetch_optional(write.connection())
        .await?;
        // Another client's token is no reason to end the family: whoever shows it has not proved to be its owner.
        let Some(grant) = row.map(grant).filter(|grant| grant.client == client) else { return Ok(Rotated::Unknown) };
        if used_s.is_some() {
            revoke(&mut write, &grant.id, now_s).await?;
            write.commit().await?;
            return Ok(Rotated::Again);
        }
        if s(ends_s) <= now_s || grant.expires_s <= now_s || grant.revoked_s.is_some() {
            return Ok(Rotated::Unknown);
        }
        sqlx::query("UPDATE identity_refresh SET used_s = $2 WHERE digest = $1")
            .bind(old)
            .bind(db(now_s))
            .execute(write.connection())
            .await?;
        insert_refresh(&mut write, &family, new, expires_s.min(grant.expires_s)).await?;
        write.commit().await?;
        Ok(Rotated::Replaced(Box::new(grant)))
    }

    /// The grant that a refresh token belongs to.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn family_of_refresh(&self, digest: &str) -> Result<Option<String>, StorageError> {
        Ok(sqlx::query_scalar("SELECT family FROM identity_refresh WHERE digest = $1")
            .bind(digest)
            .fetch_optional(&mut *self.database.read().await?)
            .await?)
    }
}

async fn insert_refresh(write: &mut Write<'_>, family: &str, digest: &str, expires_s: u64) -> Result<(), StorageError> {
    sqlx::query("INSERT INTO identity_refresh (digest, family, expires_s) VALUES ($1, $2, $3)")
        .bind(digest)
        .bind(family)
        .bind(db(expires_s))
        .execute(write.connection())
        .await?;
    Ok(())
}

async fn revoke(write: &mut Write<'_>, id: &str, now_s: u64) -> Result<(), StorageError> {
    sqlx::query("UPDATE identity_grant SET revoked_s = $2 WHERE id = $1 AND revoked_s IS NULL")
        .bind(id)
        .bind(db(now_s))
        .execute(write.connection())
        .await?;
    Ok(())
}
