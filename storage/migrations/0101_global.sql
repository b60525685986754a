-- Records of users in the global registry, as they signed them.
CREATE TABLE global_record (
    guid       TEXT     NOT NULL PRIMARY KEY,
    jwt        TEXT     NOT NULL,
    updated_ms BIGINT   NOT NULL, -- what its signer says, since 1970
    timeout_ms BIGINT   NOT NULL, -- not valid after this
    revoked    SMALLINT NOT NULL
);
CREATE INDEX global_record_timeout ON global_record (timeout_ms) WHERE revoked = 0;
