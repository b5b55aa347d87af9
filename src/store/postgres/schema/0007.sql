-- What a source showed when it was last read well: names and types of its columns, and hashes and forms of sampled values. noted: a
-- change that paused nothing, and when it was seen.
CREATE TABLE shape (
    feed integer NOT NULL,
    source integer NOT NULL,
    mapping bytea NOT NULL,
    digest bytea NOT NULL,
    body text NOT NULL,
    zh text,
    en text,
    noted bigint,
    PRIMARY KEY (feed, source)
);
-- Tables that pause for a source, because it shows something else than before. records: live records of the source when it began.
CREATE TABLE paused (
    feed integer NOT NULL,
    source integer NOT NULL,
    mapping bytea NOT NULL,
    digest bytea NOT NULL,
    body text NOT NULL,
    records bigint NOT NULL,
    since bigint NOT NULL,
    accepted bytea,
    PRIMARY KEY (feed, source)
);
-- A digest of what the source showed to the run.
ALTER TABLE run ADD COLUMN shape bytea;
