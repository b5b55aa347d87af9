CREATE TABLE IF NOT EXISTS stream_school (
    school TEXT PRIMARY KEY,
    instance TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    edition TEXT NOT NULL,
    software TEXT NOT NULL,
    opened INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    health TEXT
) WITHOUT ROWID;
-- Verdicts on batches, until the hub says that it has them.
CREATE TABLE IF NOT EXISTS stream_batch (
    school TEXT NOT NULL,
    instance TEXT NOT NULL,
    id INTEGER NOT NULL,
    digest BLOB NOT NULL,
    visible INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    PRIMARY KEY (school, instance, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stream_position (
    school TEXT NOT NULL,
    tbl TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (school, tbl)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS held_school ON held (tbl, school);
