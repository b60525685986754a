//! Keys, mails, consents, revocations, hyperties; and what is forgotten.

use super::{Identities, db, s};
use crate::database::Durability;
use crate::error::StorageError;

/// A signing key.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Its name.
    pub kid: String,
    /// `ES256` or `RS256`.
    pub algorithm: String,
    /// The private key.
    pub pkcs8: Vec<u8>,
    /// From when on it signs, in seconds since 1970.
    pub signs_from_s: u64,
}

impl std::fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoredKey({} {})", self.algorithm, self.kid)
    }
}

/// A link that was sent to an e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// SHA-256 of its secret.
    pub digest: String,
    /// What it is for.
    pub purpose: String,
    /// The address.
    pub email: String,
    /// When it ends.
    pub expires_s: u64,
}

/// That somebody has agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// To which client.
    pub client: String,
    /// To what.
    pub scope: String,
    /// When.
    pub granted_s: u64,
}

/// An assertion that was taken back, or all of a subject until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Whose.
    pub subject: String,
    /// Which; empty is all.
    pub jti: String,
    /// When.
    pub revoked_s: u64,
    /// When it has no effect any more, as all of them have ended.
    pub forget_s: u64,
}

/// A hyperty, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hyperty {
    /// Its address.
    pub url: String,
    /// Whose: an account, or a guest.
    pub subject: String,
    /// As whom he acts there: `private` or `professional`.
    pub persona: String,
    /// The user's GUID, if he has told one.
    pub guid: Option<String>,
    /// When it is forgotten unless it is told again.
    pub expires_s: u64,
}

type HypertyRow = (String, String, String, Option<String>, i64);

fn hyperty((url, subject, persona, guid, expires_s): HypertyRow) -> Hyperty {
    Hyperty { url, subject, persona, guid, expires_s: s(expires_s) }
}

