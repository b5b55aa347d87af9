-- What a source gave in its last complete run and since, in tables that several sources feed: bitmaps of rids, 65,536 rids a chunk.
CREATE TABLE given (
    feed integer NOT NULL,
    source integer NOT NULL,
    chunk bigint NOT NULL,
    rids bytea NOT NULL,
    PRIMARY KEY (feed, source, chunk)
);
-- Takeovers: what `source` holds and `taker` gives is the taker's.
CREATE TABLE yields (
    feed integer NOT NULL,
    source integer NOT NULL,
    taker integer NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (feed, source)
);

-- conflict: 3 = another content in a record that another source holds.
CREATE INDEX quarantine_rival ON quarantine (feed) WHERE conflict = 3;
