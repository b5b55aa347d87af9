-- What a source showed when it was last read well: names and types of its columns, and hashes and forms of sampled values. noted: a
-- change that paused nothing, and when it was seen.
CREATE TABLE shape (
    feed INTEGER NOT NULL,
    source INTEGER NOT NULL,
    mapping BLOB NOT NULL,
    digest BLOB NOT NULL,
    body TEXT NOT NULL,
    zh TEXT,
    en TEXT,
    noted INTEGER,
    PRIMARY KEY (feed, source)
) WITHOUT ROWID;
-- Tables that pause for a source, because it shows something else than before. records: live records of the source when it began.
CREATE TABLE paused (
    feed INTEGER NOT NULL,
    source INTEGER NOT NULL,
    mapping BLOB NOT NULL,
    digest BLOB NOT NULL,
    body TEXT NOT NULL,
    records INTEGER NOT NULL,
    since INTEGER NOT NULL,
    accepted BLOB,
    PRIMARY KEY (feed, source)
) WITHOUT ROWID;
-- A digest of what the source showed to the run.
ALTER TABLE run ADD COLUMN shape BLOB;
