-- Who and what is reachable in this domain: hyperties and runtimes (kind 0) and data objects (kind 1).
CREATE TABLE registration (
    kind        SMALLINT NOT NULL,
    url         TEXT     NOT NULL,
    owner       TEXT     NOT NULL, -- the user of a hyperty; the reporter of a data object
    label       TEXT     NOT NULL, -- the e-mail of that user; the name of the object
    guid        TEXT,
    status      TEXT     NOT NULL,
    live        SMALLINT NOT NULL, -- 0: written down as disconnected
    expires_s   INTEGER  NOT NULL,
    started_ms  BIGINT   NOT NULL, -- since 1970, as all times here
    modified_ms BIGINT   NOT NULL,
    deadline_ms BIGINT   NOT NULL, -- disconnected after this, whatever the status says
    members     TEXT     NOT NULL, -- the other members, as a JSON object
    PRIMARY KEY (kind, url)
);
CREATE INDEX registration_owner ON registration (kind, owner);
-- Any number of objects may have one name: the newest are found without looking at all of them.
CREATE INDEX registration_label ON registration (kind, label, modified_ms);
CREATE INDEX registration_guid ON registration (guid) WHERE guid IS NOT NULL;
CREATE INDEX registration_due ON registration (deadline_ms) WHERE live = 1;
CREATE INDEX registration_gone ON registration (modified_ms) WHERE live = 0;
