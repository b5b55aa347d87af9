-- Record keys and the natural keys that hold them: only of feeds with adopted keys, and there of every record, for a minted key
-- cannot meet another minted one. A tombstone holds its key.
CREATE TABLE record_key (feed INTEGER NOT NULL, key TEXT NOT NULL, nk BLOB NOT NULL, PRIMARY KEY (feed, key)) WITHOUT ROWID;
ALTER TABLE feeds ADD COLUMN adopts INTEGER NOT NULL DEFAULT 0;

-- conflict: 1 = a key with several contents, 2 = a record key that another natural key holds.
CREATE INDEX quarantine_collision ON quarantine (feed) WHERE conflict = 2;
