-- Who has an account, where he is signed in, and what he lets programs do. Secrets are here as SHA-256 only, passwords as argon2id; the private keys
-- of identity_key are the exception: whoever can read this file can sign in their place.
CREATE TABLE identity_key (
    kid TEXT PRIMARY KEY,
    algorithm TEXT NOT NULL,
    pkcs8 BLOB NOT NULL,
    signs_from_s BIGINT NOT NULL
);
CREATE TABLE identity_account (
    id TEXT PRIMARY KEY,
    handle TEXT NOT NULL UNIQUE,
    email TEXT UNIQUE,
    name TEXT NOT NULL,
    password TEXT,
    personas TEXT NOT NULL DEFAULT '[]',
    administrator BIGINT NOT NULL DEFAULT 0,
    created_s BIGINT NOT NULL,
    closed_s BIGINT
);
CREATE TABLE identity_subject (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    account TEXT NOT NULL REFERENCES identity_account (id) ON DELETE CASCADE,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX identity_subject_account ON identity_subject (account);
-- A guest's session has no account, and the name that he gave himself.
CREATE TABLE identity_session (
    digest TEXT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT REFERENCES identity_account (id) ON DELETE CASCADE,
    guest_name TEXT,
    method TEXT NOT NULL,
    agent TEXT NOT NULL,
    address TEXT NOT NULL,
    authenticated_s BIGINT NOT NULL,
    seen_s BIGINT NOT NULL,
    expires_s BIGINT NOT NULL
);
CREATE INDEX identity_session_account ON identity_session (account);
CREATE INDEX identity_session_expires ON identity_session (expires_s);
CREATE TABLE identity_mail (
    digest TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    email TEXT NOT NULL,
    expires_s BIGINT NOT NULL
);
CREATE INDEX identity_mail_expires ON identity_mail (expires_s);
CREATE TABLE identity_consent (
    account TEXT NOT NULL REFERENCES identity_account (id) ON DELETE CASCADE,
    client TEXT NOT NULL,
    scope TEXT NOT NULL,
    granted_s BIGINT NOT NULL,
    PRIMARY KEY (account, client)
);
-- What somebody has let a client do: its authorisation code, and the family of refresh tokens that came of it.
CREATE TABLE identity_grant (
    id TEXT PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    code_expires_s BIGINT NOT NULL,
    code_used_s BIGINT,
    client TEXT NOT NULL,
    account TEXT NOT NULL REFERENCES identity_account (id) ON DELETE CASCADE,
    session TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    challenge TEXT NOT NULL,
    nonce TEXT,
    scope TEXT NOT NULL,
    authenticated_s BIGINT NOT NULL,
    expires_s BIGINT NOT NULL,
    revoked_s BIGINT
);
CREATE INDEX identity_grant_account ON identity_grant (account);
CREATE INDEX identity_grant_session ON identity_grant (session);
CREATE INDEX identity_grant_expires ON identity_grant (expires_s);
CREATE TABLE identity_refresh (
    digest TEXT PRIMARY KEY,
    family TEXT NOT NULL REFERENCES identity_grant (id) ON DELETE CASCADE,
    expires_s BIGINT NOT NULL,
    used_s BIGINT
);
CREATE INDEX identity_refresh_family ON identity_refresh (family);
-- Assertions that were taken back; without a jti, all of a subject until then.
CREATE TABLE identity_revocation (
    subject TEXT NOT NULL,
    jti TEXT NOT NULL,
    revoked_s BIGINT NOT NULL,
    forget_s BIGINT NOT NULL,
    PRIMARY KEY (subject, jti)
);
CREATE TABLE identity_hyperty (
    url TEXT PRIMARY KEY,
    subject TEXT NOT NULL,
    persona TEXT NOT NULL,
    guid TEXT,
    expires_s BIGINT NOT NULL
);
CREATE INDEX identity_hyperty_subject ON identity_hyperty (subject);
CREATE INDEX identity_hyperty_expires ON identity_hyperty (expires_s);
