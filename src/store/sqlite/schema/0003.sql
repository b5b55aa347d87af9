-- Where producers of pushed rows stand. snapshot: the run of the complete snapshot that the producer has under way.
CREATE TABLE pushed (
    feed INTEGER NOT NULL,
    source INTEGER NOT NULL,
    producer TEXT NOT NULL,
    position INTEGER NOT NULL DEFAULT 0,
    snapshot INTEGER,
    PRIMARY KEY (feed, source, producer)
) WITHOUT ROWID;
