-- Batches in flight, a row each: row ids of the members, those among them whose newest version is another one (bitmaps), and the
-- members themselves in wire order. They replace a row a member.
CREATE TABLE flight (
    batch INTEGER PRIMARY KEY,
    upstream INTEGER NOT NULL,
    feed INTEGER NOT NULL,
    rids BLOB NOT NULL,
    overtaken BLOB NOT NULL,
    members BLOB NOT NULL
);
CREATE INDEX flight_of ON flight (upstream, feed);

-- What an upstream holds: bitmaps of 65,536 numbers. kind: 0 = row ids of records that it holds in some version, 1 = seqs that it has
-- stored. They replace a row a record.
CREATE TABLE held (
    upstream INTEGER NOT NULL,
    feed INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    chunk INTEGER NOT NULL,
    bits BLOB NOT NULL,
    PRIMARY KEY (upstream, feed, kind, chunk)
) WITHOUT ROWID;

-- With it live rows can be counted without reading them.
CREATE INDEX feed_gone ON feed (feed, seq) WHERE op = 1;