impl Identities {
    /// All signing keys.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn keys(&self) -> Result<Vec<StoredKey>, StorageError> {
        let rows: Vec<(String, String, Vec<u8>, i64)> =
            sqlx::query_as("SELECT kid, algorithm, pkcs8, signs_from_s FROM identity_key ORDER BY signs_from_s, kid")
                .fetch_all(&mut *self.database.read().await?)
                .await?;
        let key =
            |(kid, algorithm, pkcs8, from): (_, _, _, i64)| StoredKey { kid, algorithm, pkcs8, signs_from_s: s(from) };
        Ok(rows.into_iter().map(key).collect())
    }

    /// Adds a signing key.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn add_key(&self, key: &StoredKey) -> Result<(), StorageError> {
        let mut write = self.database.write(Durability::Power).await?;
        sqlx::query("INSERT INTO identity_key (kid, algorithm, pkcs8, signs_from_s) VALUES ($1, $2, $3, $4)")
            .bind(&key.kid)
            .bind(&key.algorithm)
            .bind(&key.pkcs8)
            .bind(db(key.signs_from_s))
            .execute(write.connection())
            .await?;
        write.commit().await
    }

    /// Forgets a signing key.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn drop_key(&self, kid: &str) -> Result<(), StorageError> {
        let mut write = self.database.write(Durability::Power).await?;
        sqlx::query("DELETE FROM identity_key WHERE kid = $1").bind(kid).execute(write.connection()).await?;
        write.commit().await
    }

    /// Notes a link that is about to be sent. Older ones to the same address for the same purpose no longer work.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn add_mail(&self, mail: &Mail) -> Result<(), StorageError> {
        let mut write = self.database.write(Durability::Power).await?;
        sqlx::query("DELETE FROM identity_mail WHERE email = $1 AND purpose = $2")
            .bind(&mail.email)
            .bind(&mail.purpose)
            .execute(write.connection())
            .await?;
        sqlx::query("INSERT INTO identity_mail (digest, purpose, email, expires_s) VALUES ($1, $2, $3, $4)")
            .bind(&mail.digest)
            .bind(&mail.purpose)
            .bind(&mail.email)
            .bind(db(mail.expires_s))
            .execute(write.connection())
            .await?;
        write.commit().await
    }

    /// A link that has not ended: looked at, not used. Mail programs follow links to look for evil.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn mail(&self, digest: &str, now_s: u64) -> Result<Option<Mail>, StorageError> {
        let row: Option<(String, String, String, i64)> = sqlx::query_as(
            "SELECT digest, purpose, email, expires_s FROM identity_mail WHERE digest = $1 AND expires_s > $2",
        )
        .bind(digest)
        .bind(db(now_s))
        .fetch_optional(&mut *self.database.read().await?)
        .await?;
        Ok(row.map(|(digest, purpose, email, expires)| Mail { digest, purpose, email, expires_s: s(expires) }))
    }

    /// Uses a link: true for the first.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn use_mail(&self, digest: &str, now_s: u64) -> Result<bool, StorageError> {
        let mut write = self.database.write(Durability::Power).await?;
        let used = sqlx::query("DELETE FROM identity_mail WHERE digest = $1 AND expires_s > $2")
            .bind(digest)
            .bind(db(now_s))
            .execute(write.connection())
            .await?
            .rows_affected();
        write.commit().await?;
        Ok(used > 0)
    }

    /// What somebody has agreed to.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn consents(&self, account: &str) -> Result<Vec<Consent>, StorageError> {
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT client, scope, granted_s FROM identity_consent WHERE account = $1 ORDER BY client LIMIT 1000",
        )
        .bind(account)
        .fetch_all(&mut *self.database.read().await?)
        .await?;
        Ok(rows.into_iter().map(|(client, scope, granted)| Consent { client, scope, granted_s: s(granted) }).collect())
    }

    /// Notes that somebody agrees.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn consent(&self, account: &str, consent: &Consent) -> Result<(), StorageError> {
        let mut write = self.database.write(Durability::Power).await?;
        sqlx::query(
            "INSERT INTO identity_consent (account, client, scope, granted_s) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (account, client) DO UPDATE SET scope = excluded.scope, granted_s = excluded.granted_s",
        )
        .bind(account)
        .bind(&consent.client)
        .bind(&consent.scope)
        .bind(db(consent.granted_s))
        .execute(write.connection())
        .await?;
        write.commit().await
    }

    /// Takes assertions back.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn revoke_assertions(&self, revocation: &Revocation) -> Result<(), StorageError> {
        let mut write = self.database.write(Durability::Power).await?;
        sqlx::query(
            "INSERT INTO identity_revocation (subject, jti, revoked_s, forget_s) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (subject, jti) DO UPDATE SET revoked_s = excluded.revoked_s, forget_s = excluded.forget_s",
        )
        .bind(&revocation.subject)
        .bind(&revocation.jti)
        .bind(db(revocation.revoked_s))
        .bind(db(revocation.forget_s))
        .execute(write.connection())
        .await?;
        write.commit().await
    }

    /// Those that still have an effect.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn revocations(&self, now_s: u64) -> Result<Vec<Revocation>, StorageError> {
        let rows: Vec<(String, String, i64, i64)> =
            sqlx::query_as("SELECT subject, jti, revoked_s, forget_s FROM identity_revocation WHERE forget_s > $1")
                .bind(db(now_s))
                .fetch_all(&mut *self.database.read().await?)
                .await?;
        let one = |(subject, jti, revoked, forget): (_, _, i64, i64)| Revocation {
            subject,
            jti,
            revoked_s: s(revoked),
            forget_s: s(forget),
        };
        Ok(rows.into_iter().map(one).collect())
    }

    /// Ties a hyperty to somebody. False if it is somebody else's, whose time has not passed, or if he has `limit` others.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn associate(&self, hyperty: &Hyperty, limit: u32, now_s: u64) -> Result<bool, StorageError> {
        let mut write = self.database.write(Durability::Process).await?;
        let others: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM identity_hyperty WHERE subject = $1 AND url <> $2 AND expires_s > $3",
        )
        .bind(&hyperty.subject)
        .bind(&hyperty.url)
        .bind(db(now_s))
        .fetch_one(write.connection())
        .await?;
        if others >= i64::from(limit) {
            return Ok(false);
        }
        let tied = sqlx::query(
            "INSERT INTO identity_hyperty (url, subject, persona, guid, expires_s) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (url) DO UPDATE SET subject = excluded.subject, persona = excluded.persona, \
             guid = excluded.guid, expires_s = excluded.expires_s \
             WHERE identity_hyperty.subject = excluded.subject OR identity_hyperty.expires_s <= $6",
        )
        .bind(&hyperty.url)
        .bind(&hyperty.subject)
        .bind(&hyperty.persona)
        .bind(&hyperty.guid)
        .bind(db(hyperty.expires_s))
        .bind(db(now_s))
        .execute(write.connection())
        .await?
        .rows_affected();
        write.commit().await?;
        Ok(tied > 0)
    }

    /// Whose a hyperty is.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn hyperty(&self, url: &str, now_s: u64) -> Result<Option<Hyperty>, StorageError> {
        let row: Option<HypertyRow> = sqlx::query_as(
            "SELECT url, subject, persona, guid, expires_s FROM identity_hyperty WHERE url = $1 AND expires_s > $2",
        )
        .bind(url)
        .bind(db(now_s))
        .fetch_optional(&mut *self.database.read().await?)
        .await?;
        Ok(row.map(hyperty))
    }

    /// The hyperties of somebody.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn hyperties(&self, subject: &str, now_s: u64) -> Result<Vec<Hyperty>, StorageError> {
        let rows: Vec<HypertyRow> = sqlx::query_as(
            "SELECT url, subject, persona, guid, expires_s FROM identity_hyperty \
             WHERE subject = $1 AND expires_s > $2 ORDER BY url LIMIT 1000",
        )
        .bind(subject)
        .bind(db(now_s))
        .fetch_all(&mut *self.database.read().await?)
        .await?;
        Ok(rows.into_iter().map(hyperty).collect())
    }

    /// Unties a hyperty, if it is `subject`'s.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn dissociate(&self, url: &str, subject: &str) -> Result<bool, StorageError> {
        let mut write = self.database.write(Durability::Process).await?;
        let gone = sqlx::query("DELETE FROM identity_hyperty WHERE url = $1 AND subject = $2")
            .bind(url)
            .bind(subject)
            .execute(write.connection())
            .await?
            .rows_affected();
        write.commit().await?;
        Ok(gone > 0)
    }

    /// Forgets what has ended. Gives how many rows that were.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn sweep(&self, now_s: u64) -> Result<u64, StorageError> {
        let mut write = self.database.write(Durability::Process).await?;
        let mut gone = 0;
        for query in [
            "DELETE FROM identity_session WHERE expires_s <= $1",
            "DELETE FROM identity_mail WHERE expires_s <= $1",
            "DELETE FROM identity_grant WHERE expires_s <= $1",
            "DELETE FROM identity_revocation WHERE forget_s <= $1",
            "DELETE FROM identity_hyperty WHERE expires_s <= $1",
        ] {
            gone += sqlx::query(query).bind(db(now_s)).execute(write.connection()).await?.rows_affected();
        }
        write.commit().await?;
        Ok(gone)
    }
}
