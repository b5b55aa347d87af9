-- Batches in flight, a row each: row ids of the members, those among them whose newest version is another one (bitmaps), and the
-- members themselves in wire order. They replace a row a member.
CREATE TABLE flight (
    batch bigint PRIMARY KEY,
    upstream integer NOT NULL,
    feed integer NOT NULL,
    rids bytea NOT NULL,
    overtaken bytea NOT NULL,
    members bytea NOT NULL
);
CREATE INDEX flight_of ON flight (upstream, feed);
-- They are random but for a little.
ALTER TABLE flight ALTER COLUMN members SET STORAGE EXTERNAL;

-- What an upstream holds: bitmaps of 65,536 numbers. kind: 0 = row ids of records that it holds in some version, 1 = seqs that it has
-- stored. They replace a row a record.
CREATE TABLE held (
    upstream integer NOT NULL,
    feed integer NOT NULL,
    kind integer NOT NULL,
    chunk bigint NOT NULL,
    bits bytea NOT NULL,
    PRIMARY KEY (upstream, feed, kind, chunk)
) WITH (fillfactor = 50);

-- With it live rows can be counted without reading them.
CREATE INDEX feed_gone ON feed (feed, seq) WHERE op = 1;
