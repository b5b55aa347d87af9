-- What a source gave in its last complete run and since, in tables that several sources feed: bitmaps of rids, 65,536 rids a chunk.
CREATE TABLE given (
    feed INTEGER NOT NULL, source INTEGER NOT NULL, chunk INTEGER NOT NULL, rids BLOB NOT NULL, PRIMARY KEY (feed, source, chunk)
) WITHOUT ROWID;
-- Takeovers: what `source` holds and `taker` gives is the taker's.
CREATE TABLE yields (
    feed INTEGER NOT NULL, source INTEGER NOT NULL, taker INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (feed, source)
) WITHOUT ROWID;

-- conflict: 3 = another content in a record that another source holds.
CREATE INDEX quarantine_rival ON quarantine (feed) WHERE conflict = 3;
